//! The kinds of values that the keys of a service have in Compose: others are errors, since their
//! content would be lost.

use hallway_spec::{Entry, Value};

use crate::findings::Findings;

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One text, number or truth value.
    Text,
    /// A list of texts.
    Texts,
    /// One text, or a list of them.
    TextOrTexts,
    /// A list of anything.
    List,
    /// A mapping of anything.
    Map,
    /// A mapping to texts, or a list of `NAME=value`.
    Pairs,
    /// The same, where a name may have a list of texts.
    Hosts,
    /// A mapping of anything, or a list of names.
    Names,
}

/// The keys of a service with their kinds.
const SERVICE: &[(&[&str], Kind, &str)] = &[
    (
        &[
            "cgroup_parent",
            "container_name",
            "domainname",
            "hostname",
            "image",
            "ipc",
            "mac_address",
            "network_mode",
            "pid",
            "platform",
            "restart",
            "scale",
            "user",
            "userns_mode",
            "working_dir",
        ],
        Kind::Text,
        "one text",
    ),
    (
        &[
            "cap_add",
            "cap_drop",
            "devices",
            "expose",
            "external_links",
            "links",
            "profiles",
            "security_opt",
        ],
        Kind::Texts,
        "a list of texts, like [a, b]",
    ),
    (
        &["command", "entrypoint"],
        Kind::TextOrTexts,
        "a text or a list of words",
    ),
    (
        &["dns", "dns_opt", "dns_search", "tmpfs"],
        Kind::TextOrTexts,
        "a text or a list of texts",
    ),
    (
        &["ports"],
        Kind::List,
        "a list of ports, like [\"8080:80\"]",
    ),
    (&["volumes", "configs", "secrets"], Kind::List, "a list"),
    (
        &["deploy", "healthcheck", "logging", "ulimits"],
        Kind::Map,
        "a mapping",
    ),
    (
        &["environment", "labels", "annotations", "sysctls"],
        Kind::Pairs,
        "a mapping from names to texts, or a list like [NAME=value]",
    ),
    (
        &["extra_hosts"],
        Kind::Hosts,
        "a mapping from names to addresses, or a list like [\"api=10.0.0.9\"]",
    ),
    (
        &["depends_on"],
        Kind::Names,
        "a list or a mapping of services",
    ),
];

/// Reports values of a service that are of another kind, or that contradict each other.
pub(super) fn check(service: &Entry, findings: &mut Findings) {
    for (keys, kind, expected) in SERVICE {
        for key in *keys {
            if let Some(value) = service.value.get(key) {
                kind.check(value, expected, findings);
            }
        }
    }
    let given = |key: &str| service.value.get(key);
    for attached in given("networks").iter().flat_map(|n| n.entries()) {
        if let Some(aliases) = attached.value.get("aliases") {
            Kind::Texts.check(aliases, "a list of names, like [web]", findings);
        }
    }
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

impl Kind {
    fn check(self, value: &Value, expected: &'static str, findings: &mut Findings) {
        let scalar = |value: &Value| !value.is_map() && !value.is_list();
        let fits = match self {
            Self::Text => scalar(value),
            Self::Texts | Self::List => value.is_list(),
            Self::TextOrTexts => !value.is_map(),
            Self::Map => value.is_map(),
            // Lists with other items than texts have been left as they are.
            Self::Pairs | Self::Hosts | Self::Names => value.is_map() || value.is_list(),
        };
        if !fits {
            return findings.unexpected(value, expected);
        }
        if value.is_list() && self != Self::List {
            let mut others = value.items().iter().filter(|item| !scalar(item));
            if let Some(item) = others.next() {
                findings.unexpected(item, "a text");
            }
        }
        if self == Self::Pairs {
            let entries = value.entries().iter();
            for entry in entries.filter(|e| !scalar(&e.value)) {
                findings.unexpected(&entry.value, "a text");
            }
        }
        if self == Self::Hosts {
            for entry in value.entries() {
                Self::TextOrTexts.check(&entry.value, "an address, or a list of them", findings);
            }
        }
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

/// A test that is a list begins with how it is run; times have a unit.
fn healthcheck(check: &Value, findings: &mut Findings) {
    const TEST: &str = "a line for a shell, or a list that begins with CMD, CMD-SHELL or NONE";
    if let Some(test) = check.get("test") {
        let first = test.items().first().and_then(Value::text);
        let known = first.is_some_and(|f| ["CMD", "CMD-SHELL", "NONE"].contains(&f));
        if test.is_map() || test.is_list() && !known {
            findings.unexpected(test, TEST);
        }
    }
    for key in ["interval", "timeout", "start_period", "start_interval"] {
        if let Some(time) = check.get(key)
            && !time.text().is_some_and(is_time)
        {
            findings.unexpected(time, "a time with its unit, like 10s, 1m30s or 500ms");
        }
    }
    if let Some(retries) = check.get("retries")
        && retries.text().is_none_or(|t| t.parse::<u32>().is_err())
    {
        findings.unexpected(retries, "a number of failures");
    }
}

/// Whether it is a time as Compose reads it: numbers, each with a unit; 0 needs none.
fn is_time(text: &str) -> bool {
    const UNITS: [&str; 8] = ["ns", "us", "ms", "s", "m", "h", "d", "w"];
    let mut rest = text.trim();
    if rest == "0" {
        return true;
    }
    while !rest.is_empty() {
        let digits = |c: char| c.is_ascii_digit() || c == '.';
        let number = rest.find(|c: char| !digits(c)).unwrap_or(rest.len());
        let (number, after) = rest.split_at(number);
        let unit = after.find(digits).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        if number.parse::<f64>().is_err() || !UNITS.contains(&unit) {
            return false;
        }
        rest = after;
    }
    !text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of the values of a service that are refused.
    fn refused(text: &str) -> Vec<String> {
        let file = Value::read(&format!("a: {{ {text} }}\n")).unwrap();
        let mut findings = Findings::default();
        check(&file.entries()[0], &mut findings);
        let places = findings.problems.iter().map(|p| p.place.key.clone());
        places.collect()
    }

    #[test]
    fn values_of_another_kind_are_refused() {
        for (text, path) in [
            ("environment: 3", "a.environment"),
            ("environment: { X: { a: b } }", "a.environment.X"),
            ("environment: [{ A: b }]", "a.environment[0]"),
            ("command: { a: b }", "a.command"),
            ("extra_hosts: [foo]", "a.extra_hosts[0]"),
            ("healthcheck: { test: [curl] }", "a.healthcheck.test"),
            (
                "healthcheck: { test: a, interval: 5 }",
                "a.healthcheck.interval",
            ),
            (
                "healthcheck: { test: a, interval: 5 parsecs }",
                "a.healthcheck.interval",
            ),
            ("networks: { x: }, network_mode: host", "a.networks"),
            ("restart: sometimes", "a.restart"),
            ("restart: always:3", "a.restart"),
            ("ports: \"80:80\"", "a.ports"),
            ("expose: 90", "a.expose"),
            ("networks: { x: { aliases: web } }", "a.networks.x.aliases"),
            ("hostname: [a]", "a.hostname"),
        ] {
            assert_eq!(refused(text), [path], "{text}");
        }
    }

    #[test]
    fn values_of_composes_kinds_are_accepted() {
        for text in [
            "environment: { X: 1, Y: true, Z: }",
            "command: [sleep, 5], entrypoint: sh",
            "extra_hosts: { api: 10.0.0.9, both: [10.0.0.8, \"::1\"] }",
            "extra_hosts: [\"api:10.0.0.9\", \"six=::1\"]",
            "healthcheck: { test: curl x, interval: 1m30s, timeout: 0.5s, start_period: 0, retries: 3 }",
            "healthcheck: { test: [CMD, curl], interval: 1h5m }",
            "healthcheck: { disable: true }",
            "networks: { x: }, network_mode: \"\"",
            "restart: \"on-failure:5\"",
            "restart: \"no\"",
            "ports: [80, { target: 80 }], expose: [90]",
            "deploy: { replicas: 2 }, dns: 1.1.1.1",
        ] {
            assert_eq!(refused(text), [""; 0], "{text}");
        }
    }
}
