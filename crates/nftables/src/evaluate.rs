//! The effect of a ruleset on one packet: its rules, evaluated in the same way as in the kernel.
//!
//! ```
//! use hallway_nftables::evaluate::{Evaluator, PacketContext, PacketVerdict};
//! use hallway_nftables::expr::Verdict;
//! use hallway_nftables::{Chain, Family, Field, Match, Rule, Ruleset, Table, Value};
//!
//! let mut table = Table::new(Family::Inet, "example");
//! let web = Match::Is(Field::Dport, Value::Port(80));
//! table.chains.push(Chain {
//!     name: "forward".into(),
//!     base: None,
//!     rules: vec![Rule::new(vec![web], Verdict::Drop, "no web server")],
//! });
//! let rules = Ruleset { tables: vec![table] };
//! let Some(evaluator) = Evaluator::new(&rules, Family::Inet) else { return };
//! let Some(chain) = evaluator.chain("forward") else { return };
//! let packet = PacketContext {
//!     port: Some(80),
//!     ..PacketContext::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 6)
//! };
//! assert_eq!(evaluator.evaluate(chain, &packet).verdict, PacketVerdict::Drop);
//! ```

mod packet;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::expr::Verdict;
use crate::{
    Action, Chain, ChainType, Dnat, Element, Family, Field, Hook, IpVersion, Match, Priority,
    Ruleset, Table, Value,
};

pub use packet::PacketContext;

/// The limit of nested chain calls (NFT_JUMP_STACK_SIZE, linux/netfilter/nf_tables.h).
const DEPTH_MAX: usize = 16;

/// The result for a packet in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PacketVerdict {
    /// Continues.
    Accept,
    /// Dropped without an answer.
    Drop,
    /// Dropped with an ICMP error.
    Reject,
    /// Continues to another destination; with a port if that changes too.
    Dnat(IpAddr, Option<u16>),
    /// Continues with the address of the interface it leaves by.
    Masquerade,
}

/// The verdict of a base chain, with the rule that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleVerdict {
    /// The result for the packet.
    pub verdict: PacketVerdict,
    /// The chain the deciding rule is in; the base chain itself when no rule decided.
    pub chain: String,
    /// The position of that rule in its chain.
    pub rule: Option<usize>,
    /// The rule's comment.
    pub comment: String,
    /// The comment of the map's element that decided, if one did.
    pub element: Option<String>,
    /// The packet's mark after that.
    pub mark: u32,
}

/// A table, prepared for fast lookups of keys.
#[derive(Debug)]
pub struct Evaluator<'a> {
    table: &'a Table,
    exact: BTreeMap<&'a str, BTreeMap<&'a [Value], &'a Element>>,
}

impl<'a> Evaluator<'a> {
    /// Prepares the first table of a family. `None` if the ruleset has none, or if one of its rules
    /// has expressions that cannot be evaluated here.
    #[must_use]
    pub fn new(rules: &'a Ruleset, family: Family) -> Option<Self> {
        let table = rules.table(family)?;
        let mut matches = table
            .chains
            .iter()
            .flat_map(|c| &c.rules)
            .flat_map(|r| &r.matches);
        if matches.any(|m| matches!(m, Match::Expressions(_))) {
            return None;
        }
        let exact = table
            .sets
            .iter()
            .filter(|s| !s.interval)
            .map(|s| {
                let elements = s.elements.iter().map(|e| (e.key.as_slice(), e)).collect();
                (s.name.as_str(), elements)
            })
            .collect();
        Some(Self { table, exact })
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &'a str {
        &self.table.name
    }

    /// A chain of the table.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&'a Chain> {
        self.table.chains.iter().find(|c| c.name == name)
    }

    /// Every base chain of a hook and of a type, in the order packets pass them.
    #[must_use]
    pub fn hooked(&self, hook: Hook, kind: ChainType) -> Vec<&'a Chain> {
        let mut out: Vec<(Priority, &Chain)> = self
            .table
            .chains
            .iter()
            .filter_map(|c| Some((c.base?, c)))
            .filter(|(b, _)| b.hook == hook && b.kind == kind)
            .map(|(b, c)| (b.priority, c))
            .collect();
        out.sort_by_key(|(priority, _)| *priority);
        out.into_iter().map(|(_, chain)| chain).collect()
    }

    /// The effect of a chain on a packet.
    #[must_use]
    pub fn evaluate(&self, chain: &'a Chain, packet: &PacketContext<'_>) -> RuleVerdict {
        let mut packet = *packet;
        let decided = self.within(chain, &mut packet, 0);
        decided.unwrap_or_else(|| RuleVerdict {
            verdict: PacketVerdict::Accept,
            chain: chain.name.clone(),
            rule: None,
            comment: String::new(),
            element: None,
            mark: packet.mark,
        })
    }

    /// `None` if the packet reaches the chain's end, or returns.
    fn within(
        &self,
        chain: &'a Chain,
        packet: &mut PacketContext<'_>,
        depth: usize,
    ) -> Option<RuleVerdict> {
        if depth > DEPTH_MAX {
            return None;
        }
        for (position, rule) in chain.rules.iter().enumerate() {
            if !rule.matches.iter().all(|m| self.holds(m, packet)) {
                continue;
            }
            let (verdict, element) = match &rule.action {
                // What is tracked, and the source of an answer, is told by the caller.
                Action::Continue
                | Action::NoTrack
                | Action::SourceAsAsked(_)
                | Action::Verdict(Verdict::Continue) => continue,
                Action::Mark(bits) => {
                    packet.mark |= bits;
                    continue;
                }
                Action::Unmark(bits) => {
                    packet.mark &= !bits;
                    continue;
                }
                Action::Verdict(Verdict::Return) => return None,
                Action::Verdict(Verdict::Jump(name)) => {
                    match self.within(self.chain(name)?, packet, depth + 1) {
                        Some(decided) => return Some(decided),
                        None => continue,
                    }
                }
                Action::Verdict(Verdict::Goto(name)) => {
                    return self.within(self.chain(name)?, packet, depth + 1);
                }
                Action::Verdict(Verdict::Accept) => (PacketVerdict::Accept, None),
                // Packets that are queued or stolen do not continue here.
                Action::Verdict(Verdict::Drop | Verdict::Other(_)) => (PacketVerdict::Drop, None),
                Action::Reject => (PacketVerdict::Reject, None),
                Action::Masquerade { .. } => (PacketVerdict::Masquerade, None),
                Action::Dnat(dnat) => match self.translation(dnat, packet) {
                    Some((verdict, element)) => (verdict, element.comment.clone()),
                    None => continue, // no such key: the rule ends there
                },
            };
            return Some(RuleVerdict {
                verdict,
                chain: chain.name.clone(),
                rule: Some(position),
                comment: rule.comment.clone(),
                element,
                mark: packet.mark,
            });
        }
        None
    }

    fn translation(
        &self,
        dnat: &Dnat,
        packet: &PacketContext<'_>,
    ) -> Option<(PacketVerdict, &'a Element)> {
        if IpVersion::of(packet.to) != dnat.version {
            return None;
        }
        let element = self.lookup(&dnat.map, &dnat.key, packet)?;
        let (address, port) = target(element)?;
        Some((PacketVerdict::Dnat(address, port), element))
    }

    fn holds(&self, condition: &Match, packet: &PacketContext<'_>) -> bool {
        match condition {
            Match::Is(field, item) => value(*field, packet).is_some_and(|v| covers(item, &v)),
            Match::IsNot(field, item) => value(*field, packet).is_some_and(|v| !covers(item, &v)),
            Match::In(fields, set) => {
                readable(fields, packet) && self.lookup(set, fields, packet).is_some()
            }
            Match::NotIn(fields, set) => {
                readable(fields, packet) && self.lookup(set, fields, packet).is_none()
            }
            // Other connections and programs are not known here.
            Match::CountOver { .. } | Match::RateOver { .. } => false,
            Match::OfSocket | Match::AnswersFor(..) => false,
            // Packets that end a connection are not evaluated.
            Match::Reset | Match::Note { .. } => false,
            Match::Version(version) => IpVersion::of(packet.from) == *version,
            Match::Established => packet.established,
            Match::Invalid => packet.invalid,
            Match::MidStream(stream) => packet.mid_stream && packet.protocol == stream.number(),
            Match::LaterFragment(_) => false, // packets are evaluated whole
            Match::Dnated => packet.dnated,
            Match::ToLocal => packet.to_local,
            Match::Unmarked(bits) => packet.mark & bits == 0,
            Match::FromGroups(first) => packet.iif_group >> 24 == u32::from(*first),
            Match::Expressions(_) => false, // no table with such a rule gets here
        }
    }

    fn lookup(
        &self,
        set: &str,
        fields: &[Field],
        packet: &PacketContext<'_>,
    ) -> Option<&'a Element> {
        let key: Vec<Value> = fields
            .iter()
            .map(|f| value(*f, packet))
            .collect::<Option<_>>()?;
        if let Some(exact) = self.exact.get(set) {
            return exact.get(key.as_slice()).copied();
        }
        self.table.set(set)?.elements.iter().find(|element| {
            element.key.len() == key.len()
                && element.key.iter().zip(&key).all(|(e, k)| covers(e, k))
        })
    }
}

/// Whether a packet has all these fields; one without them matches neither a set nor its inverse.
fn readable(fields: &[Field], packet: &PacketContext<'_>) -> bool {
    fields.iter().all(|f| value(*f, packet).is_some())
}

fn target(element: &Element) -> Option<(IpAddr, Option<u16>)> {
    let address = match element.value.first()? {
        Value::V4(a) => IpAddr::V4(*a),
        Value::V6(a) => IpAddr::V6(*a),
        _ => return None,
    };
    let port = element.value.get(1).and_then(|item| match item {
        Value::Port(port) => Some(*port),
        _ => None,
    });
    Some((address, port))
}

/// The value of a packet's field.
fn value(field: Field, packet: &PacketContext<'_>) -> Option<Value> {
    let address = |address: IpAddr, version: IpVersion| match (address, version) {
        (IpAddr::V4(a), IpVersion::V4) => Some(Value::V4(a)),
        (IpAddr::V6(a), IpVersion::V6) => Some(Value::V6(a)),
        _ => None,
    };
    match field {
        Field::IifName => Some(Value::Ifname(packet.iif.to_owned())),
        Field::OifName => Some(Value::Ifname(packet.oif.to_owned())),
        Field::IifGroup => Some(Value::Group(packet.iif_group)),
        Field::OifGroup => Some(Value::Group(packet.oif_group)),
        Field::L4Proto => Some(Value::Proto(packet.protocol)),
        Field::Ip4Saddr => address(packet.from, IpVersion::V4),
        Field::Ip4Daddr => address(packet.to, IpVersion::V4),
        Field::Ip6Saddr => address(packet.from, IpVersion::V6),
        Field::Ip6Daddr => address(packet.to, IpVersion::V6),
        Field::Dport => packet.port.map(Value::Port),
        Field::EtherType => Some(Value::EtherType(if packet.from.is_ipv4() {
            0x0800
        } else {
            0x86dd
        })),
        Field::EtherSaddr => Some(Value::Ether(packet.mac)),
        Field::EtherDaddr => Some(Value::Ether(packet.mac_to)),
        // To one machine: broadcast and multicast packets are not evaluated.
        Field::PacketType => Some(Value::Byte(0)),
        // Only the headers of both are known.
        Field::ArpSaddrEther
        | Field::Sport
        | Field::ArpSaddrIp
        | Field::Ip6Length
        | Field::HopLimit6
        | Field::IcmpKind
        | Field::IgmpType
        | Field::NdTarget
        | Field::NdOption
        | Field::NdOptionMac
        | Field::QuotedDaddr4
        | Field::QuotedDaddr6
        | Field::QuotedNext6
        | Field::QuotedFragmentNext6 => None,
        Field::IcmpType => packet
            .icmp
            .filter(|_| packet.protocol == 1)
            .map(Value::Byte),
        Field::Icmp6Type => packet
            .icmp
            .filter(|_| packet.protocol == 58)
            .map(Value::Byte),
    }
}

/// Whether a rule's or element's item covers a packet's value.
fn covers(item: &Value, value: &Value) -> bool {
    match (item, value) {
        (Value::V4Net(net), Value::V4(a)) => net.contains(a),
        (Value::V6Net(net), Value::V6(a)) => net.contains(a),
        (Value::Ports(first, last), Value::Port(port)) => (first..=last).contains(&port),
        (Value::Raw(first, last), Value::Byte(byte)) => {
            (first.as_slice()..=last.as_slice()).contains(&[*byte].as_slice())
        }
        (a, b) => a == b,
    }
}
