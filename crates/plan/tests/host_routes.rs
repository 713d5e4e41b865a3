//! Routes and routing rules of the host, and rules of other programs, as they decide about packets of a project.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_nftables::expr::{Expr, Meta, Reg, Verdict};
use hallway_nftables::{
    Base, Chain, ChainType, Family, Field, Hook, Match, Priority, Rule, Table, Value,
};
use hallway_plan::observed::Dropping;
use hallway_plan::reach::{
    Environment, HostNet, HostRule, Looks, Outcome, Path, Question, TableRoute, World,
};
use hallway_plan::rules::ruleset;
use hallway_plan::settled::Settled;
use hallway_plan::{Observed, Surroundings, settle};
use hallway_spec::IpVersion;

const TEXT: &str = "networks: { n: { subnet: [10.33.0.0/24, \"fd33::/64\"] } }
nodes: { s: { networks: [n], ports: [\"8080:80\"] }, c: { networks: [n] } }
";

fn settled() -> Settled {
    let topology = hallway_spec::parse("t.yaml", TEXT).unwrap().topology;
    let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
    settle(&topology, None, &around).unwrap()
}

/// The first answer.
fn ask(environment: Environment, from: &str, to: &str, service: &str) -> Path {
    let settled = settled();
    let rules = ruleset(&settled);
    let world = World::new(&settled, &rules, environment).unwrap();
    let (from, to) = (world.party(from).unwrap(), world.party(to).unwrap());
    let service = service.parse().unwrap();
    Question { from, to, service }.predict(&world).remove(0)
}

fn route(to: &str, link: &str) -> HostNet {
    HostNet {
        to: to.parse().unwrap(),
        link: Some((link.to_owned(), 0)),
        via: true,
        drops: None,
        no_carrier: false,
    }
}

fn host() -> Environment {
    Environment {
        host_addresses: vec!["192.168.1.10".parse().unwrap()],
        routes: vec![route("0.0.0.0/0", "eth0")],
        ..Environment::default()
    }
}

fn rule(looks: Looks) -> HostRule {
    HostRule {
        version: IpVersion::V4,
        priority: 100,
        from: None,
        to: None,
        iif: None,
        mark: None,
        ip_protocol: None,
        source_ports: None,
        ports: None,
        never: false,
        not: false,
        others: false,
        looks,
    }
}

/// A table with a default route by another link.
fn elsewhere() -> Looks {
    Looks::Table(
        102,
        vec![TableRoute {
            to: "0.0.0.0/0".parse().unwrap(),
            drops: None,
            link: Some(("wg0".to_owned(), 0)),
            no_carrier: false,
        }],
    )
}

fn with(rule: HostRule) -> Environment {
    Environment {
        rules: vec![rule],
        ..host()
    }
}

const FAR: &str = "203.0.113.9";

/// A route of the kind unreachable is answered as such; the others are not.
#[test]
fn routes_and_rules_that_drop() {
    for (how, outcome) in [
        (Dropping::Unreachable, Outcome::Unreachable),
        (Dropping::Prohibited, Outcome::Filtered),
        (Dropping::Silently, Outcome::Filtered),
    ] {
        let dropping = HostNet {
            link: None,
            drops: Some(how),
            ..route("203.0.113.0/24", "")
        };
        let mut around = host();
        around.routes.insert(0, dropping);
        let path = ask(around, "c", FAR, "icmp");
        assert_eq!(path.outcome, outcome);
        assert_eq!(path.reason.code.text(), "dropping-route");
        assert_eq!(
            path.reason.help,
            format!("ip route del {} 203.0.113.0/24", how.word())
        );
        let path = ask(with(rule(Looks::Nowhere(how))), "c", FAR, "icmp");
        assert_eq!(path.outcome, outcome);
        assert_eq!(path.reason.code.text(), "diverted");
    }
}

#[test]
fn a_link_without_a_carrier() {
    let dead = HostNet {
        no_carrier: true,
        ..route("0.0.0.0/0", "eth0")
    };
    let around = Environment {
        routes: vec![dead],
        ..host()
    };
    let path = ask(around, "c", FAR, "icmp");
    assert_eq!(path.outcome, Outcome::Unreachable);
    assert_eq!(path.reason.code.text(), "no-carrier");
    assert!(path.reason.text.contains("eth0"), "{path:?}");
}

/// Packets of nodes have no mark: a rule for another mark is about none of them, and one for all but a mark
/// about each.
#[test]
fn rules_by_mark_are_evaluated() {
    let marked = |not| HostRule {
        mark: Some((7, u32::MAX)),
        not,
        ..rule(Looks::Nowhere(Dropping::Prohibited))
    };
    assert_eq!(
        ask(with(marked(false)), "c", FAR, "icmp").outcome,
        Outcome::Open
    );
    assert_eq!(
        ask(with(marked(true)), "c", FAR, "icmp").outcome,
        Outcome::Filtered
    );
}

/// Of a client's port a part of the possible values may match: the outcome is not known then.
#[test]
fn rules_by_ports() {
    let of = |ports, source_ports| HostRule {
        ip_protocol: Some(6),
        ports,
        source_ports,
        ..rule(Looks::Nowhere(Dropping::Prohibited))
    };
    let outcome = |rule, service: &str| ask(with(rule), "c", FAR, service).outcome;
    assert_eq!(outcome(of(Some((80, 80)), None), "80"), Outcome::Filtered);
    assert_eq!(outcome(of(Some((80, 80)), None), "81"), Outcome::Open);
    assert_eq!(outcome(of(Some((80, 80)), None), "80/udp"), Outcome::Open);
    assert_eq!(outcome(of(None, Some((81, 81))), "80"), Outcome::Open);
    // The reply.
    assert_eq!(outcome(of(None, Some((80, 80))), "80"), Outcome::Filtered);
    assert_eq!(
        outcome(of(None, Some((40000, 50000))), "80"),
        Outcome::Unknown
    );
    assert_eq!(outcome(of(None, None), "80"), Outcome::Filtered);
    assert_eq!(outcome(of(None, None), "icmp"), Outcome::Open);
}

/// A rule for packets from the published port is not about the node's replies: they come from another port
/// while they are routed.
#[test]
fn a_rule_for_the_published_port() {
    let rule = |port| HostRule {
        ip_protocol: Some(6),
        source_ports: Some((port, port)),
        ..rule(elsewhere())
    };
    let path = ask(with(rule(8080)), FAR, "192.168.1.10", "8080");
    assert_eq!(path.outcome, Outcome::Unknown);
    let words = "the routing rule 100 (ipproto tcp sport 8080) but none for packets from port 80";
    assert!(path.reason.text.contains(words), "{}", path.reason.text);
    let path = ask(with(rule(8081)), FAR, "192.168.1.10", "8080");
    assert_eq!(path.outcome, Outcome::Open);
    // By this one they leave another way than the request came.
    let path = ask(with(rule(80)), FAR, "192.168.1.10", "8080");
    assert_eq!(path.outcome, Outcome::Unknown);
    assert!(
        path.reason.text.contains("leaves by wg0 and not by eth0"),
        "{}",
        path.reason.text
    );
}

/// As a VPN does it: everything but its own packets goes by its link.
#[test]
fn a_rule_for_all_but_a_mark() {
    let vpn = HostRule {
        mark: Some((51820, u32::MAX)),
        not: true,
        ..rule(elsewhere())
    };
    let narrow = HostRule {
        priority: 99,
        ..rule(Looks::Main(0))
    };
    let around = Environment {
        rules: vec![narrow, vpn.clone()],
        ..host()
    };
    assert_eq!(ask(around.clone(), "c", FAR, "icmp").outcome, Outcome::Open);
    assert_eq!(
        ask(around, FAR, "192.168.1.10", "8080").outcome,
        Outcome::Unknown
    );
    // A rule that leads past the project's network.
    let path = ask(with(vpn), "host", "s", "80");
    assert_eq!(path.outcome, Outcome::Filtered);
    assert_eq!(path.reason.code.text(), "diverted");
}

/// A table with one chain.
fn table(family: Family, hook: Hook, priority: i32, rules: Vec<Rule>) -> Table {
    let mut table = Table::new(family, "fw");
    table.chains.push(Chain {
        name: "c".into(),
        base: Some(Base::accepting(ChainType::Filter, hook, Priority(priority))),
        rules,
    });
    table
}

/// `meta mark set VALUE`, or with some bits kept.
fn set_mark(kept: Option<u32>, value: u32) -> Rule {
    let reg = Reg(0);
    let mut all = match kept {
        None => vec![Expr::Constant {
            to: reg,
            data: value.to_ne_bytes().into(),
        }],
        Some(kept) => vec![
            Expr::Meta {
                key: Meta::Mark,
                to: reg,
            },
            Expr::Bitwise {
                reg,
                mask: kept.to_ne_bytes().into(),
                xor: value.to_ne_bytes().into(),
            },
        ],
    };
    all.push(Expr::SetMark { from: reg });
    Rule::new(vec![Match::Expressions(all)], Verdict::Continue, "")
}

fn among(foreign: Table) -> Environment {
    Environment {
        foreign: vec![foreign],
        ..host()
    }
}

/// The keeper's guard drops packets without the bits of hallway's rules.
#[test]
fn rules_that_set_the_whole_mark() {
    let forward = |priority, rule| among(table(Family::Inet, Hook::Forward, priority, vec![rule]));
    let outcome = |around| ask(around, "c", FAR, "icmp").outcome;
    let path = ask(forward(10, set_mark(None, 5)), "c", FAR, "icmp");
    assert_eq!(path.outcome, Outcome::Filtered);
    assert_eq!(path.reason.code.text(), "lost-mark");
    for words in ["chain c of table inet fw", "sets the whole mark"] {
        assert!(path.reason.text.contains(words), "{}", path.reason.text);
    }
    assert!(path.reason.help.contains("0x3000") || path.reason.help.contains("0x1000"));
    assert_eq!(
        outcome(forward(10, set_mark(Some(!0xfff), 5))),
        Outcome::Open
    );
    assert_eq!(
        outcome(forward(10, set_mark(Some(0xffff_0000), 5))),
        Outcome::Filtered
    );
    // The rules of hallway come after it, or which comes first is not known.
    assert_eq!(outcome(forward(-10, set_mark(None, 5))), Outcome::Open);
    assert_eq!(outcome(forward(0, set_mark(None, 5))), Outcome::Unknown);
    let unguarded = Environment {
        guarded: false,
        ..forward(10, set_mark(None, 5))
    };
    assert_eq!(outcome(unguarded), Outcome::Open);
}

/// A frame to the bridge whose destination is translated to a member is passed on by the bridge, where its
/// frames pass the inet hooks.
#[test]
fn bridges_pass_on_what_is_translated() {
    let drop_port = |port| {
        let is = Match::Is(Field::Dport, Value::Port(port));
        Rule::new(vec![is], Verdict::Drop, "")
    };
    let outcome = |hook, port, bridge_hooks| {
        let around = Environment {
            bridge_hooks,
            ..among(table(Family::Bridge, hook, 0, vec![drop_port(port)]))
        };
        ask(around, "c", "192.168.1.10", "8080").outcome
    };
    use Hook::{Forward, Input, Output, Postrouting, Prerouting};
    for (hook, port, hooked, routed) in [
        (Forward, 80, Outcome::Filtered, Outcome::Open),
        (Output, 80, Outcome::Open, Outcome::Filtered),
        (Input, 80, Outcome::Open, Outcome::Open),
        (Input, 8080, Outcome::Open, Outcome::Filtered),
        (Postrouting, 80, Outcome::Filtered, Outcome::Filtered),
        (Prerouting, 80, Outcome::Filtered, Outcome::Open),
    ] {
        assert_eq!(outcome(hook, port, true), hooked, "{hook:?} {port}");
        assert_eq!(outcome(hook, port, false), routed, "{hook:?} {port}");
    }
}

/// The host's address that replaces a node's is compared where it is certain; else nothing is predicted.
#[test]
fn rules_about_the_translated_source() {
    let drops = |is: bool, source: &str| {
        let source = Value::V4(source.parse().unwrap());
        let compared = if is { Match::Is } else { Match::IsNot };
        // Not the reply, which has the address of the machine outside.
        let leaves = Match::Is(Field::OifName, Value::Ifname("eth0".into()));
        let matches = vec![leaves, compared(Field::Ip4Saddr, source)];
        Rule::new(matches, Verdict::Drop, "")
    };
    let asked = |hook, rule, addresses: &[&str]| {
        let address = |text: &&str| (text.parse().unwrap(), "eth0".to_owned());
        let around = Environment {
            address_links: addresses.iter().map(address).collect(),
            ..among(table(Family::Inet, hook, 300, vec![rule]))
        };
        ask(around, "c", FAR, "icmp").outcome
    };
    let one = ["192.168.1.10", "fe80::1"];
    for (is, source, outcome) in [
        (false, "192.168.1.10", Outcome::Open),
        (true, "192.168.1.10", Outcome::Filtered),
        (false, "192.168.1.11", Outcome::Filtered),
        (true, "192.168.1.11", Outcome::Open),
    ] {
        let rule = || drops(is, source);
        assert_eq!(asked(Hook::Postrouting, rule(), &one), outcome, "{source}");
        // Which of two addresses it gets depends on the route, and nothing is known of no address.
        for unsure in [&["192.168.1.10", "192.168.1.11"][..], &[]] {
            let found = asked(Hook::Postrouting, rule(), unsure);
            assert_eq!(found, Outcome::Unknown, "{source} {unsure:?}");
        }
    }
}

/// The host forwards nothing from one machine outside to another because of hallway.
#[test]
fn between_machines_outside() {
    let (one, other) = ("198.51.100.1", "198.51.101.1");
    let around = |other_link: &str| Environment {
        routes: vec![
            route("198.51.100.0/24", "eth0"),
            route("198.51.101.0/24", other_link),
        ],
        ..host()
    };
    let path = ask(around("eth1"), one, other, "80");
    assert_eq!(path.outcome, Outcome::Filtered);
    assert_eq!(path.reason.code.text(), "both-outside");
    assert!(path.request.is_empty());
    let forwards = Environment {
        forwarding: [(IpVersion::V4, "eth0".to_owned())].into(),
        ..around("eth1")
    };
    for unsure in [forwards, around("eth0"), Environment::default()] {
        let path = ask(unsure, one, other, "80");
        assert_eq!(path.outcome, Outcome::Unknown, "{}", path.reason.text);
    }
    // The host's own address, and that of a node, are what they were.
    let path = ask(around("eth1"), one, "192.168.1.10", "8080");
    assert_eq!(path.outcome, Outcome::Open);
}
