//! Networks that represent the outside, and machines that are really outside.

use hallway_testkit::{sh, try_sh};

use crate::{WEB, hallway, lan, read};

/// A network that represents the outside is not connected to the real one, in neither direction: also
/// not by a node that is on a network with a way out, whichever interface is its first, and whether or not
/// the host forwarded before.
pub(crate) fn machines_outside_do_not_reach_it() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254
        ip -n lan1 route add default via 192.168.1.10; ip -n lan1 -6 route add default via fd00:1::10");
    let h = hallway();
    for (networks, forwarding) in [("[w, a]", "0"), ("[a, w]", "1"), ("[w]", "1")] {
        sh(&format!(
            "sysctl -qw net.ipv4.ip_forward={forwarding} net.ipv6.conf.all.forwarding={forwarding}"
        ));
        h.up(&format!(
            "name: p
networks:
  a: {{ subnet: [10.10.0.0/24, \"fd10::/64\"] }}
  w: {{ subnet: [203.0.113.0/24, \"2001:db8:77::/64\"], outside: true }}
nodes: {{ edge: {{ networks: {networks}, command: hallway serve 80, ready: 80/tcp }} }}
"
        ))
        .ok();
        for (from, to) in [
            ("192.168.1.254", "203.0.113.2"),
            ("fd00:1::254", "2001:db8:77::2"),
        ] {
            let explained = h.run(&["-p", "p", "explain", from, &format!("[{to}]:80")]);
            let said = explained.exits(1).out;
            assert!(said.contains("is not connected to the machines"), "{said}");
            let url = format!(
                "http://{}/",
                if to.contains(':') {
                    format!("[{to}]")
                } else {
                    to.to_owned()
                }
            );
            assert!(try_sh(&read(1, &url, 2)).is_err(), "{networks} {url}");
        }
        h.project("p").ok("down");
    }
}

/// After `down` the host tracks no connection of the project, also none to a node outside.
pub(crate) fn no_connection_is_tracked_after_down() {
    let h = hallway();
    h.up("name: p
networks: { w: { subnet: [203.0.113.0/24, \"2001:db8:77::/64\"], outside: true } }
nodes: { v: { networks: { w: { address: [203.0.113.9, \"2001:db8:77::9\"] } }, command: hallway serve 80, ready: 80/tcp } }
")
    .ok();
    let tracked = || sh("conntrack -L -f ipv4; conntrack -L -f ipv6");
    let of_project = |all: &str| all.contains("203.0.113.") || all.contains("2001:db8:77:");
    sh(
        "curl -s -o /dev/null -m 30 http://203.0.113.9/; curl -s -g -o /dev/null -m 30 'http://[2001:db8:77::9]/'",
    );
    assert!(of_project(&tracked()));
    h.project("p").ok("down");
    let left = tracked();
    assert!(!of_project(&left), "{left}");
}

/// By a link that is down nothing comes in, so its filter of ways back drops nothing.
pub(crate) fn a_link_that_is_down_is_no_reason_to_warn() {
    lan(1, "eth0");
    lan(2, "eth1");
    sh(
        "ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254
        sysctl -qw net.ipv4.conf.eth1.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1",
    );
    let h = hallway();
    let said = h.up(WEB).err;
    assert!(said.contains("rp_filter"), "{said}");
    h.project("web").ok("down");
    sh("ip link set eth1 down");
    let said = h.up(WEB).err;
    assert!(!said.contains("rp_filter"), "{said}");
    h.project("web").ok("down");
}

/// A host that answers no ARP request is named, since nodes do not find their gateway.
pub(crate) fn a_host_without_arp_replies() {
    lan(1, "eth0");
    let h = hallway();
    let says = "net.ipv4.conf.all.arp_ignore is 8";
    for value in [1, 2, 8] {
        sh(&format!("sysctl -qw net.ipv4.conf.all.arp_ignore={value}"));
        assert_eq!(h.up(WEB).err.contains(says), value == 8);
        assert_eq!(
            h.run(&["doctor", "--host"]).out.contains(says),
            value == 8,
            "{value}"
        );
        let explained = h.run(&["explain", "web", "8.8.8.8"]).out;
        assert_eq!(explained.contains(says), value == 8, "{explained}");
        h.project("web").ok("down");
    }
}

/// Networks, routes and the host itself may have addresses from prefixes for documentation: a machine outside
/// is none of them.
pub(crate) fn addresses_for_documentation_that_are_used() {
    lan(1, "eth0");
    sh(
        "ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254
        ip addr add 198.51.100.1/24 dev eth0; ip addr add 198.51.100.2/24 dev eth0",
    );
    let h = hallway();
    h.up("name: p
networks:
  a: { subnet: [192.0.2.0/24, \"100::/64\"] }
  b: { subnet: [203.0.113.0/24, \"2001:db8::/64\"] }
nodes:
  x: { networks: [a], command: hallway serve 80, ready: 80/tcp, ports: [\"8080:80\"] }
  y: { networks: [b] }
policies: [{ from: a, to: y }]
")
        .ok();
    let h = h.project("p");
    h.run(&["test", "--matrix"]).exits(0);
    for (from, to, outcome, code) in [
        ("x", "outside", "open", 0),
        ("host", "outside", "open", 0),
        ("outside", "host:8080", "open", 0),
        ("outside", "y", "filtered", 1),
        ("outside", "x:80", "filtered", 1),
        ("x", "192.0.2.200", "unreachable", 1),
        ("y", "192.0.2.1", "open", 0),
    ] {
        let said = h.run(&["explain", from, to]).exits(code).out;
        let first = format!(": {outcome}");
        let found = said.lines().filter(|l| l.contains(&first)).count();
        assert!(found > 0, "{from} {to} {said}");
    }
    h.ok("down");
}
