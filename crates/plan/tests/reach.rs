//! Which nodes reach which and why, without a kernel: every reason, with its line.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use hallway_plan::reach::{
    Environment, HopEvent, HostNet, Location, Outcome, Party, Question, World,
};
use hallway_plan::rules::ruleset;

mod asking;

use asking::{ask, service, settled};

const SHOP: &str = "networks:
  apps: { subnet: [10.1.0.0/24, \"fd01::/64\"] }
  store: { subnet: 10.2.0.0/24, internal: true }
  vault: { subnet: 10.3.0.0/24, internal: true }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  web: { networks: { apps: { address: [10.1.0.10, \"fd01::10\"] } }, ports: [\"8080:80\", \"203.0.113.1:9000:90\"] }
  app: { networks: { apps: { address: [10.1.0.11, \"fd01::11\"] } } }
  db: { networks: { store: { address: 10.2.0.10 } } }
  safe: { networks: { vault: { address: 10.3.0.10 } } }
  both: { networks: [apps, store] }
  visitor: { networks: { world: { address: 203.0.113.9 } } }
  intruder: { networks: [world], routes: [{ to: 10.1.0.0/24, via: 203.0.113.1 }] }
  lonely:
  far: { routes: [{ to: 10.1.0.0/24, via: 10.9.0.1 }] }
links:
  - endpoints: { left: [10.8.0.1/24, \"fd08::1/64\"], right: [10.8.0.2/24, \"fd08::2/64\"] }
  - endpoints: { web: 10.9.0.1/24, far: 10.9.0.2/24 }
policies:
  - { action: deny, from: app, to: db, ports: [3306/tcp] }
  - { from: apps, to: db, ports: [3306/tcp, icmp] }
  - { action: deny, between: [web, app], ports: [9000-9010/udp] }
  - { from: db, to: host, ports: [53/udp] }
";

/// Each question with its answer: outcome, code and the line of the file.
#[test]
fn answers_with_their_reasons() {
    use Outcome::{Filtered, Open, Refused, Unreachable};
    for (from, to, outcome, code, line) in [
        ("web", "app", Open, "same-network", 2),
        ("web", "app:9005/udp", Filtered, "policy-deny", 22),
        ("app", "web:9010/udp", Filtered, "policy-deny", 22),
        ("app", "web:9011/udp", Open, "same-network", 2),
        ("web", "db:3306", Open, "policy-allow", 21),
        ("app", "db:3306", Filtered, "policy-deny", 20),
        ("app", "db", Open, "policy-allow", 21),
        ("web", "db:3307", Filtered, "default-deny", 3),
        ("db", "web:80", Filtered, "default-deny", 2),
        ("db", "safe", Unreachable, "no-route", 3),
        ("safe", "visitor", Unreachable, "no-route", 4),
        ("app", "visitor:80", Open, "egress", 2),
        ("visitor", "host:8080", Open, "published", 7),
        ("app", "host:8080", Open, "published", 7),
        ("web", "host:8080", Open, "published", 7),
        ("host", "host:8080", Open, "published", 7),
        ("host", "localhost:8080", Open, "published", 7),
        ("host", "host:8081", Refused, "not-published", 0),
        ("visitor", "host:9000", Open, "published", 7),
        ("app", "host:9000", Filtered, "host-services", 0),
        ("visitor", "host:8081", Refused, "not-published", 0),
        ("visitor", "host", Open, "host-ping", 0),
        ("db", "host:8080", Filtered, "internal", 3),
        ("db", "host:53/udp", Open, "policy-allow", 23),
        ("db", "host:53", Filtered, "host-services", 0),
        ("visitor", "web:80", Unreachable, "no-route", 5),
        ("intruder", "web:80", Filtered, "direct-routing", 0),
        ("host", "db:3306", Open, "host", 0),
        ("host", "10.1.0.99", Unreachable, "neighbour-unreachable", 0),
        ("app", "198.51.100.1", Unreachable, "no-route", 0),
        ("left", "right:80", Open, "cable", 0),
        ("left", "web", Unreachable, "no-route", 0),
        ("lonely", "web", Unreachable, "no-common-family", 0),
        ("far", "web", Open, "cable", 0),
        ("far", "10.1.0.11", Filtered, "not-forwarding", 0),
        ("web", "10.1.0.10:80", Open, "self", 0),
    ] {
        let path = ask(SHOP, from, to).remove(0);
        let told = (path.outcome, path.reason.code.text());
        assert_eq!(told, (outcome, code), "{from} → {to}: {}", path.reason.text);
        let place = path.reason.place.map_or(0, |p| p.line);
        assert_eq!(place, line, "{from} → {to}: {}", path.reason.text);
        assert_eq!(
            path.reason.help.is_empty(),
            outcome == Open,
            "{from} → {to}"
        );
    }
}

/// Both IP versions are tested if both ends have both.
#[test]
fn each_address_family_has_its_answer() {
    let paths = ask(SHOP, "web", "app");
    let addresses: Vec<String> = paths
        .iter()
        .map(|p| p.address.unwrap().to_string())
        .collect();
    assert_eq!(addresses, ["10.1.0.11", "fd01::11"]);
    assert_eq!(ask(SHOP, "left", "right").len(), 2);
    assert_eq!(
        ask(SHOP, "far", "web")[0].address.unwrap().to_string(),
        "10.9.0.1"
    );
}

/// One direction of a connection passes the host: its filter gets requests but no replies.
#[test]
fn replies_by_another_way_are_no_connection() {
    let text = "networks:
  a: { subnet: 10.1.0.0/24 }
  b: { subnet: 10.2.0.0/24 }
nodes:
  one: { networks: [a] }
  two: { networks: [b], routes: [{ to: 10.1.0.0/24, via: 10.3.0.1 }] }
links: [{ endpoints: { one: 10.3.0.1/24, two: 10.3.0.2/24 } }]
policies: [{ from: a, to: b }]
";
    let path = ask(text, "one", "10.2.0.2:80").remove(0);
    assert_eq!(
        (path.outcome, path.reason.code.text()),
        (Outcome::Filtered, "asymmetric")
    );
    let path = ask(text, "one", "10.2.0.2:53/udp").remove(0);
    assert_eq!(
        path.outcome,
        Outcome::Open,
        "datagrams are not a connection"
    );
}

/// No reply from outside can reach an internal network: no packet of it leaves.
#[test]
fn an_internal_network_sends_nothing_outside() {
    let text = "networks:
  store: { subnet: 10.2.0.0/24, internal: true }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  db: { networks: [store] }
  visitor: { networks: { world: { address: 203.0.113.9 } } }
policies: [{ from: any, to: 203.0.113.9/32 }]
";
    let path = ask(text, "db", "visitor:80").remove(0);
    assert_eq!(
        (path.outcome, path.reason.code.text()),
        (Outcome::Filtered, "internal")
    );
    assert!(path.reply.is_empty());
}

/// A router between cables forwards packets for other nodes; the path shows it.
#[test]
fn routers_pass_on() {
    let text = "nodes:
  a: { routes: [{ to: 10.2.0.0/24, via: 10.1.0.2 }] }
  r: { forwarding: true }
  b: { routes: [{ to: 10.1.0.0/24, via: 10.2.0.2 }] }
links:
  - endpoints: { a: 10.1.0.1/24, r: 10.1.0.2/24 }
  - endpoints: { r: 10.2.0.2/24, b: 10.2.0.1/24 }
";
    let path = ask(text, "a", "b:80").remove(0);
    assert_eq!(path.outcome, Outcome::Open);
    let places: Vec<String> = path.request.iter().map(|h| h.at.to_string()).collect();
    assert_eq!(places, ["a", "a", "r", "r", "r", "b", "b"]);
    let closed = text.replace("forwarding: true", "forwarding: false");
    let path = ask(&closed, "a", "b:80").remove(0);
    assert_eq!(path.reason.code.text(), "not-forwarding");
}

/// Translations are shown with the addresses before and after, and undone for replies.
#[test]
fn translations_there_and_back() {
    let path = ask(SHOP, "visitor", "host:8080").remove(0);
    let translated: Vec<String> = (path.request.iter().chain(&path.reply))
        .filter_map(|hop| match &hop.event {
            HopEvent::Translated { before } => Some(format!("{before} ⇒ {}", hop.flow)),
            _ => None,
        })
        .collect();
    assert_eq!(
        translated,
        [
            "203.0.113.9 → 203.0.113.1:8080 tcp ⇒ 203.0.113.9 → 10.1.0.10:80 tcp",
            "10.1.0.10:80 → 203.0.113.9 tcp ⇒ 203.0.113.1:8080 → 203.0.113.9 tcp",
        ]
    );
    let path = ask(SHOP, "app", "visitor").remove(0);
    let (at, flow) = path.destination().unwrap();
    assert_eq!(*at, Location::Node("visitor".parse().unwrap()));
    assert_eq!(flow.from.to_string(), "203.0.113.1", "masqueraded");
}

#[test]
fn who_is_asked_can_be_written_in_many_ways() {
    let settled = settled(SHOP);
    let rules = ruleset(&settled);
    let world = World::new(&settled, &rules, Environment::default()).unwrap();
    for (text, party, asked) in [
        ("web", "web", "icmp"),
        ("web:80", "web", "80/tcp"),
        ("web:53/udp", "web", "53/udp"),
        ("host:8080/tcp", "host", "8080/tcp"),
        ("web:80/sctp", "web", "80/sctp"),
        ("web:gre", "web", "gre"),
        ("web:ip/200", "web", "ip/200"),
        ("10.1.0.10:80", "10.1.0.10", "80/tcp"),
        ("fd01::10", "fd01::10", "icmp"),
        ("[fd01::10]:80", "fd01::10", "80/tcp"),
        ("outside", "outside", "icmp"),
    ] {
        let (to, port) = world.target(&Party::Host, text);
        assert_eq!(
            (to[0].to_string(), service(port).unwrap().to_string()),
            (party.into(), asked.into())
        );
    }
    for text in [
        "nobody",
        "web:",
        "web:0",
        "web:80/gre",
        "web:ip/300",
        "web:http",
        "",
    ] {
        let (to, port) = world.target(&Party::Host, text);
        assert!(to.is_empty() || service(port).is_err(), "{text}");
    }
}

/// A request that is dropped has a target, too.
#[test]
fn the_target_is_known_however_it_ends() {
    for (from, to, target) in [
        ("web", "app:80", "app 10.1.0.11:80"),
        ("app", "db:3306", "db 10.2.0.10:3306"),
        ("visitor", "host:8080", "web 10.1.0.10:80"),
        ("db", "host:8080", "web 10.1.0.10:80"),
        ("visitor", "web:80", "web 10.1.0.10:80"),
        ("host", "host:8080", "web 10.1.0.10:80"),
        ("visitor", "host:8081", "host 203.0.113.1:8081"),
    ] {
        let path = ask(SHOP, from, to).remove(0);
        let (at, address) = path.target.unwrap();
        assert_eq!(format!("{at} {address}"), target, "{from} → {to}");
    }
    assert_eq!(ask(SHOP, "app", "198.51.100.1:80").remove(0).target, None);
}

/// Two routers one after the other, a lan, and nodes behind them.
const ROUTERS: &str = "networks:
  street: { subnet: 10.9.0.0/24 }
  other: { subnet: 10.8.0.0/24 }
  home: { subnet: 192.168.60.0/24, internal: true }
  back: { subnet: 192.168.61.0/24, internal: true }
  air: { subnet: 192.168.70.0/24, mode: lan }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  friend: { networks: [street] }
  server: { networks: [other] }
  visitor: { networks: { world: { address: 203.0.113.9 } } }
  router:
    networks: { street: { masquerade: true }, home: { address: 192.168.60.11 }, air: { address: 192.168.70.11 } }
    forwarding: true
    routes: [{ to: 192.168.61.0/24, via: 192.168.60.12 }]
  inner: { networks: { home: { address: 192.168.60.12 }, back: { address: 192.168.61.12 } }, forwarding: true, routes: [{ to: default, via: 192.168.60.11 }] }
  laptop: { networks: { home: { address: 192.168.60.2 } }, routes: [{ to: default, via: 192.168.60.11 }] }
  deep: { networks: { back: { address: 192.168.61.2 } }, routes: [{ to: default, via: 192.168.61.12 }] }
  phone: { networks: [air], routes: [{ to: default, via: 192.168.70.11 }] }
  alone: { networks: [air] }
";

/// Reasons and help are about the place where it was decided, and the address it had there.
#[test]
fn what_routers_forward_has_reasons_of_its_own() {
    for (from, to, code, says, help) in [
        (
            "laptop",
            "friend:80",
            "forwarded",
            "laptop reaches friend through router",
            "",
        ),
        (
            "deep",
            "friend:80",
            "forwarded",
            "deep reaches friend through inner and router",
            "",
        ),
        (
            "laptop",
            "visitor:80",
            "egress",
            "router forwards it; network street is not internal: its nodes reach outside with the host's address",
            "",
        ),
        (
            "phone",
            "server:80",
            "default-deny",
            "no policy allows network street to reach network other",
            "hallway allow router server --port 80/tcp",
        ),
        (
            "alone",
            "server:80",
            "no-route",
            "alone has no route to 10.8.0.2: network air is a lan, which the host does not route for",
            "give alone a route by a router of that lan, or put it on another network too",
        ),
    ] {
        let path = ask(ROUTERS, from, to).remove(0);
        let found = (path.reason.code.text(), path.reason.text.as_str());
        assert_eq!(found, (code, says), "{from} {to}");
        assert_eq!(path.reason.help, help, "{from} {to}");
    }
    // The help leads to an answer.
    let allowed = format!("{ROUTERS}policies: [ {{ from: router, to: server }} ]\n");
    for from in ["router", "phone", "laptop", "deep"] {
        let path = ask(&allowed, from, "server:80").remove(0);
        let (outcome, reason) = (path.outcome, path.reason.text);
        assert_eq!(outcome, Outcome::Open, "{from}: {reason}");
    }
}

/// A route that is missing on the way back.
#[test]
fn replies_that_routers_drop_have_reasons_of_their_own() {
    // The reply is dropped where the router sends it to.
    let lost = ROUTERS.replace(
        "    routes: [{ to: 192.168.61.0/24, via: 192.168.60.12 }]\n",
        "",
    );
    let path = ask(&lost, "deep", "friend:80").remove(0);
    let says = "the request arrives, but not the reply: router router sends with an address";
    assert!(path.reason.text.starts_with(says), "{}", path.reason.text);
    // The second router has no route back, so that port does not take such a source from it.
    let chain = "networks: { a: { subnet: 10.1.0.0/24 }, b: { subnet: 10.2.0.0/24 }, c: { subnet: 10.3.0.0/24 } }
nodes:
  x: { networks: [a], routes: [{ to: 10.3.0.0/24, via: 10.1.0.11 }] }
  r1: { networks: { a: { address: 10.1.0.11 }, b: { address: 10.2.0.11 } }, forwarding: true, routes: [{ to: 10.3.0.0/24, via: 10.2.0.12 }] }
  r2: { networks: { b: { address: 10.2.0.12 }, c: { address: 10.3.0.12 } }, forwarding: true }
  y: { networks: { c: { address: 10.3.0.2 } } }
";
    let path = ask(chain, "x", "y:80").remove(0);
    assert_eq!(path.reason.code.text(), "spoofed-source");
    assert!(
        path.reason
            .text
            .starts_with("router r2 sends with an address"),
        "{}",
        path.reason.text
    );
}

/// Every address that a client finds for a name counts, in the order of its hosts file; without one that
/// is reached, each has an answer.
#[test]
fn a_node_is_reached_by_any_of_its_addresses() {
    let text = "networks:
  one: { subnet: 10.33.0.0/24, internal: true }
  two: { subnet: 10.34.0.0/24, internal: true }
  third: { subnet: 10.35.0.0/24 }
nodes: { b: { networks: [one, two] }, d: { networks: [third] }, quiet: { networks: [third], sysctls: { net.ipv4.icmp_echo_ignore_all: 1 } } }
";
    let allowed = format!("{text}policies: [ {{ from: d, to: two }} ]\n");
    let [path] = &ask(&allowed, "d", "b:80")[..] else {
        panic!("one answer for IPv4");
    };
    assert_eq!(path.outcome, Outcome::Open);
    assert_eq!(path.address, Some([10, 34, 0, 2].into()));
    let says = "; b is reached at 10.34.0.2, not at 10.33.0.2";
    assert!(path.reason.text.ends_with(says), "{}", path.reason.text);
    let paths = ask(text, "d", "b:80");
    let tried: Vec<_> = paths.iter().map(|p| (p.address, p.outcome)).collect();
    let of = |third| (Some([10, third, 0, 2].into()), Outcome::Filtered);
    assert_eq!(tried, [of(33), of(34)]);
    // Its own localhost, of both IP versions.
    let own = ask(text, "d", "[::1]:80").remove(0);
    assert_eq!(
        (own.outcome, own.reason.code.text()),
        (Outcome::Open, "self")
    );
    let silent = ask(text, "d", "quiet").remove(0);
    assert_eq!(silent.reason.code.text(), "echo-ignored");
    assert_eq!(ask(text, "d", "quiet:80").remove(0).outcome, Outcome::Open);
}

/// Without a node for outside, the host is asked at the address that it has on its way there.
#[test]
fn outside_asks_the_host_at_its_own_address() {
    let settled = settled(
        "networks: { a: { subnet: 10.1.0.0/24 } }
nodes: { web: { networks: [a], ports: [\"8080:80\"], command: x } }
",
    );
    let rules = ruleset(&settled);
    let route = |to: &str, link: &str, via| HostNet {
        to: to.parse().unwrap(),
        link: Some((link.to_owned(), 0)),
        via,
        drops: None,
        no_carrier: false,
    };
    let environment = Environment {
        host_addresses: ["172.17.0.1", "192.0.2.5"]
            .map(|a| a.parse().unwrap())
            .into(),
        routes: vec![
            route("0.0.0.0/0", "eth0", true),
            route("192.0.2.0/24", "eth0", false),
            route("172.17.0.0/16", "docker0", false),
        ],
        ..Environment::default()
    };
    let world = World::new(&settled, &rules, environment).unwrap();
    let question = Question {
        from: Party::Outside,
        to: Party::Host,
        service: "8080/tcp".parse().unwrap(),
    };
    let path = question.predict(&world).remove(0);
    let asked = path.address.unwrap().to_string();
    assert_eq!((asked.as_str(), path.outcome), ("192.0.2.5", Outcome::Open));
}

/// The host has an address of its own for the outside, known or not; its addresses on the project's networks
/// are not the host there.
#[test]
fn the_outside_asks_the_host_itself() {
    let text = "networks: { n: { subnet: 10.33.0.0/24 } }
nodes: { w: { networks: [n], ports: [\"8080:80\"] } }
";
    for from in ["outside", "203.0.113.9"] {
        let known = |known: &[&str]| {
            let settled = settled(text);
            let rules = ruleset(&settled);
            let environment = Environment {
                host_addresses: known.iter().map(|a| a.parse().unwrap()).collect(),
                ..Environment::default()
            };
            let world = World::new(&settled, &rules, environment).unwrap();
            let (from, to) = (world.party(from).unwrap(), Party::Host);
            let service = "8080".parse().unwrap();
            Question { from, to, service }.predict(&world).remove(0)
        };
        assert_eq!(known(&[]).outcome, Outcome::Open, "{from}");
        let path = known(&["192.168.1.10"]);
        assert_eq!(path.outcome, Outcome::Open, "{from}");
        assert_eq!(path.address, Some([192, 168, 1, 10].into()));
    }
    let straight = ask(text, "outside", "10.33.0.1:8080").remove(0);
    assert_eq!(straight.outcome, Outcome::Filtered);
}

#[test]
fn a_published_port_of_another_ip_version() {
    let text = "networks: { n: { subnet: 10.33.0.0/24 }, w: { subnet: [203.0.113.0/24, \"2001:db8::/64\"], outside: true } }
nodes: { s: { networks: [n], ports: [\"8080:80\"] }, v: { networks: [w] } }
";
    let path = ask(text, "v", "[2001:db8::1]:8080").remove(0);
    assert_eq!(
        (path.outcome, path.reason.text.as_str()),
        (
            Outcome::Refused,
            "s publishes 8080/tcp, but has no IPv6 address"
        )
    );
    assert_eq!(ask(text, "v", "203.0.113.1:8080")[0].outcome, Outcome::Open);
}
