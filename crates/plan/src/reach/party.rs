//! The two ends of a question, and the address by which one reaches the other.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hallway_spec::{IpVersion, Mode, Name};

use super::has::Has;
use super::path::Location;
use super::single_link::{is_link_local6, link_local};
use super::special::meant;
use super::world::World;
use crate::hosts::Nearness;
use crate::settled::{Network, Node};

/// An end of a question.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// A node.
    Node(Name),
    /// The namespace that holds the bridges.
    Host,
    /// The outside: the first node of an outside network, if there is one.
    Outside,
    /// A machine really outside, although a node represents the outside: that node is the other end.
    Beyond,
    /// Whatever has this address.
    Address(IpAddr),
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) => f.pad(name.as_ref()),
            Self::Host => f.pad("host"),
            Self::Outside | Self::Beyond => f.pad("outside"),
            Self::Address(address) => f.pad(&address.to_string()),
        }
    }
}

/// Any neighbour of the host: a client of a link-local address has such an address too.
const NEIGHBOUR: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x254);

impl World<'_> {
    /// Reads a party: a node, `host`, `outside`, an address or `localhost`.
    #[must_use]
    pub fn party(&self, text: &str) -> Option<Party> {
        match text {
            "host" => return Some(Party::Host),
            "outside" => return Some(Party::Outside),
            "localhost" => return Some(Party::Address(Ipv4Addr::LOCALHOST.into())),
            _ => {}
        }
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        let (address, zone) = zone_of(bare.unwrap_or(text));
        if let Ok(address) = address.parse()
            && (zone.is_none() || is_link_local6(address))
        {
            return Some(Party::Address(address));
        }
        let name: Name = text.parse().ok()?;
        let owner = self.settled().owner(&name)?;
        Some(Party::Node(owner.name.clone()))
    }

    /// The parties that a name means: as [`Self::party`], and every node that has it as a further name, or as
    /// an address that several have.
    #[must_use]
    pub fn parties(&self, text: &str) -> Vec<Party> {
        if let Some(party) = self.party(text).filter(|p| !matches!(p, Party::Node(_))) {
            return self.each(party);
        }
        let nodes = text.parse().map(|name: Name| self.settled().named(&name));
        let nodes = nodes.unwrap_or_default().into_iter();
        nodes.map(|node| Party::Node(node.name.clone())).collect()
    }

    /// For an address that several nodes have, each of them.
    pub(super) fn each(&self, party: Party) -> Vec<Party> {
        let all = match &party {
            Party::Address(address) => self.namesakes(*address),
            _ => &[],
        };
        match all.is_empty() {
            true => vec![party],
            false => (all.iter())
                .map(|(n, _)| Party::Node(n.name.clone()))
                .collect(),
        }
    }

    /// A server as a client finds it: an address that several nodes have is that of the nearest.
    #[must_use]
    pub fn seen_from(&self, from: &Location, to: &Party) -> Location {
        match to {
            Party::Address(address) if !self.namesakes(*address).is_empty() => {
                let owner = self.owner_near(*address, [from]);
                owner.map_or(Location::Outside, |n| Location::Node(n.name.clone()))
            }
            _ => self.place(to),
        }
    }

    /// Reads a server as a client would: `B`, `B:80`, `B:53/udp`, `B:gre`, `[ADDRESS]:80`. Returns the
    /// parties that the name means there, none if it means nothing, and the text after the colon.
    #[must_use]
    pub fn target<'t>(&self, from: &Party, text: &'t str) -> (Vec<Party>, Option<&'t str>) {
        let whole = self.meant_by(from, text);
        match text.rsplit_once(':') {
            Some((name, port)) if whole.is_empty() => (self.meant_by(from, name), Some(port)),
            _ => (whole, None),
        }
    }

    /// The parties that a name means for a client, by its hosts file.
    fn meant_by(&self, from: &Party, text: &str) -> Vec<Party> {
        let client = match self.place(from) {
            Location::Node(name) => self.node(&name),
            Location::Host | Location::Outside => None,
        };
        // What has an address depends on the way to it.
        if let Some(address @ Party::Address(_)) = self.party(text) {
            return vec![address];
        }
        let found = self.parties(text);
        let Ok(name) = text.parse::<Name>() else {
            return found;
        };
        let Some(client) = client.filter(|_| found.is_empty()) else {
            return found;
        };
        let own = client.extra_hosts.iter().filter(|(own, _)| *own == name);
        own.map(|(_, address)| Party::Address(*address)).collect()
    }

    /// Of an address written with an interface, like `fe80::1%eth1`: that interface, and the one by which
    /// the client reaches the address, if that is another one.
    #[must_use]
    pub fn other_zone<'t>(&self, from: &Party, text: &'t str) -> Option<(&'t str, String)> {
        let bare = text.trim_start_matches('[');
        let (address, zone) = zone_of(bare);
        let zone = zone?.split(']').next()?;
        let address = address.parse().ok()?;
        let by = match self.place(from) {
            Location::Node(name) => {
                let node = self.node(&name)?;
                let next = self.next_hop(node, address)?;
                node.interfaces.get(next.interface)?.name.clone()
            }
            Location::Host | Location::Outside => {
                let route = self.host_route(address);
                self.port(route, address).name.to_owned()
            }
        };
        (by != zone && !by.is_empty()).then_some((zone, by))
    }

    /// The node that represents the outside. A node on a bridge of other programs does not: the machines
    /// outside are not there.
    #[must_use]
    pub fn outsider(&self) -> Option<&Node> {
        let mut nodes = self.settled().nodes.iter();
        nodes.find(|node| self.outsides(node).next().is_some())
    }

    /// The networks of a node that represent the outside.
    fn outsides<'n>(&self, node: &'n Node) -> impl Iterator<Item = &'n Name> {
        let stands = |n: &Name| {
            let network = self.settled().network(n);
            network.is_some_and(|n| n.outside && !n.external)
        };
        let networks = node.ports().map(|(_, network, _)| network);
        networks.filter(move |n| stands(n))
    }

    /// Another node on the network by which a node represents the outside.
    #[must_use]
    pub fn other_outsider(&self, than: &Node) -> Option<&Node> {
        let near = |n: &&Node| {
            let mut shared = self.outsides(n);
            n.name != than.name && shared.any(|on| self.outsides(than).any(|own| own == on))
        };
        self.settled().nodes.iter().find(near)
    }

    /// A machine outside that is not this one: another node there, if there is one.
    fn further(&self, than: &Party) -> Party {
        let other = match self.place(than) {
            Location::Node(name) => self.node(&name).and_then(|n| self.other_outsider(n)),
            Location::Host | Location::Outside => None,
        };
        other.map_or(Party::Beyond, |n| Party::Node(n.name.clone()))
    }

    /// What a node on a network that represents outside can ask for a machine outside.
    pub(super) fn further_help(&self, at: &Location, network: &Network) -> String {
        let own = match at {
            Location::Node(name) => self.node(name),
            Location::Host | Location::Outside => None,
        };
        let other = own.and_then(|own| self.other_outsider(own));
        let other = other.map_or("a second node", |n| n.name.as_ref());
        format!(
            "{other} on network {} is a further machine outside",
            network.name
        )
    }

    /// The two ends of a question. Between the node that represents the outside and the outside, that is
    /// another node there, else a machine really outside: a node's own address proves nothing about others.
    #[must_use]
    pub fn ends(&self, from: Party, to: Party) -> (Party, Party) {
        match (&from, &to) {
            (Party::Outside, Party::Outside) if self.outsider().is_none() => (from, to),
            (_, Party::Outside) if self.place(&from) == self.place(&to) => {
                let to = self.further(&from);
                (from, to)
            }
            (Party::Outside, _) if self.place(&from) == self.place(&to) => (self.further(&to), to),
            _ => (from, to),
        }
    }

    /// Where a party's packets are made.
    #[must_use]
    pub fn place(&self, party: &Party) -> Location {
        match party {
            Party::Node(name) => Location::Node(name.clone()),
            Party::Host => Location::Host,
            Party::Beyond => Location::Outside,
            Party::Outside => self
                .outsider()
                .map_or(Location::Outside, |n| Location::Node(n.name.clone())),
            Party::Address(address) if self.is_host(*address) => Location::Host,
            Party::Address(address) => self
                .owner(*address)
                .map_or(Location::Outside, |n| Location::Node(n.name.clone())),
        }
    }

    /// The source address of a party's packets: the kernel's choice for places of the project.
    pub(super) fn source_of(&self, party: &Party, to: IpAddr) -> Option<IpAddr> {
        match (self.place(party), party) {
            (Location::Node(name), _) => {
                let node = self.node(&name)?;
                if self.has(node, to) == Has::Yes {
                    return Some(to);
                }
                if is_link_local6(to) {
                    let next = self.next_hop(node, to);
                    let own =
                        next.and_then(|n| link_local(node, node.interfaces.get(n.interface)?));
                    return Some(own.unwrap_or(to));
                }
                // Without a route the packet is dropped before its source matters.
                self.next_hop(node, to)
                    .map_or(Some(to), |next| self.source(node, &next))
            }
            (Location::Host, _) => {
                let route = self.host_route(to);
                let own = self.host_source(&route, to);
                let own = own.or_else(|| self.host_source_outside(to));
                let version = IpVersion::of(to);
                let own = own.or_else(|| self.known_address(version));
                Some(own.unwrap_or_else(|| self.some_address(version)))
            }
            (Location::Outside, Party::Address(address)) => Some(*address),
            (Location::Outside, _) if is_link_local6(to) => Some(NEIGHBOUR.into()),
            (Location::Outside, _) => Some(self.client(to)),
        }
    }

    /// An address of the outside, behind the host's own links, whose packets come to an address of the
    /// host.
    #[must_use]
    pub fn client(&self, to: IpAddr) -> IpAddr {
        let any = self.anywhere(IpVersion::of(to));
        let own = self.network_of(to).is_some();
        let routed = own || self.environment.uplink(any).is_some();
        let near = self.environment.neighbour(to).filter(|_| !routed);
        near.unwrap_or(any)
    }

    /// The addresses by which `from` may use `to`, for each IP version, IPv4 first: those of the hosts
    /// files that nodes see, in their order, which is the one in which clients try them.
    pub(super) fn candidates(&self, from: &Party, to: &Party) -> Vec<Vec<IpAddr>> {
        let at = self.place(from);
        let viewer = match &at {
            Location::Node(name) => self.node(name),
            Location::Host | Location::Outside => None,
        };
        let mut all = match (to, self.place(to)) {
            (Party::Address(address), _) => vec![*address],
            (_, Location::Node(name)) => match self.node(&name) {
                Some(node) => self.addresses_of(viewer, node),
                None => Vec::new(),
            },
            (_, Location::Host) if at == Location::Host => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            (_, Location::Host) if at == Location::Outside => self.host_from_outside(),
            (_, Location::Host) => first_of_each(self.host_addresses(viewer)),
            (_, Location::Outside) => IpVersion::ALL.map(|v| self.anywhere(v)).to_vec(),
        };
        // Every node has ::1, without another address of its version too.
        let speaks = |a: &IpAddr, node: &Node| {
            let version = IpVersion::of(*a);
            let mut added = self.added(node).map(|(_, net)| IpVersion::of_net(&net));
            meant(*a).is_loopback() || speaks(node, version) || added.any(|v| v == version)
        };
        all.retain(|a| viewer.is_none_or(|node| speaks(a, node)));
        if let Party::Address(own) = from {
            all.retain(|a| IpVersion::of(*a) == IpVersion::of(*own));
        }
        let of = |version: IpVersion| -> Vec<IpAddr> {
            let fits = all.iter().filter(|a| IpVersion::of(**a) == version);
            fits.copied().collect()
        };
        let versions = IpVersion::ALL.into_iter().map(of);
        versions.filter(|some| !some.is_empty()).collect()
    }

    /// A node's addresses in the viewer's hosts file, nearest first; those that are in none if there are
    /// no others.
    fn addresses_of(&self, viewer: Option<&Node>, node: &Node) -> Vec<IpAddr> {
        let nearness = Nearness::of(self.settled(), viewer);
        let mut ranked: Vec<(u8, IpAddr)> = nearness.addresses(node).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let listed = |version: IpVersion| {
            let of_version = ranked
                .iter()
                .filter(move |(_, a)| IpVersion::of(*a) == version);
            let near = of_version.clone();
            let near: Vec<IpAddr> = near
                .filter(|(rank, _)| *rank != Nearness::UNLISTED)
                .map(|(_, a)| *a)
                .collect();
            match near.is_empty() {
                true => of_version.map(|(_, a)| *a).take(1).collect(),
                false => near,
            }
        };
        IpVersion::ALL.into_iter().flat_map(listed).collect()
    }

    /// The host's addresses as a node finds them: those on its own first network, else any.
    fn host_addresses(&self, viewer: Option<&Node>) -> Vec<IpAddr> {
        let own = viewer
            .and_then(|v| v.memberships().next())
            .and_then(|(_, network)| self.settled().network(network));
        match own {
            Some(network) if network.mode == Mode::Macvlan => {
                let near = |a: &&IpAddr| network.subnets.iter().any(|s| s.net.contains(*a));
                let near = self.environment.host_addresses.iter().filter(near);
                near.copied().chain(self.gateways()).collect()
            }
            Some(network) => network.gateways().collect(),
            None => self.gateways().collect(),
        }
    }
}

/// An address and, after a percent sign, the interface that it is meant on (RFC 4007).
fn zone_of(text: &str) -> (&str, Option<&str>) {
    match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    }
}

/// The first address of each IP version.
fn first_of_each(all: Vec<IpAddr>) -> Vec<IpAddr> {
    let first = |version| all.iter().find(|a| IpVersion::of(**a) == version).copied();
    IpVersion::ALL.into_iter().filter_map(first).collect()
}

/// Whether a node has an address of that version.
fn speaks(node: &Node, version: IpVersion) -> bool {
    let mut all = node.interfaces.iter().flat_map(|i| &i.addresses);
    all.any(|a| IpVersion::of(a.addr()) == version)
}
