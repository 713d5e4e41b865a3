//! `capture` shows the packets that pass, and files that other programs read.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;

use hallway_testkit::{Hallway, processes, sh, wait_for};
use serde_json::Value;

const APPS: &str = "networks: { apps: { subnet: 172.20.0.0/24 } }
nodes:
  app1: { networks: { apps: { address: 172.20.0.11 } } }
  app2: { networks: { apps: { address: 172.20.0.12 } }, command: hallway serve 80, ready: 80/tcp }
links: [{ endpoints: { app1: 10.0.1.1/24, box: 10.0.1.2/24 } }]
";

fn up(text: &str) -> Hallway {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    h.up(text).ok();
    // No ARP except for the first packets: no neighbour is confirmed later.
    let script =
        "for f in /proc/sys/net/ipv4/neigh/*/delay_first_probe_time; do echo 3600 > $f; done";
    sh(script);
    for node in sh("ip netns list | cut -d' ' -f1").lines() {
        sh(&format!("ip netns exec {node} sh -c '{script}'"));
    }
    h
}

/// Until all connections of app1 and app2 are closed: no packet of them is still being delivered.
fn closed() {
    wait_for("the connections to be closed", || {
        ["app1", "app2"].iter().all(|node| {
            let open = sh(&format!("ip netns exec {node} ss -Htan"));
            open.lines()
                .all(|l| l.starts_with("LISTEN") || l.starts_with("TIME-WAIT"))
        })
    });
}

/// A capture that has started.
struct Running {
    child: Child,
    err: BufReader<std::process::ChildStderr>,
}

fn begin(h: &Hallway, words: &str) -> Running {
    let mut child = h.start(&words.split(' ').collect::<Vec<_>>());
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    assert!(line.starts_with("capturing on"), "{line}");
    Running { child, err }
}

impl Running {
    /// Waits for its end; exit code, output, the last line of stderr.
    fn end(mut self) -> (i32, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        self.err.read_to_string(&mut err).unwrap();
        (
            self.child.wait().unwrap().code().unwrap_or(-1),
            out,
            err.trim().to_owned(),
        )
    }

    fn interrupt(self) -> (i32, String, String) {
        interrupt(&[&self]);
        self.end()
    }
}

/// Ctrl-C, to all at the same time.
fn interrupt(captures: &[&Running]) {
    let pids = captures.iter().map(|c| c.child.id().to_string());
    sh(&format!("kill -INT {}", pids.collect::<Vec<_>>().join(" ")));
}

/// The summaries of text output: everything except time, interface and direction.
fn lines(out: &str) -> Vec<String> {
    out.lines()
        .map(|l| l.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
        .collect()
}

fn a_ping_is_four_frames_with_its_arp() {
    let h = up(APPS);
    let capture = begin(&h, "capture app2 host app1 and not ip6");
    assert!(h.pings("app1", "172.20.0.12"));
    let seen = begin(&h, "capture app1:eth0 -c 2 --duration 3600 icmp");
    assert!(h.pings("app1", "app2"));
    let (code, out, said) = capture.interrupt();
    assert_eq!(code, 0);
    let lines = lines(&out);
    assert_eq!(lines[0], "eth0 in arp who has 172.20.0.12 tell 172.20.0.11");
    assert!(lines[1].starts_with("eth0 out arp 172.20.0.12 is at 02:"));
    assert!(lines[2].starts_with("eth0 in 172.20.0.11 → 172.20.0.12 icmp echo request id "));
    assert!(lines[3].starts_with("eth0 out 172.20.0.12 → 172.20.0.11 icmp echo reply id "));
    assert_eq!(said, format!("{} packets", lines.len()));
    let (code, out, said) = seen.end();
    assert_eq!((code, said.as_str()), (0, "2 packets"));
    assert_eq!(out.lines().count(), 2);
    assert!(out.contains(" out "), "{out}");
}

fn a_connection_with_its_ends() {
    let h = up(APPS);
    let capture = begin(&h, "capture app2 tcp port 80 and src app1");
    assert!(h.reads("app1", "http://app2/"));
    closed();
    let (_, out, _) = capture.interrupt();
    let lines = lines(&out);
    assert!(lines[0].contains(" → 172.20.0.12:80 tcp SYN"), "{out}");
    assert!(lines.iter().any(|l| l.contains("tcp FIN ACK")), "{out}");
    assert!(
        lines.iter().all(|l| l.contains(" in 172.20.0.11:")),
        "{out}"
    );
}

/// Packets between two members appear at the bridge, and packets that are dropped on the path too.
fn a_network_and_the_host() {
    let h = up(APPS);
    let at_bridge = begin(&h, "capture apps -c 2 --duration 3600 icmp");
    let at_host = begin(&h, "capture host icmp");
    assert!(h.pings("app1", "172.20.0.12"));
    let (code, out, said) = at_bridge.end();
    assert_eq!((code, said.as_str()), (0, "2 packets"));
    for (line, way) in lines(&out).iter().zip(["request", "reply"]) {
        assert!(line.starts_with("br-apps "), "{line}");
        assert!(line.contains(&format!("icmp echo {way}")), "{line}");
    }
    let (_, out, _) = at_host.interrupt();
    let ports = lines(&out).iter().filter(|l| !l.starts_with("br-")).count();
    assert_eq!(
        ports, 4,
        "request and reply, in at one port, out of another: {out}"
    );
    assert!(!sh("ip -d link show br-apps").contains("promiscuity 1"));
}

fn routed_networks_show_all_their_ports() {
    let h = up("networks: { far: { subnet: 10.60.0.0/24, mode: routed } }
nodes: { a: { networks: [far] }, b: { networks: [far] }, c: { networks: [far] } }
");
    let capture = begin(&h, "capture far icmp");
    sh("ping -c 1 -W 30 127.0.0.1");
    assert!(h.pings("a", "b"));
    let (_, out, _) = capture.interrupt();
    let all = lines(&out);
    assert_eq!(all.len(), 4, "{out}");
    assert!(all.iter().all(|l| !l.starts_with("lo ")), "{out}");
}

fn icmp_errors_show_the_flow_they_are_about() {
    let h = up(APPS);
    let capture = begin(&h, "capture app1 -c 1 --duration 3600 icmp");
    let ask = "import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('172.20.0.12', 999))";
    assert!(h.inside("app1", &format!("python3 -c \"{ask}\"")));
    let (_, out, _) = capture.end();
    assert!(
        out.contains("icmp unreachable: port (172.20.0.11:")
            && out.contains(" → 172.20.0.12:999 udp)"),
        "{out}"
    );
}

/// tcpdump reads the file and shows the same packets. It runs without ids in a user namespace: as
/// root it would change to another user, which does not exist everywhere.
fn files_that_tcpdump_reads() {
    let h = up(APPS);
    let file = begin(&h, "capture app2 -w /run/keep.pcap icmp or arp or tcp");
    let lines = begin(&h, "capture app2 --format json icmp or arp or tcp");
    assert!(h.pings("app1", "172.20.0.12"));
    assert!(h.reads("app1", "http://app2/"));
    closed();
    interrupt(&[&file, &lines]);
    let (_, out, said) = file.end();
    assert_eq!(out, "");
    let (_, out, _) = lines.end();
    let ours: Vec<Value> = out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let theirs = sh("unshare -U tcpdump -nn -tt -r /run/keep.pcap 2>/dev/null");
    let theirs: Vec<&str> = theirs.lines().collect();
    assert_eq!(theirs.len(), ours.len(), "{theirs:?}");
    assert_eq!(said, format!("{} packets", ours.len()));
    assert!(ours.len() > 8);
    for (line, value) in theirs.iter().zip(&ours) {
        let end = |host: &str, port: &str| match &value[port] {
            Value::Null => value[host].as_str().unwrap().to_owned(),
            port => format!("{}.{port}", value[host].as_str().unwrap()),
        };
        let ends = if value["protocol"] == "arp" {
            let arp = value["summary"].as_str().unwrap();
            if arp.contains("who has") {
                "who-has"
            } else {
                "is-at"
            }
            .to_owned()
        } else {
            format!(
                "{} > {}",
                end("source", "source_port"),
                end("destination", "destination_port")
            )
        };
        assert!(line.contains(&ends), "{line} has not {ends}");
        let summary = value["summary"].as_str().unwrap();
        let syn = line.contains("Flags [S]") || line.contains("Flags [S.]");
        assert_eq!(syn, summary.contains("SYN"), "{line}: {summary}");
        assert_eq!(line.contains("echo reply"), summary.contains("echo reply"));
        let time: f64 = line.split(' ').next().unwrap().parse().unwrap();
        assert!((time - value["time"].as_f64().unwrap()).abs() < 0.01);
    }
}

/// Not packets that nodes send on their own, perhaps before the last capture started.
fn asked_for(line: &str) -> bool {
    !["IP6", "icmp6", "igmp"].iter().any(|w| line.contains(w))
}

/// Every filter matches what tcpdump's own filter matches.
fn filters_agree_with_tcpdumps() {
    let h = up(APPS);
    let all = begin(&h, "capture app2 -w /run/all.pcap");
    let filters = [
        "tcp",
        "not tcp",
        "arp or icmp",
        "src host 172.20.0.11 and tcp",
        "dst port 80",
        "portrange 70-90 and dst net 172.20.0.0/28",
        "icmp or tcp and src 172.20.0.12",
        "icmp or (tcp and src 172.20.0.12)",
        "not (host 172.20.0.11 and ip)",
    ];
    let ours: Vec<Running> = filters
        .iter()
        .map(|f| begin(&h, &format!("capture app2 {f}")))
        .collect();
    assert!(h.pings("app1", "172.20.0.12"));
    assert!(h.reads("app1", "http://app2/"));
    assert!(h.pings("app2", "172.20.0.1"));
    closed();
    interrupt(&ours.iter().chain([&all]).collect::<Vec<_>>());
    let ours: Vec<String> = ours.into_iter().map(|c| c.end().1).collect();
    all.end();
    for (filter, out) in filters.iter().zip(ours) {
        let theirs = sh(&format!(
            "unshare -U tcpdump -nn -r /run/all.pcap '{filter}' 2>/dev/null"
        ));
        assert_eq!(
            theirs.lines().filter(|l| asked_for(l)).count(),
            out.lines().filter(|l| asked_for(l)).count(),
            "{filter}:\n{theirs}\n{out}"
        );
        assert!(!out.is_empty(), "{filter}");
    }
}

/// It ends when the reader closes the pipe, with packets and without.
fn a_closed_pipe_ends_it() {
    let h = up(APPS);
    let mut capture = begin(&h, "capture app1");
    drop(capture.child.stdout.take());
    let mut said = String::new();
    capture.err.read_to_string(&mut said).unwrap();
    assert_eq!(capture.child.wait().unwrap().code(), Some(0), "{said}");
    let program = env!("CARGO_BIN_EXE_hallway");
    let run = format!(
        "export HALLWAY_STATE_DIR=/run/state; {program} -p p --host capture app1 -w - \
         | unshare -U tcpdump -nn -c 1 -r - 2>/dev/null"
    );
    let reader = std::thread::spawn(move || sh(&run));
    wait_for("a packet", || {
        let _ = h.pings("app1", "172.20.0.12");
        reader.is_finished()
    });
    assert_eq!(reader.join().unwrap().lines().count(), 1);
    wait_for("the end", || {
        !processes().iter().any(|p| p.contains(" capture "))
    });
}

fn mistakes_are_reported() {
    let h = up(APPS);
    for (words, says) in [
        ("capture app9", "has no node or network app9"),
        ("capture app9", "app1, app2, box, apps, host"),
        ("capture app1:eth9", "its interfaces: eth0, eth1, lo"),
        ("capture apps:eth0", "is a network"),
        ("capture host:nothing0", "the interface does not exist"),
        ("capture app1 host app9", "  | host app9\n  |      ^^^^"),
        ("capture app1 --duration 0 tcp", "number of seconds"),
        ("capture app1 -w /nowhere/x.pcap", "cannot write"),
    ] {
        let ran = h.run(&words.split(' ').collect::<Vec<_>>());
        assert!(ran.code != 0 && ran.code < 3, "{words}: {}", ran.code);
        ran.says(says);
    }
    h.ok("down");
    h.run(&["capture", "app1"]).exits(2).says("not up");
}

fn in_a_sandbox() {
    let h = Hallway::sandbox(env!("CARGO_BIN_EXE_hallway")).project("p");
    h.up(APPS).ok();
    let capture = begin(
        &h,
        "capture app1:eth1 -w /run/cable.pcap -c 2 --duration 3600 icmp",
    );
    assert!(h.pings("app1", "10.0.1.2"));
    let (code, _, said) = capture.end();
    assert_eq!((code, said.as_str()), (0, "2 packets"));
    let read = sh("unshare -U tcpdump -nn -r /run/cable.pcap 2>/dev/null");
    assert!(
        read.contains("10.0.1.1 > 10.0.1.2: ICMP echo request"),
        "{read}"
    );
    h.ok("down");
}

hallway_testkit::tests![
    a_ping_is_four_frames_with_its_arp,
    a_connection_with_its_ends,
    a_network_and_the_host,
    routed_networks_show_all_their_ports,
    icmp_errors_show_the_flow_they_are_about,
    files_that_tcpdump_reads,
    filters_agree_with_tcpdumps,
    a_closed_pipe_ends_it,
    mistakes_are_reported,
    in_a_sandbox,
];
