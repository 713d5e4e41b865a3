//! Policy lines → rules. One line gives a few rules at most, however many nodes it matches: the
//! pairs are elements of a set named after the line.

use std::collections::BTreeMap;

use hallway_nftables::expr::Verdict;
use hallway_nftables::{DataType, Element, Field, IpVersion, Match, Rule, Set, Value};
use hallway_spec::{Action, PolicyService, Protocol};

use super::covered::Covered;
use super::pairs::{self, Product, addresses, suffix, within_prefixes};
use super::parts::rule;
use super::ports;
use super::purpose;
use super::sets::NETWORKS;
use crate::settled::{Policy, PolicySide, Settled};

/// Rules for the four places a policy can act, and the sets they use.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) sets: Vec<Set>,
    /// Those of the bridge table.
    pub(super) bridge_sets: Vec<Set>,
    /// What a bridge sends to several of its ports.
    pub(super) to_many: Vec<Rule>,
    pub(super) forward: Vec<Rule>,
    pub(super) input: Vec<Rule>,
    pub(super) output: Vec<Rule>,
}

/// All policies, in order.
pub(super) fn compile(settled: &Settled) -> Compiled {
    let mut out = Compiled::default();
    let covered = Covered::new(settled);
    for policy in &settled.policies {
        let services = services(policy, &mut out.sets);
        let act = match policy.action {
            Action::Allow => Verdict::Accept,
            Action::Deny => Verdict::Drop,
        };
        let comment = purpose::policy(policy.number());
        let add = |rules: &mut Vec<Rule>, matches: &[Match]| {
            for service in &services {
                let all = matches.iter().chain(service).cloned().collect();
                rules.push(rule(all, act.clone(), &comment));
            }
        };
        for matches in forward(policy, &covered, &mut out.sets) {
            add(&mut out.forward, &matches);
        }
        for matches in one_sided(policy, &covered, &mut out.sets, true) {
            add(&mut out.input, &matches);
        }
        for matches in one_sided(policy, &covered, &mut out.sets, false) {
            add(&mut out.output, &matches);
        }
        let between = ports::conditions(policy, &covered, &mut out.bridge_sets);
        if !between.is_empty() {
            self::services(policy, &mut out.bridge_sets);
        }
        for matches in between {
            add(&mut out.to_many, &matches);
        }
    }
    out
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
                    Value::Proto(protocol.number()),
                )]);
            }
            PolicyService::Other(other) => {
                out.push(vec![Match::Is(
                    Field::L4Proto,
                    Value::Proto(other.number()),
                )]);
            }
            PolicyService::Ports(ports, protocol) => {
                elements.push((*protocol, ports.first(), ports.last()))
            }
        }
    }
    for (protocol, ranges) in merged(elements) {
        let mut matches = vec![Match::Is(Field::L4Proto, Value::Proto(protocol.number()))];
        matches.push(match ranges.as_slice() {
            [(first, last)] if first == last => Match::Is(Field::Dport, Value::Port(*first)),
            _ => {
                let name = format!("policy{}_{protocol}", policy.number());
                let element = |(first, last)| Element::new(vec![Value::Ports(first, last)]);
                sets.push(Set {
                    elements: ranges.into_iter().map(element).collect(),
                    ..Set::new(&name, &[DataType::Service]).of_intervals()
                });
                Match::In(vec![Field::Dport], name)
            }
        });
        out.push(matches);
    }
    out
}

/// The ranges of each protocol. Those that overlap are one range: the kernel refuses overlapping
/// elements.
pub(super) fn merged(mut ranges: Vec<(Protocol, u16, u16)>) -> BTreeMap<Protocol, Vec<(u16, u16)>> {
    ranges.sort();
    let mut out: BTreeMap<Protocol, Vec<(u16, u16)>> = BTreeMap::new();
    for (protocol, first, last) in ranges {
        let of_protocol = out.entry(protocol).or_default();
        match of_protocol.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
            _ => of_protocol.push((first, last)),
        }
    }
    out
}

/// Conditions for packets that pass through the host.
fn forward(policy: &Policy, covered: &Covered<'_>, sets: &mut Vec<Set>) -> Vec<Vec<Match>> {
    let mut out = Vec::new();
    for version in [IpVersion::V4, IpVersion::V6] {
        let (saddr, daddr) = addresses(version);
        let family = suffix(version);
        let mut products = Vec::new();
        for (position, (from, to)) in policy.pairs.iter().enumerate() {
            if matches!(from, PolicySide::Host) || matches!(to, PolicySide::Host) {
                continue;
            }
            let both = (
                covered.prefixes(from, version, true),
                covered.prefixes(to, version, true),
            );
            match both {
                (Some(from), Some(to)) => products.push(Product { from, to }),
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
                        policy.number(),
                        if is_source { "from" } else { "to" }
                    );
                    let field = if is_source { saddr } else { daddr };
                    let mut matches = vec![within_prefixes(&set, field, &nets, sets)];
                    matches.extend(if is_source {
                        group(to, Field::OifGroup)
                    } else {
                        group(from, Field::IifGroup)
                    });
                    out.push(matches);
                }
            }
        }
        let name = format!("policy{}", policy.number());
        out.extend(pairs::conditions(&name, version, products, sets));
    }
    out
}

/// Conditions for packets to the host (`input`) or from it.
fn one_sided(
    policy: &Policy,
    covered: &Covered<'_>,
    sets: &mut Vec<Set>,
    input: bool,
) -> Vec<Vec<Match>> {
    let mut out = Vec::new();
    for (position, (from, to)) in policy.pairs.iter().enumerate() {
        let (near, far) = if input { (to, from) } else { (from, to) };
        if !matches!(near, PolicySide::Host | PolicySide::Any)
            || matches!(far, PolicySide::Host | PolicySide::Outside)
        {
            continue;
        }
        if matches!(far, PolicySide::Any) {
            out.push(Vec::new());
            continue;
        }
        for version in [IpVersion::V4, IpVersion::V6] {
            let nets = covered.prefixes(far, version, false).unwrap_or_default();
            if nets.is_empty() {
                continue;
            }
            let (saddr, daddr) = addresses(version);
            let field = if input { saddr } else { daddr };
            let way = if input { "in" } else { "out" };
            let set = format!(
                "policy{}_{position}_{way}{}",
                policy.number(),
                suffix(version)
            );
            out.push(vec![within_prefixes(&set, field, &nets, sets)]);
        }
    }
    out
}

/// `outside` matches every group that is not of hallway; `any` adds no condition.
fn group(side: &PolicySide, field: Field) -> Option<Match> {
    matches!(side, PolicySide::Outside).then(|| Match::NotIn(vec![field], NETWORKS.name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            BTreeMap::from([
                (Protocol::Tcp, vec![(80, 101)]),
                (Protocol::Udp, vec![(85, 85)])
            ])
        );
    }
}
