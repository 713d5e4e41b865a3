//! Settled → ruleset. The order of rules is: replies, policies in the file's order, traffic inside
//! a network, traffic to outside, published ports, refusal.

use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Action, Chain, ChainType, Family, Field, Hook, IpVersion, Match, Priority, Rule, Ruleset,
    Table, Value,
};

use super::elements::{constants, of_network, of_node, of_publish};
use super::parts::{
    ECHO, ECHO6, LINK_LOCAL6, NEIGHBOR_ADVERT, NEIGHBOR_SOLICIT, REDIRECT, REDIRECT6, base, icmp6,
    loaded, member, mid_stream, nets, rule, within,
};
use super::sets;
use super::{
    bridge, ended, foreign, guard, nat, policy, purpose, quoted_headers, routed, share,
    source_routing,
};
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
    let placed = settled
        .networks
        .iter()
        .flat_map(of_network)
        .chain(constants())
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
    bridge.sets.extend(policies.bridge_sets);
    bridge.chains = bridge::chains(policies.to_many);
    let (share, sets) = share::chain(settled);
    inet.sets.extend(sets);
    inet.sets.extend(nat::own_udp(settled));
    let rules = [policies.forward, policies.input, policies.output];
    inet.chains = inet_chains(settled, rules);
    inet.chains.insert(0, share);
    let routed = [IpVersion::V4, IpVersion::V6].map(|v| sets::ROUTED.of(v).name);
    for set in inet
        .sets
        .iter_mut()
        .filter(|s| routed.contains(&s.name.as_str()))
    {
        set.elements = routed::without_overlap(std::mem::take(&mut set.elements));
    }
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

fn inet_chains(settled: &Settled, [forward, input, output]: [Vec<Rule>; 3]) -> Vec<Chain> {
    let mut chains = vec![
        nat::published_dnat(),
        accept_published(),
        quoted_headers::chain(),
        guard::errors(),
        guard::outside_errors(),
        forward_rules(forward),
    ];
    chains.extend([
        guard::guard(),
        share::hook(),
        source_routing::chain(),
        nat::prerouting(settled),
        nat::output(),
        forward_hook(),
        foreign::chain(),
    ]);
    chains.extend([input_hook(input), from_host(output)]);
    chains.extend([output_hook(), nat::postrouting(), nat::leaving()]);
    chains
}

fn forward_hook() -> Chain {
    let jump = |field| {
        rule(
            vec![member(field, &sets::NETWORKS, true)],
            Verdict::Jump("forwarded".into()),
            "ours",
        )
    };
    // That chain decides about every packet. If another program has emptied it, nothing passes.
    let closed = |field| {
        let ours = vec![member(field, &sets::NETWORKS, true)];
        rule(ours, Verdict::Drop, purpose::UNDECIDED)
    };
    Chain {
        name: "forward".into(),
        base: base(ChainType::Filter, Hook::Forward, Priority::FILTER),
        rules: vec![
            loaded(Some(nets(true)), FROM_BIT),
            loaded(Some(member(Field::OifGroup, &sets::NETWORKS, true)), TO_BIT),
            jump(Field::IifGroup),
            jump(Field::OifGroup),
            closed(Field::IifGroup),
            closed(Field::OifGroup),
        ],
    }
}

fn forward_rules(policies: Vec<Rule>) -> Chain {
    let mut rules: Vec<Rule> = guard::jump_to_outside_errors().collect();
    rules.push(quoted_headers::jump());
    rules.extend(guard::of_one_link());
    rules.extend(ended::noted());
    rules.push(rule(vec![Match::Established], Verdict::Accept, "replies"));
    rules.extend(ended::again());
    rules.push(rule(vec![Match::Invalid], Verdict::Drop, purpose::INVALID));
    rules.extend(mid_stream(&[], Verdict::Drop, purpose::MID_STREAM));
    rules.extend([NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT].map(discovery));
    rules.extend([IpVersion::V4, IpVersion::V6].map(to_unused_address));
    // Before policies: nothing there translates a private address, and no answer would come.
    rules.push(rule(
        vec![
            nets(true),
            member(Field::IifGroup, &sets::EGRESS, false),
            member(Field::OifGroup, &sets::NETWORKS, false),
        ],
        Action::Reject,
        purpose::DEFAULT,
    ));
    // The same by a router of the project on another network.
    let kept = |saddr, version| {
        let from = member(saddr, sets::KEPT.of(version), true);
        let out = member(Field::OifGroup, &sets::NETWORKS, false);
        rule(vec![nets(true), out, from], Action::Reject, purpose::KEPT)
    };
    rules.push(kept(Field::Ip4Saddr, IpVersion::V4));
    rules.push(kept(Field::Ip6Saddr, IpVersion::V6));
    rules.extend(policies);
    rules.extend([
        rule(
            vec![within(&[Field::IifGroup, Field::OifGroup], &sets::INTRA)],
            Verdict::Accept,
            purpose::INSIDE,
        ),
        rule(
            vec![Match::Is(Field::Ip6Saddr, Value::V6Net(LINK_LOCAL6))],
            Verdict::Drop,
            "link-local addresses are of one link",
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

/// Members of a network look each other up.
fn discovery(kind: u8) -> Rule {
    rule(
        vec![
            icmp6(kind),
            within(&[Field::IifGroup, Field::OifGroup], &sets::INTRA),
        ],
        Verdict::Accept,
        "neighbour discovery",
    )
}

/// The host must not look for neighbours that do not exist: its neighbour table has a limit for the
/// whole machine, which one node could exhaust by sending to many addresses.
fn to_unused_address(version: IpVersion) -> Rule {
    let daddr = match version {
        IpVersion::V4 => Field::Ip4Daddr,
        IpVersion::V6 => Field::Ip6Daddr,
    };
    let unlisted =
        |fields: &[Field], set: &sets::Definition| Match::NotIn(fields.to_vec(), set.name.into());
    rule(
        vec![
            unlisted(&[Field::IifGroup, Field::OifGroup], &sets::INTRA),
            member(daddr, sets::PREFIXES.of(version), true),
            unlisted(&[Field::OifName, daddr], sets::SOURCES.of(version)),
            unlisted(&[Field::OifName, daddr], sets::ROUTED.of(version)),
        ],
        Action::Reject,
        purpose::UNUSED_ADDRESS,
    )
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
    let not_lo = || Match::IsNot(Field::IifName, Value::Ifname("lo".into()));
    let mut rules = vec![
        loaded(Some(to(Field::Ip4Daddr, IpVersion::V4)), TO_BIT),
        loaded(Some(to(Field::Ip6Daddr, IpVersion::V6)), TO_BIT),
        // The same as before routing, for a packet in the kernel while lost rules are loaded.
        rule(
            vec![not_lo(), nets(false), to(Field::Ip4Daddr, IpVersion::V4)],
            Verdict::Drop,
            purpose::DIRECT,
        ),
        rule(
            vec![not_lo(), nets(false), to(Field::Ip6Daddr, IpVersion::V6)],
            Verdict::Drop,
            purpose::DIRECT,
        ),
        rule(vec![nets(false)], Verdict::Accept, purpose::NOT_OURS),
        loaded(None, FROM_BIT),
        rule(vec![Match::Established], Verdict::Accept, "replies"),
        rule(vec![Match::Invalid], Verdict::Drop, purpose::INVALID),
    ];
    rules.extend(mid_stream(&[], Verdict::Drop, purpose::MID_STREAM));
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

/// What the host sends to a published port of its own goes to a node, but the filter uses the route
/// that was chosen before the translation: policies decide about these packets, too.
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
    ];
    rules.extend(mid_stream(&[to_nets()], Verdict::Drop, purpose::MID_STREAM));
    // That chain decides about every packet. If another program has emptied that one, nothing passes.
    rules.extend([
        rule(vec![Match::Dnated], policies(), purpose::PUBLISHED),
        rule(vec![Match::Dnated], Verdict::Drop, purpose::UNDECIDED),
        rule(
            vec![member(Field::OifGroup, &sets::NETWORKS, false)],
            Verdict::Accept,
            "not to our nodes",
        ),
    ]);
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(
            vec![icmp6(kind)],
            Verdict::Accept,
            "neighbour discovery",
        ));
    }
    rules.push(rule(vec![], policies(), "policies"));
    rules.push(rule(vec![], Verdict::Drop, purpose::UNDECIDED));
    Chain {
        name: "output".into(),
        base: base(ChainType::Filter, Hook::Output, Priority::FILTER),
        rules,
    }
}

/// The chain of policies for what the host itself sends.
const FROM_HOST: &str = "from_host";

fn from_host(mut policies: Vec<Rule>) -> Chain {
    policies.push(rule(vec![], Verdict::Accept, purpose::FROM_HOST));
    Chain {
        name: FROM_HOST.into(),
        base: None,
        rules: policies,
    }
}
