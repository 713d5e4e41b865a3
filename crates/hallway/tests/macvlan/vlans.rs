//! VLANs of the parent, where the kernel has them.

use hallway_testkit::{Snapshot, sh, skip, try_sh, wait_for};

use crate::{hallway, router_pings, wire};

const VLAN: &str = "
networks: { office: { parent: eth0, vlan: 10, subnet: 192.168.8.0/24 } }
nodes:
  one: { networks: { office: { address: 192.168.8.11 } } }
  two: { networks: { office: { address: 192.168.8.12 } } }
expect: [ { from: one, to: two } ]
";

/// Whether this kernel has VLANs.
fn has_vlans() -> bool {
    try_sh(
        "ip link add probe0 type veth peer name probe1
        ip link add link probe0 name probe0.5 type vlan id 5; result=$?; ip link del probe0; exit $result",
    )
    .is_ok()
}

/// A kernel without VLANs: the error comes before anything is changed.
pub(crate) fn without_vlans() {
    if has_vlans() {
        skip("this kernel has VLANs");
    }
    wire();
    let h = hallway();
    let before = Snapshot::take();
    h.up(VLAN)
        .says("network office has parent, but this kernel has no vlan interfaces")
        .says("modprobe 8021q")
        .exits(2);
    before.unchanged();
    // One that others made needs nothing of the kind.
    sh("ip link add eth0.10 type veth peer name lan10 netns router
        ip link set eth0.10 addrgenmode none up; ip -n router link set lan10 up
        ip -n router addr add 192.168.8.1/24 dev lan10");
    let text = VLAN.replace("parent: eth0, vlan: 10", "parent: eth0.10");
    h.up(&text).ok();
    assert!(router_pings("192.168.8.11"));
    h.up(VLAN)
        .says("eth0.10 is there, and is not VLAN 10 of eth0")
        .exits(2);
    h.ok("down");
    sh("ip link show eth0.10");
}

/// The router on the wire is in VLAN 10, too.
fn tagged() {
    wire();
    sh("ip -n router link add link lan name lan.10 type vlan id 10
        ip -n router link set lan.10 up; ip -n router addr add 192.168.8.1/24 dev lan.10");
}

/// Frames have the tag on the wire; the link of the VLAN is made, kept, and removed at the end.
pub(crate) fn a_vlan_is_made() {
    if !has_vlans() {
        skip("this kernel has no VLANs");
    }
    tagged();
    let h = hallway();
    let before = Snapshot::take();
    h.up(VLAN).ok();
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    let link = sh("ip -d link show eth0.10; ip -o addr show eth0.10");
    assert!(link.contains("vlan protocol 802.1Q id 10"), "{link}");
    assert!(!link.contains("inet"), "{link}");
    sh(
        "ip netns exec router tcpdump -nn -e -l -i lan icmp or vlan > /run/frames 2>/dev/null & echo $! > /run/pid",
    );
    wait_for("tagged frames", || {
        router_pings("192.168.8.11");
        let frames = std::fs::read_to_string("/run/frames").unwrap();
        frames
            .lines()
            .any(|l| l.contains("vlan 10") && l.contains("echo request"))
    });
    sh("kill $(cat /run/pid); rm /run/frames /run/pid");
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change")
        .exits(0);
    // Changes by other programs.
    sh("ip link set eth0.10 down; ip link set eth0.10 alias x");
    let status = h.ok("status");
    assert!(status.contains("eth0.10"), "{status}");
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    assert!(router_pings("192.168.8.11"));
    sh("ip link del eth0.10");
    assert!(h.ok("status").contains("VLAN eth0.10 is missing"));
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    assert!(router_pings("192.168.8.11"));
    sh("ip link set eth0.10 down; ip link set eth0.10 name away; ip link set away up");
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    assert!(router_pings("192.168.8.11"));
    h.run(&["status", "--exit-code"]).exits(0);
    // Another number, in the form of Docker.
    h.up(&VLAN.replace("parent: eth0, vlan: 10", "parent: eth0.20"))
        .ok();
    sh("ip link show eth0.20");
    assert!(try_sh("ip link show eth0.10").is_err() && !router_pings("192.168.8.11"));
    h.ok("down");
    before.unchanged();
}

/// A VLAN that others made is used as it is, and stays.
pub(crate) fn a_vlan_of_others_stays() {
    if !has_vlans() {
        skip("this kernel has no VLANs");
    }
    tagged();
    sh(
        "ip link add link eth0 name eth0.10 type vlan id 10; ip link set eth0.10 addrgenmode none up",
    );
    let h = hallway();
    let before = Snapshot::take();
    h.up(VLAN).ok();
    assert!(router_pings("192.168.8.11"));
    h.ok("down");
    before.unchanged();
    sh(
        "ip link del eth0.10; ip link add link eth0 name eth0.10 type vlan id 11; ip link set eth0.10 up",
    );
    h.up(VLAN)
        .says("eth0.10 is there, and is not VLAN 10 of eth0")
        .exits(2);
}

/// The link below a VLAN goes and comes again; the keeper waits for it.
pub(crate) fn the_link_below_a_vlan_comes_again() {
    if !has_vlans() {
        skip("this kernel has no VLANs");
    }
    tagged();
    let h = hallway().repairing();
    h.up(VLAN).ok();
    sh("ip link del eth0; ip netns del router");
    wait_for("the parent to be missed", || {
        h.ok("status").contains("parent eth0 is missing")
    });
    tagged();
    wait_for("the VLAN to be made again", || router_pings("192.168.8.11"));
    h.ok("down");
    assert!(try_sh("ip link show eth0.10").is_err());
}
