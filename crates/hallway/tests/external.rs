//! External networks: bridges of the host that are there already.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, sh, wait_for};

const FILE: &str = "
networks:
  apps: { subnet: 10.79.0.0/24 }
  lab: { external: true, bridge: br0 }
nodes:
  web: { networks: [apps], ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp }
  one: { networks: { lab: { address: 10.50.0.11 } }, command: hallway serve 80, ready: 80/tcp }
  two: { networks: { lab: { address: 10.50.0.12 } } }
expect:
  - { from: two, to: one, port: 80/tcp }
  - { from: web, to: one, port: 80/tcp }
  - { from: one, to: host }
  - { from: host, to: one, port: 80/tcp }
  - { from: one, to: host, port: 8080/tcp }
  - { from: one, to: web, port: 80/tcp, reachable: false }
";

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

/// A bridge as another program has made it, with a machine of its own on it.
fn bridge() {
    sh("ip netns add guest
        ip link add br0 type bridge; ip link set br0 addrgenmode none up
        ip addr add 10.50.0.1/24 dev br0
        ip link add port0 address 02:00:00:00:50:01 type veth peer name eth0 netns guest
        ip link set port0 master br0; ip link set port0 addrgenmode none up
        ip -n guest addr add 10.50.0.2/24 dev eth0
        ip -n guest link set eth0 up; ip -n guest link set lo up
        ip -n guest route add default via 10.50.0.1");
}

fn guest_pings(address: &str) -> bool {
    let ping = format!("ip netns exec guest ping -c 1 -W 30 {address} >/dev/null && echo answered");
    hallway_testkit::try_sh(&ping).is_ok()
}

/// Nodes are on the bridge beside others; the bridge, its address and the ports of other programs stay as they
/// are.
fn a_bridge_of_the_host_is_joined() {
    bridge();
    let h = hallway();
    let before = Snapshot::take();
    let others = "ip -d -o link show br0 | sed 's/ promiscuity.*//'; bridge -d link show dev port0";
    let seen = sh(others);
    h.up(FILE).ok();
    assert_eq!(sh(others), seen);
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    assert!(guest_pings("10.50.0.11") && h.pings("two", "10.50.0.2"));
    assert!(
        h.ok("exec one -- ip route")
            .contains("default via 10.50.0.1")
    );
    h.run(&["trace", "web", "one:80"]).exits(0);
    h.run(&["trace", "two", "one:80"]).exits(0);
    let explained = h.run(&["explain", "two", "10.50.0.2"]).exits(1);
    assert!(
        explained.out.contains("on the external network lab"),
        "{}",
        explained.out
    );
    let networks = h.ok("network ls");
    let line = networks
        .lines()
        .find(|l| l.starts_with("lab"))
        .unwrap()
        .to_owned();
    for word in ["10.50.0.0/24", "10.50.0.1", "br0", "external"] {
        assert!(line.contains(word), "{networks}");
    }
    assert!(h.ok("status").contains("external"));
    let details = h.run(&["inspect", "lab"]).json();
    assert_eq!(details["external"], true, "{details}");
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change")
        .exits(0);
    h.ok("down");
    before.unchanged();
}

/// The bridge goes, and comes again.
fn a_bridge_that_is_made_again_is_joined_again() {
    bridge();
    let h = hallway();
    h.up(FILE).ok();
    sh("ip link del br0");
    let status = h.ok("status");
    assert!(status.contains("bridge br0 is missing"), "{status}");
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("there is no bridge br0 here")
        .exits(2);
    sh(
        "ip link add br0 type bridge; ip link set br0 up; ip addr add 10.50.0.1/24 dev br0
        ip link set port0 master br0",
    );
    assert!(h.ok("status").contains("br0"));
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    wait_for("the guest to be there", || guest_pings("10.50.0.11"));
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    h.ok("down");
    assert!(sh("ip -o addr show br0").contains("10.50.0.1/24"));
}

/// Nodes lose the routes by an address that the host no longer has: status says so before up does it.
fn an_address_of_the_host_goes() {
    bridge();
    let h = hallway().repairing();
    h.up(&FILE.replace("bridge: br0 }", "bridge: br0, subnet: 10.50.0.0/24 }"))
        .ok();
    sh("ip addr del 10.50.0.1/24 dev br0; ip link set one-0 mtu 1400");
    wait_for("the keeper to repair its own link", || {
        !sh("ip -o link show one-0").contains("mtu 1400")
    });
    let status = h.ok("status");
    assert!(
        status.contains("address 10.50.0.1/24 of br0 is missing"),
        "{status}"
    );
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    assert!(!h.ok("exec one -- ip route").contains("default"));
    assert!(!h.ok("status").contains("is missing"));
    assert!(!sh("ip -o addr show br0").contains("10.50.0.1"));
    h.ok("down");
}

/// The file may give a subnet that the host has no address in; the way out is a route of the node.
fn a_bridge_without_the_host() {
    bridge();
    sh("ip addr del 10.50.0.1/24 dev br0");
    let h = hallway();
    let text = "
networks: { lab: { external: true, bridge: br0 } }
nodes: { one: { networks: { lab: { address: 10.50.0.11 } } } }
";
    h.up(text)
        .says("the host has no address on br0, so its subnet is not known")
        .exits(2);
    let text = "
networks: { lab: { external: true, bridge: br0, subnet: 10.50.0.0/24 } }
nodes:
  one:
    networks: { lab: { address: 10.50.0.11 } }
    routes: [ { to: default, via: 10.50.0.2 } ]
";
    h.up(text).ok();
    assert!(guest_pings("10.50.0.11"));
    assert!(
        h.ok("exec one -- ip route")
            .contains("default via 10.50.0.2")
    );
    h.ok("down");
}

const ONE_NODE: &str = "nodes: { a: { networks: { lab: { address: 10.50.0.11 } } } }";

/// Keys of a network, nodes, and the message.
const REFUSED: [(&str, &str, &str); 8] = [
    (
        "external: true, bridge: br1",
        ONE_NODE,
        "there is no bridge br1 here",
    ),
    (
        "external: true, bridge: port0",
        ONE_NODE,
        "there is no bridge port0 here",
    ),
    (
        "external: true",
        ONE_NODE,
        "an external network needs bridge",
    ),
    ("bridge: br0", ONE_NODE, "but is not external"),
    (
        "external: true, bridge: br0, internal: true",
        ONE_NODE,
        "hallway cannot set its internal",
    ),
    (
        "external: true, bridge: br0",
        "nodes: { a: { networks: [lab] } }",
        "node a needs an address on network lab",
    ),
    (
        "external: true, bridge: br0",
        "nodes: { a: { networks: { lab: { address: 10.51.0.9 } } } }",
        "address 10.51.0.9 is not in network lab (10.50.0.0/24)",
    ),
    (
        "external: true, bridge: br0",
        "nodes: { a: { networks: { lab: { address: 10.50.0.1 } } } }",
        "address 10.50.0.1 is the host's on network lab",
    ),
];

/// What cannot be joined, and keys that hallway cannot set there.
fn refused() {
    bridge();
    let h = hallway();
    let before = Snapshot::take();
    // One mistake, one message.
    let lan = "networks: { lab: { external: true, bridge: br0, mode: lan } }\nnodes: { a: { networks: { lab: { address: 10.50.0.11 } } } }\n";
    let said = h.up(lan).says("hallway cannot set its mode").exits(2);
    assert_eq!(said.err.matches("error[").count(), 1, "{}", said.err);
    for (network, nodes, says) in REFUSED {
        let text = format!("networks: {{ lab: {{ {network} }} }}\n{nodes}\n");
        h.up(&text).says(says).exits(2);
    }
    let joined = "networks: { lab: { external: true, bridge: br0 } }\nnodes: { a: { networks: { lab: { address: 10.50.0.11 } }, ports: [\"80:80\"] }, b: { networks: { lab: { address: 10.50.0.12 } } } }\n";
    h.up(joined)
        .says("all its networks are external")
        .says("its own address on that bridge")
        .exits(2);
    let joined = joined.replace(", ports: [\"80:80\"]", "");
    for policy in ["from: a, to: b", "from: a, to: host", "from: host, to: a"] {
        let text = format!("{joined}policies: [ {{ action: deny, {policy} }} ]\n");
        h.up(&text).says("network lab is external").exits(2);
    }
    before.unchanged();
    let sandbox = Hallway::sandbox(env!("CARGO_BIN_EXE_hallway"));
    sandbox
        .up(FILE)
        .says("an external network is a bridge that is there before")
        .exits(2);
    let other = hallway().project("other");
    other.up("networks: { x: { subnet: 10.60.0.0/24 } }").ok();
    let text = "
networks: { lab: { external: true, bridge: br-x } }
nodes: { a: { networks: { lab: { address: 10.60.0.9 } } } }
";
    h.up(text)
        .says("br-x is the bridge of a network of project other")
        .exits(2);
    other.ok("down");
}

/// The state of a port is that of the bridge's spanning tree, which opens ports after a delay.
fn a_bridge_with_a_spanning_tree() {
    bridge();
    sh("ip link set br0 type bridge forward_delay 400 stp_state 1");
    let h = hallway();
    let before = Snapshot::take();
    h.up(FILE).ok();
    wait_for("the port to be opened", || {
        sh("bridge link show dev one-0").contains("state forwarding")
    });
    sh(
        "ip link set one-0 carrier off 2>/dev/null; bridge link set dev one-0 state 1 2>/dev/null; true",
    );
    h.run(&["status", "--exit-code"]).exits(0);
    h.ok("down");
    before.unchanged();
}

/// Which addresses others have is not known: a node gets only those that the file names.
fn addresses_are_those_of_the_file() {
    bridge();
    sh("ip addr add fd50::1/64 dev br0 nodad; ip -n guest addr add fd50::2/64 dev eth0 nodad");
    let h = hallway();
    h.up(FILE).ok();
    assert!(
        !h.ok("exec one -- ip -6 addr show dev eth0")
            .contains("fd50")
    );
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    let both = FILE.replace("10.50.0.11 }", "[10.50.0.11, 'fd50::11'] }");
    h.up(&both).ok();
    assert!(h.pings("one", "fd50::2"));
    h.ok("down");
}

/// `outside` is a machine outside, and not a node of the project that is the other end or on a bridge of other
/// programs: a node's own address proves nothing.
fn outside_is_a_machine_outside() {
    bridge();
    sh("ip netns add far
        ip link add up0 type veth peer name eth0 netns far
        ip addr add 192.168.9.10/24 dev up0; ip link set up0 up
        ip -n far addr add 192.168.9.254/24 dev eth0; ip -n far link set eth0 up
        ip route add default via 192.168.9.254
        ip -n far route add 10.50.0.0/24 via 192.168.9.10");
    let h = hallway();
    let text = "
networks: { lab: { external: true, bridge: br0 } }
nodes: { one: { networks: { lab: { address: 10.50.0.11 } }, command: hallway serve 80, ready: 80/tcp } }
expect: [ { from: one, to: outside, port: icmp } ]
";
    h.up(text).ok();
    let out = h.run(&["explain", "one", "outside"]).out;
    assert!(
        out.contains("not known") && out.contains("192.0.2.1 is outside"),
        "{out}"
    );
    let out_in = h.run(&["explain", "outside", "one:80"]).out;
    let why = "nothing is forwarded from machines outside to the external network lab";
    assert!(
        out_in.contains("filtered") && out_in.contains(why),
        "{out_in}"
    );
    sh("! ip netns exec far curl -s -m 2 http://10.50.0.11/");
    h.run(&["test"]).exits(2).says("no node represents outside");
    let matrix = h.run(&["test", "--matrix", "--predict"]).out;
    assert!(!matrix.contains("its own address"), "{matrix}");
    h.ok("down");

    for line in [
        "{ from: v, to: outside }",
        "{ from: outside, to: v, port: 80/tcp }",
    ] {
        let text = format!(
            "
networks: {{ w: {{ subnet: 203.0.113.0/24, outside: true }}, n: {{ subnet: 10.9.0.0/24 }} }}
nodes:
  v: {{ networks: [w], command: hallway serve 80, ready: 80/tcp }}
  a: {{ networks: [n] }}
expect: [ {line} ]
"
        );
        h.up(&text).ok();
        let refused = h.run(&["test"]).exits(2);
        assert!(refused.err.contains("is the other end"), "{}", refused.err);
        for ends in [["v", "outside"], ["outside", "v:80"]] {
            let out = h.run(&["explain", ends[0], ends[1]]).out;
            assert!(
                !out.contains(": open") && out.contains("really outside"),
                "{out}"
            );
        }
        // For others it stands for the outside.
        h.run(&["reach", "a", "outside:80"]).exits(0);
        h.ok("down");
    }
}

/// Where the node that represents outside is an end itself, another one on its network is the other end. Without
/// one, such expectations are not tested, and the others are.
fn expectations_of_the_node_that_represents_outside() {
    let h = hallway();
    let file = |nodes: &str, lines: &str| {
        format!(
            "
networks: {{ w: {{ subnet: 203.0.113.0/24, outside: true }}, n: {{ subnet: 10.9.0.0/24 }} }}
nodes:
  v: {{ networks: [w], command: hallway serve 80, ready: 80/tcp }}
  a: {{ networks: [n] }}
{nodes}expect:
{lines}"
        )
    };
    let lines = "  - { from: v, to: outside }
  - { from: v, to: outside, port: 99/tcp, reachable: false }
  - { from: outside, to: v, port: 80/tcp }
  - { from: outside, to: outside }
  - { from: a, to: outside, port: 80/tcp }
";
    let open = lines.replace(", port: 99/tcp, reachable: false", ", port: 99/tcp");
    h.up(&file("  u: { networks: [w] }\n", &open)).ok();
    let every = h.run(&["test"]).exits(0).says("5 passed");
    for pair in ["v → u", "u → v", "a → outside"] {
        assert!(every.out.contains(pair), "{pair} {}", every.out);
    }
    h.run(&["reach", "v", "outside"]).exits(0);
    h.run(&["reach", "outside", "v:80"]).exits(0);
    let beyond = h.run(&["explain", "v", "8.8.8.8"]).out;
    let help = "u on network w is a further machine outside";
    assert!(beyond.contains(help), "{beyond}");
    // A set of nodes does not ask for the node itself.
    let any = "  - { from: any, to: outside, port: 80/tcp }\n  - { from: outside, to: w, port: 80/tcp }\n";
    h.up(&file("", any)).ok();
    let ran = h.run(&["test"]).exits(1).says("1 passed, 1 failed");
    assert!(ran.out.contains("no other machine there"), "{}", ran.out);

    let file_alone = file("", lines);
    h.up(&file_alone).ok();
    let ran = h.run(&["test"]).exits(1);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(
        said.contains("1 passed, 4 failed, 4 without a result"),
        "{said}"
    );
    for line in 7..=10 {
        let first = format!("up.hallway.yaml:{line}: ");
        let found = said.lines().find(|l| l.contains(&first));
        let found =
            found.is_some_and(|l| l.contains("no result: the node that represents outside"));
        assert!(found, "{line} {said}");
    }
    h.run(&["up", "/run/up.hallway.yaml", "--test"]).exits(1);
    let json = h.run(&["test", "--format", "json"]).exits(1).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["failed"], 4);
    // Nothing that can be tested at all.
    let only = "  - { from: outside, to: outside, reachable: false }\n";
    h.up(&file("", only)).ok();
    h.run(&["test"]).exits(2).says("up.hallway.yaml:7");
    h.ok("down");
}

hallway_testkit::tests![
    expectations_of_the_node_that_represents_outside,
    outside_is_a_machine_outside,
    addresses_are_those_of_the_file,
    a_bridge_of_the_host_is_joined,
    a_bridge_with_a_spanning_tree,
    a_bridge_that_is_made_again_is_joined_again,
    an_address_of_the_host_goes,
    a_bridge_without_the_host,
    refused,
];
