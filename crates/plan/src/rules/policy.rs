//! Policy lines → rules. One line gives a few rules at most, however many nodes it speaks of:
//! the pairs are elements of a set named after the line.

use hallway_nftables::expr::Verdict;
use hallway_nftables::{DataType, Element, Field, IpVersion, Match, Rule, Set, Value};
use hallway_spec::{Action, PolicyService, Protocol};
use ipnet::IpNet;

use super::elements::protocol_number;
use super::parts::rule;
use super::purpose;
use super::sets::NETWORKS;
use crate::settled::{Policy, Settled, Side};

/// Rules for the three places a policy can act, and the sets they use.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) sets: Vec<Set>,
    pub(super) forward: Vec<Rule>,
    pub(super) input: Vec<Rule>,
    pub(super) output: Vec<Rule>,
}

/// All policies, in order.
pub(super) fn compile(settled: &Settled) -> Compiled {
    let mut out = Compiled::default();
    for policy in &settled.policies {
        let services = services(policy, &mut out.sets);
        let act = match policy.action {
            Action::Allow => Verdict::Accept,
            Action::Deny => Verdict::Drop,
        };
        let comment = comment(policy);
        let add = |rules: &mut Vec<Rule>, matches: &[Match]| {
            for service in &services {
                let all = matches.iter().chain(service).cloned().collect();
                rules.push(rule(all, act.clone(), &comment));
            }
        };
        for matches in forward(policy, &mut out.sets) {
            add(&mut out.forward, &matches);
        }
        for matches in one_sided(policy, &mut out.sets, true) {
            add(&mut out.input, &matches);
        }
        for matches in one_sided(policy, &mut out.sets, false) {
            add(&mut out.output, &matches);
        }
    }
    out
}

/// The comment of a policy's rules: where the policy is in the file.
fn comment(policy: &Policy) -> String {
    purpose::place(&format!("policies[{}]", policy.index), policy.place.line)
}

/// One list of conditions per way a packet can match; one empty list when every packet does.
fn services(policy: &Policy, sets: &mut Vec<Set>) -> Vec<Vec<Match>> {
    if policy.services.is_empty() {
        return vec![Vec::new()];
    }
    let mut elements = Vec::new();
    let mut out = Vec::new();
    for service in &policy.services {
        match service {
            PolicyService::Icmp => {
                for number in [1, 58] {
                    out.push(vec![Match::Is(Field::L4Proto, Value::Proto(number))]);
                }
            }
            PolicyService::Protocol(protocol) => {
                out.push(vec![Match::Is(
                    Field::L4Proto,
                    Value::Proto(protocol_number(*protocol)),
                )]);
            }
            PolicyService::Ports(ports, protocol) => {
                elements.push((*protocol, ports.first(), ports.last()))
            }
        }
    }
    if !elements.is_empty() {
        let name = format!("policy{}_ports", policy.index);
        sets.push(Set {
            elements: merged(elements)
                .into_iter()
                .map(|(protocol, first, last)| {
                    Element::new(vec![
                        Value::Proto(protocol_number(protocol)),
                        Value::Ports(first, last),
                    ])
                })
                .collect(),
            ..Set::new(&name, &[DataType::InetProto, DataType::Service]).of_intervals()
        });
        out.push(vec![Match::In(vec![Field::L4Proto, Field::Dport], name)]);
    }
    out
}

/// Overlapping ranges are one range: the kernel refuses overlapping elements.
fn merged(mut ranges: Vec<(Protocol, u16, u16)>) -> Vec<(Protocol, u16, u16)> {
    ranges.sort();
    let mut out: Vec<(Protocol, u16, u16)> = Vec::new();
    for (protocol, first, last) in ranges {
        match out.last_mut() {
            Some((p, _, end)) if *p == protocol && first <= end.saturating_add(1) => {
                *end = (*end).max(last);
            }
            _ => out.push((protocol, first, last)),
        }
    }
    out
}

fn of_version(side: &Side, version: IpVersion) -> Option<Vec<IpNet>> {
    match side {
        Side::Prefixes(nets) => Some(
            nets.iter()
                .filter(|n| IpVersion::of(n.addr()) == version)
                .copied()
                .collect(),
        ),
        Side::Host | Side::Outside | Side::Any => None,
    }
}

/// Conditions for packets that pass through the host.
fn forward(policy: &Policy, sets: &mut Vec<Set>) -> Vec<Vec<Match>> {
    let mut out = Vec::new();
    for version in [IpVersion::V4, IpVersion::V6] {
        let (saddr, daddr) = addresses(version);
        let family = suffix(version);
        let mut pairs: Vec<(IpNet, IpNet)> = Vec::new();
        for (position, (from, to)) in policy.pairs.iter().enumerate() {
            if matches!(from, Side::Host) || matches!(to, Side::Host) {
                continue;
            }
            match (of_version(from, version), of_version(to, version)) {
                (Some(from), Some(to)) => {
                    pairs.extend(from.iter().flat_map(|f| to.iter().map(move |t| (*f, *t))));
                }
                (None, None) if version == IpVersion::V4 => {
                    out.push(
                        [group(from, Field::IifGroup), group(to, Field::OifGroup)]
                            .into_iter()
                            .flatten()
                            .collect(),
                    );
                }
                (None, None) => {}
                (nets, other) => {
                    let is_source = nets.is_some();
                    let nets = nets.or(other).unwrap_or_default();
                    if nets.is_empty() {
                        continue;
                    }
                    let set = format!(
                        "policy{}_{position}_{}{family}",
                        policy.index,
                        if is_source { "from" } else { "to" }
                    );
                    let field = if is_source { saddr } else { daddr };
                    sets.push(prefix_set(&set, field, &nets));
                    let mut matches = vec![Match::In(vec![field], set)];
                    matches.extend(if is_source {
                        group(to, Field::OifGroup)
                    } else {
                        group(from, Field::IifGroup)
                    });
                    out.push(matches);
                }
            }
        }
        if !pairs.is_empty() {
            let name = format!("policy{}_pairs{family}", policy.index);
            sets.push(pair_set(&name, [saddr, daddr], pairs));
            out.push(vec![Match::In(vec![saddr, daddr], name)]);
        }
    }
    out
}

/// Conditions for packets to the host (`input`) or from it.
fn one_sided(policy: &Policy, sets: &mut Vec<Set>, input: bool) -> Vec<Vec<Match>> {
    let mut out = Vec::new();
    for (position, (from, to)) in policy.pairs.iter().enumerate() {
        let (near, far) = if input { (to, from) } else { (from, to) };
        if !matches!(near, Side::Host | Side::Any) || matches!(far, Side::Host | Side::Outside) {
            continue;
        }
        if matches!(far, Side::Any) {
            out.push(Vec::new());
            continue;
        }
        for version in [IpVersion::V4, IpVersion::V6] {
            let nets = of_version(far, version).unwrap_or_default();
            if nets.is_empty() {
                continue;
            }
            let (saddr, daddr) = addresses(version);
            let field = if input { saddr } else { daddr };
            let way = if input { "in" } else { "out" };
            let set = format!("policy{}_{position}_{way}{}", policy.index, suffix(version));
            sets.push(prefix_set(&set, field, &nets));
            out.push(vec![Match::In(vec![field], set)]);
        }
    }
    out
}

fn addresses(version: IpVersion) -> (Field, Field) {
    match version {
        IpVersion::V4 => (Field::Ip4Saddr, Field::Ip4Daddr),
        IpVersion::V6 => (Field::Ip6Saddr, Field::Ip6Daddr),
    }
}

/// What ends the names of sets of a version.
fn suffix(version: IpVersion) -> &'static str {
    match version {
        IpVersion::V4 => "4",
        IpVersion::V6 => "6",
    }
}

/// `outside` is whatever is not one of our groups; `any` is no condition.
fn group(side: &Side, field: Field) -> Option<Match> {
    matches!(side, Side::Outside).then(|| Match::NotIn(vec![field], NETWORKS.name.into()))
}

fn prefix_set(name: &str, field: Field, nets: &[IpNet]) -> Set {
    let element = |net: IpNet| Element::new(vec![Value::net(net)]);
    Set {
        elements: IpNet::aggregate(&nets.to_vec())
            .into_iter()
            .map(element)
            .collect(),
        ..Set::new(name, &[field.data_type()]).of_intervals()
    }
}

/// Pairs that lie within another pair are left out: the kernel refuses overlapping elements
/// of a set of intervals. Two prefixes either nest or are apart, so pairs that overlap without
/// nesting are split off into the narrower product.
fn pair_set(name: &str, fields: [Field; 2], mut pairs: Vec<(IpNet, IpNet)>) -> Set {
    pairs.sort_by_key(|(f, t)| (f.prefix_len(), t.prefix_len(), *f, *t));
    let mut kept: Vec<(IpNet, IpNet)> = Vec::new();
    for pair in pairs {
        push_apart(&mut kept, pair);
    }
    Set {
        elements: kept
            .into_iter()
            .map(|(from, to)| Element::new(vec![Value::net(from), Value::net(to)]))
            .collect(),
        ..Set::new(name, &fields.map(Field::data_type)).of_intervals()
    }
}

/// Adds what of the product `from × to` is not covered yet.
fn push_apart(kept: &mut Vec<(IpNet, IpNet)>, pair: (IpNet, IpNet)) {
    let mut pending = vec![pair];
    while let Some((from, to)) = pending.pop() {
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
        let set = pair_set("x", [Field::Ip4Saddr, Field::Ip4Daddr], pairs);
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

    #[test]
    fn port_ranges_that_touch_are_one() {
        let ranges = vec![
            (Protocol::Tcp, 80, 90),
            (Protocol::Tcp, 85, 100),
            (Protocol::Tcp, 101, 101),
            (Protocol::Udp, 85, 85),
        ];
        assert_eq!(
            merged(ranges),
            vec![(Protocol::Tcp, 80, 101), (Protocol::Udp, 85, 85)]
        );
    }
}
