//! Which elements each thing contributes: one network, one endpoint, one published port. What
//! an attach adds and a detach removes is exactly one endpoint's elements, whatever else there is.

use std::net::IpAddr;

use hallway_spec::{Mode, Protocol};
use ipnet::IpNet;

use super::ir::{Element, Item};
use crate::settled::{Network, Node, Publish, Settled, Subnet};

/// IPPROTO_TCP and IPPROTO_UDP.
#[must_use]
pub fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    }
}

/// An element with the set it belongs to. Sets of the bridge table start with `port_`.
pub type Placed = (&'static str, Element);

fn set(name: &'static str, key: Vec<Item>, comment: Option<String>) -> Placed {
    (
        name,
        Element {
            key,
            value: Vec::new(),
            comment,
        },
    )
}

fn address_item(address: IpAddr) -> Item {
    match address {
        IpAddr::V4(a) => Item::V4(a),
        IpAddr::V6(a) => Item::V6(a),
    }
}

pub(super) fn net_item(net: IpNet) -> Item {
    match net {
        IpNet::V4(n) => Item::V4Net(n),
        IpNet::V6(n) => Item::V6Net(n),
    }
}

/// A network's own elements.
#[must_use]
pub fn of_network(network: &Network) -> Vec<Placed> {
    let mut out = Vec::new();
    if network.outside {
        return out;
    }
    let note = Some(format!("networks.{}", network.name));
    let group = Item::Group(network.group);
    out.push(set("nets", vec![group.clone()], note.clone()));
    out.push(set(
        "intra",
        vec![group.clone(), group.clone()],
        note.clone(),
    ));
    if !network.internal {
        out.push(set("egress", vec![group.clone()], note.clone()));
    }
    for Subnet { net, .. } in &network.subnets {
        let (nets, hairpin) = match net {
            IpNet::V4(_) => ("net4", "hair4"),
            IpNet::V6(_) => ("net6", "hair6"),
        };
        out.push(set(nets, vec![net_item(*net)], note.clone()));
        out.push(set(
            hairpin,
            vec![Item::GroupOrdered(network.group), net_item(*net)],
            note.clone(),
        ));
    }
    out
}

/// The guards of one node: on every network it is on, packets may carry any address the node
/// has on networks (replies may leave by another interface than requests came in by), and
/// nobody else's.
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
                "ports",
                vec![Item::Ifname(link.to_owned())],
                note.clone(),
            ));
            let key = vec![Item::Ifname(link.to_owned()), Item::Ether(interface.mac)];
            out.push(set("port_mac", key, note.clone()));
        }
        for address in &addresses {
            let v4 = address.is_ipv4();
            let key = vec![Item::Ifname(inet.to_owned()), address_item(*address)];
            out.push(set(if v4 { "ep4" } else { "ep6" }, key, note.clone()));
            if bridged {
                let key = vec![Item::Ifname(link.to_owned()), address_item(*address)];
                out.push(set(
                    if v4 { "port_ip4" } else { "port_ip6" },
                    key,
                    note.clone(),
                ));
            }
        }
    }
    out
}

/// Most elements one published range may need when host and node ports differ.
const EACH: fn(&Publish) -> bool =
    |p| p.host_ports != p.node_ports || p.host_ports.len() == 1 || p.host_address.is_some();

/// A published port's map elements and the destinations they open.
#[must_use]
pub fn of_publish(publish: &Publish) -> Vec<Placed> {
    let mut out = Vec::new();
    let proto = Item::Proto(protocol_number(publish.protocol));
    let note = Some(source(publish));
    for target in &publish.targets {
        let v4 = target.is_ipv4();
        let address = address_item(*target);
        if !EACH(publish) {
            let ports = Item::Ports(publish.host_ports.first(), publish.host_ports.last());
            out.push((
                if v4 { "pubr4" } else { "pubr6" },
                Element {
                    key: vec![proto.clone(), ports.clone()],
                    value: vec![address.clone()],
                    comment: note.clone(),
                },
            ));
            let key = vec![address, proto.clone(), ports];
            out.push(set(if v4 { "dstr4" } else { "dstr6" }, key, note.clone()));
            continue;
        }
        for (host, node) in publish.host_ports.iter().zip(publish.node_ports.iter()) {
            let mut key = vec![proto.clone(), Item::Port(host)];
            let map = match (publish.host_address, v4) {
                (Some(at), _) => {
                    key.insert(0, address_item(at));
                    if v4 { "pubip4" } else { "pubip6" }
                }
                (None, true) => "pub4",
                (None, false) => "pub6",
            };
            let value = vec![address.clone(), Item::Port(node)];
            out.push((
                map,
                Element {
                    key,
                    value,
                    comment: note.clone(),
                },
            ));
            let key = vec![address.clone(), proto.clone(), Item::Port(node)];
            out.push(set(if v4 { "dst4" } else { "dst6" }, key, None));
        }
    }
    out
}

fn source(publish: &Publish) -> String {
    match publish.place.line {
        0 => publish.place.key.clone(),
        line => format!("{} line {line}", publish.place.key),
    }
}
