//! What the kernel must hold for a project: every object, with every attribute that hallway sets.
//!
//! A [`Target`] is made from a [`Settled`](crate::Settled) topology and has no choices left. Observation is
//! compared with it ([`crate::compare`]). Hallway neither examines nor changes an attribute that is
//! not in it.

mod flags;
mod host;
mod keeper;
mod node;
mod setting;
mod whole;

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use hallway_nftables::Ruleset;
use hallway_spec::{IpVersion, Name, NetnsRef, SysctlKey};
use ipnet::{IpNet, Ipv6Net};

use crate::mark;
use crate::shaping::Shaping;

pub use flags::{BridgeFlag, PortFlag};
pub use keeper::{Listener, listeners, localhost, on_machine};
pub use setting::{Initial, Setting};

/// Every kernel object of a project except its nf_tables tables: see [`crate::rules`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Objects in the namespace that holds the bridges.
    pub host: Space,
    /// Objects in the nodes' namespaces.
    pub nodes: Vec<NodeTarget>,
}

/// A node's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTarget {
    /// The node.
    pub node: Name,
    /// The namespace.
    pub netns: NetnsRef,
    /// What it holds.
    pub space: Space,
}

/// Objects of one network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Space {
    /// Links, with their addresses and settings.
    pub links: Vec<Link>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Settings of the namespace itself.
    pub settings: Vec<(Setting, u32)>,
    /// Further settings, from the file.
    pub sysctls: BTreeMap<SysctlKey, String>,
    /// The table of a node that translates addresses.
    pub rules: Option<Ruleset>,
    /// The routing rules that the kernel gives a new namespace.
    pub routing_rules: &'static [RoutingRule],
}

impl Space {
    /// The routes that the kernel adds itself: with the addresses of links to their subnets, and with
    /// IPv6 on a link to multicast addresses.
    #[must_use]
    pub fn kernel_routes(&self) -> Vec<Route> {
        let route = |link: &Link, to, origin| {
            let (link, via) = (link.name.clone(), None);
            let kind = RouteKind::Link { link, via, origin };
            Route { to, kind }
        };
        let mut out = Vec::new();
        for link in self.links.iter().filter(|l| l.role != LinkRole::Loopback) {
            let nets = link.addresses.iter();
            let nets = nets.filter(|net| net.prefix_len() < net.max_prefix_len());
            out.extend(
                nets.map(|net| route(link, net.trunc(), RouteOrigin::Connected(net.addr()))),
            );
            if link.addresses.iter().any(|net| net.addr().is_ipv6()) {
                out.push(route(link, IpNet::V6(MULTICAST), RouteOrigin::Multicast));
            }
        }
        out
    }
}

/// Every IPv6 multicast address (RFC 4291, section 2.7).
const MULTICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8);

/// Whether it is the destination of the routes to IPv6 multicast addresses.
pub(crate) fn is_multicast(net: &IpNet) -> bool {
    *net == IpNet::V6(MULTICAST)
}

/// RT_TABLE_LOCAL, linux/rtnetlink.h: the table of the addresses of the namespace.
pub const LOCAL_TABLE: u32 = 255;
/// RT_TABLE_MAIN.
pub const MAIN_TABLE: u32 = 254;
/// RT_TABLE_DEFAULT.
pub const DEFAULT_TABLE: u32 = 253;

/// A routing rule without conditions: every packet's route is looked up in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoutingRule {
    /// IPv4 or IPv6.
    pub version: IpVersion,
    /// Lower is tried first.
    pub priority: u32,
    /// RT_TABLE_*, linux/rtnetlink.h.
    pub table: u32,
}

impl RoutingRule {
    /// Those of a new namespace: the tables local, main and default (fib_default_rules_init in
    /// net/ipv4/fib_rules.c, fib6_rules_net_init in net/ipv6/fib6_rules.c). IPv4 comes first.
    pub const INITIAL: &'static [Self] = &[
        Self::new(IpVersion::V4, 0, LOCAL_TABLE),
        Self::new(IpVersion::V4, 32766, MAIN_TABLE),
        Self::new(IpVersion::V4, 32767, DEFAULT_TABLE),
        Self::new(IpVersion::V6, 0, LOCAL_TABLE),
        Self::new(IpVersion::V6, 32766, MAIN_TABLE),
    ];

    const fn new(version: IpVersion, priority: u32, table: u32) -> Self {
        Self {
            version,
            priority,
            table,
        }
    }

    /// Those of [`Self::INITIAL`] that a node needs.
    pub(crate) fn of_node(ipv6: bool) -> &'static [Self] {
        match (ipv6, Self::INITIAL.split_at_checked(3)) {
            (false, Some((v4, _))) => v4,
            _ => Self::INITIAL,
        }
    }

    /// The table's name, as ip-rule(8) prints it.
    #[must_use]
    pub fn table_name(&self) -> &'static str {
        match self.table {
            LOCAL_TABLE => "local",
            MAIN_TABLE => "main",
            _ => "default",
        }
    }
}

/// The purpose of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkRole {
    /// The bridge of a network.
    Bridge,
    /// The host's end of a node's interface.
    Port,
    /// A node's interface on a network.
    Interface,
    /// A node's end of a cable.
    Cable,
    /// A node's interface that is a macvlan of a link of the host.
    Macvlan,
    /// The link of other programs that such interfaces are of.
    Parent,
    /// A VLAN that such interfaces are of.
    Vlan,
    /// A node's loopback.
    Loopback,
}

/// A link. `None` in an attribute means: not set by hallway, so not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its purpose.
    pub role: LinkRole,
    /// IFLA_IFALIAS: the mark of ownership.
    pub alias: Option<String>,
    /// IFLA_GROUP.
    pub group: Option<u32>,
    /// The bridge it is a port of: `Some(None)` for none.
    pub master: Option<Option<String>>,
    /// IFLA_ADDRESS.
    pub mac: Option<[u8; 6]>,
    /// IFLA_MTU, in bytes.
    pub mtu: Option<u32>,
    /// Its attributes as a bridge port; empty if it is none.
    pub port: Vec<(PortFlag, bool)>,
    /// IFLA_BR_NF_CALL_IPTABLES and IFLA_BR_NF_CALL_IP6TABLES.
    pub nf_call: Option<bool>,
    /// Whether a bridge learns from frames to the group addresses of bridges
    /// (BR_BOOLOPT_NO_LL_LEARN).
    pub group_learning: Option<bool>,
    /// Its attributes as a bridge; empty if it is none.
    pub bridge: &'static [(BridgeFlag, bool)],
    /// IN6_ADDR_GEN_MODE_NONE: the kernel adds no IPv6 address itself.
    pub no_kernel_address: bool,
    /// Addresses with their prefix lengths.
    pub addresses: Vec<IpNet>,
    /// What it does to the packets it sends.
    pub shaping: Shaping,
    /// Settings below `net/*/conf/LINK`.
    pub settings: Vec<(Setting, u32)>,
}

/// A route in the main table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Destination.
    pub to: IpNet,
    /// What happens to packets.
    pub kind: RouteKind,
}

/// IP6_RT_PRIO_USER and IP6_RT_PRIO_ADDRCONF (net/ip6_route.h).
const USER_METRIC: u32 = 1024;
const CONNECTED_METRIC: u32 = 256;

impl Route {
    /// The metric that the kernel sets: IPv4 routes have none.
    #[must_use]
    pub fn metric(&self) -> u32 {
        match (&self.kind, self.to) {
            (RouteKind::Unreachable, _) => mark::UNREACHABLE_METRIC,
            (RouteKind::Link { .. }, IpNet::V4(_)) => 0,
            (
                RouteKind::Link {
                    origin: RouteOrigin::Connected(_) | RouteOrigin::Multicast,
                    ..
                },
                IpNet::V6(_),
            ) => CONNECTED_METRIC,
            (RouteKind::Link { .. }, IpNet::V6(_)) => USER_METRIC,
        }
    }
}

/// What a route does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteKind {
    /// RTN_UNREACHABLE: packets are refused.
    Unreachable,
    /// Packets leave by this link.
    Link {
        /// The link's name.
        link: String,
        /// The next hop; none when the destination is on the link.
        via: Option<std::net::IpAddr>,
        /// Why it exists.
        origin: RouteOrigin,
    },
}

/// Why a route exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteOrigin {
    /// A route of a node, with the protocol of an administrator (RTPROT_STATIC).
    Static,
    /// Made for a port of a routed network, with hallway's route protocol.
    Hallway,
    /// Made by the kernel (RTPROT_KERNEL) with this address of the link, to the address's subnet.
    Connected(std::net::IpAddr),
    /// Made by the kernel with IPv6 on a link, in the table local.
    Multicast,
}

/// RTPROT_KERNEL and RTPROT_STATIC, linux/rtnetlink.h.
pub const BY_KERNEL: u8 = 2;
const STATIC: u8 = 4;

impl RouteOrigin {
    /// The number of the program that adds such a route (RTPROT_*).
    #[must_use]
    pub const fn protocol(self) -> u8 {
        match self {
            Self::Static => STATIC,
            Self::Hallway => mark::ROUTE_PROTOCOL,
            Self::Connected(_) | Self::Multicast => BY_KERNEL,
        }
    }
}
