//! /etc/hosts for what runs inside nodes: every node by name, nearest addresses first.
//!
//! Nodes on the same networks see the same file, so there are as many files as there are
//! combinations of networks, not as many as nodes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use hallway_spec::Name;

use crate::mark;
use crate::settled::{Node, Plug, Settled};

/// The name of the file a node sees; nodes with cables, or alone, have one of
/// their own.
#[must_use]
pub fn file_name(node: &Node) -> String {
    if node.interfaces.is_empty() || node.interfaces.iter().any(|i| i.plug == Plug::Cable) {
        return format!("node-{}", node.name);
    }
    let networks: Vec<&str> = node
        .ports()
        .map(|(_, network, _)| network.as_ref())
        .collect();
    format!("view-{:016x}", mark::spread(&networks))
}

/// Every file with its text.
#[must_use]
pub fn files(settled: &Settled) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for node in &settled.nodes {
        out.entry(file_name(node))
            .or_insert_with(|| text(settled, node));
    }
    out
}

/// The text one node sees.
fn text(settled: &Settled, viewer: &Node) -> String {
    let mut out = String::from("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    if viewer.interfaces.iter().all(|i| i.addresses.is_empty()) {
        // A program that asks for its own name would else wait for a name server.
        let _ = writeln!(out, "127.0.1.1\t{}", viewer.name);
    }
    let networks: Vec<&Name> = viewer.ports().map(|(_, network, _)| network).collect();
    let cabled: Vec<(&Name, &str)> = settled
        .cables
        .iter()
        .filter_map(|c| match (c.a.0 == viewer.name, c.b.0 == viewer.name) {
            (true, _) => Some((&c.b.0, c.b.1.as_str())),
            (_, true) => Some((&c.a.0, c.a.1.as_str())),
            _ => None,
        })
        .collect();
    if let Some(network) = networks.first().and_then(|n| settled.network(n)) {
        for subnet in &network.subnets {
            let _ = writeln!(out, "{}\thost", subnet.gateway);
        }
    }
    for node in &settled.nodes {
        let mut addresses: Vec<(u8, IpAddr)> = Vec::new();
        for interface in &node.interfaces {
            let rank = match &interface.plug {
                Plug::Cable if node.name == viewer.name => 0,
                Plug::Cable if cabled.contains(&(&node.name, interface.name.as_str())) => 0,
                Plug::Cable => continue,
                Plug::Port { network, .. } if networks.contains(&network) => 1,
                Plug::Port { .. } => 2,
            };
            addresses.extend(interface.addresses.iter().map(|a| (rank, a.addr())));
        }
        addresses.sort_by_key(|(rank, address)| (*rank, address.is_ipv6()));
        for (_, address) in addresses {
            let _ = writeln!(out, "{address}\t{}", node.name);
        }
    }
    out
}
