//! Which elements each thing contributes: one network, one endpoint, one published port. What
//! an attach adds and a detach removes is exactly one endpoint's elements, whatever else there is.

use std::net::IpAddr;

use hallway_nftables::{Element, IpVersion, Value};
use hallway_spec::{Mode, Protocol};
use ipnet::IpNet;

use super::purpose;
use super::sets::{
    BRIDGE_PORTS, Definition, EGRESS, HAIRPIN, INTRA, NETWORKS, PORT_ADDRESSES, PORT_MACS,
    PORT_RANGES, PORTS, PORTS_AT, PREFIXES, SOURCES, TARGET_RANGES, TARGETS,
};
use crate::settled::{Network, Node, Publish, Settled, Subnet};

/// IPPROTO_TCP and IPPROTO_UDP.
#[must_use]
pub fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    }
}

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
    if network.outside {
        return out;
    }
    let note = Some(format!("networks.{}", network.name));
    let group = Value::Group(network.group);
    out.push(set(&NETWORKS, vec![group.clone()], note.clone()));
    out.push(set(
        &INTRA,
        vec![group.clone(), group.clone()],
        note.clone(),
    ));
    if !network.internal {
        out.push(set(&EGRESS, vec![group.clone()], note.clone()));
    }
    for Subnet { net, .. } in &network.subnets {
        let version = version_of(net);
        out.push(set(
            PREFIXES.of(version),
            vec![Value::net(*net)],
            note.clone(),
        ));
        out.push(set(
            HAIRPIN.of(version),
            vec![group.clone(), Value::net(*net)],
            note.clone(),
        ));
    }
    out
}

/// The guards of one node: on every network it is on, packets may carry any address the node
/// has on networks (replies may leave by another interface than requests came in by), and
/// no other address.
#[must_use]
pub fn of_node(settled: &Settled, node: &Node) -> Vec<Placed> {
    let mut out = Vec::new();
    let addresses: Vec<IpAddr> = node.port_addresses().collect();
    for (interface, network, link) in node.ports() {
        let Some(network) = settled.network(network) else {
            continue;
        };
        if network.outside {
            continue;
        }
        let inet = network.bridge.as_deref().unwrap_or(link);
        let bridged = network.mode == Mode::Bridge;
        let note = Some(format!("nodes.{}", node.name));
        if bridged {
            out.push(set(
                &BRIDGE_PORTS,
                vec![Value::Ifname(link.to_owned())],
                note.clone(),
            ));
            let key = vec![Value::Ifname(link.to_owned()), Value::Ether(interface.mac)];
            out.push(set(&PORT_MACS, key, note.clone()));
        }
        for address in &addresses {
            let version = IpVersion::of(*address);
            let key = vec![Value::Ifname(inet.to_owned()), Value::address(*address)];
            out.push(set(SOURCES.of(version), key, note.clone()));
            if bridged {
                let key = vec![Value::Ifname(link.to_owned()), Value::address(*address)];
                out.push(set(PORT_ADDRESSES.of(version), key, note.clone()));
            }
        }
    }
    out
}

/// Whether each port of a published range needs an element of its own.
fn each_port(publish: &Publish) -> bool {
    publish.host_ports != publish.node_ports
        || publish.host_ports.len() == 1
        || publish.host_address.is_some()
}

/// A published port's map elements and the destinations they open.
#[must_use]
pub fn of_publish(publish: &Publish) -> Vec<Placed> {
    let mut out = Vec::new();
    let proto = Value::Proto(protocol_number(publish.protocol));
    let note = Some(source(publish));
    for target in &publish.targets {
        let version = IpVersion::of(*target);
        let address = Value::address(*target);
        if !each_port(publish) {
            let ports = Value::Ports(publish.host_ports.first(), publish.host_ports.last());
            out.push((
                PORT_RANGES.of(version),
                Element {
                    key: vec![proto.clone(), ports.clone()],
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
    purpose::place(&publish.place.key, publish.place.line)
}
