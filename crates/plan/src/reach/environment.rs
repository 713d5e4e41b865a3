//! What reachability depends on besides the file.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use hallway_nftables::{Ruleset, Table};
use hallway_spec::{IpVersion, Name};
use ipnet::IpNet;

use super::host_rules::{Diverted, HostRule, OwnRouting};
use super::packet::Flow;
use crate::observed::{Dropping, SourceRouting};

/// What reachability depends on besides the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Frames of every bridge pass the inet hooks (net.bridge.bridge-nf-call-iptables), not only
    /// those of networks whose policies need it.
    pub bridge_hooks: bool,
    /// The project is in a sandbox, or not; none if that is not known.
    pub in_sandbox: Option<bool>,
    /// There is a route to addresses outside the project's networks.
    pub uplink: bool,
    /// Addresses of the host besides those on the project's networks.
    pub host_addresses: Vec<IpAddr>,
    /// The routes of the host to addresses outside the project's networks; none if the host is not
    /// known.
    pub routes: Vec<HostNet>,
    /// Addresses of the host whose packets have routes of their own (`ip rule add from`). Replies of
    /// nodes do not follow them but for those in `source_routing`: they have the node's address while they are
    /// routed.
    pub policy_routed: Vec<IpNet>,
    /// Those whose routes replies of nodes follow.
    pub source_routing: SourceRouting,
    /// Networks of the project whose packets follow routes of other programs.
    pub diverted: Vec<Diverted>,
    /// Routing rules of the host before the one by which the table main is looked up, in their order.
    pub rules: Vec<HostRule>,
    /// Rules of the host that choose routes by the mark of a packet, which other programs set: in nft's
    /// and ip's words, with the IP version.
    pub marked: Vec<(IpVersion, String)>,
    /// Routes of other programs in the namespaces that nodes join, with the interfaces that packets leave by.
    pub own_routes: BTreeMap<Name, Vec<(IpNet, String)>>,
    /// The rules of other projects here.
    pub projects: Vec<Ruleset>,
    /// Tables of other programs with chains that packets pass.
    pub foreign: Vec<Table>,
    /// The keeper's guard exists, or will when the project is up.
    pub guarded: bool,
    /// The IP versions of which the host answers no echo requests (icmp_echo_ignore_all).
    pub no_echo: Vec<IpVersion>,
    /// The host answers no ARP request (net.ipv4.conf.all.arp_ignore is 8).
    pub no_arp: bool,
    /// The numbers of the host's links.
    pub indexes: BTreeMap<String, u32>,
    /// The reverse path filter that is in effect on each link of the host: 1 is strict, 2 is loose.
    pub rp_filter: BTreeMap<String, u32>,
    /// The links of addresses of the host by which machines outside may reach it.
    pub address_links: BTreeMap<IpAddr, String>,
    /// The links of the host that forward because of another program.
    pub forwarding: BTreeSet<(IpVersion, String)>,
    /// Protocol and place of the sockets by which programs of the host receive packets.
    pub served: Vec<(u8, SocketAddr)>,
    /// The links of the host whose packets a program of XDP gets first.
    pub xdp: BTreeSet<String>,
    /// What was read inside nodes; of others, only what the file says is known.
    pub inside: BTreeMap<Name, Inside>,
}

/// What was read in the namespace of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inside {
    /// The reverse path filter that is in effect on each interface: 1 is strict, 2 is loose.
    pub rp_filter: BTreeMap<String, u32>,
    /// Its addresses, those of its programs too.
    pub addresses: Vec<IpAddr>,
    /// The same with their prefixes, by interface.
    pub on: Vec<(String, IpNet)>,
    /// Tables that are not hallway's with chains that packets pass.
    pub tables: Vec<Table>,
    /// The numbers of its links.
    pub indexes: BTreeMap<String, u32>,
    /// Its links whose packets a program of XDP gets first.
    pub xdp: BTreeSet<String>,
    /// Routes and routing rules that are neither of the kernel nor of the file.
    pub routing: Vec<OwnRouting>,
}

/// A route of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostNet {
    /// The destination.
    pub to: IpNet,
    /// The link that packets leave by, with its device group; none where the route drops them.
    pub link: Option<(String, u32)>,
    /// By a router there, not straight to the destination.
    pub via: bool,
    /// How the route drops packets, if it does.
    pub drops: Option<Dropping>,
    /// The link has no carrier.
    pub no_carrier: bool,
}

impl Default for Environment {
    /// A host with an uplink, and nothing else known of it.
    fn default() -> Self {
        Self {
            bridge_hooks: false,
            in_sandbox: None,
            uplink: true,
            host_addresses: Vec::new(),
            routes: Vec::new(),
            policy_routed: Vec::new(),
            source_routing: SourceRouting::default(),
            diverted: Vec::new(),
            rules: Vec::new(),
            marked: Vec::new(),
            own_routes: BTreeMap::new(),
            projects: Vec::new(),
            foreign: Vec::new(),
            guarded: true,
            no_echo: Vec::new(),
            no_arp: false,
            indexes: BTreeMap::new(),
            rp_filter: BTreeMap::new(),
            address_links: BTreeMap::new(),
            forwarding: BTreeSet::new(),
            served: Vec::new(),
            xdp: BTreeSet::new(),
            inside: BTreeMap::new(),
        }
    }
}

impl Environment {
    /// The route of other programs by which a node sends what is for an address; of equal ones, the first.
    pub(super) fn own_route(&self, node: &Name, to: IpAddr) -> Option<&(IpNet, String)> {
        let fits = self.own_routes.get(node)?.iter().rev();
        fits.filter(|(net, _)| net.contains(&to))
            .max_by_key(|(net, _)| net.prefix_len())
    }

    /// Whether replies to an address may not follow the routes that the host has for packets from another.
    pub(super) fn misses_routes_of(&self, asked: IpAddr, to: IpAddr) -> bool {
        let known = self.source_routing.addresses.contains(&asked)
            || self.source_routing.near.iter().any(|net| net.contains(&to));
        !known && self.policy_routed.iter().any(|net| net.contains(&asked))
    }

    /// The route of the host to an address; of equal ones, the first.
    pub(super) fn route(&self, to: IpAddr) -> Option<&HostNet> {
        let fits = self.routes.iter().filter(|r| r.to.contains(&to));
        fits.rev().max_by_key(|r| r.to.prefix_len())
    }

    /// Whether a program of the host receives these packets.
    pub(super) fn serves(&self, flow: &Flow) -> bool {
        let takes = |own: IpAddr| {
            own == flow.to || own.is_unspecified() && (own.is_ipv6() || flow.to.is_ipv4())
        };
        let fits = |(protocol, at): &(u8, SocketAddr)| {
            *protocol == flow.protocol && at.port() == flow.port && takes(at.ip())
        };
        flow.has_ports() && self.served.iter().any(fits)
    }

    /// Another address of the link on which the host has an address.
    pub(super) fn neighbour(&self, of: IpAddr) -> Option<IpAddr> {
        let on_link = self.route(of).filter(|r| !r.via && r.link.is_some())?;
        let mut all = on_link.to.hosts().skip(1);
        all.find(|a| *a != of && !self.host_addresses.contains(a))
    }

    /// The link by which the host sends packets to addresses outside the project's networks, with
    /// its device group; `None` without a route.
    pub(super) fn uplink(&self, to: IpAddr) -> Option<(&str, u32)> {
        if self.routes.is_empty() {
            return self.uplink.then_some(("uplink", 0));
        }
        let link = self.route(to)?.link.as_ref();
        link.map(|(name, group)| (name.as_str(), *group))
    }
}
