//! The table of the bridge family: which frames a node may send at all, and which may leave by
//! the port of another.

use std::net::{Ipv4Addr, Ipv6Addr};

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Chain, ChainType, Field, Hook, IpVersion, Match, Priority, Rule, Value};

use super::between;
use super::parts::{
    DHCP_CLIENT, DHCP_SERVER, DHCP6_CLIENT, IPV6, LISTENER_QUERY, MULTICAST4, MULTICAST6,
    NEIGHBOR_ADVERT, NEIGHBOR_SOLICIT, REDIRECT, REDIRECT6, ROUTER_ADVERT, UDP, arp_frame, base,
    from_lan, icmp6, ipv4_frame, ipv6_frame, loaded, member, rule, to_several, within,
};
use super::sets::{
    ADVERTISERS, BRIDGE_PORTS, BROADCASTS, DHCP_SERVERS, Definition, ND_MACS, ND_TARGETS,
    PORT_ADDRESSES, PORT_CLAIMS4, PORT_CLAIMS6, PORT_ERRORS, PORT_ERRORS6, PORT_MACS, PORT_QUOTED,
    PORT_ROUTED, TRANSIT, WITHOUT_ADDRESS,
};
use super::{purpose, quoted_headers};
use crate::mark::FROM_BIT;

/// The stateless guard on bridge ports. `to_many` are the policies for frames that go to several
/// members at once.
pub(super) fn chains(to_many: Vec<Rule>) -> Vec<Chain> {
    let mut rules = frames();
    rules.extend(ipv4());
    rules.extend(ipv6());
    let guard = Chain {
        name: "port_guard".into(),
        base: base(ChainType::Filter, Hook::Prerouting, Priority::RAW),
        rules,
    };
    let mut chains = vec![arp_guard(), group_frames(), nd_guard(), errors()];
    chains.extend(between::chains(to_many));
    chains.extend([guard, to_host()]);
    chains
}

/// The host is not on a lan: it receives no frame of one.
pub(super) fn of_lan() -> Rule {
    rule(vec![from_lan()], Verdict::Drop, purpose::LAN)
}

fn to_host() -> Chain {
    Chain {
        name: "to_host".into(),
        base: base(ChainType::Filter, Hook::Input, Priority::FILTER),
        rules: vec![of_lan()],
    }
}

/// Later fragments pass, with an address of their own: conditions on ports and types would read
/// other bytes. The receiver puts nothing together without the first fragment, which is examined.
fn later_fragment(frame: Match, version: IpVersion) -> Rule {
    let matches = vec![frame, Match::LaterFragment(version)];
    rule(matches, Verdict::Accept, "a fragment after the first")
}

fn chain(name: &str, rules: Vec<Rule>) -> Chain {
    Chain {
        name: name.into(),
        base: None,
        rules,
    }
}

/// The value of the field is one of the port's.
fn own(field: Field, set: &Definition) -> Match {
    within(&[Field::IifName, field], set)
}

/// The value of the field is not one of the port's.
fn not(field: Field, set: &Definition) -> Match {
    Match::NotIn(vec![Field::IifName, field], set.name.into())
}

fn arp_guard() -> Chain {
    let rules = vec![
        rule(
            vec![arp_frame(), not(Field::ArpSaddrEther, &PORT_MACS)],
            Verdict::Drop,
            "ARP with a foreign MAC address",
        ),
        rule(
            vec![
                arp_frame(),
                not(Field::ArpSaddrIp, PORT_ADDRESSES.of(IpVersion::V4)),
                not(Field::ArpSaddrIp, &PORT_CLAIMS4),
            ],
            Verdict::Drop,
            "ARP with a foreign address",
        ),
        rule(vec![], Verdict::Accept, "ARP with its own address"),
    ];
    chain("arp_guard", rules)
}

/// Rules for frames of every kind. Frames that they do not decide are IPv4 or IPv6.
fn frames() -> Vec<Rule> {
    use Field::{EtherSaddr, IifName};
    let mut rules = vec![
        rule(
            vec![member(IifName, &BRIDGE_PORTS, false)],
            Verdict::Accept,
            "not a port of the project",
        ),
        loaded(None, FROM_BIT),
        rule(
            vec![not(EtherSaddr, &PORT_MACS)],
            Verdict::Drop,
            "foreign source MAC address",
        ),
        rule(vec![arp_frame()], Verdict::Jump("arp_guard".into()), "ARP"),
    ];
    rules.extend(to_several("group_frames", "multicast or broadcast"));
    rules
}

/// A broadcast frame with a packet to a single node would make an entry in connection tracking
/// before any policy is evaluated.
fn group_frames() -> Chain {
    use Field::{Ip4Daddr, Ip6Daddr};
    let several = |condition| {
        rule(
            vec![ipv4_frame(), condition],
            Verdict::Return,
            "multicast or broadcast",
        )
    };
    let everybody = Value::V4(Ipv4Addr::BROADCAST);
    let rules = vec![
        several(Match::Is(Ip4Daddr, Value::V4Net(MULTICAST4))),
        several(Match::Is(Ip4Daddr, everybody)),
        several(member(Ip4Daddr, &BROADCASTS, true)),
        rule(
            vec![ipv6_frame(), Match::Is(Ip6Daddr, Value::V6Net(MULTICAST6))],
            Verdict::Return,
            "multicast or broadcast",
        ),
        rule(vec![], Verdict::Drop, "unicast packet in a multicast frame"),
    ];
    chain("group_frames", rules)
}

fn udp_to(port: u16) -> [Match; 2] {
    [
        Match::Is(Field::L4Proto, Value::Proto(UDP)),
        Match::Is(Field::Dport, Value::Port(port)),
    ]
}

fn answer_of_a_server(frame: Match, port: u16) -> Rule {
    let mut matches = vec![member(Field::IifName, &DHCP_SERVERS, false), frame];
    matches.extend(udp_to(port));
    rule(matches, Verdict::Drop, "not a DHCP server")
}

/// Membership query (RFC 3376, section 4).
const IGMP_QUERY: u8 = 0x11;
/// A bridge removes the members of a group that do not answer a query. If the query is sent to another
/// group, the members do not receive it, so they do not answer.
const NO_MULTICAST_ROUTER: &str = "not a multicast router";

fn ipv4() -> Vec<Rule> {
    use Field::{IcmpType, IgmpType, IifName, Ip4Daddr, Ip4Saddr};
    let mut asking = vec![
        ipv4_frame(),
        Match::Is(Ip4Saddr, Value::V4(Ipv4Addr::UNSPECIFIED)),
    ];
    let [udp, port] = udp_to(DHCP_SERVER);
    // Not next to the other address: nft would combine both into one comparison.
    let everybody = Match::Is(Ip4Daddr, Value::V4(Ipv4Addr::BROADCAST));
    asking.extend([udp, everybody, port]);
    vec![
        rule(
            vec![
                ipv4_frame(),
                member(IifName, &TRANSIT, false),
                member(IifName, &ADVERTISERS, false),
                Match::Is(IgmpType, Value::bytes(&[IGMP_QUERY])),
            ],
            Verdict::Drop,
            NO_MULTICAST_ROUTER,
        ),
        rule(asking, Verdict::Accept, "DHCP request"),
        spoofed(ipv4_frame(), Ip4Saddr, IpVersion::V4),
        later_fragment(ipv4_frame(), IpVersion::V4),
        answer_of_a_server(ipv4_frame(), DHCP_CLIENT),
        rule(
            vec![ipv4_frame(), member(IcmpType, &PORT_ERRORS, true)],
            Verdict::Jump("icmp_errors".into()),
            "ICMP error",
        ),
        rule(
            vec![ipv4_frame()],
            Verdict::Accept,
            "IPv4 with its own address",
        ),
        rule(
            vec![Match::IsNot(Field::EtherType, Value::EtherType(IPV6))],
            Verdict::Drop,
            "neither IPv4, IPv6 nor ARP",
        ),
    ]
}

/// From an address that neither the node at the port has nor one behind it.
fn spoofed(frame: Match, source: Field, version: IpVersion) -> Rule {
    let own = not(source, PORT_ADDRESSES.of(version));
    let routed = not(source, PORT_ROUTED.of(version));
    rule(vec![frame, own, routed], Verdict::Drop, purpose::SPOOFED)
}

fn ipv6() -> Vec<Rule> {
    use Field::{Icmp6Type, IifName, Ip6Saddr};
    let no_router = |matches| rule(matches, Verdict::Drop, "nodes are not routers");
    let mut rules = vec![
        no_router(vec![
            member(IifName, &ADVERTISERS, false),
            icmp6(ROUTER_ADVERT),
        ]),
        no_router(vec![icmp6(REDIRECT6)]),
        rule(
            vec![
                member(IifName, &TRANSIT, false),
                member(IifName, &ADVERTISERS, false),
                icmp6(LISTENER_QUERY),
            ],
            Verdict::Drop,
            NO_MULTICAST_ROUTER,
        ),
    ];
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(
            vec![icmp6(kind)],
            Verdict::Jump("nd_guard".into()),
            "neighbour discovery",
        ));
    }
    rules.extend([
        rule(
            vec![
                ipv6_frame(),
                Match::Is(Ip6Saddr, Value::V6(Ipv6Addr::UNSPECIFIED)),
                member(Icmp6Type, &WITHOUT_ADDRESS, true),
            ],
            Verdict::Accept,
            "unspecified source address",
        ),
        spoofed(ipv6_frame(), Ip6Saddr, IpVersion::V6),
        later_fragment(ipv6_frame(), IpVersion::V6),
        answer_of_a_server(ipv6_frame(), DHCP6_CLIENT),
        rule(
            vec![member(Icmp6Type, &PORT_ERRORS6, true)],
            Verdict::Jump("icmp_errors".into()),
            "ICMP error",
        ),
    ]);
    rules
}

/// Bytes of a solicitation or advertisement without an option, and with one that names a MAC
/// address (RFC 4861, sections 4.3, 4.4 and 4.6.1). Linux sends no others.
const ND_BARE: [u8; 2] = [0, 24];
const ND_WITH_MAC: [u8; 2] = [0, 32];
/// Type and length of that option: the source's, the target's.
const SOURCE_MAC: [u8; 2] = [1, 1];
const TARGET_MAC: [u8; 2] = [2, 1];

fn nd_length(bytes: [u8; 2]) -> Match {
    Match::Is(Field::Ip6Length, Value::bytes(&bytes))
}

fn nd_option(bytes: [u8; 2]) -> Match {
    Match::Is(Field::NdOption, Value::bytes(&bytes))
}

/// Advertisements of addresses that are among the targets of a set.
fn nd_answers(targets: &Definition) -> [Rule; 2] {
    use Field::{NdOptionMac, NdTarget};
    let may = |matches| rule(matches, Verdict::Accept, "its own address");
    [
        may(vec![
            ipv6_frame(),
            nd_length(ND_BARE),
            icmp6(NEIGHBOR_ADVERT),
            own(NdTarget, targets),
        ]),
        may(vec![
            ipv6_frame(),
            nd_length(ND_WITH_MAC),
            icmp6(NEIGHBOR_ADVERT),
            nd_option(TARGET_MAC),
            own(NdOptionMac, &ND_MACS),
            own(NdTarget, targets),
        ]),
    ]
}

/// A solicitation has the sender's own MAC address, an advertisement also the sender's own address.
fn nd_guard() -> Chain {
    use Field::{Ip6Saddr, NdOptionMac, NdTarget};
    let length = nd_length;
    let option = nd_option;
    let may = |matches, comment| rule(matches, Verdict::Accept, comment);
    let mut rules = Vec::new();
    for targets in [&ND_TARGETS, &PORT_CLAIMS6] {
        rules.push(may(
            vec![
                ipv6_frame(),
                Match::Is(Ip6Saddr, Value::V6(Ipv6Addr::UNSPECIFIED)),
                icmp6(NEIGHBOR_SOLICIT),
                own(NdTarget, targets),
            ],
            "address detection",
        ));
    }
    rules.extend([
        spoofed(ipv6_frame(), Ip6Saddr, IpVersion::V6),
        may(
            vec![ipv6_frame(), length(ND_BARE), icmp6(NEIGHBOR_SOLICIT)],
            "neighbour solicitation",
        ),
        may(
            vec![
                ipv6_frame(),
                length(ND_WITH_MAC),
                icmp6(NEIGHBOR_SOLICIT),
                option(SOURCE_MAC),
                own(NdOptionMac, &ND_MACS),
            ],
            "neighbour solicitation",
        ),
    ]);
    rules.extend(
        [&ND_TARGETS, &PORT_CLAIMS6]
            .into_iter()
            .flat_map(nd_answers),
    );
    rules.push(rule(
        vec![],
        Verdict::Drop,
        "neighbour discovery with a foreign address",
    ));
    chain("nd_guard", rules)
}

/// A node that forwards sends errors about packets it passes on; any other only about packets that
/// were sent to it. Redirects change the way of later packets, and are dropped.
fn errors() -> Chain {
    let quoted = |field, version| {
        rule(
            vec![own(field, PORT_QUOTED.of(version))],
            Verdict::Return,
            "ICMP error that quotes a packet to the node",
        )
    };
    let mut rules = vec![
        rule(
            vec![Match::Is(Field::IcmpType, Value::Byte(REDIRECT))],
            Verdict::Drop,
            "no redirects",
        ),
        rule(
            vec![member(Field::IifName, &TRANSIT, true)],
            Verdict::Return,
            "of a router",
        ),
    ];
    rules.extend(quoted_headers::dropped());
    rules.extend([
        quoted(Field::QuotedDaddr4, IpVersion::V4),
        quoted(Field::QuotedDaddr6, IpVersion::V6),
        rule(vec![], Verdict::Drop, purpose::QUOTED),
    ]);
    chain("icmp_errors", rules)
}
