//! Keys of containerlab.

use hallway_spec::problem::{Required, ValueProblem};
use hallway_spec::{Value, nearest};

use crate::findings::Findings;

/// Keys of a node of hallway's own beside those of containerlab.
const OURS: &str = "x-hallway";

/// Keys of a node, of a kind, of a group and of the defaults.
const NODE: &[&str] = &[
    "aliases",
    "auto-remove",
    "binds",
    "cap-add",
    "certificate",
    "cmd",
    "components",
    "config",
    "cpu",
    "cpu-set",
    "credentials",
    "devices",
    "dns",
    "enforce-startup-config",
    "entrypoint",
    "env",
    "env-files",
    "exec",
    "extras",
    "group",
    "healthcheck",
    "image",
    "image-pull-policy",
    "kernel",
    "kind",
    "labels",
    "license",
    "memory",
    "mgmt-ipv4",
    "mgmt-ipv6",
    "mgmt_ipv4",
    "mgmt_ipv6",
    "network-mode",
    "ports",
    "position",
    "publish",
    "restart-policy",
    "runtime",
    "sandbox",
    "shm-size",
    "stages",
    "startup-config",
    "startup-delay",
    "suppress-startup-config",
    "sysctls",
    "type",
    "user",
    "wait-for",
    OURS,
];

/// Keys of a link.
const LINK: &[&str] = &[
    "dst-port",
    "endpoint",
    "endpoints",
    "host-interface",
    "labels",
    "mode",
    "mtu",
    "remote",
    "src-port",
    "type",
    "udp-port",
    "vars",
    "vni",
];

/// Keys of an endpoint.
const ENDPOINT: &[&str] = &["interface", "ipv4", "ipv6", "mac", "node", "vars"];

/// Reports the keys that are not in `used`: those of containerlab are ignored, others may be misspelt.
fn unused(value: &Value, known: &[&str], used: &[&str], of: &str, findings: &mut Findings) {
    for entry in value.entries() {
        let key = entry.key.as_str();
        if used.contains(&key) {
            continue;
        }
        let meant = nearest(key, known.iter().copied()).filter(|_| !known.contains(&key));
        match meant {
            Some(meant) => {
                let line = entry.place.line;
                findings.note(format!(
                    "line {line}: {key}{of} is ignored; did you mean {meant}?"
                ));
            }
            None => findings.ignore(format!("{key}{of}")),
        }
    }
}

/// Reports the keys of a node that are not used here.
pub(super) fn of_node(value: &Value, findings: &mut Findings) {
    const USED: [&str; 9] = [
        "kind",
        "group",
        "env",
        "sysctls",
        "dns",
        "exec",
        "cmd",
        "entrypoint",
        OURS,
    ];
    unused(value, NODE, &USED, "", findings);
}

/// Reports the keys of a link that are not used here.
pub(super) fn of_link(value: &Value, used: &[&str], findings: &mut Findings) {
    unused(value, LINK, used, " of links", findings);
}

/// Reports that a link has no endpoints, or the key that probably stands for them.
pub(super) fn endpoints_are_missing(value: &Value, findings: &mut Findings) {
    let meant = |key: &str| nearest(key, ["endpoints"].into_iter());
    let unknown = |key: &str| !LINK.contains(&key) && meant(key).is_some();
    let misspelt = value.entries().iter().find(|e| unknown(&e.key));
    match misspelt {
        Some(entry) => {
            let kind = ValueProblem::UnknownKey {
                key: entry.key.clone(),
                path: value.place.key.clone(),
                nearest: Some("endpoints"),
                known: LINK,
            };
            findings.problem(&entry.place, kind);
        }
        None => findings.problem(
            &value.place,
            ValueProblem::Missing(Required::EndpointsOfLab),
        ),
    }
}

/// Reports the keys of an endpoint that are not used here.
pub(super) fn of_endpoint(value: &Value, findings: &mut Findings) {
    const USED: [&str; 5] = ["node", "interface", "mac", "ipv4", "ipv6"];
    unused(value, ENDPOINT, &USED, " of endpoints", findings);
}
