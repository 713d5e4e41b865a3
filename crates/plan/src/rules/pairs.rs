//! Sets of prefixes and of pairs of addresses.
//!
//! None is of joined intervals (`flags interval` with a concatenated key): the kernel makes the
//! elements of such a set visible only after the rules of the same transaction
//! (`nf_tables_commit`), and a packet that a `deny` drops could pass in between.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_nftables::{Element, Field, IpVersion, Match, Set, Value};
use ipnet::IpNet;

/// Every pair of one prefix and another.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) from: Vec<IpNet>,
    pub(super) to: Vec<IpNet>,
}

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
    products.retain(|p| !p.from.is_empty() && !p.to.is_empty());
    if products.is_empty() {
        return Vec::new();
    }
    if let [product] = products.as_slice()
        && let ([from], [to]) = (product.from.as_slice(), product.to.as_slice())
    {
        return vec![vec![is_in(saddr, *from), is_in(daddr, *to)]];
    }
    if let Some(pairs) = exact(&products) {
        let name = format!("{policy}_pairs{family}");
        let element = |(from, to)| Element::new(vec![Value::address(from), Value::address(to)]);
        sets.push(Set {
            elements: pairs.into_iter().map(element).collect(),
            ..Set::new(&name, &[saddr, daddr].map(Field::data_type))
        });
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
            matches.push(within_prefixes(&name, field, nets, sets));
        }
        out.push(matches);
    }
    out
}

/// The pairs of several products of single addresses.
fn exact(products: &[Product]) -> Option<BTreeSet<(IpAddr, IpAddr)>> {
    let single = |net: &IpNet| net.prefix_len() == net.max_prefix_len();
    let mut sides = products.iter().flat_map(|p| p.from.iter().chain(&p.to));
    if products.len() == 1 || !sides.all(single) {
        return None;
    }
    let pairs = products.iter().flat_map(|p| {
        let with_all = |from: &IpNet| {
            let from = from.addr();
            p.to.iter().map(move |to| (from, to.addr()))
        };
        p.from.iter().flat_map(with_all)
    });
    Some(pairs.collect())
}

pub(super) fn addresses(version: IpVersion) -> (Field, Field) {
    match version {
        IpVersion::V4 => (Field::Ip4Saddr, Field::Ip4Daddr),
        IpVersion::V6 => (Field::Ip6Saddr, Field::Ip6Daddr),
    }
}

/// The suffix of the names of sets of a version.
pub(super) fn suffix(version: IpVersion) -> &'static str {
    match version {
        IpVersion::V4 => "4",
        IpVersion::V6 => "6",
    }
}

/// The field is in one of the prefixes: an element of a set of that name, where there are several.
///
/// The kernel looks for a set by its name among all sets of the table, for each rule that names one:
/// the time for sets of one element grows with the square of their number.
pub(super) fn within_prefixes(
    name: &str,
    field: Field,
    nets: &[IpNet],
    sets: &mut Vec<Set>,
) -> Match {
    let nets = IpNet::aggregate(&nets.to_vec());
    if let [net] = nets.as_slice() {
        return is_in(field, *net);
    }
    let element = |net: IpNet| Element::new(vec![Value::net(net)]);
    sets.push(Set {
        elements: nets.into_iter().map(element).collect(),
        ..Set::new(name, &[field.data_type()]).of_intervals()
    });
    Match::In(vec![field], name.into())
}

fn is_in(field: Field, net: IpNet) -> Match {
    let value = match net.prefix_len() == net.max_prefix_len() {
        true => Value::address(net.addr()),
        false => Value::net(net),
    };
    Match::Is(field, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    /// Pairs of single addresses are one set, others two sets for each product.
    #[test]
    fn single_addresses_are_one_set() {
        let product = |from: &str, to: &str| Product {
            from: vec![net(from)],
            to: vec![net(to)],
        };
        let of = |products| {
            let mut sets = Vec::new();
            let conditions = conditions("p", IpVersion::V4, products, &mut sets);
            (conditions.len(), sets)
        };
        let pair = || product("10.0.0.1/32", "10.0.0.2/32");
        let (conditions, sets) = of(vec![pair(), product("10.0.0.2/32", "10.0.0.1/32")]);
        assert_eq!((conditions, sets.len()), (1, 1));
        assert!(!sets[0].interval && sets[0].elements.len() == 2);
        let (conditions, sets) = of(vec![pair(), product("10.0.0.0/24", "10.0.1.0/24")]);
        assert_eq!((conditions, sets.len()), (2, 0));
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
