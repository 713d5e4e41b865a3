//! Predictions match packets: random projects are built, and every pair is tested.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use hallway_testkit::projects::{Project, project};
use hallway_testkit::{Hallway, milliseconds, patience, sh};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Cases of each of the four tests: two hundred in all. `HALLWAY_TEST_CASES` sets another number.
const CASES: u32 = 50;

/// The reasons of predictions, and how often each was given.
type Reasons = std::cell::RefCell<std::collections::BTreeMap<String, usize>>;

/// Rules of another program, about the networks of a project.
const OTHERS: [&str; 7] = [
    // As in many hand-written rulesets.
    "table inet others {
        chain f { type filter hook forward priority 5
            ct state vmap { established : accept, related : accept, invalid : drop }
            iifname vmap { br-net0 : accept, br-net1 : jump one }
            tcp dport 80 drop; }
        chain one { ip daddr vmap { 10.20.0.0/25 : drop, 10.21.0.0-10.21.0.200 : accept }
            tcp dport vmap { 70-90 : drop }; }; }",
    "table bridge others { chain f { type filter hook forward priority 0; ip protocol vmap { icmp : drop, udp : accept }; }; }",
    "table inet others {
        map pairs { type ifname . ifname : verdict; elements = { br-net0 . br-net1 : drop, br-net1 . br-net0 : accept }; }
        chain f { type filter hook forward priority -10; iifname . oifname vmap @pairs
            meta l4proto . th dport vmap { tcp . 80 : drop, udp . 53 : accept }; }; }",
    "table inet others {
        chain p { type filter hook prerouting priority mangle; iifname br-net0 meta mark set 0x10; }
        chain q { type filter hook postrouting priority 0; meta mark 0x10 tcp dport 80 drop; }; }",
    "table inet others { chain p { type filter hook prerouting priority raw; iifname br-net1 udp dport 53 notrack; }; }",
    "table inet others {
        chain i { type filter hook input priority 0; meta nfproto ipv4 iifname vmap { br-net0 : drop }; }
        chain o { type filter hook output priority 0; oifname br-net1 meta l4proto tcp drop; }; }",
    "table ip others {
        chain p { type nat hook prerouting priority -102; iifname br-net0 tcp dport 8000-8003 redirect to :9; }
        chain q { type nat hook postrouting priority 90; oifname br-net1 masquerade; }; }",
];

/// Loads the rules; returns the table.
fn load(rules: &str) -> &str {
    std::fs::write("/run/others.nft", rules).unwrap();
    sh("nft -f /run/others.nft");
    rules.split(" {").next().unwrap()
}

/// Builds it, tests every pair, and removes it; with rules of another program if there is a number.
fn holds(
    h: &Hallway,
    project: &Project,
    others: Option<usize>,
    reasons: &Reasons,
) -> Result<(), TestCaseError> {
    let Some(text) = project.file() else {
        return Err(TestCaseError::reject("no valid file"));
    };
    let up = h.up(&text);
    if up.code == 2 {
        return Err(TestCaseError::reject("cannot be built here"));
    }
    up.ok();
    let rules = others.map_or("", |number| OTHERS[number % OTHERS.len()]);
    let table = (!rules.is_empty()).then(|| load(rules));
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
    if let Some(table) = table {
        sh(&format!("nft delete {table}"));
    }
    let text = format!("{text}{rules}\n");
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

/// Links of the host to neighbours; the first has the default routes.
fn uplinks(count: u8) {
    for number in 1..=count {
        sh(&format!(
            "ip netns add lan{number}; ip -n lan{number} link set lo up
            ip link add up{number} type veth peer name wire netns lan{number}
            ip addr add 192.168.{number}.10/24 dev up{number}; ip addr add fd00:{number}::10/64 dev up{number} nodad
            ip link set up{number} up
            ip -n lan{number} addr add 192.168.{number}.254/24 dev wire
            ip -n lan{number} addr add fd00:{number}::254/64 dev wire nodad; ip -n lan{number} link set wire up
            ip route add 10.200.{number}.0/24 via 192.168.{number}.254"
        ));
    }
    if count > 0 {
        sh("ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254");
    }
}

fn cases(seed: u8, links: u8) {
    uplinks(links);
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let count = std::env::var("HALLWAY_TEST_CASES").map_or(CASES, |n| n.parse().unwrap());
    let config = Config {
        cases: count,
        failure_persistence: None,
        // Shrinking a failing project takes many runs: it is limited where each takes minutes.
        max_shrink_iters: if patience() == 1 { 60 } else { 0 },
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let reasons = Reasons::default();
    let drawn = (project(), proptest::option::of(0..OTHERS.len()));
    let result = runner.run(&drawn, |(project, others)| {
        holds(&h, &project, others, &reasons)
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    if count < CASES {
        return;
    }
    // Every kind of answer occurs in the cases.
    let reasons = reasons.into_inner();
    for code in [
        "same-network",
        "policy-allow",
        "policy-deny",
        "default-deny",
        "published",
        "no-route",
        "host",
        "host-services",
        "egress",
        "internal",
        "no-common-family",
        "foreign-rule",
    ] {
        assert!(reasons.contains_key(code), "no case of {code}: {reasons:?}");
    }
}

/// Traffic that passes against the file is detected, although nothing listens at the destination.
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
    sh("nft insert rule inet hallway-p forwarded accept");
    let ran = h.run(&["test"]).exits(1);
    assert_eq!(ran.out.matches("FAIL").count(), 3, "{}", ran.out);
    assert!(ran.out.contains("predicted filtered"), "{}", ran.out);
    h.ok("down");
}

fn first_fifty() {
    cases(std::env::var("SEED").map_or(1, |s| s.parse().unwrap()), 0);
}

fn second_fifty() {
    cases(2, 1);
}

fn third_fifty() {
    cases(3, 2);
}

fn fourth_fifty() {
    cases(4, 3);
}

hallway_testkit::tests![
    first_fifty,
    second_fifty,
    third_fifty,
    fourth_fifty,
    what_is_open_against_the_file_is_found,
];
