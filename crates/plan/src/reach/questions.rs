//! The questions about a project: those of the file's `expect` lines, and every pair.

use std::collections::BTreeSet;

use hallway_spec::{self as spec, Endpoint, Expect, Place, PortProto, Protocol, Service};

use super::party::Party;
use super::path::Location;
use super::question::Question;
use super::world::World;
use crate::settled::{Node, PolicySide};

/// A question with the answer the file expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The question.
    pub question: Question,
    /// The answer.
    pub reachable: bool,
    /// The place in the file.
    pub place: Place,
}

/// The questions of the file's `expect` lines; a line of networks has one for each pair.
#[must_use]
pub fn expected(world: &World<'_>, expects: &[Expect]) -> Vec<Expected> {
    let mut out = Vec::new();
    for expect in expects {
        let service = expect.service;
        let clients = parties(world, &expect.from).into_iter();
        let (mut own, mut alone) = (Vec::new(), Vec::new());
        for from in clients.flat_map(|from| world.each(from)) {
            for to in parties(world, &expect.to) {
                // Every member of a network with every other one; a node with itself only if named.
                let named = matches!(expect.from, Endpoint::Node(_) | Endpoint::Outside);
                let itself = expect.from == expect.to && named;
                if from == to && from != Party::Host && !itself {
                    continue;
                }
                let (from, to) = world.ends(from.clone(), to);
                let beyond = [&from, &to].contains(&&Party::Beyond);
                let list = match beyond && (is_set(&expect.from) || is_set(&expect.to)) {
                    true => &mut alone,
                    false => &mut own,
                };
                list.push(Expected {
                    question: Question { from, to, service },
                    reachable: expect.reachable,
                    place: expect.place.clone(),
                });
            }
        }
        // In a set of nodes, the one that represents outside is not asked for itself.
        out.append(if own.is_empty() { &mut alone } else { &mut own });
    }
    out
}

/// Whether it may stand for several nodes.
fn is_set(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Any | Endpoint::Network(_) => true,
        Endpoint::Cidr(net) => net.prefix_len() < net.max_prefix_len(),
        Endpoint::Node(_) | Endpoint::Host | Endpoint::Outside => false,
    }
}

/// The parties an endpoint of the file stands for.
fn parties(world: &World<'_>, endpoint: &Endpoint) -> Vec<Party> {
    let nodes = |wanted: &dyn Fn(&Node) -> bool| -> Vec<Party> {
        let nodes = world.settled().nodes.iter().filter(|n| wanted(n));
        nodes.map(|n| Party::Node(n.name.clone())).collect()
    };
    match endpoint {
        Endpoint::Node(name) => vec![Party::Node(name.clone())],
        Endpoint::Host => vec![Party::Host],
        Endpoint::Outside => vec![Party::Outside],
        Endpoint::Any => nodes(&|_| true),
        Endpoint::Network(name) => nodes(&|n| n.memberships().any(|(_, on)| on == name)),
        Endpoint::Cidr(net) if net.prefix_len() == net.max_prefix_len() => {
            vec![Party::Address(net.addr())]
        }
        Endpoint::Cidr(net) => nodes(&|n| {
            let mut all = n.interfaces.iter().flat_map(|i| &i.addresses);
            all.any(|a| net.contains(&a.addr()))
        }),
    }
}

/// Every ordered pair of nodes, the host and the outside, for every service of the server; or
/// only for the services that `only` has for it, if it has any list. If no node represents the outside, it is
/// included only if `predicted`: no packets are sent to the real one.
#[must_use]
pub fn matrix(
    world: &World<'_>,
    expects: &[Expect],
    only: &dyn Fn(&Party) -> Option<Vec<Service>>,
    predicted: bool,
) -> Vec<Question> {
    let mut all: Vec<Party> = all_parties(world);
    all.retain(|party| predicted || world.place(party) != Location::Outside);
    let mut out = Vec::new();
    for to in &all {
        let services = only(to).unwrap_or_else(|| services(world, expects, to));
        for from in all.iter().filter(|from| *from != to) {
            out.extend(services.iter().map(|service| Question {
                from: from.clone(),
                to: to.clone(),
                service: *service,
            }));
        }
    }
    out
}

fn all_parties(world: &World<'_>) -> Vec<Party> {
    let nodes = world.settled().nodes.iter();
    let mut out: Vec<Party> = nodes.map(|n| Party::Node(n.name.clone())).collect();
    if !world.settled().networks.is_empty() {
        out.push(Party::Host);
    }
    // A node of an outside network is in the list already.
    let inner = world.settled().inner_networks().any(|n| !n.internal);
    if world.outsider().is_none() && inner {
        out.push(Party::Outside);
    }
    out
}

/// The services of a party to ask about: ping, and every port that the file names for it; port 80
/// when it names none.
#[must_use]
pub fn services(world: &World<'_>, expects: &[Expect], to: &Party) -> Vec<Service> {
    let mut ports: BTreeSet<PortProto> = BTreeSet::new();
    let settled = world.settled();
    match to {
        Party::Node(name) => {
            let node = settled.node(name);
            ports.extend(
                node.iter()
                    .flat_map(|n| n.programs())
                    .flat_map(|p| &p.service.ready),
            );
            for publish in settled.publishes.iter().filter(|p| &p.node == name) {
                ports.insert(PortProto {
                    port: publish.node_ports.first(),
                    protocol: publish.protocol,
                });
            }
            let addresses: Vec<_> = node.iter().flat_map(|n| n.port_addresses()).collect();
            ports.extend(policy_ports(world, &|side| match side {
                PolicySide::Any => true,
                PolicySide::Prefixes(nets) => {
                    (nets.iter()).any(|net| addresses.iter().any(|a| net.contains(a)))
                }
                PolicySide::Host | PolicySide::Outside => false,
            }));
        }
        Party::Host => {
            for publish in &settled.publishes {
                ports.insert(PortProto {
                    port: publish.host_ports.first(),
                    protocol: publish.protocol,
                });
            }
            ports.extend(policy_ports(world, &|side| {
                matches!(side, PolicySide::Host)
            }));
        }
        Party::Outside | Party::Beyond | Party::Address(_) => {}
    }
    let mut others: BTreeSet<Service> = BTreeSet::new();
    for expect in expects {
        if parties(world, &expect.to).contains(to) {
            match expect.service {
                Service::Port(port) => {
                    ports.insert(port);
                }
                other => {
                    others.insert(other);
                }
            }
        }
    }
    others.insert(Service::Icmp);
    others.extend(policy_protocols(world));
    if !ports.iter().any(|p| p.protocol == Protocol::Tcp) {
        ports.insert(PortProto {
            port: 80,
            protocol: Protocol::Tcp,
        });
    }
    let ports = ports.into_iter().map(Service::Port);
    // Ping, ports, other protocols.
    others.extend(ports);
    others.into_iter().collect()
}

/// IP protocols that policies name, as far as they can be tried.
fn policy_protocols(world: &World<'_>) -> impl Iterator<Item = Service> {
    let policies = world.settled().policies.iter();
    policies
        .flat_map(|p| &p.services)
        .filter_map(|service| match service {
            spec::PolicyService::Other(other) => other.to_string().parse().ok(),
            _ => None,
        })
}

fn policy_ports(world: &World<'_>, to: &dyn Fn(&PolicySide) -> bool) -> Vec<PortProto> {
    let policies = world.settled().policies.iter();
    policies
        .filter(|p| p.pairs.iter().any(|(_, side)| to(side)))
        .flat_map(|p| &p.services)
        .filter_map(|service| match service {
            spec::PolicyService::Ports(range, protocol) => Some(PortProto {
                port: range.first(),
                protocol: *protocol,
            }),
            spec::PolicyService::Icmp
            | spec::PolicyService::Protocol(_)
            | spec::PolicyService::Other(_) => None,
        })
        .collect()
}
