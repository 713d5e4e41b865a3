//! Several uplinks, and uplinks that are added and removed.

use std::time::Duration;

use hallway_testkit::{Snapshot, milliseconds, patience, sh, try_sh, wait_for};

use crate::{WEB, hallway, lan, read, urls};

const ANSWER: u32 = 30;
const NO_ANSWER: u32 = 2;

fn forwarding(link: &str) -> (String, String) {
    let value = |key: &str| sh(&format!("cat {key}")).trim().to_owned();
    (
        value(&format!("/proc/sys/net/ipv4/conf/{link}/forwarding")),
        sh(&format!(
            "sysctl -e -n net.ipv6.conf.{link}.force_forwarding || true"
        ))
        .trim()
        .to_owned(),
    )
}

/// Published ports answer on every interface, and nodes reach outside by each of them; any of them
/// has the default route.
pub(crate) fn every_uplink_there_is() {
    lan(1, "eth0");
    lan(2, "eth1");
    sh("ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254");
    let before = Snapshot::take();
    let h = hallway();
    h.up(WEB).ok();
    for number in [1, 2] {
        for url in urls(number) {
            sh(&read(number, &url, ANSWER));
        }
        assert!(h.pings("web", &format!("192.168.{number}.254")));
        assert!(h.pings("web", &format!("fd00:{number}::254")));
        let said = h.ok(&format!("-p web explain web 192.168.{number}.254"));
        assert!(said.contains("open"), "{said}");
    }
    h.run(&["-p", "web", "status", "--exit-code"]).exits(0);
    h.up(WEB).says("nothing").ok();
    h.project("web").ok("down");
    before.unchanged();
    assert_eq!(forwarding("eth1").0, "0");
}

/// An interface that comes up, or that gets the default route, after `up` is used without a further
/// command. What is turned on is noted, and the note is removed with the interface.
pub(crate) fn an_uplink_that_comes_up_later() {
    sh("sysctl -qw net.ipv6.conf.default.accept_dad=0");
    let before = Snapshot::take();
    let h = hallway().repairing();
    h.up(WEB).ok();
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254");
    for url in urls(1) {
        wait_for("an answer", || try_sh(&read(1, &url, 1)).is_ok());
    }
    assert!(h.pings("web", "192.168.1.254"));
    assert!(h.pings("web", "fd00:1::254"));
    lan(2, "wlan0");
    sh("ip link set eth0 down; ip route add default via 192.168.2.254");
    for url in urls(2) {
        wait_for("an answer", || try_sh(&read(2, &url, 1)).is_ok());
    }
    let notes = || sh("nft list set inet hallway-web forwarding4");
    assert!(notes().contains("\"wlan0\""), "{}", notes());
    sh("ip link del eth0; ip link del wlan0; ip netns del lan1; ip netns del lan2");
    wait_for("the notes to go", || !notes().contains("elements"));
    h.project("web").ok("down");
    before.unchanged();
}

/// A renamed link keeps its settings: it still forwards for projects alone, and not any more after
/// `down`. The keeper detects the new name, or the next `up` does.
pub(crate) fn an_uplink_that_gets_another_name() {
    for repairs in [true, false] {
        lan(1, "eth0");
        lan(2, "eth1");
        route_by_the_host(1);
        route_by_the_host(2);
        let h = match repairs {
            true => hallway().repairing(),
            false => hallway(),
        };
        h.up(WEB).ok();
        let notes = || sh("nft list set inet hallway-web forwarding4");
        wait_for("the note", || notes().contains("\"eth1\""));
        sh(
            "ip link set eth1 down; ip link set eth1 name wan; ip link set wan up
            ip -6 addr replace fd00:2::10/64 dev wan nodad",
        );
        if repairs {
            wait_for("the note of the new name", || notes().contains("\"wan\""));
        } else {
            h.run(&["-p", "web", "status", "--exit-code"]).exits(3);
            h.up(WEB).ok();
        }
        assert!(!passes(2, 1) && !notes().contains("\"eth1\""));
        h.run(&["-p", "web", "status", "--exit-code"]).exits(0);
        h.project("web").ok("down");
        assert_eq!(forwarding("wan").0, "0");
        assert!(["0", ""].contains(&forwarding("wan").1.as_str()));
        sh("ip link del eth0; ip link del wan; ip netns del lan1; ip netns del lan2");
    }
}

/// Whether an IPv4 and an IPv6 packet pass the host from one neighbour to another.
fn each_passes(from: u8, to: u8) -> [bool; 2] {
    let limit = milliseconds(700).parse::<u32>().unwrap().div_ceil(1000);
    let ping = |address: &str| {
        try_sh(&format!(
            "ip netns exec lan{from} ping -c 1 -W {limit} {address}"
        ))
        .is_ok()
    };
    [
        ping(&format!("192.168.{to}.254")),
        ping(&format!("fd00:{to}::254")),
    ]
}

/// Whether packets of both IP versions do.
fn passes(from: u8, to: u8) -> bool {
    let [v4, v6] = each_passes(from, to);
    assert_eq!(v4, v6, "IPv4 and IPv6");
    v4
}

fn route_by_the_host(from: u8) {
    sh(&format!(
        "ip -n lan{from} route replace default via 192.168.{from}.10; ip -n lan{from} -6 route replace default via fd00:{from}::10"
    ));
}

/// The host does not become a router for other machines: packets that come in by an interface that forwards
/// only because of hallway can only reach projects, any of them.
pub(crate) fn nothing_is_forwarded_for_others() {
    lan(1, "eth0");
    lan(2, "eth1");
    route_by_the_host(1);
    route_by_the_host(2);
    let h = hallway();
    assert!(!passes(1, 2));
    h.up(WEB).ok();
    assert!(!passes(1, 2) && !passes(2, 1));
    let other = WEB
        .replace("web", "other")
        .replace("172.20", "172.21")
        .replace("fd20", "fd21")
        .replace("8080", "8081")
        .replace("apps", "more");
    h.up(&other).ok();
    assert!(!passes(1, 2) && !passes(2, 1));
    for port in ["8080", "8081"] {
        for url in urls(2) {
            sh(&read(2, &url.replace("8080", port), ANSWER));
        }
    }
    h.project("web").ok("down");
    for url in urls(2) {
        sh(&read(2, &url.replace("8080", "8081"), ANSWER));
    }
    assert!(!passes(1, 2));
    h.project("other").ok("down");
    assert!(!passes(1, 2));
}

/// A host that forwards, or starts to, continues to forward for other machines.
pub(crate) fn forwarding_that_others_turn_on() {
    lan(1, "eth0");
    lan(2, "eth1");
    route_by_the_host(1);
    route_by_the_host(2);
    let router = "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1";
    let h = hallway().repairing();
    h.up(WEB).ok();
    assert!(!passes(1, 2));
    // Kernels have this since 6.17.
    if forwarding("all").1 == "0" {
        sh("sysctl -qw net.ipv6.conf.all.force_forwarding=1");
        wait_for("IPv6 packets of other machines to pass", || {
            each_passes(1, 2) == [false, true]
        });
        h.run(&["-p", "web", "status", "--exit-code"]).exits(0);
        h.project("web").ok("down");
        assert_eq!(
            each_passes(1, 2),
            [false, true],
            "another program turned it on"
        );
        sh("sysctl -qw net.ipv6.conf.all.force_forwarding=0");
        h.up(WEB).ok();
    }
    sh(router);
    wait_for("packets of other machines to pass", || {
        each_passes(1, 2) == [true, true]
    });
    h.project("web").ok("down");
    assert!(passes(1, 2), "another program turned it on");
    h.up(WEB).ok();
    assert!(passes(1, 2) && passes(2, 1));
    for url in urls(2) {
        sh(&read(2, &url, ANSWER));
    }
    h.project("web").ok("down");
    assert!(passes(1, 2));
}

/// Frames that a bridge of other programs forwards from port to port are not routed by the host, although
/// they pass its rules with br_netfilter.
pub(crate) fn a_bridge_of_others_with_br_netfilter() {
    lan(1, "eth0");
    sh("sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1
        ip link add br0 type bridge; ip link set br0 up; ip addr add 10.50.0.1/24 dev br0
        for i in 2 3; do
            ip netns add port$i; ip link add port$i type veth peer name wire netns port$i; ip link set port$i master br0 up
            ip -n port$i addr add 10.50.0.$i/24 dev wire; ip -n port$i link set wire up; ip -n port$i route add default via 10.50.0.1
        done");
    let h = hallway();
    let pings = |address: &str, limit: u32| {
        try_sh(&format!(
            "ip netns exec port2 ping -c 1 -W {limit} {address}"
        ))
        .is_ok()
    };
    assert!(pings("10.50.0.3", ANSWER));
    h.up(WEB).ok();
    assert!(pings("10.50.0.3", ANSWER));
    sh("ip -n lan1 route add default via 192.168.1.10");
    assert!(!pings("192.168.1.254", NO_ANSWER));
    sh(&format!(
        "ip netns exec port3 curl -s -o /dev/null -m {ANSWER} http://10.50.0.1:8080/"
    ));
}

/// A connection to a published port at a link-local address is refused at once, as predicted.
pub(crate) fn link_local_addresses_are_refused_at_once() {
    lan(1, "eth0");
    let h = hallway();
    h.up(WEB).ok();
    let own = sh("ip -6 -o addr show dev eth0 scope link | sed 's/.*inet6 \\([^/]*\\).*/\\1/'");
    let own = own.trim();
    let asked = format!("http://[{own}%25wire]:8080/");
    let started = std::time::Instant::now();
    let code = sh(&format!("{} || echo $?", read(1, &asked, ANSWER)));
    assert_eq!(code.trim(), "7", "connection refused");
    let at_once = Duration::from_secs(u64::from(ANSWER) / 2) * patience();
    assert!(started.elapsed() < at_once, "{:?}", started.elapsed());
    let said = h.run(&["-p", "web", "explain", "outside", &format!("[{own}]:8080")]);
    assert!(said.out.contains("refused"), "{}", said.out);
    assert!(said.out.contains("link-local"), "{}", said.out);
    let gateway =
        sh("ip -6 -o addr show dev br-apps scope link | sed 's/.*inet6 \\([^/]*\\).*/\\1/'");
    if !gateway.trim().is_empty() {
        let url = format!("http://[{}%25eth0]:8080/", gateway.trim());
        assert!(h.cannot_read("web", &url));
    }
    // Replies from an address with routes of its own for some packets: the prediction states that it does not
    // know.
    sh(
        "ip rule add from 192.168.1.10 ipproto tcp lookup 100; ip route add default via 192.168.1.254 table 100
        ip route add default via 192.168.1.254",
    );
    let said = h.run(&["-p", "web", "explain", "outside", "192.168.1.10:8080"]);
    let said = said.exits(1).out;
    assert!(said.contains("is not known"), "{said}");
    // Routes by a mark matter where something sets marks, or where they are for what has none.
    sh("ip rule add fwmark 0x1 lookup 200 pref 300");
    let web = || h.run(&["-p", "web", "explain", "web", "outside:80"]).out;
    assert!(!web().contains("fwmark"), "{}", web());
    sh("nft add table inet marks; nft add chain inet marks pre '{ type filter hook prerouting priority mangle; }'
        nft add rule inet marks pre tcp dport 80 meta mark set 0x1");
    h.run(&["-p", "web", "explain", "-4", "web", "outside:80"])
        .exits(0);
    sh("ip route add prohibit default table 200");
    assert!(web().contains("(fwmark 0x1)"), "{}", web());
    sh("nft delete table inet marks; ip rule del pref 300
        ip rule add not fwmark 0xca6c lookup 200 pref 300");
    assert!(web().contains("not fwmark 0xca6c"), "{}", web());
}
