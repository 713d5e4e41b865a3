//! The bridge-family table: what a node may put on its wire at all, judged frame by frame.

use super::build::{REDIRECT6, ROUTER_ADVERT, base, icmp6, member, rule, set};
use super::ir::{Act, Chain, Field, Hook, Item, Match, Set};
use super::purpose;

pub(super) fn sets() -> Vec<Set> {
    use Field::{ArpSaddrIp, EtherSaddr, IifName, Ip6Saddr};
    vec![
        set("ports", &[IifName], false),
        set("port_mac", &[IifName, EtherSaddr], false),
        set("port_ip4", &[IifName, ArpSaddrIp], false),
        set("port_ip6", &[IifName, Ip6Saddr], false),
    ]
}

/// The stateless guard on bridge ports: what a node may put on its wire at all.
pub(super) fn chains() -> Vec<Chain> {
    use Field::{ArpSaddrEther, ArpSaddrIp, EtherSaddr, EtherType, IifName, Ip4Saddr, Ip6Saddr};
    let ether = |kind: u16| Match::Is(EtherType, Item::EtherType(kind));
    let not = |second: Field, set: &str| Match::NotIn(vec![IifName, second], set.into());
    let arp = Chain {
        name: "arp_guard".into(),
        base: None,
        rules: vec![
            rule(
                vec![ether(0x0806), not(ArpSaddrEther, "port_mac")],
                Act::Drop,
                "ARP for another's MAC",
            ),
            rule(
                vec![ether(0x0806), not(ArpSaddrIp, "port_ip4")],
                Act::Drop,
                "ARP for another's address",
            ),
            rule(vec![], Act::Accept, "ARP of its own"),
        ],
    };
    let link_local = "fe80::/10".parse().map_or(Item::Byte(0), Item::V6Net);
    let mut rules = vec![
        rule(
            vec![member(IifName, "ports", false)],
            Act::Accept,
            "not our port",
        ),
        rule(
            vec![not(EtherSaddr, "port_mac")],
            Act::Drop,
            "MAC of another",
        ),
        rule(vec![ether(0x0806)], Act::Jump("arp_guard".into()), "ARP"),
        rule(
            vec![ether(0x0800), not(Ip4Saddr, "port_ip4")],
            Act::Drop,
            purpose::SPOOFED,
        ),
        rule(vec![ether(0x0800)], Act::Accept, "IPv4 of its own"),
        rule(
            vec![Match::IsNot(EtherType, Item::EtherType(0x86dd))],
            Act::Drop,
            "neither IPv4, IPv6 nor ARP",
        ),
    ];
    for kind in [ROUTER_ADVERT, REDIRECT6] {
        rules.push(rule(vec![icmp6(kind)], Act::Drop, "nodes are no routers"));
    }
    rules.extend([
        rule(
            vec![
                ether(0x86dd),
                Match::Is(Ip6Saddr, Item::V6(std::net::Ipv6Addr::UNSPECIFIED)),
            ],
            Act::Accept,
            "address detection",
        ),
        rule(
            vec![ether(0x86dd), Match::Is(Ip6Saddr, link_local)],
            Act::Accept,
            "link-local; never forwarded",
        ),
        rule(
            vec![ether(0x86dd), not(Ip6Saddr, "port_ip6")],
            Act::Drop,
            purpose::SPOOFED,
        ),
    ]);
    vec![
        arp,
        Chain {
            name: "port_guard".into(),
            base: base(false, Hook::Prerouting, -300),
            rules,
        },
    ]
}
