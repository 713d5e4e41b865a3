//! Each node's share of the host's table of connections.

use std::collections::BTreeMap;

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Chain, Element, Field, IpVersion, Match, Rule, Set, Value};
use hallway_spec::CONNECTIONS_DEFAULT;

use super::parts::rule;
use super::purpose;
use super::sets::COUNTED;
use crate::settled::Settled;

/// The chain that the first packets of connections pass before any other rule accepts them.
pub(super) const CHAIN: &str = "share";

/// The chain, with a set of addresses for each limit that the file specifies.
pub(super) fn chain(settled: &Settled) -> (Chain, Vec<Set>) {
    let mut limits: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
    for node in &settled.nodes {
        if let Some(limit) = node.connections {
            let addresses = node.port_addresses().map(Value::address);
            limits.entry(limit).or_default().extend(addresses);
        }
    }
    let (mut rules, mut sets) = (Vec::new(), Vec::new());
    for (limit, addresses) in limits {
        for version in [IpVersion::V4, IpVersion::V6] {
            let (field, suffix) = source(version);
            let name = format!("share{limit}_{suffix}");
            let mut set = Set::new(&name, &[field.data_type()]);
            let own = addresses
                .iter()
                .filter(|a| matches!(a, Value::V4(_)) == (suffix == 4));
            set.elements = own.map(|a| Element::new(vec![a.clone()])).collect();
            sets.push(set);
            let of_limit = || Match::In(vec![field], name.clone());
            rules.push(over(vec![of_limit()], version, limit));
            rules.push(rule(vec![of_limit()], Verdict::Return, "within its share"));
        }
    }
    for version in [IpVersion::V4, IpVersion::V6] {
        rules.push(over(Vec::new(), version, CONNECTIONS_DEFAULT));
    }
    let chain = Chain {
        name: CHAIN.into(),
        base: None,
        rules,
    };
    (chain, sets)
}

fn source(version: IpVersion) -> (Field, u8) {
    match version {
        IpVersion::V4 => (Field::Ip4Saddr, 4),
        IpVersion::V6 => (Field::Ip6Saddr, 6),
    }
}

fn over(mut matches: Vec<Match>, version: IpVersion, limit: u32) -> Rule {
    let (field, _) = source(version);
    let set = COUNTED.of(version).name.into();
    matches.push(Match::CountOver { field, set, limit });
    rule(matches, Verdict::Drop, purpose::SHARE)
}

/// Jumps to the chain with packets from nodes.
pub(super) fn jump(from_nodes: Option<Match>) -> Rule {
    let matches = from_nodes.into_iter().collect();
    rule(
        matches,
        Verdict::Jump(CHAIN.into()),
        "connections of a node",
    )
}
