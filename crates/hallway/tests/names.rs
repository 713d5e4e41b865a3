//! What a file leaves out or names twice: subnets that are chosen, one name for a node and a network,
//! further names.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, sh, wait_for};

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

const FILE: &str = "
networks: { front: {}, back: , store: { internal: true } }
nodes:
  web: { networks: [front, back], ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp }
  app: { networks: [back] }
  db: { networks: [store] }
policies: [ { from: app, to: db, ports: [5432/tcp] } ]
expect:
  - { from: app, to: web, port: 80/tcp }
  - { from: app, to: db, port: 5432/tcp }
  - { from: host, to: web, port: 80/tcp }
";

fn subnets() -> Vec<String> {
    let shown = sh("ip -o -4 addr show | grep ' br-' | sed 's/  */ /g' | cut -d' ' -f2,4 | sort");
    shown.lines().map(str::to_owned).collect()
}

/// A network without a subnet gets one that overlaps nothing that is routed here, and keeps it.
fn subnets_are_chosen_and_kept() {
    let h = hallway();
    sh("ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up
        ip addr add 10.88.0.7/24 dev up0; ip route add 10.88.2.0/23 via 10.88.0.9; ip route add blackhole 10.88.5.0/24");
    let before = Snapshot::take();
    h.up(FILE).ok();
    h.run(&["test"]).ok();
    let chosen = subnets();
    assert_eq!(
        chosen,
        [
            "br-back 10.88.4.1/24",
            "br-front 10.88.1.1/24",
            "br-store 10.88.6.1/24"
        ]
    );
    assert!(h.up(FILE).ok().is_empty() || h.run(&["plan", "--detailed-exitcode"]).code == 0);
    // A network more, and one that is gone, change nothing of the others.
    let more = FILE.replace("networks: { front: {},", "networks: { new: {}, front: {},");
    h.up(&more).ok();
    for network in &chosen {
        assert!(subnets().contains(network), "{:?}", subnets());
    }
    h.ok("node add late --network back");
    assert!(h.pings("late", "10.88.4.2"));
    h.run(&["test"]).ok();
    h.ok("down");
    before.unchanged();
}

fn a_node_and_a_network_may_have_one_name() {
    let h = hallway();
    let file = |policy: &str| {
        format!(
            "networks: {{ web: {{ subnet: 10.1.0.0/24 }}, db: {{ subnet: 10.2.0.0/24 }} }}
nodes: {{ web: {{ networks: [web] }}, other: {{ networks: [web] }}, db: {{ networks: [db] }} }}
policies: [ {{ {policy} }} ]
expect:
  - {{ from: node:web, to: node:db }}
  - {{ from: other, to: node:db, reachable: false }}
"
        )
    };
    h.up(&file("from: web, to: network:db"))
        .exits(2)
        .says("write node:web or network:web");
    h.up(&file("from: node:web, to: network:db")).ok();
    h.run(&["test"]).ok();
    h.ok("node rm web");
    let left = h.ok("export");
    assert!(!left.contains("node:web"), "{left}");
    h.ok("down");
}

fn further_names_are_found() {
    let h = hallway();
    h.up("
networks: { n: { subnet: 10.1.0.0/24 } }
nodes:
  web: { networks: { n: { address: 10.1.0.5, aliases: [www, www.example.org] } } }
  app:
    networks: [n]
    extra_hosts: { legacy: 10.9.9.9 }
    dns: [10.1.0.5]
    dns_search: [example.org, corp]
  old: { networks: [n], extra_hosts: [\"legacy:10.9.9.8\", \"six=[fd00::8]\"] }
")
        .ok();
    let found = |node: &str, name: &str| h.run(&["exec", node, "--", "getent", "hosts", name]).out;
    for name in ["web", "www", "www.example.org"] {
        assert!(found("app", name).contains("10.1.0.5"), "{name}");
        assert!(found("old", name).contains("10.1.0.5"), "{name}");
    }
    assert!(found("app", "legacy").contains("10.9.9.9"));
    assert!(found("old", "legacy").contains("10.9.9.8"));
    assert!(found("old", "six").contains("fd00::8"));
    assert!(!found("web", "legacy").contains("10.9.9"));
    let resolv = h.ok("exec app -- cat /etc/resolv.conf");
    assert!(resolv.contains("nameserver 10.1.0.5"), "{resolv}");
    assert!(resolv.contains("search example.org corp"), "{resolv}");
    h.ok("down");
}

/// A node reaches itself, whatever is published or denied.
fn a_node_may_be_expected_to_reach_itself() {
    let h = hallway();
    let file = |reachable: &str| {
        format!(
            "networks: {{ a: {{ subnet: 10.1.0.0/24 }} }}
nodes: {{ x: {{ networks: [a] }}, y: {{ networks: [a] }} }}
expect: [ {{ from: x, to: x, port: 81/tcp{reachable} }}, {{ from: a, to: a }} ]
"
        )
    };
    h.up(&file("")).ok();
    let all = h.run(&["test"]).ok();
    assert!(all.contains("x → x"), "{all}");
    assert!(!all.contains("y → y"), "{all}");
    h.up(&file(", reachable: false")).ok();
    let failed = h.run(&["test"]).exits(1).out;
    assert!(failed.contains("FAIL  x → x"), "{failed}");
    h.ok("down");
}

/// Programs see the host name that the file gives, and resolve it.
fn a_host_name_of_its_own() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let file = "networks: { n: { subnet: 10.9.0.0/24 } }
nodes:
  web: { networks: { n: { address: 10.9.0.7 } }, hostname: shop.example, command: \"sh -c 'hostname; exec sleep 1000'\" }
  beside: { namespace: node:web, command: \"sh -c 'hostname; exec sleep 1000'\" }
  other: { networks: [n] }
";
    h.up(file).ok();
    for program in ["web", "beside"] {
        wait_for("the line", || {
            h.ok(&format!("logs {program}")) == "shop.example\n"
        });
        assert!(h.inside(program, "test $(hostname) = shop.example"));
    }
    assert!(h.inside("web", "getent hosts shop.example | grep -q 10.9.0.7"));
    assert!(h.inside("other", "test $(hostname) = other"));
    h.up(&file.replace("shop.example", "shop2.example")).ok();
    wait_for("the new name", || {
        h.ok("logs web").ends_with("shop2.example\n")
    });
}

hallway_testkit::tests![
    a_host_name_of_its_own,
    a_node_may_be_expected_to_reach_itself,
    subnets_are_chosen_and_kept,
    a_node_and_a_network_may_have_one_name,
    further_names_are_found,
];
