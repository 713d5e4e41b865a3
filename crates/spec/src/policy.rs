//! The meaning of policies and expectations of a file.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{IpProtocol, Name, Place, PortRange, Protocol, Service};

/// What a policy or expectation is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// One node: all its addresses on networks.
    Node(Name),
    /// Every member of a network.
    Network(Name),
    /// The namespace that holds the bridges.
    Host,
    /// Everything that is neither the host nor on a network of the project.
    Outside,
    /// A prefix.
    Cidr(IpNet),
    /// Everything.
    Any,
}

/// The packets that a policy line matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyService {
    /// These ports of tcp, udp or sctp.
    Ports(PortRange, Protocol),
    /// ICMP and ICMPv6.
    Icmp,
    /// Every port of one protocol.
    Protocol(Protocol),
    /// Another IP protocol.
    Other(IpProtocol),
}

/// Allow or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Allow the connection.
    Allow,
    /// Drop it.
    Deny,
}

/// One line of `policies`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Its position in the list, from 0.
    pub index: usize,
    /// Allow or deny.
    pub action: Action,
    /// Directed pairs that this line matches: one for `from`/`to` (more when either is a list),
    /// both directions for `between`.
    pub pairs: Vec<(Endpoint, Endpoint)>,
    /// Empty means everything.
    pub services: Vec<PolicyService>,
    /// The place in the file.
    pub place: Place,
}

/// One line of `expect`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expect {
    /// The client.
    pub from: Endpoint,
    /// The server.
    pub to: Endpoint,
    /// What is tried; ICMP echo if the file specifies nothing.
    pub service: Service,
    /// Whether it must, or must not, be reachable.
    pub reachable: bool,
    /// The place in the file.
    pub place: Place,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) | Self::Network(name) => name.fmt(f),
            Self::Host => f.write_str("host"),
            Self::Outside => f.write_str("outside"),
            Self::Cidr(net) => net.fmt(f),
            Self::Any => f.write_str("any"),
        }
    }
}

impl fmt::Display for PolicyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ports(range, protocol) => write!(f, "{range}/{protocol}"),
            Self::Icmp => f.write_str("icmp"),
            Self::Protocol(protocol) => protocol.fmt(f),
            Self::Other(other) => other.fmt(f),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

impl fmt::Display for Policy {
    /// Like `allow backend → database 3306/tcp` or `deny app1 ↔ app2`; long lists are shortened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(f)?;
        let places = self.pairs.iter().enumerate().rev();
        let first: BTreeMap<_, _> = places.map(|(at, (from, to))| ((from, to), at)).collect();
        let pairs = self
            .pairs
            .iter()
            .enumerate()
            .filter_map(|(at, (from, to))| match first.get(&(to, from)).copied() {
                Some(earlier) if earlier < at => None,
                Some(later) if later > at => Some((from, "↔", to)),
                _ => Some((from, "→", to)),
            });
        beginning(f, pairs, |f, (from, arrow, to)| {
            write!(f, "{from} {arrow} {to}")
        })?;
        beginning(f, self.services.iter(), |f, service| service.fmt(f))
    }
}

/// How many items of a list are written out.
const SHOWN: usize = 8;

/// The first items of a list, and how many more there are.
fn beginning<T>(
    f: &mut fmt::Formatter<'_>,
    mut items: impl Iterator<Item = T>,
    write: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (position, item) in items.by_ref().take(SHOWN).enumerate() {
        f.write_str(if position > 0 { ", " } else { " " })?;
        write(f, item)?;
    }
    match items.count() {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
