//! `nodes:`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::reader::{At, Fields, Reader};
use super::{bandwidth, interface, named};
use crate::{
    Attachment, Code, Command, IpVersion, Name, Node, PortProto, Problem, Publish, PublishText,
    Restart, StaticRoute,
};

pub(crate) const KEYS: &[&str] = &[
    "networks",
    "ports",
    "command",
    "ready",
    "environment",
    "working_dir",
    "restart",
    "depends_on",
    "dns",
    "routes",
    "forwarding",
];
pub(crate) const ATTACHMENT_KEYS: &[&str] = &["address", "mac", "interface", "bandwidth"];
pub(crate) const PORT_KEYS: &[&str] = &["target", "published", "host_ip", "protocol"];
pub(crate) const ROUTE_KEYS: &[&str] = &["to", "via"];

pub(super) fn read(r: &mut Reader<'_>, at: &At) -> Vec<Node> {
    named(r, at, "nodes")
        .into_iter()
        .map(|(name, place, at)| {
            let fields = r.fields(&at, Some(KEYS), "a mapping");
            let mut node = bare(name, place);
            fill(r, &at, &fields, &mut node);
            node
        })
        .collect()
}

/// A node of which only the name is known.
pub(super) fn bare(name: Name, place: crate::Place) -> Node {
    Node {
        name,
        attachments: Vec::new(),
        ports: Vec::new(),
        routes: Vec::new(),
        forwarding: false,
        dns: Vec::new(),
        command: None,
        ready: Vec::new(),
        environment: BTreeMap::new(),
        working_dir: None,
        restart: Restart::No,
        depends_on: Vec::new(),
        place,
    }
}

fn fill(r: &mut Reader<'_>, at: &At, fields: &Fields, node: &mut Node) {
    let field = |key: &str| {
        fields.get(key).map(|id| At {
            id,
            path: format!("{}.{key}", at.path),
        })
    };
    let items = |r: &Reader<'_>, key: &str| field(key).map(|at| r.items(&at)).unwrap_or_default();
    node.attachments = field("networks")
        .map(|at| attachments(r, &at))
        .unwrap_or_default();
    for item in items(r, "ports") {
        node.ports.extend(publish(r, &item));
    }
    for item in items(r, "routes") {
        node.routes.extend(route(r, &item));
    }
    node.forwarding = field("forwarding")
        .and_then(|at| r.boolean(&at))
        .unwrap_or(false);
    for item in items(r, "dns") {
        node.dns
            .extend(r.value::<IpAddr>(&item, "the address of a name server"));
    }
    node.command = field("command").and_then(|at| command(r, &at));
    for item in items(r, "ready") {
        node.ready
            .extend(r.checked::<PortProto>(&item, "a port like 80/tcp", Code::BadValue));
    }
    node.environment = field("environment")
        .map(|at| environment(r, &at))
        .unwrap_or_default();
    node.working_dir = field("working_dir").and_then(|at| r.text(&at, "a directory"));
    node.restart = field("restart")
        .and_then(|at| restart(r, &at))
        .unwrap_or_default();
    node.depends_on = field("depends_on")
        .map(|at| depends_on(r, &at))
        .unwrap_or_default();
}

fn attachments(r: &mut Reader<'_>, at: &At) -> Vec<Attachment> {
    let mut out: Vec<Attachment> = Vec::new();
    if r.is_map(at.id) {
        let fields = r.fields(at, None, "a list or mapping of networks");
        for field in fields.0 {
            let here = At {
                id: field.value,
                path: format!("{}.{}", at.path, field.name),
            };
            match field.name.parse::<Name>() {
                Ok(network) => out.push(attachment(r, &here, network, field.key_place)),
                Err(e) => r.report(Problem::new(Code::BadName, &field.key_place, e.to_string())),
            }
        }
        return out;
    }
    for item in r.items(at) {
        let Some(network) = r.checked::<Name>(&item, "a network's name", Code::BadName) else {
            continue;
        };
        let place = r.place(&item);
        if let Some(first) = out.iter().find(|a| a.network == network) {
            let problem = Problem::new(
                Code::DuplicateKey,
                &place,
                format!("network {network} is listed twice"),
            )
            .other(&first.place, "first here");
            r.report(problem);
            continue;
        }
        out.push(Attachment {
            network,
            addresses: Vec::new(),
            mac: None,
            interface: None,
            bandwidth: None,
            place,
        });
    }
    out
}

fn attachment(r: &mut Reader<'_>, at: &At, network: Name, place: crate::Place) -> Attachment {
    let fields = r.fields(at, Some(ATTACHMENT_KEYS), "a mapping, or nothing");
    let field = |key: &str| {
        fields.get(key).map(|id| At {
            id,
            path: format!("{}.{key}", at.path),
        })
    };
    let mut out = Attachment {
        network,
        addresses: Vec::new(),
        mac: None,
        interface: None,
        bandwidth: None,
        place,
    };
    if let Some(at) = field("address") {
        out.place = crate::Place {
            key: out.place.key.clone(),
            ..r.place(&at)
        };
        for item in r.items(&at) {
            let Some(address) = r.value::<IpAddr>(&item, "an address like 10.10.0.5") else {
                continue;
            };
            let version = IpVersion::of(address);
            if out.addresses.iter().any(|a| IpVersion::of(*a) == version) {
                r.wrong(&item, "one address of each family at most");
            } else {
                out.addresses.push(address);
            }
        }
    }
    out.mac = field("mac").and_then(|at| r.checked(&at, "a MAC address", Code::BadValue));
    out.interface = field("interface").and_then(|at| interface(r, &at));
    out.bandwidth = field("bandwidth").and_then(|at| bandwidth(r, &at));
    out
}

fn publish(r: &mut Reader<'_>, at: &At) -> Option<Publish> {
    let place = r.place(at);
    let text = if r.is_map(at.id) {
        let fields = r.fields(at, Some(PORT_KEYS), "a port");
        let mut field = |key: &str| {
            let at = At {
                id: fields.get(key)?,
                path: format!("{}.{key}", at.path),
            };
            r.text(&at, "a value")
        };
        let (target, published, host_ip, protocol) = (
            field("target"),
            field("published"),
            field("host_ip"),
            field("protocol"),
        );
        let target = target.or_else(|| {
            r.report(Problem::new(
                Code::Missing,
                &place,
                "a published port needs a target, the port in the node",
            ));
            None
        })?;
        let host = host_ip.map(|ip| format!("[{ip}]:")).unwrap_or_default();
        let published = published.unwrap_or_else(|| target.clone());
        format!(
            "{host}{published}:{target}/{}",
            protocol.as_deref().unwrap_or("tcp")
        )
    } else {
        r.text(at, "a port like 8080:80")?
    };
    match text.parse::<PublishText>() {
        Ok(p) => Some(Publish {
            host_address: p.host_address,
            host_ports: p.host_ports,
            node_ports: p.node_ports,
            protocol: p.protocol,
            place,
        }),
        Err(e) => {
            r.report(Problem::new(Code::BadValue, &place, e.to_string()).help(
                "write [ip:]host-port[-range]:node-port[-range][/tcp|udp], like \"8080:80\"",
            ));
            None
        }
    }
}

fn route(r: &mut Reader<'_>, at: &At) -> Option<StaticRoute> {
    let fields = r.fields(at, Some(ROUTE_KEYS), "a mapping with to and via");
    let place = r.place(at);
    let mut need = |key: &str| {
        let id = fields.get(key);
        if id.is_none() {
            r.report(Problem::new(
                Code::Missing,
                &place,
                format!("a route needs {key}"),
            ));
        }
        id.map(|id| At {
            id,
            path: format!("{}.{key}", at.path),
        })
    };
    let (to, via) = (need("to")?, need("via")?);
    let text = r.text(&to, "a prefix like 10.0.0.0/8, or default")?;
    let via: IpAddr = r.value(&via, "the next hop's address")?;
    let to = match (text.as_str(), via) {
        ("default", IpAddr::V4(_)) => "0.0.0.0/0".parse().ok(),
        ("default", IpAddr::V6(_)) => "::/0".parse().ok(),
        (text, _) => text
            .parse()
            .ok()
            .or_else(|| text.parse::<IpAddr>().ok().map(Into::into)),
    };
    let Some(to) = to.map(|n: ipnet::IpNet| n.trunc()) else {
        r.wrong(
            &At {
                id: fields.get("to")?,
                path: format!("{}.to", at.path),
            },
            "a prefix like 10.0.0.0/8, or default",
        );
        return None;
    };
    Some(StaticRoute { to, via, place })
}

fn command(r: &mut Reader<'_>, at: &At) -> Option<Command> {
    let made = if r.is_list(at.id) {
        let words = r
            .items(at)
            .iter()
            .map(|item| scalar(r, item))
            .collect::<Option<Vec<_>>>()?;
        Command::new(words)
    } else {
        Command::split(&r.text(at, "a program with arguments")?)
    };
    made.map_err(|message| {
        let place = r.place(at);
        r.report(Problem::new(Code::BadValue, &place, message));
    })
    .ok()
}

/// An argument may be an empty string.
fn scalar(r: &mut Reader<'_>, at: &At) -> Option<String> {
    r.text_or_empty(at, "a word")
}

fn environment(r: &mut Reader<'_>, at: &At) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut add = |r: &mut Reader<'_>, at: &At, name: &str, value: String| {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            r.wrong(at, "a variable with a name");
        } else {
            out.insert(name.to_owned(), value);
        }
    };
    if r.is_map(at.id) {
        for field in r.fields(at, None, "a mapping of variables").0 {
            let here = At {
                id: field.value,
                path: format!("{}.{}", at.path, field.name),
            };
            if let Some(value) = scalar(r, &here) {
                add(r, &here, &field.name, value);
            }
        }
    } else {
        for item in r.items(at) {
            let Some(text) = r.text(&item, "NAME=value") else {
                continue;
            };
            match text.split_once('=') {
                Some((name, value)) => add(r, &item, name, value.to_owned()),
                None => r.wrong(&item, "NAME=value"),
            }
        }
    }
    out
}

fn restart(r: &mut Reader<'_>, at: &At) -> Option<Restart> {
    const EXPECTED: &str = "no, on-failure, always or unless-stopped";
    match r.text(at, EXPECTED)?.as_str() {
        "no" | "false" => Some(Restart::No),
        "on-failure" => Some(Restart::OnFailure),
        "always" => Some(Restart::Always),
        "unless-stopped" => Some(Restart::UnlessStopped),
        _ => {
            r.wrong(at, EXPECTED);
            None
        }
    }
}

/// A list of names, or compose's mapping with conditions (which hallway decides by `ready`).
fn depends_on(r: &mut Reader<'_>, at: &At) -> Vec<Name> {
    if r.is_map(at.id) {
        let fields = r.fields(at, None, "a list of nodes");
        return fields
            .0
            .iter()
            .filter_map(|f| f.name.parse().ok())
            .collect();
    }
    r.items(at)
        .iter()
        .filter_map(|item| r.checked(item, "a node's name", Code::BadName))
        .collect()
}
