//! Unchanged files of containerlab and Kathara: built, with real packets.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, sh};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");

/// A directory with these files, in which hallway runs; the program is found by its name.
fn directory(files: &[(&str, &str)]) -> &'static str {
    sh("rm -rf /run/labs; mkdir -p /run/labs");
    for (name, text) in files {
        std::fs::write(format!("/run/labs/{name}"), text).unwrap();
    }
    "/run/labs"
}

/// Routers in a ring, whose links get their addresses by `exec`.
const RING: &str = r#"name: ring
topology:
  defaults: { kind: linux }
  kinds: { linux: { image: alpine, exec: ["sysctl -w net.ipv4.ip_forward=1"] } }
  nodes:
    r1: { exec: ["ip addr add 10.0.12.1/30 dev eth1", "ip addr add 10.0.31.2/30 dev eth2", "ip route add 10.0.23.0/30 via 10.0.12.2"] }
    r2: { exec: ["ip addr add 10.0.12.2/30 dev eth1", "ip addr add 10.0.23.1/30 dev eth2", "ip route add 10.0.31.0/30 via 10.0.23.2"] }
    r3: { exec: ["ip addr add 10.0.23.2/30 dev eth1", "ip addr add 10.0.31.1/30 dev eth2", "ip route add 10.0.12.0/30 via 10.0.31.2", "ip addr add 192.168.5.3/24 dev eth3"] }
    sw: { kind: bridge }
    h: { exec: ["ip addr add 192.168.5.9/24 dev eth1"] }
    x: { kind: linux }
  links:
    - endpoints: ["r1:eth1", "r2:eth1"]
    - endpoints: ["r2:eth2", "r3:eth1"]
      mtu: 1400
    - type: veth
      endpoints: [{ node: r3, interface: eth2 }, { node: r1, interface: eth2 }]
    - endpoints: ["r3:eth3", "sw:r3"]
    - endpoints: ["h:eth1", "sw:h"]
    - endpoints: ["x:eth1", "sw:x"]
"#;

fn a_containerlab_ring() {
    let h = Hallway::host(PROGRAM).within(directory(&[("ring.clab.yml", RING)]));
    let before = Snapshot::take();
    h.ok("up");
    let p = h.project("ring");
    assert!(p.pings("r1", "10.0.12.2"));
    assert!(p.pings("r1", "10.0.31.1"));
    assert!(p.pings("r1", "10.0.23.2"), "by way of r2");
    assert!(p.pings("h", "192.168.5.3"), "on the bridge");
    assert!(
        p.inside("x", "! ip -4 addr show dev eth1 | grep -q inet"),
        "only what the file gives"
    );
    assert!(p.inside("r2", "ip link show eth2 | grep -q 'mtu 1400'"));
    h.ok("down");
    before.unchanged();
}

/// Two routers of Kathara, each with a machine behind it; one has the link's addresses in a file of all.
const LAB: &str = "LAB_NAME=\"two-routers\"\nLAB_AUTHOR=\"T\"\n
pc1[0]=\"A/02:00:00:00:00:01\"
pc1[image]=\"kathara/base\"
r1[0]=\"A\"
r1[1]=\"B\"
r2[0]=\"C\"
r2[1]=\"B\"
# the other side
pc2[0]=\"C\"
pc2[sysctl]=\"net.ipv4.tcp_syncookies=2\"
sw[0]=\"X\"
";

fn a_kathara_lab() {
    let files = [
        ("lab.conf", LAB),
        (
            "pc1.startup",
            "ip address add 195.11.14.5/24 dev eth0\nip route add default via 195.11.14.1 dev eth0\n",
        ),
        (
            "pc2.startup",
            "ip addr add 200.1.1.9/24 dev eth0; ip a del 200.1.1.9/24 dev eth0 && /sbin/ip addr add 200.1.1.7/24 dev eth0 # own\nif false; then ip addr add 9.9.9.9/24 dev eth0; fi; ip route add default via 200.1.1.1\n/etc/init.d/apache2 start\n",
        ),
        (
            "r1.startup",
            "# left\nip address add 195.11.14.1/24 dev eth0\nip address add 100.0.0.9/30 dev eth1\n\nip route add 200.1.1.0/24 via 100.0.0.10 dev eth1\n",
        ),
        (
            "r2.startup",
            "ip address add 200.1.1.1/24 dev eth0\nip address add 100.0.0.10/30 dev eth1\nip route add 195.11.14.0/24 via 100.0.0.9 dev eth1\nsystemctl start frr\ntest -e /x && ip addr add 100.0.0.77/24 dev eth1\n",
        ),
    ];
    let h = Hallway::host(PROGRAM).within(directory(&files));
    let before = Snapshot::take();
    let up = h.run(&["up"]).exits(0);
    for words in [
        "not run in pc2: if false (pc2.startup:2); /etc/init.d/apache2 start (pc2.startup:3); hallway exec",
        "not run in r2: systemctl start frr (r2.startup:4); test -e /x (r2.startup:5)",
        "ignored, since it does not concern the network or hallway has no equivalent: image",
    ] {
        assert!(up.err.contains(words), "no {words:?} in\n{}", up.err);
    }
    let p = h.project("two-routers");
    assert!(p.pings("pc1", "200.1.1.7"), "by way of both routers");
    assert!(p.inside("pc1", "ip link show eth0 | grep -q 02:00:00:00:00:01"));
    assert!(p.inside("pc2", "grep -q 2 /proc/sys/net/ipv4/tcp_syncookies"));
    let imported = h.ok("import lab.conf");
    assert!(imported.contains("mode: lan"), "{imported}");
    h.ok("down");
    before.unchanged();
    let bad = format!("{LAB}pc1[0\n");
    std::fs::write("/run/labs/lab.conf", bad).unwrap();
    h.run(&["up"]).exits(2).says("lab.conf:14:1");
    // A route that cannot be is left out, and named.
    let text = "ip address add 195.11.14.5/24 dev eth0\nip route add 9.9.9.0/24 via 8.8.8.8\n";
    std::fs::write("/run/labs/lab.conf", LAB).unwrap();
    std::fs::write("/run/labs/pc1.startup", text).unwrap();
    let said = "pc1.startup:2: pc1 gets no such route";
    let up = h.run(&["up"]).exits(0);
    assert_eq!(up.err.matches(said).count(), 1, "{}", up.err);
    h.ok("down");
}

hallway_testkit::tests!(a_containerlab_ring, a_kathara_lab);
