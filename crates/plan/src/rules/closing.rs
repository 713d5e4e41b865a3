//! What closes a project while its tables are replaced. In one transaction the kernel makes rules
//! valid before the elements of new interval sets (nf_tables_commit in net/netfilter/nf_tables_api.c):
//! for that time a rule that denies a prefix would match nothing. Until the elements are there, no
//! connection begins; those that are there go on.
//!
//! The table belongs to the socket that loads it (NFT_TABLE_F_OWNER): the kernel removes it with the
//! process.

use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Chain, ChainType, DataType, Element, Family, Field, Hook, IpVersion, Match, Priority, Ruleset,
    Set, Table,
};
use hallway_spec::Name;

use super::parts::{NEIGHBOR_ADVERT, NEIGHBOR_SOLICIT, base, icmp6, member, rule};
use super::sets::{Definition, NETWORKS, PORT_RANGES};
use crate::mark;

/// Before every rule about connections: after connection tracking.
const EARLY: Priority = Priority::MANGLE;

/// The table for the time in which these rules are loaded.
pub(crate) fn closing(project: &Name, new: &Ruleset) -> Table {
    let elements = |definition: &Definition| {
        let tables = new.tables.iter().filter(|t| t.family == definition.family);
        let sets = tables.flat_map(|t| &t.sets);
        let found = sets.filter(|s| s.name == definition.name);
        found.flat_map(|s| s.elements.clone()).collect::<Vec<_>>()
    };
    let mut groups = NETWORKS.empty();
    groups.elements = elements(&NETWORKS);
    let mut ranges = Set {
        interval: true,
        ..Set::new("ranges", &[DataType::InetProto, DataType::Service])
    };
    let all = [IpVersion::V4, IpVersion::V6].map(|v| elements(PORT_RANGES.of(v)));
    for element in all.concat() {
        if ranges.elements.iter().all(|e| e.key != element.key) {
            ranges.elements.push(Element::new(element.key));
        }
    }
    let begins = |matches: Vec<Match>| {
        let mut rules = vec![
            rule(vec![Match::Established], Verdict::Accept, "goes on"),
            rule(vec![icmp6(NEIGHBOR_SOLICIT)], Verdict::Accept, "neighbours"),
            rule(vec![icmp6(NEIGHBOR_ADVERT)], Verdict::Accept, "neighbours"),
        ];
        let closed = |m| rule(vec![m], Verdict::Drop, "until the rules are loaded");
        rules.extend(matches.into_iter().map(closed));
        rules
    };
    let chain = |name: &str, hook, priority, rules| Chain {
        name: name.into(),
        base: base(ChainType::Filter, hook, priority),
        rules,
    };
    let from = || member(Field::IifGroup, &NETWORKS, true);
    let to = || member(Field::OifGroup, &NETWORKS, true);
    let mut published = begins(Vec::new());
    published.push(rule(
        vec![
            Match::ToLocal,
            Match::In(vec![Field::L4Proto, Field::Dport], ranges.name.clone()),
        ],
        Verdict::Drop,
        "until the rules are loaded",
    ));
    Table {
        comment: mark::TABLE_COMMENT.to_owned(),
        chains: vec![
            chain("published", Hook::Prerouting, EARLY, published),
            chain("forward", Hook::Forward, EARLY, begins(vec![from(), to()])),
            chain("input", Hook::Input, EARLY, begins(vec![from()])),
            chain("output", Hook::Output, EARLY, begins(vec![to()])),
        ],
        sets: vec![groups, ranges],
        ..Table::new(Family::Inet, mark::change_table(project))
    }
}
