//! Empty texts, as variables without a value leave them, which Compose takes as not set.

use hallway_spec::{Entry, Value, ValueKind};

/// Keys of a service and of its networks whose empty text means that there is none.
const KEYS: [&str; 14] = [
    "container_name",
    "dns",
    "dns_search",
    "domainname",
    "env_file",
    "hostname",
    "interface_name",
    "ipv4_address",
    "ipv6_address",
    "mac_address",
    "network_mode",
    "restart",
    "user",
    "working_dir",
];

/// A service without them.
pub(super) fn without(service: &Value) -> Value {
    let mut out = service.clone();
    remove(&mut out);
    if let Some(networks) = crate::merge::child_mut(&mut out, "networks")
        && let ValueKind::Map(entries) = &mut networks.kind
    {
        entries.iter_mut().for_each(|e| remove(&mut e.value));
    }
    out
}

fn remove(value: &mut Value) {
    let empty = |e: &Entry| KEYS.contains(&e.key.as_str()) && e.value.text() == Some("");
    if let ValueKind::Map(entries) = &mut value.kind {
        entries.retain(|e| !empty(e));
        for entry in entries {
            let of_list = KEYS.contains(&entry.key.as_str());
            if let ValueKind::List(items) = &mut entry.value.kind
                && of_list
            {
                items.retain(|item| item.text() != Some(""));
            }
        }
    }
}
