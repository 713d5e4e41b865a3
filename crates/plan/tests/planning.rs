//! Planning without a kernel.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use hallway_plan::diff::Recorded;
use hallway_plan::observed::{Noted, SeenLink, SeenTable};
use hallway_plan::reach::{Environment, Flow, Question, Service, World};
use hallway_plan::rules::build::ruleset;
use hallway_plan::step::{Op, Uplink};
use hallway_plan::target::Setting;
use hallway_plan::{Observed, Settled, Surroundings, diff, settle};
use hallway_spec::{IpVersion, parse};
use ipnet::IpNet;
use proptest::prelude::*;

fn settled_after(text: &str, previous: Option<&Settled>) -> Settled {
    let project = parse("p.yaml", text).unwrap_or_else(|e| panic!("{e}"));
    settle(&project.topology, previous, &Surroundings::default()).unwrap()
}

fn settled(text: &str) -> Settled {
    settled_after(text, None)
}

/// Rules are evaluated one by one: there must not be more of them for more nodes.
#[test]
fn the_number_of_rules_is_of_the_file_not_of_its_nodes() {
    let text = |nodes: usize| {
        let mut out = String::from("networks: { n: { subnet: 10.1.0.0/16 } }\nnodes:\n");
        for node in 0..nodes {
            let port = 2000 + node;
            writeln!(
                out,
                "  n{node}: {{ networks: [n], ports: [\"{port}:80\"] }}"
            )
            .unwrap();
        }
        out + "policies: [{ action: deny, from: n, to: n0, ports: [22/tcp] }]\n"
    };
    let count = |nodes| -> usize {
        let rules = ruleset(&settled(&text(nodes)));
        rules
            .tables
            .iter()
            .flat_map(|t| &t.chains)
            .map(|c| c.rules.len())
            .sum()
    };
    assert_eq!(count(2), count(500));
}

/// The text on record of a project that a command edited has its parts in other lines.
#[test]
fn rules_do_not_depend_on_lines() {
    let text = "networks: { n: { subnet: 10.1.0.0/24 } }
nodes:
  a: { networks: [n], ports: [\"80:80\", \"90-99:90-99\", \"127.0.0.1:70:70/udp\"] }
  b: { networks: [n] }
policies: [{ action: deny, from: a, to: b }, { from: b, to: a, ports: [22/tcp] }]
";
    let moved = format!("# one\n\n# two\n{}", text.replace("\n  ", "\n\n    "));
    let (here, there) = (settled(text), settled(&moved));
    assert_ne!(here.policies[0].place, there.policies[0].place);
    assert_eq!(ruleset(&here), ruleset(&there));
}

#[test]
fn nothing_is_planned_to_remove_from_an_empty_machine() {
    let project = "p".parse().unwrap();
    let plan = diff(&project, Recorded::default(), None, &Observed::default());
    assert!(plan.steps.is_empty());
}

/// Some nodes with or without fixed addresses, on some of two networks.
fn topologies() -> impl Strategy<Value = Vec<(bool, bool, Option<u8>)>> {
    prop::collection::vec(
        (any::<bool>(), any::<bool>(), prop::option::of(2..120u8)),
        1..40,
    )
}

fn file(nodes: &[(bool, bool, Option<u8>)]) -> String {
    let mut out = String::from(
        "networks: { n: { subnet: [10.1.0.0/24, fd01::/64] }, m: { subnet: 10.2.0.0/24 } }\nnodes:\n",
    );
    let mut taken = BTreeSet::new();
    for (position, (n, m, fixed)) in nodes.iter().enumerate() {
        let mut on = Vec::new();
        if *n {
            let address = fixed.filter(|f| taken.insert(*f));
            on.push(address.map_or("n: {}".into(), |a| format!("n: {{ address: 10.1.0.{a} }}")));
        }
        if *m {
            on.push("m: {}".into());
        }
        writeln!(
            out,
            "  x{position}: {{ networks: {{ {} }} }}",
            on.join(", ")
        )
        .unwrap();
    }
    out
}

proptest! {
    /// Every address is in its network's prefix, no two nodes have the same, the same file gives
    /// the same result, and nodes keep their addresses when others are added and removed.
    #[test]
    fn addresses(nodes in topologies(), more in topologies()) {
        let first = settled(&file(&nodes));
        prop_assert_eq!(&first, &settled(&file(&nodes)));
        let all = [&nodes[..], &more[..]].concat();
        let second = settled_after(&file(&all), Some(&first));
        for settled in [&first, &second] {
            let mut seen: BTreeSet<IpAddr> = BTreeSet::new();
            let mut macs = BTreeSet::new();
            for node in &settled.nodes {
                for (interface, network, _) in node.ports() {
                    let network = settled.network(network).unwrap();
                    prop_assert!(macs.insert(interface.mac));
                    for address in &interface.addresses {
                        prop_assert!(seen.insert(address.addr()), "{address} twice");
                        let subnet = network.subnets.iter().find(|s| s.net.contains(&address.addr()));
                        let subnet = subnet.expect("of its network");
                        prop_assert_ne!(subnet.gateway, Some(address.addr()));
                        prop_assert_ne!(subnet.net.network(), address.addr());
                        let IpNet::V4(net) = subnet.net else { continue };
                        prop_assert_ne!(IpAddr::V4(net.broadcast()), address.addr());
                    }
                }
            }
        }
        let fixed = |n: &(bool, bool, Option<u8>)| n.2.is_some();
        if !more.iter().any(fixed) {
            for (before, after) in first.nodes.iter().zip(&second.nodes) {
                prop_assert_eq!(&before.name, &after.name);
                for (a, b) in before.interfaces.iter().zip(&after.interfaces) {
                    prop_assert_eq!(&a.addresses, &b.addresses);
                }
            }
        }
    }
}

#[test]
fn a_change_of_one_node_concerns_it_and_the_ends_of_its_cables() {
    const FILE: &str = "name: p\nnetworks: { a: { subnet: 10.1.0.0/24 } }\n\
        nodes: { one: { networks: [a] }, two: {}, three: {} }\n\
        links: [{ endpoints: { two: 10.3.0.1/24, three: 10.3.0.2/24 } }]\n";
    let before = settled(FILE);
    let names = |after: &Settled| {
        diff::affected(&before, after)
            .into_iter()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let after = |text: &str| settled_after(text, Some(&before));
    assert!(names(&before).is_empty());
    let more = after(&FILE.replace("one: {", "four: { networks: [a] }, one: {"));
    assert_eq!(names(&more), ["four"]);
    let changed = after(&FILE.replace("two: {}", "two: { forwarding: true }"));
    assert_eq!(names(&changed), ["three", "two"]);
    let fewer = after(&FILE.replace("one: { networks: [a] }, ", ""));
    assert_eq!(names(&fewer), ["one"]);
}

/// If the kernel forwards IPv6 by all links or by none (before Linux 6.17), forwarding for every
/// link turns it on for new links too: that does not come from another program, and it is restored.
#[test]
fn forwarding_of_every_link_is_given_back() {
    let project: hallway_spec::Name = "p".parse().unwrap();
    let uplink = |link: &str| Uplink {
        link: link.into(),
        version: IpVersion::V6,
    };
    let restored_if = |link: &str, all: u32, new: u32, forced: u32| {
        let mut seen = Observed::default();
        let settings = [
            (Setting::Forwarding(IpVersion::V6), all),
            (Setting::NewForwarding(IpVersion::V6), new),
            (Setting::ForcedForwarding, forced),
        ];
        seen.host.settings.extend(settings);
        seen.host.links.push(SeenLink {
            name: "eth0".into(),
            settings: [(Setting::Forwarding(IpVersion::V6), 1)].into(),
            ..SeenLink::default()
        });
        seen.tables.push(SeenTable {
            project: project.clone(),
            bridge_family: false,
            forwarding4: Vec::new(),
            forwarding6: vec![link.into()],
        });
        seen.noted.push(Noted {
            uplink: uplink(link),
            index: None,
            projects: [project.clone()].into(),
            before: settings.map(|(setting, _)| (setting, 0)).into(),
        });
        let plan = diff(&project, Recorded::default(), None, &seen);
        plan.steps
            .iter()
            .any(|s| matches!(&s.op, Op::RestoreUplinks { uplinks } if *uplinks == [uplink(link)]))
    };
    let restored = |link, all, new| restored_if(link, all, new, 0);
    assert!(!restored_if("eth0", 0, 0, 1), "another program needs it");
    assert!(restored("all", 1, 1));
    assert!(restored("eth0", 0, 0));
    assert!(!restored("eth0", 1, 1));
    // Only for new links.
    assert!(restored("eth0", 0, 1));
}

/// What a node of an `outside` network has begun at a published port goes on when something else changes.
#[test]
fn a_connection_from_a_network_outside_may_begin() {
    const FILE: &str = "name: p\nnetworks: { apps: { subnet: 10.1.0.0/24 }, world: { subnet: 203.0.113.0/24, outside: true } }\n\
        nodes:\n  web: { networks: { apps: { address: 10.1.0.10 } }, ports: ['8080:80'] }\n\
        \x20 visitor: { networks: { world: { address: 203.0.113.9 } } }\n";
    let settled = settled(FILE);
    let rules = ruleset(&settled);
    let world = World::new(&settled, &rules, Environment::default()).unwrap();
    let flow = |to: &str, port| Flow {
        from: "203.0.113.9".parse().unwrap(),
        to: to.parse().unwrap(),
        protocol: 6,
        source_port: 50000,
        port,
    };
    assert!(world.may_begin(&flow("10.1.0.10", 80), true));
    assert!(!world.may_begin(&flow("10.1.0.10", 80), false));
    assert!(!world.may_begin(&flow("10.1.0.10", 81), true));
    assert!(!world.may_begin(&flow("198.51.100.9", 80), false));
}

/// What is behind the host is not known: whether answers to a node's own address come back. Of nodes of
/// an `outside` network the routes are known.
#[test]
fn answers_from_outside_without_nat() {
    const FILE: &str = "name: p\nnetworks: { n: { subnet: 10.1.0.0/24, nat: false }, m: { subnet: 10.2.0.0/24 }, \
        w: { subnet: 203.0.113.0/24, outside: true } }\n\
        nodes: { own: { networks: [n] }, hidden: { networks: [m] }, near: { networks: [w] } }\n";
    let settled = settled(FILE);
    let rules = ruleset(&settled);
    let world = World::new(&settled, &rules, Environment::default()).unwrap();
    let text = |from: &str, to: &str| {
        let [from, to] = [from, to].map(|name| world.party(name).unwrap());
        let service = Service::Icmp;
        let path = Question { from, to, service }.predict(&world).remove(0);
        assert!(path.outcome.reachable(), "{path:?}");
        path.reason.text
    };
    let depends = "replies arrive only if the machine outside has a route to 10.1.0.0/24";
    assert!(text("own", "198.51.100.1").contains(depends));
    for (from, to) in [
        ("hidden", "198.51.100.1"),
        ("own", "near"),
        ("hidden", "near"),
    ] {
        assert!(!text(from, to).contains("answers"), "{from} {to}");
    }
}
