//! The packet filter in the output of `nft`.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::fmt::Write as _;

use hallway_testkit::{Hallway, nft_json, sh};
use serde_json::Value;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

fn rules() -> Vec<Value> {
    nft_json()
        .into_iter()
        .filter_map(|o| o.get("rule").cloned())
        .collect()
}

fn big(nodes: usize) -> String {
    let mut out = String::from(
        "networks: { apps: { subnet: 10.9.0.0/16 }, store: { subnet: 10.8.0.0/16, internal: true } }\nnodes:\n",
    );
    for n in 0..nodes {
        let port = 9000 + n;
        writeln!(
            out,
            "  web{n}: {{ networks: [apps], ports: [\"{port}:80\", \"{port}:53/udp\"] }}\n  db{n}: {{ networks: [store] }}"
        )
        .unwrap();
    }
    let list = |prefix: &str| {
        (0..nodes)
            .map(|n| format!("{prefix}{n}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    writeln!(
        out,
        "policies:\n  - {{ from: [{}], to: [{}], ports: [3306/tcp] }}",
        list("web"),
        list("db")
    )
    .unwrap();
    out
}

/// Maps and sets grow; the number of rules, which every packet passes one by one, does not.
fn their_number_does_not_grow() {
    let h = hallway();
    h.up(&big(2)).ok();
    let few = rules().len();
    h.up(&big(60)).ok();
    assert_eq!(rules().len(), few);
    h.ok("down");
    h.up(&big(60)).ok();
    assert_eq!(rules().len(), few, "built at once as well");
    assert!(few > 10, "{few}");
}

/// Every rule of a policy, and every published port, names what it is of; no line of a file.
fn they_name_what_they_are_of() {
    let h = hallway();
    h.up(
        "networks: { apps: { subnet: [10.9.0.0/24, fd09::/64] }, store: { subnet: 10.8.0.0/24 } }
nodes:
  a: { networks: [apps], ports: [\"8080:80\"] }
  b: { networks: [apps] }
  c: { networks: [store] }
policies:
  - { from: a, to: c, ports: [80/tcp, icmp] }
  - { action: deny, between: [a, b] }
",
    )
    .ok();
    let listed = sh("nft list ruleset");
    for place in ["nodes.a.ports", "policy 1", "policy 2"] {
        assert!(listed.contains(place), "{place}\n{listed}");
    }
    assert!(!listed.contains(" line "), "{listed}");
}

const COMPOSE: &str = "# one
# two
x-hallway:
  policies:
    - { action: deny, from: web, to: db, ports: [22/tcp] }
services:
  web: { image: nginx, ports: [\"8080:80\"] }
  db: { image: postgres }
";

/// A command rewrites the recorded text of the project, so keys and line numbers in it change.
fn commands_that_cancel_each_other_leave_no_difference() {
    sh("ip link set lo up; mkdir -p /run/shop");
    std::fs::write("/run/shop/compose.yaml", COMPOSE).unwrap();
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).within("/run/shop");
    h.ok("up");
    let before = sh("nft -s list ruleset");
    let cleared = h.run(&["impair", "web", "--clear"]).exits(0);
    assert!(!cleared.err.contains("removed"), "{}", cleared.err);
    h.ok("publish web 8081:81");
    h.ok("unpublish web 8081:81");
    assert_eq!(sh("nft -s list ruleset"), before);
    assert!(h.ok("plan").contains("nothing to change"));
    h.ok("down");
}

/// A hop names the place of the policy in the file as the reason does, also after a command; none for a policy
/// that a command added.
fn hops_name_lines_of_the_file() {
    sh("ip link set lo up; mkdir -p /run/shop");
    std::fs::write("/run/shop/compose.yaml", COMPOSE).unwrap();
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).within("/run/shop");
    h.ok("up");
    let hop = |words: &str, says: &str| {
        let ran = h.run(&words.split(' ').collect::<Vec<_>>());
        let mut lines = ran.out.lines();
        let line = lines
            .find(|l| l.contains("inet forwarded"))
            .unwrap_or_default();
        assert!(line.ends_with(says), "{words}: {says}\n{}", ran.out);
    };
    for verb in ["explain", "trace"] {
        let to_db = format!("{verb} web db:22");
        hop(&to_db, "drop: policy 1 (compose.yaml:5:7)");
        h.ok("deny db web --port 99");
        hop(&to_db, "drop: policy 2 (compose.yaml:5:7)");
        hop(&format!("{verb} db web:99"), "drop: policy 1");
        h.ok("policy rm 1");
    }
    h.ok("down");
}

/// nft can load its own listing, in a separate namespace, with the same result.
fn nft_loads_what_it_lists() {
    let h = hallway();
    for example in std::fs::read_dir(EXAMPLES).unwrap() {
        let path = example.unwrap().path();
        let path = path.to_str().unwrap();
        h.run(&["up", path]).ok();
        // Everything is loaded; the guard belongs to the nft that loads it, and ends with it.
        // Packets add elements to some sets at any time: both are of the same listing.
        sh("nft -s list ruleset > /run/keep");
        let listed = std::fs::read_to_string("/run/keep").unwrap();
        let own = ["inet hallway-p", "bridge hallway-p"].map(|table| {
            let start = listed.find(&format!("table {table} {{\n")).unwrap();
            let length = listed[start..].find("\n}\n").unwrap() + 3;
            &listed[start..start + length]
        });
        let list = "nft -s list table inet hallway-p; nft -s list table bridge hallway-p";
        let again = sh(&format!("unshare -n sh -c 'nft -f /run/keep && {list}'"));
        assert_eq!(again, own.concat(), "{path}");
        h.run(&["down", path]).ok();
    }
}

/// Only hallway's tables exist, and only packets of hallway's networks pass their rules.
fn only_tables_of_our_own() {
    let h = hallway();
    h.up(&big(2)).ok();
    let tables: Vec<String> = nft_json()
        .iter()
        .filter_map(|o| o.get("table")?.get("name")?.as_str().map(str::to_owned))
        .collect();
    assert!(
        !tables.is_empty()
            && tables
                .iter()
                .all(|t| t == "hallway-p" || t == "hallway.guard.p"),
        "{tables:?}"
    );
    for chain in nft_json().iter().filter_map(|o| o.get("chain")) {
        if let Some(policy) = chain.get("policy") {
            assert_eq!(
                policy, "accept",
                "a base chain's policy would apply to foreign packets: {chain}"
            );
        }
    }
}

hallway_testkit::tests![
    their_number_does_not_grow,
    they_name_what_they_are_of,
    commands_that_cancel_each_other_leave_no_difference,
    hops_name_lines_of_the_file,
    nft_loads_what_it_lists,
    only_tables_of_our_own,
];
