//! Problems of networks, subnets, addresses and links.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Code, Details, list};
use crate::{IpVersion, Label, Mac, Name, Place, Subnet};

/// Problems of networks, subnets, addresses and links.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkProblem {
    /// A network is both internal and outside.
    #[error("network {name} cannot have both {kind} and outside: true")]
    InternalAndOutside {
        /// The network.
        name: Name,
        /// The other key with its value.
        kind: &'static str,
    },
    /// A network has two subnets of one IP version.
    #[error("{path} has two IPv{version} subnets")]
    TwoSubnets {
        /// The path of the network.
        path: String,
        /// The IP version of both.
        version: IpVersion,
    },
    /// A prefix with host bits that are not zero.
    #[error("{0} has host bits set")]
    HostBits(IpNet),
    /// A prefix that is too short or too long.
    #[error("a subnet cannot have the size of {net}")]
    SubnetSize {
        /// The prefix.
        net: IpNet,
        /// The shortest prefix length that is allowed.
        shortest: u8,
        /// The longest.
        longest: u8,
    },
    /// A prefix with a special meaning (RFC 6890), like loopback.
    #[error("{0} is reserved for another purpose")]
    SpecialSubnet(IpNet),
    /// A gateway that is not a usable address of its subnet.
    #[error("the gateway {gateway} is not a usable address of {net}")]
    GatewayOutside {
        /// The gateway.
        gateway: IpAddr,
        /// The subnet.
        net: IpNet,
        /// The subnet's place.
        subnet: Place,
    },
    /// A gateway without a subnet of its IP version, or a second one.
    #[error("the gateway {0} has no subnet of its IP version, or is the second gateway of it")]
    GatewayWithoutSubnet(IpAddr),
    /// Two subnets overlap.
    #[error("subnet {net} of network {network} overlaps {other_net} of network {other}")]
    SubnetOverlap {
        /// The later subnet.
        net: IpNet,
        /// Its network.
        network: Name,
        /// The earlier subnet.
        other_net: IpNet,
        /// Its network.
        other: Name,
        /// That network's place.
        other_place: Place,
    },
    /// The subnets of two links or lans of one node overlap.
    #[error("{net} on {on} overlaps {other}, which {before}")]
    LinkOverlap {
        /// The prefix of the later one.
        net: IpNet,
        /// The later one, in words.
        on: String,
        /// The other prefix.
        other: IpNet,
        /// What has that, in words.
        before: String,
        /// The other prefix's place.
        other_place: Place,
    },
    /// An address outside every subnet of its network.
    #[error("address {address} is not in network {network}")]
    AddressOutside {
        /// The address.
        address: IpAddr,
        /// The network.
        network: Name,
        /// The network's subnets.
        nets: Vec<IpNet>,
        /// The network's place.
        network_place: Place,
    },
    /// An address of the host, the network address or the broadcast address.
    #[error("address {address} is {role} on network {network}")]
    AddressReserved {
        /// The address.
        address: IpAddr,
        /// Its role.
        role: ReservedAddress,
        /// The network.
        network: Name,
        /// The subnet.
        subnet: Subnet,
        /// The network's place.
        network_place: Place,
    },
    /// An address that no interface can have.
    #[error("{0} cannot be the address of an interface")]
    LinkAddressReserved(IpNet),
    /// Two nodes have one address.
    #[error("address {address} of node {node} already belongs to node {owner}")]
    AddressInUse {
        /// The address.
        address: IpAddr,
        /// The later node.
        node: Name,
        /// The earlier node.
        owner: Name,
        /// The earlier node's attachment.
        first: Place,
    },
    /// The two ends of a link have one address.
    #[error("both ends of the link have address {address}")]
    LinkAddressInUse {
        /// The address.
        address: IpAddr,
        /// The first end.
        other: Place,
    },
    /// A MAC address is used twice on a network.
    #[error("MAC address {mac} is used twice on network {network}")]
    MacInUse {
        /// The MAC address.
        mac: Mac,
        /// The network.
        network: Name,
        /// Where it is used first.
        first: Place,
    },
    /// More members than addresses.
    #[error("network {network} has {count} members, but {net} has room for {room}")]
    NetworkFull {
        /// The network.
        network: Name,
        /// How many members it has.
        count: usize,
        /// The subnet.
        net: IpNet,
        /// How many members are possible.
        room: usize,
    },
    /// More members than a bridge has ports.
    #[error("network {network} has {count} members, but a Linux bridge has at most {max} ports")]
    BridgeFull {
        /// The network.
        network: Name,
        /// How many members it has.
        count: usize,
        /// How many are possible.
        max: usize,
    },
    /// An address of the host on a network that it is not on.
    #[error("network {0} is a lan: the host has no address there")]
    GatewayOfLan(Name),
    /// A key of an external network that hallway does not decide.
    #[error("network {name} is external: hallway cannot set its {key}")]
    KeyOfExternal {
        /// The network.
        name: Name,
        /// The key.
        key: &'static str,
    },
    /// `bridge` of a network that hallway makes.
    #[error(
        "network {0} has bridge, the name of a bridge that is there already, but is not external"
    )]
    BridgeNotExternal(Name),
    /// A node on an external network without an address.
    #[error("node {node} needs an address on network {network}, which is external")]
    AddressOfExternal {
        /// The node.
        node: Name,
        /// The network.
        network: Name,
    },
    /// A key that has no meaning where packets do not pass the host.
    #[error("network {name} has parent: its packets do not pass the host, so {key} cannot hold")]
    KeyBesideParent {
        /// The network.
        name: Name,
        /// The key.
        key: &'static str,
    },
    /// Two networks with macvlan interfaces of one link.
    #[error("networks {0} and {1} have the same parent: they would be one network")]
    SameParent(Name, Name),
    /// A limit of a macvlan interface, whose packets to the node cannot be limited.
    #[error(
        "node {node} has bandwidth on network {network}, which has parent: what comes in there cannot be limited"
    )]
    BandwidthOfMacvlan {
        /// The node.
        node: Name,
        /// The network.
        network: Name,
    },
    /// A node on a network with a parent and no subnet, without an address.
    #[error("node {node} needs an address on network {network}, which has parent but no subnet")]
    AddressOfMacvlan {
        /// The node.
        node: Name,
        /// The network.
        network: Name,
    },
    /// `nat: false` on a network whose nodes are not translated in any case.
    #[error("network {name} has {kind} and nat: false: nothing is translated there")]
    NatWithoutEffect {
        /// The network.
        name: Name,
        /// The other key with its value.
        kind: &'static str,
    },
    /// More of something than hallway supports.
    #[error("the file has {count} {what}; hallway supports at most {max}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// Of what, in the plural.
        what: &'static str,
        /// How many are possible.
        max: usize,
    },
}

/// Why a node cannot have an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservedAddress {
    /// It is the host's own.
    Gateway,
    /// It is a router's, outside.
    Router,
    /// It is the first of the prefix.
    Network,
    /// It is the last of an IPv4 prefix.
    Broadcast,
}

impl std::fmt::Display for ReservedAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gateway => "the host's (the gateway)",
            Self::Router => "the router's (the gateway)",
            Self::Network => "the network address",
            Self::Broadcast => "the broadcast address",
        })
    }
}

impl Details for NetworkProblem {
    fn code(&self) -> Code {
        match self {
            Self::InternalAndOutside { .. }
            | Self::NatWithoutEffect { .. }
            | Self::GatewayOfLan(_) => Code::BadValue,
            Self::KeyOfExternal { .. }
            | Self::BridgeNotExternal(_)
            | Self::AddressOfExternal { .. } => Code::ExternalNetwork,
            Self::KeyBesideParent { .. }
            | Self::SameParent(..)
            | Self::BandwidthOfMacvlan { .. }
            | Self::AddressOfMacvlan { .. } => Code::ParentNetwork,
            Self::TwoSubnets { .. }
            | Self::HostBits(_)
            | Self::SubnetSize { .. }
            | Self::SpecialSubnet(_) => Code::BadSubnet,
            Self::GatewayOutside { .. }
            | Self::GatewayWithoutSubnet(_)
            | Self::AddressOutside { .. } => Code::AddressOutsideSubnet,
            Self::SubnetOverlap { .. } | Self::LinkOverlap { .. } => Code::SubnetOverlap,
            Self::AddressReserved { .. } | Self::LinkAddressReserved(_) => Code::AddressReserved,
            Self::AddressInUse { .. } | Self::LinkAddressInUse { .. } => Code::AddressInUse,
            Self::MacInUse { .. } => Code::MacInUse,
            Self::NetworkFull { .. } | Self::BridgeFull { .. } => Code::NetworkFull,
            Self::TooMany { .. } => Code::TooMany,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::SubnetOverlap { net, .. } => net.to_string(),
            Self::AddressOutside { nets, .. } if nets.is_empty() => {
                "the network has no subnet: give it one".into()
            }
            Self::AddressOutside { nets, .. } => format!("not in {}", list(nets)),
            Self::AddressInUse { .. } => "used twice".into(),
            _ => "here".into(),
        }
    }

    fn others(&self) -> Vec<Label> {
        vec![match self {
            Self::GatewayOutside { subnet, .. } => Label::new(subnet, "the subnet"),
            Self::SubnetOverlap {
                other_place,
                other_net: net,
                ..
            }
            | Self::LinkOverlap {
                other_place,
                other: net,
                ..
            } => Label::new(other_place, net.to_string()),
            Self::AddressOutside {
                network_place,
                nets,
                ..
            } => Label::new(network_place, list(nets)),
            Self::AddressReserved {
                network_place,
                subnet,
                ..
            } => Label::new(
                network_place,
                match subnet.gateway {
                    Some(gateway) => format!("{} with gateway {gateway}", subnet.net),
                    None => subnet.net.to_string(),
                },
            ),
            Self::AddressInUse { owner, first, .. } => {
                Label::new(first, format!("node {owner} has it"))
            }
            Self::LinkAddressInUse { other, .. } => Label::new(other, "the other end"),
            Self::MacInUse { first, .. } => Label::new(first, "first here"),
            _ => return Vec::new(),
        }]
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::HostBits(net) => {
                return Some(format!("the subnet that contains it is {}", net.trunc()));
            }
            Self::SubnetSize {
                shortest, longest, ..
            } => {
                return Some(format!(
                    "use a prefix length from /{shortest} to /{longest}, which has room for the host and its nodes"
                ));
            }
            Self::InternalAndOutside { .. } => {
                "an internal network is not connected to the outside; an outside network is the outside: choose one"
            }
            Self::TwoSubnets { .. } => {
                "a network has at most one subnet of each IP version, only a lan (mode: lan) several that do not overlap; add a second network"
            }
            Self::SpecialSubnet(_) => {
                "private subnets are in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fd00::/8"
            }
            Self::SubnetOverlap { .. } => "give one of them another subnet",
            Self::LinkOverlap { .. } => {
                "each interface of a node needs a prefix of its own, or the node cannot choose between them"
            }
            Self::AddressReserved { .. } => {
                "give the node another address, or the network another gateway"
            }
            Self::AddressInUse { .. } => {
                "give each node its own address, or no address to get one from the pool"
            }
            Self::LinkAddressInUse { .. } => "give the two ends different addresses",
            Self::MacInUse { .. } => "give each node its own MAC address, or none",
            Self::NetworkFull { .. } => {
                "use a shorter prefix length; mode: lan is a network without an address of the host"
            }
            Self::NatWithoutEffect { .. } => "remove nat: false",
            Self::KeyOfExternal { .. } => "remove it: it is as on the host",
            Self::BridgeNotExternal(_) => "write external: true, or remove bridge",
            Self::KeyBesideParent { .. } => {
                "remove it: rules, translation and published ports are only on networks of the host"
            }
            Self::SameParent(..) => "put the nodes on one of the two, or give each its own vlan",
            Self::BandwidthOfMacvlan { .. } => "remove it; delay, loss, … are possible",
            Self::AddressOfExternal { .. } | Self::AddressOfMacvlan { .. } => {
                "write one that is free there: hallway cannot detect which addresses are in use there"
            }
            Self::GatewayOfLan(_) => "remove gateway; routes of the nodes name the router",
            Self::BridgeFull { .. } => "use mode: routed, which has no bridge, or several networks",
            Self::TooMany { .. } => "split the project into several",
            Self::GatewayOutside { .. }
            | Self::GatewayWithoutSubnet(_)
            | Self::AddressOutside { .. }
            | Self::LinkAddressReserved(_) => return None,
        };
        Some(help.into())
    }
}
