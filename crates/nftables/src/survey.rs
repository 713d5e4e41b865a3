//! The effect of another program's chain on a packet, if it can be computed: rules may have
//! expressions that are unknown in this crate, and test unknown fields of the packet.

use crate::expr::{Expr, Verdict};
use crate::{Chain, ChainPolicy, IpVersion, Set, Table};

mod load;
mod loaded;
mod marks;
mod matches;
mod packet;
mod raw;
mod reject;
mod sets;
mod xt;

pub use marks::may_mark;
pub use packet::{Mark, Packet, Translation, Tuple};
pub use reject::DropReply;

use load::Load;
use loaded::Loaded;
use matches::{Act, Matches, Step};
use sets::{Registers, put};

/// The limit of nested chain calls (NFT_JUMP_STACK_SIZE).
const DEPTH_MAX: usize = 16;
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
    Dropped(RulePlace, DropReply),
    /// It passes, and its connection gets other addresses.
    Translated(RulePlace, Translation),
    /// It depends on a rule that could not be evaluated.
    Unknown(RulePlace),
}

/// The effect of a base chain on a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// What becomes of it.
    pub fate: Fate,
    /// Its mark after that.
    pub mark: Mark,
    /// The mark of its connection after that.
    pub connection_mark: Mark,
    /// The last rule that set the mark, or may have.
    pub marked_by: Option<RulePlace>,
    /// A rule exempts it from connection tracking; false if that is not certain.
    pub untracked: Option<(RulePlace, bool)>,
}

/// What a chain decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Pass,
    Drop(DropReply),
    Translate(Translation),
}

type Decided = Option<(Decision, RulePlace)>;

/// The effect of a base chain on a packet.
#[must_use]
pub fn fate(table: &Table, chain: &Chain, packet: &Packet<'_>) -> Passage {
    let end = RulePlace {
        chain: chain.name.clone(),
        rule: None,
    };
    let mut survey = Survey {
        table,
        packet: *packet,
        maybe: Vec::new(),
        doubtful: false,
        place: end.clone(),
        marked_by: None,
        untracked: None,
    };
    let by_policy = || {
        let drops = chain.base.is_some_and(|b| b.policy == ChainPolicy::Drop);
        let decision = match drops {
            true => Decision::Drop(DropReply::None),
            false => Decision::Pass,
        };
        (decision, end)
    };
    let (decision, place) = survey.chain(chain, 0).unwrap_or_else(by_policy);
    let other = survey.maybe.into_iter().find(|(d, _)| *d != decision);
    Passage {
        fate: match (other, decision) {
            (Some((_, at)), _) => Fate::Unknown(at),
            (None, Decision::Pass) => Fate::Passes,
            (None, Decision::Drop(reply)) => Fate::Dropped(place, reply),
            (None, Decision::Translate(to)) => Fate::Translated(place, to),
        },
        mark: survey.packet.mark,
        connection_mark: survey.packet.connection_mark,
        marked_by: survey.marked_by,
        untracked: survey.untracked,
    }
}

struct Survey<'a> {
    table: &'a Table,
    packet: Packet<'a>,
    /// What may be decided by rules that may match.
    maybe: Vec<(Decision, RulePlace)>,
    /// Whether it is not certain that the packet comes to the present rule.
    doubtful: bool,
    /// The present rule.
    place: RulePlace,
    marked_by: Option<RulePlace>,
    untracked: Option<(RulePlace, bool)>,
}

impl Survey<'_> {
    /// What is decided, and where; `None` if the packet reaches the chain's end.
    fn chain(&mut self, chain: &Chain, depth: usize) -> Decided {
        if depth > DEPTH_MAX {
            return None;
        }
        let before = self.doubtful;
        // After a rule that may have left the chain, decisions are only possible.
        let mut may_have_left = false;
        for (position, rule) in chain.rules.iter().enumerate() {
            self.place = RulePlace {
                chain: chain.name.clone(),
                rule: Some(position),
            };
            let place = self.place.clone();
            self.doubtful = before || may_have_left;
            let (answer, act) = self.rule(&rule.expressions(self.table));
            if answer == Matches::No {
                continue;
            }
            let sure = answer == Matches::Yes;
            let verdicts = match act {
                Act::AnyOf(all) => {
                    for verdict in all {
                        self.doubtful = true;
                        let (decided, leaves) = self.act(Act::Verdict(verdict), &place, depth);
                        may_have_left |= leaves && decided.is_none();
                        self.maybe.extend(decided);
                    }
                    continue;
                }
                act => {
                    self.doubtful |= !sure;
                    self.act(act, &place, depth)
                }
            };
            match verdicts {
                (Some(decided), _) if sure && !may_have_left => {
                    self.doubtful = before;
                    return Some(decided);
                }
                (decided, leaves) => {
                    let ends = sure && (leaves || decided.is_some());
                    may_have_left |= leaves && decided.is_none();
                    self.maybe.extend(decided);
                    if ends {
                        break;
                    }
                }
            }
        }
        self.doubtful = before;
        None
    }

    /// What an action decides, and whether the packet leaves the chain if it decides nothing.
    fn act(&mut self, act: Act, place: &RulePlace, depth: usize) -> (Decided, bool) {
        let decided = |decision| (Some((decision, place.clone())), true);
        match act {
            Act::Nothing | Act::Verdict(Verdict::Continue) => (None, false),
            Act::Verdict(Verdict::Accept) => decided(Decision::Pass),
            Act::Drop(reply) => decided(Decision::Drop(reply)),
            Act::Verdict(Verdict::Drop) => decided(Decision::Drop(DropReply::None)),
            Act::Translate(translation) => decided(Decision::Translate(translation)),
            Act::Verdict(Verdict::Return) => (None, true),
            Act::Verdict(Verdict::Jump(name)) => (self.called(&name, depth), false),
            Act::Verdict(Verdict::Goto(name)) => (self.called(&name, depth), true),
            Act::Unknown | Act::AnyOf(_) | Act::Verdict(Verdict::Other(_)) => {
                let both = [Decision::Pass, Decision::Drop(DropReply::None)];
                self.maybe.extend(both.map(|d| (d, place.clone())));
                (None, false)
            }
        }
    }

    fn called(&mut self, name: &str, depth: usize) -> Decided {
        let table = self.table;
        self.chain(table.chain(name)?, depth + 1)
    }

    fn rule(&mut self, exprs: &[Expr]) -> (Matches, Act) {
        let mut registers = Registers::new();
        let mut answer = Matches::Yes;
        let certain = !self.doubtful;
        for expr in exprs {
            let step = match expr {
                Expr::Verdict(verdict) => return (answer, Act::Verdict(verdict.clone())),
                Expr::Reject => return (answer, Act::Drop(DropReply::Prohibited)),
                Expr::Masquerade { .. } => {
                    return (answer, Act::Translate(Translation::Masquerade));
                }
                Expr::Dnat { version, .. }
                    if *version != IpVersion::of(self.packet.context.from) =>
                {
                    Matches::No.into()
                }
                Expr::Dnat { address, port, .. } => {
                    return (answer, Act::Translate(self.to(&registers, *address, *port)));
                }
                Expr::SetMark { from } => {
                    let value = registers.get(from).and_then(Loaded::number);
                    self.set_mark(value.map_or(Mark::ANY, |(value, known)| Mark { value, known }));
                    Matches::Yes.into()
                }
                Expr::NoTrack => {
                    self.untrack();
                    Matches::Yes.into()
                }
                Expr::CountOver { .. } | Expr::RateOver { .. } => Matches::Maybe.into(),
                Expr::Note { .. } => Matches::Yes.into(),
                Expr::Raw { name, attributes } => self.raw(name, attributes, &mut registers),
                other => self.step(other, &mut registers).into(),
            };
            match step {
                Step::Ends(act) => return (answer, act),
                Step::Goes(found) => answer = answer.and(found),
            }
            if answer == Matches::No {
                break;
            }
            self.doubtful = !certain || answer == Matches::Maybe;
        }
        (answer, Act::Nothing)
    }

    fn to(
        &self,
        registers: &Registers,
        address: crate::expr::Reg,
        port: Option<crate::expr::Reg>,
    ) -> Translation {
        let bytes = |reg: &_| registers.get(reg).and_then(Loaded::bytes);
        let to = bytes(&address).and_then(crate::survey::packet::address);
        let known =
            port.map(|p| bytes(&p).and_then(|b| Some(u16::from_be_bytes(*b.first_chunk()?))));
        match (to, known) {
            (Some(to), None) => Translation::Destination(Some(to), None),
            (Some(to), Some(Some(port))) => Translation::Destination(Some(to), Some(port)),
            _ => Translation::Destination(None, None),
        }
    }

    fn set_mark(&mut self, mark: Mark) {
        self.packet.mark = self.possibly(self.packet.mark, mark);
        self.marked_by = Some(self.place.clone());
    }

    fn set_connection_mark(&mut self, mark: Mark) {
        self.packet.connection_mark = self.possibly(self.packet.connection_mark, mark);
    }

    /// The bits that are known whether or not the present rule replaces a mark.
    fn possibly(&self, before: Mark, after: Mark) -> Mark {
        if !self.doubtful {
            return after;
        }
        let known = before.known & after.known & !(before.value ^ after.value);
        Mark {
            value: after.value & known,
            known,
        }
    }

    fn untrack(&mut self) {
        let sure = !self.doubtful;
        match &mut self.untracked {
            Some((_, already)) => *already |= sure,
            none => *none = Some((self.place.clone(), sure)),
        }
    }

    fn set(&self, name: &str) -> Option<&Set> {
        let anonymous = || self.table.anonymous.iter().find(|s| s.name == name);
        self.table.set(name).or_else(anonymous)
    }

    /// An expression that loads, changes or compares registers.
    fn step(&self, expr: &Expr, registers: &mut Registers) -> Matches {
        let packet = &self.packet;
        match expr {
            Expr::Meta { key, to } => put(registers, Some(*to), load::meta(packet, *key)),
            Expr::Payload {
                base,
                offset,
                length,
                to,
            } => {
                let loaded = load::payload(packet, *base, *offset, *length);
                put(registers, Some(*to), loaded)
            }
            Expr::Ct { key, to } => put(registers, Some(*to), load::ct(packet, *key)),
            Expr::FibDestinationType { to } => {
                let kind = if packet.context.to_local {
                    LOCAL
                } else {
                    UNICAST
                };
                let kind = Load::Value(Loaded::exactly(kind.to_ne_bytes()));
                put(registers, Some(*to), kind)
            }
            // Only packets for which no program of this machine has a socket are evaluated.
            Expr::SocketWildcard { .. } => Matches::No,
            Expr::Constant { to, data } => {
                let data = Load::Value(Loaded::exactly(data.clone()));
                put(registers, Some(*to), data)
            }
            Expr::Bitwise { reg, mask, xor } => {
                let changed = registers.get(reg).and_then(|v| v.masked(mask, xor));
                put(
                    registers,
                    Some(*reg),
                    changed.map_or(Load::Unknown, Load::Value),
                )
            }
            Expr::NetworkOrder { reg } => {
                let swapped = registers.get(reg).and_then(|v| v.reversed(4));
                put(
                    registers,
                    Some(*reg),
                    swapped.map_or(Load::Unknown, Load::Value),
                )
            }
            Expr::Compare { reg, equal, data } => {
                let value = registers.get(reg);
                value.map_or(Matches::Maybe, |v| v.equals(data).inverted(!equal))
            }
            Expr::Lookup {
                reg,
                set,
                to: Some(to),
                ..
            } => match self.set(set) {
                Some(map) => sets::load(map, registers, *reg, *to),
                None => put(registers, Some(*to), Load::Unknown),
            },
            Expr::Lookup {
                reg, set, invert, ..
            } => {
                let set = self.set(set);
                let found = set.map(|set| sets::contains(set, registers, *reg));
                found.map_or(Matches::Maybe, |answer| answer.inverted(*invert))
            }
            _ => Matches::Yes,
        }
    }
}
