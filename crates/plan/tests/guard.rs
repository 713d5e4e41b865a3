//! The guard together with the project's own rules: it changes nothing while they are loaded, and
//! drops everything that concerns the project while they are not.

#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use hallway_nftables::evaluate::{Evaluator, PacketContext, PacketVerdict};
use hallway_nftables::{ChainType, Family, Hook, Ruleset};
use hallway_plan::observed::Uplink;
use hallway_plan::rules::{Guarded, ruleset};
use hallway_plan::{Observed, Settled, Surroundings, mark, settle};
use hallway_spec::IpVersion;

fn settled(text: &str) -> Settled {
    let topology = hallway_spec::parse("t.yaml", text).unwrap().topology;
    let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
    settle(&topology, None, &around).unwrap()
}

const ONE: &str = "name: one
networks: { a: { subnet: [10.0.0.0/24, \"fd00::/64\"] }, b: { subnet: 10.0.1.0/24 }, w: { subnet: 203.0.113.0/24, outside: true } }
nodes: { x: { networks: [a] }, y: { networks: [b] }, v: { networks: [w] } }
policies: [{ from: a, to: b }]
";
const TWO: &str = "name: two
networks: { c: { subnet: 10.9.0.0/24 } }
nodes: { z: { networks: [c] } }
";

fn passes(rules: &Ruleset, family: Family, hook: Hook, packet: &mut PacketContext<'_>) -> bool {
    let evaluator = Evaluator::new(rules, family).unwrap();
    evaluator
        .hooked(hook, ChainType::Filter)
        .into_iter()
        .all(|chain| {
            let verdict = evaluator.evaluate(chain, packet);
            packet.mark = verdict.mark;
            verdict.verdict == PacketVerdict::Accept
        })
}

/// Packets between every two of these places.
fn packets(settled: &Settled) -> Vec<PacketContext<'static>> {
    let group = |name: &str| {
        let found = settled.networks.iter().find(|n| n.name.as_ref() == name);
        found.map_or(0, |n| n.group)
    };
    let places = [
        (group("a"), "10.0.0.2"),
        (group("b"), "10.0.1.2"),
        (0, "203.0.113.9"),
        (0, "198.51.100.7"),
    ];
    let mut out = Vec::new();
    for (iif_group, from) in places {
        for (oif_group, to) in places {
            let (from, to): (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
            out.push(PacketContext {
                iif: "any",
                iif_group,
                oif_group,
                port: Some(80),
                ..PacketContext::new(from, to, 6)
            });
        }
    }
    out
}

#[test]
fn it_changes_nothing_while_the_rules_are_loaded_and_closes_when_they_are_not() {
    let settled = settled(ONE);
    let (own, guard) = (
        ruleset(&settled),
        Guarded::of(&settled, &[], |_| false).ruleset(&settled.project),
    );
    let mut accepted = 0;
    for packet in packets(&settled) {
        for hook in [Hook::Forward, Hook::Input, Hook::Output] {
            let packet = PacketContext {
                mark: 0x00ff_0000,
                iif_group: if hook == Hook::Output {
                    0
                } else {
                    packet.iif_group
                },
                oif_group: if hook == Hook::Input {
                    0
                } else {
                    packet.oif_group
                },
                ..packet
            };
            let ours = packet.iif_group != 0 || packet.oif_group != 0;
            let mut with = packet;
            if passes(&own, Family::Inet, hook, &mut with) {
                accepted += usize::from(ours);
                assert!(
                    passes(&guard, Family::Inet, hook, &mut with),
                    "{hook:?} {packet:?}"
                );
                assert_eq!(with.mark, packet.mark, "bits are cleared, others stay");
            }
            let mut without = packet;
            let passed = passes(&guard, Family::Inet, hook, &mut without);
            assert!(!(ours && passed), "{hook:?} {packet:?}");
        }
    }
    assert!(accepted > 5);
    // From outside to the host's address on a network.
    let to_gateway = PacketContext {
        iif: "up0",
        ..PacketContext::new(
            "198.51.100.7".parse().unwrap(),
            "10.0.0.1".parse().unwrap(),
            6,
        )
    };
    assert!(!passes(
        &guard,
        Family::Inet,
        Hook::Input,
        &mut to_gateway.clone()
    ));
    let elsewhere = PacketContext {
        to: "192.0.2.1".parse().unwrap(),
        ..to_gateway
    };
    assert!(passes(
        &guard,
        Family::Inet,
        Hook::Input,
        &mut elsewhere.clone()
    ));
}

/// The kernel removes the chains of a table one after another: what only one of them checks must not
/// pass when it is gone and the filter is still there.
#[test]
fn source_addresses_are_checked_before_the_filter() {
    let settled = settled(ONE);
    let guard = Guarded::of(&settled, &[], |_| false).ruleset(&settled.project);
    let own = ruleset(&settled);
    let x = settled
        .nodes
        .iter()
        .find(|n| n.name.as_ref() == "x")
        .unwrap();
    let (_, _, link) = x.ports().next().unwrap();
    let group = settled.networks.first().unwrap().group;
    let packet = |iif: &'static str, iif_group, from: &str| PacketContext {
        iif,
        iif_group,
        ..PacketContext::new(from.parse().unwrap(), "10.0.1.2".parse().unwrap(), 6)
    };
    let iif: &'static str = Box::leak(link.to_owned().into_boxed_str());
    let bridge = settled.networks.first().unwrap().bridge.clone().unwrap();
    let bridge: &'static str = Box::leak(bridge.into_boxed_str());
    for (name, true_source) in [
        (packet(bridge, group, "10.0.0.2"), true),
        (packet(bridge, group, "10.0.1.2"), false),
        (packet("up0", 0, "198.51.100.7"), true),
        (packet("up0", 0, "10.0.0.2"), false),
        (packet(iif, group, "10.0.1.9"), false),
    ] {
        let mut with = name;
        let passed = passes(&own, Family::Inet, Hook::Prerouting, &mut with);
        // The destination of a packet from outside is hidden.
        assert_eq!(passed, true_source && name.iif_group != 0, "{name:?}");
        if passed {
            assert_eq!(with.mark, 0, "cleared before rules of others: {name:?}");
        }
        let alone = passes(&guard, Family::Inet, Hook::Prerouting, &mut name.clone());
        assert_eq!(alone, name.iif == "up0" && true_source, "{name:?}");
    }
}

/// Without the translation, no address of a node leaves.
#[test]
fn private_addresses_do_not_leave() {
    let settled = settled(ONE);
    let guard = Guarded::of(&settled, &[], |_| false).ruleset(&settled.project);
    let a = settled.networks.first().unwrap().group;
    let leaves = |from: &str, iif_group, oif_group| {
        let mut packet = PacketContext {
            iif: "any",
            oif: "any",
            iif_group,
            oif_group,
            ..PacketContext::new(from.parse().unwrap(), "198.51.100.7".parse().unwrap(), 17)
        };
        passes(&guard, Family::Inet, Hook::Postrouting, &mut packet)
    };
    assert!(!leaves("10.0.0.2", a, 0));
    assert!(leaves("192.0.2.7", a, 0), "translated");
    assert!(leaves("10.0.0.2", a, a), "to another node");
    assert!(leaves("10.0.0.2", 0, 0), "of another project");
}

/// Links that forward because of hallway alone do not forward for other machines, with or without the rules.
#[test]
fn links_of_others_are_closed() {
    let settled = settled(ONE);
    let uplink = Uplink {
        link: "up0".into(),
        version: IpVersion::V4,
    };
    let guard = Guarded::of(&settled, &[uplink], |_| false).ruleset(&settled.project);
    let passes_by = |link: &'static str, from: &str, to: &str| {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let mut packet = PacketContext {
            iif: link,
            oif: "any",
            ..PacketContext::new(from, to, 6)
        };
        passes(&guard, Family::Inet, Hook::Forward, &mut packet)
    };
    assert!(!passes_by("up0", "192.0.2.1", "198.51.100.7"));
    assert!(passes_by("up0", "2001:db8::1", "2001:db8:1::1"));
    assert!(passes_by("up1", "192.0.2.1", "198.51.100.7"));
}

#[test]
fn one_project_does_not_vouch_for_another() {
    let (one, two) = (settled(ONE), settled(TWO));
    let guard = Guarded::of(&two, &[], |_| false).ruleset(&two.project);
    let group = |s: &Settled| s.networks.first().unwrap().group;
    let packet = PacketContext {
        iif: "any",
        iif_group: group(&one),
        oif_group: group(&two),
        ..PacketContext::new("10.0.0.2".parse().unwrap(), "10.9.0.2".parse().unwrap(), 6)
    };
    let mut seen = packet;
    assert!(passes(
        &ruleset(&one),
        Family::Inet,
        Hook::Forward,
        &mut seen
    ));
    assert_eq!(seen.mark, mark::FROM_BIT);
    assert!(!passes(&guard, Family::Inet, Hook::Forward, &mut seen));
}

#[test]
fn frames_of_nodes_need_the_rules() {
    let settled = settled(ONE);
    let (own, guard) = (
        ruleset(&settled),
        Guarded::of(&settled, &[], |_| false).ruleset(&settled.project),
    );
    let node = settled
        .nodes
        .iter()
        .find(|n| n.name.as_ref() == "x")
        .unwrap();
    let (interface, _, link) = node.ports().next().unwrap();
    let frame = PacketContext {
        iif: link,
        iif_group: settled.networks.first().unwrap().group,
        mac: interface.mac,
        ..PacketContext::new(
            interface.addresses[0].addr(),
            "10.0.0.9".parse().unwrap(),
            6,
        )
    };
    let mut with = frame;
    assert!(passes(&own, Family::Bridge, Hook::Prerouting, &mut with));
    assert!(passes(&guard, Family::Bridge, Hook::Prerouting, &mut with));
    assert_eq!(with.mark, 0);
    assert!(!passes(
        &guard,
        Family::Bridge,
        Hook::Prerouting,
        &mut frame.clone()
    ));
}
