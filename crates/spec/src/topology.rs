//! A topology: the content of a file once every check has passed, from which the planner works.
//!
//! Every type here is `#[non_exhaustive]`, so other crates can read a topology but only
//! this crate's parser can make one: a `Topology` that exists is a valid one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    Bandwidth, Command, Dependency, Expect, ExtraHost, Healthcheck, Impairments, InterfaceName,
    IpVersion, Joined, Mac, Name, NamedPort, Place, Policy, PortProto, PortRange, Protocol,
    SysctlKey, User,
};

/// A whole project: the unit of `up` and `down`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Topology {
    /// The project's name: the file's `name`, or one made of its path ([`name_of`](crate::name_of)).
    pub name: Name,
    /// In the order the file lists them.
    pub networks: Vec<Network>,
    /// In the order the file lists them, then nodes that only `links` name.
    pub nodes: Vec<Node>,
    /// Cables straight between two nodes.
    pub links: Vec<Link>,
    /// In order; the first that matches decides.
    pub policies: Vec<Policy>,
    /// What must be true of the running network.
    pub expects: Vec<Expect>,
}

/// How a network's members are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A bridge; members are neighbours on one link layer.
    #[default]
    Bridge,
    /// No bridge: each member has a /32 or /128 and the host routes between them.
    Routed,
    /// A bridge without the host: it has no address there, and no rule is about its frames.
    Lan,
    /// No bridge: each member has a macvlan interface of a link of the host. No rule is about its
    /// frames, and the host itself is not reached by them.
    Macvlan,
}

impl Mode {
    /// Whether packets of its members pass the host and its rules.
    #[must_use]
    pub fn passes_host(self) -> bool {
        matches!(self, Self::Bridge | Self::Routed)
    }
}

/// A subnet many nodes share.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Network {
    /// Its name; shares one name space with the nodes.
    pub name: Name,
    /// At most one per IP version, of a lan any number; empty if the file specifies none. Then one is
    /// chosen, except for a lan, which then has no addresses.
    pub subnets: Vec<Subnet>,
    /// Whether nodes without an address of the IP version of a subnet get one.
    pub assign: bool,
    /// No route to other networks and no published ports: no default route, no masquerade.
    pub internal: bool,
    /// Its nodes represent the outside.
    pub outside: bool,
    /// Its nodes reach outside with the host's address, and are reached from outside by published
    /// ports only. If false, their own addresses are routed outside.
    pub nat: bool,
    /// Bridge or routed.
    pub mode: Mode,
    /// The bridge of the host that it is, where hallway does not make it. Its nodes are `outside`.
    pub external: Option<InterfaceName>,
    /// The link of the host that the members' macvlan interfaces are of ([`Mode::Macvlan`]); with
    /// `vlan`, the link that the VLAN is on. The gateways of its subnets are routers that hallway does not make.
    pub parent: Option<InterfaceName>,
    /// The number of the VLAN.
    pub vlan: Option<u16>,
    /// Bytes; the kernel's default when absent.
    pub mtu: Option<u32>,
    /// The place in the file.
    pub place: Place,
}

impl Network {
    /// The prefixes that a member is in: of several of one IP version that of its address, by default the
    /// first, unless its nodes have only given addresses.
    #[must_use]
    pub fn prefixes_of(&self, attachment: &Attachment) -> Vec<IpNet> {
        let mut out: Vec<IpNet> = Vec::new();
        for subnet in &self.subnets {
            let version = subnet.version();
            let mut own = attachment.addresses.iter();
            let is_own = match own.find(|a| IpVersion::of(**a) == version) {
                Some(address) => subnet.net.contains(address),
                None => self.assign && out.iter().all(|net| IpVersion::of_net(net) != version),
            };
            out.extend(is_own.then_some(subnet.net));
        }
        out
    }
}

/// One prefix of a network and the host's address in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subnet {
    /// The prefix, host bits zero.
    pub net: IpNet,
    /// The host's own address on this network; by default the prefix's first. None on a lan.
    pub gateway: Option<IpAddr>,
}

impl Subnet {
    /// A prefix whose first address is the host's.
    #[must_use]
    pub fn with_first_address(net: IpNet) -> Self {
        let gateway = net.hosts().find(|a| *a != net.network());
        Self { net, gateway }
    }

    /// The IP version of the prefix and of the host's address.
    #[must_use]
    pub fn version(&self) -> IpVersion {
        IpVersion::of_net(&self.net)
    }

    /// Whether no node can have its first and last address: not true of a prefix of two addresses
    /// (RFC 3021, RFC 6164).
    #[must_use]
    pub fn reserves_ends(&self) -> bool {
        self.net.prefix_len() + 1 < self.net.max_prefix_len()
    }
}

/// A named network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Its name; also the namespace's name if that is free.
    pub name: Name,
    /// Its networks, in the file's order: the first is eth0.
    pub attachments: Vec<Attachment>,
    /// Published ports.
    pub ports: Vec<Publish>,
    /// The names of its ports, published or not.
    pub port_names: Vec<NamedPort>,
    /// Static routes besides those of its networks.
    pub routes: Vec<StaticRoute>,
    /// Its default route leads through its networks. Without, it gets routes only to what policies
    /// connect it with.
    pub default_route: bool,
    /// The namespace of other programs that it joins; without, one is made for it.
    pub namespace: Option<Joined>,
    /// Forward packets between its own interfaces (a router).
    pub forwarding: bool,
    /// The host name for its programs; its own name when absent.
    pub hostname: Option<Name>,
    /// Settings of its namespace.
    pub sysctls: BTreeMap<SysctlKey, String>,
    /// Where the file has each of them.
    pub sysctl_places: BTreeMap<SysctlKey, Place>,
    /// IPv6 is on, whatever addresses it has.
    pub ipv6: bool,
    /// Name servers written to its resolv.conf; if empty, the host's are used.
    pub dns: Vec<IpAddr>,
    /// Domains in which names without a dot are looked up.
    pub dns_search: Vec<Name>,
    /// Further names with addresses that its programs can resolve.
    pub extra_hosts: Vec<(Name, ExtraHost)>,
    /// How many connections each of its addresses may have at the host; the default when absent.
    pub connections: Option<u32>,
    /// The program that runs inside, if any.
    pub command: Option<Command>,
    /// How it runs.
    pub program: Program,
    /// Further programs in its namespace, in the file's order: entries of `nodes` with
    /// `namespace: node:NAME`.
    pub sidecars: Vec<Sidecar>,
    /// The place in the file.
    pub place: Place,
}

/// How a program runs, of a node or of what shares its namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Program {
    /// `up` waits until this listens.
    pub ready: Vec<PortProto>,
    /// How the health of `command` is checked.
    pub healthcheck: Option<Healthcheck>,
    /// Added to the environment of `command` and `exec`.
    pub environment: BTreeMap<String, String>,
    /// Absolute, or relative to the file's directory.
    pub working_dir: Option<String>,
    /// The user that `command` runs as.
    pub user: Option<User>,
    /// When to start `command` again.
    pub restart: Restart,
    /// If `command` fails, `up` warns and goes on.
    pub may_fail: bool,
    /// Nodes whose `command` is started first, and what is waited for.
    pub depends_on: Vec<DependsOn>,
}

/// A dependency, and where the file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DependsOn {
    /// The dependency.
    pub on: Dependency,
    /// The place of the name.
    pub place: Place,
}

/// A program that shares the namespace of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sidecar {
    /// Its name; shares one name space with the nodes.
    pub name: Name,
    /// The program.
    pub command: Command,
    /// How it runs.
    pub program: Program,
    /// The place in the file.
    pub place: Place,
}

/// The properties of a program, of a node or a sidecar, that dependent programs need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) name: &'a Name,
    pub(crate) runs: bool,
    pub(crate) program: &'a Program,
    pub(crate) place: &'a Place,
}

impl Topology {
    /// The program of each node, also of those without one, and each sidecar.
    pub(crate) fn programs(&self) -> impl Iterator<Item = Known<'_>> {
        self.nodes.iter().flat_map(|node| {
            let own = Known {
                name: &node.name,
                runs: node.command.is_some(),
                program: &node.program,
                place: &node.place,
            };
            let sidecars = node.sidecars.iter().map(|sidecar| Known {
                name: &sidecar.name,
                runs: true,
                program: &sidecar.program,
                place: &sidecar.place,
            });
            std::iter::once(own).chain(sidecars)
        })
    }
}

/// How many connections each address of a node may have at the host, unless the file specifies it.
pub const CONNECTIONS_DEFAULT: u32 = 8192;

/// A node's membership of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// Which network.
    pub network: Name,
    /// Where the file names it.
    pub name_place: Place,
    /// Fixed addresses, at most one per IP version; others come from the pool.
    pub addresses: Vec<IpAddr>,
    /// A fixed MAC address.
    pub mac: Option<Mac>,
    /// The interface's name inside; `ethN` by position when absent.
    pub interface: Option<InterfaceName>,
    /// Further names of its addresses for other nodes there.
    pub aliases: Vec<Name>,
    /// The limit in each direction.
    pub bandwidth: Option<Bandwidth>,
    /// The impairments of the packets that the node sends there.
    pub impairments: Impairments,
    /// It may answer as a DHCP server.
    pub dhcp_server: bool,
    /// It may send router advertisements.
    pub router: bool,
    /// Prefixes besides its own addresses that it may send from and answer for.
    pub sources: Vec<IpNet>,
    /// What the node forwards there gets its own address there.
    pub masquerade: bool,
    /// The place in the file.
    pub place: Place,
}

/// A cable (a veth pair) between two nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Its two ends, in the file's order.
    pub ends: [LinkEnd; 2],
    /// Bytes.
    pub mtu: Option<u32>,
    /// The place in the file.
    pub place: Place,
}

/// One end of a cable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkEnd {
    /// Its node.
    pub node: Name,
    /// Address and prefix length, at most one per family.
    pub addresses: Vec<IpNet>,
    /// The interface's name inside; the next free `ethN` when absent.
    pub interface: Option<InterfaceName>,
    /// A fixed MAC address.
    pub mac: Option<Mac>,
    /// What the node forwards by it gets the address of this end.
    pub masquerade: bool,
    /// The limit of what it sends.
    pub bandwidth: Option<Bandwidth>,
    /// The impairments of the packets that it sends.
    pub impairments: Impairments,
    /// The place in the file.
    pub place: Place,
}

/// One `ports` entry. Host and node ranges have the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Publish {
    /// Only this address of the host; all of them (v4 and v6) when absent or unspecified.
    pub host_address: Option<IpAddr>,
    /// The host's ports.
    pub host_ports: PortRange,
    /// The node's ports; as many as the host's.
    pub node_ports: PortRange,
    /// tcp, udp or sctp; an entry without a protocol means tcp.
    pub protocol: Protocol,
    /// The place in the file.
    pub place: Place,
}

/// A static route inside a node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaticRoute {
    /// Destination prefix.
    pub to: IpNet,
    /// Next hop; an address on one of the node's own prefixes.
    pub via: IpAddr,
    /// The place in the file.
    pub place: Place,
}

/// When a node's `command` is started again after it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Never.
    #[default]
    No,
    /// After a non-zero exit or a signal.
    OnFailure,
    /// Always.
    Always,
    /// Always, until stopped by hand.
    UnlessStopped,
}
