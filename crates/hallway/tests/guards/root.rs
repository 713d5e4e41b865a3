//! What root of one node, or another program of the host, changes does not stop what concerns others.

use std::process::{Child, Command};

use hallway_testkit::{Hallway, sh, try_sh};

const FILE: &str = "name: p
networks: { n: { subnet: [10.4.0.0/24, 'fd04::/64'] } }
nodes:
  a: { networks: { n: { address: [10.4.0.10, 'fd04::10'] } }, command: hallway serve 80, ready: 80/tcp }
  b: { networks: { n: { address: [10.4.0.11, 'fd04::11'] } }, command: hallway serve 80, ready: 80/tcp }
  c: { networks: { n: { address: [10.4.0.12, 'fd04::12'] } } }
";

fn up() -> Hallway {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    h.up(FILE).ok();
    h
}

/// Runs the same `ip` commands again and again in a node, until it is dropped.
struct ConflictingProgram(Child);

impl ConflictingProgram {
    fn start(node: &str, commands: &str) -> Self {
        let again = commands.replace(';', "\n").repeat(20);
        std::fs::write("/run/batch", again).unwrap();
        std::fs::write("/run/conflicts", "").unwrap();
        let run = format!(
            "while [ -e /run/conflicts ]; do ip -n {node} -force -batch /run/batch; done 2>/dev/null"
        );
        let mut shell = Command::new("sh");
        Self(
            shell
                .args(["-c", &format!("exec 1>&2; {run}")])
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for ConflictingProgram {
    fn drop(&mut self) {
        std::fs::remove_file("/run/conflicts").unwrap();
        self.0.wait().unwrap();
    }
}

/// The policies of the file are in force, whatever becomes of the interface of the node.
pub(crate) fn root_of_a_node_holds_off_no_policy() {
    let h = up();
    let denied = format!("{FILE}policies: [{{ action: deny, from: c, to: [a, b] }}]\n");
    for commands in [
        "link set eth0 down;link set eth0 up;",
        "link set eth0 down;link set eth0 name e1;link set e1 name eth0;",
        "addr del 10.4.0.10/24 dev eth0;addr add 10.4.0.10/24 dev eth0;",
    ] {
        let conflicting = ConflictingProgram::start("a", commands);
        for _ in 0..2 {
            let ran = h.up(&denied);
            assert!([0, 3].contains(&ran.code), "{commands}: {}", ran.err);
            let named = ran.err.contains("warning: not as it must be: node a: ");
            assert_eq!(named, ran.code == 3, "{commands}: {}", ran.err);
            let ping = try_sh("ip netns exec c ping -c 1 -W 0.3 10.4.0.11");
            assert!(ping.is_err(), "{commands}");
            let ran = h.up(FILE);
            assert!([0, 3].contains(&ran.code), "{commands}: {}", ran.err);
            assert!(h.reads("c", "http://10.4.0.11/"), "{commands}");
        }
        drop(conflicting);
        h.up(FILE).ok();
        h.run(&["status", "--exit-code"]).exits(0);
    }
    h.ok("down");
}

/// The kernel makes one IPv6 route of several with the same destination and metric.
pub(crate) fn several_next_hops_become_one_again() {
    let h = up();
    let before = sh("ip -n a -6 route show default");
    for (change, object) in [
        (
            "append default via fd04::11 dev eth0",
            "default route of eth0",
        ),
        (
            "replace default nexthop via fd04::11 nexthop via fd04::12",
            "default route of eth0",
        ),
    ] {
        sh(&format!("ip -n a -6 route {change}"));
        let status = h.run(&["status", "--exit-code"]).exits(3).out;
        assert!(status.contains(object), "{status}");
        h.up(FILE).ok();
        assert_eq!(sh("ip -n a -6 route show default"), before);
        h.run(&["status", "--exit-code"]).exits(0);
    }
    h.ok("down");
}

/// The setting for new links changes nothing of a link that exists: that one still forwards because of
/// hallway alone.
pub(crate) fn forwarding_of_new_links_is_not_that_of_an_uplink() {
    sh(
        "ip link add up0 type veth peer name up1; ip addr add 198.51.100.1/24 dev up0; ip link set up0 up; ip link set up1 up",
    );
    let value = || sh("cat /proc/sys/net/ipv4/conf/up0/forwarding");
    assert_eq!(value().trim(), "0");
    let h = up();
    assert_eq!(value().trim(), "1");
    sh("sysctl -qw net.ipv4.conf.default.forwarding=1 net.ipv6.conf.default.forwarding=1");
    h.run(&["status", "--exit-code"]).exits(0);
    h.up(FILE).says("nothing").ok();
    let noted = sh("nft list table inet hallway-p | grep -A3 'set forwarding'");
    assert!(noted.contains("up0"), "{noted}");
    h.ok("down");
    assert_eq!(value().trim(), "0");
}

/// The other node stays as it is, and the program of the first one runs in its new namespace.
pub(crate) fn the_namespace_of_one_node_over_that_of_another() {
    let h = up();
    let links = || sh("ip -n c -o link show eth0");
    let before = links();
    sh("mount --bind /run/netns/c /run/netns/b");
    h.run(&["status", "--exit-code"]).exits(3);
    h.up(FILE).ok();
    assert_eq!(links(), before);
    assert!(h.reads("c", "http://10.4.0.11/"));
    h.run(&["status", "--exit-code"]).exits(0);
    assert!(!sh("ip netns").contains("p-b"));
    h.ok("down");
}

pub(crate) fn an_address_of_another_node_is_named() {
    let h = up();
    sh("ip -n c addr add 10.4.0.11/24 dev eth0");
    let status = h.run(&["status", "--exit-code"]).exits(3).out;
    assert!(
        status.contains("node c: address 10.4.0.11/24 on eth0 is one of node b"),
        "{status}"
    );
    assert!(
        status.contains("remove it: ip -n c addr del 10.4.0.11/24 dev eth0"),
        "{status}"
    );
    let swapped = FILE
        .replace("10.4.0.11", "10.4.0.99")
        .replace("10.4.0.12", "10.4.0.11");
    sh("ip -n c addr del 10.4.0.11/24 dev eth0");
    let ran = h.up(&swapped);
    assert!(!ran.err.contains("is one of"), "an edit: {}", ran.err);
    ran.ok();
    h.ok("down");
}
