//! Nodes in namespaces that hallway did not make: `namespace: netns:NAME`, a path, `pid:NUMBER`,
//! `container:NAME`.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

mod containers;
mod lost;
mod refused;

use std::process::{Child, Command, Stdio};

use containers::{
    a_container_is_found_by_its_name, a_runtime_that_does_not_answer,
    beside_interfaces_of_the_runtime, one_that_was_started_again_is_joined_again,
    services_join_their_containers,
};
use hallway_testkit::{Hallway, Snapshot, sh, try_sh, wait_for};
use lost::{a_record_that_is_lost, the_keeper_follows_a_name, what_a_name_must_not_lead_to};
use refused::{a_sandbox_joins_what_was_made_in_it, what_cannot_be_joined};

const FILE: &str = "
networks: { apps: { subnet: 10.79.0.0/24 }, other: { subnet: 10.78.0.0/24 } }
nodes:
  web:
    namespace: netns:blue
    networks: [apps]
    ports: [\"8080:80\"]
    forwarding: true
    sysctls: { net.ipv4.tcp_syncookies: 2 }
    command: hallway serve 80
    ready: 80/tcp
  client: { networks: [other] }
policies: [ { from: client, to: web } ]
expect:
  - { from: client, to: web, port: 80/tcp }
  - { from: web, to: client, reachable: false }
  - { from: host, to: web, port: 80/tcp }
";

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

/// A namespace as another program has made it: with an interface of its own, and loopback down.
fn blue() {
    sh("ip netns add blue
        ip link add out0 type veth peer name eth0 netns blue
        ip link set out0 addrgenmode none; ip -n blue link set eth0 addrgenmode none
        ip -n blue addr add 172.30.0.2/24 dev eth0; ip -n blue link set eth0 up
        ip link set out0 up");
}

/// All that the namespace holds, in the words of other programs.
fn inside() -> String {
    let settled = || sh("ip -n blue -o link show eth0").contains("LOWER_UP");
    wait_for("eth0 to come up", settled);
    sh("ip -n blue -d -o link | sed 's/ promiscuity.*//'
        ip -n blue -o addr | sed 's/valid_lft.*//'
        ip -n blue route show table all; ip -n blue -6 route show table all
        ip netns exec blue sysctl -a 2>/dev/null | grep '^net\\.' | grep -v -E 'neigh|stable_secret'")
}

/// A program in a network namespace of its own, until it is dropped.
struct Process(Child);

impl Process {
    fn start() -> Self {
        let mut command = Command::new("unshare");
        command.args(["-n", "sleep", "1000"]).stdin(Stdio::null());
        let child = Self(command.spawn().unwrap());
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        wait_for("a namespace of its own", || {
            let path = format!("/proc/{}/ns/net", child.pid());
            let comm = std::fs::read_to_string(format!("/proc/{}/comm", child.pid()));
            std::fs::read_link(path).is_ok_and(|ns| ns != own)
                && comm.is_ok_and(|c| c.trim() == "sleep")
        });
        child
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn end(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// It has an interface, addresses and routes there, and nothing else is touched; afterwards all is as
/// it was.
fn a_namespace_is_joined_and_left_as_it_was() {
    blue();
    let h = hallway();
    let (machine, before) = (Snapshot::take(), inside());
    h.up(FILE).ok();
    assert!(sh("ip -n blue -o -4 addr show eth1").contains("10.79.0.2/24"));
    assert!(sh("ip -n blue -o link show lo").contains("state DOWN"));
    assert!(!sh("ip -n blue -o link show lo").contains("alias"));
    assert_eq!(
        sh("ip netns exec blue sysctl -n net.ipv4.ip_forward").trim(),
        "1"
    );
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    assert!(h.reads("client", "http://10.79.0.2/"));
    assert!(h.ok("explain client web:80").contains("web"));
    h.run(&["trace", "client", "web:80"]).exits(0);
    for words in ["status", "ls", "graph", "graph --format svg"] {
        let shown = h.ok(words);
        let expected = words == "ls" || shown.contains("in netns:blue");
        assert!(expected, "{words}: {shown}");
    }
    assert!(h.ok("node ls").contains("netns:blue"));
    let details = h.run(&["inspect", "web"]).json();
    assert_eq!(details["joined"], "netns:blue", "{details}");
    assert_eq!(details["namespace"], "blue", "{details}");
    assert!(details["inode"].as_u64().is_some(), "{details}");
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change")
        .exits(0);
    h.ok("down");
    machine.unchanged();
    same(&before, &inside());
}

/// What is hallway's there is repaired; what is another's is neither compared nor changed.
fn only_what_is_ours_is_repaired() {
    blue();
    let h = hallway();
    h.up(FILE).ok();
    sh(
        "ip -n blue link set eth0 mtu 1400; ip -n blue addr add 172.31.0.1/24 dev eth0
        ip -n blue route add 10.99.0.0/24 via 172.30.0.9; ip -n blue route prepend prohibit default",
    );
    assert!(!h.ok("status").contains("drift"));
    // `up` refuses another default route in a namespace of others.
    sh("ip -n blue route del prohibit default");
    sh("ip netns exec blue sysctl -qw net.ipv4.tcp_syncookies=0
        ip -n blue addr del 10.79.0.2/24 dev eth1");
    let status = h.ok("status");
    for words in ["net.ipv4.tcp_syncookies", "10.79.0.2/24", "default route"] {
        assert!(status.contains(words), "{words}: {status}");
    }
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    // The name of ours is taken by another's.
    sh("ip -n blue link del eth1
        ip -n blue link add eth1 type veth peer name eth9");
    assert!(h.ok("status").contains("port web-0 is missing"));
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    assert!(sh("ip -n blue -o -4 addr show eth2").contains("10.79.0.2/24"));
    h.ok("down");
    let links = sh("ip -n blue -o link");
    assert!(
        links.contains("eth1@eth9") && !links.contains("eth2"),
        "{links}"
    );
    assert!(sh("ip -n blue -o addr").contains("172.31.0.1"));
    assert!(sh("ip -n blue route").contains("10.99.0.0/24"));
    assert!(sh("ip -n blue -o link show eth0").contains("mtu 1400"));
}

/// A setting that the file no longer has, and a node that leaves the file, are undone at once.
fn what_leaves_the_file_is_given_back() {
    blue();
    let h = hallway();
    let before = inside();
    h.up(FILE).ok();
    let without = FILE
        .replace("    forwarding: true\n", "")
        .replace("    sysctls: { net.ipv4.tcp_syncookies: 2 }\n", "");
    h.up(&without).ok();
    let value = |key: &str| {
        sh(&format!("ip netns exec blue sysctl -n {key}"))
            .trim()
            .to_owned()
    };
    assert_eq!(value("net.ipv4.ip_forward"), "0");
    assert_eq!(value("net.ipv4.tcp_syncookies"), "1");
    h.up(FILE).ok();
    // Changed by another program meanwhile: it stays.
    sh("ip netns exec blue sysctl -qw net.ipv4.tcp_syncookies=0");
    h.up("networks: { other: { subnet: 10.78.0.0/24 } }\nnodes: { client: { networks: [other] } }")
        .ok();
    assert_eq!(value("net.ipv4.tcp_syncookies"), "0");
    sh("ip netns exec blue sysctl -qw net.ipv4.tcp_syncookies=1");
    same(&before, &inside());
    h.ok("down");
}

/// By a path, and by a process.
fn paths_and_processes() {
    let process = Process::start();
    sh(
        "ip netns add blue; touch /run/lab; mount --bind /run/netns/blue /run/lab; ip netns del blue",
    );
    let h = hallway();
    let machine = Snapshot::take();
    let text = format!(
        "networks: {{ apps: {{ subnet: [10.79.0.0/24, 'fd79::/64'] }} }}
nodes:
  file: {{ namespace: /run/lab, networks: [apps] }}
  process: {{ namespace: 'pid:{pid}', networks: [apps] }}
  made: {{ networks: [apps] }}
links:
  - endpoints: {{ file: 10.1.0.1/24, process: 10.1.0.2/24 }}
  - endpoints: {{ made: 10.2.0.1/24, process: 10.2.0.2/24 }}
expect:
  - {{ from: file, to: process }}
  - {{ from: made, to: file }}
  - {{ from: process, to: made }}
",
        pid = process.pid()
    );
    let enter = format!("nsenter --net=/proc/{}/ns/net", process.pid());
    h.up(&text).ok();
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    assert!(h.pings("made", "10.2.0.2") && h.pings("process", "10.1.0.1"));
    assert!(h.pings("file", "fd79::3"));
    assert!(sh(&format!("{enter} ip -o addr")).contains("10.79.0.3/24"));
    h.ok("down");
    machine.unchanged();
    for enter in [enter.as_str(), "nsenter --net=/run/lab"] {
        let links = sh(&format!("{enter} ip -o link"));
        assert_eq!(links.lines().count(), 1, "{links}");
    }
    sh("umount /run/lab");
    process.end();
}

/// Both must have the same lines, but for the numbers that the kernel gives.
#[track_caller]
fn same(one: &str, other: &str) {
    let lines = |text: &str| -> Vec<String> {
        let digits = |c: char| c.is_ascii_digit();
        let known = |line: &str| {
            let line = line.trim_start_matches(digits).to_owned();
            match line.split_once("@if") {
                Some((name, rest)) => format!("{name}{}", rest.trim_start_matches(digits)),
                None => line,
            }
        };
        text.lines().map(known).collect()
    };
    let (one, other) = (lines(one), lines(other));
    let gone: Vec<_> = one.iter().filter(|l| !other.contains(l)).collect();
    let come: Vec<_> = other.iter().filter(|l| !one.contains(l)).collect();
    assert!(
        gone.is_empty() && come.is_empty(),
        "- {gone:#?}\n+ {come:#?}"
    );
}

/// A script of the steps gives the same, in a namespace by name and in one by path.
fn a_script_does_the_same() {
    blue();
    let process = Process::start();
    let text = FILE.replace(
        "  client:",
        &format!(
            "  more: {{ namespace: 'pid:{}', networks: [apps, other], default_route: false }}\n  client:",
            process.pid()
        ),
    );
    let h = hallway();
    let state = || {
        let more = format!("nsenter --net=/proc/{}/ns/net", process.pid());
        let links = sh(&format!(
            "{more} ip -o addr; {more} ip route; {more} ip -6 route"
        ));
        let links = links.replace("valid_lft", "\nvalid_lft");
        let kept: Vec<&str> = links.lines().filter(|l| !l.contains("valid_lft")).collect();
        format!("{}{}", inside(), kept.join("\n"))
    };
    let settings = "ip netns exec blue sysctl -qw net.ipv4.tcp_syncookies=1 net.ipv4.ip_forward=0";
    let before = state();
    std::fs::write("/run/keep", "").unwrap();
    std::fs::write("/run/up.hallway.yaml", &text).unwrap();
    let script = h.ok("plan --format shell /run/up.hallway.yaml");
    std::fs::write("/run/keep", &script).unwrap();
    sh("bash /run/keep");
    let of_script = state();
    let removal = h.ok("plan --format shell --remove /run/up.hallway.yaml");
    std::fs::write("/run/keep", &removal).unwrap();
    assert!(removal.contains("Settings that were changed in namespaces of other programs stay"));
    sh(&format!("bash /run/keep; {settings}"));
    same(&before, &state());
    h.up(&text).ok();
    same(&of_script, &state());
    h.ok("down");
    process.end();
}

/// The namespace goes, and another one comes under its name.
fn one_that_is_replaced_is_drift() {
    sh("ip netns add blue");
    let h = hallway();
    // A program would keep the namespace.
    let text = FILE
        .replace("    command: hallway serve 80\n    ready: 80/tcp\n", "")
        .replace(", port: 80/tcp", "");
    h.up(&text).ok();
    sh("ip netns del blue");
    wait_for("the namespace to be gone", || {
        !sh("ip -o link").contains("web-0")
    });
    let status = h.ok("status");
    assert!(
        status.contains("namespace netns:blue cannot be entered: there is no /run/netns/blue"),
        "{status}"
    );
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("namespace-absent")
        .exits(2);
    sh("ip netns add keeps; ip netns add blue");
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    // The old one is still there, under another name.
    sh("mount --bind /run/netns/keeps /run/netns/blue");
    let status = h.ok("status");
    assert!(
        status.contains("is another one than was joined"),
        "{status}"
    );
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    assert!(sh("ip -n keeps -o addr").contains("10.79.0.2/24"));
    sh("umount /run/netns/blue");
    assert!(!sh("ip -n blue -o addr").contains("10.79.0.2/24"));
    h.ok("down");
    assert!(!sh("ip -n keeps -o addr").contains("10.79.0.2/24"));
}

/// A namespace with a default route of its own keeps it.
fn a_default_route_is_never_replaced() {
    blue();
    sh("ip -n blue route add default via 172.30.0.1");
    let h = hallway();
    let before = inside();
    h.up(FILE)
        .says("node web: netns:blue has a default route by eth0 already")
        .says("default_route: false")
        .exits(2);
    same(&before, &inside());
    let text = "
networks:
  apps: { subnet: 10.79.0.0/24 }
  other: { subnet: 10.78.0.0/24 }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  web:
    namespace: netns:blue
    networks: [apps]
    default_route: false
    ports: [\"8080:80\"]
    command: hallway serve 80
    ready: 80/tcp
  client: { networks: [other] }
  beside: { networks: [apps] }
  visitor: { networks: { world: { address: 203.0.113.9 } } }
policies: [ { from: client, to: web } ]
expect:
  - { from: client, to: web, port: 80/tcp }
  - { from: beside, to: web, port: 80/tcp }
  - { from: visitor, to: host, port: 8080/tcp }
  - { from: client, to: host, port: 8080/tcp }
  - { from: beside, to: host, port: 8080/tcp }
";
    h.up(text).ok();
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    let explained = h.run(&["explain", "web", "outside"]);
    assert!(
        explained.out.contains("is not hallway's"),
        "{}",
        explained.out
    );
    let routes = sh("ip -n blue route");
    assert!(
        routes.contains("default via 172.30.0.1 dev eth0"),
        "{routes}"
    );
    assert!(routes.contains("10.78.0.0/24 via 10.79.0.1"), "{routes}");
    h.ok("down");
    same(&before, &inside());
    assert!(try_sh("ip -n blue route get 8.8.8.8").is_ok());
}

/// Neither of two projects can be right when both give a setting of one namespace another value.
fn two_projects_with_other_settings() {
    blue();
    hallway().up(FILE).ok();
    let text = "
name: q
networks: { more: { subnet: 10.77.0.0/24, internal: true } }
nodes: { a: { namespace: netns:blue, networks: { more: { interface: eth7 } }, sysctls: { net.ipv4.tcp_syncookies: 0 } } }
";
    let q = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("q");
    q.up(text)
        .says(
            "node a sets net.ipv4.tcp_syncookies to 0 in a namespace where project p sets it to 2",
        )
        .exits(2);
    q.up(&text.replace("syncookies: 0", "syncookies: 2")).ok();
    q.ok("down");
    hallway().ok("down");
}

hallway_testkit::tests![
    two_projects_with_other_settings,
    a_namespace_is_joined_and_left_as_it_was,
    only_what_is_ours_is_repaired,
    what_leaves_the_file_is_given_back,
    paths_and_processes,
    a_script_does_the_same,
    one_that_is_replaced_is_drift,
    the_keeper_follows_a_name,
    a_record_that_is_lost,
    what_a_name_must_not_lead_to,
    a_default_route_is_never_replaced,
    a_container_is_found_by_its_name,
    beside_interfaces_of_the_runtime,
    one_that_was_started_again_is_joined_again,
    a_runtime_that_does_not_answer,
    services_join_their_containers,
    what_cannot_be_joined,
    a_sandbox_joins_what_was_made_in_it,
];
