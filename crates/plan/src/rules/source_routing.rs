//! Answers of published ports take the routes of the address that was asked.
//!
//! While the kernel looks up the route of an answer it has the node's address as its source: a routing
//! rule of the host for packets from the address that was asked (`ip rule add from`) does not match. So
//! the source is changed to that address before. Source NAT makes the same of it later.

use hallway_nftables::{
    Action, Chain, ChainType, Element, Field, Hook, IpVersion, Match, Priority, Rule, Ruleset,
    Value,
};
use ipnet::IpNet;

use super::parts::{base, nets, rule};
use super::{nf_version, sets};
use crate::observed::SourceRouting;
use crate::settled::Settled;

pub(super) fn chain() -> Chain {
    let both = [
        (IpVersion::V4, Field::Ip4Daddr),
        (IpVersion::V6, Field::Ip6Daddr),
    ];
    Chain {
        name: "answers".into(),
        base: base(ChainType::Filter, Hook::Prerouting, Priority::MANGLE),
        rules: both.map(|(version, daddr)| answers(version, daddr)).into(),
    }
}

fn answers(version: IpVersion, daddr: Field) -> Rule {
    let set = |sets: &sets::ByVersion| sets.of(version).name.to_owned();
    rule(
        vec![
            nets(true),
            Match::AnswersFor(version, set(&sets::ASKED)),
            Match::NotIn(vec![daddr], set(&sets::NEAR)),
        ],
        Action::SourceAsAsked(version),
        "reply by source routing rules",
    )
}

/// Fills in the addresses of the host that have routes of their own.
pub(crate) fn fill(rules: &mut Ruleset, settled: &Settled, found: &SourceRouting) {
    if found.addresses.is_empty() {
        return;
    }
    let own = settled.networks.iter().flat_map(|n| &n.subnets);
    let near: Vec<IpNet> = own
        .map(|s| s.net)
        .chain(found.near.iter().copied())
        .collect();
    let near = IpNet::aggregate(&near);
    for version in hallway_spec::IpVersion::ALL {
        let of = |value: IpNet| hallway_spec::IpVersion::of(value.addr()) == version;
        let asked = found.addresses.iter().map(|a| IpNet::from(*a));
        let asked = asked.filter(|a| of(*a)).map(|a| Value::address(a.addr()));
        let near = near
            .iter()
            .filter(|net| of(**net))
            .map(|net| Value::net(*net));
        let version = nf_version(version);
        put(rules, sets::ASKED.of(version), asked);
        put(rules, sets::NEAR.of(version), near);
    }
}

fn put(rules: &mut Ruleset, set: &sets::Definition, values: impl Iterator<Item = Value>) {
    let tables = rules.tables.iter_mut().filter(|t| t.family == set.family);
    let found = tables
        .flat_map(|t| &mut t.sets)
        .find(|s| s.name == set.name);
    if let Some(found) = found {
        found.elements = values.map(|value| Element::new(vec![value])).collect();
        found.elements.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Observed, Surroundings, settle};

    #[test]
    fn the_sets_hold_the_addresses_and_what_is_near() {
        let text = "networks: { a: { subnet: [10.0.0.0/24, fd00::/64] } }\nnodes: { x: { networks: [a] } }";
        let topology = hallway_spec::parse("t.yaml", text).unwrap().topology;
        let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
        let settled = settle(&topology, None, &around).unwrap();
        let elements = |found: &SourceRouting, of: &sets::ByVersion, version| {
            let mut rules = crate::rules::ruleset(&settled);
            fill(&mut rules, &settled, found);
            let set = rules.tables[0].set(of.of(version).name).unwrap();
            let all = set.elements.iter().map(|e| e.key.clone());
            all.flatten().collect::<Vec<Value>>()
        };
        let found = SourceRouting {
            addresses: ["192.0.2.1".parse().unwrap()].into(),
            near: vec!["10.0.1.0/24".parse().unwrap()],
        };
        let address = Value::address("192.0.2.1".parse().unwrap());
        let near = Value::net("10.0.0.0/23".parse().unwrap());
        assert_eq!(elements(&found, &sets::ASKED, IpVersion::V4), [address]);
        assert_eq!(elements(&found, &sets::NEAR, IpVersion::V4), [near]);
        assert!(elements(&found, &sets::ASKED, IpVersion::V6).is_empty());
        let nothing = SourceRouting::default();
        assert!(elements(&nothing, &sets::NEAR, IpVersion::V4).is_empty());
    }
}
