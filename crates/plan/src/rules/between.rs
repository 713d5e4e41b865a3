//! Frames that a bridge passes from one of its ports to another.

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Chain, ChainType, Field, Hook, IpVersion, Match, Priority, Rule, Value};

use super::parts::{
    MULTICAST6, NEIGHBOR_ADVERT, NEIGHBOR_SOLICIT, SEVERAL4, arp_frame, base, icmp6, ipv4_frame,
    ipv6_frame, member, rule, to_several,
};
use super::purpose;
use super::sets::{BRIDGE_PORTS, BROADCASTS, PORT_ADDRESSES, TRANSIT};

/// Where most filters of the bridge family are (NF_BR_PRI_FILTER_BRIDGED,
/// linux/netfilter_bridge.h): before the frame passes the inet hooks.
const FILTER_BRIDGED: Priority = Priority(-200);

/// The hook, and the chain of policies for frames to several members.
pub(super) fn chains(to_many: Vec<Rule>) -> [Chain; 2] {
    let hook = Chain {
        name: "between_ports".into(),
        base: base(ChainType::Filter, Hook::Forward, FILTER_BRIDGED),
        rules: to_one(),
    };
    let mut rules = vec![rule(vec![arp_frame()], Verdict::Accept, "ARP")];
    for kind in [NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT] {
        rules.push(rule(
            vec![icmp6(kind)],
            Verdict::Accept,
            "neighbour discovery",
        ));
    }
    rules.extend(to_many);
    let to_many = Chain {
        name: "to_many".into(),
        base: None,
        rules: [rules, vec![rule(vec![], Verdict::Accept, purpose::INSIDE)]].concat(),
    };
    [to_many, hook]
}

/// What a bridge sends to one port must be for an address of that node, or for a router.
fn to_one() -> Vec<Rule> {
    use Field::{IifName, Ip4Daddr, Ip6Daddr, OifName};
    let not_ours = |field| {
        rule(
            vec![member(field, &BRIDGE_PORTS, false)],
            Verdict::Accept,
            "not a port of the project",
        )
    };
    let of_several = |matches| {
        rule(
            matches,
            Verdict::Drop,
            "multicast packet in a unicast frame",
        )
    };
    let elsewhere = |frame, field, version| {
        let set = PORT_ADDRESSES.of(version).name.into();
        let condition = Match::NotIn(vec![OifName, field], set);
        rule(
            vec![frame, condition],
            Verdict::Drop,
            purpose::NOT_ADDRESSEE,
        )
    };
    let mut rules = vec![not_ours(IifName), not_ours(OifName)];
    rules.extend(to_several("to_many", "multicast or broadcast"));
    rules.extend([
        of_several(vec![
            ipv4_frame(),
            Match::Is(Ip4Daddr, Value::V4Net(SEVERAL4)),
        ]),
        of_several(vec![ipv4_frame(), member(Ip4Daddr, &BROADCASTS, true)]),
        of_several(vec![
            ipv6_frame(),
            Match::Is(Ip6Daddr, Value::V6Net(MULTICAST6)),
        ]),
        rule(
            vec![member(OifName, &TRANSIT, true)],
            Verdict::Return,
            "to a router",
        ),
        elsewhere(ipv4_frame(), Ip4Daddr, IpVersion::V4),
        elsewhere(ipv6_frame(), Ip6Daddr, IpVersion::V6),
    ]);
    rules
}
