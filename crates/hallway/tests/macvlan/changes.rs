//! Changes of a macvlan interface in a node by another program.

use hallway_testkit::{sh, try_sh};

use crate::{FILE, hallway, wire};

/// Each is named by `status`, and mended by `up`, which says nothing of a conflict.
pub(crate) fn changes_in_a_node_are_mended() {
    wire();
    let h = hallway();
    h.up(FILE).ok();
    // Without the keeper, so that `status` sees the change.
    sh("kill -9 $(pgrep -f '[_]_keeper p')");
    for (change, says, then) in [
        (
            "ip -n one link set eth0 type macvlan mode private",
            "mode of eth0 is private, not bridge",
            "macvlan mode bridge",
        ),
        (
            "ip -n one link set eth0 mtu 1000",
            "mtu of eth0 is 1000, not 1500",
            "mtu 1500",
        ),
        (
            "ip -n one link set eth0 down; ip -n one link set eth0 name mine; ip -n one link set mine up",
            "interface eth0 is missing",
            "macvlan mode bridge",
        ),
    ] {
        sh(change);
        let status = h.run(&["status", "--exit-code"]).exits(3);
        assert!(status.out.contains(says), "{change}: {}", status.out);
        h.run(&["up", "/run/up.hallway.yaml"]).ok();
        let found = sh("ip -n one -d link show eth0");
        assert!(found.contains(then), "{change}: {found}");
        assert!(try_sh("ip -n one link show mine").is_err(), "{change}");
        h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
        sh("kill -9 $(pgrep -f '[_]_keeper p')");
    }
}
