//! A topology with no choices left: every address, interface name, MAC, device group and
//! route is decided. This is what is recorded, compared and carried out.

mod cable;
mod joined;
mod lans;
mod plug;
mod policy;
mod program;

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_spec::{
    Bandwidth, Impairments, IpVersion, Mode, Name, NetnsRef, Place, PortName, PortRange, Protocol,
    SysctlKey,
};
use ipnet::IpNet;

use crate::firewall::Firewall;
use crate::mark;

pub use cable::{Cable, InterfaceRef};
pub use joined::{JoinedNamespace, SettingsBefore};
pub use plug::{Plug, Vlan};
pub use policy::{Policy, PolicySide};
pub use program::{Sidecar, Workload};

/// The smallest MTU with which a link can carry IPv6 (RFC 8200, section 5), in bytes.
const IPV6_LEAST_MTU: u32 = 1280;

/// Whether a link of that MTU can carry IPv6.
pub(crate) fn carries_ipv6(mtu: Option<u32>) -> bool {
    mtu.is_none_or(|m| m >= IPV6_LEAST_MTU)
}

/// A project with every choice made: what the kernel must hold follows from it and from nothing else.
///
/// ```
/// use hallway_plan::{Observed, Surroundings, settle};
///
/// let text = "networks: { apps: { subnet: 10.0.0.0/24 } }\nnodes: { web: { networks: [apps] } }";
/// let topology = hallway_spec::parse("shop.yaml", text)?.topology;
/// let settled = settle(&topology, None, &Surroundings::new(&topology.name, &Observed::default(), &[])).unwrap();
/// assert_eq!(settled.project.to_string(), "shop");
/// # Ok::<(), hallway_spec::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The project.
    pub project: Name,
    /// The project's number among those sharing a kernel namespace: the middle 12 bits of
    /// its device groups.
    pub slot: u16,
    /// Networks in the file's order.
    pub networks: Vec<Network>,
    /// Nodes in the file's order.
    pub nodes: Vec<Node>,
    /// Cables in the file's order.
    pub cables: Vec<Cable>,
    /// Published ports.
    pub publishes: Vec<Publish>,
    /// Policies in the file's order.
    pub policies: Vec<Policy>,
    /// Firewalls of other programs that get an accept for the project's links.
    pub allow_through: Vec<Firewall>,
}

/// A network as it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: Name,
    /// Its device group (IFLA_GROUP), which the bridge and every port have.
    pub group: u32,
    /// The bridge's link name; `None` for a routed network. Of macvlan interfaces, the link of the host
    /// that they are of.
    pub bridge: Option<String>,
    /// The bridge's MAC address.
    pub mac: [u8; 6],
    /// Prefixes with the host's address in each.
    pub subnets: Vec<Subnet>,
    /// No route to other networks and no published ports.
    pub internal: bool,
    /// Stands for the outside.
    pub outside: bool,
    /// Its bridge is one of the host's, which hallway neither makes nor removes.
    pub external: bool,
    /// The VLAN that `bridge` is, where hallway makes it.
    pub vlan: Option<Vlan>,
    /// Routers that are not of the project, by which the members of a network that the host is not on reach outside.
    pub routers: Vec<IpAddr>,
    /// Its nodes reach outside with the host's address, and are reached from there by published
    /// ports only.
    pub nat: bool,
    /// Bridge or routed.
    pub mode: Mode,
    /// Bytes; the kernel's default when absent.
    pub mtu: Option<u32>,
    /// Frames between members pass the inet hooks, because a policy may deny some of them.
    pub filtered: bool,
    /// The last allocated address, so that a freed one is not allocated again at once.
    pub last_allocated: Vec<IpAddr>,
    /// The place in the file.
    pub place: Place,
}

impl Network {
    /// Whether the host filters what its nodes send: neither an `outside` one nor one whose packets do
    /// not pass the host.
    #[must_use]
    pub fn is_inner(&self) -> bool {
        !self.outside && self.mode.passes_host()
    }

    /// The device group of the link by which the host sends packets to its nodes. A parent is in none.
    #[must_use]
    pub fn group_of_packets(&self) -> u32 {
        match self.mode {
            Mode::Macvlan => 0,
            _ => self.group,
        }
    }

    /// The link of the host that macvlan interfaces of the network are of.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        let bridge = self.bridge.as_deref();
        bridge.filter(|_| self.mode == Mode::Macvlan)
    }

    /// The host's addresses on it.
    pub fn gateways(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.subnets.iter().filter_map(|s| s.gateway)
    }
}

/// A prefix and the host's address in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    /// The prefix.
    pub net: IpNet,
    /// The host's address; none on a lan.
    pub gateway: Option<IpAddr>,
}

impl Subnet {
    /// The IP version of the prefix.
    #[must_use]
    pub fn version(&self) -> IpVersion {
        IpVersion::of_net(&self.net)
    }

    /// The gateway with the prefix's length.
    #[must_use]
    pub fn gateway_net(&self) -> Option<IpNet> {
        IpNet::new(self.gateway?, self.net.prefix_len()).ok()
    }
}

/// A node as it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: Name,
    /// Its namespace: a name in /run/netns, or of one that is joined whatever refers to it.
    pub netns: NetnsRef,
    /// The namespace is one of other programs: it is joined, neither made nor removed.
    pub joined: Option<JoinedNamespace>,
    /// Its networks give it a default route.
    pub default_route: bool,
    /// In order.
    pub interfaces: Vec<Interface>,
    /// Beyond those the addresses imply.
    pub routes: Vec<Route>,
    /// Whether IPv6 is on inside.
    pub ipv6: bool,
    /// Whether it forwards between its own interfaces.
    pub forwarding: bool,
    /// How many connections each of its addresses may have at the host; the default when absent.
    pub connections: Option<u32>,
    /// The host name for its programs, if it is not the node's name.
    pub hostname: Option<Name>,
    /// Settings of its namespace.
    pub sysctls: BTreeMap<SysctlKey, String>,
    /// Name servers.
    pub dns: Vec<IpAddr>,
    /// Domains in which names without a dot are looked up.
    pub dns_search: Vec<Name>,
    /// Further names with addresses that its programs can resolve.
    pub extra_hosts: Vec<(Name, IpAddr)>,
    /// Environment of what runs inside.
    pub environment: BTreeMap<String, String>,
    /// The program that runs in the node, with its arguments.
    pub service: Option<Workload>,
    /// Further programs in its namespace.
    pub sidecars: Vec<Sidecar>,
    /// The place in the file.
    pub place: Place,
}

/// An interface inside a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name inside.
    pub name: String,
    /// Its MAC address.
    pub mac: [u8; 6],
    /// Addresses with the prefix lengths they are configured with.
    pub addresses: Vec<IpNet>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// The limit in each direction; of a cable, of what this end sends.
    pub bandwidth: Option<Bandwidth>,
    /// The impairments of the packets that it sends.
    pub impairments: Impairments,
    /// It may answer as a DHCP server.
    pub dhcp_server: bool,
    /// It may send router advertisements.
    pub router: bool,
    /// Prefixes besides its own addresses that it may send from and answer for.
    pub sources: Vec<IpNet>,
    /// What its node forwards by it gets its address.
    pub masquerade: bool,
    /// Prefixes behind its node, a router: it may forward packets from there.
    pub behind: Vec<IpNet>,
    /// Further names of its addresses.
    pub aliases: Vec<Name>,
    /// What it is connected to.
    pub plug: Plug,
}

/// A route inside a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Destination.
    pub to: IpNet,
    /// Next hop; directly on the interface when absent.
    pub via: Option<IpAddr>,
    /// The position of the interface it leaves by, among the node's.
    pub interface: usize,
}

/// A published port or range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The node.
    pub node: Name,
    /// The name of the port.
    pub name: Option<PortName>,
    /// Only on this address of the host; on all when absent.
    pub host_address: Option<IpAddr>,
    /// The address in the file, unchanged: `0.0.0.0` and `::` are all addresses of one IP version.
    /// A project in a sandbox is served on it on the real host.
    pub named_address: Option<IpAddr>,
    /// Host ports.
    pub host_ports: PortRange,
    /// Node ports.
    pub node_ports: PortRange,
    /// tcp or udp.
    pub protocol: Protocol,
    /// Where packets go, at most one address per family.
    pub targets: Vec<IpAddr>,
    /// The place in the file.
    pub place: Place,
}

impl Settled {
    /// The network of that name.
    #[must_use]
    pub fn network(&self, name: &Name) -> Option<&Network> {
        self.networks.iter().find(|n| &n.name == name)
    }

    /// The node of that name.
    #[must_use]
    pub fn node(&self, name: &Name) -> Option<&Node> {
        self.nodes.iter().find(|n| &n.name == name)
    }

    /// Networks that are the project's own inside: everything but `outside` ones, and lans, which the
    /// host is not on.
    pub fn inner_networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.iter().filter(|n| n.is_inner())
    }

    /// A node's addresses on networks that the host is on.
    pub fn filtered_addresses<'s>(&'s self, node: &'s Node) -> impl Iterator<Item = IpAddr> + 's {
        let ports = node
            .ports()
            .filter(|(_, network, _)| self.network(network).is_some_and(|n| n.mode.passes_host()));
        ports.flat_map(|(interface, _, _)| interface.addresses.iter().map(IpNet::addr))
    }
}

impl Interface {
    /// Its IPv6 link-local address, if it has IPv6.
    #[must_use]
    pub fn link_local(&self) -> Option<IpNet> {
        let six = self.addresses.iter().any(|a| matches!(a, IpNet::V6(_)));
        (six && carries_ipv6(self.mtu)).then(|| mark::link_local(self.mac))
    }
}

impl Interface {
    /// What it may send from besides its own addresses; none where there is nothing.
    #[must_use]
    pub fn sources_in_words(&self) -> Option<String> {
        let all = self.sources.iter().filter(|net| net.prefix_len() == 0);
        if all.count() == 2 {
            return Some("any address".into());
        }
        let words = self.sources.iter().map(|net| match net.prefix_len() {
            length if length == net.max_prefix_len() => net.addr().to_string(),
            _ => net.to_string(),
        });
        let words: Vec<String> = words.collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

impl Node {
    /// The host name for its programs.
    #[must_use]
    pub fn hostname(&self) -> &Name {
        self.hostname.as_ref().unwrap_or(&self.name)
    }

    /// Every address of the node's network interfaces (not of cables).
    pub fn port_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.interfaces
            .iter()
            .filter(|i| matches!(i.plug, Plug::Port { .. }))
            .flat_map(|i| i.addresses.iter().map(IpNet::addr))
    }

    /// Whether it translates addresses of what it forwards.
    #[must_use]
    pub fn masquerades(&self) -> bool {
        self.interfaces.iter().any(|i| i.masquerade)
    }

    /// The routes that leave by the interface of that position.
    #[must_use]
    pub fn routes_by(&self, position: usize) -> Vec<Route> {
        let all = self.routes.iter().filter(|r| r.interface == position);
        all.copied().collect()
    }

    /// Its interfaces on networks by a link on the host, with the network's and the link's name.
    pub fn ports(&self) -> impl Iterator<Item = (&Interface, &Name, &str)> {
        self.interfaces.iter().filter_map(|i| match &i.plug {
            Plug::Port { network, link } => Some((i, network, link.as_str())),
            Plug::Macvlan { .. } | Plug::Cable => None,
        })
    }

    /// The same, without links, of all networks that it is on.
    pub fn memberships(&self) -> impl Iterator<Item = (&Interface, &Name)> {
        let all = self.interfaces.iter();
        all.filter_map(|i| Some((i, i.plug.network()?)))
    }
}
