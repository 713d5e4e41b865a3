//! Destinations that are not the address of one machine: those of multicast and broadcast.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hallway_spec::{Name, Protocol, Service};
use ipnet::IpNet;

use super::path::{Location, Outcome};
use super::world::World;

/// All machines of one link (RFC 4291).
const ALL_ON_LINK: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// That of the loopback, which the kernel has in its table of local addresses.
const OF_LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);

/// The address that the kernel takes for another one: an unspecified one means the sender itself.
pub(super) fn meant(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(a) if a.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(a) if a.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

impl World<'_> {
    /// What becomes of a packet to an address that is not one machine's, in words; `None` for any other
    /// address.
    pub(super) fn special(
        &self,
        from: &Location,
        to: IpAddr,
        service: Service,
    ) -> Option<(Outcome, String)> {
        if *from == Location::Outside && to.is_loopback() {
            let text = format!(
                "{to} is the sender itself: what a machine outside does with it is not known"
            );
            return Some((Outcome::Unknown, text));
        }
        let near = match to {
            IpAddr::V4(v4) => self.is_near_broadcast(from, v4),
            IpAddr::V6(_) => false,
        };
        let network = match to {
            IpAddr::V4(v4) => self.network_with_last(v4),
            IpAddr::V6(_) => None,
        };
        let kind = match network {
            _ if to.is_multicast() => "a multicast address".to_owned(),
            Some(network) => format!("the broadcast address of network {network}"),
            None if near => "a broadcast address".to_owned(),
            None => return None,
        };
        let words = |more: &str| format!("{to} is {kind}: {more}");
        let tcp = matches!(service, Service::Port(p) if p.protocol == Protocol::Tcp);
        if tcp && (near || to.is_multicast()) {
            let text = words("TCP connects to one machine only");
            return Some((Outcome::Unreachable, text));
        }
        if !self.leads(from, to) {
            let text = words("the sender has no route to it");
            return Some((Outcome::Unreachable, text));
        }
        if !to.is_multicast() {
            let text = words(match near {
                true => {
                    "only sockets with SO_BROADCAST may send there, and Linux does not answer pings to it"
                }
                false => "nothing forwards it onto that network",
            });
            return Some((Outcome::Filtered, text));
        }
        let (outcome, more) = match (service, from) {
            (Service::Icmp, Location::Node(_)) if to == IpAddr::V6(ALL_ON_LINK) => (
                Outcome::Open,
                "every machine of the link with IPv6 answers, the sender too",
            ),
            (Service::Icmp, Location::Node(_)) if to.is_ipv4() => (
                Outcome::Filtered,
                "Linux does not answer pings to it (net.ipv4.icmp_echo_ignore_broadcasts)",
            ),
            _ => (
                Outcome::Unknown,
                "the programs that have joined the group receive it",
            ),
        };
        Some((outcome, words(more)))
    }

    /// Whether an address is for every machine of a network of the sender.
    fn is_near_broadcast(&self, from: &Location, to: Ipv4Addr) -> bool {
        let own = match from {
            Location::Node(name) => self.node(name),
            Location::Host if self.network_with_last(to).is_some() => return true,
            Location::Host | Location::Outside => None,
        };
        let own = own.into_iter().flat_map(|node| &node.interfaces);
        let mut own = own.flat_map(|interface| &interface.addresses);
        to.is_broadcast() || to == OF_LOOPBACK || own.any(|net| is_last(net, to))
    }

    /// The network of the project that has it as its broadcast address.
    fn network_with_last(&self, to: Ipv4Addr) -> Option<&Name> {
        let mut networks = self.settled().networks.iter();
        let found = networks.find(|n| n.subnets.iter().any(|s| is_last(&s.net, to)));
        found.map(|n| &n.name)
    }

    /// Whether the sender has a route to the address.
    fn leads(&self, from: &Location, to: IpAddr) -> bool {
        match from {
            Location::Node(_) if to == IpAddr::V4(OF_LOOPBACK) => true,
            // Every interface with IPv6 has a route to groups.
            Location::Node(name) if to.is_ipv6() => self
                .node(name)
                .is_some_and(|n| n.ipv6 && !n.interfaces.is_empty()),
            Location::Node(name) => self
                .node(name)
                .is_some_and(|n| self.next_hop(n, to).is_some()),
            Location::Host | Location::Outside => true,
        }
    }
}

/// Whether an address is the last one of a prefix, which is for all of it.
fn is_last(net: &IpNet, to: Ipv4Addr) -> bool {
    net.addr().is_ipv4() && net.prefix_len() < 31 && net.broadcast() == to
}
