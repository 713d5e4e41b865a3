//! Arbitrary bytes are decoded and printed without a panic.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_nftables::decode::{self, RawSet};
use hallway_nftables::print;
use hallway_nftables::wire::Writer;
use proptest::prelude::*;

const NAMES: [&str; 33] = [
    "meta",
    "ct",
    "fib",
    "rt",
    "socket",
    "numgen",
    "hash",
    "exthdr",
    "payload",
    "bitwise",
    "byteorder",
    "cmp",
    "range",
    "lookup",
    "immediate",
    "nat",
    "masq",
    "redir",
    "tproxy",
    "dup",
    "fwd",
    "match",
    "target",
    "log",
    "limit",
    "quota",
    "connlimit",
    "reject",
    "queue",
    "objref",
    "dynset",
    "synproxy",
    "odd",
];

const XT_NAMES: &[&str] = &[
    "comment",
    "conntrack",
    "state",
    "addrtype",
    "limit",
    "mark",
    "length",
    "mac",
    "pkttype",
    "statistic",
    "iprange",
    "multiport",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "LOG",
    "MARK",
    "REJECT",
    "TCPMSS",
    "CT",
    "MASQUERADE",
    "REDIRECT",
    "SNAT",
    "DNAT",
];

/// An attribute, valid or not: a number, bytes, or nested data.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0_u32..20).prop_map(|n| n.to_be_bytes().to_vec()),
        any::<u32>().prop_map(|n| n.to_be_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..48),
        proptest::collection::vec(any::<u8>(), 0..200),
        proptest::sample::select(XT_NAMES).prop_map(|name| name.as_bytes().to_vec()),
        Just(b"__set0\0".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| {
            let mut w = Writer::default();
            w.attr(1, &bytes);
            w.finish().unwrap()
        }),
    ]
}

fn expressions() -> impl Strategy<Value = Vec<u8>> {
    let attributes = proptest::collection::vec((1_u16..11, value()), 0..7);
    let expression = (0..NAMES.len(), attributes);
    proptest::collection::vec(expression, 0..8).prop_map(|list| {
        let mut w = Writer::default();
        for (name, attributes) in list {
            w.nest(1, |w| {
                w.str(1, NAMES.get(name).copied().unwrap_or_default());
                w.nest(2, |w| {
                    for (kind, value) in attributes {
                        w.attr(kind, &value);
                    }
                });
            });
        }
        w.finish().unwrap()
    })
}

/// A rule's message: the family, its table, chain and handle, and expressions.
fn message(family: u8, list: &[u8]) -> Vec<u8> {
    let mut w = Writer::with_header(&[family, 0, 0, 0]);
    w.str(1, "t");
    w.str(2, "c");
    w.attr(3, &7_u64.to_be_bytes());
    w.attr(4, list);
    w.finish().unwrap()
}

/// A set with an element, with arbitrary flags and lengths.
fn a_set(flags: u32, types: (u32, u32, u32), key: &[u8], data: &[u8]) -> RawSet {
    let mut w = Writer::with_header(&[1, 0, 0, 0]);
    w.str(1, "t");
    w.str(2, "__set0");
    w.be32(3, flags);
    w.be32(4, types.2);
    w.be32(5, key.len() as u32);
    w.be32(6, types.0);
    w.be32(7, types.1);
    let mut elements = Writer::with_header(&[1, 0, 0, 0]);
    elements.nest(3, |w| {
        for end in [0, 1] {
            w.nest(1, |w| {
                w.nest(1, |w| w.attr(1, key));
                w.nest(2, |w| w.attr(1, data));
                w.be32(3, end);
            });
        }
    });
    let (_, mut set) = decode::set(w.as_bytes().unwrap()).unwrap();
    set.add_elements(elements.as_bytes().unwrap());
    set
}

fn names(index: u32) -> Option<String> {
    (index == 1).then(|| "lo".into())
}

proptest! {
    #[test]
    fn any_bytes_are_decoded(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(decode::table(&body));
        drop(decode::chain(&body));
        drop(decode::set(&body));
        drop(hallway_nftables::trace::event(&body));
        if let Ok(rule) = decode::rule(&body) {
            drop(print::listed(&rule, &print::Sets::new(), &names));
        }
    }

    #[test]
    fn any_expressions_are_printed(
        family in 0_u8..12,
        list in expressions(),
        flags in 0_u32..16,
        types in (any::<u32>(), any::<u32>(), any::<u32>()),
        key in proptest::collection::vec(any::<u8>(), 0..20),
        data in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let set = a_set(flags, types, &key, &data);
        drop(print::set(&set.typed()));
        let sets = print::Sets::from([(set.name().to_owned(), set)]);
        for cut in 0..=list.len() {
            let body = message(family, list.get(..cut).unwrap_or_default());
            let rule = decode::rule(&body).unwrap();
            drop(rule.sets());
            drop(print::listed(&rule, &sets, &names));
        }
    }
}
