//! A hallway file as a Compose file. Values for which Compose has no key are under `x-hallway`, so
//! that the file has the same meaning when it is read again.

use hallway_spec::{Entry, Place, PortText, Problem, Value, ValueKind};

use crate::compose::may_fail_unless_said;
use crate::entries::Entries;
use crate::render::render;

/// An image for services, since Compose requires one.
const IMAGE: &str = "alpine";

/// Keys of a node that Compose also has.
const SAME: [&str; 12] = [
    "command",
    "depends_on",
    "dns",
    "dns_search",
    "environment",
    "extra_hosts",
    "healthcheck",
    "hostname",
    "ports",
    "restart",
    "user",
    "working_dir",
];

/// The Compose file for a hallway file.
///
/// # Errors
/// When the text is not YAML.
pub fn export(text: &str) -> Result<String, Vec<Problem>> {
    let file = Value::read(text)?;
    let place = &file.place;
    let (mut out, mut ours) = (Entries::default(), Entries::default());
    for entry in file.entries() {
        match entry.key.as_str() {
            "name" => out.text("name", &entry.value),
            "nodes" => out.set("services", place, each(&entry.value, service)),
            "networks" => out.set("networks", place, each(&entry.value, network)),
            key if key.starts_with("x-") => {}
            key => ours.set(key, place, entry.value.clone()),
        }
    }
    if !ours.0.is_empty() {
        out.set("x-hallway", place, ours.into_map(place));
    }
    let mut whole = out.into_map(place);
    escape(&mut whole);
    Ok(render(&whole))
}

/// Escapes each `$`, so that Compose does not read it as a variable.
fn escape(value: &mut Value) {
    match &mut value.kind {
        ValueKind::Scalar { text, .. } => *text = text.replace('$', "$$"),
        ValueKind::List(items) => items.iter_mut().for_each(escape),
        ValueKind::Map(entries) => entries.iter_mut().for_each(|e| escape(&mut e.value)),
    }
}

/// A mapping whose values are translated.
fn each(section: &Value, translate: fn(&Value) -> Value) -> Value {
    let entry = |e: &Entry| Entry {
        value: translate(&e.value),
        ..e.clone()
    };
    Value::of_map(
        &section.place,
        section.entries().iter().map(entry).collect(),
    )
}

fn service(node: &Value) -> Value {
    let place = &node.place;
    let (mut out, mut ours) = (Entries::default(), Entries::default());
    out.set("image", place, Value::of_text(place, IMAGE));
    if node.get("networks").is_none_or(|n| n.items().is_empty()) {
        out.set("network_mode", place, Value::of_text(place, "none"));
    }
    for entry in node.entries().iter().filter(|e| !e.value.is_null()) {
        match entry.key.as_str() {
            "networks" => out.set("networks", place, networks(&entry.value)),
            "namespace" => {
                let text = entry.value.text().unwrap_or_default();
                match text.strip_prefix("node:") {
                    Some(owner) => {
                        let mode = Value::of_text(&entry.value.place, format!("service:{owner}"));
                        out.set("network_mode", place, mode);
                    }
                    // Compose joins no namespace beside networks.
                    None => ours.set("namespace", place, entry.value.clone()),
                }
            }
            "forwarding" if entry.value.text() == Some("true") => {
                let setting = Value::of_text(place, "net.ipv4.ip_forward=1");
                out.list("sysctls", place, vec![setting]);
            }
            // Its program is run here whether or not Compose's image contains it.
            "command" => {
                out.set("command", place, entry.value.clone());
                ours.set("command", place, entry.value.clone());
            }
            key if SAME.contains(&key) => {
                let value = match key {
                    "ports" => ports(&entry.value),
                    "depends_on" => list(&entry.value),
                    _ => entry.value.clone(),
                };
                out.set(key, place, value);
            }
            key => ours.set(key, place, entry.value.clone()),
        }
    }
    if let Some(user) = node.get("user") {
        ours.set("user", place, user.clone());
    }
    if fails_otherwise(node) {
        ours.set("may_fail", place, Value::of_plain(place, false));
    }
    with(out, ours, place)
}

/// Whether a program that must not fail may do so as a service of a Compose file without `may_fail`.
fn fails_otherwise(node: &Value) -> bool {
    let key = |key: &str| node.get(key).filter(|value| !value.is_null());
    let restart = key("restart").and_then(Value::text);
    let (ready, checked) = (key("ready").is_some(), key("healthcheck").is_some());
    key("command").is_some()
        && key("may_fail").is_none()
        && may_fail_unless_said(ready, restart, checked)
}

/// A value as a list, which is the only form in Compose.
fn list(value: &Value) -> Value {
    match value.is_map() {
        true => value.clone(),
        false => Value::of_list(&value.place, value.items().to_vec()),
    }
}

/// Published ports. Those with a name have the long form, the only one in Compose with names.
fn ports(value: &Value) -> Value {
    let each = |item: &Value| match item.text().map(str::parse::<PortText>) {
        Some(Ok(port)) => long(item, &port).unwrap_or_else(|| item.clone()),
        _ => item.clone(),
    };
    let items = match value.is_map() {
        true => std::slice::from_ref(value),
        false => value.items(),
    };
    Value::of_list(&value.place, items.iter().map(each).collect())
}

/// The long form of a port with a name.
fn long(item: &Value, port: &PortText) -> Option<Value> {
    let (place, publish) = (&item.place, &port.publish);
    let mut out = Entries::default();
    let name = port.name.as_ref()?;
    let mut set = |key: &str, text: String| out.set(key, place, Value::of_text(place, text));
    set("name", name.to_string());
    set("target", publish.node_ports.to_string());
    set("published", publish.host_ports.to_string());
    if let Some(address) = publish.host_address {
        set("host_ip", address.to_string());
    }
    set("protocol", publish.protocol.to_string());
    Some(out.into_map(place))
}

/// A node's networks.
fn networks(value: &Value) -> Value {
    if !value.is_map() {
        return list(value);
    }
    each(value, |attachment| {
        let place = &attachment.place;
        let (mut out, mut ours) = (Entries::default(), Entries::default());
        for entry in attachment.entries().iter().filter(|e| !e.value.is_null()) {
            match entry.key.as_str() {
                "address" => {
                    for address in entry.value.items() {
                        let v6 = address.text().is_some_and(|a| a.contains(':'));
                        out.text(if v6 { "ipv6_address" } else { "ipv4_address" }, address);
                    }
                }
                "mac" => out.text("mac_address", &entry.value),
                "interface" => out.text("interface_name", &entry.value),
                "aliases" => out.set("aliases", place, list(&entry.value)),
                key => ours.set(key, place, entry.value.clone()),
            }
        }
        with(out, ours, place)
    })
}

fn network(value: &Value) -> Value {
    let place = &value.place;
    let (mut out, mut ours) = (Entries::default(), Entries::default());
    let items = |key: &str| value.get(key).map(Value::items).unwrap_or_default();
    let mut configs = Vec::new();
    for subnet in items("subnet") {
        let v6 = |v: &Value| v.text().is_some_and(|t| t.contains(':'));
        let mut config = Entries::default();
        config.text("subnet", subnet);
        if let Some(gateway) = items("gateway").iter().find(|g| v6(g) == v6(subnet)) {
            config.text("gateway", gateway);
        }
        if v6(subnet) {
            out.set("enable_ipv6", place, Value::of_plain(place, true));
        }
        configs.push(config.into_map(place));
    }
    // A network with only IPv6 would get an IPv4 subnet otherwise.
    let v6 = |s: &Value| s.text().is_some_and(|t| t.contains(':'));
    if !configs.is_empty() && items("subnet").iter().all(v6) {
        out.set("enable_ipv4", place, Value::of_plain(place, false));
    }
    if !configs.is_empty() {
        let mut ipam = Entries::default();
        ipam.list("config", place, configs);
        out.set("ipam", place, ipam.into_map(place));
    }
    let mut options = Entries::default();
    for entry in value.entries().iter().filter(|e| !e.value.is_null()) {
        match entry.key.as_str() {
            "subnet" | "gateway" => {}
            "internal" => out.set("internal", place, entry.value.clone()),
            "mtu" => options.text("com.docker.network.driver.mtu", &entry.value),
            "parent" => {
                let parent = entry.value.text().unwrap_or_default();
                let vlan = value.get("vlan").and_then(Value::text);
                let link = vlan.map_or(parent.to_owned(), |id| format!("{parent}.{id}"));
                out.set("driver", place, Value::of_text(place, "macvlan"));
                options.set("parent", place, Value::of_text(place, link));
                // Docker takes any link of that name.
                if vlan.is_some() {
                    ours.set("parent", place, entry.value.clone());
                }
                // Docker takes the first address for a router.
                if value.get("gateway").is_none() {
                    ours.set("gateway", place, Value::of_list(place, Vec::new()));
                }
            }
            key => ours.set(key, place, entry.value.clone()),
        }
    }
    if !options.0.is_empty() {
        out.set("driver_opts", place, options.into_map(place));
    }
    with(out, ours, place)
}

/// A mapping with hallway's keys, if there are any.
fn with(mut out: Entries, ours: Entries, place: &Place) -> Value {
    if !ours.0.is_empty() {
        out.set("x-hallway", place, ours.into_map(place));
    }
    out.into_map(place)
}
