//! What is predicted is what packets do: random projects are built, and everyone asks everyone.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use std::fmt::Write as _;

use hallway_testkit::{Hallway, milliseconds, sh};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Cases of each of the four tests: two hundred together. `HALLWAY_TEST_CASES` sets another number.
const CASES: u32 = 50;

#[derive(Debug, Clone)]
struct Network {
    /// 0: IPv4, 1: IPv6, else both.
    family: u8,
    /// 0: internal, 1: outside, 2: routed, else a plain bridge.
    kind: u8,
}

#[derive(Debug, Clone)]
struct Node {
    networks: Vec<usize>,
    published: Option<u16>,
    forwarding: bool,
    /// Also knows the way to this network through the host, whoever it is.
    intruder: Option<usize>,
}

#[derive(Debug, Clone)]
struct Policy {
    deny: bool,
    between: bool,
    from: u8,
    to: u8,
    service: u8,
}

#[derive(Debug, Clone)]
struct Project {
    networks: Vec<Network>,
    nodes: Vec<Node>,
    links: Vec<(usize, usize, u8)>,
    policies: Vec<Policy>,
}

fn network() -> impl Strategy<Value = Network> {
    (0..8u8, 0..7u8).prop_map(|(family, kind)| Network { family, kind })
}

fn node() -> impl Strategy<Value = Node> {
    (
        prop::collection::vec(0..5usize, 0..3),
        prop::option::weighted(0.3, 0..4u16),
        prop::bool::weighted(0.15),
        prop::option::weighted(0.5, 0..5usize),
    )
        .prop_map(|(networks, published, forwarding, intruder)| Node {
            networks,
            published,
            forwarding,
            intruder,
        })
}

fn policy() -> impl Strategy<Value = Policy> {
    (
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.2),
        0..24u8,
        0..24u8,
        0..8u8,
    )
        .prop_map(|(deny, between, from, to, service)| Policy {
            deny,
            between,
            from,
            to,
            service,
        })
}

fn project() -> impl Strategy<Value = Project> {
    (
        prop::collection::vec(network(), 1..=5),
        prop::collection::vec(node(), 2..=12),
        prop::collection::vec((0..12usize, 0..12usize, 0..3u8), 0..3),
        prop::collection::vec(policy(), 0..6),
    )
        .prop_map(|(networks, nodes, links, policies)| Project {
            networks,
            nodes,
            links,
            policies,
        })
}

impl Project {
    fn subnets(&self, at: usize) -> Vec<(String, String)> {
        let mut out = Vec::new();
        if self.networks[at].family != 1 {
            out.push((
                format!("10.{}.0.0/24", 20 + at),
                format!("10.{}.0.1", 20 + at),
            ));
        }
        if self.networks[at].family == 1 || self.networks[at].family > 2 {
            out.push((format!("fd{}::/64", 20 + at), format!("fd{}::1", 20 + at)));
        }
        out
    }

    fn member(&self, node: &Node) -> Vec<usize> {
        let mut out: Vec<usize> = Vec::new();
        for at in &node.networks {
            let at = at % self.networks.len();
            // One in the outside world is not inside too.
            let mixed = out
                .iter()
                .any(|o| (self.networks[*o].kind == 1) != (self.networks[at].kind == 1));
            if !out.contains(&at) && !mixed {
                out.push(at);
            }
        }
        out
    }

    fn endpoint(&self, number: u8) -> String {
        match number {
            0 => "host".into(),
            1 => "outside".into(),
            2 => "any".into(),
            3 => "10.21.0.0/25".into(),
            4 => "10.20.0.2/32".into(),
            5 => "\"fd21::/64\"".into(),
            6..12 => format!("net{}", usize::from(number) % self.networks.len()),
            _ => format!("n{}", usize::from(number) % self.nodes.len()),
        }
    }

    fn policy(&self, policy: &Policy) -> String {
        let (from, to) = (self.endpoint(policy.from), self.endpoint(policy.to));
        let ends = if policy.between && from != to {
            format!("between: [{from}, {to}]")
        } else {
            format!("from: {from}, to: {to}")
        };
        let action = if policy.deny { "deny" } else { "allow" };
        let ports = match policy.service {
            0 => ", ports: [80/tcp]",
            1 => ", ports: [70-90/tcp, 53/udp]",
            2 => ", ports: [icmp]",
            3 => ", ports: [udp]",
            4 => ", ports: [tcp, icmp]",
            _ => "",
        };
        format!("  - {{ action: {action}, {ends}{ports} }}\n")
    }

    fn text(&self, policies: &[&Policy]) -> String {
        let mut out = String::from("name: p\nnetworks:\n");
        for (at, network) in self.networks.iter().enumerate() {
            let subnets: Vec<String> = self
                .subnets(at)
                .iter()
                .map(|s| format!("\"{}\"", s.0))
                .collect();
            let kind = match network.kind {
                0 => ", internal: true",
                1 => ", outside: true",
                2 => ", mode: routed",
                _ => "",
            };
            writeln!(
                out,
                "  net{at}: {{ subnet: [{}]{kind} }}",
                subnets.join(", ")
            )
            .unwrap();
        }
        out.push_str("nodes:\n");
        for (at, node) in self.nodes.iter().enumerate() {
            let networks = self.member(node);
            let names: Vec<String> = networks.iter().map(|n| format!("net{n}")).collect();
            write!(out, "  n{at}: {{ networks: [{}]", names.join(", ")).unwrap();
            let way_out = networks.iter().any(|n| self.networks[*n].kind > 1);
            if let (Some(port), true) = (node.published, way_out) {
                let entry = match port {
                    0 => format!("{}:80", 8000 + at),
                    1 => format!("{}:53/udp", 8000 + at),
                    2 => format!("{0}-{1}:{0}-{1}", 9000 + at * 10, 9002 + at * 10),
                    _ => format!("{}:80\", \"{}:53/udp", 8000 + at, 8000 + at),
                };
                write!(out, ", ports: [\"{entry}\"]").unwrap();
            }
            if node.forwarding {
                out.push_str(", forwarding: true");
            }
            let first = networks.first().filter(|n| self.networks[**n].kind != 0);
            if let (Some(to), Some(first)) = (node.intruder, first) {
                let to = to % self.networks.len();
                let own = self.subnets(*first);
                let routes: Vec<String> = (self.subnets(to).iter())
                    .filter(|_| !networks.contains(&to))
                    .filter_map(|(subnet, _)| {
                        let same = own
                            .iter()
                            .find(|o| o.0.contains(':') == subnet.contains(':'))?;
                        Some(format!("{{ to: \"{subnet}\", via: \"{}\" }}", same.1))
                    })
                    .collect();
                write!(out, ", routes: [{}]", routes.join(", ")).unwrap();
            }
            out.push_str(" }\n");
        }
        let links: Vec<String> = (self.links.iter().enumerate())
            .map(|(at, (a, b, family))| (at, a % self.nodes.len(), b % self.nodes.len(), family))
            .filter(|(_, a, b, _)| a != b)
            .map(|(at, a, b, family)| {
                let ends = match family {
                    0 => (format!("10.9.{at}.1/24"), format!("10.9.{at}.2/24")),
                    1 => (
                        format!("\"fd09:{at}::1/64\""),
                        format!("\"fd09:{at}::2/64\""),
                    ),
                    _ => (
                        format!("[10.9.{at}.1/24, \"fd09:{at}::1/64\"]"),
                        format!("[10.9.{at}.2/24, \"fd09:{at}::2/64\"]"),
                    ),
                };
                format!("  - endpoints: {{ n{a}: {}, n{b}: {} }}\n", ends.0, ends.1)
            })
            .collect();
        if !links.is_empty() {
            out.push_str("links:\n");
            out.push_str(&links.concat());
        }
        if !policies.is_empty() {
            out.push_str("policies:\n");
            for policy in policies {
                out.push_str(&self.policy(policy));
            }
        }
        out
    }

    /// The file, less the policies that hallway refuses because they could have no effect.
    fn file(&self) -> Option<String> {
        let mut policies: Vec<&Policy> = self.policies.iter().collect();
        loop {
            let text = self.text(&policies);
            let Err(problems) = hallway_spec::parse("p.yaml", &text) else {
                return Some(text);
            };
            let key = problems.problems.iter().find_map(|p| {
                let key = &p.place.as_ref()?.key;
                let rest = key.strip_prefix("policies[")?;
                rest.split_once(']')?.0.parse::<usize>().ok()
            });
            policies.remove(key?);
        }
    }
}

/// Why what was predicted, how often.
type Reasons = std::cell::RefCell<std::collections::BTreeMap<String, usize>>;

/// Builds it, lets everyone ask everyone, and removes it.
fn holds(h: &Hallway, project: &Project, reasons: &Reasons) -> Result<(), TestCaseError> {
    let Some(text) = project.file() else {
        return Err(TestCaseError::reject("no valid file"));
    };
    let up = h.up(&text);
    if up.code == 2 {
        return Err(TestCaseError::reject("cannot be built here"));
    }
    up.ok();
    let limit = milliseconds(800);
    let words = [
        "test",
        "--matrix",
        "--timeout-ms",
        &limit,
        "--format",
        "json",
    ];
    let ran = h.run(&words);
    h.ok("down");
    let Ok(value) = serde_json::from_str::<serde_json::Value>(&ran.out) else {
        return Err(TestCaseError::fail(format!(
            "{}{}\n{text}",
            ran.out, ran.err
        )));
    };
    let results = value["results"].as_array().unwrap();
    for result in results {
        let code = result["predicted"]["reason"]["code"].as_str().unwrap();
        *reasons.borrow_mut().entry(code.to_owned()).or_default() += 1;
    }
    let other: Vec<String> = results
        .iter()
        .filter(|r| r["agrees"] == false)
        .map(|r| {
            format!(
                "{} → {} ({}) {}: {} predicted {}, measured {} {}",
                r["from"],
                r["to"],
                r["address"],
                r["service"],
                r["predicted"]["reason"]["text"],
                r["predicted"]["outcome"],
                r["measured"]["outcome"],
                r["measured"]["detail"]
            )
        })
        .collect();
    if !other.is_empty() {
        return Err(TestCaseError::fail(format!("{}\n{text}", other.join("\n"))));
    }
    let unasked = results
        .iter()
        .filter(|r| r["measured"].is_null() && !r["address"].is_null());
    if unasked.count() > 0 {
        return Err(TestCaseError::fail(format!(
            "not everything was tried\n{text}"
        )));
    }
    Ok(())
}

fn cases(seed: u8) {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let count = std::env::var("HALLWAY_TEST_CASES").map_or(CASES, |n| n.parse().unwrap());
    let config = Config {
        cases: count,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let reasons = Reasons::default();
    if let Err(failure) = runner.run(&project(), |project| holds(&h, &project, &reasons)) {
        panic!("{failure}");
    }
    if count < CASES {
        return;
    }
    // The cases are worth something: every kind of answer is among them.
    let reasons = reasons.into_inner();
    for code in [
        "same-network",
        "policy-allow",
        "policy-deny",
        "default-deny",
        "published",
        "no-route",
        "direct-routing",
        "host",
        "host-services",
        "egress",
        "internal",
        "no-common-family",
    ] {
        assert!(reasons.contains_key(code), "no case of {code}: {reasons:?}");
    }
}

/// A way that is open against the file is found open, although nothing listens at its end.
fn what_is_open_against_the_file_is_found() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let text = "networks: { a: { subnet: 10.1.0.0/24 }, b: { subnet: 10.2.0.0/24 } }
nodes: { one: { networks: [a] }, two: { networks: [b] } }
expect:
  - { from: one, to: two, port: 80/tcp, reachable: false }
  - { from: one, to: two, port: 53/udp, reachable: false }
  - { from: one, to: two, reachable: false }
";
    h.up(text).ok();
    h.run(&["test"]).ok();
    sh("nft flush chain inet hallway-p forwarded");
    let ran = h.run(&["test"]).exits(1);
    assert_eq!(ran.out.matches("FAIL").count(), 3, "{}", ran.out);
    assert!(ran.out.contains("predicted filtered"), "{}", ran.out);
    h.ok("down");
}

fn first_fifty() {
    cases(std::env::var("SEED").map_or(1, |s| s.parse().unwrap()));
}

fn second_fifty() {
    cases(2);
}

fn third_fifty() {
    cases(3);
}

fn fourth_fifty() {
    cases(4);
}

hallway_testkit::tests![
    first_fifty,
    second_fifty,
    third_fifty,
    fourth_fifty,
    what_is_open_against_the_file_is_found,
];
