//! `ports:` and `port_names:` of a node.

use super::values::items;
use crate::document::{NodeKeys, PortKeys};
use crate::problem::{NameProblem, Required, ValueProblem};
use crate::reader::{At, Reader};
use crate::{NamedPort, Node, PortName, PortRange, PortText, Protocol, Publish};

/// Reads the published ports of a node, and the names of its ports.
pub(super) fn read(r: &mut Reader<'_>, keys: &NodeKeys, node: &mut Node) {
    for item in items(r, keys.ports.as_ref()) {
        let Some((publish, name)) = publish(r, &item) else {
            continue;
        };
        if let Some(name) = name {
            let named = NamedPort {
                name,
                ports: publish.node_ports,
                host_ports: Some(publish.host_ports),
                protocol: publish.protocol,
                place: publish.place.clone(),
            };
            add(r, node, named);
        }
        node.ports.push(publish);
    }
    let Some(at) = &keys.port_names else {
        return;
    };
    const EXPECTED: &str = "a mapping from names to ports, like { web: 80/tcp }";
    for field in r.fields(at, None, EXPECTED).0 {
        if field.name.starts_with("x-") {
            continue;
        }
        let value = at.key(&field.name, field.value);
        let ports = numbers(r, &value);
        match field.name.parse::<PortName>() {
            Ok(name) => {
                if let Some((ports, protocol)) = ports {
                    let named = NamedPort {
                        name,
                        ports,
                        host_ports: None,
                        protocol,
                        place: field.key_place,
                    };
                    add(r, node, named);
                }
            }
            Err(error) => {
                let mut place = field.key_place;
                place.key = value.path;
                r.report_at(&place, ValueProblem::PortName(error));
            }
        }
    }
}

/// A port or a range of ports.
fn numbers(r: &mut Reader<'_>, at: &At) -> Option<(PortRange, Protocol)> {
    const EXPECTED: &str = "a port like 80/tcp, or a range like 8000-8010/udp";
    let text = r.text(at, EXPECTED)?;
    let (range, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    match (range.parse(), protocol.parse()) {
        (Ok(range), Ok(protocol)) => Some((range, protocol)),
        _ => {
            r.unexpected(at, EXPECTED);
            None
        }
    }
}

/// Adds a name, unless it is that of another port. A port may be published several times.
fn add(r: &mut Reader<'_>, node: &mut Node, named: NamedPort) {
    let same = node.port_names.iter().find(|p| p.name == named.name);
    if let Some(first) = same
        && (first.ports, first.protocol) != (named.ports, named.protocol)
    {
        let shown = |p: &NamedPort| format!("{}/{}", p.ports, p.protocol);
        let kind = NameProblem::PortNameTwice {
            node: node.name.clone(),
            first: shown(first),
            second: shown(&named),
            place: first.place.clone(),
            name: named.name,
        };
        r.report_at(&named.place, kind);
        return;
    }
    node.port_names.push(named);
}

/// One published port, in compose's short or long syntax, and its name.
fn publish(r: &mut Reader<'_>, at: &At) -> Option<(Publish, Option<PortName>)> {
    let (text, name) = if r.is_map(at.id) {
        long(r, at)?
    } else {
        (r.text(at, "a port like 8080:80")?, None)
    };
    match text.parse::<PortText>() {
        Ok(PortText {
            name: before,
            publish: read,
        }) => {
            let publish = Publish {
                host_address: read.host_address,
                host_ports: read.host_ports,
                node_ports: read.node_ports,
                protocol: read.protocol,
                place: r.place(at),
            };
            Some((publish, name.or(before)))
        }
        Err(error) => {
            r.report(at, ValueProblem::Publish(error));
            None
        }
    }
}

const MODES: &str = "host or ingress";

/// The long syntax, written as the short one, and the name.
fn long(r: &mut Reader<'_>, at: &At) -> Option<(String, Option<PortName>)> {
    let keys = PortKeys::read(r, at, "a port");
    let mut text = |at: Option<&At>| at.and_then(|at| r.text(at, "a value"));
    let target = text(keys.target.as_ref());
    let published = text(keys.published.as_ref());
    let host_ip = text(keys.host_ip.as_ref());
    let protocol = text(keys.protocol.as_ref());
    text(keys.app_protocol.as_ref());
    let name = keys.name.as_ref();
    let name = name.and_then(|at| r.checked::<PortName>(at, "the name of a port"));
    if let Some(at) = &keys.mode {
        let mode = r.text(at, MODES);
        if mode.is_some_and(|m| !["host", "ingress"].contains(&m.as_str())) {
            r.unexpected(at, MODES);
        }
    }
    let Some(target) = target else {
        r.report(at, ValueProblem::Missing(Required::Target));
        return None;
    };
    let host = host_ip.map(|ip| format!("[{ip}]:")).unwrap_or_default();
    let published = published.unwrap_or_else(|| target.clone());
    let protocol = protocol.unwrap_or_else(|| "tcp".into());
    Some((format!("{host}{published}:{target}/{protocol}"), name))
}
