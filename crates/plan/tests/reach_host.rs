//! What of the host's own addresses answers, and how nodes find them.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

mod asking;

use asking::{ask, settled};
use hallway_plan::reach::{Environment, Outcome, Question, World};
use hallway_plan::rules::ruleset;

/// Nothing is published on link-local addresses, however the client came to one.
#[test]
fn link_local_addresses_of_the_host() {
    let text = "networks: { n: { subnet: [10.33.0.0/24, \"fd33::/64\"] }, w: { subnet: \"2001:db8::/64\", outside: true } }
nodes: { s: { networks: [n], ports: [\"8080:80\"] }, v: { networks: [w] } }
";
    let world = settled(text);
    let own = |network: &str| {
        let network = world.network(&network.parse().unwrap()).unwrap();
        hallway_plan::mark::link_local(network.mac).addr()
    };
    for (from, port, says) in [
        (
            "v",
            8080,
            "s publishes 8080/tcp, but not on link-local addresses: packets from such an address are never forwarded",
        ),
        (
            "v",
            99,
            "hallway does not manage the host's own services, and 99/tcp cannot be published on link-local addresses",
        ),
        (
            "host",
            99,
            "hallway does not manage the host's own services, and 99/tcp cannot be published on link-local addresses",
        ),
    ] {
        let path = ask(text, from, &format!("[{}]:{port}", own("w"))).remove(0);
        assert_eq!(
            (path.outcome, path.reason.text.as_str()),
            (Outcome::Refused, says),
            "{from}"
        );
        assert!(!path.reason.help.contains("hallway publish"));
    }
}

/// A host that answers no ARP request is found by no node, but finds them.
#[test]
fn a_host_without_arp_replies() {
    let text = "networks:
  n: { subnet: [10.33.0.0/24, \"fd33::/64\"] }
  r: { subnet: 10.34.0.0/24, mode: routed }
nodes: { a: { networks: [n], ports: [\"8080:80\"] }, b: { networks: [n] }, c: { networks: [r] }, d: { networks: [r] } }
";
    let settled = settled(text);
    let rules = ruleset(&settled);
    let environment = Environment {
        no_arp: true,
        ..Environment::default()
    };
    let world = World::new(&settled, &rules, environment).unwrap();
    for (from, to, service, outcome) in [
        ("a", "8.8.8.8", "443", Outcome::Unreachable),
        ("a", "10.33.0.1", "8080", Outcome::Unreachable),
        ("c", "d", "80", Outcome::Unreachable),
        ("a", "b", "80", Outcome::Open),
        ("host", "a", "80", Outcome::Open),
        ("outside", "host", "8080", Outcome::Open),
        ("a", "2001:db8::1", "443", Outcome::Open),
    ] {
        let from_party = world.party(from).unwrap();
        let (to, service) = (world.party(to).unwrap(), service.parse().unwrap());
        let question = Question {
            from: from_party,
            to,
            service,
        };
        let path = question.predict(&world).remove(0);
        let text = &path.reason.text;
        assert_eq!(path.outcome, outcome, "{from}: {text}");
        let named = text.contains("net.ipv4.conf.all.arp_ignore is 8");
        assert_eq!(named, outcome == Outcome::Unreachable, "{text}");
    }
}
