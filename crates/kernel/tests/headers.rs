//! Packets made by hand, their summaries, and arbitrary bytes.
#![allow(clippy::unwrap_used)]

use hallway_kernel::packet::{Ethernet, Ip, Network, Tcp, Transport};
use proptest::prelude::*;

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    out.extend(ethertype.to_be_bytes());
    out.extend(payload);
    out
}

fn ipv4(protocol: u8, offset: u16, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap();
    let mut out = vec![0x45, 0];
    out.extend(total.to_be_bytes());
    out.extend([0, 7]);
    out.extend(offset.to_be_bytes());
    out.extend([64, protocol, 0, 0, 172, 20, 0, 11, 172, 20, 0, 12]);
    out.extend(payload);
    out
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    out.extend([next, 64]);
    for last in [1, 2] {
        out.extend([0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    out.extend(payload);
    out
}

fn tcp(flags: u8, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0xa8, 0xca, 0, 80, 0, 0, 0, 9, 0, 0, 0, 8, 0x50, flags];
    out.extend([0, 0, 0, 0, 0, 0]);
    out.extend(data);
    out
}

fn udp(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0xa8, 0xca, 0, 53];
    out.extend(u16::try_from(8 + data.len()).unwrap().to_be_bytes());
    out.extend([0, 0]);
    out.extend(data);
    out
}

fn line(packet: &[u8]) -> String {
    Ip::parse(packet).unwrap().summary()
}

#[test]
fn tcp_and_udp() {
    assert_eq!(
        line(&ipv4(6, 0, &tcp(Tcp::SYN, b""))),
        "172.20.0.11:43210 → 172.20.0.12:80 tcp SYN"
    );
    assert_eq!(
        line(&ipv4(6, 0, &tcp(Tcp::PSH | Tcp::ACK, b"abc"))),
        "172.20.0.11:43210 → 172.20.0.12:80 tcp ACK 3 bytes"
    );
    assert_eq!(
        line(&ipv6(17, &udp(b"x"))),
        "[fd77::1]:43210 → [fd77::2]:53 udp 1 byte"
    );
    let Transport::Tcp(read) = Ip::parse(&ipv4(6, 0, &tcp(0, b""))).unwrap().transport else {
        unreachable!()
    };
    assert_eq!((read.sequence, read.acknowledgement), (9, 8));
}

#[test]
fn echoes_and_errors() {
    assert_eq!(
        line(&ipv4(1, 0, &[8, 0, 0, 0, 0, 7, 0, 1])),
        "172.20.0.11 → 172.20.0.12 icmp echo request id 7 seq 1"
    );
    let quoted = [vec![3, 3, 0, 0, 0, 0, 0, 0], ipv4(17, 0, &udp(b""))].concat();
    assert_eq!(
        line(&ipv4(1, 0, &quoted)),
        "172.20.0.11 → 172.20.0.12 icmp unreachable: port \
         (172.20.0.11:43210 → 172.20.0.12:53 udp)"
    );
    let quoted = [
        vec![1, 1, 0, 0, 0, 0, 0, 0],
        ipv6(6, tcp(2, b"").get(..8).unwrap()),
    ]
    .concat();
    assert_eq!(
        line(&ipv6(58, &quoted)),
        "fd77::1 → fd77::2 icmp6 unreachable: prohibited ([fd77::1]:43210 → [fd77::2]:80 tcp)"
    );
}

#[test]
fn errors_quoted_in_errors_are_not_read() {
    let mut packet = ipv4(1, 0, &[3, 1, 0, 0, 0, 0, 0, 0]);
    for _ in 0..3000 / 28 {
        packet = ipv4(1, 0, &[vec![3, 1, 0, 0, 0, 0, 0, 0], packet].concat());
    }
    assert_eq!(line(&packet).matches("unreachable").count(), 2);
}

#[test]
fn ipv6_headers_are_skipped_and_fragments_known() {
    let hop = [vec![6, 0, 1, 4, 0, 0, 0, 0], tcp(Tcp::RST, b"")].concat();
    assert_eq!(
        line(&ipv6(0, &hop)),
        "[fd77::1]:43210 → [fd77::2]:80 tcp RST"
    );
    let first = [vec![17, 0, 0, 1, 0, 0, 0, 9], udp(b"abc")].concat();
    assert!(line(&ipv6(44, &first)).ends_with(":53 udp 3 bytes"));
    let later = [vec![17, 0, 0, 8, 0, 0, 0, 9], udp(b"abc")].concat();
    assert_eq!(line(&ipv6(44, &later)), "fd77::1 → fd77::2 udp fragment");
    assert_eq!(
        line(&ipv4(17, 4, b"abcdefgh")),
        "172.20.0.11 → 172.20.0.12 udp fragment"
    );
}

#[test]
fn neighbour_requests() {
    let mut ask = vec![135, 0, 0, 0, 0, 0, 0, 0, 0xfd, 0x77];
    ask.extend([0; 13]);
    ask.push(5);
    assert_eq!(
        line(&ipv6(58, &ask)),
        "fd77::1 → fd77::2 icmp6 who has fd77::5"
    );
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 1];
    arp.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
    let frame = ethernet(0x0806, &arp);
    assert_eq!(
        Ethernet::parse(&frame).summary(),
        "arp who has 10.0.0.2 tell 10.0.0.1"
    );
}

#[test]
fn tags_are_skipped_over() {
    let inner = [vec![0x20, 5, 8, 0], ipv4(1, 0, &[0, 0, 0, 0, 0, 1, 0, 2])].concat();
    let frame = Ethernet::parse(&ethernet(0x8100, &inner));
    assert_eq!(frame.vlan, Some(5));
    assert!(frame.summary().ends_with("icmp echo reply id 1 seq 2"));
}

#[test]
fn cut_packets_are_marked_as_cut() {
    let whole = ethernet(0x0800, &ipv4(6, 0, &tcp(2, b"")));
    for length in 0..whole.len() {
        let text = Ethernet::parse(whole.get(..length).unwrap()).summary();
        assert!(!text.is_empty());
    }
    assert!(matches!(Ethernet::parse(&[]).network, Network::Short));
    assert_eq!(
        line(whole.get(14..36).unwrap()),
        "172.20.0.11 → 172.20.0.12 tcp (cut short)"
    );
}

proptest! {
    #[test]
    fn any_bytes_give_a_result(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        kind in proptest::option::of(prop_oneof![Just(0x0800u16), Just(0x86dd), Just(0x0806), Just(0x8100)]),
        first in any::<u8>(),
    ) {
        if let (Some(kind), true) = (kind, bytes.len() > 24) {
            bytes[12..14].copy_from_slice(&kind.to_be_bytes());
            let version = if kind == 0x86dd { 0x60 } else { 0x45 };
            bytes[14] = version;
            let next = [1, 6, 17, 58, 0, 44][usize::from(first) % 6];
            bytes[if version == 0x60 { 20 } else { 23 }] = next;
        }
        prop_assert!(!Ethernet::parse(&bytes).summary().is_empty());
        if let Some(ip) = Ip::parse(&bytes) {
            prop_assert!(!ip.summary().is_empty());
        }
    }
}
