//! The topology with a new node, planned without reading the nodes that nothing names.

use std::net::IpAddr;

use hallway_plan::diff::endpoint;
use hallway_plan::settle::complete;
use hallway_plan::settled::{Interface, Node, Plug, Publish, Settled};
use hallway_plan::{Surroundings, settle};
use hallway_spec::{Document, Edit, Name, NetnsName, NewNode, Place, Topology, edit, parse_bytes};
use ipnet::IpNet;

use crate::account::{CallingUser, allow_programs};

/// The addresses of the new node on one network.
pub(super) struct NodeAddresses {
    pub(super) network: Name,
    pub(super) addresses: Vec<IpAddr>,
    /// The addresses that are allocated last after this.
    pub(super) last: Vec<IpAddr>,
}

/// The published ports of a node.
pub(super) fn of_node(settled: &Settled, name: &Name) -> Vec<Publish> {
    let all = settled.publishes.iter().filter(|p| p.node == *name);
    all.cloned().collect()
}

/// The text without the nodes that nothing names, with the new one; `None` if it is not valid, or
/// there is a warning about the new node.
pub(super) fn topology(before: &Settled, rest: &str, change: &Edit) -> Option<Topology> {
    let project = &before.project;
    let Edit::NodeAdd(NewNode { name, .. }) = change else {
        return None;
    };
    let mut changed = edit(&Document::read(rest)?, change).ok()?;
    changed.name = Some(project.to_string());
    let parsed = parse_bytes("", changed.to_yaml().as_bytes()).ok()?;
    let key = format!("nodes.{name}");
    let about = |w: &hallway_spec::Warning| w.place.key.starts_with(&key);
    if parsed.warnings.iter().any(about) {
        return None;
    }
    let mut topology = parsed.topology;
    topology.name = project.clone();
    complete(&topology, Some(before), &Surroundings::default()).ok()
}

/// The settled topology with the new node, made by the usual function: the node keeps the addresses
/// it was given. `None` if something else would change with it.
pub(super) fn settled_with(
    topology: &Topology,
    before: &Settled,
    name: &Name,
    given: &[NodeAddresses],
    caller: Option<CallingUser>,
) -> Option<(Settled, Node)> {
    let mut previous = before.clone();
    previous.nodes.push(placeholder(name, given));
    let mut around = Surroundings::new(&topology.name, &Default::default(), &[before]);
    let owner = |n: &Node| {
        let owner = (topology.name.clone(), n.name.clone());
        Some((n.netns.name()?.clone(), Some(owner)))
    };
    around.namespaces = before.nodes.iter().filter_map(owner).collect();
    let mut settled = settle(topology, Some(&previous), &around).ok()?;
    allow_programs(&mut settled, caller);
    let mut node = settled.node(name)?.clone();
    let mut publishes = of_node(&settled, name);
    settled = endpoint::without(&settled, name);
    with_places_of(&mut settled, before);
    if settled != *before {
        return None;
    }
    // Its line in the whole text is not known.
    node.place = without_line(&node.place);
    for publish in &mut publishes {
        publish.place = without_line(&publish.place);
    }
    settled.nodes.push(node.clone());
    settled.publishes.extend(publishes);
    Some((settled, node))
}

fn without_line(place: &Place) -> Place {
    Place {
        key: place.key.clone(),
        ..Place::default()
    }
}

/// The node as if it had existed before with these addresses.
fn placeholder(name: &Name, given: &[NodeAddresses]) -> Node {
    let interfaces = given.iter().map(|given| Interface {
        name: String::new(),
        mac: [0; 6],
        addresses: given.addresses.iter().copied().map(IpNet::from).collect(),
        mtu: None,
        bandwidth: None,
        impairments: hallway_spec::Impairments::default(),
        dhcp_server: false,
        router: false,
        sources: Vec::new(),
        masquerade: false,
        behind: Vec::new(),
        aliases: Vec::new(),
        plug: Plug::Port {
            network: given.network.clone(),
            link: String::new(),
        },
    });
    Node {
        name: name.clone(),
        netns: NetnsName::from(name.clone()).into(),
        joined: None,
        default_route: true,
        interfaces: interfaces.collect(),
        routes: Vec::new(),
        ipv6: true,
        forwarding: false,
        hostname: None,
        sysctls: Default::default(),
        dns: Vec::new(),
        dns_search: Vec::new(),
        extra_hosts: Vec::new(),
        environment: Default::default(),
        service: None,
        sidecars: Vec::new(),
        connections: None,
        place: Place::default(),
    }
}

/// Copies what differs although nothing changes: lines of the text, and the addresses that were
/// allocated last.
fn with_places_of(settled: &mut Settled, before: &Settled) {
    for (now, old) in settled.networks.iter_mut().zip(&before.networks) {
        now.place.clone_from(&old.place);
        now.last_allocated.clone_from(&old.last_allocated);
    }
    for (now, old) in settled.nodes.iter_mut().zip(&before.nodes) {
        now.place.clone_from(&old.place);
        for (now, old) in now.sidecars.iter_mut().zip(&old.sidecars) {
            now.place.clone_from(&old.place);
        }
    }
    for (now, old) in settled.publishes.iter_mut().zip(&before.publishes) {
        now.place.clone_from(&old.place);
    }
    for (now, old) in settled.policies.iter_mut().zip(&before.policies) {
        now.place.clone_from(&old.place);
    }
}
