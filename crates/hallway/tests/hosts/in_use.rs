//! Addresses of other machines that the host uses.

use std::net::TcpStream;
use std::process::Command;

use hallway_testkit::{Snapshot, sh, wait_for};

use crate::routes::{file, works};
use crate::{hallway, lan};

/// A subnet within one of the host's own, but with an address that the host uses: a name server, the other end
/// of a connection, a machine that has answered.
pub(crate) fn addresses_in_use_are_not_taken_over() {
    lan(1, "eth0");
    sh(
        "ip addr add 10.50.0.9/16 dev eth0; ip route add default via 192.168.1.254
        ip -n lan1 addr add 10.50.1.1/16 dev wire; ip -n lan1 addr add 10.50.2.1/16 dev wire
        ip -n lan1 addr add 10.60.0.1/32 dev lo
        ping -c 1 -W 30 10.50.1.1
        echo 'nameserver 10.70.0.1' > /run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf",
    );
    let mut server = Command::new("ip")
        .args("netns exec lan1".split(' '))
        .args([env!("CARGO_BIN_EXE_hallway"), "serve", "9000"])
        .spawn()
        .unwrap();
    wait_for("the server", || {
        TcpStream::connect("10.60.0.1:9000").is_ok()
    });
    let connection = TcpStream::connect("10.60.0.1:9000").unwrap();
    let h = hallway();
    for (subnet, says) in [
        (
            "10.50.1.0/24",
            "a machine on eth0 has the address 10.50.1.1",
        ),
        (
            "10.60.0.0/24",
            "the host has an open connection with 10.60.0.1",
        ),
        ("10.70.0.0/24", "the host uses the name server 10.70.0.1"),
    ] {
        let before = Snapshot::take();
        h.up(&file(subnet))
            .exits(2)
            .says("subnet-in-use")
            .says(says);
        before.unchanged();
    }
    // Others of the same prefix are free, and a network that is there stays.
    works(&h, "10.50.2.128/25", "10.50.2.130");
    h.project("p").ok("down");
    drop(connection);
    works(&h, "10.60.1.0/24", "10.60.1.2");
    server.kill().unwrap();
    server.wait().unwrap();
}

/// A connection of the host with a node that was removed does not prevent that the node is made again.
pub(crate) fn a_connection_with_a_removed_node_is_no_conflict() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254");
    let h = hallway();
    let text = file("10.9.0.0/24").replace(
        "networks: [n] }",
        "networks: [n], command: hallway serve 80, ready: 80/tcp }",
    );
    h.up(&text).ok();
    let _connection = TcpStream::connect("10.9.0.2:80").unwrap();
    h.project("p").ok("down");
    h.up(&text).ok();
    h.project("p").ok("down");
}
