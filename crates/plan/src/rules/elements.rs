//! The elements of each object: one network, one endpoint, one published port. An attach adds, and
//! a detach removes, exactly the elements of one endpoint.

use std::net::IpAddr;

use hallway_nftables::{Element, IpVersion, Value};
use hallway_spec::Mode;
use ipnet::IpNet;

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
    QUOTED, ROUTED, ROUTED_PORTS, ROUTER_MACS, SOURCES, TARGET_RANGES, TARGETS, TRANSIT,
    WITHOUT_ADDRESS, WITHOUT_ADDRESS_ROUTED,
};
use super::{several_networks, share};
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
    let others = several_networks::of_node(settled, node).into_iter();
    out.extend(others.map(|(of, key)| set(of, key, note.clone())));
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
    let note = Some(format!("nodes.{}.ports", publish.node));
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
