//! Policies with the names of networks and nodes, which a settled project has as prefixes.

use hallway_plan::settled::{self, PolicySide, Settled};
use hallway_spec::Action;
use ipnet::IpNet;

/// A policy line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Allow, or deny.
    pub allow: bool,
    /// Client, server and services, as text.
    pub words: String,
    /// Client and server, one pair each.
    pub arrows: Vec<Arrow>,
    /// The services, like `80/tcp, icmp`; empty for all.
    pub services: String,
}

/// One pair of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow {
    /// The client's side.
    pub from: Party,
    /// The server's side.
    pub to: Party,
    /// The policy holds in the other direction too.
    pub both: bool,
}

/// An endpoint of a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// Neither the host nor on a network of the project.
    Outside,
    /// The host.
    Host,
    /// The network of that position.
    Network(usize),
    /// The node of that position.
    Node(usize),
    /// A prefix.
    Prefix(String),
    /// Everything.
    Any,
}

/// The policies in the file's order.
pub(super) fn policies(settled: &Settled) -> Vec<Policy> {
    settled
        .policies
        .iter()
        .map(|policy| {
            let services: Vec<String> = policy.services.iter().map(ToString::to_string).collect();
            Policy {
                allow: policy.action == Action::Allow,
                words: policy
                    .words
                    .split_once(' ')
                    .map_or_else(|| policy.words.clone(), |(_, words)| words.to_owned()),
                arrows: arrows(settled, policy),
                services: services.join(", "),
            }
        })
        .collect()
}

/// Every pair once; two that are the reverse of each other are one in both directions.
fn arrows(settled: &Settled, policy: &settled::Policy) -> Vec<Arrow> {
    let mut out: Vec<Arrow> = Vec::new();
    for (from, to) in &policy.pairs {
        let targets = parties(settled, to);
        for from in parties(settled, from) {
            for to in &targets {
                let reverse = |a: &&mut Arrow| a.from == *to && a.to == from;
                if let Some(arrow) = out.iter_mut().find(reverse) {
                    arrow.both |= from != *to;
                    continue;
                }
                out.push(Arrow {
                    from: from.clone(),
                    to: to.clone(),
                    both: false,
                });
            }
        }
    }
    out
}

fn parties(settled: &Settled, side: &PolicySide) -> Vec<Party> {
    let mut left = match side {
        PolicySide::Host => return vec![Party::Host],
        PolicySide::Outside => return vec![Party::Outside],
        PolicySide::Any => return vec![Party::Any],
        PolicySide::Prefixes(prefixes) => prefixes.clone(),
    };
    let mut out = Vec::new();
    let alike = settled.alike_lans();
    let networks = settled.networks.iter().enumerate();
    for (position, network) in networks.filter(|(_, n)| !alike.contains(&n.name)) {
        let subnets: Vec<IpNet> = network.subnets.iter().map(|s| s.net).collect();
        if take(&mut left, &subnets) {
            out.push(Party::Network(position));
        }
    }
    for (position, node) in settled.nodes.iter().enumerate() {
        let addresses: Vec<IpNet> = node
            .interfaces
            .iter()
            .filter(|i| matches!(i.plug, settled::Plug::Port { .. }))
            .flat_map(|i| &i.addresses)
            .map(|a| IpNet::from(a.addr()))
            .collect();
        if take(&mut left, &addresses) {
            out.push(Party::Node(position));
        }
    }
    out.extend(left.iter().map(|p| Party::Prefix(p.to_string())));
    out
}

/// Removes these prefixes, if all of them are in the list.
fn take(left: &mut Vec<IpNet>, these: &[IpNet]) -> bool {
    let found = !these.is_empty() && these.iter().all(|net| left.contains(net));
    if found {
        left.retain(|net| !these.contains(net));
    }
    found
}
