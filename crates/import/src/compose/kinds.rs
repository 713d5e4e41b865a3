//! Values of a service whose texts Compose refuses, and values that contradict each other.

use hallway_spec::{Entry, Value};

use crate::findings::Findings;

/// Reports them.
pub(super) fn check(service: &Entry, findings: &mut Findings) {
    let given = |key: &str| service.value.get(key);
    if let Some(hosts) = given("extra_hosts") {
        extra_hosts(hosts, findings);
    }
    if let Some(check) = given("healthcheck") {
        healthcheck(check, findings);
    }
    if let Some(restart) = given("restart") {
        restart_policy(restart, findings);
    }
    if let Some(mode) = given("network_mode").filter(|m| m.text() != Some(""))
        && let Some(networks) = given("networks")
    {
        let what = format!(
            "networks beside network_mode: {}",
            mode.text().unwrap_or("")
        );
        let instead = "remove one of the two";
        findings.not_supported(&networks.place, what, instead);
    }
}

/// Items of a list have a name and an address.
fn extra_hosts(hosts: &Value, findings: &mut Findings) {
    if !hosts.is_list() {
        return;
    }
    for item in hosts.items() {
        if item.text().is_some_and(|t| !t.contains(['=', ':'])) {
            findings.unexpected(item, "a name and an address, like \"api=10.0.0.9\"");
        }
    }
}

fn restart_policy(restart: &Value, findings: &mut Findings) {
    let Some(text) = restart.text() else { return };
    let (policy, count) = text
        .split_once(':')
        .map_or((text, None), |(p, c)| (p, Some(c)));
    let counted = count.is_none_or(|c| policy == "on-failure" && c.parse::<u32>().is_ok());
    let known = ["", "no", "false", "always", "on-failure", "unless-stopped"];
    if !known.contains(&policy) || !counted {
        findings.unexpected(restart, "no, always, on-failure or unless-stopped");
    } else if count.is_some() {
        findings.note(format!(
            "restart {text}: hallway does not limit how often a program is started again"
        ));
    }
}

/// A test that is a list begins with how it is run.
fn healthcheck(check: &Value, findings: &mut Findings) {
    const TEST: &str = "a line for a shell, or a list that begins with CMD, CMD-SHELL or NONE";
    if let Some(test) = check.get("test").filter(|test| test.is_list()) {
        let first = test.items().first().and_then(Value::text);
        if !first.is_some_and(|f| ["CMD", "CMD-SHELL", "NONE"].contains(&f)) {
            findings.unexpected(test, TEST);
        }
    }
}
