//! The packet socket receives packets that pass, in namespaces of the test.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, SystemTime};

use hallway_kernel::packet::{Direction, Ethernet, Frame, PacketSocket, To};
use hallway_testkit::{ip_json, sh};

fn frames(socket: &mut PacketSocket) -> Vec<Frame> {
    let mut out = Vec::new();
    while let Some(frame) = socket.recv(Duration::from_millis(100)).unwrap() {
        out.push(frame);
    }
    out
}

fn index(name: &str) -> u32 {
    let links = ip_json(&format!("link show dev {name}"));
    u32::try_from(links[0]["ifindex"].as_u64().unwrap()).unwrap()
}

fn both_directions_are_seen_with_their_time() {
    let mut socket = PacketSocket::open().unwrap();
    let before = SystemTime::now();
    sh("ping -c 1 -W 30 127.0.0.1");
    let seen = frames(&mut socket);
    let lines: Vec<(Direction, String)> = seen
        .iter()
        .map(|f| (f.direction, Ethernet::parse(&f.bytes).summary()))
        .collect();
    assert_eq!(
        lines.len(),
        4,
        "request and reply, each out and in: {lines:?}"
    );
    for (frame, direction) in seen
        .iter()
        .zip([Direction::Out, Direction::In].iter().cycle())
    {
        assert_eq!(frame.interface, index("lo"));
        assert_eq!(frame.direction, *direction);
        assert_eq!(frame.length, 14 + 84);
        assert_eq!(frame.bytes.len(), frame.length);
        assert!(frame.time >= before && frame.time <= SystemTime::now());
    }
    assert!(
        lines[0]
            .1
            .starts_with("127.0.0.1 → 127.0.0.1 icmp echo request id")
    );
    assert!(lines[3].1.contains("icmp echo reply id"));
    assert_eq!(socket.dropped().unwrap(), 0);
}

fn one_interface_alone_is_seen() {
    sh(
        "ip link add left type veth peer right; ip link set left up; ip link set right up; \
        ip addr add 10.3.0.1/24 dev left",
    );
    let mut socket = PacketSocket::open_on(index("right")).unwrap();
    sh("ping -c 1 -W 1 10.3.0.2 || true; ping -c 1 -W 30 127.0.0.1");
    let seen = frames(&mut socket);
    assert!(seen.iter().all(|f| f.interface == index("right")));
    assert!(seen.iter().any(|f| f.to == To::Broadcast
        && f.direction == Direction::In
        && Ethernet::parse(&f.bytes).summary() == "arp who has 10.3.0.2 tell 10.3.0.1"));
    sh("ip link del left");
    let mut gone = false;
    for _ in 0..3 {
        gone |= socket.recv(Duration::from_millis(100)).is_err();
    }
    assert!(gone, "the end of the interface is reported");
    assert!(PacketSocket::open_on(999).unwrap_err().is_not_found());
}

hallway_testkit::tests![
    both_directions_are_seen_with_their_time,
    one_interface_alone_is_seen,
];
