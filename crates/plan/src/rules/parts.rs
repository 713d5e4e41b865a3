//! What the rules of every chain are written with.

use std::net::{Ipv4Addr, Ipv6Addr};

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Action, Base, ChainType, Field, Hook, Match, Priority, Rule, Value};
use ipnet::{Ipv4Net, Ipv6Net};

use super::purpose;
use super::sets::{self, Definition};

/// ICMPv6 types (RFC 4861, RFC 4443).
pub(super) const ROUTER_ADVERT: u8 = 134;
pub(super) const NEIGHBOR_SOLICIT: u8 = 135;
pub(super) const NEIGHBOR_ADVERT: u8 = 136;
pub(super) const REDIRECT6: u8 = 137;
pub(super) const ECHO6: u8 = 128;
/// ICMP types (RFC 792).
pub(super) const ECHO: u8 = 8;
pub(super) const REDIRECT: u8 = 5;

/// `127.0.0.0/8`, which never comes from a wire (RFC 1122).
pub(super) const LOOPBACK4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
/// `fe80::/10`, which is never forwarded (RFC 4291).
pub(super) const LINK_LOCAL6: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);

/// A rule; those that refuse packets count them.
pub(super) fn rule(matches: Vec<Match>, action: impl Into<Action>, comment: &str) -> Rule {
    let action = action.into();
    let counter = matches!(action, Action::Verdict(Verdict::Drop) | Action::Reject);
    Rule {
        counter,
        ..Rule::new(matches, action, comment)
    }
}

pub(super) fn base(kind: ChainType, hook: Hook, priority: Priority) -> Option<Base> {
    Some(Base::accepting(kind, hook, priority))
}

/// Tells the guard, at the same hook, that these rules are loaded.
pub(super) fn loaded(condition: Option<Match>, bit: u32) -> Rule {
    rule(
        condition.into_iter().collect(),
        Action::Mark(bit),
        purpose::LOADED,
    )
}

/// Whether the packet comes from one of the project's networks.
pub(super) fn nets(yes: bool) -> Match {
    member(Field::IifGroup, &sets::NETWORKS, yes)
}

pub(super) fn member(field: Field, set: &Definition, yes: bool) -> Match {
    match yes {
        true => within(&[field], set),
        false => Match::NotIn(vec![field], set.name.into()),
    }
}

/// The fields are in the set.
pub(super) fn within(fields: &[Field], set: &Definition) -> Match {
    Match::In(fields.to_vec(), set.name.into())
}

pub(super) fn icmp6(kind: u8) -> Match {
    Match::Is(Field::Icmp6Type, Value::Byte(kind))
}
