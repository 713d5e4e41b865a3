//! Each node's share of the host's table of connections.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Chain, ChainType, Element, Field, Hook, IpVersion, Match, Priority, Rate, Rule, Set, Stream,
    Value,
};
use hallway_spec::CONNECTIONS_DEFAULT;

use super::parts::{base, member, mid_stream, nets, rule};
use super::sets::{self, COUNTED, Definition, OPENED};
use super::{guard, purpose};
use crate::settled::{Node, Settled};

/// The chain that the first packets of connections pass before any other rule accepts them.
const CHAIN: &str = "share";
/// After this time without a new connection a sender may open as many at once as at first, in milliseconds.
const FORGOTTEN: u64 = 120_000;

/// The chain, with a set of addresses for each limit that the file specifies.
pub(super) fn chain(settled: &Settled) -> (Chain, Vec<Set>) {
    let mut limits: BTreeMap<(u32, u32), Vec<Value>> = BTreeMap::new();
    for node in &settled.nodes {
        if let Some(limit) = node.connections {
            for (parts, address) in parts(settled, node) {
                limits
                    .entry((limit, parts))
                    .or_default()
                    .push(Value::address(address));
            }
        }
    }
    let (mut rules, mut sets) = (Vec::new(), Vec::new());
    for ((limit, parts), addresses) in limits {
        for version in [IpVersion::V4, IpVersion::V6] {
            let (field, suffix) = source(version);
            let name = match parts {
                1 => format!("share{limit}_{suffix}"),
                parts => format!("share{limit}of{parts}_{suffix}"),
            };
            let mut set = Set::new(&name, &[field.data_type()]);
            let own = addresses
                .iter()
                .filter(|a| matches!(a, Value::V4(_)) == (suffix == 4));
            set.elements = own.map(|a| Element::new(vec![a.clone()])).collect();
            sets.push(set);
            let of_limit = || Match::In(vec![field], name.clone());
            rules.push(over(vec![of_limit()], version, limit));
            rules.push(too_fast(vec![of_limit()], version, limit, parts));
            rules.push(rule(vec![of_limit()], Verdict::Return, "within its share"));
        }
    }
    for version in [IpVersion::V4, IpVersion::V6] {
        rules.push(over(Vec::new(), version, CONNECTIONS_DEFAULT));
        for (parts, of_version) in &sets::PARTS {
            let own = || member(source(version).0, of_version.of(version), true);
            rules.push(too_fast(vec![own()], version, CONNECTIONS_DEFAULT, *parts));
            rules.push(rule(vec![own()], Verdict::Return, "within its share"));
        }
        rules.push(too_fast(Vec::new(), version, CONNECTIONS_DEFAULT, 1));
    }
    let chain = Chain {
        name: CHAIN.into(),
        base: None,
        rules,
    };
    (chain, sets)
}

/// The addresses of a node, each with the number of parts of which it has one: a node with many addresses
/// must not have many shares. Its link-local addresses, by which it reaches the host alone, have the
/// smallest part.
fn parts(settled: &Settled, node: &Node) -> Vec<(u32, IpAddr)> {
    let mut own: Vec<IpAddr> = settled.filtered_addresses(node).collect();
    own.sort_unstable();
    own.dedup();
    let all = sets::PARTS.iter().map(|(parts, _)| *parts);
    let fits = |parts: &u32| usize::try_from(*parts).is_ok_and(|parts| own.len() <= parts);
    let smallest = all.clone().max().unwrap_or(1);
    let parts = std::iter::once(1).chain(all).find(fits).unwrap_or(smallest);
    let ports = node.ports().filter_map(|(interface, network, _)| {
        let filtered = settled
            .network(network)
            .is_some_and(|n| n.mode.passes_host());
        interface.link_local().filter(|_| filtered)
    });
    let link_local = ports.map(|net| (smallest, net.addr()));
    own.iter().map(|a| (parts, *a)).chain(link_local).collect()
}

/// The elements of a node's addresses in the sets of parts; a node with a limit of its own has other sets.
pub(super) fn of_node(settled: &Settled, node: &Node) -> Vec<(&'static Definition, Value)> {
    if node.connections.is_some() {
        return Vec::new();
    }
    let mut out = Vec::new();
    for (parts, address) in parts(settled, node) {
        if let Some((_, of_version)) = sets::PARTS.iter().find(|(of, _)| *of == parts) {
            let set = of_version.of(IpVersion::of(address));
            out.push((set, Value::address(address)));
        }
    }
    out
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
/// this, those of one node are 23 times its limit at most.
fn too_fast(mut matches: Vec<Match>, version: IpVersion, limit: u32, parts: u32) -> Rule {
    let (field, _) = source(version);
    let set = OPENED.of(version).name.into();
    let rate = Rate {
        per_second: u64::from(limit.div_ceil(8 * parts)),
        burst: limit.saturating_mul(8) / parts,
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
    let mut rules = Vec::from(guard::cleared());
    rules.extend([
        rule(vec![nets(false)], Verdict::Return, purpose::NOT_OURS),
        rule(vec![Match::Established], Verdict::Return, "replies"),
        rule(vec![Match::Invalid], Verdict::Return, "dropped later"),
    ]);
    rules.extend(mid_stream(&[], Verdict::Return, "dropped later"));
    let counted = Verdict::Jump(CHAIN.into());
    rules.push(rule(vec![], counted, "connections of a node"));
    Chain {
        name: "shares".into(),
        base: base(ChainType::Filter, Hook::Prerouting, Priority::MANGLE),
        rules,
    }
}
