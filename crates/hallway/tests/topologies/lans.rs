//! Lans: plain switches without the host.

use std::io::{BufRead, BufReader};

use hallway_testkit::{Snapshot, nft_json, sh, wait_for};

use crate::hallway;

/// The first address belongs to a node, a prefix of two addresses has two nodes, and the host has no
/// address there.
pub(crate) fn a_lan_is_a_switch_without_the_host() {
    let h = hallway();
    let before = Snapshot::take();
    h.up("
networks:
  b: { subnet: [100.0.0.8/30, fd08::/126], mode: lan }
  c: { subnet: [100.0.1.0/31, fd09::/127], mode: lan }
  d: { mode: lan }
  v: { subnet: 10.9.9.0/24 }
nodes:
  r1: { networks: { b: { address: [100.0.0.9, fd08::1] }, c: { address: [100.0.1.0, \"fd09::\"] } }, forwarding: true }
  r2: { networks: { b: { address: [100.0.0.10, fd08::2] } }, routes: [ { to: 100.0.1.0/31, via: 100.0.0.9 }, { to: \"fd09::/127\", via: \"fd08::1\" } ] }
  r3: { networks: { c: { address: [100.0.1.1, fd09::1] } }, routes: [ { to: 100.0.0.8/30, via: 100.0.1.0 }, { to: \"fd08::/126\", via: \"fd09::\" } ] }
  u1: { networks: [d, v] }
  u2: { networks: [d, v] }
expect:
  - { from: r1, to: r2 }
  - { from: r2, to: r3 }
  - { from: r3, to: r2, port: 7/tcp }
  - { from: r1, to: r3, port: gre }
  - { from: host, to: r1, reachable: false }
")
    .ok();
    h.run(&["test"]).ok();
    h.run(&["test", "--matrix"]).ok();
    for address in ["100.0.0.10", "fd08::2", "100.0.1.1", "fd09::1"] {
        assert!(h.pings("r1", address), "{address}");
    }
    // Where the file gives no addresses, programs do: IPv6, too.
    for (node, number) in [("u1", 1), ("u2", 2)] {
        let address = format!("ip addr add fd77::{number}/64 dev eth0 nodad");
        assert!(h.inside(node, &address), "{node}");
    }
    assert!(h.pings("u1", "fd77::2"));
    for bridge in ["br-b", "br-c", "br-d"] {
        assert_eq!(sh(&format!("ip -o addr show dev {bridge}")), "", "{bridge}");
    }
    let named = nft_json()
        .iter()
        .filter(|o| o.to_string().contains("100.0."))
        .count();
    assert_eq!(named, 0, "no rule and no element is about a lan");
    assert!(h.ok("network ls").contains("lan"));
    h.ok("down");
    before.unchanged();
}

/// Members have addresses of different subnets, and one that forwards connects them.
pub(crate) fn a_lan_with_several_subnets() {
    let h = hallway();
    let before = Snapshot::take();
    h.up("
networks: { l: { subnet: [10.0.0.0/24, 10.0.1.0/24, fd00::/64], mode: lan } }
nodes:
  a: { networks: { l: { address: 10.0.0.1 } } }
  b: { networks: { l: { address: 10.0.1.3 } } }
  c: { networks: { l: { address: [10.0.1.4, fd00::4] } } }
  d: { networks: [l] }
expect:
  - { from: b, to: c }
  - { from: a, to: d }
  - { from: a, to: 10.0.1.3, reachable: false }
")
        .ok();
    h.run(&["test"]).ok();
    assert!(h.pings("b", "10.0.1.4"));
    assert!(h.pings("d", "10.0.0.1"), "d is in the first subnet");
    assert!(h.pings("a", "fd00::4"));
    assert!(h.cannot_ping("a", "10.0.1.3"));
    h.run(&["up"]).exits(0).says("nothing to change");
    h.ok("node add late");
    h.ok("connect late l");
    assert!(h.pings("late", "10.0.0.1"));
    h.ok("down");
    before.unchanged();
    h.up("networks: { l: { subnet: [10.0.0.0/24, 10.0.0.0/16], mode: lan } }\n")
        .exits(2)
        .says("several that do not overlap");
    h.up("networks: { l: { subnet: [10.0.0.0/24, 10.1.0.0/24] } }\n")
        .exits(2)
        .says("two IPv4 subnets");
}

const SEND: &str = "
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
own = s.getsockname()[4]
for to in TO:
    for kind in KIND:
        s.send(bytes.fromhex(to) + own + TAG + bytes.fromhex(kind) + b'hallway' + to.encode() + kind.encode() + bytes(60))
";

const RECEIVE: &str = "
import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
s.bind(('eth0', 3)); s.settimeout(0.3)
print('open', flush=True)
seen, end = set(), time.time() + 30
while time.time() < end and len(seen) < len(TO) * len(KIND):
    try: data, peer = s.recvfrom(2000)
    except OSError: continue
    if b'hallway' in data and peer[2] != 4:
        seen.add(data[data.index(b'hallway'):][7:23].decode())
all = {to + kind for to in TO for kind in KIND}
print(sorted(all - seen), flush=True)
";

const FRAMES: &str = "
TO = ('0180c2000000', '0180c2000002', '0180c200000e', '0180c2000003', 'ffffffffffff', '020000000099')
KIND = ('8809', '88cc', '8847', '888e', '9000', '1234')
";

/// LACP, LLDP, MPLS, EAPOL, spanning tree and an unassigned ethertype, with VLAN tags and without.
pub(crate) fn a_lan_passes_every_frame() {
    let h = hallway();
    h.up("networks: { l: { subnet: 10.7.0.0/24, mode: lan } }\nnodes: { a: { networks: [l] }, b: { networks: [l] } }\n")
        .ok();
    sh("ip netns exec b ip link set eth0 promisc on");
    for tag in ["", "8100000a"] {
        let receive = format!("{FRAMES}{RECEIVE}");
        let mut receiver = h
            .command(&["exec", "b", "--", "python3", "-c", &receive])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(receiver.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let send = format!("{FRAMES}TAG = bytes.fromhex('{tag}'){SEND}");
        h.run(&["exec", "a", "--", "python3", "-c", &send]).ok();
        line.clear();
        out.read_line(&mut line).unwrap();
        receiver.wait().unwrap();
        assert_eq!(
            line.trim(),
            "[]",
            "frames with the tag {tag:?} that did not arrive"
        );
    }
    h.ok("down");
}

pub(crate) fn a_port_of_a_lan_that_is_changed_is_repaired() {
    let h = hallway();
    h.up("networks: { l: { subnet: 10.7.0.0/24, mode: lan } }\nnodes: { a: { networks: [l] }, b: { networks: [l] } }\n")
        .ok();
    let port = sh("ip -o link show master br-l | head -1 | cut -d: -f2 | cut -d@ -f1");
    let port = port.trim();
    sh(&format!(
        "ip link set dev {port} type bridge_slave group_fwd_mask 0"
    ));
    let status = h.run(&["status"]).out;
    assert!(status.contains("group_fwd_mask of"), "{status}");
    h.run(&["up"]).ok();
    wait_for("the mask", || {
        sh(&format!("ip -d link show dev {port}")).contains("group_fwd_mask 0xfffd")
    });
    h.ok("down");
}

/// Where bridged packets pass the rules of the host, those of another project drop nothing on a lan, whatever
/// addresses its members use; and no frame of it gets to the host, by the guard of any project.
pub(crate) fn a_lan_beside_another_project() {
    let p = hallway();
    sh("sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1");
    p.up(
        "networks: { apps: { subnet: [10.20.0.0/24, \"fd20::/64\"] } }
nodes: { w: { networks: [apps], ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp } }
",
    )
    .ok();
    let q = p.project("q");
    let text = "networks:
  n: { subnet: 10.30.0.0/24 }
  same: { subnet: [10.20.0.0/29, \"fd20::/64\"], mode: lan }
  transit: { subnet: 10.34.0.0/29, mode: lan }
nodes:
  r1: { networks: { same: { address: [10.20.0.3, \"fd20::3\"] } } }
  r2: { networks: { same: { address: [10.20.0.4, \"fd20::4\"] } } }
  gw: { networks: { n: { masquerade: true }, transit: { address: 10.34.0.1 } }, forwarding: true }
  behind: { networks: { transit: { address: 10.34.0.2 } }, routes: [ { to: default, via: 10.34.0.1 } ] }
";
    let others = text.lines().filter(|line| !line.contains("same"));
    q.up(&others.collect::<Vec<_>>().join("\n")).ok();
    for verb in ["explain", "reach"] {
        q.run(&[verb, "behind", "10.20.0.1:8080"]).exits(0);
    }
    q.up(text).ok();
    let all_pass = || {
        for address in ["10.20.0.4", "fd20::4"] {
            assert!(q.pings("r1", address), "{address}");
        }
        // The replies have an address of the other project.
        assert!(q.reads("behind", "http://10.20.0.1:8080/"));
    };
    all_pass();
    for verb in ["explain", "reach"] {
        q.run(&[verb, "r1", "r2"]).exits(0);
    }
    // The guard of the other project alone drops nothing there, either.
    sh("nft flush chain inet hallway-p guard; nft flush chain bridge hallway-q to_host");
    assert!(q.pings("r1", "10.20.0.4"));
    let drops = sh("nft list chain bridge hallway.guard.p guard_to_host");
    assert!(drops.contains("drop"), "{drops}");
    for h in [&q, &p] {
        h.ok("down");
    }
}
