//! The address that stands for machines outside, where addresses of that kind are in use.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use hallway_plan::reach::{Environment, HostNet, Outcome, Path, Question, Service, World};
use hallway_plan::rules::ruleset;
use hallway_plan::{Observed, Settled, Surroundings, settle};

fn settled(text: &str) -> Settled {
    let topology = hallway_spec::parse("p.yaml", text).unwrap().topology;
    let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
    settle(&topology, None, &around).unwrap()
}

fn service(port: Option<&str>) -> Result<Service, hallway_spec::InvalidService> {
    port.map_or(Ok(Service::Icmp), str::parse)
}

const TEXT: &str = "networks:
  n: { subnet: [V4NET, \"V6NET\"] }
  m: { subnet: [10.2.0.0/24, \"fd02::/64\"] }
nodes:
  a: { networks: [n], command: x, ports: [\"8080:80\"] }
  b: { networks: [m], routes: [{ to: 203.0.113.0/24, via: 10.2.0.9 }, { to: \"3fff::/64\", via: \"fd02::9\" }] }
policies: [{ from: V4NET, to: b }, { from: b, to: 198.18.0.0/24, ports: [80] }, { from: b, to: host }]
";

const PAIRS: [(&str, &str); 9] = [
    ("a", "outside"),
    ("b", "outside"),
    ("outside", "a:80"),
    ("outside", "b:80"),
    ("outside", "host:8080"),
    ("outside", "host"),
    ("host", "a"),
    ("host", "outside"),
    ("a", "b"),
];

/// The answers for each pair, where the network and a policy have these prefixes, and the host an address.
fn answers(v4: &str, v6: &str, of_host: Option<&str>) -> [Vec<(Outcome, &'static str)>; 9] {
    let settled = settled(&TEXT.replace("V4NET", v4).replace("V6NET", v6));
    let rules = ruleset(&settled);
    let route = |to: &str, via| HostNet {
        to: to.parse().unwrap(),
        link: Some(("eth0".to_owned(), 0)),
        via,
        drops: None,
        no_carrier: false,
    };
    let of_host = of_host.map(|net| net.parse::<ipnet::IpNet>().unwrap());
    let environment = Environment {
        host_addresses: of_host.iter().map(ipnet::IpNet::addr).collect(),
        routes: (of_host.iter())
            .map(|net| route(&net.trunc().to_string(), false))
            .chain([route("0.0.0.0/0", true), route("::/0", true)])
            .collect(),
        ..Environment::default()
    };
    let world = World::new(&settled, &rules, environment).unwrap();
    let ask = |(from, to): (&str, &str)| {
        let from = world.party(from).unwrap();
        let (to, port) = world.target(&from, to);
        let (to, service) = (to[0].clone(), service(port).unwrap());
        let paths = Question { from, to, service }.predict(&world);
        let code = |p: &Path| (p.outcome, p.reason.code.text());
        paths.iter().map(code).collect::<Vec<_>>()
    };
    PAIRS.map(ask)
}

/// Whatever prefix a network, a route, a policy or the host has: a machine outside is none of it. The answers are
/// those for a prefix that no address of the outside could be taken from.
#[test]
fn a_machine_outside_has_no_address_that_is_in_use() {
    let plain = answers("10.9.0.0/24", "fd09::/64", None);
    for (v4, v6) in [
        ("192.0.2.0/24", "100::/64"),
        ("192.0.2.0/28", "100::/16"),
        ("192.0.0.0/8", "2001::/16"),
        ("198.51.100.0/24", "2001:db8::/64"),
        ("198.18.0.0/15", "2001:db8::/32"),
    ] {
        assert_eq!(answers(v4, v6, None), plain, "{v4} {v6}");
    }
    for of_host in [
        "10.5.0.7/24",
        "192.0.2.1/24",
        "192.0.2.2/24",
        "192.0.2.1/32",
    ] {
        let with = answers("10.9.0.0/24", "fd09::/64", Some(of_host));
        assert_eq!(
            with,
            answers("10.9.0.0/24", "fd09::/64", Some("10.5.0.7/24")),
            "{of_host}"
        );
        let both = answers("192.0.2.128/25", "100::/64", Some(of_host));
        assert_eq!(both, with, "{of_host}");
    }
}
