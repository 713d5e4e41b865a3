//! Nodes: namespaces, the veth pairs that lead into them, and what is configured inside.

use hallway_spec::Name;
use ipnet::IpNet;

use super::Script;
use super::host::{LEAST_MTU6, add_address, forward, ip, no_own_address, refuse_advertisements};
use super::quote::{key, mac, quote};
use crate::bandwidth;
use crate::mark::{self, Role};
use crate::settled::{Interface, Route};
use crate::step::{CableEnd, Port};

pub(super) fn create_namespace(
    script: &mut Script<'_>,
    node: &Name,
    netns: &str,
    ipv6: bool,
    forwarding: bool,
) {
    script.explain(&[
        "A network namespace has links, addresses, routes and rules of its own: it is all that a",
        "container is to the network. ip netns keeps it under a name in /run/netns.",
    ]);
    let name = quote(netns);
    script.line(&format!("ip netns add {name}"));
    let run = format!("ip netns exec {name} sysctl -q -e -w");
    if ipv6 {
        script.line(&format!("{run} {}=0", key(6, "default", "accept_ra")));
    } else {
        script.explain(&["No IPv6 on interfaces to come: this node has no such address."]);
        script.line(&format!("{run} {}=1", key(6, "default", "disable_ipv6")));
    }
    script.explain(&[
        "New namespaces take this setting from the machine's first one; a node is no router because",
        "the machine is.",
    ]);
    set_forwarding(script, netns, forwarding, ipv6);
    let alias = mark::alias(script.project(), &Role::Node(node.clone()));
    script.line(&format!(
        "ip -n {name} link set dev lo alias {} up",
        quote(&alias)
    ));
}

pub(super) fn set_forwarding(script: &mut Script<'_>, netns: &str, on: bool, ipv6: bool) {
    let run = format!("ip netns exec {} sysctl -q", quote(netns));
    let value = u8::from(on);
    script.line(&format!("{run} -w net.ipv4.ip_forward={value}"));
    if on && ipv6 {
        script.line(&format!("{run} -e -w {}=1", key(6, "all", "forwarding")));
    }
}

pub(super) fn remove_namespace(script: &mut Script<'_>, netns: &str) {
    script.explain(&["A namespace goes with all that is in it, once no process is inside."]);
    script.line(&format!("ip netns delete {}", quote(netns)));
}

pub(super) fn remove_interface(script: &mut Script<'_>, netns: &str, name: &str) {
    script.line(&format!(
        "ip -n {} link delete dev {}",
        quote(netns),
        quote(name)
    ));
}

pub(super) fn create_port(script: &mut Script<'_>, port: &Port) {
    script.explain(&[
        "A veth pair is a cable: what goes in at one end comes out at the other. This end stays on",
        "the host, in its network's group; the other is made inside the node.",
    ]);
    let link = quote(&port.link);
    let mtu = mtu(&port.interface);
    let master = port
        .bridge
        .as_ref()
        .map_or_else(String::new, |b| format!(" master {}", quote(b)));
    script.line(&format!(
        "ip link add name {link} group {}{mtu}{master} type veth peer name {} address {}{mtu} netns {}",
        port.group,
        quote(&port.interface.name),
        mac(port.interface.mac),
        quote(&port.netns)
    ));
    let role = Role::Port(port.node.clone(), port.interface.name.clone());
    let alias = mark::alias(script.project(), &role);
    script.line(&format!("ip link set dev {link} alias {}", quote(&alias)));
    if port.interface.mtu.is_none_or(|m| m >= LEAST_MTU6) {
        no_own_address(script, "ip", &link);
    }
    if port.bridge.is_some() {
        script.explain(&[
            "A node may ask for its own published port: the answer goes back by the port it came from.",
        ]);
        script.line(&format!("bridge link set dev {link} hairpin on"));
    }
    script.line(&format!("ip link set dev {link} up"));
    bandwidth(script, "tc", &link, &port.interface);
    if !port.gateways.is_empty() {
        routed(script, port, &link);
    }
    configure(script, &port.netns, &port.interface);
    for route in &port.routes {
        add_route(script, &port.netns, &port.interface.name, route);
    }
}

/// The host's end of a port of a routed network.
fn routed(script: &mut Script<'_>, port: &Port, link: &str) {
    script.explain(&[
        "This network has no bridge: the host has its address on every port, and a route to each node.",
    ]);
    for gateway in &port.gateways {
        add_address(script, "ip", link, &IpNet::from(*gateway));
        if gateway.is_ipv6() {
            let own = mark::link_local(mark::mac(&[&port.link]));
            add_address(script, "ip", link, &own);
        }
    }
    for address in &port.interface.addresses {
        script.line(&format!(
            "{} route add {} dev {link} proto {}",
            ip(matches!(address, IpNet::V6(_))),
            address.trunc(),
            mark::ROUTE_PROTOCOL
        ));
    }
    refuse_advertisements(script, &port.link);
    let v4 = port.gateways.iter().any(std::net::IpAddr::is_ipv4);
    let v6 = port.gateways.iter().any(std::net::IpAddr::is_ipv6);
    forward(script, &port.link, v4, v6);
}

pub(super) fn create_cable(script: &mut Script<'_>, a: &CableEnd, b: &CableEnd) {
    script.explain(&["A veth pair straight from node to node, which the host never sees."]);
    script.line(&format!(
        "ip -n {} link add name {} address {}{} type veth peer name {} address {}{} netns {}",
        quote(&a.netns),
        quote(&a.interface.name),
        mac(a.interface.mac),
        mtu(&a.interface),
        quote(&b.interface.name),
        mac(b.interface.mac),
        mtu(&b.interface),
        quote(&b.netns)
    ));
    for end in [a, b] {
        configure(script, &end.netns, &end.interface);
    }
    for end in [a, b] {
        for route in &end.routes {
            add_route(script, &end.netns, &end.interface.name, route);
        }
    }
}

fn mtu(interface: &Interface) -> String {
    interface
        .mtu
        .map_or_else(String::new, |m| format!(" mtu {m}"))
}

/// Brings an interface up with its addresses.
fn configure(script: &mut Script<'_>, netns: &str, interface: &Interface) {
    let at = format!("ip -n {}", quote(netns));
    let name = quote(&interface.name);
    let ipv6 = interface
        .addresses
        .iter()
        .any(|a| matches!(a, IpNet::V6(_)))
        && interface.mtu.is_none_or(|m| m >= LEAST_MTU6);
    if ipv6 {
        no_own_address(script, &at, &name);
    }
    script.line(&format!("{at} link set dev {name} up"));
    if ipv6 {
        add_address(script, &at, &name, &mark::link_local(interface.mac));
    }
    for address in &interface.addresses {
        add_address(script, &at, &name, address);
    }
    bandwidth(script, &format!("tc -n {}", quote(netns)), &name, interface);
}

fn bandwidth(script: &mut Script<'_>, tc: &str, link: &str, interface: &Interface) {
    if let Some(limit) = interface.bandwidth {
        script
            .explain(&["Each end limits what it sends, by a token bucket: both ways are limited."]);
        let bucket = bandwidth::bucket(limit);
        script.line(&format!(
            "{tc} qdisc replace dev {link} root tbf rate {}bit burst {} limit {}",
            bucket.rate.saturating_mul(8),
            bucket.burst,
            bucket.queue
        ));
    }
}

pub(super) fn add_route(script: &mut Script<'_>, netns: &str, interface: &str, route: &Route) {
    let via = route.via.map_or_else(String::new, |v| format!(" via {v}"));
    script.line(&format!(
        "{} -n {} route add {}{via} dev {} proto static",
        ip(matches!(route.to, IpNet::V6(_))),
        quote(netns),
        destination(route),
        quote(interface)
    ));
}

pub(super) fn remove_route(script: &mut Script<'_>, netns: &str, route: &Route) {
    let via = route.via.map_or_else(String::new, |v| format!(" via {v}"));
    script.line(&format!(
        "{} -n {} route del {}{via}",
        ip(matches!(route.to, IpNet::V6(_))),
        quote(netns),
        destination(route)
    ));
}

fn destination(route: &Route) -> String {
    if route.to.prefix_len() == 0 {
        "default".into()
    } else {
        route.to.trunc().to_string()
    }
}
