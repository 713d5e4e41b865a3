//! Packets that are not for a project and would not be forwarded without hallway: they come in by
//! a link that forwards because of hallway alone, or from or to a network that represents the outside
//! world, which is not connected to the real one.

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Chain, ChainType, Field, Hook, IpVersion, Match, Priority, Rule};

use super::parts::{base, member, rule, within};
use super::{purpose, sets};
use crate::mark::{FROM_BIT, TO_BIT};

/// After the chains of every project have marked what concerns them.
const AFTER_PROJECTS: Priority = Priority(Priority::FILTER.0 + 1);

pub(super) fn chain() -> Chain {
    Chain {
        name: "others".into(),
        base: base(ChainType::Filter, Hook::Forward, AFTER_PROJECTS),
        rules: rules(),
    }
}

/// The rules, which the guard has too: after a flush the links still forward.
pub(super) fn rules() -> Vec<Rule> {
    let mut rules = vec![rule(
        vec![within(&[Field::IifName, Field::OifName], &sets::BRIDGED)],
        Verdict::Accept,
        "frames from port to port of a bridge",
    )];
    rules.extend([IpVersion::V4, IpVersion::V6].map(closed));
    let of_outsides = |from, to| {
        let matches = vec![
            member(Field::IifGroup, &sets::OUTSIDES, from),
            member(Field::OifGroup, &sets::OUTSIDES, to),
            Match::Unmarked(FROM_BIT | TO_BIT),
        ];
        rule(matches, Verdict::Drop, purpose::FOREIGN)
    };
    rules.extend([of_outsides(true, false), of_outsides(false, true)]);
    rules
}

fn closed(version: IpVersion) -> Rule {
    let matches = vec![
        Match::Version(version),
        member(Field::IifName, sets::FORWARDING.of(version), true),
        Match::Unmarked(FROM_BIT | TO_BIT),
    ];
    rule(matches, Verdict::Drop, purpose::FOREIGN)
}
