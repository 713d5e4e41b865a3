//! The namespace, or the record of what was built in it, is lost.

use super::hallway;
use hallway_testkit::{sh, wait_for};

const FILE: &str = "
networks: { apps: { subnet: 10.79.0.0/24 } }
nodes:
  web: { namespace: netns:blue, networks: [apps], sysctls: { net.ipv4.tcp_syncookies: 2 } }
  client: { networks: [apps] }
";

fn is_as_before() {
    assert!(!sh("ip -n blue -o link").contains("eth0"));
    let value = sh("ip netns exec blue sysctl -n net.ipv4.tcp_syncookies");
    assert_eq!(value.trim(), "1");
}

/// What the keeper builds in a namespace of the same name is on record: `up` has nothing to do, and
/// `down` removes it.
pub(crate) fn the_keeper_follows_a_name() {
    sh("ip netns add blue");
    let h = hallway().repairing();
    h.up(FILE).ok();
    sh("ip netns del blue; ip netns add blue");
    wait_for("the keeper to join it", || {
        h.run(&["status", "--exit-code"]).code == 0
    });
    assert!(h.pings("client", "10.79.0.2") || h.pings("client", "10.79.0.3"));
    assert!(
        h.run(&["up", "/run/up.hallway.yaml"])
            .exits(0)
            .says("nothing to change")
            .code
            == 0
    );
    h.ok("down");
    is_as_before();
}

/// The name refers to the host's own namespace, or to a FIFO, which a program cannot open without waiting:
/// neither is joined, and everything else continues.
pub(crate) fn what_a_name_must_not_lead_to() {
    for (becomes, says) in [
        (
            "touch /run/netns/blue; mount --bind /proc/self/ns/net /run/netns/blue",
            "the host's own namespace",
        ),
        ("mkfifo /run/netns/blue", "not a network namespace"),
    ] {
        sh("ip netns add blue");
        let host =
            || sh("ip -br link | grep -v @if; ip route; ip -6 route | grep -v expires; true");
        let h = hallway().repairing();
        h.up(FILE).ok();
        let before = host();
        sh(&format!("ip netns del blue; {becomes}"));
        wait_for("its loss", || {
            let ran = h.run(&["status", "--exit-code"]);
            ran.code == 3 && format!("{}{}", ran.out, ran.err).contains(says)
        });
        assert_ne!(h.run(&["up", "/run/up.hallway.yaml"]).code, 0);
        // After this repair, the keeper has examined the namespace as well.
        sh("ip link set br-apps down");
        wait_for("a repair", || {
            sh("ip -br link show br-apps").contains(",UP")
        });
        assert_eq!(host(), before, "{says}");
        h.ok("down");
        sh("umount /run/netns/blue; rm /run/netns/blue; true");
    }
}

/// Interfaces whose other ends have this project's marks are not a conflict.
pub(crate) fn a_record_that_is_lost() {
    sh("ip netns add blue");
    let h = hallway();
    h.up(FILE).ok();
    sh("rm -r /run/state/host/projects/p");
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    h.run(&["status", "--exit-code"]).exits(0);
    h.ok("down");
    assert!(!sh("ip -n blue -o link").contains("eth0"));
}
