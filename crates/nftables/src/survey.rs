//! The effect of another program's chain on a packet, if it can be computed: rules may have
//! expressions that are unknown in this crate, and test unknown fields of the packet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::evaluate::PacketContext;
use crate::expr::{CtKey, Expr, Meta, PayloadBase, Reg, Verdict};
use crate::value::Form;
use crate::wire::{Attrs, be32_of};
use crate::{Chain, Element, Policy, Set, Table, Value};

mod answer;
mod marks;
mod xt;

pub use marks::may_mark;

use answer::{Act, Answer, state};

/// The limit of nested chain calls (NFT_JUMP_STACK_SIZE).
const DEPTH_MAX: usize = 16;
/// Bytes of an interface's name in a register (IFNAMSIZ).
const NAME: usize = 16;
/// A bit of `ct status`.
const DNATED: u32 = 1 << 5;
/// NFT_SET_ANONYMOUS and NFT_SET_CONSTANT: sets written within a rule.
const ANONYMOUS_OR_CONSTANT: u32 = 3;
/// RTN_UNICAST and RTN_LOCAL.
const UNICAST: u32 = 1;
const LOCAL: u32 = 2;

/// A rule of a chain; the chain's policy without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePlace {
    /// The chain.
    pub chain: String,
    /// The rule's position.
    pub rule: Option<usize>,
}

/// The result for a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It passes.
    Passes,
    /// It is dropped or rejected here.
    Dropped(RulePlace),
    /// It depends on a rule that could not be evaluated.
    Unknown(RulePlace),
}

/// The effect of a base chain on a packet.
#[must_use]
pub fn fate(table: &Table, chain: &Chain, packet: &PacketContext<'_>) -> Fate {
    let mut survey = Survey {
        table,
        packet,
        may_accept: None,
        may_drop: None,
    };
    let (drops, place) = survey.chain(chain, 0).unwrap_or_else(|| {
        let drops = chain.base.is_some_and(|b| b.policy == Policy::Drop);
        let place = RulePlace {
            chain: chain.name.clone(),
            rule: None,
        };
        (drops, place)
    });
    match (drops, survey.may_accept, survey.may_drop) {
        (true, Some(at), _) | (false, _, Some(at)) => Fate::Unknown(at),
        (true, None, _) => Fate::Dropped(place),
        (false, _, None) => Fate::Passes,
    }
}

struct Survey<'a> {
    table: &'a Table,
    packet: &'a PacketContext<'a>,
    may_accept: Option<RulePlace>,
    may_drop: Option<RulePlace>,
}

impl Survey<'_> {
    /// Whether the packet is dropped, and where; `None` if it reaches the chain's end.
    fn chain(&mut self, chain: &Chain, depth: usize) -> Option<(bool, RulePlace)> {
        if depth > DEPTH_MAX {
            return None;
        }
        for (position, rule) in chain.rules.iter().enumerate() {
            let place = RulePlace {
                chain: chain.name.clone(),
                rule: Some(position),
            };
            let (answer, act) = self.rule(&rule.expressions(self.table));
            if answer == Answer::No {
                continue;
            }
            let sure = answer == Answer::Yes;
            let (decided, leaves) = match act {
                Act::Nothing | Act::Verdict(Verdict::Continue) => (None, false),
                Act::Verdict(Verdict::Accept) => (Some((false, place)), true),
                Act::Drop | Act::Verdict(Verdict::Drop) => (Some((true, place)), true),
                Act::Verdict(Verdict::Return) if sure => (None, true),
                Act::Verdict(Verdict::Jump(name)) => (self.called(&name, depth), false),
                Act::Verdict(Verdict::Goto(name)) => (self.called(&name, depth), true),
                Act::Unknown | Act::Verdict(Verdict::Return | Verdict::Other(_)) => {
                    self.may_accept.get_or_insert(place.clone());
                    self.may_drop.get_or_insert(place);
                    (None, false)
                }
            };
            match decided {
                Some(decided) if sure => return Some(decided),
                Some((true, place)) => _ = self.may_drop.get_or_insert(place),
                Some((false, place)) => _ = self.may_accept.get_or_insert(place),
                None if sure && leaves => return None,
                None => {}
            }
        }
        None
    }

    fn called(&mut self, name: &str, depth: usize) -> Option<(bool, RulePlace)> {
        let table = self.table;
        self.chain(table.chain(name)?, depth + 1)
    }

    fn rule(&self, exprs: &[Expr]) -> (Answer, Act) {
        let mut registers: BTreeMap<Reg, Vec<u8>> = BTreeMap::new();
        let mut answer = Answer::Yes;
        for (position, expr) in exprs.iter().enumerate() {
            let found = match expr {
                Expr::Verdict(verdict) => return (answer, Act::Verdict(verdict.clone())),
                Expr::Reject => return (answer, Act::Drop),
                Expr::Dnat { .. } | Expr::Masquerade { .. } => {
                    return (answer, Act::Verdict(Verdict::Accept));
                }
                Expr::Lookup {
                    to: Some(to),
                    reg,
                    set,
                    ..
                } => {
                    if position + 1 == exprs.len() {
                        let value = registers.get(reg).map(Vec::as_slice);
                        return match self.verdict_of(set, value) {
                            Some(Some(verdict)) => (answer, Act::Verdict(verdict)),
                            Some(None) => (Answer::No, Act::Nothing),
                            None => (answer, Act::Unknown),
                        };
                    }
                    registers.remove(to);
                    Answer::Yes
                }
                Expr::Raw { name, .. } if name == "fib" => self.step(expr, &mut registers),
                Expr::Raw { name, attributes } => match self.raw(name, attributes) {
                    Ok(found) => {
                        if found == Answer::Maybe {
                            registers.clear();
                        }
                        found
                    }
                    Err(act) => return (answer, act),
                },
                Expr::CountOver { .. } => Answer::Maybe,
                other => self.step(other, &mut registers),
            };
            match found {
                Answer::No => return (Answer::No, Act::Nothing),
                Answer::Maybe => answer = Answer::Maybe,
                Answer::Yes => {}
            }
        }
        (answer, Act::Nothing)
    }

    fn set(&self, name: &str) -> Option<&Set> {
        let anonymous = || self.table.anonymous.iter().find(|s| s.name == name);
        self.table.set(name).or_else(anonymous)
    }

    /// The verdict of a map for a value, if it has one; `None` if that cannot be computed.
    fn verdict_of(&self, map: &str, value: Option<&[u8]>) -> Option<Option<Verdict>> {
        let Some(element) = element_of(self.set(map)?, value?)? else {
            return Some(None);
        };
        match element.value.as_slice() {
            [Value::Verdict(verdict)] => Some(Some(verdict.clone())),
            _ => None,
        }
    }

    /// An expression that loads, changes or compares registers.
    fn step(&self, expr: &Expr, registers: &mut BTreeMap<Reg, Vec<u8>>) -> Answer {
        let (to, loaded) = match expr {
            Expr::Meta { key, to } => (*to, self.meta(*key)),
            Expr::Payload {
                base,
                offset,
                length,
                to,
            } => (*to, self.payload(*base, *offset, *length)),
            Expr::Ct { key, to } => (*to, Some(self.tracked(*key).to_ne_bytes().to_vec())),
            Expr::FibDestinationType { to } => {
                let kind = if self.packet.to_local { LOCAL } else { UNICAST };
                (*to, Some(kind.to_ne_bytes().to_vec()))
            }
            // Only packets for which no program of this machine has a socket are evaluated.
            Expr::SocketWildcard { .. } => return Answer::No,
            Expr::Raw { attributes, .. } => return has_way_back(attributes, registers),
            Expr::Constant { to, data } => (*to, Some(data.clone())),
            Expr::Bitwise { reg, mask, xor } => {
                let changed = registers.get(reg).map(|value| {
                    let bits = value.iter().zip(mask).zip(xor);
                    bits.map(|((v, m), x)| (v & m) ^ x).collect()
                });
                (*reg, changed)
            }
            Expr::NetworkOrder { reg } => {
                let swapped = registers
                    .get(reg)
                    .map(|v| v.iter().rev().copied().collect());
                (*reg, swapped)
            }
            Expr::Compare { reg, equal, data } => {
                let value = registers.get(reg).and_then(|v| v.get(..data.len()));
                return value.map_or(Answer::Maybe, |v| Answer::of((v == data) == *equal));
            }
            Expr::Lookup {
                reg, set, invert, ..
            } => {
                let set = self.set(set);
                let found = registers
                    .get(reg)
                    .zip(set)
                    .and_then(|(v, s)| element_of(s, v));
                return found.map_or(Answer::Maybe, |e| Answer::of(e.is_some() != *invert));
            }
            _ => return Answer::Yes,
        };
        match loaded {
            Some(value) => registers.insert(to, value),
            None => registers.remove(&to),
        };
        Answer::Yes
    }

    fn meta(&self, key: Meta) -> Option<Vec<u8>> {
        let name = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(NAME, 0);
            bytes
        };
        let packet = self.packet;
        Some(match key {
            Meta::Mark => packet.mark.to_ne_bytes().to_vec(),
            Meta::IifName => name(packet.iif),
            Meta::OifName => name(packet.oif),
            Meta::NfProto => vec![if packet.from.is_ipv4() { 2 } else { 10 }],
            Meta::L4Proto => vec![packet.protocol],
            Meta::PacketType => vec![0],
            Meta::IifGroup => packet.iif_group.to_ne_bytes().to_vec(),
            Meta::OifGroup => packet.oif_group.to_ne_bytes().to_vec(),
        })
    }

    fn payload(&self, base: PayloadBase, offset: u32, length: u32) -> Option<Vec<u8>> {
        use PayloadBase::{Network, Transport};
        let bytes = match (base, offset, self.packet.from, self.packet.to) {
            (Network, 9, IpAddr::V4(_), _) | (Network, 6, IpAddr::V6(_), _) => {
                vec![self.packet.protocol]
            }
            (Network, 12, IpAddr::V4(from), _) => from.octets().to_vec(),
            (Network, 16, _, IpAddr::V4(to)) => to.octets().to_vec(),
            (Network, 8, IpAddr::V6(from), _) => from.octets().to_vec(),
            (Network, 24, _, IpAddr::V6(to)) => to.octets().to_vec(),
            (Transport, 2, ..) => self.packet.port?.to_be_bytes().to_vec(),
            (Transport, 0, ..) if length == 1 => vec![self.packet.icmp?],
            _ => return None,
        };
        bytes
            .get(..usize::try_from(length).ok()?)
            .map(<[u8]>::to_vec)
    }

    fn tracked(&self, key: CtKey) -> u32 {
        match key {
            CtKey::State => state(self.packet),
            CtKey::Status if self.packet.dnated => DNATED,
            CtKey::Status => 0,
        }
    }

    /// An expression without a name in this crate; an action if it ends the rule.
    fn raw(&self, name: &str, attributes: &[u8]) -> Result<Answer, Act> {
        let attrs = Attrs(attributes);
        match name {
            "match" => Ok(xt::matches(attrs, self.packet)),
            "target" => xt::target(attrs),
            "reject" => Err(Act::Drop),
            "queue" | "synproxy" | "tproxy" => Err(Act::Unknown),
            "log" | "notrack" | "objref" | "flow_offload" | "dup" => Ok(Answer::Yes),
            _ => Ok(Answer::Maybe),
        }
    }
}

/// A route back to the source by the incoming interface, in rules that do the same as rp_filter.
/// Predicted packets come in where their source is: a node's address is checked at its port, and
/// others come in by the link that the host would answer by.
fn has_way_back(attributes: &[u8], registers: &mut BTreeMap<Reg, Vec<u8>>) -> Answer {
    const TO: u16 = 1;
    const RESULT: u16 = 2;
    const FLAGS: u16 = 3;
    const RESULT_OIF: u32 = 1;
    const SOURCE_AND_INTERFACE: u32 = 1 | 8;
    let attrs = Attrs(attributes);
    let number = |kind| attrs.find(kind).and_then(be32_of).unwrap_or(0);
    let asked = number(FLAGS) & SOURCE_AND_INTERFACE == SOURCE_AND_INTERFACE;
    match Reg::of(number(TO)) {
        Some(to) if asked && number(RESULT) == RESULT_OIF => {
            registers.insert(to, 1_u32.to_ne_bytes().to_vec());
            Answer::Yes
        }
        _ => {
            registers.clear();
            Answer::Maybe
        }
    }
}

/// The element of a set of single values or ranges that contains a value; `None` if that cannot be
/// computed.
fn element_of<'s>(set: &'s Set, value: &[u8]) -> Option<Option<&'s Element>> {
    if set.dynamic || set.other_flags & !ANONYMOUS_OR_CONSTANT != 0 || set.key.len() > 1 {
        return None;
    }
    let form = Form {
        padded: false,
        network_order: set.interval,
    };
    let mut found = None;
    for element in &set.elements {
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for key in &element.key {
            key.write(&mut low, &mut high, form);
        }
        // A type without a name here, which may consist of several fields.
        let (first, last) = (value.get(..low.len())?, value.get(..high.len())?);
        if low.is_empty() {
            return None;
        }
        if first >= low.as_slice() && last <= high.as_slice() {
            found.get_or_insert(element);
        }
    }
    Some(found)
}
