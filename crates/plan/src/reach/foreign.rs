//! What chains of other programs do with packets.

use std::net::IpAddr;

use hallway_nftables::evaluate::PacketContext;
use hallway_nftables::survey::{self, Fate, Mark, Passage, RulePlace, Tuple};

use hallway_nftables::{Chain, ChainType, Family, Priority, Table, print};

use super::conntrack::TrackingState;
use super::packet::Flow;
use super::passing::{CONNTRACK, Class, Passing};
use super::path::{HopEvent, Location};
use super::remedy::{Dropped, remedy};
use super::walk::{DropReason, Foreign, ForeignRule, Walk};
use super::world::UPLINK;

impl<'w> Walk<'w> {
    /// A packet with the names and device groups of the host's links, where they are known.
    pub(super) fn with_links<'p>(&self, packet: &PacketContext<'p>) -> PacketContext<'p>
    where
        'w: 'p,
    {
        let environment = &self.world.environment;
        let known = |link: (&'p str, u32), address| match link.0 == UPLINK.name {
            true => environment.uplink(address).unwrap_or(link),
            false => link,
        };
        let (iif, iif_group) = known((packet.iif, packet.iif_group), packet.from);
        let (oif, oif_group) = known((packet.oif, packet.oif_group), packet.to);
        PacketContext {
            iif,
            iif_group,
            oif,
            oif_group,
            ..*packet
        }
    }

    /// The chains that are passed before connection tracking; then the connection of the packet.
    pub(super) fn tracking(&mut self, passing: Passing<'_>) -> Result<TrackingState, DropReason> {
        self.exempt = false;
        self.pass_foreign(&passing.early())?;
        Ok(match self.exempt {
            true => TrackingState::Untracked,
            false => self.conntrack.classify(passing.packet),
        })
    }

    /// Passes a packet through the filters of other programs.
    pub(super) fn pass_foreign(&mut self, passing: &Passing<'_>) -> Result<(), DropReason> {
        let early = passing.priorities.1 < CONNTRACK;
        for (table, chain) in self.chains_of_others(passing, &[ChainType::Filter, ChainType::Route])
        {
            let passage = self.surveyed(table, chain, passing);
            self.notes_bits(table, chain, passing, &passage);
            let passage = self.without_own_bits(passage, passing);
            (self.mark, self.connection_mark) = (passage.mark, passage.connection_mark);
            match (&passage.untracked, early) {
                (Some((place, true)), true) => {
                    self.exempt = true;
                    let words = format!(
                        "{}, which is not hallway's, takes packets out of connection tracking",
                        rule_words(table, place)
                    );
                    self.changed.get_or_insert(ForeignRule {
                        words,
                        help: shows(table, place),
                    });
                }
                (Some((place, false)), true) => {
                    self.unsure.get_or_insert(rule_words(table, place));
                }
                _ => {}
            }
            match passage.fate {
                Fate::Passes | Fate::Translated(..) => {}
                Fate::Unknown(place) => {
                    self.unsure.get_or_insert(rule_words(table, &place));
                }
                Fate::Dropped(place, reply) => {
                    let (of, help) = match passing.node {
                        Some(node) => (
                            format!("{} in node {node}", name(table)),
                            format!("hallway exec {node} -- nft list ruleset shows it"),
                        ),
                        None => (name(table), self.remedy(table, &place, passing)),
                    };
                    let dropped = Foreign {
                        table: of,
                        chain: place.chain.clone(),
                        rule: rule_text(table, &place),
                        reply,
                        help,
                    };
                    self.note_foreign(table, &place, passing, "drop");
                    return Err(DropReason::Foreign(dropped));
                }
            }
        }
        Ok(())
    }

    /// The commands after which a packet passes where a chain of another program drops it.
    fn remedy(&self, table: &Table, place: &RulePlace, passing: &Passing<'_>) -> String {
        let connection = passing.state.and_then(|s| self.conntrack.of_state(&s));
        remedy(&Dropped {
            world: self.world,
            table,
            place,
            hook: passing.hook,
            context: self.with_links(&passing.context),
            device: match passing.class {
                Class::Device(device) => Some(device),
                Class::Routed | Class::Bridge => None,
            },
            reply: match connection {
                Some((_, reply)) => reply,
                None => passing.packet.answers(),
            },
            tracked: connection.is_some(),
        })
    }

    /// The chains that a packet passes, in their order.
    pub(super) fn chains_of_others(
        &self,
        passing: &Passing<'_>,
        kinds: &[ChainType],
    ) -> Vec<(&'w Table, &'w Chain)> {
        let v4 = passing.context.from.is_ipv4();
        let mut out: Vec<(Priority, &'w Table, &'w Chain)> = Vec::new();
        let world = self.world;
        let tables = match passing.node {
            Some(node) => world.environment.inside.get(node).map(|i| &i.tables),
            None => Some(&world.environment.foreign),
        };
        for table in tables.into_iter().flatten() {
            let sees = match (passing.class, table.family) {
                (Class::Routed, Family::Inet) => true,
                (Class::Routed, Family::Ip) => v4,
                (Class::Routed, Family::Ip6) => !v4,
                (Class::Bridge, Family::Bridge) => true,
                (Class::Device(_), Family::Netdev | Family::Inet) => true,
                _ => false,
            };
            let (first, last) = passing.priorities;
            let chains = table.chains.iter().filter_map(|c| Some((c, c.base?)));
            let here = chains.filter(|(chain, base)| {
                base.hook == passing.hook
                    && kinds.contains(&base.kind)
                    && (first..=last).contains(&base.priority.0)
                    && match passing.class {
                        Class::Device(device) => is_bound(table, chain, device),
                        _ => true,
                    }
            });
            out.extend(
                here.filter(|_| sees)
                    .map(|(chain, base)| (base.priority, table, chain)),
            );
        }
        out.sort_by_key(|(priority, ..)| *priority);
        out.into_iter()
            .map(|(_, table, chain)| (table, chain))
            .collect()
    }

    /// The effect of a chain.
    fn surveyed(&self, table: &Table, chain: &Chain, passing: &Passing<'_>) -> Passage {
        let context = match passing.class {
            Class::Routed => self.with_links(&passing.context),
            _ => passing.context,
        };
        let (state, packet) = (passing.state, passing.packet);
        let flow = packet.flow;
        let connection = state.and_then(|s| self.conntrack.of_state(&s));
        let indexes = match passing
            .node
            .and_then(|n| self.world.environment.inside.get(n))
        {
            Some(inside) => &inside.indexes,
            None => &self.world.environment.indexes,
        };
        let index = |link: &str| indexes.get(link).copied();
        let bits = self.mark.value | context.mark;
        let seen = survey::Packet {
            family: match passing.class {
                Class::Routed => Family::Inet,
                Class::Bridge => Family::Bridge,
                Class::Device(_) => table.family,
            },
            ports: flow.has_ports().then_some((flow.source_port, flow.port)),
            last_port: passing.last_port,
            tcp_flags: packet.tcp_flags(),
            untracked: state == Some(TrackingState::Untracked),
            connection: connection.map(|(ways, _)| ways.map(|way| self.tuple(way))),
            reply: connection.is_some_and(|(_, reply)| reply),
            mark: Mark {
                value: bits,
                known: self.mark.known | context.mark,
            },
            connection_mark: self.connection_mark,
            indexes: [index(context.iif), index(context.oif)],
            bridges: [context.iif, context.oif].map(|port| self.world.bridge_of(port)),
            context: PacketContext {
                from: self.own_address_of(context.from),
                to: self.own_address_of(context.to),
                established: state.is_some_and(|s| self.conntrack.established(&s)),
                dnated: state.is_some_and(|s| self.conntrack.dnated(&s)),
                invalid: state.is_none_or(|s| s == TrackingState::Invalid),
                ..context
            },
        };
        survey::fate(table, chain, &seen)
    }

    fn tuple(&self, flow: Flow) -> Tuple {
        Tuple {
            from: self.own_address_of(flow.from),
            to: self.own_address_of(flow.to),
            source_port: flow.source_port,
            port: flow.port,
        }
    }

    /// The host's address of a connection that leaves it, where it is certain; any other as it is.
    fn own_address_of(&self, address: IpAddr) -> IpAddr {
        let known = self.leaves_as.filter(|_| address.is_unspecified());
        known.unwrap_or(address)
    }

    /// The effect of a chain, without bits of hallway's own rules: they are not part of what others have
    /// set.
    pub(super) fn survey(&self, table: &Table, chain: &Chain, passing: &Passing<'_>) -> Passage {
        let passage = self.surveyed(table, chain, passing);
        self.without_own_bits(passage, passing)
    }

    fn without_own_bits(&self, passage: Passage, passing: &Passing<'_>) -> Passage {
        let own = passing.context.mark & !self.mark.value;
        Passage {
            mark: Mark {
                value: passage.mark.value & !own,
                known: passage.mark.known,
            },
            ..passage
        }
    }

    /// Adds a decision of another program's rule to the hops.
    pub(super) fn note_foreign(
        &mut self,
        table: &Table,
        place: &RulePlace,
        passing: &Passing<'_>,
        verdict: &str,
    ) {
        let event = HopEvent::Chain {
            family: table.family.name().to_owned(),
            table: table.name.clone(),
            chain: place.chain.clone(),
            hook: passing.hook.name().to_owned(),
            rule: rule_text(table, place),
            comment: String::new(),
            verdict: verdict.to_owned(),
            ours: false,
        };
        let at = passing
            .node
            .map_or(Location::Host, |n| Location::Node(n.clone()));
        self.hop(at, event, passing.packet.flow);
    }
}

/// Whether packets of a device pass a chain.
fn is_bound(table: &Table, chain: &Chain, device: &str) -> bool {
    let mut all = table.devices.iter().filter(|(of, _)| *of == chain.name);
    all.any(|(_, name)| match name.strip_suffix('*') {
        Some(start) => device.starts_with(start),
        None => name == device,
    })
}

fn name(table: &Table) -> String {
    format!("{} {}", table.family.name(), table.name)
}

fn rule_text(table: &Table, place: &RulePlace) -> Option<String> {
    let chain = table.chain(&place.chain)?;
    let rule = chain.rules.get(place.rule?)?;
    Some(print::rule_in(rule, table))
}

/// A rule with its chain and table, in a sentence.
pub(super) fn rule_words(table: &Table, place: &RulePlace) -> String {
    let at = format!("chain {} of table {}", place.chain, name(table));
    match rule_text(table, place) {
        Some(rule) => format!("the rule {rule} of {at}"),
        None => at,
    }
}

/// The command that shows a rule.
pub(super) fn shown_by(table: &Table, place: &RulePlace) -> String {
    format!("nft -a list chain {} {}", name(table), place.chain)
}

/// What can be done about a rule.
pub(super) fn shows(table: &Table, place: &RulePlace) -> String {
    let command = shown_by(table, place);
    format!("{command} shows the rule; exempt the project's networks there")
}
