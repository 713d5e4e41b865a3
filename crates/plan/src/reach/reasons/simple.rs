//! Reasons that need only what dropped the packet.

use std::net::IpAddr;

use hallway_nftables::survey::DropReply;
use hallway_spec::Name;
use ipnet::IpNet;

use super::super::code::ReasonCode;
use super::super::host_rules::Diverted;
use super::super::packet::Flow;
use super::super::party::Party;
use super::super::path::{Location, OutcomeReason};
use super::super::walk::{Foreign, ForeignRule};
use super::builder::reason;
use crate::observed::Dropping;

/// Whether one of them has it depends on its programs.
pub(super) fn may_have(to: IpAddr, nodes: &[Name]) -> OutcomeReason {
    let nodes: Vec<&str> = nodes.iter().map(|n| n.as_ref()).collect();
    reason(
        ReasonCode::NeighbourUnreachable,
        format!(
            "{to} is not an address of the file; {} may have it (sources)",
            nodes.join(", ")
        ),
    )
    .help("hallway trace shows whether one of them has it")
}

/// What a rule inside a node makes of it.
pub(super) fn by_node(node: &Name, rule: &str) -> OutcomeReason {
    reason(
        ReasonCode::ForeignRule,
        format!("node {node} has rules of its own, and {rule} may translate it"),
    )
    .help("hallway reach and hallway trace test it")
}

pub(super) fn by_routing(node: &Name, by: &str) -> OutcomeReason {
    let text = format!(
        "node {node} has {by}, which is not of the file, and may send it elsewhere or drop it"
    );
    reason(ReasonCode::OtherRoute, text).help("hallway reach and hallway trace test it")
}

pub(super) fn reverse_path_filter(
    at: &Location,
    from: IpAddr,
    interface: &str,
    strict: bool,
) -> OutcomeReason {
    let at = match at {
        Location::Host => "the host".to_owned(),
        place => place.to_string(),
    };
    match strict {
        true => reason(
            ReasonCode::ReversePathFilter,
            format!(
                "{at} has no route back to {from} by {interface}, so rp_filter drops its packets"
            ),
        )
        .help(format!(
            "correct the route to {from} there, or set net.ipv4.conf.*.rp_filter to 2"
        )),
        false => reason(
            ReasonCode::ReversePathFilter,
            format!("{at} has no route back to {from}, so rp_filter drops its packets"),
        )
        .help(format!("give it a route to {from}")),
    }
}

pub(super) fn no_addresses(node: &Party) -> OutcomeReason {
    reason(ReasonCode::NoCommonFamily, format!("{node} has no address"))
        .help("put it on a network, or connect it to a node by a link with addresses")
}

pub(super) fn past_host(network: &Name) -> OutcomeReason {
    reason(
        ReasonCode::PastHost,
        format!("nodes of network {network} have macvlan interfaces: the kernel passes no packets between those and the host by their parent"),
    )
    .help("give the node a second network that the host is on")
}

pub(super) fn by_route_of_others(diverted: &Diverted) -> OutcomeReason {
    let text = format!("the host sends it elsewhere, {diverted}");
    reason(ReasonCode::Diverted, text).help(diverted.remedy())
}

/// A rule of another program removes bits of the mark.
pub(super) fn by_unmarking(rule: &ForeignRule) -> OutcomeReason {
    let words = &rule.words;
    reason(
        ReasonCode::LostMark,
        format!(
            "{words}, which is not hallway's, sets the whole mark of the packet: hallway's guard drops packets without the bits of hallway's rules"
        ),
    )
    .help(rule.help.clone())
}

/// A route of the host's table main, for which other programs are responsible.
pub(super) fn by_dropping_route(net: &IpNet, how: Dropping) -> OutcomeReason {
    let kind = how.word();
    let ip = if net.addr().is_ipv6() { "ip -6" } else { "ip" };
    reason(
        ReasonCode::DroppingRoute,
        format!("the host's route to {net} is of the kind {kind}, which drops packets"),
    )
    .help(format!("{ip} route del {kind} {net}"))
}

pub(super) fn no_carrier(link: &str, to: IpAddr) -> OutcomeReason {
    reason(
        ReasonCode::NoCarrier,
        format!("the host sends packets to {to} by {link}, which has no carrier"),
    )
    .help(format!(
        "connect {link}, or add a route to {to} by another link"
    ))
}

pub(super) fn by_foreign(foreign: &Foreign) -> OutcomeReason {
    let what = match &foreign.rule {
        Some(rule) => format!("the rule: {rule}"),
        None => "the chain's policy".to_owned(),
    };
    let (chain, table) = (&foreign.chain, &foreign.table);
    let does = match foreign.reply {
        DropReply::None => "drops",
        DropReply::Prohibited | DropReply::Refused | DropReply::Unreachable => "rejects",
    };
    reason(
        ReasonCode::ForeignRule,
        format!("chain {chain} of table {table}, which is not hallway's, {does} it by {what}"),
    )
    .help(foreign.help.clone())
}

/// A route that is not hallway's leads elsewhere.
pub(super) fn own_route(node: &Name, to: &IpNet, interface: &str) -> OutcomeReason {
    reason(
        ReasonCode::OtherRoute,
        format!("node {node} sends it by {interface}, which is not hallway's, since its namespace has a route to {to} there"),
    )
    .help("what happens there is not predicted")
}

/// The reply is not one to the request.
pub(super) fn mismatch(flow: &Flow, asked: Option<IpAddr>) -> OutcomeReason {
    if Some(flow.from) != asked {
        return reason(
            ReasonCode::Asymmetric,
            format!("the reply does not come from the address that the request went to ({flow})"),
        );
    }
    reason(
        ReasonCode::Asymmetric,
        "the reply takes another path than the request; the host tracks it as a new connection and changes its source port",
    )
    .help("give the server a route to the client by the host")
}
