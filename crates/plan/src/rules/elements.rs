//! The elements of each object: one network, one endpoint, one published port. An attach adds, and
//! a detach removes, exactly the elements of one endpoint.

use std::net::IpAddr;

use hallway_nftables::{Element, IpVersion, Value};
use hallway_spec::{Mode, Name};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::parts::{
    LAST_ERROR6, LISTENER_DONE, LISTENER_QUERY, LISTENER_REPORT, LISTENER_REPORT2, NEIGHBOR_ADVERT,
    NEIGHBOR_SOLICIT, PARAMETER_PROBLEM, REDIRECT, REDIRECT6, ROUTER_ADVERT, ROUTER_SOLICIT,
    SOURCE_QUENCH, TIME_EXCEEDED, UNREACHABLE,
};
use super::sets::{
    ADVERTISED, ADVERTISERS, BRIDGE_PORTS, BROADCASTS, DHCP_SERVERS, DISCOVERY, Definition, EGRESS,
    ERRORS, ERRORS6, HAIRPIN, HIDDEN, INTRA, KEPT, LISTENERS, MASQUERADED, ND_MACS, ND_TARGETS,
    NETWORKS, OUTSIDES, PORT_ADDRESSES, PORT_CLAIMS4, PORT_CLAIMS6, PORT_ERRORS, PORT_ERRORS6,
    PORT_MACS, PORT_QUOTED, PORT_RANGES, PORT_RANGES_AT, PORT_ROUTED, PORTS, PORTS_AT, PREFIXES,
    QUOTED, ROUTED, ROUTED_PORTS, ROUTER_MACS, SECOND, SHARED, SOURCES, TARGET_RANGES, TARGETS,
    TRANSIT, WITHOUT_ADDRESS, WITHOUT_ADDRESS_ROUTED,
};
use super::{purpose, share};
use crate::settled::{Interface, Network, Node, Publish, Settled, Subnet};

/// An element with the set it belongs to.
pub type Placed = (&'static Definition, Element);

fn set(set: &'static Definition, key: Vec<Value>, comment: Option<String>) -> Placed {
    let element = Element {
        comment,
        ..Element::new(key)
    };
    (set, element)
}

fn version_of(net: &IpNet) -> IpVersion {
    IpVersion::of(net.addr())
}

/// A network's own elements.
#[must_use]
pub fn of_network(network: &Network) -> Vec<Placed> {
    let mut out = Vec::new();
    let note = Some(format!("networks.{}", network.name));
    let group = Value::Group(network.group);
    if network.outside {
        out.push(set(&OUTSIDES, vec![group.clone()], note.clone()));
    }
    if network.outside || (network.is_inner() && network.internal) {
        let nets = network.subnets.iter().map(|s| s.net);
        out.extend(nets.map(|net| {
            let key = vec![Value::net(net)];
            set(KEPT.of(version_of(&net)), key, note.clone())
        }));
    }
    if !network.is_inner() {
        return out;
    }
    out.push(set(&NETWORKS, vec![group.clone()], note.clone()));
    out.push(set(
        &INTRA,
        vec![group.clone(), group.clone()],
        note.clone(),
    ));
    if !network.internal {
        out.push(set(&EGRESS, vec![group.clone()], note.clone()));
        if network.nat {
            out.push(set(&MASQUERADED, vec![group.clone()], note.clone()));
        }
    }
    for Subnet { net, .. } in &network.subnets {
        let version = version_of(net);
        out.push(set(
            PREFIXES.of(version),
            vec![Value::net(*net)],
            note.clone(),
        ));
        if network.nat {
            let net = vec![Value::net(*net)];
            out.push(set(HIDDEN.of(version), net, note.clone()));
        }
        out.push(set(
            HAIRPIN.of(version),
            vec![group.clone(), Value::net(*net)],
            note.clone(),
        ));
        // A prefix of one or two addresses has no broadcast address (RFC 3021).
        if let IpNet::V4(net) = net
            && network.mode == Mode::Bridge
            && net.prefix_len() < 31
        {
            let broadcast = Value::V4(net.broadcast());
            out.push(set(&BROADCASTS, vec![broadcast], note.clone()));
        }
    }
    out
}

/// The guards of one node: on every network it is on, packets may carry any address the node
/// has on networks (replies may leave by another interface than requests came in by), the
/// interface's own link-local address, and no other address.
#[must_use]
pub fn of_node(settled: &Settled, node: &Node) -> Vec<Placed> {
    let mut out = Vec::new();
    let note = Some(format!("nodes.{}", node.name));
    for (interface, network, link) in node.ports() {
        let Some(network) = settled.network(network) else {
            continue;
        };
        if !network.is_inner() {
            continue;
        }
        let mut add = |definition, key| out.push(set(definition, key, note.clone()));
        let inet = network.bridge.as_deref().unwrap_or(link);
        let bridged = network.mode == Mode::Bridge;
        if interface.router {
            add(&ADVERTISED, vec![Value::Ifname(inet.to_owned())]);
        }
        if bridged {
            of_port(node, interface, link, &mut add);
        } else if !node.forwarding && interface.sources.is_empty() {
            add(&ROUTED_PORTS, vec![Value::Ifname(link.to_owned())]);
        }
        of_router(interface, inet, bridged.then_some(link), &mut add);
        let link_local = interface.link_local().map(|net| net.addr());
        for address in settled.filtered_addresses(node).chain(link_local) {
            let version = IpVersion::of(address);
            let at = |link: &str, value| vec![Value::Ifname(link.to_owned()), value];
            let bytes = || Value::bytes(&octets(address));
            add(SOURCES.of(version), at(inet, Value::address(address)));
            if bridged {
                add(
                    PORT_ADDRESSES.of(version),
                    at(link, Value::address(address)),
                );
                add(PORT_QUOTED.of(version), at(link, bytes()));
            } else {
                add(QUOTED.of(version), at(link, bytes()));
            }
            if bridged && version == IpVersion::V6 {
                add(&ND_TARGETS, at(link, bytes()));
            }
        }
    }
    let shares = share::of_node(settled, node).into_iter();
    out.extend(shares.map(|(of, address)| set(of, vec![address], note.clone())));
    out.extend(of_further_networks(settled, node, note.as_ref()));
    out.extend(of_other_networks(settled, node, note));
    out
}

/// The addresses of a node on networks by which its default route does not lead. From an internal
/// network, the node has routes to all that it may reach.
fn of_further_networks(settled: &Settled, node: &Node, note: Option<&String>) -> Vec<Placed> {
    let mut out = Vec::new();
    for route in node.routes.iter().filter(|r| r.to.prefix_len() == 0) {
        let version = version_of(&route.to);
        let default = node.interfaces.get(route.interface).map(|i| &i.name);
        let of_host = |name: &Name| settled.network(name).filter(|n| n.mode.passes_host());
        for (interface, name, _) in node.ports().filter(|(i, _, _)| Some(&i.name) != default) {
            if of_host(name).is_none_or(|n| n.internal || n.outside) {
                continue;
            }
            let own = interface.addresses.iter().map(|a| a.addr());
            for address in own.filter(|a| IpVersion::of(*a) == version) {
                let key = vec![Value::address(address)];
                out.push(set(SECOND.of(version), key, note.cloned()));
            }
        }
    }
    out
}

/// Whether the way of a node to the outside does not lead through the host.
fn past_host(settled: &Settled, node: &Node) -> bool {
    let default = node.routes.iter().filter(|r| r.to.prefix_len() == 0);
    let mut by = default.filter_map(|r| node.interfaces.get(r.interface)?.plug.network());
    by.any(|name| {
        settled
            .network(name)
            .is_some_and(|n| n.mode == Mode::Macvlan)
    })
}

/// Each address of a node with the prefixes of its other networks: to these the node has a way by
/// another interface, and a UDP socket for any address answers from the address of that one.
fn of_other_networks(settled: &Settled, node: &Node, note: Option<String>) -> Vec<Placed> {
    let on = |name: &hallway_spec::Name| settled.network(name).filter(|n| n.mode.passes_host());
    let mut out = Vec::new();
    for (interface, name, _) in node.ports().filter(|(_, name, _)| on(name).is_some()) {
        let others = node.memberships().filter(|(_, other)| *other != name);
        let others = others.filter_map(|(_, other)| settled.network(other));
        let subnets = others
            .filter(|n| n.mode != Mode::Lan)
            .flat_map(|n| &n.subnets);
        let anywhere = [Ipv4Net::default().into(), Ipv6Net::default().into()];
        let nets: Vec<IpNet> = match node.default_route && !past_host(settled, node) {
            true => subnets.map(|s| s.net).collect(),
            // Whatever way it has to others, it does not lead through the host.
            false => anywhere.to_vec(),
        };
        for net in &nets {
            let same = |a: &&IpNet| version_of(a) == version_of(net);
            for address in interface.addresses.iter().filter(same) {
                let key = vec![Value::address(address.addr()), Value::net(*net)];
                out.push(set(SHARED.of(version_of(net)), key, note.clone()));
            }
        }
    }
    out
}

/// Source addresses that a node may use besides its own: those behind it, and those that the file
/// allows. For the latter it may also answer.
fn of_router(
    interface: &Interface,
    inet: &str,
    port: Option<&str>,
    add: &mut impl FnMut(&'static Definition, Vec<Value>),
) {
    let at = |link: &str, value| vec![Value::Ifname(link.to_owned()), value];
    let both = [interface.sources.as_slice(), interface.behind.as_slice()].concat();
    for net in IpNet::aggregate(&both) {
        let version = version_of(&net);
        add(ROUTED.of(version), at(inet, Value::net(net)));
        if let Some(port) = port {
            add(PORT_ROUTED.of(version), at(port, Value::net(net)));
        }
    }
    let Some(port) = port else { return };
    for net in IpNet::aggregate(&interface.sources) {
        match net {
            IpNet::V4(net) => add(&PORT_CLAIMS4, at(port, Value::V4Net(net))),
            IpNet::V6(net) => {
                let ends = [net.network(), net.broadcast()].map(|a| a.octets().to_vec());
                let [first, last] = ends;
                add(&PORT_CLAIMS6, at(port, Value::Raw(first, last)));
            }
        }
    }
}

/// What a node's port on a bridge may do, apart from addresses.
fn of_port(
    node: &Node,
    interface: &Interface,
    link: &str,
    add: &mut impl FnMut(&'static Definition, Vec<Value>),
) {
    let link = || Value::Ifname(link.to_owned());
    add(&BRIDGE_PORTS, vec![link()]);
    add(&PORT_MACS, vec![link(), Value::Ether(interface.mac)]);
    add(&ND_MACS, vec![link(), Value::bytes(&interface.mac)]);
    if node.forwarding && node.masquerades() {
        add(&ROUTER_MACS, vec![Value::Ether(interface.mac)]);
    }
    for (may, definition) in [
        (node.forwarding || !interface.sources.is_empty(), &TRANSIT),
        (interface.dhcp_server, &DHCP_SERVERS),
        (interface.router, &ADVERTISERS),
    ] {
        if may {
            add(definition, vec![link()]);
        }
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

/// Elements that are the same in every project.
#[must_use]
pub fn constants() -> Vec<Placed> {
    let errors = [
        UNREACHABLE,
        SOURCE_QUENCH,
        REDIRECT,
        TIME_EXCEEDED,
        PARAMETER_PROBLEM,
    ];
    let reports = [
        LISTENER_REPORT,
        LISTENER_DONE,
        ROUTER_SOLICIT,
        LISTENER_REPORT2,
    ];
    let mut out = Vec::new();
    for definition in [&ERRORS, &PORT_ERRORS] {
        out.extend(errors.map(|kind| set(definition, vec![Value::Byte(kind)], None)));
    }
    for definition in [&ERRORS6, &PORT_ERRORS6] {
        let all = Value::Raw(vec![0], vec![LAST_ERROR6]);
        out.push(set(definition, vec![all], None));
    }
    let mut add = |definition, kinds: &[u8]| {
        let one = |kind: &u8| set(definition, vec![Value::Byte(*kind)], None);
        out.extend(kinds.iter().map(one));
    };
    add(&WITHOUT_ADDRESS, &reports);
    add(&WITHOUT_ADDRESS_ROUTED, &reports);
    add(&WITHOUT_ADDRESS_ROUTED, &[NEIGHBOR_SOLICIT]);
    add(&DISCOVERY, &DISCOVERS);
    add(&LISTENERS, &LISTENS);
    out
}

/// Neighbour discovery, routers included (RFC 4861).
const DISCOVERS: [u8; 5] = [
    ROUTER_SOLICIT,
    ROUTER_ADVERT,
    NEIGHBOR_SOLICIT,
    NEIGHBOR_ADVERT,
    REDIRECT6,
];
const LISTENS: [u8; 4] = [
    LISTENER_QUERY,
    LISTENER_REPORT,
    LISTENER_DONE,
    LISTENER_REPORT2,
];

/// Whether each port of a published range needs an element of its own: a map has one value, not
/// one for each port of an interval.
fn each_port(publish: &Publish) -> bool {
    publish.host_ports != publish.node_ports || publish.host_ports.len() == 1
}

/// A published port's map elements and the destinations they allow.
#[must_use]
pub fn of_publish(publish: &Publish) -> Vec<Placed> {
    let mut out = Vec::new();
    let proto = Value::Proto(publish.protocol.number());
    let note = Some(source(publish));
    for target in &publish.targets {
        let version = IpVersion::of(*target);
        let address = Value::address(*target);
        if !each_port(publish) {
            let ports = Value::Ports(publish.host_ports.first(), publish.host_ports.last());
            let mut key = vec![proto.clone(), ports.clone()];
            let map = match publish.host_address {
                Some(at) => {
                    key.insert(0, Value::address(at));
                    PORT_RANGES_AT.of(version)
                }
                None => PORT_RANGES.of(version),
            };
            out.push((
                map,
                Element {
                    key,
                    value: vec![address.clone()],
                    comment: note.clone(),
                },
            ));
            let key = vec![address, proto.clone(), ports];
            out.push(set(TARGET_RANGES.of(version), key, note.clone()));
            continue;
        }
        for (host, node) in publish.host_ports.iter().zip(publish.node_ports.iter()) {
            let mut key = vec![proto.clone(), Value::Port(host)];
            let map = match publish.host_address {
                Some(at) => {
                    key.insert(0, Value::address(at));
                    PORTS_AT.of(version)
                }
                None => PORTS.of(version),
            };
            let value = vec![address.clone(), Value::Port(node)];
            out.push((
                map,
                Element {
                    key,
                    value,
                    comment: note.clone(),
                },
            ));
            let key = vec![address.clone(), proto.clone(), Value::Port(node)];
            out.push(set(TARGETS.of(version), key, None));
        }
    }
    out
}

fn source(publish: &Publish) -> String {
    purpose::place(&publish.place.key, &publish.place)
}
