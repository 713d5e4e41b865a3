//! What belongs to nodes: interfaces, published ports, dependencies, routes.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::{Code, IpVersion, Name, Network, Node, Place, Problem, Publish, Topology};

pub(super) fn interfaces(topology: &Topology, problems: &mut Vec<Problem>) {
    let mut used: BTreeMap<(&Name, String), &Place> = BTreeMap::new();
    for node in &topology.nodes {
        for (position, attachment) in node.attachments.iter().enumerate() {
            let name = attachment
                .interface
                .as_ref()
                .map_or_else(|| format!("eth{position}"), ToString::to_string);
            twice(problems, &mut used, &node.name, name, &attachment.place);
        }
    }
    for end in topology.links.iter().flat_map(|l| &l.ends) {
        if let Some(name) = &end.interface {
            twice(problems, &mut used, &end.node, name.to_string(), &end.place);
        }
    }
}

fn twice<'a>(
    problems: &mut Vec<Problem>,
    used: &mut BTreeMap<(&'a Name, String), &'a Place>,
    node: &'a Name,
    name: String,
    place: &'a Place,
) {
    if let Some(first) = used.insert((node, name.clone()), place) {
        problems.push(
            Problem::new(
                Code::InterfaceInUse,
                place,
                format!("node {node} has two interfaces named {name}"),
            )
            .other(first, "first here")
            .help("name them apart with interface:"),
        );
    }
}

pub(super) fn published(topology: &Topology, problems: &mut Vec<Problem>) {
    let networks: BTreeMap<&Name, &Network> =
        topology.networks.iter().map(|n| (&n.name, n)).collect();
    let mut all: Vec<(&Publish, &Name)> = Vec::new();
    for node in &topology.nodes {
        if let Some(first) = node.ports.first() {
            problems.extend(unreachable(node, first, &networks));
        }
        for port in &node.ports {
            problems.extend(no_family(node, port, &networks));
            all.push((port, &node.name));
        }
    }
    // Only what begins before the previous range ends can overlap it.
    all.sort_by_key(|(p, _)| (p.protocol, p.host_ports.first(), p.place.offset));
    for (position, (port, node)) in all.iter().enumerate() {
        let rest = all.get(position + 1..).unwrap_or_default();
        let near = rest.iter().take_while(|(q, _)| {
            q.protocol == port.protocol && q.host_ports.overlaps(port.host_ports)
        });
        for (other, owner) in near.filter(|(q, _)| same_address(q, port)) {
            let (late, early, late_node, early_node) = if other.place.offset > port.place.offset {
                (other, port, owner, node)
            } else {
                (port, other, node, owner)
            };
            problems.push(
                Problem::new(
                    Code::PortPublishedTwice,
                    &late.place,
                    format!("host port {}/{} of node {late_node} is published by node {early_node} already", late.host_ports, late.protocol),
                )
                .label("published twice")
                .other(&early.place, format!("node {early_node} publishes {}", early.host_ports))
                .help("publish it on another port of the host, or each on one address of the host"),
            );
        }
    }
}

fn same_address(a: &Publish, b: &Publish) -> bool {
    match (a.host_address, b.host_address) {
        (Some(a), Some(b)) if !a.is_unspecified() && !b.is_unspecified() => a == b,
        (Some(a), Some(b)) => IpVersion::of(a) == IpVersion::of(b),
        _ => true,
    }
}

fn unreachable(
    node: &Node,
    port: &Publish,
    networks: &BTreeMap<&Name, &Network>,
) -> Option<Problem> {
    let on: Vec<&Network> = node
        .attachments
        .iter()
        .filter_map(|a| networks.get(&a.network).copied())
        .collect();
    let problem = |message: String| Problem::new(Code::PublishNoEffect, &port.place, message);
    if node.attachments.is_empty() {
        return Some(
            problem(format!(
                "node {} publishes a port but is on no network",
                node.name
            ))
            .help(
                "put it on a network: the host reaches nodes through networks, not through links",
            ),
        );
    }
    if on.is_empty() || on.iter().any(|n| !n.internal && !n.outside) {
        return None;
    }
    let first = on.first()?;
    let (what, help) = if on.iter().all(|n| n.outside) {
        (
            "outside",
            "nodes of an outside network are reached directly; remove ports",
        )
    } else {
        (
            "internal",
            "an internal network has no way out, so nobody could reach the port: remove internal, or put the node on another network too",
        )
    };
    Some(
        problem(format!(
            "node {} publishes a port, but all its networks are {what}",
            node.name
        ))
        .other(&first.place, format!("network {} is {what}", first.name))
        .help(help),
    )
}

/// A port on an IPv6 address of the host needs a node with an IPv6 address, and so on.
fn no_family(node: &Node, port: &Publish, networks: &BTreeMap<&Name, &Network>) -> Option<Problem> {
    let address = port.host_address?;
    let mut subnets = node
        .attachments
        .iter()
        .filter_map(|a| networks.get(&a.network))
        .flat_map(|n| &n.subnets);
    let version = IpVersion::of(address);
    let has = node.attachments.is_empty() || subnets.any(|s| s.version() == version);
    (!has).then(|| {
        Problem::new(
            Code::PublishNoEffect,
            &port.place,
            format!(
                "node {} has no IPv{version} address for a port on {address}",
                node.name
            ),
        )
        .help(format!(
            "give one of its networks an IPv{version} subnet too"
        ))
    })
}

pub(super) fn dependencies(topology: &Topology, problems: &mut Vec<Problem>) {
    let nodes: BTreeMap<&Name, &Node> = topology.nodes.iter().map(|n| (&n.name, n)).collect();
    for node in &topology.nodes {
        if node.command.is_none() && !node.ready.is_empty() {
            problems.push(
                Problem::new(
                    Code::BadDependency,
                    &node.place,
                    format!(
                        "node {} has ready but no command: nothing would listen",
                        node.name
                    ),
                )
                .help("give it a command, or remove ready"),
            );
        }
        for name in &node.depends_on {
            match nodes.get(name) {
                None => {
                    let near =
                        crate::parse::nearest(name.as_ref(), nodes.keys().map(|n| n.as_ref()));
                    let help = near.map_or_else(
                        || "define it under nodes".into(),
                        |n| format!("did you mean {n}?"),
                    );
                    problems.push(
                        Problem::new(
                            Code::UnknownName,
                            &node.place,
                            format!("node {} depends on {name}, which is not defined", node.name),
                        )
                        .help(help),
                    );
                }
                Some(other) if other.command.is_none() => problems.push(
                    Problem::new(
                        Code::BadDependency,
                        &node.place,
                        format!(
                            "node {} depends on {name}, which runs no command",
                            node.name
                        ),
                    )
                    .other(&other.place, "has no command"),
                ),
                Some(_) => {}
            }
        }
    }
    cycles(topology, &nodes, problems);
}

/// Depth first; a node met again on the way down closes a circle.
fn cycles(topology: &Topology, nodes: &BTreeMap<&Name, &Node>, problems: &mut Vec<Problem>) {
    let mut done: BTreeSet<&Name> = BTreeSet::new();
    for start in &topology.nodes {
        let mut path: Vec<(&Name, usize)> = vec![(&start.name, 0)];
        while let Some((name, next)) = path.last().copied() {
            let after = nodes
                .get(name)
                .and_then(|n| n.depends_on.get(next))
                .filter(|_| !done.contains(name));
            let Some(after) = after else {
                done.insert(name);
                path.pop();
                continue;
            };
            if let Some(top) = path.last_mut() {
                top.1 += 1;
            }
            if let Some(begin) = path.iter().position(|(n, _)| *n == after) {
                let circle: Vec<&str> = path
                    .iter()
                    .skip(begin)
                    .map(|(n, _)| n.as_ref())
                    .chain([after.as_ref()])
                    .collect();
                if let Some(node) = nodes.get(after) {
                    problems.push(
                        Problem::new(
                            Code::BadDependency,
                            &node.place,
                            format!("dependencies form a circle: {}", circle.join(" → ")),
                        )
                        .help("remove one of these depends_on"),
                    );
                }
            } else if let Some((known, _)) = nodes.get_key_value(after) {
                path.push((known, 0));
            }
        }
    }
}

pub(super) fn routes(topology: &Topology, problems: &mut Vec<Problem>) {
    for node in topology.nodes.iter().filter(|n| !n.routes.is_empty()) {
        let on = node
            .attachments
            .iter()
            .flat_map(|a| topology.networks.iter().filter(|n| n.name == a.network))
            .flat_map(|n| n.subnets.iter().map(|s| s.net));
        let cabled = topology
            .links
            .iter()
            .flat_map(|l| &l.ends)
            .filter(|e| e.node == node.name)
            .flat_map(|e| e.addresses.iter().map(IpNet::trunc));
        let prefixes: Vec<IpNet> = on.chain(cabled).collect();
        for route in &node.routes {
            let mixed = IpVersion::of_net(&route.to) != IpVersion::of(route.via);
            if mixed || !prefixes.iter().any(|p| p.contains(&route.via)) {
                let all = prefixes
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ");
                problems.push(
                    Problem::new(
                        Code::RouteUnreachable,
                        &route.place,
                        format!(
                            "node {} cannot reach the next hop {} of the route to {}",
                            node.name, route.via, route.to
                        ),
                    )
                    .help(format!(
                        "a next hop is an address on one of the node's own prefixes: {all}"
                    )),
                );
            }
        }
    }
}
