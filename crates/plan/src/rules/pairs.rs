//! Sets of prefixes and of pairs of prefixes.

use hallway_nftables::{Element, Field, IpVersion, Match, Set, Value};
use ipnet::IpNet;

/// Every pair of one prefix and another.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) from: Vec<IpNet>,
    pub(super) to: Vec<IpNet>,
}

impl Product {
    fn size(&self) -> usize {
        self.from.len().saturating_mul(self.to.len())
    }
}

/// A policy of one product is a set of pairs up to this size, and two sets above it.
const PAIRS_OF_ONE: usize = 256;
/// Prefixes that overlap are taken apart up to this many pairs.
const PAIRS_APART: usize = 1024;

/// Conditions that hold for the pairs of all products: sets grow with the prefixes, not with the
/// pairs, where there are many.
pub(super) fn conditions(
    policy: &str,
    version: IpVersion,
    products: Vec<Product>,
    sets: &mut Vec<Set>,
) -> Vec<Vec<Match>> {
    let (saddr, daddr) = addresses(version);
    let family = suffix(version);
    let mut products: Vec<Product> = products
        .into_iter()
        .map(|p| Product {
            from: IpNet::aggregate(&p.from),
            to: IpNet::aggregate(&p.to),
        })
        .collect();
    products.retain(|p| p.size() > 0);
    if products.is_empty() {
        return Vec::new();
    }
    let name = format!("{policy}_pairs{family}");
    if let Some(set) = one_set(&name, [saddr, daddr], &products) {
        sets.push(set);
        return vec![vec![Match::In(vec![saddr, daddr], name)]];
    }
    let mut out = Vec::new();
    for (position, product) in products.iter().enumerate() {
        let side = |way: &str| format!("{policy}_product{position}_{way}{family}");
        let mut matches = Vec::new();
        for (field, nets, name) in [
            (saddr, &product.from, side("from")),
            (daddr, &product.to, side("to")),
        ] {
            sets.push(prefix_set(&name, field, nets));
            matches.push(Match::In(vec![field], name));
        }
        out.push(matches);
    }
    out
}

/// All pairs as elements of one set, where that is the shorter way.
fn one_set(name: &str, fields: [Field; 2], products: &[Product]) -> Option<Set> {
    let size: usize = products.iter().map(Product::size).sum();
    let single = |net: &IpNet| net.prefix_len() == net.max_prefix_len();
    let exact = products
        .iter()
        .all(|p| p.from.iter().chain(&p.to).all(single));
    match products {
        [_] if size > PAIRS_OF_ONE => return None,
        [_, _, ..] if !exact && size > PAIRS_APART => return None,
        _ => {}
    }
    let mut pairs: Vec<(IpNet, IpNet)> = products
        .iter()
        .flat_map(|p| {
            let to = &p.to;
            (p.from.iter()).flat_map(move |f| to.iter().map(move |t| (*f, *t)))
        })
        .collect();
    pairs.sort_by_key(|(f, t)| (f.prefix_len(), t.prefix_len(), *f, *t));
    pairs.dedup();
    let pairs = if exact || products.len() == 1 {
        pairs
    } else {
        apart(pairs)?
    };
    Some(pair_set(name, fields, pairs))
}

pub(super) fn addresses(version: IpVersion) -> (Field, Field) {
    match version {
        IpVersion::V4 => (Field::Ip4Saddr, Field::Ip4Daddr),
        IpVersion::V6 => (Field::Ip6Saddr, Field::Ip6Daddr),
    }
}

/// What ends the names of sets of a version.
pub(super) fn suffix(version: IpVersion) -> &'static str {
    match version {
        IpVersion::V4 => "4",
        IpVersion::V6 => "6",
    }
}

pub(super) fn prefix_set(name: &str, field: Field, nets: &[IpNet]) -> Set {
    let element = |net: IpNet| Element::new(vec![Value::net(net)]);
    Set {
        elements: IpNet::aggregate(&nets.to_vec())
            .into_iter()
            .map(element)
            .collect(),
        ..Set::new(name, &[field.data_type()]).of_intervals()
    }
}

fn pair_set(name: &str, fields: [Field; 2], pairs: Vec<(IpNet, IpNet)>) -> Set {
    Set {
        elements: pairs
            .into_iter()
            .map(|(from, to)| Element::new(vec![Value::net(from), Value::net(to)]))
            .collect(),
        ..Set::new(name, &fields.map(Field::data_type)).of_intervals()
    }
}

/// Pairs that lie within another pair are left out: the kernel refuses overlapping elements
/// of a set of intervals. Two prefixes either nest or are apart, so pairs that overlap without
/// nesting are split off into the narrower product. `None` where that gives too many.
fn apart(pairs: Vec<(IpNet, IpNet)>) -> Option<Vec<(IpNet, IpNet)>> {
    let most = pairs.len().saturating_mul(2).max(PAIRS_APART);
    let mut kept: Vec<(IpNet, IpNet)> = Vec::new();
    for pair in pairs {
        push_apart(&mut kept, pair, most)?;
    }
    Some(kept)
}

/// Adds what of the product `from × to` is not covered yet.
fn push_apart(kept: &mut Vec<(IpNet, IpNet)>, pair: (IpNet, IpNet), most: usize) -> Option<()> {
    let mut pending = vec![pair];
    while let Some((from, to)) = pending.pop() {
        if kept.len() + pending.len() > most {
            return None;
        }
        let clash = kept
            .iter()
            .find(|(f, t)| overlaps(f, &from) && overlaps(t, &to))
            .copied();
        match clash {
            None => kept.push((from, to)),
            Some((f, t)) if f.contains(&from) && t.contains(&to) => {}
            // One side is wider than what is kept: halve it until it is apart or covered.
            Some((f, _)) if !f.contains(&from) => {
                pending.extend(halves(from).map(|half| (half, to)));
            }
            Some(_) => pending.extend(halves(to).map(|half| (from, half))),
        }
    }
    Some(())
}

fn overlaps(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

fn halves(net: IpNet) -> impl Iterator<Item = IpNet> {
    let longer = net.prefix_len().saturating_add(1).min(net.max_prefix_len());
    net.subnets(longer).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn overlapping_pairs_become_disjoint_and_cover_the_same() {
        let pairs = vec![
            (net("10.0.0.0/24"), net("10.1.0.5/32")),
            (net("10.0.0.7/32"), net("10.1.0.0/24")),
            (net("10.0.0.7/32"), net("10.1.0.5/32")),
        ];
        let set = pair_set(
            "x",
            [Field::Ip4Saddr, Field::Ip4Daddr],
            apart(pairs).unwrap(),
        );
        let nets: Vec<(IpNet, IpNet)> = set
            .elements
            .iter()
            .map(|e| match (&e.key[0], &e.key[1]) {
                (Value::V4Net(a), Value::V4Net(b)) => (IpNet::V4(*a), IpNet::V4(*b)),
                other => panic!("{other:?}"),
            })
            .collect();
        for (i, a) in nets.iter().enumerate() {
            for b in &nets[i + 1..] {
                assert!(
                    !(overlaps(&a.0, &b.0) && overlaps(&a.1, &b.1)),
                    "{a:?} {b:?}"
                );
            }
        }
        let covers = |f: &str, t: &str| {
            nets.iter()
                .any(|(a, b)| a.contains(&net(f)) && b.contains(&net(t)))
        };
        assert!(covers("10.0.0.9/32", "10.1.0.5/32"));
        assert!(covers("10.0.0.7/32", "10.1.0.200/32"));
        assert!(covers("10.0.0.7/32", "10.1.0.5/32"));
        assert!(!covers("10.0.0.9/32", "10.1.0.6/32"));
    }

    /// Four hundred prefixes that overlap, on each side: two sets of what they cover.
    #[test]
    fn many_prefixes_are_two_sets() {
        let list = |bits: u32| -> Vec<IpNet> {
            let one = |i: u32| net(&format!("10.{}.0.0/{}", i % 200, bits + i % 8));
            (0..400).map(one).collect()
        };
        let mut sets = Vec::new();
        let products = vec![Product {
            from: list(16),
            to: list(17),
        }];
        let conditions = conditions("p", IpVersion::V4, products, &mut sets);
        assert_eq!(conditions.len(), 1);
        assert_eq!(sets.len(), 2);
        assert!(sets.iter().all(|s| s.elements.len() <= 400));
    }
}
