//! Nodes: namespaces, their veth pairs, and the configuration inside.

use std::net::IpAddr;

use hallway_nftables::print::mac;
use hallway_plan::compare::ObjectPlace;
use hallway_plan::mark::{self, NEW_LINK};
use hallway_plan::step::{Announcement, CableEnd, NewMacvlan, NewNamespace, NewPort};
use hallway_plan::target::{Link, PortFlag, Route, RouteKind, RouteOrigin, Setting};
use hallway_spec::{IpVersion, NetnsName, NetnsRef};

use super::Script;
use super::entering::{run_in, within};
use super::filter;
use super::host::{add_address, alias, ip, mtu, no_own_address, set, settings, sysctl};
use super::quote::quote;
use super::shaping::shape;

pub(super) fn announce(script: &mut Script<'_>, new: &Announcement) {
    script.explain(&[
        "Neighbours keep the MAC address of an address for a while. hallway sends a gratuitous ARP request",
        "and an unsolicited neighbour advertisement; by hand it takes a program, so it is left to you:",
    ]);
    let interface = quote(&new.interface);
    let run = match &new.place {
        ObjectPlace::Host => String::new(),
        ObjectPlace::Node { netns, .. } => run_in(netns),
    };
    for address in &new.addresses {
        let program = match address {
            IpAddr::V4(_) => format!("arping -U -c 1 -I {interface} {address}"),
            IpAddr::V6(_) => format!("ndsend {address} {interface}"),
        };
        script.comment(&format!("{run}{program}"));
    }
}

pub(super) fn create_namespace(script: &mut Script<'_>, new: &NewNamespace) {
    script.explain(&[
        "A network namespace has links, addresses, routes and rules of its own: it is all that a",
        "container is to the network. ip netns keeps it under a name in /run/netns.",
    ]);
    let name = quote(new.netns.as_ref());
    script.line(&format!("ip netns add {name}"));
    let run = format!("ip netns exec {name} ");
    for (setting, value) in &new.settings {
        match setting {
            Setting::Forwarding(_) | Setting::ForcedForwarding | Setting::NewForwarding(_) => script.explain(&[
                "New namespaces take this setting from the machine's first one; a node does not forward",
                "because the machine does.",
            ]),
            Setting::DisableIpv6 if *value == 0 => continue, // what a namespace starts with
            Setting::DisableIpv6 => script.explain(&[
                "No IPv6 on new interfaces: this node has no IPv6 address.",
            ]),
            Setting::AcceptRa | Setting::Autoconf => {}
            Setting::Initial(_) => continue, // what the kernel gives a namespace
        }
        set(script, &run, *setting, None, *value);
    }
    for (key, value) in &new.sysctls {
        script.explain(&[
            "A program without capabilities may listen on every port of its node, and ping.",
        ]);
        sysctl(script, &run, key, value);
    }
    script.line(&format!(
        "ip -n {name} link set dev lo alias {} up",
        quote(&new.alias)
    ));
    if let Some(rules) = &new.rules {
        filter::inside(script, Some(&new.netns.clone().into()), rules);
    }
}

pub(super) fn remove_namespace(script: &mut Script<'_>, netns: &NetnsName) {
    script.explain(&["A namespace is removed with everything in it when no process is inside."]);
    script.line(&format!("ip netns delete {}", quote(netns.as_ref())));
}

pub(super) fn remove_interface(script: &mut Script<'_>, netns: &NetnsRef, name: &str) {
    let ip = within("ip", netns);
    script.line(&format!("{ip} link delete dev {}", quote(name)));
}

pub(super) fn create_port(script: &mut Script<'_>, port: &NewPort) {
    script.explain(&[
        "A veth pair is a cable: what goes in at one end comes out at the other. This end stays on",
        "the host, in its network's group; the other is made inside the node.",
    ]);
    let (outer, inner) = (&port.outer, &port.inner);
    let link = quote(&outer.name);
    let bridge = outer.master.as_ref().and_then(Option::as_ref);
    let master = bridge.map_or_else(String::new, |b| format!(" master {}", quote(b)));
    let own = outer
        .mac
        .map_or_else(String::new, |own| format!(" address {}", mac(&own)));
    script.line(&format!(
        "ip link add name {link}{own} group {}{}{master} type veth peer name {} address {}{} netns {}",
        outer.group.unwrap_or(0),
        mtu(outer),
        quote(&inner.name),
        mac(&inner.mac.unwrap_or_default()),
        mtu(inner),
        quote(&port.netns.to_string())
    ));
    alias(script, outer);
    if outer.no_kernel_address {
        no_own_address(script, "ip", &link);
    }
    let wants = |flag| outer.port.contains(&(flag, true));
    if wants(PortFlag::GroupForward) {
        script.explain(&[
            "A plain switch passes everything on: also frames to the group addresses of bridges (LACP, LLDP),",
            "all but pause frames.",
        ]);
        script.line(&format!(
            "ip link set dev {link} type bridge_slave group_fwd_mask 65533"
        ));
    }
    if wants(PortFlag::Hairpin) {
        script.explain(&[
            "A node may use its own published port: the packet goes back by the port it came in by.",
        ]);
        script.line(&format!("bridge link set dev {link} hairpin on"));
    }
    script.line(&format!("ip link set dev {link} up"));
    shape(script, "tc", &link, &outer.shaping);
    routed(script, port, &link);
    if port.joined {
        joined(script, &port.netns, inner);
    }
    configure(script, &port.netns, inner);
    for route in &port.inner_routes {
        add_route(script, Some(&port.netns), route);
    }
}

/// The host's end of a port of a routed network.
fn routed(script: &mut Script<'_>, port: &NewPort, link: &str) {
    if port.outer.addresses.is_empty() {
        return;
    }
    script.explain(&[
        "This network has no bridge: the host has its address on every port, and a route to each node.",
    ]);
    for address in &port.outer.addresses {
        add_address(script, "ip", link, address);
    }
    for route in &port.outer_routes {
        add_route(script, None, route);
    }
    settings(script, &port.outer);
}

pub(super) fn create_macvlan(script: &mut Script<'_>, new: &NewMacvlan) {
    script.explain(&[
        "A macvlan interface has a MAC address of its own on the wire of another interface: frames pass",
        "between it, its siblings and the wire, and none of the host's rules is about them. (Not every",
        "kernel can make it with a name that a link has here, so it gets its name inside.)",
    ]);
    let (end, parent) = (&new.end, quote(&new.parent));
    script.line(&format!(
        "ip link add link {parent} name {NEW_LINK} address {}{} netns {} type macvlan mode bridge",
        mac(&end.link.mac.unwrap_or_default()),
        mtu(&end.link),
        quote(&end.netns.to_string())
    ));
    script.line(&format!(
        "{} link set dev {NEW_LINK} name {}",
        within("ip", &end.netns),
        quote(&end.link.name)
    ));
    if end.joined {
        joined(script, &end.netns, &end.link);
    }
    configure(script, &end.netns, &end.link);
    for route in &end.routes {
        add_route(script, Some(&end.netns), route);
    }
}

pub(super) fn create_cable(script: &mut Script<'_>, a: &CableEnd, b: &CableEnd) {
    script.explain(&["A veth pair directly between two nodes; neither end is on the host."]);
    script.line(&format!(
        "{} link add name {} address {}{} type veth peer name {} address {}{} netns {}",
        within("ip", &a.netns),
        quote(&a.link.name),
        mac(&a.link.mac.unwrap_or_default()),
        mtu(&a.link),
        quote(&b.link.name),
        mac(&b.link.mac.unwrap_or_default()),
        mtu(&b.link),
        quote(&b.netns.to_string())
    ));
    for end in [a, b] {
        if end.joined {
            joined(script, &end.netns, &end.link);
        }
        configure(script, &end.netns, &end.link);
    }
    for end in [a, b] {
        for route in &end.routes {
            add_route(script, Some(&end.netns), route);
        }
    }
}

/// What an interface in a namespace of hallway's begins with.
fn joined(script: &mut Script<'_>, netns: &NetnsRef, link: &Link) {
    script.explain(&[
        "This namespace is another program's and stays as it is: what a new interface takes over from",
        "it is set for this one alone.",
    ]);
    let initial = |setting: &Setting| matches!(setting, Setting::Initial(_));
    for (setting, value) in link.settings.iter().filter(|(s, _)| !initial(s)) {
        set(script, &run_in(netns), *setting, Some(&link.name), *value);
    }
}

/// Sets an interface up with its addresses.
fn configure(script: &mut Script<'_>, netns: &NetnsRef, link: &Link) {
    let at = within("ip", netns);
    let name = quote(&link.name);
    if link.no_kernel_address {
        no_own_address(script, &at, &name);
    }
    script.line(&format!("{at} link set dev {name} up"));
    for address in &link.addresses {
        add_address(script, &at, &name, address);
    }
    let tc = within("tc", netns);
    shape(script, &tc, &name, &link.shaping);
}

pub(super) fn add_route(script: &mut Script<'_>, netns: Option<&NetnsRef>, route: &Route) {
    if let RouteKind::Link { link, via, origin } = &route.kind {
        let via = via.map_or_else(String::new, |v| format!(" via {v}"));
        let kind = match origin {
            RouteOrigin::Multicast => "multicast ",
            _ => "",
        };
        let (protocol, source) = match origin {
            RouteOrigin::Multicast => ("kernel".into(), " table local metric 256".into()),
            RouteOrigin::Hallway => (mark::ROUTE_PROTOCOL.to_string(), String::new()),
            RouteOrigin::Static => ("static".into(), String::new()),
            RouteOrigin::Connected(IpAddr::V4(source)) => {
                ("kernel".into(), format!(" scope link src {source}"))
            }
            RouteOrigin::Connected(IpAddr::V6(_)) => ("kernel".into(), " metric 256".into()),
        };
        let (command, to, link) = (command(netns, route), destination(route), quote(link));
        script.line(&format!(
            "{command} route replace {kind}{to}{via} dev {link} proto {protocol}{source}"
        ));
    }
}

pub(super) fn remove_route(script: &mut Script<'_>, netns: Option<&NetnsRef>, route: &Route) {
    if let RouteKind::Link { link, via, .. } = &route.kind {
        let via = via.map_or_else(String::new, |v| format!(" via {v}"));
        let (command, to, link) = (command(netns, route), destination(route), quote(link));
        script.line(&format!("{command} route del {to}{via} dev {link}"));
    }
}

fn command(netns: Option<&NetnsRef>, route: &Route) -> String {
    let ip = ip(IpVersion::of_net(&route.to));
    netns.map_or_else(|| ip.to_owned(), |netns| within(ip, netns))
}

fn destination(route: &Route) -> String {
    match route.to.prefix_len() {
        0 => "default".into(),
        _ => route.to.trunc().to_string(),
    }
}
