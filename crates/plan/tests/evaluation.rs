//! Rules carried out on a packet, as the kernel carries them out.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::net::{IpAddr, Ipv4Addr};

use hallway_plan::rules::eval::{Evaluator, Ruling, Sight, Verdict};
use hallway_plan::rules::ir::{
    Act, Base, Chain, Element, Family, Field, Hook, Item, Match, Rule, Ruleset, Set, Table,
};

fn rule(matches: Vec<Match>, act: Act, comment: &str) -> Rule {
    Rule {
        matches,
        counter: false,
        act,
        comment: comment.into(),
    }
}

fn chain(name: &str, rules: Vec<Rule>) -> Chain {
    let base = Base {
        nat: false,
        hook: Hook::Forward,
        priority: 0,
    };
    Chain {
        name: name.into(),
        base: (name == "base").then_some(base),
        rules,
    }
}

fn ruleset(sets: Vec<Set>, chains: Vec<Chain>) -> Ruleset {
    let table = Table {
        family: Family::Inet,
        name: "t".into(),
        sets,
        chains,
    };
    Ruleset {
        tables: vec![table],
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A packet to port 80/tcp.
fn tcp(from: &str, to: &str) -> Sight<'static> {
    Sight {
        iif: "br-a",
        iif_group: 7,
        oif_group: 8,
        mac: [2, 0, 0, 0, 0, 1],
        from: ip(from),
        to: ip(to),
        protocol: 6,
        port: Some(80),
        icmp: None,
        established: false,
        invalid: false,
        dnated: false,
        to_local: false,
    }
}

/// What the chain `base` says.
fn says(rules: &Ruleset, sight: &Sight<'_>) -> Ruling {
    let evaluator = Evaluator::new(rules, Family::Inet).unwrap();
    evaluator.ask(evaluator.chain("base").unwrap(), sight)
}

/// Whether a rule with that condition speaks of a packet.
fn holds(condition: Match, sets: &[Set], sight: &Sight<'_>) -> bool {
    let rules = vec![rule(vec![condition], Act::Drop, "")];
    let rules = ruleset(sets.to_vec(), vec![chain("base", rules)]);
    says(&rules, sight).verdict == Verdict::Drop
}

fn set(name: &str, key: Vec<Field>, interval: bool, elements: Vec<Vec<Item>>) -> Set {
    let elements = elements.into_iter().map(|key| Element {
        key,
        value: Vec::new(),
        comment: None,
    });
    Set {
        name: name.into(),
        key,
        value: None,
        interval,
        elements: elements.collect(),
    }
}

#[test]
fn the_first_rule_that_matches_decides_and_the_end_accepts() {
    let only80 = || vec![Match::Is(Field::Dport, Item::Port(80))];
    let rules = vec![
        rule(vec![Match::Established], Act::Accept, "replies"),
        rule(only80(), Act::Reject, "no web"),
        rule(only80(), Act::Accept, "too late"),
    ];
    let rules = ruleset(vec![], vec![chain("base", rules)]);
    let sight = tcp("10.0.0.1", "10.0.0.2");
    let ruling = says(&rules, &sight);
    assert_eq!(ruling.verdict, Verdict::Reject);
    assert_eq!((ruling.rule, ruling.comment.as_str()), (Some(1), "no web"));
    let reply = Sight {
        established: true,
        ..sight
    };
    assert_eq!(says(&rules, &reply).comment, "replies");
    let other = Sight {
        port: Some(81),
        ..sight
    };
    let ruling = says(&rules, &other);
    assert_eq!((ruling.verdict, ruling.rule), (Verdict::Accept, None));
    assert_eq!(ruling.chain, "base");
}

#[test]
fn jumps_come_back_at_the_end_and_at_a_return() {
    let always = |act, comment| rule(vec![], act, comment);
    let only80 = || vec![Match::Is(Field::Dport, Item::Port(80))];
    let chains = vec![
        chain(
            "inner",
            vec![
                rule(only80(), Act::Return, ""),
                rule(vec![Match::Invalid], Act::Drop, "inner"),
            ],
        ),
        chain(
            "base",
            vec![
                always(Act::Jump("inner".into()), ""),
                rule(only80(), Act::Drop, "after"),
                always(Act::Return, ""),
                always(Act::Drop, "never"),
            ],
        ),
    ];
    let rules = ruleset(vec![], chains);
    let sight = tcp("10.0.0.1", "10.0.0.2");
    assert_eq!(says(&rules, &sight).comment, "after");
    let invalid = Sight {
        invalid: true,
        port: Some(81),
        ..sight
    };
    let ruling = says(&rules, &invalid);
    assert_eq!((ruling.chain.as_str(), ruling.rule), ("inner", Some(1)));
    let other = Sight {
        port: Some(81),
        ..sight
    };
    assert_eq!(says(&rules, &other).verdict, Verdict::Accept);
    // Rules that call each other without end.
    let round = chain("base", vec![rule(vec![], Act::Jump("base".into()), "")]);
    assert_eq!(
        says(&ruleset(vec![], vec![round]), &sight).verdict,
        Verdict::Accept
    );
}

#[test]
fn fields_that_a_packet_has_not_match_nothing() {
    let v6 = tcp("fd00::1", "fd00::2");
    let v4 = tcp("10.0.0.1", "10.0.0.2");
    let ping = Sight {
        protocol: 1,
        port: None,
        icmp: Some(8),
        ..v4
    };
    let sets = [
        set("none", vec![Field::Ip4Saddr], false, vec![]),
        set("ports", vec![Field::Dport], false, vec![]),
    ];
    let not_in = |field, set: &str| Match::NotIn(vec![field], set.into());
    assert!(holds(not_in(Field::Ip4Saddr, "none"), &sets, &v4));
    assert!(!holds(not_in(Field::Ip4Saddr, "none"), &sets, &v6));
    assert!(!holds(not_in(Field::Dport, "ports"), &sets, &ping));
    assert!(!holds(
        Match::IsNot(Field::Dport, Item::Port(1)),
        &sets,
        &ping
    ));
    assert!(holds(Match::IsNot(Field::Dport, Item::Port(1)), &sets, &v4));
    let echo = |field| Match::Is(field, Item::Byte(8));
    assert!(holds(echo(Field::IcmpType), &sets, &ping));
    assert!(!holds(echo(Field::Icmp6Type), &sets, &ping));
    assert!(holds(Match::Version(4), &sets, &v4) && !holds(Match::Version(4), &sets, &v6));
}

#[test]
fn sets_of_ranges_and_of_single_values() {
    let key = vec![Field::OifGroupOrdered, Field::Ip4Saddr, Field::Dport];
    let net = Item::V4Net("10.0.0.0/8".parse().unwrap());
    let element = vec![Item::GroupOrdered(8), net, Item::Ports(80, 90)];
    let pairs = [
        set("ranges", key.clone(), true, vec![element]),
        set(
            "exact",
            vec![Field::IifGroup, Field::OifGroup],
            false,
            vec![vec![Item::Group(7), Item::Group(8)]],
        ),
    ];
    let ranges = || Match::In(key.clone(), "ranges".into());
    let sight = tcp("10.200.0.1", "10.0.0.2");
    for (port, wanted) in [(79, false), (80, true), (90, true), (91, false)] {
        let sight = Sight {
            port: Some(port),
            ..sight
        };
        assert_eq!(holds(ranges(), &pairs, &sight), wanted, "{port}");
    }
    assert!(!holds(ranges(), &pairs, &tcp("11.0.0.1", "10.0.0.2")));
    let groups = || Match::In(vec![Field::IifGroup, Field::OifGroup], "exact".into());
    assert!(holds(groups(), &pairs, &sight));
    let back = Sight {
        iif_group: 8,
        oif_group: 7,
        ..sight
    };
    assert!(!holds(groups(), &pairs, &back));
    assert!(!holds(
        Match::In(vec![Field::Dport], "gone".into()),
        &pairs,
        &sight
    ));
}

#[test]
fn translations_by_a_map() {
    let key = vec![Field::L4Proto, Field::Dport];
    let element = Element {
        key: vec![Item::Proto(6), Item::Port(80)],
        value: vec![Item::V4(Ipv4Addr::new(10, 0, 0, 9)), Item::Port(8080)],
        comment: Some("nodes.web.ports[0]".into()),
    };
    let map = Set {
        name: "pub4".into(),
        key: key.clone(),
        value: Some(vec![Field::Ip4Daddr, Field::Dport]),
        interval: false,
        elements: vec![element],
    };
    let dnat = Act::Dnat {
        version: 4,
        key,
        map: "pub4".into(),
        port: true,
    };
    let rules = vec![
        rule(vec![Match::ToLocal], dnat, "published ports"),
        rule(
            vec![Match::Dnated],
            Act::Masquerade { random: false },
            "nat",
        ),
    ];
    let rules = ruleset(vec![map], vec![chain("base", rules)]);
    let sight = Sight {
        to_local: true,
        ..tcp("10.0.0.1", "10.0.0.2")
    };
    let ruling = says(&rules, &sight);
    assert_eq!(ruling.verdict, Verdict::Dnat(ip("10.0.0.9"), Some(8080)));
    assert_eq!(ruling.element.as_deref(), Some("nodes.web.ports[0]"));
    // What the map does not know, and the other family, go on to the next rule.
    for other in [
        Sight {
            port: Some(81),
            ..sight
        },
        Sight {
            to_local: true,
            ..tcp("fd00::1", "fd00::2")
        },
    ] {
        assert_eq!(says(&rules, &other).verdict, Verdict::Accept);
    }
    let translated = Sight {
        dnated: true,
        to_local: false,
        ..sight
    };
    assert_eq!(says(&rules, &translated).verdict, Verdict::Masquerade);
}

#[test]
fn base_chains_by_hook_kind_and_priority() {
    let base = |name: &str, nat, hook, priority| Chain {
        name: name.into(),
        base: Some(Base {
            nat,
            hook,
            priority,
        }),
        rules: vec![],
    };
    let rules = ruleset(
        vec![],
        vec![
            base("late", false, Hook::Forward, 10),
            base("nat", true, Hook::Prerouting, -100),
            base("early", false, Hook::Forward, -10),
            chain("jumped", vec![]),
        ],
    );
    let evaluator = Evaluator::new(&rules, Family::Inet).unwrap();
    let names = |hook, nat| -> Vec<String> {
        let chains = evaluator.hooked(hook, nat);
        chains.into_iter().map(|c| c.name.clone()).collect()
    };
    assert_eq!(names(Hook::Forward, false), ["early", "late"]);
    assert_eq!(names(Hook::Prerouting, true), ["nat"]);
    assert!(names(Hook::Prerouting, false).is_empty());
    assert!(Evaluator::new(&rules, Family::Bridge).is_none());
}
