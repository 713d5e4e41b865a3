//! Names and settings of a service for which only some versions of a hallway file have keys: without
//! a key they are omitted, and reported.

use std::collections::BTreeSet;

use hallway_spec::{Entry, Section, SysctlKey, Value, is_of_loopback, turns_ipv6_on};

use super::service::Service;
use crate::entries::Entries;
use crate::findings::Findings;

/// Whether a mapping of the hallway file has a key.
pub(crate) type Has<'a> = &'a dyn Fn(Section, &str) -> bool;

/// `hostname`, `extra_hosts`, `dns_search` and `sysctls`.
pub(super) fn of_node(value: &Value, has: Has<'_>, out: &mut Entries, findings: &mut Findings) {
    let given = |key: &str| value.get(key).filter(|_| has(Section::Node, key));
    if let Some(hostname) = given("hostname")
        && !left_out(hostname.text().unwrap_or_default(), findings)
    {
        out.text("hostname", hostname);
    }
    if let Some(search) = given("dns_search") {
        // Docker's word for no domains.
        let items = search.items().iter().filter(|i| i.text() != Some("."));
        let items = items.map(|i| Value::of_text(&i.place, i.text().unwrap_or_default()));
        out.one_or_many("dns_search", &search.place, items.collect());
    }
    if let Some(hosts) = given("extra_hosts")
        && let Some(value) = extra_hosts(hosts, findings)
    {
        out.set("extra_hosts", &hosts.place, value);
    }
    for key in ["hostname", "dns_search", "extra_hosts"] {
        if value.get(key).is_some() && !has(Section::Node, key) {
            findings.ignore(key);
        }
    }
    sysctls(value.get("sysctls"), has, out, findings);
}

/// Whether it is a name that every node has for itself.
fn left_out(name: &str, findings: &mut Findings) -> bool {
    let loopback = is_of_loopback(name);
    if loopback {
        findings.note(format!(
            "the further name {name} is left out: it means each node itself"
        ));
    }
    loopback
}

/// Names with their addresses: a mapping, or a list of lines if a name has several.
fn extra_hosts(hosts: &Value, findings: &mut Findings) -> Option<Value> {
    let mut all: Vec<(String, Value)> = Vec::new();
    let mut add = |name: &str, at: &Value, address: &str| {
        let inner = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
        let address = Value::of_text(&at.place, inner.unwrap_or(address));
        let same = |(n, a): &(String, Value)| n == name && a.text() == address.text();
        if !all.iter().any(same) && !left_out(name, findings) {
            all.push((name.to_owned(), address));
        }
    };
    for entry in hosts.entries() {
        for address in entry.value.items() {
            add(&entry.key, address, address.text().unwrap_or_default());
        }
    }
    let lines = if hosts.is_map() { &[] } else { hosts.items() };
    for line in lines {
        let text = line.text().unwrap_or_default();
        if let Some((name, address)) = text.split_once(['=', ':']) {
            add(name.trim(), line, address.trim());
        }
    }
    let names: BTreeSet<&String> = all.iter().map(|(name, _)| name).collect();
    if names.len() == all.len() {
        let mut out = Entries::default();
        for (name, address) in all {
            let place = address.place.clone();
            out.set(&name, &place, address);
        }
        return (!out.0.is_empty()).then(|| out.into_map(&hosts.place));
    }
    let line = |(name, address): (String, Value)| {
        let text = format!("{name}={}", address.text().unwrap_or_default());
        Value::of_text(&address.place, text)
    };
    let lines = all.into_iter().map(line).collect();
    Some(Value::of_list(&hosts.place, lines))
}

/// Forwarding has its own key.
pub(crate) fn sysctls(
    settings: Option<&Value>,
    has: Has<'_>,
    out: &mut Entries,
    findings: &mut Findings,
) {
    const FORWARDING: [&str; 3] = [
        "net.ipv4.ip_forward",
        "net.ipv4.conf.all.forwarding",
        "net.ipv6.conf.all.forwarding",
    ];
    let mut others = Entries::default();
    for entry in settings.iter().flat_map(|s| s.entries()) {
        let at = &entry.value.place;
        if FORWARDING.contains(&entry.key.as_str()) {
            if entry.value.text() == Some("1") {
                out.set("forwarding", at, Value::of_plain(at, true));
            }
        } else if has(Section::Node, "sysctls") && is_setting(entry) {
            let text = entry.value.text().unwrap_or_default();
            others.set(&entry.key, &entry.place, Value::of_text(at, text));
        } else {
            findings.ignore(format!("sysctls {}", entry.key));
        }
    }
    if let Some(settings) = settings.filter(|_| !others.0.is_empty()) {
        out.set("sysctls", &settings.place, others.into_map(&settings.place));
    }
}

/// Whether a node of a hallway file may have the setting.
fn is_setting(entry: &Entry) -> bool {
    let text = entry.value.text().unwrap_or_default();
    entry.key.parse::<SysctlKey>().is_ok() || turns_ipv6_on(&entry.key, text)
}

/// Further names of a node of a service on a network: its aliases, its container's name, and of several nodes
/// the name of the service, or for the first one, which has that name, a name that only this one has.
pub(super) fn of_attachment(
    service: &Service,
    replica: usize,
    attached: &Value,
    has: Has<'_>,
    out: &mut Entries,
    findings: &mut Findings,
) {
    let aliases = attached.get("aliases");
    let container = service.value.get("container_name");
    let known = has(Section::Attachment, "aliases");
    for (key, value) in [("aliases", aliases), ("container_name", container)] {
        if value.is_some() && !known {
            findings.ignore(key);
        }
    }
    if !known {
        return;
    }
    let linked = service.linked.first();
    let place = aliases
        .or(container)
        .or(linked)
        .map_or(&service.place, |v| &v.place);
    let mut names: Vec<Value> = Vec::new();
    let mut add = |name: &str, at: &Value| {
        if left_out(name, findings) {
            return;
        }
        let there = names.iter().any(|n| n.text() == Some(name));
        if !there && service.nodes.get(replica).is_none_or(|n| n != name) {
            names.push(Value::of_text(&at.place, name));
        }
    };
    for alias in aliases.iter().flat_map(|a| a.items()) {
        add(alias.text().unwrap_or_default(), alias);
    }
    for name in &service.linked {
        add(name.text().unwrap_or_default(), name);
    }
    if let Some(container) = container.filter(|_| service.nodes.len() == 1) {
        add(container.text().unwrap_or_default(), container);
    }
    add(&service.name, &service.value);
    if let Some(further) = service.first.as_deref().filter(|_| replica == 0) {
        add(further, &service.value);
    }
    out.one_or_many("aliases", place, names);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str, has: Has<'_>) -> (String, Vec<String>) {
        let value = Value::read(text).unwrap();
        let (mut out, mut findings) = (Entries::default(), Findings::default());
        of_node(&value, has, &mut out, &mut findings);
        let written = crate::render::render(&out.into_map(&value.place));
        (written, findings.ignored)
    }

    const TEXT: &str = "hostname: web\nextra_hosts: [\"api:10.0.0.9\", \"six=[fd00::1]\", \"up:host-gateway\"]\ndns_search: [a.example]\nsysctls: { net.ipv4.ip_forward: 1, net.core.somaxconn: 1024, kernel.x: 1 }\n";

    #[test]
    fn keys_are_used_where_the_file_has_them() {
        let (written, ignored) = node(TEXT, &|_, _| true);
        assert_eq!(
            written,
            "hostname: web\ndns_search: a.example\nextra_hosts:\n  api: 10.0.0.9\n  six: \"fd00::1\"\n  up: host-gateway\nforwarding: true\nsysctls:\n  net.core.somaxconn: \"1024\"\n"
        );
        assert_eq!(ignored, ["sysctls kernel.x"]);
    }

    #[test]
    fn names_of_the_loopback_are_left_out() {
        let text = "hostname: localhost\nextra_hosts: { localhost: 10.0.0.9, api: 10.0.0.8 }\n";
        let value = Value::read(text).unwrap();
        let (mut out, mut findings) = (Entries::default(), Findings::default());
        of_node(&value, &|_, _| true, &mut out, &mut findings);
        let written = crate::render::render(&out.into_map(&value.place));
        assert_eq!(written, "extra_hosts:\n  api: 10.0.0.8\n");
        assert_eq!(findings.notes.len(), 1, "{:?}", findings.notes);
    }

    #[test]
    fn keys_are_named_where_the_file_has_none() {
        let (written, ignored) = node(TEXT, &|_, _| false);
        assert_eq!(written, "forwarding: true\n");
        assert_eq!(
            ignored,
            [
                "hostname",
                "dns_search",
                "extra_hosts",
                "sysctls net.core.somaxconn",
                "sysctls kernel.x"
            ]
        );
    }
}
