//! Ports of the host whose packets a rule of another program already sends elsewhere.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_nftables::survey::{Fate, Translation};
use hallway_nftables::{ChainType, Hook, Priority};
use hallway_spec::{IpVersion, Place, Protocol};

use super::foreign::{rule_words, shown_by};
use super::packet::{Flow, Packet, PacketKind};
use super::passing::Passing;
use super::walk::Walk;
use super::world::{HostPort, UPLINK, World};
use crate::settled::Publish;

/// How many packets are evaluated at most: rules that cannot be evaluated may concern every port.
const PACKETS_MAX: usize = 10_000;

/// A port that is published, and that a rule of another program has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPort {
    /// Where it is published.
    pub place: Place,
    /// The address of the host.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// tcp or udp.
    pub protocol: Protocol,
    /// The rule.
    pub rule: String,
    /// The command that shows it.
    pub shown_by: String,
}

/// The published ports that rules of other programs have, at most one of each entry. Only what is certain.
#[must_use]
pub fn taken_ports(world: &World<'_>, publishes: &[&Publish]) -> Vec<TakenPort> {
    let mut groups: BTreeMap<(Protocol, Option<IpAddr>), Vec<&Publish>> = BTreeMap::new();
    for publish in publishes {
        let key = (publish.protocol, publish.host_address);
        groups.entry(key).or_default().push(publish);
    }
    let mut search = Search {
        walk: Walk::new(world),
        found: Vec::new(),
        left: PACKETS_MAX,
    };
    for ((_, named), mut group) in groups {
        group.sort_by_key(|p| p.host_ports.first());
        for approach in approaches(world) {
            if named.is_none_or(|a| a == approach.to) {
                search.among(&group, &approach);
            }
        }
    }
    search.found
}

/// A client's way to an address of the host.
struct Approach<'w> {
    from: IpAddr,
    to: IpAddr,
    link: HostPort<'w>,
}

/// From outside, and from a neighbour, to each address of the host.
fn approaches<'w>(world: &'w World<'w>) -> Vec<Approach<'w>> {
    let mut out = Vec::new();
    for to in world.environment.host_addresses.iter().copied() {
        let near = world.environment.neighbour(to);
        for from in [Some(world.anywhere(IpVersion::of(to))), near]
            .into_iter()
            .flatten()
        {
            let link = UPLINK;
            out.push(Approach { from, to, link });
        }
    }
    for network in world.settled().networks.iter() {
        let (name, group) = (network.bridge.as_deref(), network.group_of_packets());
        let Some(name) = name.filter(|_| network.outside) else {
            continue;
        };
        let link = HostPort { name, group };
        out.extend(network.subnets.iter().filter_map(|subnet| {
            let to = subnet.gateway?;
            let from = subnet.net.hosts().find(|a| *a != to)?;
            Some(Approach { from, to, link })
        }));
    }
    out
}

/// What becomes of packets.
enum Finding {
    NotTaken,
    Taken(Translation, [String; 2]),
    Perhaps,
}

struct Search<'w> {
    walk: Walk<'w>,
    found: Vec<TakenPort>,
    left: usize,
}

impl<'w> Search<'w> {
    /// Entries in the order of their ports: all at once, then each half.
    fn among(&mut self, entries: &[&Publish], approach: &Approach<'w>) {
        let (first, last) = match entries {
            [] => return,
            [one] => return self.within(one, approach),
            [first, ..] => {
                let last = entries.iter().map(|p| p.host_ports.last()).max();
                let first = first.host_ports.first();
                (first, last.unwrap_or(first))
            }
        };
        let protocol = entries.first().map(|p| p.protocol);
        let Some(protocol) = protocol else { return };
        if let Finding::NotTaken = self.finding(approach, protocol, first, last) {
            return;
        }
        let (low, high) = entries.split_at(entries.len() / 2);
        self.among(low, approach);
        self.among(high, approach);
    }

    /// The first port of an entry that is taken.
    fn within(&mut self, publish: &Publish, approach: &Approach<'w>) {
        let version = IpVersion::of(approach.to);
        let of_version = publish
            .targets
            .iter()
            .find(|t| IpVersion::of(**t) == version);
        let known = self.found.iter().any(|t| t.place == publish.place);
        let Some(target) = of_version.filter(|_| !known) else {
            return;
        };
        let mut open = vec![(publish.host_ports.first(), publish.host_ports.last())];
        while let Some((first, last)) = open.pop() {
            let middle = first + (last - first) / 2;
            match self.finding(approach, publish.protocol, first, last) {
                Finding::NotTaken => {}
                // It leads to the same node.
                Finding::Taken(Translation::Destination(Some(to), _), _) if to == *target => {}
                Finding::Taken(_, [rule, shown_by]) => {
                    let taken = TakenPort {
                        place: publish.place.clone(),
                        address: approach.to,
                        port: first,
                        protocol: publish.protocol,
                        rule,
                        shown_by,
                    };
                    self.found.push(taken);
                    return;
                }
                Finding::Perhaps if first == last => {}
                Finding::Perhaps => open.extend([(middle + 1, last), (first, middle)]),
            }
        }
    }

    /// What becomes of the first packets to these ports before hallway has rules.
    fn finding(
        &mut self,
        approach: &Approach<'w>,
        protocol: Protocol,
        first: u16,
        last: u16,
    ) -> Finding {
        let Some(left) = self.left.checked_sub(1) else {
            return Finding::NotTaken;
        };
        self.left = left;
        let packet = Packet {
            flow: Flow {
                from: approach.from,
                to: approach.to,
                protocol: protocol.number(),
                source_port: 0,
                port: first,
            },
            kind: match protocol {
                Protocol::Tcp => PacketKind::Syn,
                Protocol::Udp | Protocol::Sctp => PacketKind::Datagram,
            },
        };
        let last = Some(last).filter(|last| *last != first);
        self.walk.taken(&packet, approach.link, last)
    }
}

impl<'w> Walk<'w> {
    fn taken(&mut self, packet: &Packet, from: HostPort<'w>, last_port: Option<u16>) -> Finding {
        let context = self.host_context(packet, from, 0);
        let passing = |state| Passing {
            last_port,
            ..Passing::routed(Hook::Prerouting, packet, state, context)
        };
        self.forget();
        let Ok(state) = self.tracking(passing(None)) else {
            return Finding::NotTaken;
        };
        let tracked = passing(Some(state));
        if self.pass_foreign(&tracked.up_to(Priority::DSTNAT)).is_err() {
            return Finding::NotTaken;
        }
        let mut perhaps = false;
        for (table, chain) in self.chains_of_others(&tracked, &[ChainType::Nat]) {
            match self.survey(table, chain, &tracked).fate {
                Fate::Translated(place, to) if !perhaps => {
                    let words = [rule_words(table, &place), shown_by(table, &place)];
                    return Finding::Taken(to, words);
                }
                Fate::Translated(..) | Fate::Unknown(_) => perhaps = true,
                Fate::Passes | Fate::Dropped(..) => {}
            }
        }
        if perhaps {
            Finding::Perhaps
        } else {
            Finding::NotTaken
        }
    }
}
