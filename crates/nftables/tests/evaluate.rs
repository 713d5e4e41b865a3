//! Rules evaluated on a packet, in the same way as in the kernel.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::net::{IpAddr, Ipv4Addr};

use hallway_nftables::evaluate::{Evaluator, PacketContext, PacketVerdict, RuleVerdict};
use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Action, Base, Chain, ChainType, DataType, Dnat, Element, Family, Field, Hook, IpVersion, Match,
    Priority, Rule, Ruleset, Set, Table, Value,
};

fn rule(matches: Vec<Match>, action: impl Into<Action>, comment: &str) -> Rule {
    Rule::new(matches, action, comment)
}

fn chain(name: &str, rules: Vec<Rule>) -> Chain {
    let base = Base::accepting(ChainType::Filter, Hook::Forward, Priority::FILTER);
    Chain {
        name: name.into(),
        base: (name == "base").then_some(base),
        rules,
    }
}

fn ruleset(sets: Vec<Set>, chains: Vec<Chain>) -> Ruleset {
    let table = Table {
        sets,
        chains,
        ..Table::new(Family::Inet, "t")
    };
    Ruleset {
        tables: vec![table],
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A packet to port 80/tcp.
fn tcp(from: &str, to: &str) -> PacketContext<'static> {
    PacketContext {
        iif: "br-a",
        iif_group: 7,
        oif_group: 8,
        mac: [2, 0, 0, 0, 0, 1],
        port: Some(80),
        ..PacketContext::new(ip(from), ip(to), 6)
    }
}

/// The result of the chain `base`.
fn decided(rules: &Ruleset, packet: &PacketContext<'_>) -> RuleVerdict {
    let evaluator = Evaluator::new(rules, Family::Inet).unwrap();
    evaluator.evaluate(evaluator.chain("base").unwrap(), packet)
}

/// Whether a rule with that condition matches a packet.
fn holds(condition: Match, sets: &[Set], packet: &PacketContext<'_>) -> bool {
    let rules = vec![rule(vec![condition], Verdict::Drop, "")];
    let rules = ruleset(sets.to_vec(), vec![chain("base", rules)]);
    decided(&rules, packet).verdict == PacketVerdict::Drop
}

fn set(name: &str, key: Vec<Field>, interval: bool, elements: Vec<Vec<Value>>) -> Set {
    let types: Vec<DataType> = key.into_iter().map(Field::data_type).collect();
    Set {
        interval,
        elements: elements.into_iter().map(Element::new).collect(),
        ..Set::new(name, &types)
    }
}

#[test]
fn the_first_rule_that_matches_decides_and_the_end_accepts() {
    let only80 = || vec![Match::Is(Field::Dport, Value::Port(80))];
    let rules = vec![
        rule(vec![Match::Established], Verdict::Accept, "replies"),
        rule(only80(), Action::Reject, "no web"),
        rule(only80(), Verdict::Accept, "too late"),
    ];
    let rules = ruleset(vec![], vec![chain("base", rules)]);
    let packet = tcp("10.0.0.1", "10.0.0.2");
    let verdict = decided(&rules, &packet);
    assert_eq!(verdict.verdict, PacketVerdict::Reject);
    assert_eq!(
        (verdict.rule, verdict.comment.as_str()),
        (Some(1), "no web")
    );
    let reply = PacketContext {
        established: true,
        ..packet
    };
    assert_eq!(decided(&rules, &reply).comment, "replies");
    let other = PacketContext {
        port: Some(81),
        ..packet
    };
    let verdict = decided(&rules, &other);
    assert_eq!(
        (verdict.verdict, verdict.rule),
        (PacketVerdict::Accept, None)
    );
    assert_eq!(verdict.chain, "base");
}

#[test]
fn jumps_come_back_at_the_end_and_at_a_return() {
    let always = |verdict: Verdict, comment| rule(vec![], verdict, comment);
    let only80 = || vec![Match::Is(Field::Dport, Value::Port(80))];
    let chains = vec![
        chain(
            "inner",
            vec![
                rule(only80(), Verdict::Return, ""),
                rule(vec![Match::Invalid], Verdict::Drop, "inner"),
            ],
        ),
        chain(
            "base",
            vec![
                always(Verdict::Jump("inner".into()), ""),
                rule(only80(), Verdict::Drop, "after"),
                always(Verdict::Return, ""),
                always(Verdict::Drop, "never"),
            ],
        ),
    ];
    let rules = ruleset(vec![], chains);
    let packet = tcp("10.0.0.1", "10.0.0.2");
    assert_eq!(decided(&rules, &packet).comment, "after");
    let invalid = PacketContext {
        invalid: true,
        port: Some(81),
        ..packet
    };
    let verdict = decided(&rules, &invalid);
    assert_eq!((verdict.chain.as_str(), verdict.rule), ("inner", Some(1)));
    let other = PacketContext {
        port: Some(81),
        ..packet
    };
    assert_eq!(decided(&rules, &other).verdict, PacketVerdict::Accept);
    // Rules that jump to each other without end.
    let round = chain("base", vec![rule(vec![], Verdict::Jump("base".into()), "")]);
    assert_eq!(
        decided(&ruleset(vec![], vec![round]), &packet).verdict,
        PacketVerdict::Accept
    );
}

#[test]
fn fields_that_a_packet_has_not_match_nothing() {
    let v6 = tcp("fd00::1", "fd00::2");
    let v4 = tcp("10.0.0.1", "10.0.0.2");
    let ping = PacketContext {
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
        Match::IsNot(Field::Dport, Value::Port(1)),
        &sets,
        &ping
    ));
    assert!(holds(
        Match::IsNot(Field::Dport, Value::Port(1)),
        &sets,
        &v4
    ));
    let echo = |field| Match::Is(field, Value::Byte(8));
    assert!(holds(echo(Field::IcmpType), &sets, &ping));
    assert!(!holds(echo(Field::Icmp6Type), &sets, &ping));
    assert!(
        holds(Match::Version(IpVersion::V4), &sets, &v4)
            && !holds(Match::Version(IpVersion::V4), &sets, &v6)
    );
}

#[test]
fn sets_of_ranges_and_of_single_values() {
    let key = vec![Field::OifGroup, Field::Ip4Saddr, Field::Dport];
    let net = Value::V4Net("10.0.0.0/8".parse().unwrap());
    let element = vec![Value::Group(8), net, Value::Ports(80, 90)];
    let pairs = [
        set("ranges", key.clone(), true, vec![element]),
        set(
            "exact",
            vec![Field::IifGroup, Field::OifGroup],
            false,
            vec![vec![Value::Group(7), Value::Group(8)]],
        ),
    ];
    let ranges = || Match::In(key.clone(), "ranges".into());
    let packet = tcp("10.200.0.1", "10.0.0.2");
    for (port, wanted) in [(79, false), (80, true), (90, true), (91, false)] {
        let packet = PacketContext {
            port: Some(port),
            ..packet
        };
        assert_eq!(holds(ranges(), &pairs, &packet), wanted, "{port}");
    }
    assert!(!holds(ranges(), &pairs, &tcp("11.0.0.1", "10.0.0.2")));
    let groups = || Match::In(vec![Field::IifGroup, Field::OifGroup], "exact".into());
    assert!(holds(groups(), &pairs, &packet));
    let back = PacketContext {
        iif_group: 8,
        oif_group: 7,
        ..packet
    };
    assert!(!holds(groups(), &pairs, &back));
    assert!(!holds(
        Match::In(vec![Field::Dport], "gone".into()),
        &pairs,
        &packet
    ));
}

#[test]
fn translations_by_a_map() {
    let key = vec![Field::L4Proto, Field::Dport];
    let element = Element {
        key: vec![Value::Proto(6), Value::Port(80)],
        value: vec![Value::V4(Ipv4Addr::new(10, 0, 0, 9)), Value::Port(8080)],
        comment: Some("nodes.web.ports[0]".into()),
    };
    let map = Set {
        elements: vec![element],
        ..Set::new("pub4", &[DataType::InetProto, DataType::Service])
            .map_to(&[DataType::Ipv4, DataType::Service])
    };
    let dnat = Dnat {
        version: IpVersion::V4,
        key,
        map: "pub4".into(),
        port: true,
    };
    let rules = vec![
        rule(vec![Match::ToLocal], dnat, "published ports"),
        rule(
            vec![Match::Dnated],
            Action::Masquerade { random: false },
            "nat",
        ),
    ];
    let rules = ruleset(vec![map], vec![chain("base", rules)]);
    let packet = PacketContext {
        to_local: true,
        ..tcp("10.0.0.1", "10.0.0.2")
    };
    let verdict = decided(&rules, &packet);
    assert_eq!(
        verdict.verdict,
        PacketVerdict::Dnat(ip("10.0.0.9"), Some(8080))
    );
    assert_eq!(verdict.element.as_deref(), Some("nodes.web.ports[0]"));
    // Keys that are not in the map, and the other family, continue at the next rule.
    for other in [
        PacketContext {
            port: Some(81),
            ..packet
        },
        PacketContext {
            to_local: true,
            ..tcp("fd00::1", "fd00::2")
        },
    ] {
        assert_eq!(decided(&rules, &other).verdict, PacketVerdict::Accept);
    }
    let translated = PacketContext {
        dnated: true,
        to_local: false,
        ..packet
    };
    assert_eq!(
        decided(&rules, &translated).verdict,
        PacketVerdict::Masquerade
    );
}

#[test]
fn base_chains_by_hook_kind_and_priority() {
    let base = |name: &str, kind, hook, priority| Chain {
        name: name.into(),
        base: Some(Base::accepting(kind, hook, Priority(priority))),
        rules: vec![],
    };
    let rules = ruleset(
        vec![],
        vec![
            base("late", ChainType::Filter, Hook::Forward, 10),
            base("nat", ChainType::Nat, Hook::Prerouting, -100),
            base("early", ChainType::Filter, Hook::Forward, -10),
            chain("jumped", vec![]),
        ],
    );
    let evaluator = Evaluator::new(&rules, Family::Inet).unwrap();
    let names = |hook, kind| -> Vec<String> {
        let chains = evaluator.hooked(hook, kind);
        chains.into_iter().map(|c| c.name.clone()).collect()
    };
    assert_eq!(names(Hook::Forward, ChainType::Filter), ["early", "late"]);
    assert_eq!(names(Hook::Prerouting, ChainType::Nat), ["nat"]);
    assert!(names(Hook::Prerouting, ChainType::Filter).is_empty());
    assert!(Evaluator::new(&rules, Family::Bridge).is_none());
}
