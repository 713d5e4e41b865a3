//! Each node's share of the host's table of connections.

use std::collections::BTreeMap;

use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Chain, ChainType, Element, Field, Hook, IpVersion, Match, Priority, Rate, Rule, Set, Stream,
    Value,
};
use hallway_spec::CONNECTIONS_DEFAULT;

use super::parts::{base, member, mid_stream, nets, rule};
use super::purpose;
use super::sets::{self, COUNTED, OPENED};
use crate::settled::{Interface, Plug, Settled};

/// The chain that the first packets of connections pass before any other rule accepts them.
const CHAIN: &str = "share";
/// After this time without a new connection a sender may open as many at once as at first, in milliseconds.
const FORGOTTEN: u64 = 120_000;

/// The chain, with a set of addresses for each limit that the file specifies.
pub(super) fn chain(settled: &Settled) -> (Chain, Vec<Set>) {
    let mut limits: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
    for node in &settled.nodes {
        if let Some(limit) = node.connections {
            let on_networks = |i: &&Interface| matches!(i.plug, Plug::Port { .. });
            let ports = node.interfaces.iter().filter(on_networks);
            let link_local = ports.filter_map(Interface::link_local).map(|a| a.addr());
            let addresses = node.port_addresses().chain(link_local).map(Value::address);
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
            rules.push(too_fast(vec![of_limit()], version, limit));
            rules.push(rule(vec![of_limit()], Verdict::Return, "within its share"));
        }
    }
    for version in [IpVersion::V4, IpVersion::V6] {
        rules.push(over(Vec::new(), version, CONNECTIONS_DEFAULT));
        rules.push(too_fast(Vec::new(), version, CONNECTIONS_DEFAULT));
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

/// The kernel does not count connections of TCP that are closed, which stay in its table for two minutes. With
/// this, those of one address are 23 times its share at most.
fn too_fast(mut matches: Vec<Match>, version: IpVersion, limit: u32) -> Rule {
    let (field, _) = source(version);
    let set = OPENED.of(version).name.into();
    let rate = Rate {
        per_second: u64::from(limit.div_ceil(8)),
        burst: limit.saturating_mul(8),
        millis: FORGOTTEN,
    };
    matches.extend([
        Match::Is(Field::L4Proto, Value::Proto(Stream::Tcp.number())),
        Match::RateOver { field, set, rate },
    ]);
    rule(matches, Verdict::Drop, purpose::OPENED)
}

/// Counts each first packet before it is routed or passed on by a bridge. The kernel adds the entry of
/// a packet to several receivers before the chains of input and forwarding have all seen it.
pub(super) fn hook() -> Chain {
    let mut rules = vec![
        rule(vec![nets(false)], Verdict::Return, purpose::NOT_OURS),
        rule(
            vec![member(Field::IifGroup, &sets::LANS, true)],
            Verdict::Return,
            purpose::LAN,
        ),
        rule(vec![Match::Established], Verdict::Return, "replies"),
        rule(vec![Match::Invalid], Verdict::Return, "dropped later"),
    ];
    rules.extend(mid_stream(&[], Verdict::Return, "dropped later"));
    let counted = Verdict::Jump(CHAIN.into());
    rules.push(rule(vec![], counted, "connections of a node"));
    Chain {
        name: "shares".into(),
        base: base(ChainType::Filter, Hook::Prerouting, Priority::MANGLE),
        rules,
    }
}
