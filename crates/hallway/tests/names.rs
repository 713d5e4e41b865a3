//! Missing and ambiguous names in a file: subnets that are chosen, one name for a node and a network,
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

/// A network without a subnet gets one that overlaps no route here, and keeps it.
fn subnets_are_chosen_and_kept() {
    let h = hallway();
    sh("ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up
        ip addr add 10.72.0.7/24 dev up0; ip route add 10.72.2.0/23 via 10.72.0.9; ip route add blackhole 10.72.5.0/24");
    let before = Snapshot::take();
    h.up(FILE).ok();
    h.run(&["test"]).ok();
    let chosen = subnets();
    assert_eq!(
        chosen,
        [
            "br-back 10.72.4.1/24",
            "br-front 10.72.1.1/24",
            "br-store 10.72.6.1/24"
        ]
    );
    assert!(h.up(FILE).ok().is_empty() || h.run(&["plan", "--detailed-exitcode"]).code == 0);
    // An added and a removed network change nothing of the others.
    let more = FILE.replace("networks: { front: {},", "networks: { new: {}, front: {},");
    h.up(&more).ok();
    for network in &chosen {
        assert!(subnets().contains(network), "{:?}", subnets());
    }
    h.ok("node add late --network back");
    assert!(h.pings("late", "10.72.4.2"));
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

const NAMED: &str = "
networks: { n: { subnet: 10.1.0.0/24 } }
nodes:
  web: { networks: { n: { address: 10.1.0.5 } }, command: hallway serve 80, ready: 80/tcp }
  app: { networks: [n], command: hallway serve 81, ready: 81/tcp }
  old: { networks: [n], command: hallway serve 82, ready: 82/tcp, extra_hosts: { legacy: 10.9.9.9 }, dns: 10.1.0.5, dns_search: [corp] }
";

/// What the program of a node sees.
fn seen(port: u16, file: &str) -> String {
    sh(&format!(
        "cat /proc/$(pgrep -f '^hallway serve {port}')/root/etc/{file}"
    ))
}

fn programs() -> String {
    sh("pgrep -f '^hallway serve' | sort")
}

/// A text of the file, the one that replaces it, and lines of `plan` and `up` about that.
const CHANGES: [(&str, &str, &[&str]); 6] = [
    (
        "address: 10.1.0.5 }",
        "address: 10.1.0.5, aliases: [www] }",
        &["create alias www  of web"],
    ),
    (
        "extra_hosts: { legacy: 10.9.9.9 }",
        "extra_hosts: { legacy: 10.9.9.8 }",
        &[
            "remove extra host 10.9.9.9 legacy  of old",
            "create extra host 10.9.9.8 legacy  of old",
        ],
    ),
    (
        "dns: 10.1.0.5",
        "dns: [10.1.0.6, 10.1.0.5]",
        &["create name server 10.1.0.6  of old"],
    ),
    (
        "dns: [10.1.0.6, 10.1.0.5]",
        "dns: [10.1.0.5, 10.1.0.6]",
        &["change name server 10.1.0.5, 10.1.0.6  of old, in this order"],
    ),
    (
        ", dns: [10.1.0.5, 10.1.0.6], dns_search: [corp]",
        "",
        &[
            "remove name server 10.1.0.5  of old",
            "remove search domain corp  of old",
        ],
    ),
    (
        "ready: 81/tcp",
        "ready: 81/tcp, dns: 10.1.0.7, extra_hosts: { far: 10.9.9.7 }",
        &[
            "create extra host 10.9.9.7 far  of app",
            "create name server 10.1.0.7  of app",
        ],
    ),
];

/// Changed names of the file are listed by `plan` and `up`, and running programs see them.
fn changed_names_are_said_and_restart_nothing() {
    let h = hallway();
    h.up(NAMED).ok();
    let running = programs();
    let mut file = NAMED.to_owned();
    for (from, to, lines) in CHANGES {
        let changed = file.replace(from, to);
        assert_ne!(changed, file, "{from}");
        file = changed;
        std::fs::write("/run/plan.yaml", &file).unwrap();
        let plan = h
            .run(&["plan", "--detailed-exitcode", "/run/plan.yaml"])
            .exits(2)
            .out;
        let up = h.up(&file).exits(0).err;
        for line in lines {
            assert!(plan.contains(line), "{line}\n{plan}");
            assert!(up.contains(line), "{line}\n{up}");
        }
        assert!(!plan.contains("restart"), "{plan}");
        assert_eq!(programs(), running);
        h.run(&["status", "--exit-code"]).exits(0);
        h.run(&["plan", "--detailed-exitcode"]).exits(0);
    }
    wait_for("the names", || {
        seen(82, "hosts").contains("10.9.9.8\tlegacy") && seen(81, "hosts").contains("far")
    });
    assert!(seen(80, "hosts").contains("10.1.0.5\tweb www"));
    wait_for("the name servers", || {
        seen(81, "resolv.conf").contains("10.1.0.7")
    });
    assert!(!seen(82, "resolv.conf").contains("10.1.0.5"));
    h.ok("down");
}

/// Files of names that are lost or changed are drift like other objects.
fn lost_and_changed_files_of_names_are_drift() {
    let files = "/run/state/host/projects/p";
    for (damage, said) in [
        ("rm F/hosts/*", "node old: /etc/hosts is missing"),
        ("rm F/hosts/*", "host: /etc/hosts of web, app is missing"),
        (
            "rm -r F/hosts F/resolv",
            "node old: /etc/resolv.conf is missing",
        ),
        (
            "sed -i 's/10.1.0.5/10.1.0.66/' F/hosts/view-*",
            "unexpected: 10.1.0.66 web",
        ),
        (
            "echo nameserver 9.9.9.9 > F/resolv/old",
            "unexpected: nameserver 9.9.9.9",
        ),
        (
            "rm F/hosts/node-old; ln -s /etc/passwd F/hosts/node-old",
            "node old: /etc/hosts is missing",
        ),
    ] {
        let h = hallway();
        h.up(NAMED).ok();
        let running = programs();
        sh(&damage.replace('F', files));
        let status = h.run(&["status", "--exit-code"]).exits(3).out;
        assert!(status.contains(said), "{damage}: {said}\n{status}");
        let plan = h.run(&["plan", "--detailed-exitcode"]).exits(2).out;
        assert!(plan.contains("file /etc/"), "{damage}\n{plan}");
        let up = h.up(NAMED).exits(0).err;
        assert!(up.contains("file /etc/"), "{damage}\n{up}");
        assert_eq!(programs(), running, "{damage}");
        h.run(&["status", "--exit-code"]).exits(0);
        // Programs see the present files, and what is written to them later.
        h.ok("node add late --network n");
        wait_for("the new name", || seen(82, "hosts").contains("\tlate\n"));
        assert!(seen(80, "hosts").contains("10.1.0.5\tweb"));
        assert!(seen(82, "resolv.conf").contains("nameserver 10.1.0.5"));
        assert!(
            h.ok("exec old -- cat /etc/hosts")
                .contains("10.9.9.9\tlegacy")
        );
        h.ok("down");
    }
}

/// The keeper repairs them without a command.
fn the_keeper_repairs_files_of_names() {
    let h = hallway().repairing();
    h.up(NAMED).ok();
    sh("rm /run/state/host/projects/p/hosts/*; : > /run/state/host/projects/p/resolv/old");
    wait_for("the repair", || h.run(&["status", "--exit-code"]).code == 0);
    // The servers of the host are written again even if nothing else is repaired.
    sh("echo nameserver 9.9.9.9 >> /run/state/host/projects/p/resolv/.host");
    wait_for("the servers of the host", || {
        !seen(80, "resolv.conf").contains("9.9.9.9")
    });
    assert!(
        h.ok("exec old -- cat /etc/hosts")
            .contains("10.9.9.9\tlegacy")
    );
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

/// Programs see the host name from the file, and resolve it.
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
    changed_names_are_said_and_restart_nothing,
    lost_and_changed_files_of_names_are_drift,
    the_keeper_repairs_files_of_names,
];
