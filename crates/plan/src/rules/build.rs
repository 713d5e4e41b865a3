//! Settled → ruleset. The order of rules is the order of DESIGN's defaults: replies, then
//! policies in the file's order, then inside a network, then to outside, then published ports,
//! then refusal.

use std::net::Ipv6Addr;

use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Action, Chain, ChainType, Family, Field, Hook, IpVersion, Match, Priority, Rule, Ruleset,
    Table, Value,
};

use super::elements::{of_network, of_node, of_publish};
use super::parts::{
    ECHO, ECHO6, LINK_LOCAL6, LOOPBACK4, NEIGHBOR_ADVERT, NEIGHBOR_SOLICIT, REDIRECT, REDIRECT6,
    ROUTER_ADVERT, base, icmp6, loaded, member, nets, rule, within,
};
use super::sets;
use super::{bridge, nat, policy, purpose};
use crate::mark::{self, FROM_BIT, TO_BIT};
use crate::settled::Settled;

/// The whole ruleset of a project.
#[must_use]
pub fn ruleset(settled: &Settled) -> Ruleset {
    let table = |family| Table {
        comment: mark::TABLE_COMMENT.to_owned(),
        sets: sets::of(family),
        ..Table::new(family, mark::table(&settled.project))
    };
    let mut inet = table(Family::Inet);
    let mut bridge = table(Family::Bridge);
    bridge.chains = bridge::chains();
    let placed = settled
        .networks
        .iter()
        .flat_map(of_network)
        .chain(settled.nodes.iter().flat_map(|n| of_node(settled, n)))
        .chain(settled.publishes.iter().flat_map(of_publish));
    for (definition, element) in placed {
        let table = match definition.family {
            Family::Bridge => &mut bridge,
            _ => &mut inet,
        };
        let set = table.sets.iter_mut().find(|s| s.name == definition.name);
        if let Some(set) = set {
            set.elements.push(element);
        }
    }
    let policies = policy::compile(settled);
    inet.sets.extend(policies.sets);
    inet.chains = inet_chains(policies.forward, policies.input, policies.output);
    for table in [&mut inet, &mut bridge] {
        for set in &mut table.sets {
            set.elements.sort();
            set.elements.dedup_by(|a, b| a.key == b.key);
        }
    }
    Ruleset {
        tables: vec![inet, bridge],
    }
}

fn inet_chains(forward: Vec<Rule>, input: Vec<Rule>, output: Vec<Rule>) -> Vec<Chain> {
    let mut chains = vec![
        nat::published_dnat(),
        accept_published(),
        forward_rules(forward),
    ];
    chains.extend([guard(), nat::prerouting(), nat::output(), forward_hook()]);
    chains.extend([input_hook(input), from_host(output)]);
    chains.extend([output_hook(), nat::postrouting()]);
    chains
}

/// Before anything else (raw priority): our prefixes are reached from outside through DNAT only, a
/// node sends from its own addresses only, and no node announces itself as a router.
fn guard() -> Chain {
    let mut rules = from_outside();
    rules.extend(from_nodes());
    Chain {
        name: "guard".into(),
        base: base(ChainType::Filter, Hook::Prerouting, Priority::RAW),
        rules,
    }
}

/// What does not come from our nodes.
fn from_outside() -> Vec<Rule> {
    let not_lo = || Match::IsNot(Field::IifName, Value::Ifname("lo".into()));
    let loopback6 = Value::V6(Ipv6Addr::LOCALHOST);
    vec![
        rule(
            vec![
                not_lo(),
                Match::Is(Field::Ip4Daddr, Value::V4Net(LOOPBACK4)),
            ],
            Verdict::Drop,
            "loopback from a wire",
        ),
        rule(
            vec![not_lo(), Match::Is(Field::Ip6Daddr, loopback6)],
            Verdict::Drop,
            "loopback from a wire",
        ),
        rule(
            vec![
                not_lo(),
                nets(false),
                member(Field::Ip4Daddr, sets::PREFIXES.of(IpVersion::V4), true),
            ],
            Verdict::Drop,
            purpose::DIRECT,
        ),
        rule(
            vec![
                not_lo(),
                nets(false),
                member(Field::Ip6Daddr, sets::PREFIXES.of(IpVersion::V6), true),
            ],
            Verdict::Drop,
            purpose::DIRECT,
        ),
        rule(vec![nets(false)], Verdict::Accept, purpose::NOT_OURS),
    ]
}

/// What comes from our nodes.
fn from_nodes() -> Vec<Rule> {
    let not_own = |address, version| {
        let set = sets::SOURCES.of(version).name.into();
        let condition = Match::NotIn(vec![Field::IifName, address], set);
        rule(vec![condition], Verdict::Drop, purpose::SPOOFED)
    };
    let mut rules = vec![not_own(Field::Ip4Saddr, IpVersion::V4)];
    for kind in [ROUTER_ADVERT, REDIRECT6] {
        rules.push(rule(
            vec![icmp6(kind)],
            Verdict::Drop,
            "nodes are not routers",
        ));
    }
    rules.push(rule(
        vec![Match::Is(Field::Ip6Saddr, Value::V6(Ipv6Addr::UNSPECIFIED))],
        Verdict::Accept,
        "address detection",
    ));
    rules.push(rule(
        vec![Match::Is(Field::Ip6Saddr, Value::V6Net(LINK_LOCAL6))],
        Verdict::Accept,
        "link-local; never forwarded",
    ));
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(
            vec![icmp6(kind)],
            Verdict::Accept,
            "neighbour discovery",
        ));
    }
    rules.push(not_own(Field::Ip6Saddr, IpVersion::V6));
    rules
}

fn forward_hook() -> Chain {
    let jump = |field| {
        rule(
            vec![member(field, &sets::NETWORKS, true)],
            Verdict::Jump("forwarded".into()),
            "ours",
        )
    };
    Chain {
        name: "forward".into(),
        base: base(ChainType::Filter, Hook::Forward, Priority::FILTER),
        rules: vec![
            loaded(Some(nets(true)), FROM_BIT),
            loaded(Some(member(Field::OifGroup, &sets::NETWORKS, true)), TO_BIT),
            jump(Field::IifGroup),
            jump(Field::OifGroup),
        ],
    }
}

fn forward_rules(policies: Vec<Rule>) -> Chain {
    let mut rules = vec![
        rule(vec![Match::Established], Verdict::Accept, "replies"),
        rule(vec![Match::Invalid], Verdict::Drop, purpose::INVALID),
    ];
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(
            vec![
                icmp6(kind),
                within(&[Field::IifGroup, Field::OifGroup], &sets::INTRA),
            ],
            Verdict::Accept,
            "neighbour discovery",
        ));
    }
    rules.push(rule(
        vec![Match::Is(Field::Ip6Saddr, Value::V6Net(LINK_LOCAL6))],
        Verdict::Drop,
        "link-local",
    ));
    rules.extend(policies);
    rules.extend([
        rule(
            vec![within(&[Field::IifGroup, Field::OifGroup], &sets::INTRA)],
            Verdict::Accept,
            purpose::INSIDE,
        ),
        rule(
            vec![
                member(Field::IifGroup, &sets::EGRESS, true),
                member(Field::OifGroup, &sets::NETWORKS, false),
            ],
            Verdict::Accept,
            purpose::EGRESS,
        ),
        rule(
            vec![Match::Dnated],
            Verdict::Jump("accept_published".into()),
            purpose::PUBLISHED,
        ),
        rule(vec![], Action::Reject, purpose::DEFAULT),
    ]);
    Chain {
        name: "forwarded".into(),
        base: None,
        rules,
    }
}

/// From outside, and from nodes that may reach outside, to what is published.
fn accept_published() -> Chain {
    use Field::{Dport, Ip4Daddr, Ip6Daddr, L4Proto};
    let mut rules = vec![rule(
        vec![nets(true), member(Field::IifGroup, &sets::EGRESS, false)],
        Verdict::Return,
        "internal networks are not connected to the outside",
    )];
    for (address, set) in [
        (Ip4Daddr, sets::TARGETS.of(IpVersion::V4)),
        (Ip4Daddr, sets::TARGET_RANGES.of(IpVersion::V4)),
        (Ip6Daddr, sets::TARGETS.of(IpVersion::V6)),
        (Ip6Daddr, sets::TARGET_RANGES.of(IpVersion::V6)),
    ] {
        rules.push(rule(
            vec![within(&[address, L4Proto, Dport], set)],
            Verdict::Accept,
            purpose::PUBLISHED,
        ));
    }
    Chain {
        name: "accept_published".into(),
        base: None,
        rules,
    }
}

fn input_hook(policies: Vec<Rule>) -> Chain {
    let to = |field, version| member(field, sets::PREFIXES.of(version), true);
    let mut rules = vec![
        loaded(Some(to(Field::Ip4Daddr, IpVersion::V4)), TO_BIT),
        loaded(Some(to(Field::Ip6Daddr, IpVersion::V6)), TO_BIT),
        rule(vec![nets(false)], Verdict::Accept, purpose::NOT_OURS),
        loaded(None, FROM_BIT),
        rule(vec![Match::Established], Verdict::Accept, "replies"),
        rule(vec![Match::Invalid], Verdict::Drop, purpose::INVALID),
    ];
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(
            vec![icmp6(kind)],
            Verdict::Accept,
            "neighbour discovery",
        ));
    }
    rules.extend(policies);
    rules.extend([
        rule(
            vec![Match::Is(Field::IcmpType, Value::Byte(ECHO))],
            Verdict::Accept,
            purpose::PING,
        ),
        rule(vec![icmp6(ECHO6)], Verdict::Accept, purpose::PING),
        rule(vec![], Action::Reject, purpose::HOST_DEFAULT),
    ]);
    Chain {
        name: "input".into(),
        base: base(ChainType::Filter, Hook::Input, Priority::FILTER),
        rules,
    }
}

/// What the host sends to a published port of its own goes to a node, although the filter still
/// sees the route from before the translation: policies decide about that, too.
fn output_hook() -> Chain {
    let to_nets = || member(Field::OifGroup, &sets::NETWORKS, true);
    let policies = || Verdict::Jump(FROM_HOST.into());
    let mut rules = vec![
        loaded(Some(to_nets()), TO_BIT),
        rule(
            vec![to_nets(), Match::Is(Field::IcmpType, Value::Byte(REDIRECT))],
            Verdict::Drop,
            "no redirects",
        ),
        rule(
            vec![to_nets(), icmp6(REDIRECT6)],
            Verdict::Drop,
            "no redirects",
        ),
        rule(vec![Match::Established], Verdict::Accept, "replies"),
        rule(vec![Match::Dnated], policies(), purpose::PUBLISHED),
        rule(
            vec![member(Field::OifGroup, &sets::NETWORKS, false)],
            Verdict::Accept,
            "not to our nodes",
        ),
    ];
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(
            vec![icmp6(kind)],
            Verdict::Accept,
            "neighbour discovery",
        ));
    }
    rules.push(rule(vec![], policies(), "policies"));
    Chain {
        name: "output".into(),
        base: base(ChainType::Filter, Hook::Output, Priority::FILTER),
        rules,
    }
}

/// The chain of policies for what the host itself sends.
const FROM_HOST: &str = "from_host";

fn from_host(policies: Vec<Rule>) -> Chain {
    Chain {
        name: FROM_HOST.into(),
        base: None,
        rules: policies,
    }
}
