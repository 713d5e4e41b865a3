//! What the rules of every chain are written with.

use std::net::{Ipv4Addr, Ipv6Addr};

use hallway_nftables::expr::Verdict;
use hallway_nftables::{
    Action, Base, ChainType, Field, Hook, Match, Priority, Rule, Stream, Value,
};
use ipnet::{Ipv4Net, Ipv6Net};

use super::purpose;
use super::sets::{self, Definition};
use crate::mark;

/// Ethertypes (linux/if_ether.h).
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
pub(super) const IPV6: u16 = 0x86dd;
/// PACKET_BROADCAST and PACKET_MULTICAST (linux/if_packet.h).
const BROADCAST: u8 = 1;
const MULTICAST: u8 = 2;
/// ICMPv6 types (RFC 4861, RFC 4443).
pub(super) const ROUTER_SOLICIT: u8 = 133;
pub(super) const ROUTER_ADVERT: u8 = 134;
pub(super) const NEIGHBOR_SOLICIT: u8 = 135;
pub(super) const NEIGHBOR_ADVERT: u8 = 136;
pub(super) const REDIRECT6: u8 = 137;
pub(super) const ECHO6: u8 = 128;
/// Messages about multicast listeners (RFC 2710, RFC 3810).
pub(super) const LISTENER_QUERY: u8 = 130;
pub(super) const LISTENER_REPORT: u8 = 131;
pub(super) const LISTENER_DONE: u8 = 132;
pub(super) const LISTENER_REPORT2: u8 = 143;
/// ICMPv6 errors are up to this type (RFC 4443, section 2.1).
pub(super) const LAST_ERROR6: u8 = 127;
/// ICMP types (RFC 792).
pub(super) const UNREACHABLE: u8 = 3;
pub(super) const SOURCE_QUENCH: u8 = 4;
pub(super) const TIME_EXCEEDED: u8 = 11;
pub(super) const PARAMETER_PROBLEM: u8 = 12;
pub(super) const ECHO: u8 = 8;
pub(super) const REDIRECT: u8 = 5;

/// Ports of DHCP (RFC 2131, RFC 8415).
pub(super) const DHCP_SERVER: u16 = 67;
pub(super) const DHCP_CLIENT: u16 = 68;
pub(super) const DHCP6_CLIENT: u16 = 546;
/// IPPROTO_UDP.
pub(super) const UDP: u8 = 17;

/// `127.0.0.0/8`, which never comes from a wire (RFC 1122).
pub(super) const LOOPBACK4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
/// `fe80::/10`, which is never forwarded (RFC 4291).
pub(super) const LINK_LOCAL6: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);

/// Multicast (RFC 5771), and all that is reserved above it with the broadcast address.
pub(super) const SEVERAL4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3);
/// Multicast alone.
pub(super) const MULTICAST4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4);
/// `ff00::/8`, multicast (RFC 4291).
pub(super) const MULTICAST6: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8);

/// A rule; those that refuse packets count them.
pub(super) fn rule(matches: Vec<Match>, action: impl Into<Action>, comment: &str) -> Rule {
    let action = action.into();
    let counter = matches!(action, Action::Verdict(Verdict::Drop) | Action::Reject);
    Rule {
        counter,
        ..Rule::new(matches, action, comment)
    }
}

pub(super) fn base(kind: ChainType, hook: Hook, priority: Priority) -> Option<Base> {
    Some(Base::accepting(kind, hook, priority))
}

/// Sets the guard's bit, which shows at the same hook that these rules are loaded.
pub(super) fn loaded(condition: Option<Match>, bit: u32) -> Rule {
    rule(
        condition.into_iter().collect(),
        Action::Mark(bit),
        purpose::LOADED,
    )
}

/// Whether the packet comes from one of the project's networks.
pub(super) fn nets(yes: bool) -> Match {
    member(Field::IifGroup, &sets::NETWORKS, yes)
}

/// The packet comes from a lan, of this project or of another one. Where all bridged packets pass the inet
/// hooks (net.bridge.bridge-nf-call-iptables), those of lans do as well.
pub(super) fn from_lan() -> Match {
    Match::FromGroups(mark::LAN_MARK)
}

pub(super) fn member(field: Field, set: &Definition, yes: bool) -> Match {
    match yes {
        true => within(&[field], set),
        false => Match::NotIn(vec![field], set.name.into()),
    }
}

/// The fields are in the set.
pub(super) fn within(fields: &[Field], set: &Definition) -> Match {
    Match::In(fields.to_vec(), set.name.into())
}

pub(super) fn icmp6(kind: u8) -> Match {
    Match::Is(Field::Icmp6Type, Value::Byte(kind))
}

fn ether(kind: u16) -> Match {
    Match::Is(Field::EtherType, Value::EtherType(kind))
}

/// A rule for each protocol: packets that belong to no tracked connection and begin none.
pub(super) fn mid_stream<'a>(
    before: &'a [Match],
    verdict: Verdict,
    comment: &'a str,
) -> impl Iterator<Item = Rule> + 'a {
    Stream::ALL.into_iter().map(move |stream| {
        let matches = [before, &[Match::MidStream(stream)]].concat();
        rule(matches, verdict.clone(), comment)
    })
}

pub(super) fn ipv4_frame() -> Match {
    ether(IPV4)
}

pub(super) fn ipv6_frame() -> Match {
    ether(IPV6)
}

pub(super) fn arp_frame() -> Match {
    ether(ARP)
}

/// Rules that jump to a chain with broadcast and multicast frames.
pub(super) fn to_several(chain: &str, comment: &str) -> impl Iterator<Item = Rule> {
    [BROADCAST, MULTICAST].into_iter().map(move |kind| {
        let condition = Match::Is(Field::PacketType, Value::Byte(kind));
        rule(vec![condition], Verdict::Jump(chain.into()), comment)
    })
}
