//! A project as a small tree: networks with their nodes, addresses and published ports.
//!
//! ```
//! use hallway_plan::{Observed, Surroundings, settle};
//!
//! let text = "networks: { apps: { subnet: 10.0.0.0/24 } }\nnodes: { web: { networks: [apps] } }";
//! let topology = hallway_spec::parse("shop.yaml", text)?.topology;
//! let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
//! let settled = settle(&topology, None, &around).unwrap();
//! assert!(hallway_view::tree::project(&settled, &[]).contains("web"));
//! # Ok::<(), hallway_spec::Problems>(())
//! ```

use std::collections::BTreeMap;

use hallway_plan::Settled;
use hallway_plan::settled::{Interface, InterfaceRef, Network, Node, Plug, Policy, Publish};
use hallway_spec::Mode;
use ipnet::IpNet;

use crate::program::Program;
use crate::style::{BOLD, DIM, GREEN, styled};

/// One line under a heading.
struct Leaf {
    name: String,
    addresses: String,
    rest: String,
}

/// The tree. Programs that are listed in `programs` are shown with their state.
#[must_use]
pub fn project(settled: &Settled, programs: &[Program]) -> String {
    let states: BTreeMap<&str, &Program> = programs.iter().map(|p| (p.node.as_str(), p)).collect();
    let mut groups: Vec<(String, Vec<Leaf>)> = Vec::new();
    for network in &settled.networks {
        let leaves = settled
            .nodes
            .iter()
            .flat_map(|n| {
                n.memberships()
                    .filter(|(_, of)| **of == network.name)
                    .map(move |(i, _)| (n, i))
            })
            .map(|(node, interface)| leaf(settled, node, Some((interface, network)), &states))
            .collect();
        groups.push((heading(network), leaves));
    }
    let cables: Vec<Leaf> = settled
        .cables
        .iter()
        .map(|c| cable(settled, &c.a, &c.b))
        .collect();
    if !cables.is_empty() {
        groups.push((styled(BOLD, "links"), cables));
    }
    let others: Vec<Leaf> = settled
        .nodes
        .iter()
        .filter(|n| {
            n.memberships().next().is_none()
                && (n.interfaces.is_empty() || n.programs().next().is_some())
        })
        .map(|n| leaf(settled, n, None, &states))
        .collect();
    if !others.is_empty() {
        groups.push((styled(BOLD, "nodes"), others));
    }
    if !settled.policies.is_empty() {
        let lines = settled.policies.iter().map(|p| Leaf {
            name: policy(p),
            addresses: String::new(),
            rest: String::new(),
        });
        groups.push((styled(BOLD, "policies"), lines.collect()));
    }
    print(&groups)
}

/// A policy as text, with the command that added it.
fn policy(policy: &Policy) -> String {
    match policy.added_by() {
        Some(command) => format!(
            "{}  {}",
            policy.words,
            styled(DIM, format!("added by {command}"))
        ),
        None => policy.words.clone(),
    }
}

fn print(groups: &[(String, Vec<Leaf>)]) -> String {
    let width = |get: fn(&Leaf) -> &String| {
        groups
            .iter()
            .flat_map(|(_, l)| l)
            .filter(|l| !l.addresses.is_empty() || !l.rest.is_empty())
            .map(|l| get(l).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (names, addresses) = (width(|l| &l.name), width(|l| &l.addresses));
    let mut out = String::new();
    for (heading, leaves) in groups {
        out.push_str(&format!("  {heading}\n"));
        for (position, leaf) in leaves.iter().enumerate() {
            let branch = if position + 1 == leaves.len() {
                "└─"
            } else {
                "├─"
            };
            let line = format!(
                "  {branch} {:names$}  {:addresses$}  {}",
                leaf.name, leaf.addresses, leaf.rest
            );
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out
}

fn heading(network: &Network) -> String {
    let subnets: Vec<String> = network.subnets.iter().map(|s| s.net.to_string()).collect();
    let mut words = format!("{}  {}", styled(BOLD, &network.name), subnets.join(" "));
    let macvlan = network.parent().map(|p| format!("macvlan of {p}"));
    for (flag, word) in [
        (macvlan.is_some(), macvlan.as_deref().unwrap_or_default()),
        (network.internal && network.mode.passes_host(), "internal"),
        (network.mode == Mode::Lan, "lan"),
        (network.outside && !network.external, "outside"),
        (network.external && macvlan.is_none(), "external"),
        (!network.nat, "no NAT"),
        (network.bridge.is_none(), "routed"),
    ] {
        if flag {
            words.push_str(&styled(DIM, format!("  {word}")));
        }
    }
    words
}

fn addresses(interface: &Interface) -> String {
    let all: Vec<String> = interface
        .addresses
        .iter()
        .map(|a| IpNet::addr(a).to_string())
        .collect();
    all.join(" ")
}

/// A node; its ports and program are shown where it appears first.
fn leaf(
    settled: &Settled,
    node: &Node,
    at: Option<(&Interface, &Network)>,
    states: &BTreeMap<&str, &Program>,
) -> Leaf {
    let first = node
        .memberships()
        .next()
        .is_none_or(|(i, _)| at.is_none_or(|(here, _)| here.name == i.name));
    let mut rest = Vec::new();
    if first {
        let joined = node.joined.iter();
        rest.extend(joined.map(|joined| format!("in {}", joined.reference)));
        rest.extend(
            settled
                .publishes
                .iter()
                .filter(|p| p.node == node.name)
                .map(publish),
        );
        rest.extend(
            node.service
                .as_ref()
                .map(|s| program(&s.command, states.get(node.name.as_ref()).copied())),
        );
        rest.extend(node.sidecars.iter().map(|sidecar| {
            let state = states.get(sidecar.name.as_ref()).copied();
            let words = program(&sidecar.service.command, state);
            format!("{}: {words}", sidecar.name)
        }));
    }
    Leaf {
        name: node.name.to_string(),
        addresses: at.map(|(i, _)| addresses(i)).unwrap_or_default(),
        rest: rest.join("  "),
    }
}

fn cable(settled: &Settled, a: &InterfaceRef, b: &InterfaceRef) -> Leaf {
    let end = |InterfaceRef {
                   node,
                   interface: name,
               }: &InterfaceRef| {
        let interface = settled.node(node).and_then(|n| {
            n.interfaces
                .iter()
                .find(|i| &i.name == name && i.plug == Plug::Cable)
        });
        let addresses: Vec<String> = interface
            .iter()
            .flat_map(|i| &i.addresses)
            .map(ToString::to_string)
            .collect();
        format!("{node} {}", addresses.join(" "))
            .trim_end()
            .to_owned()
    };
    Leaf {
        name: format!("{} ── {}", end(a), end(b)),
        addresses: String::new(),
        rest: String::new(),
    }
}

/// The host's side of a published port, with the address that the file names: in a sandbox, `0.0.0.0` is
/// served to other machines, and no address is localhost alone.
pub(crate) fn on_host(publish: &Publish) -> String {
    let ports = publish.host_ports;
    match publish.host_address.or(publish.named_address) {
        Some(address) if address.is_ipv6() => format!("[{address}]:{ports}"),
        Some(address) => format!("{address}:{ports}"),
        None => ports.to_string(),
    }
}

/// A published port: on the host, and its destination.
#[must_use]
pub fn publish(publish: &Publish) -> String {
    let host = on_host(publish);
    let name = publish.name.iter();
    let name: String = name.map(|name| format!(" ({name})")).collect();
    styled(
        GREEN,
        format!("{host} → {}/{}{name}", publish.node_ports, publish.protocol),
    )
}

fn program(command: &[String], status: Option<&Program>) -> String {
    let words = hallway_plan::program::line(command);
    let short: String = words.chars().take(40).collect();
    let short = if short.len() < words.len() {
        format!("{}…", short.trim_end())
    } else {
        short
    };
    match status {
        None => styled(DIM, short),
        Some(status) => format!("{} ({})", styled(DIM, short), status.words()),
    }
}
