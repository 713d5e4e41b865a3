//! Routes that the host already has.

use hallway_testkit::{Hallway, Snapshot, sh};

use crate::{hallway, lan};

pub(crate) fn file(subnet: &str) -> String {
    format!(
        "name: p\nnetworks: {{ n: {{ subnet: {subnet} }} }}\nnodes: {{ a: {{ networks: [n] }} }}\n"
    )
}

pub(crate) fn works(h: &Hallway, subnet: &str, address: &str) {
    h.up(&file(subnet)).ok();
    sh(&format!("ping -c 1 -W 30 {address}"));
    h.up(&file(subnet)).says("nothing").ok();
    h.run(&["-p", "p", "status", "--exit-code"]).exits(0);
    h.run(&["plan", "--detailed-exitcode", "/run/up.hallway.yaml"])
        .exits(0);
}

/// A route to more than a subnet is not a conflict, before `up` and after.
pub(crate) fn wider_routes_are_no_conflict() {
    lan(1, "eth0");
    let wide = [
        "0.0.0.0/1 via 192.168.1.254",
        "128.0.0.0/1 via 192.168.1.254",
        "10.0.0.0/8 via 192.168.1.254",
        "blackhole 10.0.0.0/9",
        "unreachable 10.9.0.0/16",
    ];
    let h = hallway();
    for route in wide {
        sh(&format!("ip route add {route}"));
        works(&h, "10.9.0.0/24", "10.9.0.2");
        h.project("p").ok("down");
        sh(&format!("ip route del {route}"));
        // It is added while the project is up: by a VPN, for example.
        works(&h, "10.9.0.0/24", "10.9.0.2");
        sh(&format!("ip route add {route}"));
        works(&h, "10.9.0.0/24", "10.9.0.2");
        h.project("p").ok("down");
        sh(&format!("ip route del {route}"));
    }
}

/// A VPN's rule leads to a table with a wider route before the table main is asked: the packets go
/// there. The remedy that is printed brings them back.
pub(crate) fn routes_of_other_tables_are_said_and_predicted() {
    lan(1, "eth0");
    let h = hallway().project("p");
    let file = "name: p\nnetworks: { n: { subnet: 10.9.0.0/24 } }\nnodes: { a: { networks: [n], command: hallway serve 80, ready: 80/tcp } }\n";
    for (rule, route) in [
        (
            "priority 220 lookup 220",
            "10.0.0.0/8 via 192.168.1.254 table 220",
        ),
        (
            "not fwmark 0x80000 lookup 52",
            "default via 192.168.1.254 table 52",
        ),
    ] {
        h.up(file).ok();
        sh(&format!("ip rule add {rule}; ip route add {route}"));
        let said = h.up(file).err;
        assert!(said.contains("blocked"), "{said}");
        let answer = h.run(&["explain", "host", "a:80"]).exits(1).out;
        assert!(answer.contains("filtered"), "{answer}");
        assert!(
            answer.contains("looks up before the table main"),
            "{answer}"
        );
        assert_eq!(h.run(&["reach", "host", "a:80"]).code, 1);
        let status = h.run(&["status", "--exit-code"]).exits(3).out;
        let help = answer.lines().find_map(|l| l.trim().strip_prefix("help: "));
        for words in ["degraded", "looks up before the table main", help.unwrap()] {
            assert!(status.contains(words), "{status}");
        }
        sh(help.unwrap());
        h.run(&["status", "--exit-code"]).exits(0);
        h.run(&["explain", "host", "a:80"]).exits(0);
        h.run(&["reach", "host", "a:80"]).exits(0);
        assert!(!h.up(file).err.contains("blocked"));
        h.ok("down");
        sh(&format!("ip rule del {rule}; ip route del {route}"));
        sh("ip rule del to 10.9.0.0/24 lookup main");
    }
    // As wg-quick does it: only the default route is another one.
    sh("ip route add default via 192.168.1.254 table 51820; ip rule add not fwmark 0xca6c lookup 51820
        ip rule add lookup main suppress_prefixlength 0");
    assert!(!h.up(file).err.contains("blocked"));
    h.run(&["explain", "host", "a:80"]).exits(0);
    h.run(&["reach", "host", "a:80"]).exits(0);
}

/// A route that is longer than the subnet takes the packets for a node: it is named by every command that reports
/// about the node, with the command that removes it.
pub(crate) fn longer_routes_are_said_and_predicted() {
    lan(1, "eth0");
    let h = hallway().project("p");
    let file = "name: p\nnetworks: { n: { subnet: [10.9.0.0/24, \"fd09::/64\"] } }\nnodes: { a: { networks: [n], command: hallway serve 80, ready: 80/tcp }, b: { networks: [n] } }\n";
    h.up(file).ok();
    for (route, address) in [
        ("ip route add 10.9.0.2/32 via 192.168.1.254", "10.9.0.2"),
        ("ip -6 route add fd09::/125 via fd00:1::254", "[fd09::2]"),
    ] {
        sh(route);
        let to = format!("{address}:80");
        let answer = h.run(&["explain", "host", &to]).exits(1).out;
        assert!(answer.contains("by eth0"), "{answer}");
        assert_eq!(h.run(&["reach", "host", &to]).code, 1);
        h.run(&["explain", "b", &to]).exits(0);
        h.run(&["reach", "b", &to]).exits(0);
        let said = h.up(file).err;
        let status = h.run(&["status", "--exit-code"]).exits(3).out;
        let help = answer.lines().find_map(|l| l.trim().strip_prefix("help: "));
        for text in [said, status] {
            assert!(text.contains(help.unwrap()), "{text}");
        }
        sh(help.unwrap());
        h.run(&["explain", "host", &to]).exits(0);
        h.run(&["reach", "host", &to]).exits(0);
        h.run(&["status", "--exit-code"]).exits(0);
        assert!(!h.up(file).err.contains("blocked"));
    }
}

const TWO_NETWORKS: &str = "name: p
networks: { n: { subnet: [10.9.0.0/24, \"fd09::/64\"] }, m: { subnet: [10.8.0.0/24, \"fd08::/64\"] } }
nodes:
  a: { networks: [n], command: hallway serve 80, ready: 80/tcp }
  b: { networks: [m] }
policies: [ { from: b, to: a, ports: [80/tcp] } ]
";

/// Rules and routes of other programs that drop packets, or that deliver them to the host: what is added, and
/// who asks which address.
const STOPPERS: [(&str, &str, &str); 13] = [
    (
        "ip route add local 10.9.0.2 dev lo table local",
        "host",
        "10.9.0.2",
    ),
    (
        "ip -6 route add local fd09::2 dev lo table local",
        "host",
        "[fd09::2]",
    ),
    (
        "ip route add prohibit 10.9.0.2/32 table local",
        "host",
        "10.9.0.2",
    ),
    (
        "ip route add unreachable 10.9.0.0/28 table local",
        "b",
        "10.9.0.2",
    ),
    (
        "ip rule add to 10.9.0.2 blackhole priority 5",
        "host",
        "10.9.0.2",
    ),
    (
        "ip rule add to 10.9.0.2 lookup 99 priority 5",
        "b",
        "10.9.0.2",
    ),
    ("ip rule add iif br-m blackhole priority 5", "b", "10.9.0.2"),
    (
        "ip -6 rule add iif br-m prohibit priority 5",
        "b",
        "[fd09::2]",
    ),
    (
        "ip rule add iif lo to 10.9.0.0/24 prohibit priority 5",
        "host",
        "10.9.0.2",
    ),
    (
        "ip rule add from 10.9.0.2 prohibit priority 5",
        "b",
        "10.9.0.2",
    ),
    (
        "ip rule add from 10.8.0.0/16 unreachable priority 5",
        "b",
        "10.9.0.2",
    ),
    ("ip rule add iif br-m lookup 99 priority 5", "b", "10.9.0.2"),
    (
        "ip rule add from 10.8.0.2 lookup 98 priority 5",
        "b",
        "10.9.0.2",
    ),
];

/// They are named by every command that reports on the project, with the command that helps, and predicted.
pub(crate) fn rules_and_routes_that_stop_packets() {
    lan(1, "eth0");
    sh(
        "ip route add unreachable default table 99; ip route add default via 192.168.1.254 table 98 metric 5",
    );
    sh("ip route add blackhole default table 98 metric 3");
    let h = hallway().project("p");
    h.up(TWO_NETWORKS).ok();
    let address = format!("{}:80", "10.9.0.2");
    h.run(&["reach", "b", &address]).exits(0);
    for (added, from, to) in STOPPERS {
        sh(added);
        let to = format!("{to}:80");
        let answer = h.run(&["explain", from, &to]).exits(1).out;
        let outcome = answer.lines().next().and_then(|l| l.rsplit(": ").next());
        let known = outcome.is_some_and(|o| ["filtered", "unreachable"].contains(&o));
        assert!(known, "{added}: {answer}");
        assert_eq!(h.run(&["reach", from, &to]).code, 1, "{added}");
        let said = h.up(TWO_NETWORKS).err;
        let status = h.run(&["status", "--exit-code"]).exits(3).out;
        let help = answer.lines().find_map(|l| l.trim().strip_prefix("help: "));
        for text in [said, status] {
            assert!(text.contains(help.unwrap()), "{added}: {text}");
        }
        sh(help.unwrap());
        h.run(&["explain", from, &to]).exits(0);
        h.run(&["reach", from, &to]).exits(0);
        h.run(&["status", "--exit-code"]).exits(0);
        assert!(!h.up(TWO_NETWORKS).err.contains("blocked"));
        sh(
            "while ip rule del to 10.9.0.2; do :; done 2>/dev/null; while ip rule del priority 5; do :; done 2>/dev/null; true",
        );
    }
    // One for some packets is said with its conditions.
    sh("ip rule add ipproto tcp dport 80 blackhole priority 5");
    let answer = h.run(&["explain", "host", &address]).out;
    assert!(
        answer.contains("the routing rule 5 (ipproto tcp dport 80)"),
        "{answer}"
    );
    assert_eq!(h.run(&["reach", "host", &address]).code, 1);
    let status = h.run(&["status", "--exit-code"]).exits(3).out;
    assert!(status.contains("ip rule del priority 5"), "{status}");
    sh("ip rule del priority 5");
    // Those that are about others.
    for other in [
        "from 192.168.1.254 blackhole",
        "to 192.168.1.254 blackhole",
        "iif eth0 to 10.20.0.0/16 prohibit",
        "from 10.8.0.2 lookup 97",
        "fwmark 7 blackhole",
        "oif eth0 prohibit",
    ] {
        sh(&format!("ip rule add {other} priority 5"));
        h.run(&["status", "--exit-code"]).exits(0);
        h.run(&["explain", "b", &address]).exits(0);
        h.run(&["reach", "b", &address]).exits(0);
        sh("ip rule del priority 5");
    }
    h.ok("down");
}

/// A subnet that would take addresses that the host uses is refused before anything is changed.
pub(crate) fn what_is_used_is_not_taken_away() {
    lan(1, "eth0");
    sh(
        "ip addr add 10.0.0.5/8 dev eth0; ip route add 203.0.113.0/24 via 10.3.0.1; ip route add blackhole 198.51.100.0/24",
    );
    let before = Snapshot::take();
    let h = hallway();
    for (subnet, held) in [
        ("192.168.1.0/24", "eth0 already uses 192.168.1.0/24 here"),
        ("192.168.0.0/16", "eth0 already uses 192.168.1.0/24 here"),
        ("10.0.0.0/24", "eth0 already uses 10.0.0.5/32 here"),
        (
            "10.3.0.0/24",
            "the host's routes lead by the router 10.3.0.1",
        ),
        (
            "203.0.113.0/24",
            "the host routes 203.0.113.0/24 by 10.3.0.1",
        ),
        (
            "203.0.112.0/23",
            "the host routes 203.0.113.0/24 by 10.3.0.1",
        ),
        (
            "198.51.100.0/24",
            "a route already uses 198.51.100.0/24 here",
        ),
    ] {
        h.up(&file(subnet))
            .exits(2)
            .says("subnet-in-use")
            .says(held);
    }
    before.unchanged();
    works(&h, "10.9.0.0/24", "10.9.0.2");
    // The same route by another program does not stop a project that is up.
    sh(
        "ip route add 10.9.0.0/24 via 192.168.1.254 metric 50; ip route add 10.9.0.128/25 via 192.168.1.254",
    );
    works(&h, "10.9.0.0/24", "10.9.0.2");
    // It may not overlap that of another project.
    let other = file("10.9.0.64/26").replace("name: p", "name: q");
    h.up(&other).exits(2).says("project p");
}

/// What helps where there is no route is a command of that place.
pub(crate) fn what_to_do_without_a_route() {
    let text =
        "name: p\nnetworks: { n: { subnet: 10.9.0.0/24 } }\nnodes: { a: { networks: [n] } }\n";
    for (h, helps, not) in [
        (hallway(), "add a route to it on this host", "pasta"),
        (
            hallway_testkit::Hallway::sandbox(env!("CARGO_BIN_EXE_hallway")),
            "pasta",
            "on this host",
        ),
    ] {
        let h = h.project("p");
        h.up(text).ok();
        let said = h.run(&["explain", "a", "192.0.2.7"]).out;
        assert!(
            said.contains("the host has no route to 192.0.2.7"),
            "{said}"
        );
        assert!(said.contains(helps) && !said.contains(not), "{said}");
        h.ok("down");
    }
}

/// A subnet that is chosen automatically avoids every route of the host.
pub(crate) fn automatic_subnets_avoid_routes() {
    lan(1, "eth0");
    let h = hallway().project("p");
    sh("ip route add 10.72.0.0/24 via 192.168.1.254; ip route add 0.0.0.0/1 via 192.168.1.254");
    h.ok("network add one");
    assert!(
        h.ok("export").contains("10.72.1.0/24"),
        "{}",
        h.ok("export")
    );
    // One that was chosen stays while the project is up.
    let file =
        "name: q\nnetworks: { n: {} }\nnodes: { a: { networks: [n] }, b: { networks: [n] } }\n";
    let q = hallway().project("q");
    q.up(file).ok();
    sh("ip route add 10.72.2.0/23 via 192.168.1.254");
    q.up(file).says("nothing to change").ok();
    sh("ping -c 1 -W 30 10.72.2.2; ip route add 10.72.2.3/32 via 192.168.1.254");
    q.up(file)
        .says("10.72.2.3/32")
        .says("nothing to change")
        .ok();
    q.ok("down");
    q.up(file).ok();
    let again = q.ok("status");
    assert!(again.contains("10.72.4.0/24"), "{again}");
    q.ok("down");
    sh("ip route add 10.0.0.0/8 via 192.168.1.254");
    h.ok("network add two");
    assert!(
        h.ok("export").contains("172.24.0.0/24"),
        "{}",
        h.ok("export")
    );
}
