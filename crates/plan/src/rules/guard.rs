//! Which packets may come in at the host, before connection tracking.

use std::net::{Ipv4Addr, Ipv6Addr};

use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Action, Chain, ChainType, Field, Hook, IpVersion, Match, Priority, Rule, Value,
};

use super::parts::{
    DHCP_CLIENT, DHCP_SERVER, LOOPBACK4, MULTICAST6, REDIRECT6, ROUTER_ADVERT, UDP, base, from_lan,
    icmp6, loaded, member, nets, rule, within,
};
use super::{purpose, quoted_headers, sets};
use crate::mark::{FROM_BIT, TO_BIT};

/// Before connection tracking, and after rules of other programs at the priority `raw`: no rule comes
/// between these and the guard of the keeper, for which they set bits in the mark.
pub(super) const SOURCES: Priority = Priority(Priority::RAW.0 + 1);

/// Before anything else: prefixes of networks with
/// NAT are reached from outside through DNAT only (also by the host's own address there), a node sends from its own addresses only, and no node announces itself as a router.
pub(super) fn guard() -> Chain {
    let mut rules = from_outside();
    rules.extend(from_nodes());
    Chain {
        name: "guard".into(),
        base: base(ChainType::Filter, Hook::Prerouting, SOURCES),
        rules,
    }
}

/// Packets that do not come from the project's nodes.
fn from_outside() -> Vec<Rule> {
    let not_lo = || Match::IsNot(Field::IifName, Value::Ifname("lo".into()));
    let loopback6 = Value::V6(Ipv6Addr::LOCALHOST);
    // Anybody there may use any address. A connection that is tracked on a lan would be one on the
    // filtered networks behind a router, too.
    let mut rules = vec![
        rule(vec![from_lan()], Action::NoTrack, purpose::LAN),
        rule(vec![from_lan()], Verdict::Accept, purpose::LAN),
    ];
    rules.extend(checked());
    rules.extend([
        rule(
            vec![
                not_lo(),
                Match::Is(Field::Ip4Daddr, Value::V4Net(LOOPBACK4)),
            ],
            Verdict::Drop,
            "loopback address on a link",
        ),
        rule(
            vec![not_lo(), Match::Is(Field::Ip6Daddr, loopback6)],
            Verdict::Drop,
            "loopback address on a link",
        ),
        from_elsewhere(IpVersion::V4),
        from_elsewhere(IpVersion::V6),
        into_network(
            IpVersion::V4,
            Some(Match::ToLocal),
            Verdict::Accept,
            purpose::GATEWAY,
        ),
        into_network(
            IpVersion::V6,
            Some(Match::ToLocal),
            Verdict::Accept,
            purpose::GATEWAY,
        ),
        into_network(IpVersion::V4, None, Verdict::Drop, purpose::DIRECT),
        into_network(IpVersion::V6, None, Verdict::Drop, purpose::DIRECT),
        rule(vec![nets(false)], Verdict::Accept, purpose::NOT_OURS),
    ]);
    rules
}

/// The packets whose source address this chain checks, with the bit that shows it to the guard of the
/// keeper: from nodes, and with the address of a network.
pub(super) fn shown() -> [(Match, u32); 3] {
    let of_networks = |address, version| member(address, sets::PREFIXES.of(version), true);
    [
        (nets(true), FROM_BIT),
        (of_networks(Field::Ip4Saddr, IpVersion::V4), TO_BIT),
        (of_networks(Field::Ip6Saddr, IpVersion::V6), TO_BIT),
    ]
}

fn checked() -> [Rule; 3] {
    shown().map(|(condition, bit)| loaded(Some(condition), bit))
}

/// Clears these bits, before rules of other programs read the mark.
pub(super) fn cleared() -> [Rule; 3] {
    shown().map(|(condition, bit)| rule(vec![condition], Action::Unmark(bit), purpose::SEEN))
}

/// A packet from elsewhere to an address of a network with NAT.
fn into_network(
    version: IpVersion,
    more: Option<Match>,
    verdict: Verdict,
    purpose: &'static str,
) -> Rule {
    let address = match version {
        IpVersion::V4 => Field::Ip4Daddr,
        IpVersion::V6 => Field::Ip6Daddr,
    };
    let mut conditions = vec![
        Match::IsNot(Field::IifName, Value::Ifname("lo".into())),
        nets(false),
        member(address, sets::HIDDEN.of(version), true),
    ];
    conditions.extend(more);
    rule(conditions, verdict, purpose)
}

/// Policies match addresses: packets from elsewhere must not have those of networks.
fn from_elsewhere(version: IpVersion) -> Rule {
    let address = match version {
        IpVersion::V4 => Field::Ip4Saddr,
        IpVersion::V6 => Field::Ip6Saddr,
    };
    rule(
        vec![
            Match::IsNot(Field::IifName, Value::Ifname("lo".into())),
            nets(false),
            member(address, sets::PREFIXES.of(version), true),
        ],
        Verdict::Drop,
        purpose::SPOOFED,
    )
}

/// Packets that come from the project's nodes.
fn from_nodes() -> Vec<Rule> {
    let not_own = |address, version| {
        let outside = |set: &sets::ByVersion| {
            let set = set.of(version).name.into();
            Match::NotIn(vec![Field::IifName, address], set)
        };
        let conditions = vec![outside(&sets::SOURCES), outside(&sets::ROUTED)];
        rule(conditions, Verdict::Drop, purpose::SPOOFED)
    };
    // With any source port, one node could use the share of this address, which all have together.
    let without_source = vec![
        Match::Is(Field::Ip4Saddr, Value::V4(Ipv4Addr::UNSPECIFIED)),
        Match::Is(Field::L4Proto, Value::Proto(UDP)),
        Match::IsNot(Field::Sport, Value::Port(DHCP_CLIENT)),
    ];
    let mut rules = vec![
        rule(without_source, Verdict::Drop, purpose::SPOOFED),
        rule(is_dhcp_request(), Verdict::Accept, "DHCP request"),
        not_own(Field::Ip4Saddr, IpVersion::V4),
    ];
    let no_router = |matches| rule(matches, Verdict::Drop, "nodes are not routers");
    rules.extend([
        no_router(vec![
            member(Field::IifName, &sets::ADVERTISED, false),
            icmp6(ROUTER_ADVERT),
        ]),
        no_router(vec![icmp6(REDIRECT6)]),
    ]);
    rules.push(rule(
        vec![
            Match::Is(Field::Ip6Saddr, Value::V6(Ipv6Addr::UNSPECIFIED)),
            member(Field::Icmp6Type, &sets::WITHOUT_ADDRESS_ROUTED, true),
        ],
        Verdict::Accept,
        "unspecified source address",
    ));
    rules.push(not_own(Field::Ip6Saddr, IpVersion::V6));
    for (field, set) in [
        (Field::IcmpType, &sets::ERRORS),
        (Field::Icmp6Type, &sets::ERRORS6),
    ] {
        rules.push(rule(
            vec![
                member(Field::IifName, &sets::ROUTED_PORTS, true),
                member(field, set, true),
            ],
            Verdict::Jump("icmp_errors".into()),
            "ICMP error",
        ));
    }
    rules
}

fn is_dhcp_request() -> Vec<Match> {
    vec![
        Match::Is(Field::Ip4Saddr, Value::V4(Ipv4Addr::UNSPECIFIED)),
        // Not next to the other address: nft would combine both into one comparison.
        Match::Is(Field::L4Proto, Value::Proto(UDP)),
        Match::Is(Field::Ip4Daddr, Value::V4(Ipv4Addr::BROADCAST)),
        Match::Is(Field::Dport, Value::Port(DHCP_SERVER)),
    ]
}

/// The chain of ICMP errors from outside about connections that begin at a published port.
const FROM_OUTSIDE: &str = "outside_errors";
/// Type and code of the ICMP error that a packet is too large for the next link (RFC 1191).
const TOO_LARGE: [u8; 2] = [3, 4];
/// The same of ICMPv6 (RFC 4443, section 3.2).
const TOO_LARGE6: u8 = 2;

/// Messages that are for one link alone, and that connection tracking does not track: routed to
/// another, they could carry anything. Between members of a bridge, neighbour discovery still has
/// the hop limit it is sent with (RFC 4861, section 3), and the others are for a group.
pub(super) fn of_one_link() -> [Rule; 2] {
    let routed = Match::IsNot(Field::HopLimit6, Value::bytes(&[255]));
    let to_one = Match::IsNot(Field::Ip6Daddr, Value::V6Net(MULTICAST6));
    [(routed, &sets::DISCOVERY), (to_one, &sets::LISTENERS)].map(|(condition, kinds)| {
        let matches = vec![condition, member(Field::Icmp6Type, kinds, true)];
        rule(matches, Verdict::Drop, "a message for one link")
    })
}

/// Rules that jump to this chain.
pub(super) fn jump_to_outside_errors() -> impl Iterator<Item = Rule> {
    let errors = [
        (Field::IcmpType, &sets::ERRORS),
        (Field::Icmp6Type, &sets::ERRORS6),
    ];
    errors.into_iter().map(|(field, set)| {
        rule(
            vec![member(field, set, true), nets(false), Match::Dnated],
            Verdict::Jump(FROM_OUTSIDE.into()),
            "ICMP error from outside",
        )
    })
}

/// A router on the path looks the same as any other sender. So of the ICMP errors from outside
/// about a connection that began there, only those pass that the connection needs.
pub(super) fn outside_errors() -> Chain {
    let needed = |condition| rule(vec![condition], Verdict::Return, "path MTU");
    Chain {
        name: FROM_OUTSIDE.into(),
        base: None,
        rules: vec![
            needed(Match::Is(Field::IcmpKind, Value::bytes(&TOO_LARGE))),
            needed(icmp6(TOO_LARGE6)),
            rule(vec![], Verdict::Drop, purpose::OUTSIDE_ERROR),
        ],
    }
}

/// For nodes of routed networks: what the guard of a bridge's ports does for other nodes.
pub(super) fn errors() -> Chain {
    let quoted = |field, version| {
        rule(
            vec![within(&[Field::IifName, field], sets::QUOTED.of(version))],
            Verdict::Return,
            "ICMP error that quotes a packet to the node",
        )
    };
    Chain {
        name: "icmp_errors".into(),
        base: None,
        rules: vec![
            quoted_headers::jump(),
            quoted(Field::QuotedDaddr4, IpVersion::V4),
            quoted(Field::QuotedDaddr6, IpVersion::V6),
            rule(vec![], Verdict::Drop, purpose::QUOTED),
        ],
    }
}
