//! Chains and rules of every family and table, in nft's own words.

use std::collections::BTreeMap;

use super::Nft;
use super::describe::{self, Set};
use crate::KernelError;
use crate::wire::{Attrs, Writer, be32_of, be64_of, string_of};

const NFT_MSG_GETCHAIN: u16 = 4;
const NFT_MSG_GETRULE: u16 = 7;
const NFT_MSG_GETSET: u16 = 10;
const NFT_MSG_GETSETELEM: u16 = 13;

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

impl Nft {
    /// Every chain of the namespace, of all families.
    ///
    /// # Errors
    /// When the list could not be read whole.
    pub fn chains(&mut self) -> Result<Vec<ChainInfo>, KernelError> {
        let bodies = self.list(NFT_MSG_GETCHAIN, &[0, 0, 0, 0], "list the chains")?;
        Ok(bodies.iter().filter_map(|body| chain(body)).collect())
    }

    /// The rules of a chain, in order; none when there is no such chain.
    ///
    /// # Errors
    /// When the list could not be read whole.
    pub fn rules(
        &mut self,
        family: u8,
        table: &str,
        chain: &str,
    ) -> Result<Vec<RuleInfo>, KernelError> {
        let mut w = Writer::with_header(&[family, 0, 0, 0]);
        w.str(1, table);
        w.str(2, chain);
        let mut bodies = self.list(NFT_MSG_GETRULE, &w.bytes, "list the rules")?;
        // Kernels before 4.10 do not filter.
        bodies.retain(|body| {
            let attrs = Attrs(body.get(4..).unwrap_or_default());
            let is = |kind, name| attrs.find(kind).map(string_of).as_deref() == Some(name);
            body.first() == Some(&family) && is(1, table) && is(2, chain)
        });
        let sets = self.sets_of(family, table, &bodies)?;
        Ok(bodies
            .iter()
            .filter_map(|body| rule(family, body, &sets))
            .collect())
    }

    /// The sets that rules name, anonymous ones with their elements.
    fn sets_of(
        &mut self,
        family: u8,
        table: &str,
        rules: &[Vec<u8>],
    ) -> Result<BTreeMap<String, Set>, KernelError> {
        let mut names: Vec<String> = Vec::new();
        for body in rules {
            let attrs = Attrs(body.get(4..).unwrap_or_default());
            names.extend(describe::sets_named(attrs.find(4).unwrap_or_default()));
        }
        let mut out = BTreeMap::new();
        if names.is_empty() {
            return Ok(out);
        }
        let mut w = Writer::with_header(&[family, 0, 0, 0]);
        w.str(1, table);
        let bodies = self.list(NFT_MSG_GETSET, &w.bytes, "list the sets")?;
        for body in &bodies {
            let Some((name, mut set)) = describe::set(body.get(4..).unwrap_or_default()) else {
                continue;
            };
            if !names.contains(&name) {
                continue;
            }
            if set.anonymous() {
                let mut w = Writer::with_header(&[family, 0, 0, 0]);
                w.str(1, table);
                w.str(2, &name);
                match self.list(NFT_MSG_GETSETELEM, &w.bytes, "list the elements") {
                    Ok(bodies) => {
                        for body in &bodies {
                            set.add_elements(body.get(4..).unwrap_or_default());
                        }
                    }
                    // Its rule is gone since.
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(error),
                }
            }
            out.insert(name, set);
        }
        Ok(out)
    }
}

fn chain(body: &[u8]) -> Option<ChainInfo> {
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

fn rule(family: u8, body: &[u8], sets: &BTreeMap<String, Set>) -> Option<RuleInfo> {
    let attrs = Attrs(body.get(4..)?);
    let expressions = attrs.find(4).unwrap_or_default();
    let (text, matched) = describe::rule(family, expressions, sets);
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
                w.bytes
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
            w.bytes
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
        let (name, mut set) = describe::set(&w.bytes).unwrap();
        set.add_elements(&elements.bytes);
        BTreeMap::from([(name, set)])
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            family in 0_u8..12,
            body in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let _unused = chain(&body);
            let _unused = rule(family, &body, &BTreeMap::new());
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
            let _unused = describe::rule(family, &list, &sets);
            for cut in 0..list.len() {
                let _unused = describe::rule(family, list.get(..cut).unwrap_or_default(), &sets);
            }
        }
    }
}
