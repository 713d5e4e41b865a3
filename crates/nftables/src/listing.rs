//! Tables, chains and rules read from the kernel's messages, rules in nft's own words.

use std::collections::BTreeMap;

use crate::describe::{self, Set};
use crate::wire::{Attrs, be32_of, be64_of, string_of};

/// A table as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// Family number: 1 inet, 7 bridge, ...
    pub family: u8,
    /// Name.
    pub name: String,
    /// Its comment, when it has one.
    pub comment: Option<String>,
}

/// A chain as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainInfo {
    /// Family number; [`family_name`] has its name.
    pub family: u8,
    /// Table.
    pub table: String,
    /// Name.
    pub name: String,
    /// Where packets enter it; `None` for one only jumped to.
    pub base: Option<BaseInfo>,
}

/// Where a base chain is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseInfo {
    /// `prerouting`, `input`, `ingress`, ...
    pub hook: &'static str,
    /// Lower is earlier.
    pub priority: i32,
    /// `filter`, `nat` or `route`.
    pub kind: String,
    /// What no rule decides is dropped.
    pub drops: bool,
}

/// A rule as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// The kernel's number for it, as in `nft -a list ruleset`.
    pub handle: u64,
    /// What `nft` prints for it, without the comment and the counter's values.
    pub text: String,
    /// Its comment.
    pub comment: Option<String>,
}

/// nft's name of a family number.
#[must_use]
pub fn family_name(family: u8) -> &'static str {
    match family {
        1 => "inet",
        2 => "ip",
        3 => "arp",
        5 => "netdev",
        7 => "bridge",
        10 => "ip6",
        _ => "unknown",
    }
}

fn hook_name(family: u8, hook: u32) -> &'static str {
    match (family, hook) {
        (3, 0) => "input",
        (3, 1) => "output",
        (3, 2) => "forward",
        (5, 0) | (1, 5) => "ingress",
        (5, 1) => "egress",
        (1 | 2 | 7 | 10, 0) => "prerouting",
        (1 | 2 | 7 | 10, 1) => "input",
        (1 | 2 | 7 | 10, 2) => "forward",
        (1 | 2 | 7 | 10, 3) => "output",
        (1 | 2 | 7 | 10, 4) => "postrouting",
        _ => "unknown",
    }
}

/// A table, from the body of a message.
#[must_use]
pub fn table(body: &[u8]) -> Option<TableInfo> {
    let attrs = Attrs(body.get(4..)?);
    Some(TableInfo {
        family: *body.first()?,
        name: attrs.find(1).map(string_of)?,
        comment: attrs.find(6).and_then(comment),
    })
}

/// A chain, from the body of a message.
#[must_use]
pub fn chain(body: &[u8]) -> Option<ChainInfo> {
    let family = *body.first()?;
    let attrs = Attrs(body.get(4..)?);
    let base = attrs.find(4).and_then(|hook| {
        let hook = Attrs(hook);
        Some(BaseInfo {
            hook: hook_name(family, be32_of(hook.find(1)?)?),
            priority: be32_of(hook.find(2)?)? as i32,
            kind: attrs.find(7).map(string_of).unwrap_or_default(),
            drops: attrs.find(5).and_then(be32_of) == Some(0),
        })
    });
    Some(ChainInfo {
        family,
        table: attrs.find(1).map(string_of)?,
        name: attrs.find(3).map(string_of)?,
        base,
    })
}

/// The comment of a rule's userdata: type, length, string.
fn comment(mut data: &[u8]) -> Option<String> {
    while let [kind, length, rest @ ..] = data {
        let value = rest.get(..usize::from(*length))?;
        if *kind == 0 {
            return Some(string_of(value));
        }
        data = rest.get(usize::from(*length)..)?;
    }
    None
}

/// The names of the sets that a rule looks into, from the body of its message.
#[must_use]
pub fn sets_named(body: &[u8]) -> Vec<String> {
    let attrs = Attrs(body.get(4..).unwrap_or_default());
    describe::sets_named(attrs.find(4).unwrap_or_default())
}

/// Whether a rule, by the body of its message, is one of that chain.
#[must_use]
pub fn is_rule_of(body: &[u8], family: u8, table: &str, chain: &str) -> bool {
    let attrs = Attrs(body.get(4..).unwrap_or_default());
    let is = |kind, name| attrs.find(kind).map(string_of).as_deref() == Some(name);
    body.first() == Some(&family) && is(1, table) && is(2, chain)
}

/// The sets of a table that rules look into, by name.
#[derive(Debug, Default)]
pub struct Sets(BTreeMap<String, Set>);

impl Sets {
    /// Takes up a set from the body of its message; its name, when its elements are part of the
    /// rule that uses it (an anonymous set).
    pub fn add(&mut self, body: &[u8], wanted: &[String]) -> Option<String> {
        let (name, set) = describe::set(body.get(4..)?)?;
        if !wanted.contains(&name) {
            return None;
        }
        let anonymous = set.anonymous().then(|| name.clone());
        self.0.insert(name, set);
        anonymous
    }

    /// Takes up elements of a set from the body of their message.
    pub fn add_elements(&mut self, name: &str, body: &[u8]) {
        if let Some(set) = self.0.get_mut(name) {
            set.add_elements(body.get(4..).unwrap_or_default());
        }
    }

    /// Forgets a set.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}

/// A rule, from the body of a message. `interface` names interfaces by index.
#[must_use]
pub fn rule(
    body: &[u8],
    sets: &Sets,
    interface: &dyn Fn(u32) -> Option<String>,
) -> Option<RuleInfo> {
    let family = *body.first()?;
    let attrs = Attrs(body.get(4..)?);
    let expressions = attrs.find(4).unwrap_or_default();
    let (text, matched) = describe::rule(family, expressions, &sets.0, interface);
    Some(RuleInfo {
        handle: attrs.find(3).and_then(be64_of)?,
        text,
        comment: attrs.find(7).and_then(comment).or(matched),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::Writer;

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

    /// An attribute as one may be, or not: a number, bytes, or data in a nest.
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

    /// A set with an element, of whatever flags and lengths.
    fn a_set(flags: u32, types: (u32, u32), key: &[u8], data: &[u8]) -> BTreeMap<String, Set> {
        let mut w = Writer::default();
        w.str(2, "__set0");
        w.be32(3, flags);
        w.be32(5, key.len() as u32);
        w.be32(6, types.0);
        w.be32(7, types.1);
        let mut elements = Writer::default();
        elements.nest(3, |w| {
            for end in [0, 1] {
                w.nest(1, |w| {
                    w.nest(1, |w| w.attr(1, key));
                    w.nest(2, |w| w.attr(1, data));
                    w.be32(3, end);
                });
            }
        });
        let (name, mut set) = describe::set(w.as_bytes().unwrap()).unwrap();
        set.add_elements(elements.as_bytes().unwrap());
        BTreeMap::from([(name, set)])
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            body in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let _unused = chain(&body);
            let _unused = rule(&body, &Sets::default(), &|_| None);
            let _unused = comment(&body);
            let _unused = describe::set(&body);
        }

        #[test]
        fn any_expressions_are_read_without_panic(
            family in 0_u8..12,
            list in expressions(),
            flags in 0_u32..16,
            types in (any::<u32>(), any::<u32>()),
            key in proptest::collection::vec(any::<u8>(), 0..20),
            data in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let sets = a_set(flags, types, &key, &data);
            let _unused = describe::sets_named(&list);
            let _unused = describe::rule(family, &list, &sets, &|_| None);
            for cut in 0..list.len() {
                let _unused = describe::rule(family, list.get(..cut).unwrap_or_default(), &sets, &|_| None);
            }
        }
    }
}
