//! The table of the bridge family: which frames a node may send at all.

use std::net::Ipv6Addr;

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Chain, ChainType, Field, Hook, IpVersion, Match, Priority, Rule, Value};

use super::parts::{LINK_LOCAL6, REDIRECT6, ROUTER_ADVERT, base, icmp6, loaded, member, rule};
use super::purpose;
use super::sets::{BRIDGE_PORTS, Definition, PORT_ADDRESSES, PORT_MACS};
use crate::mark::FROM_BIT;

/// Ethertypes (linux/if_ether.h).
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;

/// The stateless guard on bridge ports.
pub(super) fn chains() -> Vec<Chain> {
    let mut rules = frames();
    rules.extend(ipv6());
    let guard = Chain {
        name: "port_guard".into(),
        base: base(ChainType::Filter, Hook::Prerouting, Priority::RAW),
        rules,
    };
    vec![arp_guard(), guard]
}

fn ether(kind: u16) -> Match {
    Match::Is(Field::EtherType, Value::EtherType(kind))
}

/// The value of the field is not one of the port's.
fn not(field: Field, set: &Definition) -> Match {
    Match::NotIn(vec![Field::IifName, field], set.name.into())
}

fn arp_guard() -> Chain {
    let rules = vec![
        rule(
            vec![ether(ARP), not(Field::ArpSaddrEther, &PORT_MACS)],
            Verdict::Drop,
            "ARP for another's MAC",
        ),
        rule(
            vec![
                ether(ARP),
                not(Field::ArpSaddrIp, PORT_ADDRESSES.of(IpVersion::V4)),
            ],
            Verdict::Drop,
            "ARP for another's address",
        ),
        rule(vec![], Verdict::Accept, "ARP of its own"),
    ];
    Chain {
        name: "arp_guard".into(),
        base: None,
        rules,
    }
}

/// Frames of every kind; what they leave undecided is IPv6.
fn frames() -> Vec<Rule> {
    use Field::{EtherSaddr, EtherType, IifName, Ip4Saddr};
    vec![
        rule(
            vec![member(IifName, &BRIDGE_PORTS, false)],
            Verdict::Accept,
            "not our port",
        ),
        loaded(None, FROM_BIT),
        rule(
            vec![not(EtherSaddr, &PORT_MACS)],
            Verdict::Drop,
            "MAC of another",
        ),
        rule(vec![ether(ARP)], Verdict::Jump("arp_guard".into()), "ARP"),
        rule(
            vec![ether(IPV4), not(Ip4Saddr, PORT_ADDRESSES.of(IpVersion::V4))],
            Verdict::Drop,
            purpose::SPOOFED,
        ),
        rule(vec![ether(IPV4)], Verdict::Accept, "IPv4 of its own"),
        rule(
            vec![Match::IsNot(EtherType, Value::EtherType(IPV6))],
            Verdict::Drop,
            "neither IPv4, IPv6 nor ARP",
        ),
    ]
}

fn ipv6() -> Vec<Rule> {
    use Field::Ip6Saddr;
    let mut rules = Vec::new();
    for kind in [ROUTER_ADVERT, REDIRECT6] {
        rules.push(rule(
            vec![icmp6(kind)],
            Verdict::Drop,
            "nodes are not routers",
        ));
    }
    rules.extend([
        rule(
            vec![
                ether(IPV6),
                Match::Is(Ip6Saddr, Value::V6(Ipv6Addr::UNSPECIFIED)),
            ],
            Verdict::Accept,
            "address detection",
        ),
        rule(
            vec![ether(IPV6), Match::Is(Ip6Saddr, Value::V6Net(LINK_LOCAL6))],
            Verdict::Accept,
            "link-local; never forwarded",
        ),
        rule(
            vec![ether(IPV6), not(Ip6Saddr, PORT_ADDRESSES.of(IpVersion::V6))],
            Verdict::Drop,
            purpose::SPOOFED,
        ),
    ]);
    rules
}
