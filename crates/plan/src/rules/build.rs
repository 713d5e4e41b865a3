//! Settled → ruleset. The order of rules is the order of DESIGN's defaults: replies, then
//! policies in the file's order, then inside a network, then to outside, then published ports,
//! then refusal.

use super::elements::{of_network, of_node, of_publish};
use super::ir::{
    Act, Base, Chain, Element, Family, Field, Hook, Item, Match, Rule, Ruleset, Set, Table,
};
use super::{bridge, nat, policy, purpose};
use crate::mark;
use crate::settled::Settled;

/// ICMPv6 types (RFC 4861, RFC 4443).
pub(super) const ROUTER_ADVERT: u8 = 134;
const NEIGHBOR_SOLICIT: u8 = 135;
const NEIGHBOR_ADVERT: u8 = 136;
pub(super) const REDIRECT6: u8 = 137;
const ECHO6: u8 = 128;
/// ICMP types (RFC 792).
const ECHO: u8 = 8;
const REDIRECT: u8 = 5;

/// The whole ruleset of a project.
#[must_use]
pub fn ruleset(settled: &Settled) -> Ruleset {
    let mut inet = Table {
        family: Family::Inet,
        name: mark::table(&settled.project),
        sets: inet_sets(),
        chains: Vec::new(),
    };
    let mut bridge = Table {
        family: Family::Bridge,
        name: mark::table(&settled.project),
        sets: bridge::sets(),
        chains: bridge::chains(),
    };
    let placed = settled
        .networks
        .iter()
        .flat_map(of_network)
        .chain(settled.nodes.iter().flat_map(|n| of_node(settled, n)))
        .chain(settled.publishes.iter().flat_map(of_publish));
    for (set, element) in placed {
        place(&mut inet, &mut bridge, set, element);
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

/// Which table a set lives in: those that look at bridge ports are in the bridge table.
#[must_use]
pub fn family_of(set: &str) -> Family {
    if set.starts_with("port") {
        Family::Bridge
    } else {
        Family::Inet
    }
}

fn place(inet: &mut Table, bridge: &mut Table, set: &str, element: Element) {
    let table = match family_of(set) {
        Family::Inet => inet,
        Family::Bridge => bridge,
    };
    if let Some(set) = table.sets.iter_mut().find(|s| s.name == set) {
        set.elements.push(element);
    }
}

pub(super) fn set(name: &str, key: &[Field], interval: bool) -> Set {
    Set {
        name: name.into(),
        key: key.to_vec(),
        value: None,
        interval,
        elements: Vec::new(),
    }
}

pub(super) fn map(name: &str, key: &[Field], value: &[Field], interval: bool) -> Set {
    Set {
        value: Some(value.to_vec()),
        ..set(name, key, interval)
    }
}

fn inet_sets() -> Vec<Set> {
    use Field::{
        Dport, IifGroup, IifName, Ip4Daddr, Ip4Saddr, Ip6Daddr, Ip6Saddr, L4Proto, OifGroup,
        OifGroupOrdered,
    };
    vec![
        set("nets", &[IifGroup], false),
        set("egress", &[IifGroup], false),
        set("intra", &[IifGroup, OifGroup], false),
        set("net4", &[Ip4Daddr], true),
        set("net6", &[Ip6Daddr], true),
        set("ep4", &[IifName, Ip4Saddr], false),
        set("ep6", &[IifName, Ip6Saddr], false),
        set("hair4", &[OifGroupOrdered, Ip4Saddr], true),
        set("hair6", &[OifGroupOrdered, Ip6Saddr], true),
        map("pub4", &[L4Proto, Dport], &[Ip4Daddr, Dport], false),
        map("pub6", &[L4Proto, Dport], &[Ip6Daddr, Dport], false),
        map(
            "pubip4",
            &[Ip4Daddr, L4Proto, Dport],
            &[Ip4Daddr, Dport],
            false,
        ),
        map(
            "pubip6",
            &[Ip6Daddr, L4Proto, Dport],
            &[Ip6Daddr, Dport],
            false,
        ),
        map("pubr4", &[L4Proto, Dport], &[Ip4Daddr], true),
        map("pubr6", &[L4Proto, Dport], &[Ip6Daddr], true),
        set("dst4", &[Ip4Daddr, L4Proto, Dport], false),
        set("dst6", &[Ip6Daddr, L4Proto, Dport], false),
        set("dstr4", &[Ip4Daddr, L4Proto, Dport], true),
        set("dstr6", &[Ip6Daddr, L4Proto, Dport], true),
        set("forwarding4", &[IifName], false),
        set("forwarding6", &[IifName], false),
    ]
}

pub(super) fn rule(matches: Vec<Match>, act: Act, comment: &str) -> Rule {
    let counter = matches!(act, Act::Drop | Act::Reject);
    Rule {
        matches,
        counter,
        act,
        comment: comment.to_owned(),
    }
}

pub(super) fn base(nat: bool, hook: Hook, priority: i32) -> Option<Base> {
    Some(Base {
        nat,
        hook,
        priority,
    })
}

pub(super) fn nets(yes: bool) -> Match {
    member(Field::IifGroup, "nets", yes)
}

pub(super) fn member(field: Field, set: &str, yes: bool) -> Match {
    if yes {
        Match::In(vec![field], set.into())
    } else {
        Match::NotIn(vec![field], set.into())
    }
}

pub(super) fn icmp6(kind: u8) -> Match {
    Match::Is(Field::Icmp6Type, Item::Byte(kind))
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

/// Before anything else (raw priority): nobody reaches our prefixes from outside but through
/// DNAT, nobody uses a source address that is not theirs, nobody plays router.
fn guard() -> Chain {
    let not_lo = || Match::IsNot(Field::IifName, Item::Ifname("lo".into()));
    let net = |text: &str| text.parse().map_or(Item::Byte(0), Item::V4Net);
    let loopback6 = Item::V6(std::net::Ipv6Addr::LOCALHOST);
    let link_local = || "fe80::/10".parse().map_or(Item::Byte(0), Item::V6Net);
    let mut rules = vec![
        rule(
            vec![not_lo(), Match::Is(Field::Ip4Daddr, net("127.0.0.0/8"))],
            Act::Drop,
            "loopback from a wire",
        ),
        rule(
            vec![not_lo(), Match::Is(Field::Ip6Daddr, loopback6)],
            Act::Drop,
            "loopback from a wire",
        ),
        rule(
            vec![not_lo(), nets(false), member(Field::Ip4Daddr, "net4", true)],
            Act::Drop,
            purpose::DIRECT,
        ),
        rule(
            vec![not_lo(), nets(false), member(Field::Ip6Daddr, "net6", true)],
            Act::Drop,
            purpose::DIRECT,
        ),
        rule(vec![nets(false)], Act::Accept, purpose::NOT_OURS),
        rule(
            vec![Match::NotIn(
                vec![Field::IifName, Field::Ip4Saddr],
                "ep4".into(),
            )],
            Act::Drop,
            purpose::SPOOFED,
        ),
    ];
    for kind in [ROUTER_ADVERT, REDIRECT6] {
        rules.push(rule(vec![icmp6(kind)], Act::Drop, "nodes are no routers"));
    }
    rules.push(rule(
        vec![Match::Is(
            Field::Ip6Saddr,
            Item::V6(std::net::Ipv6Addr::UNSPECIFIED),
        )],
        Act::Accept,
        "address detection",
    ));
    rules.push(rule(
        vec![Match::Is(Field::Ip6Saddr, link_local())],
        Act::Accept,
        "link-local; never forwarded",
    ));
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(vec![icmp6(kind)], Act::Accept, "neighbour discovery"));
    }
    rules.push(rule(
        vec![Match::NotIn(
            vec![Field::IifName, Field::Ip6Saddr],
            "ep6".into(),
        )],
        Act::Drop,
        purpose::SPOOFED,
    ));
    Chain {
        name: "guard".into(),
        base: base(false, Hook::Prerouting, -300),
        rules,
    }
}

fn forward_hook() -> Chain {
    let jump = |field| {
        rule(
            vec![member(field, "nets", true)],
            Act::Jump("forwarded".into()),
            "ours",
        )
    };
    Chain {
        name: "forward".into(),
        base: base(false, Hook::Forward, 0),
        rules: vec![jump(Field::IifGroup), jump(Field::OifGroup)],
    }
}

fn forward_rules(policies: Vec<Rule>) -> Chain {
    let mut rules = vec![
        rule(vec![Match::Established], Act::Accept, "replies"),
        rule(vec![Match::Invalid], Act::Drop, purpose::INVALID),
    ];
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(
            vec![
                icmp6(kind),
                Match::In(vec![Field::IifGroup, Field::OifGroup], "intra".into()),
            ],
            Act::Accept,
            "neighbour discovery",
        ));
    }
    if let Ok(link_local) = "fe80::/10".parse() {
        rules.push(rule(
            vec![Match::Is(Field::Ip6Saddr, Item::V6Net(link_local))],
            Act::Drop,
            "link-local",
        ));
    }
    rules.extend(policies);
    rules.extend([
        rule(
            vec![Match::In(
                vec![Field::IifGroup, Field::OifGroup],
                "intra".into(),
            )],
            Act::Accept,
            purpose::INSIDE,
        ),
        rule(
            vec![
                member(Field::IifGroup, "egress", true),
                member(Field::OifGroup, "nets", false),
            ],
            Act::Accept,
            purpose::EGRESS,
        ),
        rule(
            vec![Match::Dnated],
            Act::Jump("accept_published".into()),
            purpose::PUBLISHED,
        ),
        rule(vec![], Act::Reject, purpose::DEFAULT),
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
        vec![nets(true), member(Field::IifGroup, "egress", false)],
        Act::Return,
        "internal networks have no way out",
    )];
    for (address, set) in [
        (Ip4Daddr, "dst4"),
        (Ip4Daddr, "dstr4"),
        (Ip6Daddr, "dst6"),
        (Ip6Daddr, "dstr6"),
    ] {
        rules.push(rule(
            vec![Match::In(vec![address, L4Proto, Dport], set.into())],
            Act::Accept,
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
    let mut rules = vec![
        rule(vec![nets(false)], Act::Accept, purpose::NOT_OURS),
        rule(vec![Match::Established], Act::Accept, "replies"),
        rule(vec![Match::Invalid], Act::Drop, purpose::INVALID),
    ];
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(vec![icmp6(kind)], Act::Accept, "neighbour discovery"));
    }
    rules.extend(policies);
    rules.extend([
        rule(
            vec![Match::Is(Field::IcmpType, Item::Byte(ECHO))],
            Act::Accept,
            purpose::PING,
        ),
        rule(vec![icmp6(ECHO6)], Act::Accept, purpose::PING),
        rule(vec![], Act::Reject, purpose::HOST_DEFAULT),
    ]);
    Chain {
        name: "input".into(),
        base: base(false, Hook::Input, 0),
        rules,
    }
}

/// What the host sends to a published port of its own is on its way to a node, although the filter
/// still sees the way it had before the translation: policies are asked for that too.
fn output_hook() -> Chain {
    let to_nets = || member(Field::OifGroup, "nets", true);
    let policies = || Act::Jump(FROM_HOST.into());
    let mut rules = vec![
        rule(
            vec![to_nets(), Match::Is(Field::IcmpType, Item::Byte(REDIRECT))],
            Act::Drop,
            "no redirects",
        ),
        rule(vec![to_nets(), icmp6(REDIRECT6)], Act::Drop, "no redirects"),
        rule(vec![Match::Established], Act::Accept, "replies"),
        rule(vec![Match::Dnated], policies(), purpose::PUBLISHED),
        rule(
            vec![member(Field::OifGroup, "nets", false)],
            Act::Accept,
            "not to our nodes",
        ),
    ];
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(vec![icmp6(kind)], Act::Accept, "neighbour discovery"));
    }
    rules.push(rule(vec![], policies(), "policies"));
    Chain {
        name: "output".into(),
        base: base(false, Hook::Output, 0),
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
