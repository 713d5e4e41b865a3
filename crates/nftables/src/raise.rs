//! Expressions → rules, the reverse of `lower`.
//!
//! Expressions become a condition only if lowering that condition gives exactly the same
//! expressions; a rule with anything else in it is kept as expressions.

use ipnet::{Ipv4Net, Ipv6Net};

use crate::answer::asked;
use crate::expr::{CtKey, Expr, Meta, PayloadBase, Reg};
use crate::field::FieldSource;
use crate::lower::{
    Context, RTN_LOCAL, STATE_ESTABLISHED_RELATED, STATE_INVALID, STATE_NEW, STATUS_DNAT, act,
    matched,
};
use crate::value::Form;
use crate::{Action, Dnat, Field, IpVersion, Match, Rule, Stream, Table, Value};

impl Rule {
    /// The rule of these expressions in a table, whose sets it uses.
    ///
    /// A rule that cannot be expressed by this crate's conditions and actions has one condition,
    /// [`Match::Expressions`].
    #[must_use]
    pub fn from_expressions(exprs: Vec<Expr>, comment: String, table: &Table) -> Self {
        let interval = |name: &str| table.set(name).is_some_and(|set| set.interval);
        let context = Context {
            family: table.family,
            interval: &interval,
        };
        let (matches, counter, action) = rule(&exprs, context)
            .unwrap_or_else(|| (vec![Match::Expressions(exprs)], false, Action::Continue));
        Self {
            matches,
            counter,
            action,
            comment,
        }
    }
}

fn rule(exprs: &[Expr], context: Context<'_>) -> Option<(Vec<Match>, bool, Action)> {
    let mut matches = Vec::new();
    let mut rest = exprs;
    loop {
        // The end of a rule first: the IP version before a translation is part of it.
        if let Some((counter, action)) = ending(rest, context) {
            return Some((matches, counter, action));
        }
        let (condition, used) = condition(rest, context)?;
        matches.push(condition);
        rest = rest.get(used..)?;
    }
}

fn ending(exprs: &[Expr], context: Context<'_>) -> Option<(bool, Action)> {
    let (counter, rest) = match exprs {
        [Expr::Counter, rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let action = match rest {
        [] => Action::Continue,
        [Expr::Verdict(verdict)] => Action::Verdict(verdict.clone()),
        [Expr::NoTrack] => Action::NoTrack,
        [Expr::Reject] => Action::Reject,
        [Expr::Masquerade { random }] => Action::Masquerade { random: *random },
        [asked, Expr::Raw { .. }] => Action::SourceAsAsked(version_asked(asked)?),
        [_, Expr::Bitwise { mask, xor, .. }, Expr::SetMark { .. }] => {
            let bits = !mark_bits(mask)?;
            match mark_bits(xor)? {
                0 => Action::Unmark(bits),
                _ => Action::Mark(bits),
            }
        }
        [
            _,
            _,
            key @ ..,
            Expr::Lookup { set, .. },
            Expr::Dnat { version, port, .. },
        ] => {
            let (fields, _) = loads(key, None)?;
            Action::Dnat(Dnat {
                version: *version,
                key: fields,
                map: set.clone(),
                port: port.is_some(),
            })
        }
        _ => return None,
    };
    let mut again = Vec::new();
    act(&mut again, &action, context);
    (again == rest).then_some((counter, action))
}

/// Bits of a mark.
fn mark_bits(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// The IP version of the expression that loads what the first packet of a connection was for.
fn version_asked(expr: &Expr) -> Option<IpVersion> {
    let mut all = [IpVersion::V4, IpVersion::V6].into_iter();
    all.find(|version| asked(*version) == *expr)
}

/// The first condition, with its number of expressions.
fn condition(exprs: &[Expr], context: Context<'_>) -> Option<(Match, usize)> {
    // Up to two expressions each for the IP version and the protocol a field depends on.
    [4, 2, 0].into_iter().find_map(|depends| {
        let (before, rest) = exprs.split_at_checked(depends)?;
        let (condition, used) = bare(rest, protocol(before))?;
        let whole = exprs.get(..depends + used)?;
        let mut again = Vec::new();
        matched(&mut again, &condition, context);
        (again == whole).then_some((condition, depends + used))
    })
}

/// The protocol of the last protocol condition.
fn protocol(exprs: &[Expr]) -> Option<u8> {
    match exprs {
        [
            ..,
            Expr::Meta {
                key: Meta::L4Proto, ..
            },
            Expr::Compare { data, .. },
        ] => data.first().copied(),
        _ => None,
    }
}

/// A condition without the conditions it depends on.
fn bare(exprs: &[Expr], protocol: Option<u8>) -> Option<(Match, usize)> {
    if let Some(found) = of_packet(exprs) {
        return Some(found);
    }
    let (fields, used) = loads(exprs, protocol)?;
    match (exprs.get(used..)?, fields.as_slice()) {
        ([Expr::CountOver { set, limit, .. }, ..], [field]) => {
            let condition = Match::CountOver {
                field: *field,
                set: set.clone(),
                limit: *limit,
            };
            Some((condition, used + 1))
        }
        ([Expr::RateOver { set, rate, .. }, ..], [field]) => {
            let condition = Match::RateOver {
                field: *field,
                set: set.clone(),
                rate: *rate,
            };
            Some((condition, used + 1))
        }
        ([Expr::Note { set, millis, .. }, ..], _) => {
            let condition = Match::Note {
                fields,
                set: set.clone(),
                millis: *millis,
            };
            Some((condition, used + 1))
        }
        ([Expr::Lookup { set, invert, .. }, ..], _) => {
            let condition = if *invert { Match::NotIn } else { Match::In };
            Some((condition(fields, set.clone()), used + 1))
        }
        (
            [
                Expr::Bitwise { mask, .. },
                Expr::Compare { equal, data, .. },
                ..,
            ],
            [field],
        ) => Some((compared(*field, prefix(data, mask)?, *equal), used + 2)),
        ([Expr::Compare { equal, data, .. }, ..], [field]) => {
            let value = Value::read(field.data_type(), data, data, Form::default());
            Some((compared(*field, value, *equal), used + 1))
        }
        _ => None,
    }
}

/// Matches of what is known of a packet besides its headers.
fn of_packet(exprs: &[Expr]) -> Option<(Match, usize)> {
    match exprs {
        [
            Expr::Meta {
                key: Meta::NfProto, ..
            },
            Expr::Compare { data, .. },
            ..,
        ] => {
            let version = IpVersion::of_nfproto(*data.first()?)?;
            Some((Match::Version(version), 2))
        }
        // Whether they are exactly those is checked when the condition is lowered again.
        [
            Expr::Meta {
                key: Meta::L4Proto, ..
            },
            Expr::Compare { .. },
            Expr::Payload {
                base: PayloadBase::Transport,
                offset: 13,
                ..
            },
            Expr::Bitwise { .. },
            Expr::Compare { .. },
            ..,
        ] => Some((Match::Reset, 5)),
        [Expr::Ct { key, .. }, Expr::Bitwise { mask, .. }, _, ..] => {
            let bits = u32::from_ne_bytes(mask.as_slice().try_into().ok()?);
            let condition = match (key, bits) {
                (CtKey::State, STATE_ESTABLISHED_RELATED) => Match::Established,
                (CtKey::State, STATE_INVALID) => Match::Invalid,
                (CtKey::State, STATE_NEW) => return mid_stream(exprs),
                (CtKey::Status, STATUS_DNAT) => Match::Dnated,
                _ => return None,
            };
            Some((condition, 3))
        }
        [
            Expr::Meta {
                key: Meta::Mark, ..
            },
            Expr::Bitwise { mask, .. },
            Expr::Compare { .. },
            ..,
        ] => Some((Match::Unmarked(mark_bits(mask)?), 3)),
        [
            Expr::FibDestinationType { .. },
            Expr::Compare { data, .. },
            ..,
        ] if *data == RTN_LOCAL.to_ne_bytes() => Some((Match::ToLocal, 2)),
        [
            Expr::SocketWildcard { .. },
            Expr::Compare {
                data, equal: true, ..
            },
            ..,
        ] if *data == [0] => Some((Match::OfSocket, 2)),
        _ => answers_for(exprs)
            .or_else(|| later_fragment(exprs))
            .or_else(|| from_groups(exprs)),
    }
}

/// The first byte of a device group; whether they are exactly those is checked when the condition is lowered
/// again.
fn from_groups(exprs: &[Expr]) -> Option<(Match, usize)> {
    let [
        Expr::Meta {
            key: Meta::IifGroup,
            ..
        },
        Expr::Bitwise { .. },
        Expr::Compare { data, .. },
        ..,
    ] = exprs
    else {
        return None;
    };
    let [first, ..] = u32::from_ne_bytes(data.as_slice().try_into().ok()?).to_be_bytes();
    Some((Match::FromGroups(first), 3))
}

/// The answer of a translated connection; whether they are exactly those is checked when the condition is
/// lowered again.
fn answers_for(exprs: &[Expr]) -> Option<(Match, usize)> {
    let (Expr::Raw { .. }, Expr::Lookup { set, .. }) = (exprs.first()?, exprs.get(6)?) else {
        return None;
    };
    let version = version_asked(exprs.get(5)?)?;
    Some((Match::AnswersFor(version, set.clone()), 7))
}

/// After the state: the protocol, and what of a packet of it begins no connection.
fn mid_stream(exprs: &[Expr]) -> Option<(Match, usize)> {
    let number = protocol(exprs.get(..5)?)?;
    let stream = Stream::ALL.into_iter().find(|s| s.number() == number)?;
    let used = match stream {
        Stream::Tcp => 8,
        Stream::Sctp => 7,
    };
    Some((Match::MidStream(stream), used))
}

/// The IP version and the number of expressions; whether they are exactly those is checked when the
/// condition is lowered again.
fn later_fragment(exprs: &[Expr]) -> Option<(Match, usize)> {
    let network = |at: usize| match exprs.get(at)? {
        Expr::Payload {
            base: PayloadBase::Network,
            offset,
            ..
        } => Some(*offset),
        _ => None,
    };
    match (network(0)?, exprs.get(1)?) {
        (6, Expr::Bitwise { .. }) => Some((Match::LaterFragment(IpVersion::V4), 3)),
        (6, Expr::Compare { .. }) if network(2)? == 42 => {
            Some((Match::LaterFragment(IpVersion::V6), 5))
        }
        _ => None,
    }
}

fn compared(field: Field, value: Value, equal: bool) -> Match {
    match equal {
        true => Match::Is(field, value),
        false => Match::IsNot(field, value),
    }
}

/// The prefix of an address and a mask.
fn prefix(address: &[u8], mask: &[u8]) -> Option<Value> {
    let ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let length = u8::try_from(ones).ok()?;
    match address.len() {
        4 => {
            let address: [u8; 4] = address.try_into().ok()?;
            Ipv4Net::new(address.into(), length).ok().map(Value::V4Net)
        }
        16 => {
            let address: [u8; 16] = address.try_into().ok()?;
            Ipv6Net::new(address.into(), length).ok().map(Value::V6Net)
        }
        _ => None,
    }
}

/// Fields loaded into consecutive registers, with the number of expressions.
fn loads(exprs: &[Expr], protocol: Option<u8>) -> Option<(Vec<Field>, usize)> {
    let mut fields = Vec::new();
    let (mut used, mut register) = (0, 0);
    while let Some(field) = exprs
        .get(used)
        .and_then(|e| field(e, Reg(register), protocol))
    {
        fields.push(field);
        used += 1;
        if let Some(Expr::NetworkOrder { .. }) = exprs.get(used) {
            used += 1;
        }
        register += field.registers();
    }
    (!fields.is_empty()).then_some((fields, used))
}

/// The field that an expression loads into a register.
fn field(expr: &Expr, register: Reg, protocol: Option<u8>) -> Option<Field> {
    Field::ALL.into_iter().find(|field| {
        let same = match (field.source(), expr) {
            (FieldSource::Meta(wanted), Expr::Meta { key, to }) => {
                wanted == *key && *to == register
            }
            (
                FieldSource::Payload(wanted, at, size),
                Expr::Payload {
                    base,
                    offset,
                    length,
                    to,
                },
            ) => (wanted, at, size) == (*base, *offset, *length) && *to == register,
            _ => false,
        };
        same && field
            .protocol()
            .is_none_or(|wanted| Some(wanted) == protocol)
    })
}
