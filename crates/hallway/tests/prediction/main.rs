//! Predictions match packets: random projects are built, and every pair is tested.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

mod lans;
mod nodes;
mod replies;
mod special;

use hallway_testkit::projects::{Project, project};
use hallway_testkit::{Hallway, milliseconds, patience, sh, try_sh, wait_for};
use lans::{addresses_that_programs_add, lans_with_one_subnet};
use nodes::{addresses_that_move, destinations_that_nodes_change, routes_in_nodes, rules_in_nodes};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use replies::{
    a_connection_that_only_begins, a_reply_of_a_published_port_by_a_router,
    no_redirect_changes_the_way,
};
use special::addresses_of_no_machine;

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
    // Process ids, which pings take their identifiers from, are small here: one of another case with the same
    // addresses would be the same connection.
    sh("conntrack -F; ip addr flush dev wire0 scope global");
    for address in project.addresses_on_parent() {
        sh(&format!(
            "ip addr add {address} dev wire0 $(echo {address} | sed -n 's/.*:.*/nodad/p')"
        ));
    }
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
    let other = disagreements(results);
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

/// Each result that is not as predicted, in words.
fn disagreements(results: &[serde_json::Value]) -> Vec<String> {
    results
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
        .collect()
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
    sh(
        "ip netns add switch; ip link add wire0 type veth peer name wire1 netns switch
        ip link set wire0 up; ip -n switch link set wire1 up",
    );
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
        "past-host",
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

/// Every expectation is tested with packets, and every result is as predicted.
#[track_caller]
fn agrees(h: &Hallway) {
    let ran = h.run(&["test", "--timeout-ms", &milliseconds(500)]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("different"), "{}", ran.out);
}

#[track_caller]
fn explained(h: &Hallway, from: &str, to: &str, words: &[&str]) {
    let ran = h.run(&["explain", from, to]);
    for word in words {
        assert!(
            ran.out.contains(word),
            "no {word:?} in {}{}",
            ran.out,
            ran.err
        );
    }
}

/// Requests go by one router and replies by another: a strict filter in the client drops these. An
/// answer by UDP that is lost is not a success.
fn reverse_paths_in_nodes() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let text = "nodes:
  a: { sysctls: { net.ipv4.conf.eth1.rp_filter: 1 }, routes: [ { to: 10.0.9.0/24, via: 10.0.1.2 } ] }
  r1: { forwarding: true }
  r2: { forwarding: true, routes: [ { to: 10.0.1.0/24, via: 10.0.2.1 } ] }
  b: { routes: [ { to: 10.0.1.0/24, via: 10.0.9.9 } ], command: hallway serve 80 53/udp, ready: [80/tcp, 53/udp] }
links:
  - endpoints: { a: 10.0.1.1/24, r1: 10.0.1.2/24 }
  - endpoints: { a: 10.0.2.1/24, r2: 10.0.2.2/24 }
  - endpoints: { r1: 10.0.9.5/30, b: 10.0.9.6/30 }
  - endpoints: { r2: 10.0.9.9/30, b: 10.0.9.10/30 }
expect:
  - { from: a, to: 10.0.9.6, reachable: false }
  - { from: a, to: 10.0.9.6, port: 80/tcp, reachable: false }
  - { from: a, to: 10.0.9.6, port: 53/udp, reachable: false }
";
    h.up(text).ok();
    agrees(&h);
    explained(
        &h,
        "a",
        "10.0.9.6:53/udp",
        &["not the reply: a has no route back to 10.0.9.6 by eth1"],
    );
    let loose = text
        .replace("rp_filter: 1", "rp_filter: 2")
        .replace(", reachable: false", "");
    h.up(&loose).ok();
    agrees(&h);
    // A namespace has the settings that its programs gave it, too.
    let open = text.replace(
        "net.ipv4.conf.eth1.rp_filter: 1",
        "net.ipv4.tcp_syncookies: 1",
    );
    h.up(&open.replace(", reachable: false", "")).ok();
    sh("ip netns exec a sysctl -qw net.ipv4.conf.eth1.rp_filter=1");
    explained(&h, "a", "10.0.9.6", &["filtered", "rp_filter"]);
    h.ok("down");
}

/// A node that is set to answer no ARP requests.
fn nodes_without_arp() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let text = "networks: { n: { subnet: [10.1.0.0/24, \"fd01::/64\"] } }
nodes: { a: { networks: [n] }, b: { networks: { n: { address: [10.1.0.9, \"fd01::9\"] } }, sysctls: { net.ipv4.conf.all.arp_ignore: 8 } } }
expect: [ { from: a, to: 10.1.0.9, reachable: false }, { from: a, to: \"fd01::9\" } ]
";
    h.up(text).ok();
    agrees(&h);
    explained(
        &h,
        "a",
        "10.1.0.9",
        &["b does not answer ARP requests for 10.1.0.9"],
    );
    h.ok("down");
}

/// The host's own filter, with two links to outside: what comes in by the one without a route back is
/// dropped.
fn reverse_paths_of_the_host() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    sh(
        "ip netns add lan; ip -n lan link set lo up; ip -n lan addr add 203.0.113.9/32 dev lo
        for n in 1 2; do ip link add up$n type veth peer name w$n netns lan
        ip addr add 192.168.$n.10/24 dev up$n; ip link set up$n up
        ip -n lan addr add 192.168.$n.254/24 dev w$n; ip -n lan link set w$n up
        ip -n lan route replace 192.168.$n.0/24 dev w$n src 203.0.113.9; done
        ip route add default via 192.168.1.254; sysctl -qw net.ipv4.conf.up2.rp_filter=1",
    );
    let text = "networks: { n: { subnet: 10.1.0.0/24 } }
nodes: { web: { networks: [n], ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp } }
";
    let up = h.up(text);
    assert!(
        up.err.contains("warning[wrong-way]") || up.err.contains("no route back"),
        "{}",
        up.err
    );
    up.ok();
    let ask = |address: &str| {
        let connect = format!("timeout 1 bash -c 'exec 3<>/dev/tcp/{address}/8080'");
        try_sh(&format!("ip netns exec lan {connect}")).is_ok()
    };
    assert!(ask("192.168.1.10") && !ask("192.168.2.10"));
    explained(&h, "203.0.113.9", "192.168.1.10:8080", &["open"]);
    let why = ["filtered", "no route back to 203.0.113.9 by up2"];
    explained(&h, "203.0.113.9", "192.168.2.10:8080", &why);
    // A route for what the host itself sends from that address is none for what nodes answer.
    sh(
        "ip route add default via 192.168.2.254 table 102; ip rule add from 192.168.2.10 lookup 102",
    );
    assert!(ask("192.168.1.10") && !ask("192.168.2.10"));
    explained(&h, "203.0.113.9", "192.168.1.10:8080", &["open"]);
    explained(&h, "203.0.113.9", "192.168.2.10:8080", &why);
    sh("ip rule del from 192.168.2.10 lookup 102; sysctl -qw net.ipv4.conf.up2.rp_filter=2");
    explained(&h, "203.0.113.9", "192.168.2.10:8080", &["open"]);
    // What the host itself sends, and what its programs receive.
    sh("ping -c 1 -W 30 203.0.113.9");
    explained(&h, "host", "203.0.113.9", &["open"]);
    explained(&h, "host", "192.168.1.10:9100", &["refused"]);
    let _program = std::net::TcpListener::bind("0.0.0.0:9100").unwrap();
    let open = ["open", "a program of the host listens there"];
    explained(&h, "host", "192.168.1.10:9100", &open);
    explained(&h, "host", "127.0.0.1:9100", &open);
    explained(&h, "203.0.113.9", "192.168.1.10:9100", &open);
    h.ok("down");
}

/// Addresses of a single link: of members of a network, of the other end of a cable, of the host.
fn link_local_addresses() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let text = "networks: { n: { subnet: [10.1.0.0/24, \"fd01::/64\"] }, l: { mode: lan } }
nodes: { a: { networks: [n, l] }, b: { networks: [n, l], command: hallway serve 80, ready: 80/tcp }, c: { networks: [n] } }
links: [ { endpoints: { a: \"fd02::1/64\", c: \"fd02::2/64\" } } ]
";
    h.up(text).ok();
    let of = |node: &str, link: &str| {
        let shown = sh(&format!(
            "ip -n {node} -6 -o addr show dev {link} scope link"
        ));
        let net = shown.split_whitespace().nth(3).unwrap();
        net.split('/').next().unwrap().to_owned()
    };
    wait_for("usable addresses", || {
        !sh("ip -n a -6 addr; ip -n b -6 addr; ip -n c -6 addr").contains("tentative")
    });
    let host = sh("ip -6 -o addr show dev br-n scope link");
    let host = host
        .split_whitespace()
        .nth(3)
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    for to in [
        of("b", "eth0"),
        of("b", "eth1"),
        of("c", "eth1"),
        host.to_owned(),
    ] {
        h.run(&["explain", "a", &to]).exits(0);
        h.run(&["reach", "a", &to, "--timeout-ms", &milliseconds(5000)])
            .exits(0);
    }
    let on_lan = of("b", "eth1");
    for to in [
        format!("[{on_lan}%eth1]:80"),
        format!("[{}]:80", of("b", "eth0")),
    ] {
        h.run(&["reach", "a", &to, "--timeout-ms", &milliseconds(5000)])
            .exits(0);
    }
    let wrong = h.run(&["reach", "a", &format!("{on_lan}%eth0")]).exits(2);
    assert!(wrong.err.contains("by eth1, not by eth0"), "{}", wrong.err);
    h.run(&["deny", "a", "b"]).ok();
    let denied = of("b", "eth0");
    h.run(&["explain", "a", &denied]).exits(1);
    h.run(&["reach", "a", &denied, "--timeout-ms", &milliseconds(500)])
        .exits(1);
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
    reverse_paths_in_nodes,
    nodes_without_arp,
    reverse_paths_of_the_host,
    link_local_addresses,
    addresses_that_move,
    routes_in_nodes,
    rules_in_nodes,
    destinations_that_nodes_change,
    lans_with_one_subnet,
    addresses_that_programs_add,
    addresses_of_no_machine,
    a_reply_of_a_published_port_by_a_router,
    a_connection_that_only_begins,
    no_redirect_changes_the_way,
];
