//! The file form of what a run builds.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_plan::firewall_accepts::Firewall;
use hallway_plan::settled::{
    Interface, Network, Node, Plug, Policy, PolicySide, Publish, Route, Settled, Subnet,
};
use hallway_spec::{
    Action, Bandwidth, Impairments, Mode, Name, NetnsRef, Place, PolicyService, PortName,
    PortRange, Protocol, SysctlKey,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::cable::CableFile;
use super::joined::JoinedFile;
use super::sidecar::SidecarFile;
use super::workload::WorkloadFile;
use crate::record::member::Member;

/// All in one, as versions 1 and 2 wrote it.
#[derive(Deserialize)]
pub(super) struct SettledFile {
    project: Name,
    slot: u16,
    networks: Vec<NetworkFile>,
    nodes: Vec<NodeFile>,
    cables: Vec<CableFile>,
    publishes: Vec<PublishFile>,
    policies: Vec<PolicyFile>,
}

#[derive(Serialize, Deserialize)]
struct NetworkFile {
    name: Name,
    group: u32,
    bridge: Option<String>,
    mac: [u8; 6],
    subnets: Vec<SubnetFile>,
    internal: bool,
    outside: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    external: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vlan: Option<(String, u16)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routers: Vec<IpAddr>,
    #[serde(default = "translated")]
    nat: bool,
    mode: Mode,
    mtu: Option<u32>,
    filtered: bool,
    #[serde(rename = "last_given")]
    last_allocated: Vec<IpAddr>,
    place: Place,
}

/// In files without this key, every network has NAT.
fn translated() -> bool {
    true
}

/// In files without the key, every node has one.
fn has_default_route() -> bool {
    true
}

#[derive(Serialize, Deserialize)]
struct SubnetFile {
    net: IpNet,
    gateway: Option<IpAddr>,
}

#[derive(Serialize, Deserialize)]
struct NodeFile {
    name: Name,
    netns: NetnsRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    joined: Option<JoinedFile>,
    #[serde(default = "has_default_route")]
    default_route: bool,
    interfaces: Vec<InterfaceFile>,
    routes: Vec<RouteFile>,
    ipv6: bool,
    forwarding: bool,
    #[serde(default)]
    connections: Option<u32>,
    #[serde(default)]
    hostname: Option<Name>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sysctls: BTreeMap<SysctlKey, String>,
    dns: Vec<IpAddr>,
    #[serde(default)]
    dns_search: Vec<Name>,
    #[serde(default)]
    extra_hosts: Vec<(Name, IpAddr)>,
    environment: BTreeMap<String, String>,
    service: Option<WorkloadFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sidecars: Vec<SidecarFile>,
    place: Place,
}

#[derive(Serialize, Deserialize)]
struct InterfaceFile {
    name: String,
    mac: [u8; 6],
    addresses: Vec<IpNet>,
    mtu: Option<u32>,
    bandwidth: Option<Bandwidth>,
    #[serde(default)]
    impairments: Impairments,
    #[serde(default)]
    dhcp_server: bool,
    #[serde(default)]
    router: bool,
    #[serde(default)]
    sources: Vec<IpNet>,
    #[serde(default)]
    masquerade: bool,
    #[serde(default)]
    behind: Vec<IpNet>,
    #[serde(default)]
    aliases: Vec<Name>,
    plug: PlugFile,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PlugFile {
    Port { network: Name, link: String },
    Macvlan { network: Name },
    Cable,
}

#[derive(Serialize, Deserialize)]
struct RouteFile {
    to: IpNet,
    via: Option<IpAddr>,
    interface: usize,
}

#[derive(Serialize, Deserialize)]
struct PublishFile {
    node: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<PortName>,
    host_address: Option<IpAddr>,
    #[serde(default)]
    named_address: Option<IpAddr>,
    host_ports: PortRange,
    node_ports: PortRange,
    protocol: Protocol,
    targets: Vec<IpAddr>,
    place: Place,
}

#[derive(Serialize, Deserialize)]
struct PolicyFile {
    index: usize,
    action: Action,
    pairs: Vec<(SideFile, SideFile)>,
    services: Vec<PolicyService>,
    #[serde(default)]
    words: String,
    place: Place,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SideFile {
    Host,
    Outside,
    Any,
    Prefixes(Vec<IpNet>),
}

/// All but nodes and their published ports.
#[derive(Serialize, Deserialize)]
pub(super) struct FrameFile {
    version: u64,
    project: Name,
    slot: u16,
    networks: Vec<NetworkFile>,
    cables: Vec<CableFile>,
    policies: Vec<PolicyFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow_through: Vec<Firewall>,
}

impl FrameFile {
    pub(super) fn of(version: u64, settled: &Settled) -> Self {
        Self {
            version,
            project: settled.project.clone(),
            slot: settled.slot,
            networks: settled.networks.iter().map(Into::into).collect(),
            cables: settled.cables.iter().map(Into::into).collect(),
            policies: settled.policies.iter().map(Into::into).collect(),
            allow_through: settled.allow_through.clone(),
        }
    }
}

impl From<FrameFile> for Settled {
    fn from(file: FrameFile) -> Self {
        Self {
            project: file.project,
            slot: file.slot,
            networks: file.networks.into_iter().map(Into::into).collect(),
            nodes: Vec::new(),
            cables: file.cables.into_iter().map(Into::into).collect(),
            publishes: Vec::new(),
            policies: file.policies.into_iter().map(Into::into).collect(),
            allow_through: file.allow_through,
        }
    }
}

/// A node with its published ports. The name comes first in the text: it is searched for.
#[derive(Serialize, Deserialize)]
pub(super) struct MemberFile {
    node: NodeFile,
    publishes: Vec<PublishFile>,
}

impl From<&Member> for MemberFile {
    fn from(member: &Member) -> Self {
        Self {
            node: (&member.node).into(),
            publishes: member.publishes.iter().map(Into::into).collect(),
        }
    }
}

impl From<MemberFile> for Member {
    fn from(file: MemberFile) -> Self {
        Self {
            node: file.node.into(),
            publishes: file.publishes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<SettledFile> for Settled {
    fn from(file: SettledFile) -> Self {
        Self {
            project: file.project,
            slot: file.slot,
            networks: file.networks.into_iter().map(Into::into).collect(),
            nodes: file.nodes.into_iter().map(Into::into).collect(),
            cables: file.cables.into_iter().map(Into::into).collect(),
            publishes: file.publishes.into_iter().map(Into::into).collect(),
            policies: file.policies.into_iter().map(Into::into).collect(),
            allow_through: Vec::new(),
        }
    }
}

/// Conversions between a struct of the planner and its file form, field by field: a field that is
/// added to only one of them does not compile.
macro_rules! same_fields {
    ($($domain:ident = $file:ident { $($field:ident),* $(; each $list:ident)* $(; maybe $option:ident)* $(; into $inner:ident)? });* $(;)?) => {$(
        impl From<&$domain> for $file {
            fn from(from: &$domain) -> Self {
                let $domain { $($field,)* $($list,)* $($option,)* $($inner,)? } = from.clone();
                Self {
                    $($field,)*
                    $($list: $list.iter().map(Into::into).collect(),)*
                    $($option: $option.as_ref().map(Into::into),)*
                    $($inner: (&$inner).into(),)?
                }
            }
        }
        impl From<$file> for $domain {
            fn from(from: $file) -> Self {
                let $file { $($field,)* $($list,)* $($option,)* $($inner,)? } = from;
                Self {
                    $($field,)*
                    $($list: $list.into_iter().map(Into::into).collect(),)*
                    $($option: $option.map(Into::into),)*
                    $($inner: $inner.into(),)?
                }
            }
        }
    )*};
}

same_fields! {
    Network = NetworkFile {
        name, group, bridge, mac, internal, outside, external, routers, nat, mode, mtu, filtered,
        last_allocated, place;
        each subnets; maybe vlan
    };
    Subnet = SubnetFile { net, gateway };
    Node = NodeFile {
        name, netns, default_route, ipv6, forwarding, connections, hostname, sysctls, dns, dns_search, extra_hosts, environment,
        place;
        each interfaces; each routes; each sidecars; maybe service; maybe joined
    };
    Interface = InterfaceFile {
        name, mac, addresses, mtu, bandwidth, impairments, dhcp_server, router, sources, masquerade, behind, aliases;
        into plug
    };
    Route = RouteFile { to, via, interface };
    Publish = PublishFile {
        node, name, host_address, named_address, host_ports, node_ports, protocol, targets, place
    };
}

impl From<&Plug> for PlugFile {
    fn from(plug: &Plug) -> Self {
        match plug.clone() {
            Plug::Port { network, link } => Self::Port { network, link },
            Plug::Macvlan { network } => Self::Macvlan { network },
            Plug::Cable => Self::Cable,
        }
    }
}

impl From<PlugFile> for Plug {
    fn from(plug: PlugFile) -> Self {
        match plug {
            PlugFile::Port { network, link } => Self::Port { network, link },
            PlugFile::Macvlan { network } => Self::Macvlan { network },
            PlugFile::Cable => Self::Cable,
        }
    }
}

impl From<&Policy> for PolicyFile {
    fn from(policy: &Policy) -> Self {
        let pairs = policy.pairs.iter().map(|(a, b)| (a.into(), b.into()));
        Self {
            index: policy.index,
            action: policy.action,
            pairs: pairs.collect(),
            services: policy.services.clone(),
            words: policy.words.clone(),
            place: policy.place.clone(),
        }
    }
}

impl From<PolicyFile> for Policy {
    fn from(policy: PolicyFile) -> Self {
        let pairs = policy.pairs.into_iter().map(|(a, b)| (a.into(), b.into()));
        Self {
            index: policy.index,
            action: policy.action,
            pairs: pairs.collect(),
            services: policy.services,
            words: policy.words,
            place: policy.place,
        }
    }
}

impl From<&PolicySide> for SideFile {
    fn from(side: &PolicySide) -> Self {
        match side {
            PolicySide::Host => Self::Host,
            PolicySide::Outside => Self::Outside,
            PolicySide::Any => Self::Any,
            PolicySide::Prefixes(prefixes) => Self::Prefixes(prefixes.clone()),
        }
    }
}

impl From<SideFile> for PolicySide {
    fn from(side: SideFile) -> Self {
        match side {
            SideFile::Host => Self::Host,
            SideFile::Outside => Self::Outside,
            SideFile::Any => Self::Any,
            SideFile::Prefixes(prefixes) => Self::Prefixes(prefixes),
        }
    }
}
