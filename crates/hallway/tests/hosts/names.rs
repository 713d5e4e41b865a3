//! Name servers of nodes.

use hallway_testkit::{sh, wait_for};

use crate::{WEB, hallway};

/// A host with systemd-resolved: /etc/resolv.conf leads to a stub on localhost, and both files are
/// replaced when the servers change.
pub(crate) fn nodes_get_servers_that_they_can_reach() {
    sh(
        "mkdir -p /run/etc /run/systemd/resolve; cp -a /etc/. /run/etc/; mount --bind /run/etc /etc
        rm -f /etc/resolv.conf; ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
        echo 'nameserver 127.0.0.53' > /run/systemd/resolve/stub-resolv.conf
        printf 'nameserver 192.0.2.53\nsearch example.com\n' > /run/systemd/resolve/resolv.conf",
    );
    let h = hallway();
    let text = WEB.replace(
        "80/tcp } }",
        "80/tcp }, own: { networks: [apps], dns: [192.0.2.99] } }",
    );
    h.up(&text).ok();
    let of = |node: &str| h.run(&["exec", node, "--", "cat", "/etc/resolv.conf"]).ok();
    assert_eq!(of("web"), "nameserver 192.0.2.53\nsearch example.com\n");
    assert_eq!(of("own"), "nameserver 192.0.2.99\n");
    // As the running program sees it.
    let running =
        || sh("cat /proc/$(pgrep -f '^hallway serve 8[0]' | head -1)/root/etc/resolv.conf");
    assert_eq!(running(), "nameserver 192.0.2.53\nsearch example.com\n");
    sh("cd /run/systemd/resolve
        echo 'nameserver 127.0.0.53' > new; mv new stub-resolv.conf
        echo 'nameserver 192.0.2.54' > new; mv new resolv.conf");
    wait_for("the new server", || running() == "nameserver 192.0.2.54\n");
    assert_eq!(of("web"), "nameserver 192.0.2.54\n");
    assert_eq!(of("own"), "nameserver 192.0.2.99\n");
    let said = h.run(&["doctor"]).out;
    assert!(said.contains("name servers"), "{said}");
    h.project("web").ok("down");
    // No server that a node could reach: a warning with what to do.
    sh("rm /run/systemd/resolve/resolv.conf");
    h.up(WEB).says("127.0.0.53").says("dns: [ADDRESS]").ok();
    // The same of a link-local server: the zone is a link of the host.
    sh(
        "cd /run/systemd/resolve; printf 'nameserver fe80::1%%eth0\nsearch a.example\n' > stub-resolv.conf",
    );
    h.up(WEB).says("fe80::1%eth0").says("dns: [ADDRESS]").ok();
    assert_eq!(of("web"), "search a.example\n");
    let said = h.run(&["doctor"]).out;
    assert!(said.contains("fe80::1%eth0"), "{said}");
}
