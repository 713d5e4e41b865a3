//! Objects in a node's namespace: loopback, interfaces, routes, settings.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    Initial, Link, LinkRole, NodeTarget, Route, RouteKind, RouteOrigin, RoutingRule, Setting, Space,
};
use crate::mark::{self, Role};
use crate::rules::router;
use crate::settled::{Interface, Node, Plug, Settled};
use crate::shaping::Shaping;
use hallway_spec::IpVersion;
use ipnet::{IpNet, Ipv4Net};

/// The MTU that the kernel gives a loopback, in bytes (loopback_setup in drivers/net/loopback.c).
const LOOPBACK_MTU: u32 = 64 * 1024;

/// What a node's namespace must hold.
pub(super) fn target(settled: &Settled, node: &Node) -> NodeTarget {
    let mut space = Space {
        settings: settings(node),
        sysctls: node.sysctls.clone(),
        rules: router::ruleset(&settled.project, node),
        // Those of a namespace of other programs may be theirs.
        routing_rules: match node.joined {
            None => RoutingRule::of_node(node.ipv6),
            Some(_) => &[],
        },
        ..Space::default()
    };
    if node.joined.is_none() {
        space.links.push(loopback(settled, node));
    }
    space
        .links
        .extend(node.interfaces.iter().map(|i| interface(node, i)));
    space.routes.extend(node.routes.iter().filter_map(|route| {
        let link = node.interfaces.get(route.interface)?.name.clone();
        Some(Route {
            to: route.to,
            kind: RouteKind::Link {
                link,
                via: route.via,
                origin: RouteOrigin::Static,
            },
        })
    }));
    NodeTarget {
        node: node.name.clone(),
        netns: node.netns.clone(),
        space,
    }
}

/// A new namespace gets settings of the machine's first one; a node must not forward because the
/// machine does.
///
/// In a namespace of other programs, only what the file specifies is set.
fn settings(node: &Node) -> Vec<(Setting, u32)> {
    if node.joined.is_some() {
        let versions = IpVersion::ALL.into_iter();
        let used = versions.filter(|v| node.forwarding && (node.ipv6 || *v == IpVersion::V4));
        return used.map(|v| (Setting::Forwarding(v), 1)).collect();
    }
    let forwarding = u32::from(node.forwarding);
    let mut out = vec![(Setting::Forwarding(IpVersion::V4), forwarding)];
    if node.ipv6 {
        out.push((Setting::Forwarding(IpVersion::V6), forwarding));
        out.push((Setting::AcceptRa, 0));
    }
    out.push((Setting::DisableIpv6, u32::from(!node.ipv6)));
    out.extend(Initial::OF_NAMESPACE.map(Initial::wanted));
    out.retain(|(setting, _)| !is_of_file(node, *setting, None));
    out
}

/// Whether the file gives a setting a value: that one is compared instead.
fn is_of_file(node: &Node, setting: Setting, link: Option<&str>) -> bool {
    let key = || setting.key(link);
    !node.sysctls.is_empty() && node.sysctls.keys().any(|k| k.path() == key())
}

/// The addresses are those that the kernel gives it.
fn loopback(settled: &Settled, node: &Node) -> Link {
    let v4 = Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8);
    let (mut addresses, mut settings) = (vec![IpNet::V4(v4)], Vec::new());
    if node.ipv6 {
        addresses.push(IpNet::V6(Ipv6Addr::LOCALHOST.into()));
        settings.push((Setting::DisableIpv6, 0));
    }
    Link {
        name: "lo".into(),
        role: LinkRole::Loopback,
        alias: Some(mark::alias(
            &settled.project,
            &Role::Node(node.name.clone()),
        )),
        group: None,
        master: None,
        mac: None,
        mtu: Some(LOOPBACK_MTU),
        port: Vec::new(),
        nf_call: None,
        group_learning: None,
        bridge: &[],
        no_kernel_address: false,
        addresses,
        shaping: Shaping::NONE,
        settings,
    }
}

fn interface(node: &Node, interface: &Interface) -> Link {
    let link_local = interface.link_local();
    let addresses = interface.addresses.iter().copied().chain(link_local);
    Link {
        name: interface.name.clone(),
        role: match interface.plug {
            Plug::Port { .. } => LinkRole::Interface,
            Plug::Macvlan { .. } => LinkRole::Macvlan,
            Plug::Cable => LinkRole::Cable,
        },
        alias: None,
        group: None,
        master: Some(None),
        mac: Some(interface.mac),
        mtu: interface.mtu,
        port: Vec::new(),
        nf_call: None,
        group_learning: None,
        bridge: &[],
        no_kernel_address: link_local.is_some(),
        addresses: addresses.collect(),
        shaping: Shaping::new(interface.bandwidth, &interface.impairments),
        settings: interface_settings(node, &interface.name),
    }
}

/// Settings that an interface gets from its namespace when it is created.
///
/// In a namespace of other programs it gets them explicitly.
fn interface_settings(node: &Node, name: &str) -> Vec<(Setting, u32)> {
    let mut out = vec![(
        Setting::Forwarding(IpVersion::V4),
        u32::from(node.forwarding),
    )];
    if node.ipv6 {
        // Where the whole namespace forwards, this of the link has no meaning.
        if !node.forwarding {
            out.push((Setting::Forwarding(IpVersion::V6), 0));
        }
        out.push((Setting::AcceptRa, 0));
    }
    out.push((Setting::DisableIpv6, u32::from(!node.ipv6)));
    let hop_limit = node.ipv6.then_some(Initial::HopLimit);
    let initial = Initial::of_link(true, node.ipv6).chain(hop_limit);
    out.extend(initial.map(Initial::wanted));
    out.retain(|(setting, _)| !is_of_file(node, *setting, Some(name)));
    out
}
