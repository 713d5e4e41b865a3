//! Address translation: published ports inwards, masquerade outwards.

use std::net::Ipv6Addr;

use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Action, Chain, ChainType, Dnat, Element, Field, Hook, IpVersion, Match, Priority, Rule, Set,
    Value,
};
use hallway_spec::Protocol;

use super::parts::{LINK_LOCAL6, LOOPBACK4, UDP, base, from_lan, member, mid_stream, rule, within};
use super::policy::merged;
use super::purpose;
use super::sets::{self, ByVersion};
use crate::settled::{Publish, Settled};

pub(super) fn published_dnat() -> Chain {
    use Field::{Dport, Ip4Daddr, Ip6Daddr, L4Proto};
    let dnat = |version, key: &[Field], map: &ByVersion, port| {
        let dnat = Dnat {
            version,
            key: key.to_vec(),
            map: map.of(version).name.into(),
            port,
        };
        rule(vec![], dnat, purpose::PUBLISHED)
    };
    let mut rules = Vec::new();
    for (version, address) in [(IpVersion::V4, Ip4Daddr), (IpVersion::V6, Ip6Daddr)] {
        rules.extend([
            dnat(version, &[address, L4Proto, Dport], &sets::PORTS_AT, true),
            dnat(
                version,
                &[address, L4Proto, Dport],
                &sets::PORT_RANGES_AT,
                false,
            ),
            dnat(version, &[L4Proto, Dport], &sets::PORTS, true),
            dnat(version, &[L4Proto, Dport], &sets::PORT_RANGES, false),
        ]);
    }
    Chain {
        name: "published".into(),
        base: None,
        rules,
    }
}

/// A packet from a link-local address is never forwarded (RFC 4291), so it is not translated: the host
/// refuses it at once.
fn link_local() -> Rule {
    rule(
        vec![Match::Is(Field::Ip6Saddr, Value::V6Net(LINK_LOCAL6))],
        Verdict::Return,
        "link-local addresses are of one link",
    )
}

pub(super) fn prerouting(settled: &Settled) -> Chain {
    let mut rules = vec![
        link_local(),
        rule(vec![from_lan()], Verdict::Return, purpose::LAN),
    ];
    // With br_netfilter, frames that a bridge passes on pass here, too. The packet comes back from the
    // router as another connection. One that a router forwards unchanged would not be translated then.
    rules.push(rule(
        vec![member(Field::EtherDaddr, &sets::ROUTER_MACS, true)],
        Verdict::Return,
        "to a router that masquerades",
    ));
    // Its first packet did not pass here, so it is a connection of the host.
    rules.extend(mid_stream(
        &[],
        Verdict::Return,
        "a connection that began before",
    ));
    if !own_udp(settled).is_empty() {
        rules.push(rule(
            vec![
                Match::ToLocal,
                Match::Is(Field::L4Proto, Value::Proto(UDP)),
                Match::In(vec![Field::Dport], OWN_UDP.into()),
                Match::OfSocket,
            ],
            Verdict::Return,
            "a program of the host has this port of this address",
        ));
    }
    rules.push(rule(
        vec![Match::ToLocal],
        Verdict::Jump("published".into()),
        "addresses of the host only",
    ));
    Chain {
        name: "nat_prerouting".into(),
        base: base(ChainType::Nat, Hook::Prerouting, Priority::BEFORE_DSTNAT),
        rules,
    }
}

/// The kernel's first port for connections of programs that choose none
/// (net.ipv4.ip_local_port_range).
const FIRST_LOCAL_PORT: u16 = 32_768;

/// Whether sockets of the host on these published ports get what is for them.
#[must_use]
pub fn is_shared_with_host(publish: &Publish) -> bool {
    let ports = publish.host_ports;
    let is_range = ports.first() != ports.last();
    publish.protocol == Protocol::Udp && (is_range || ports.first() >= FIRST_LOCAL_PORT)
}

/// The set of published UDP ports that programs of the host may have connected sockets on.
const OWN_UDP: &str = "own_udp";

/// That set: ports that the kernel gives to programs, and ranges, of which the keeper does not hold
/// each port. There is none where nothing like this is published.
pub(super) fn own_udp(settled: &Settled) -> Vec<Set> {
    let published = settled.publishes.iter().filter(|p| is_shared_with_host(p));
    let ranges = published.map(|p| (p.protocol, p.host_ports.first(), p.host_ports.last()));
    let element = |(first, last)| Element::new(vec![Value::Ports(first, last)]);
    let set = |ranges: Vec<(u16, u16)>| Set {
        elements: ranges.into_iter().map(element).collect(),
        ..Set::new(OWN_UDP, &[Field::Dport.data_type()]).of_intervals()
    };
    merged(ranges.collect()).into_values().map(set).collect()
}

pub(super) fn output() -> Chain {
    let loopback4 = Value::V4Net(LOOPBACK4);
    let loopback6 = Value::V6(Ipv6Addr::LOCALHOST);
    Chain {
        name: "nat_output".into(),
        base: base(ChainType::Nat, Hook::Output, Priority::BEFORE_DSTNAT),
        rules: vec![
            rule(
                vec![Match::Is(Field::Ip4Daddr, loopback4)],
                Verdict::Return,
                "localhost is served by a listener",
            ),
            rule(
                vec![Match::Is(Field::Ip6Daddr, loopback6)],
                Verdict::Return,
                "localhost is served by a listener",
            ),
            link_local(),
            rule(
                vec![Match::ToLocal],
                Verdict::Jump("published".into()),
                "the host's own addresses",
            ),
        ],
    }
}

/// What source NAT should have translated: no private address is seen outside.
pub(super) fn leaving() -> Chain {
    Chain {
        name: "leaving".into(),
        base: base(ChainType::Filter, Hook::Postrouting, Priority::AFTER_SRCNAT),
        rules: untranslated(),
    }
}

/// The rules, which the guard has too: while another program removes the project's rules, a packet can have passed
/// the filter, and the translation is gone.
pub(super) fn untranslated() -> Vec<Rule> {
    let private = |saddr, version| {
        vec![
            member(Field::IifGroup, &sets::MASQUERADED, true),
            member(Field::OifGroup, &sets::NETWORKS, false),
            member(saddr, sets::HIDDEN.of(version), true),
        ]
    };
    let both = [
        (Field::Ip4Saddr, IpVersion::V4),
        (Field::Ip6Saddr, IpVersion::V6),
    ];
    // A reply from the address that was asked, which may be the host's own on a network.
    let asked = both.map(|(saddr, version)| {
        let mut matches = private(saddr, version);
        matches.push(Match::Dnated);
        rule(matches, Verdict::Accept, purpose::PUBLISHED)
    });
    let drops = both.map(|(saddr, version)| {
        rule(
            private(saddr, version),
            Verdict::Drop,
            purpose::UNTRANSLATED,
        )
    });
    asked.into_iter().chain(drops).collect()
}

/// Not from a member of the network that the packet goes to: with br_netfilter, bridged packets pass here, too.
fn not_of_network(saddr: Field, version: IpVersion) -> Match {
    let of_network = sets::HAIRPIN.of(version).name.into();
    Match::NotIn(vec![Field::OifGroup, saddr], of_network)
}

/// A request by UDP to an address that a socket for any address would not answer from.
fn second(daddr: Field, saddr: Field, version: IpVersion) -> Rule {
    rule(
        vec![
            Match::Is(Field::L4Proto, Value::Proto(Protocol::Udp.number())),
            member(daddr, sets::SECOND.of(version), true),
            not_of_network(saddr, version),
        ],
        Action::Masquerade { random: false },
        "UDP to a node's further network: the reply must come from the destination of the request",
    )
}

pub(super) fn postrouting() -> Chain {
    let hairpin = |saddr, version| {
        rule(
            vec![
                Match::Dnated,
                within(&[Field::OifGroup, saddr], sets::HAIRPIN.of(version)),
            ],
            Action::Masquerade { random: false },
            "a published port, from its own network: the reply must pass here",
        )
    };
    let shared = |daddr, saddr, version| {
        rule(
            vec![
                within(&[daddr, saddr], sets::SHARED.of(version)),
                not_of_network(saddr, version),
            ],
            Action::Masquerade { random: false },
            "a request from another network of the node: the reply must pass here",
        )
    };
    let out = |net: Match| {
        rule(
            vec![
                member(Field::IifGroup, &sets::MASQUERADED, true),
                member(Field::OifGroup, &sets::NETWORKS, false),
                net,
            ],
            Action::Masquerade { random: true },
            "to outside with the host's address",
        )
    };
    Chain {
        name: "nat_postrouting".into(),
        base: base(ChainType::Nat, Hook::Postrouting, Priority::SRCNAT),
        rules: vec![
            hairpin(Field::Ip4Saddr, IpVersion::V4),
            hairpin(Field::Ip6Saddr, IpVersion::V6),
            shared(Field::Ip4Daddr, Field::Ip4Saddr, IpVersion::V4),
            shared(Field::Ip6Daddr, Field::Ip6Saddr, IpVersion::V6),
            second(Field::Ip4Daddr, Field::Ip4Saddr, IpVersion::V4),
            second(Field::Ip6Daddr, Field::Ip6Saddr, IpVersion::V6),
            out(member(
                Field::Ip4Saddr,
                sets::PREFIXES.of(IpVersion::V4),
                true,
            )),
            out(member(
                Field::Ip6Saddr,
                sets::PREFIXES.of(IpVersion::V6),
                true,
            )),
        ],
    }
}
