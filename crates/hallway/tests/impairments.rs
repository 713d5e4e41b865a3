//! Impairments of links: in the file, on a running project, repaired like the rest, and measured.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, sh, skip, try_sh, wait_for};
use serde_json::Value;

/// With the test's own namespace as the host.
fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

const LAB: &str = "
name: lab
networks: { lan: { subnet: [10.9.0.0/24, fd09::/64] } }
nodes:
  a: { networks: { lan: { address: [10.9.0.10, fd09::10], delay: 30ms } } }
  b: { networks: { lan: { address: [10.9.0.11, fd09::11] } } }
links: [{ endpoints: { c: 10.0.0.1/30, d: 10.0.0.2/30 }, bandwidth: 10mbit, delay: 20ms, jitter: 5ms, loss: 0.0001%, reorder: 0.01% }]
";

/// Whether this kernel has netem.
fn has_netem() -> bool {
    try_sh(
        "ip link add probe type dummy 2>/dev/null || ip link add probe type veth peer name other
        tc qdisc add dev probe root netem delay 1ms; result=$?; ip link del probe; exit $result",
    )
    .is_ok()
}

/// The shortest round trip of some pings, in milliseconds.
fn round_trip(h: &Hallway, node: &str, address: &str) -> f64 {
    let words = format!("exec {node} -- ping -q -i 0.2 -c 5 -W 30 {address}");
    let said = h.ok(&words);
    let times = said.split("mdev = ").nth(1).unwrap();
    times.split('/').next().unwrap().parse().unwrap()
}

#[track_caller]
fn takes(h: &Hallway, node: &str, address: &str, least: f64) {
    let time = round_trip(h, node, address);
    // An emulated machine needs some milliseconds more.
    assert!(
        time >= least && time < least + 19.0,
        "{node} to {address}: {time} ms, not {least}"
    );
}

/// A kernel without netem: the error comes before anything is changed, for a file and for a command.
fn without_netem() {
    if has_netem() {
        skip("this kernel has netem");
    }
    let h = hallway();
    let before = Snapshot::take();
    h.up(LAB)
        .says("this kernel has no netem")
        .says("modprobe sch_netem")
        .exits(2);
    before.unchanged();
    h.up(&LAB.replace(", delay: 30ms", "").replace(
        ", delay: 20ms, jitter: 5ms, loss: 0.0001%, reorder: 0.01%",
        "",
    ))
    .ok();
    let up = sh("tc -n c qdisc show dev eth0");
    assert!(up.contains("rate 10Mbit"), "{up}");
    let h = h.project("lab");
    let before = (Snapshot::take(), h.ok("export"));
    h.run(&["impair", "a", "delay=50ms"])
        .says("no netem")
        .exits(2);
    before.0.unchanged();
    assert_eq!(before.1, h.ok("export"));
    // A limit needs none, and is a limit in both directions.
    h.ok("impair a rate=5mbit");
    let both = sh("tc qdisc show; tc -n a qdisc show");
    assert_eq!(both.matches("rate 5Mbit").count(), 2, "{both}");
    assert!(
        h.ok("impair")
            .contains("a     eth0       lan      rate 5mbit")
    );
    h.ok("impair a --clear");
    let none = sh("tc qdisc show; tc -n a qdisc show");
    assert!(!none.contains("rate 5Mbit"), "{none}");
}

/// The results of ping match the file: a node's impairments apply to what it sends, those of a cable
/// to what each end sends.
fn round_trips() {
    if !has_netem() {
        skip("this kernel has no netem");
    }
    let before = Snapshot::take();
    let h = hallway();
    h.up(LAB).exits(0);
    let h = h.project("lab");
    takes(&h, "a", "10.9.0.11", 30.0);
    takes(&h, "b", "fd09::10", 30.0);
    let cable = round_trip(&h, "c", "10.0.0.2");
    assert!((30.0..65.0).contains(&cable), "{cable} ms by the cable");
    let shown = sh("tc -n c qdisc show dev eth0");
    for part in ["netem", "delay 20ms  5ms", "rate 10Mbit"] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(
        h.run(&["up", "/run/up.hallway.yaml"])
            .exits(0)
            .err
            .contains("nothing to change")
    );
    assert!(h.ok("graph").contains("[delay 30ms]"));
    h.ok("down");
    before.unchanged();
}

/// On a running project: set, listed, kept by the next command, removed.
fn while_running() {
    if !has_netem() {
        skip("this kernel has no netem");
    }
    let h = hallway();
    h.up(LAB).exits(0);
    let h = h.project("lab");
    h.ok("impair a:eth0 delay=60ms duplicate=100%");
    takes(&h, "b", "10.9.0.10", 60.0);
    let twice = h.ok("exec b -- ping -c 2 -W 30 10.9.0.10");
    assert!(twice.contains("DUP!"), "{twice}");
    h.ok("impair a duplicate=0% loss=0.5%");
    let listed = h.ok("impair a");
    assert!(listed.contains("delay 60ms loss 0.5%"), "{listed}");
    // Only one end of a cable.
    h.ok("impair c:eth0 delay=0ms jitter=0ms reorder=0%");
    let one = round_trip(&h, "c", "10.0.0.2");
    assert!((14.0..40.0).contains(&one), "{one} ms with one end");
    h.ok("publish a 8080:80");
    assert!(h.ok("impair").contains("delay 60ms loss 0.5%"));
    h.ok("impair --clear");
    takes(&h, "a", "10.9.0.11", 0.0);
    let left = sh("for n in a b c d; do tc -n $n qdisc show; done");
    assert!(!left.contains("netem"), "{left}");
    assert!(left.contains("rate 10Mbit"), "{left}"); // of the file's `bandwidth`
    // All packets are lost, as predicted.
    h.ok("impair a loss=100%");
    let said = h.run(&["explain", "b", "a"]).exits(1).out;
    assert!(said.contains("loss: 100%"), "{said}");
    h.run(&["reach", "b", "a", "--timeout-ms", "500"]).exits(1);
    let said = h.run(&["explain", "a", "b"]).exits(1).out;
    assert!(said.contains("loss: 100%"), "{said}");
    h.run(&["reach", "a", "b", "--timeout-ms", "500"]).exits(1);
}

/// Changes by other programs are detected, and repaired by the keeper and by `up`.
fn drift_is_repaired() {
    if !has_netem() {
        skip("this kernel has no netem");
    }
    let h = hallway();
    h.up(LAB).exits(0);
    let of_project = h.project("lab");
    let shown = || sh("tc -n a qdisc show dev eth0");
    let built = shown()
        .replace("seed", "")
        .split(" limit")
        .nth(1)
        .unwrap()
        .to_owned();
    for (change, clause) in [
        ("tc -n a qdisc del dev eth0 root", "is none, not delay 30ms"),
        (
            "tc -n a qdisc replace dev eth0 root netem limit 10000 delay 10ms",
            "is delay 10ms, not delay 30ms",
        ),
        (
            "tc -n a qdisc change dev eth0 root netem limit 10000 delay 30ms 3ms 25%",
            "a queueing discipline with other settings",
        ),
        (
            "tc -n a qdisc change dev eth0 root netem limit 10000 delay 30ms slot 1ms 2ms",
            "a queueing discipline with other settings",
        ),
        (
            "tc -n a qdisc change dev eth0 root netem limit 5 delay 30ms",
            "a queueing discipline with other settings",
        ),
    ] {
        sh(change);
        let status = of_project.ok("status");
        assert!(status.contains(clause), "{change}: {status}");
        h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
        let after = shown()
            .replace("seed", "")
            .split(" limit")
            .nth(1)
            .unwrap()
            .to_owned();
        assert_eq!(
            after.split(" seed").next(),
            built.split(" seed").next(),
            "{change}"
        );
    }
    of_project.ok("down");
    let h = h.repairing();
    h.up(LAB).exits(0);
    sh("tc -n a qdisc del dev eth0 root");
    wait_for("the repair", || {
        sh("tc -n a qdisc show dev eth0").contains("delay 30ms")
    });
}

/// The script has the same settings as `tc` lines.
fn shell_script() {
    let h = hallway();
    std::fs::write("/run/up.hallway.yaml", LAB).unwrap();
    let script = h.ok("plan --format shell /run/up.hallway.yaml");
    for line in [
        "tc -n a qdisc replace dev eth0 root netem limit 10000 delay 30ms",
        "tc -n c qdisc replace dev eth0 root netem limit 100 delay 20ms 5ms loss 0.0001% reorder 0.01% rate 10000000bit",
        "tc -n d qdisc replace dev eth0 root netem limit 100",
    ] {
        assert!(script.contains(line), "{script}");
    }
    if !has_netem() {
        return;
    }
    std::fs::write("/run/script", &script).unwrap();
    let shown = "for n in a c d; do tc -n $n qdisc show dev eth0 | sed \"s/ seed.*//; s/qdisc netem [0-9a-f]*://\"; done";
    let of_script = sh(&format!(
        "mkdir -p /run/netns
        unshare -mn bash -ec 'mount -t tmpfs tmpfs /run/netns; bash -e /run/script >&2; {shown}'"
    ));
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    let of_up = sh(shown);
    assert_eq!(of_script, of_up);
}

/// Invalid values and keys.
fn mistakes() {
    let h = hallway();
    for (text, says) in [
        ("jitter: 5ms", "jitter has no effect without a delay"),
        ("reorder: 5%", "reorder has no effect without a delay"),
        ("delay: 50", "write it like 50ms"),
        ("loss: 120%", "write it like 1%"),
        ("delay: 1s, jitter: 3s", "at most 2s"),
        ("rate: 1mbit, bandwidth: 1mbit", "two names of one limit"),
        ("latency: 5ms", "did you mean delay?"),
    ] {
        let file = LAB.replace("delay: 30ms", text);
        std::fs::write("/run/bad.yaml", file).unwrap();
        h.run(&["validate", "/run/bad.yaml"]).says(says).exits(2);
    }
    h.up(
        "name: lab\nnetworks: { lan: { subnet: 10.9.0.0/24 } }\nnodes: { a: { networks: [lan] } }",
    )
    .exits(0);
    let h = h.project("lab");
    for (words, says) in [
        ("impair delay=5ms", "no node is named"),
        ("impair x delay=5ms", "its nodes: a"),
        ("impair a:eth7 delay=5ms", "its interfaces: eth0"),
        ("impair a dealy=5ms", "did you mean delay?"),
        ("impair a delay", "is not KEY=VALUE"),
        ("impair a delay=5", "write it like 50ms"),
        (
            "impair a jitter=5ms",
            "jitter has no effect without a delay",
        ),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        h.run(&words).says(says).exits(2);
    }
}

const MEASURED: &str = "
name: lab
nodes: { c: {}, d: { command: iperf3 -s, ready: 5201/tcp } }
links: [{ endpoints: { c: 10.0.0.1/30, d: 10.0.0.2/30 } }]
";

/// The project between whose nodes iperf3 measures.
fn measured() -> Hallway {
    sh("iperf3 --version");
    let h = hallway();
    h.up(MEASURED).exits(0);
    h.project("lab")
}

/// What iperf3 finds from one end of the cable to the other.
fn iperf3(h: &Hallway, arguments: &str) -> Value {
    let words = format!("exec c -- iperf3 -c 10.0.0.2 -t 2 -J {arguments}");
    let found: Value = serde_json::from_str(&h.ok(&words)).unwrap();
    found["end"].clone()
}

/// The throughput that iperf3 finds is the rate, with and without netem.
fn rates_that_iperf3_finds() {
    let h = measured();
    let ways: &[&str] = match has_netem() {
        true => &["rate=10mbit", "rate=4mbit delay=5ms"],
        false => &["rate=10mbit"],
    };
    for way in ways {
        h.ok(&format!("impair c {way}"));
        let wanted = if way.contains("=10") { 10.0 } else { 4.0 };
        let found = &iperf3(&h, "")["sum_received"]["bits_per_second"];
        let found = found.as_f64().unwrap() / 1e6;
        let share = found / wanted;
        assert!((0.85..1.15).contains(&share), "{way}: {found} Mbit/s");
    }
}

/// Of the packets that iperf3 sends by UDP, as many are lost as the loss says.
fn losses_that_iperf3_finds() {
    if !has_netem() {
        skip("this kernel has no netem");
    }
    let h = measured();
    h.ok("impair c loss=10%");
    // About 1000 packets: a loss of less than 6 or more than 14 has a probability below 1 in 20,000.
    let found = iperf3(&h, "-u -b 2M -l 500");
    let (lost, sent) = (&found["sum"]["lost_percent"], &found["sum"]["packets"]);
    assert!(sent.as_u64().unwrap() > 500, "{sent} packets");
    assert!((6.0..14.0).contains(&lost.as_f64().unwrap()), "{lost} %");
}

hallway_testkit::tests![
    rates_that_iperf3_finds,
    losses_that_iperf3_finds,
    without_netem,
    round_trips,
    while_running,
    drift_is_repaired,
    shell_script,
    mistakes,
];
