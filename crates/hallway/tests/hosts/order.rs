//! Routes of the host that come before those of a project, and that drop packets.

use std::process::{Command, Stdio};

use hallway_testkit::{Hallway, sh, try_sh, wait_for};
use serde_json::Value;

use crate::{hallway, lan};

const FILE: &str = "name: p
networks: { n: { subnet: [10.9.0.0/24, \"fd09::/64\"] } }
nodes:
  a: { networks: [n], ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp }
  b: { networks: [n] }
";

fn lan_with_routes() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254");
}

fn up() -> Hallway {
    lan_with_routes();
    let h = hallway().project("p");
    h.up(FILE).ok();
    h
}

/// The first outcome in the answer of a command.
fn outcome(h: &Hallway, verb: &str, from: &str, to: &str) -> String {
    let ran = h.run(&[verb, "--format", "json", from, to]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let found = match verb {
        "explain" => &answer["paths"][0]["outcome"],
        _ => &answer["probes"][0]["measured"]["outcome"],
    };
    found.as_str().unwrap_or_default().to_owned()
}

fn agree(h: &Hallway, from: &str, to: &str, what: &str) -> String {
    let (predicted, measured) = (
        outcome(h, "explain", from, to),
        outcome(h, "reach", from, to),
    );
    assert_eq!(predicted, measured, "{what}: {from} → {to}");
    predicted
}

/// A packet to an address that no machine on the link has gets no answer, or an error of the host.
fn closed(h: &Hallway, from: &str, to: &str) {
    for verb in ["explain", "reach"] {
        let outcome = outcome(h, verb, from, to);
        let known = ["filtered", "unreachable"].contains(&outcome.as_str());
        assert!(known, "{verb} {from} → {to}: {outcome}");
    }
}

/// The host joins a network with the project's subnet, and the bridge loses its place among the routes: it gets
/// it again, from the keeper or from `up`.
pub(crate) fn routes_of_others_to_the_same_subnet() {
    lan_with_routes();
    let h = hallway().repairing().project("p");
    h.up(FILE).ok();
    let first = || {
        let routes = sh("ip route show 10.9.0.0/24");
        routes.lines().next().unwrap_or_default().contains("br-n")
    };
    sh("ip addr add 10.9.0.77/24 dev eth0");
    assert!(first());
    sh("ip link set br-n down");
    wait_for("the keeper to put the route first again", || {
        first() && h.run(&["status", "--exit-code"]).code == 0
    });
    assert_eq!(agree(&h, "host", "10.9.0.2:80", "bridge down"), "open");
    sh("ip route prepend 10.9.0.0/24 dev eth0");
    wait_for("the keeper to put the route first again", first);
    h.up(FILE).ok();
    assert!(first());
    h.run(&["status", "--exit-code"]).exits(0);
    sh(
        "ip addr del 10.9.0.77/24 dev eth0; while ip route del 10.9.0.0/24 dev eth0; do :; done 2>/dev/null; true",
    );
    // A route of IPv6 cannot be put before another one: that is said.
    sh("ip -6 route add fd09::/64 dev eth0 metric 1");
    closed(&h, "host", "[fd09::2]:80");
    let answer = h.run(&["explain", "host", "[fd09::2]:80"]).exits(1).out;
    let help = answer.lines().find_map(|l| l.trim().strip_prefix("help: "));
    let status = h.run(&["status", "--exit-code"]).exits(3).out;
    assert!(status.contains(help.unwrap()), "{status}");
    assert!(h.up(FILE).err.contains(help.unwrap()));
    sh(help.unwrap());
    h.run(&["status", "--exit-code"]).exits(0);
    assert_eq!(agree(&h, "host", "[fd09::2]:80", "metric"), "open");
    h.ok("down");
}

/// The same without a keeper that repairs: `status` says it, and `up` repairs it.
pub(crate) fn up_puts_its_routes_first() {
    let h = up();
    sh("ip addr add 10.9.0.77/24 dev eth0; ip link set br-n down; ip link set br-n up");
    let status = h.run(&["status", "--exit-code"]).exits(3).out;
    assert!(status.contains("another one by eth0"), "{status}");
    closed(&h, "host", "10.9.0.2:80");
    h.up(FILE).ok();
    h.run(&["status", "--exit-code"]).exits(0);
    assert_eq!(agree(&h, "host", "10.9.0.2:80", "first"), "open");
    h.ok("down");
}

/// What a node sends to outside meets routes and rules of other programs.
pub(crate) fn routes_that_drop_packets() {
    let h = up();
    for kind in ["unreachable", "blackhole", "prohibit"] {
        for (ip, net, to) in [
            ("ip", "203.0.113.0/24", "203.0.113.9"),
            ("ip -6", "2001:db8:9::/64", "2001:db8:9::9"),
        ] {
            sh(&format!("{ip} route add {kind} {net}"));
            assert_ne!(agree(&h, "b", to, kind), "open");
            let answer = h.run(&["explain", "b", to]).exits(1).out;
            let help = answer.lines().find_map(|l| l.trim().strip_prefix("help: "));
            sh(help.unwrap());
            sh(&format!("{ip} rule add to {net} priority 50 {kind}"));
            assert_ne!(agree(&h, "b", to, kind), "open");
            sh(&format!("{ip} rule del priority 50"));
        }
    }
    h.ok("down");
}

/// Rules for packets of a VRF, of a mark or of a port are about these alone.
pub(crate) fn rules_that_are_about_other_packets() {
    let h = up();
    let program = env!("CARGO_BIN_EXE_hallway");
    let mut server = Command::new("ip")
        .args(["netns", "exec", "lan1", program, "serve", "80"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the server", || {
        try_sh("ip netns exec lan1 curl -s -o /dev/null -m 1 http://192.168.1.254/").is_ok()
    });
    for rule in [
        "l3mdev unreachable",
        "l3mdev prohibit",
        "fwmark 7 prohibit",
        "not fwmark 7 prohibit",
        "ipproto udp prohibit",
        "ipproto tcp dport 81 prohibit",
        "ipproto tcp dport 80 prohibit",
        "sport 1-65534 prohibit",
    ] {
        sh(&format!("ip rule add priority 60 {rule}"));
        for to in ["192.168.1.254", "192.168.1.254:80"] {
            agree(&h, "b", to, rule);
        }
        if rule.starts_with("l3mdev") {
            h.run(&["status", "--exit-code"]).exits(0);
            assert!(!h.up(FILE).err.contains("blocked"));
        }
        sh("ip rule del priority 60");
    }
    // Replies of the node come from another port while they are routed.
    sh(
        "ip rule add priority 60 ipproto tcp sport 8080 lookup 102; ip route add default via 192.168.1.254 table 102",
    );
    let said = h
        .run(&["explain", "203.0.113.9", "192.168.1.10:8080"])
        .exits(1);
    assert!(said.out.contains("sport 8080"), "{}", said.out);
    assert_eq!(
        outcome(&h, "explain", "203.0.113.9", "192.168.1.10:8080"),
        "unknown"
    );
    h.ok("down");
    server.kill().unwrap();
    server.wait().unwrap();
}

/// By a link without a carrier nothing leaves.
pub(crate) fn an_uplink_without_a_carrier() {
    let h = up();
    assert_eq!(agree(&h, "b", "192.168.1.254", "carrier"), "open");
    sh("ip -n lan1 link set wire down");
    wait_for("the carrier to go", || {
        sh("ip route show default").contains("linkdown")
    });
    let answer = h.run(&["explain", "b", "203.0.113.9"]).exits(1).out;
    assert!(answer.contains("eth0, which has no carrier"), "{answer}");
    h.run(&["reach", "b", "203.0.113.9"]).exits(1);
    // The kernel leaves such a route out, if it is told to.
    lan(2, "eth1");
    sh(
        "ip route add default via 192.168.2.254 metric 50; sysctl -qw net.ipv4.conf.all.ignore_routes_with_linkdown=1 net.ipv4.conf.eth0.ignore_routes_with_linkdown=1",
    );
    h.up(FILE).ok();
    assert_eq!(agree(&h, "b", "192.168.2.254", "the other link"), "open");
    let answer = h.run(&["explain", "b", "203.0.113.9"]).exits(0).out;
    assert!(!answer.contains("no carrier"), "{answer}");
    h.ok("down");
}

/// A rule of another program that sets the whole mark, so that the keeper's guard drops the packets, is named by
/// every command that reports on them.
pub(crate) fn a_rule_that_sets_the_whole_mark() {
    let h = up();
    sh(
        "nft 'table inet qos { chain c { type filter hook forward priority 10; iifname br-n meta mark set 5\n}\n}'",
    );
    assert_eq!(agree(&h, "b", "192.168.1.254", "mark"), "filtered");
    let words = ["chain c of table inet qos", "sets the whole mark"];
    let says = |what: &str, text: &str| {
        for word in words {
            assert!(text.contains(word), "{what}: {text}");
        }
    };
    says(
        "explain",
        &h.run(&["explain", "b", "192.168.1.254"]).exits(1).out,
    );
    says("status", &h.run(&["status", "--exit-code"]).exits(3).out);
    says("up", &h.up(FILE).err);
    says("trace", &h.run(&["trace", "b", "192.168.1.254"]).out);
    sh(
        "nft flush chain inet qos c; nft 'add rule inet qos c iifname br-n meta mark set mark and 0x3000 or 5'",
    );
    assert_eq!(agree(&h, "b", "192.168.1.254", "bits"), "open");
    h.run(&["status", "--exit-code"]).exits(0);
    h.ok("down");
}
