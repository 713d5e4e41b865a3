//! The observation that results when all of a project is built, made from its target. It is used
//! for plans that start from a project that is up, like the script that removes one, and for tests:
//! a plan against it has no steps.

use std::collections::BTreeMap;

use hallway_spec::{Joined, NetnsName};

use crate::compare::MACVLAN_BRIDGE;
use crate::exit::SeenProgram;
use crate::firewall_accepts::{FIREWALL_CHAINS, passes};
use crate::mark;
use crate::observed::{
    Dropping, FileAccess, NamespaceState, Observed, PresentNamespace, Seen, SeenAddress, SeenEntry,
    SeenFile, SeenFiles, SeenJoined, SeenKeeper, SeenLink, SeenNamespace, SeenRoute, SeenSpace,
    SeenTable,
};
use crate::rules::{Guarded, ruleset};
use crate::settled::{InterfaceRef, Plug, Settled};
use crate::target::{Link, LinkRole, MAIN_TABLE, Route, RouteKind, Space, Target, listeners};

/// The first interface index of the nodes: here no index is used twice.
const INSIDE: u32 = 1_000_000;
/// The first interface index of links of other programs.
const PARENTS: u32 = 900_000;
const DEFAULT_MTU: u32 = 1500;

/// The kernel's view, and inode numbers for the namespaces by name.
#[must_use]
pub fn built(settled: &Settled) -> (Observed, Vec<(NetnsName, u64)>) {
    let target = Target::of(settled);
    let mut host = space(&target.host, 1);
    parents(settled, &mut host);
    let mut insides = Vec::new();
    let mut first = INSIDE;
    for (node, of) in settled.nodes.iter().zip(&target.nodes) {
        let mut inside = space(&of.space, first);
        first += of.space.links.len() as u32;
        for interface in &node.interfaces {
            match &interface.plug {
                Plug::Port { link, .. } => {
                    connect(&mut host, link, &mut inside, &interface.name);
                }
                Plug::Macvlan { network } => {
                    let parent = settled.network(network).and_then(|n| n.parent());
                    let parent = parent.and_then(|p| host.link(p));
                    let made = inside.links.iter_mut().find(|l| l.name == interface.name);
                    if let (Some(made), Some(parent)) = (made, parent) {
                        made.peer = Some(parent.index);
                        made.mtu = interface.mtu.unwrap_or(parent.mtu);
                    }
                }
                Plug::Cable => {}
            }
        }
        insides.push(inside);
    }
    cables(settled, &mut insides);
    let (namespaces, joined) = by_owner(settled, insides);
    let inodes = (1..)
        .zip(&namespaces)
        .map(|(inode, n)| (n.name.clone(), inode))
        .collect();
    let table = |bridge_family| SeenTable {
        project: settled.project.clone(),
        bridge_family,
        forwarding4: Vec::new(),
        forwarding6: Vec::new(),
    };
    let tables = vec![table(false), table(true)];
    let rules = Seen::Present(ruleset(settled));
    let keeper = Seen::Present(keeper(settled));
    (
        Observed {
            unclaimed: Default::default(),
            entries: entries(settled),
            host,
            namespaces,
            joined,
            noted: Vec::new(),
            in_use: Vec::new(),
            tables,
            rules,
            guard: Seen::Present(Guarded::of(settled, &[], |_| false).ruleset(&settled.project)),
            keeper,
            files: Seen::Present(files(settled)),
        },
        inodes,
    )
}

/// The files of nodes, on a host without name servers.
fn files(settled: &Settled) -> SeenFiles {
    let (of_host, access) = (String::new(), FileAccess::default());
    let files = |texts: BTreeMap<String, String>| {
        let file = |(name, text)| (name, SeenFile { text, access });
        texts.into_iter().map(file).collect()
    };
    SeenFiles {
        hosts: files(crate::hosts::files(settled)),
        resolv: files(crate::resolv::files(settled, &of_host)),
        of_host,
        access,
    }
}

/// The links of other programs that macvlan interfaces and VLANs are of.
fn parents(settled: &Settled, host: &mut SeenSpace) {
    for network in settled.networks.iter().filter(|n| n.parent().is_some()) {
        let vlan = network.vlan.as_ref().map(|v| v.parent.as_str());
        let Some(name) = vlan.or(network.parent()) else {
            continue;
        };
        if host.link(name).is_none() {
            host.links.push(SeenLink {
                index: PARENTS + host.links.len() as u32,
                name: name.to_owned(),
                up: true,
                ..SeenLink::default()
            });
        }
    }
}

/// The accepts in other firewalls.
fn entries(settled: &Settled) -> Vec<SeenEntry> {
    let wanted = FIREWALL_CHAINS.into_iter();
    let wanted = wanted.filter(|e| settled.allow_through.contains(&e.firewall));
    let accepts = || {
        passes(settled)
            .into_iter()
            .map(|pass| (settled.project.clone(), pass, 0))
    };
    wanted
        .map(|entry| SeenEntry {
            entry,
            accepts: accepts().collect(),
        })
        .collect()
}

/// What nodes hold, in the order of the nodes, as entries of /run/netns with the inode numbers 1, 2, …,
/// and as the namespaces that nodes join.
fn by_owner(
    settled: &Settled,
    insides: Vec<SeenSpace>,
) -> (Vec<SeenNamespace>, BTreeMap<Joined, SeenJoined>) {
    let (mut own, mut joined) = (Vec::new(), BTreeMap::new());
    for (node, inside) in settled.nodes.iter().zip(insides) {
        match (&node.joined, node.netns.name()) {
            (Some(of), _) => {
                let present = PresentNamespace {
                    netns: node.netns.clone(),
                    inode: of.inode,
                    is_host: false,
                    inside,
                };
                let present = SeenJoined::Present(Box::new(present));
                joined.insert(of.reference.clone(), present);
            }
            (None, Some(name)) => own.push(SeenNamespace {
                name: name.clone(),
                state: NamespaceState::Mounted(own.len() as u64 + 1),
                owner: Some((settled.project.clone(), node.name.clone())),
                inside: Seen::Present(inside),
            }),
            (None, None) => {}
        }
    }
    (own, joined)
}

fn keeper(settled: &Settled) -> SeenKeeper {
    SeenKeeper {
        programs: settled
            .programs()
            .map(|p| (p.name.to_string(), SeenProgram::Runs))
            .collect(),
        listeners: listeners(settled).collect(),
    }
}

fn space(wanted: &Space, first: u32) -> SeenSpace {
    let mut out = SeenSpace {
        settings: wanted.settings.iter().copied().collect(),
        sysctls: wanted.sysctls.clone(),
        rules: wanted.rules.clone().map_or(Seen::Absent, Seen::Present),
        routing_rules: Seen::Present(wanted.routing_rules.iter().copied().collect()),
        ..SeenSpace::default()
    };
    for (link, index) in wanted.links.iter().zip(first..) {
        let address = |net: &ipnet::IpNet| SeenAddress {
            secondary: false,
            fault: None,
            interface: index,
            net: *net,
            peer: None,
        };
        out.addresses.extend(link.addresses.iter().map(address));
        out.links.push(self::link(link, index));
    }
    for position in 0..out.links.len() {
        let master = wanted
            .links
            .get(position)
            .and_then(|l| l.master.clone().flatten());
        let index = master.and_then(|name| Some(out.link(&name)?.index));
        if let Some(link) = out.links.get_mut(position) {
            link.master = index;
        }
    }
    out.routes = wanted
        .routes
        .iter()
        .chain(&wanted.kernel_routes())
        .map(|r| route(r, &out))
        .collect();
    out
}

fn link(wanted: &Link, index: u32) -> SeenLink {
    SeenLink {
        xdp: None,
        other_names: Vec::new(),
        index,
        name: wanted.name.clone(),
        kind: match wanted.role {
            LinkRole::Bridge => Some("bridge".into()),
            LinkRole::Port | LinkRole::Interface | LinkRole::Cable => Some("veth".into()),
            LinkRole::Macvlan => Some("macvlan".into()),
            LinkRole::Vlan => Some("vlan".into()),
            LinkRole::Loopback | LinkRole::Parent => None,
        },
        alias: wanted.alias.clone(),
        group: wanted.group.unwrap_or(0),
        master: None,
        up: true,
        no_arp: false,
        no_multicast: false,
        mac: wanted.mac,
        mtu: wanted.mtu.unwrap_or(DEFAULT_MTU),
        peer: None,
        vlan: None,
        macvlan_mode: (wanted.role == LinkRole::Macvlan).then_some(MACVLAN_BRIDGE),
        port: wanted.port.iter().copied().collect(),
        nf_call: wanted.nf_call.map(|on| (on, on)),
        group_learning: wanted.group_learning,
        ageing_time: None,
        max_learned: None,
        bridge: wanted.bridge.iter().copied().collect(),
        kernel_address: Some(!wanted.no_kernel_address),
        shaping: Some(wanted.shaping),
        settings: wanted.settings.iter().copied().collect(),
    }
}

fn route(wanted: &Route, space: &SeenSpace) -> SeenRoute {
    let (interface, via, protocol) = match &wanted.kind {
        RouteKind::Unreachable => (None, None, mark::ROUTE_PROTOCOL),
        RouteKind::Link { link, via, origin } => {
            let index = space.link(link).map(|l| l.index);
            (index, *via, origin.protocol())
        }
    };
    SeenRoute {
        to: wanted.to,
        interface,
        protocol,
        unreachable: wanted.kind == RouteKind::Unreachable,
        table: MAIN_TABLE,
        metric: wanted.metric(),
        via,
        source: None,
        drops: (wanted.kind == RouteKind::Unreachable).then_some(Dropping::Unreachable),
        limited: false,
        no_carrier: false,
        dead: false,
        further: None,
        multipath: false,
    }
}

fn cables(settled: &Settled, insides: &mut [SeenSpace]) {
    for cable in &settled.cables {
        let position = |end: &InterfaceRef| settled.nodes.iter().position(|n| n.name == end.node);
        let (Some(a), Some(b)) = (position(&cable.a), position(&cable.b)) else {
            continue;
        };
        let index = |at: usize, name: &str| Some(insides.get(at)?.link(name)?.index);
        let (of_a, of_b) = (index(a, &cable.a.interface), index(b, &cable.b.interface));
        set_peer(insides.get_mut(a), &cable.a.interface, of_b);
        set_peer(insides.get_mut(b), &cable.b.interface, of_a);
    }
}

fn set_peer(inside: Option<&mut SeenSpace>, name: &str, peer: Option<u32>) {
    if let Some(space) = inside
        && let Some(link) = space.links.iter_mut().find(|l| l.name == name)
    {
        link.peer = peer;
    }
}

fn connect(host: &mut SeenSpace, outer: &str, inside: &mut SeenSpace, inner: &str) {
    let outer = host.links.iter_mut().find(|l| l.name == outer);
    let inner = inside.links.iter_mut().find(|l| l.name == inner);
    if let (Some(outer), Some(inner)) = (outer, inner) {
        outer.peer = Some(inner.index);
        inner.peer = Some(outer.index);
    }
}
