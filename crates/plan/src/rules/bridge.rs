//! The table of the bridge family: which frames a node may send at all.

use std::net::Ipv6Addr;

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Chain, ChainType, Field, Hook, IpVersion, Match, Priority, Value};

use super::build::{LINK_LOCAL6, REDIRECT6, ROUTER_ADVERT, base, icmp6, member, rule};
use super::purpose;
use super::sets::{BRIDGE_PORTS, Definition, PORT_ADDRESSES, PORT_MACS};

/// The stateless guard on bridge ports.
pub(super) fn chains() -> Vec<Chain> {
    use Field::{ArpSaddrEther, ArpSaddrIp, EtherSaddr, EtherType, IifName, Ip4Saddr, Ip6Saddr};
    let ether = |kind: u16| Match::Is(EtherType, Value::EtherType(kind));
    let not =
        |second: Field, set: &Definition| Match::NotIn(vec![IifName, second], set.name.into());
    let (addresses4, addresses6) = (
        PORT_ADDRESSES.of(IpVersion::V4),
        PORT_ADDRESSES.of(IpVersion::V6),
    );
    let arp = Chain {
        name: "arp_guard".into(),
        base: None,
        rules: vec![
            rule(
                vec![ether(0x0806), not(ArpSaddrEther, &PORT_MACS)],
                Verdict::Drop,
                "ARP for another's MAC",
            ),
            rule(
                vec![ether(0x0806), not(ArpSaddrIp, addresses4)],
                Verdict::Drop,
                "ARP for another's address",
            ),
            rule(vec![], Verdict::Accept, "ARP of its own"),
        ],
    };
    let mut rules = vec![
        rule(
            vec![member(IifName, &BRIDGE_PORTS, false)],
            Verdict::Accept,
            "not our port",
        ),
        rule(
            vec![not(EtherSaddr, &PORT_MACS)],
            Verdict::Drop,
            "MAC of another",
        ),
        rule(
            vec![ether(0x0806)],
            Verdict::Jump("arp_guard".into()),
            "ARP",
        ),
        rule(
            vec![ether(0x0800), not(Ip4Saddr, addresses4)],
            Verdict::Drop,
            purpose::SPOOFED,
        ),
        rule(vec![ether(0x0800)], Verdict::Accept, "IPv4 of its own"),
        rule(
            vec![Match::IsNot(EtherType, Value::EtherType(0x86dd))],
            Verdict::Drop,
            "neither IPv4, IPv6 nor ARP",
        ),
    ];
    for kind in [ROUTER_ADVERT, REDIRECT6] {
        rules.push(rule(
            vec![icmp6(kind)],
            Verdict::Drop,
            "nodes are no routers",
        ));
    }
    rules.extend([
        rule(
            vec![
                ether(0x86dd),
                Match::Is(Ip6Saddr, Value::V6(Ipv6Addr::UNSPECIFIED)),
            ],
            Verdict::Accept,
            "address detection",
        ),
        rule(
            vec![
                ether(0x86dd),
                Match::Is(Ip6Saddr, Value::V6Net(LINK_LOCAL6)),
            ],
            Verdict::Accept,
            "link-local; never forwarded",
        ),
        rule(
            vec![ether(0x86dd), not(Ip6Saddr, addresses6)],
            Verdict::Drop,
            purpose::SPOOFED,
        ),
    ]);
    vec![
        arp,
        Chain {
            name: "port_guard".into(),
            base: base(ChainType::Filter, Hook::Prerouting, Priority::RAW),
            rules,
        },
    ]
}
