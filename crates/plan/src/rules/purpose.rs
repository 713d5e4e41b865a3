//! What rules are for: the comments that identify them, in the kernel and in explanations. A
//! policy's rules are identified by the number of the policy instead.

/// Members of one network.
pub const INSIDE: &str = "inside a network";
/// From a network that is not internal.
pub const EGRESS: &str = "to outside";
/// Through a published port.
pub const PUBLISHED: &str = "published ports";
/// Packets that no rule before has decided.
pub const DEFAULT: &str = "default: no policy allows it";
/// The same for packets to the host itself.
pub const HOST_DEFAULT: &str = "default: nodes do not reach the host's services";
/// From an internal or an `outside` network, by a router of the project.
pub const KEPT: &str = "from a network that does not reach outside";
/// A router sends it on with the address of another node: conntrack has seen the connection on the bridge
/// before, and does not translate it any more.
pub const UNTRANSLATED: &str = "not translated, since it passed a bridge before";
/// To the host's own address on a network, where published ports are reached and nothing else.
pub const GATEWAY: &str = "the host's own address";
/// Routed to a node's own address from outside.
pub const DIRECT: &str = "into a network by routing";
/// A source address that is not the sender's.
pub const SPOOFED: &str = "spoofed source address";
/// To an address that the node at the port does not have.
pub const NOT_ADDRESSEE: &str = "to an address that the node does not have";
/// Routed to an address of a network that none of its nodes has.
pub const UNUSED_ADDRESS: &str = "no node has the address";
/// It is on a lan, which the host is not on.
pub const LAN: &str = "to or from a lan";
/// An ICMP error about a packet that its sender has not received.
pub const QUOTED: &str = "ICMP error that quotes a packet to another node";
/// An ICMPv6 error about a packet that may have a further destination in its headers.
pub const QUOTED_HEADERS: &str = "ICMP error that quotes a packet with other headers";
/// An ICMP error from outside that any machine could have sent.
pub const OUTSIDE_ERROR: &str = "ICMP error from outside about a published port";
/// The sender has as many connections as it may have.
pub const SHARE: &str = "too many connections of one node: limits.connections";
/// The sender opens connections faster than it may: closed ones are in the host's table for minutes.
pub const OPENED: &str = "too many new connections of one node: limits.connections";
/// It belongs to no connection of conntrack.
pub const INVALID: &str = "belongs to no connection";
/// It ends a connection that conntrack then deletes.
pub const ENDS: &str = "ends a connection";
/// The same packet on its next bridge.
pub const ENDED: &str = "ended a connection on the bridge before";
/// A connection of TCP that was ended does not go on from its other end.
pub const MID_STREAM: &str = "in the middle of a connection that is not tracked";
/// Echo requests to the host.
pub const PING: &str = "ping";
/// In a router: what it forwards by an interface that masquerades.
pub const ROUTER: &str = "by this interface with its address";
/// The rules that decide are missing.
pub const UNDECIDED: &str = "no rule has decided";
/// The host reaches its nodes, unless a policy denies it.
pub const FROM_HOST: &str = "the host reaches its nodes";
/// It came from none of the project's nodes.
pub const NOT_OURS: &str = "not from nodes of the project";

/// Between links of other programs, of which the first forwards only because of hallway.
pub const FOREIGN: &str = "not forwarded without hallway";

/// The guard may let the packet pass.
pub const LOADED: &str = "for the guard: these rules are loaded";
/// In the guard: the packet has not passed the project's own rules.
pub const UNGUARDED: &str = "the project's own rules are not loaded";
/// In the guard: the bit is only for the guard.
pub const SEEN: &str = "passed by the project's own rules";

/// The index of the policy a rule's comment names.
#[must_use]
pub fn policy_of(comment: &str) -> Option<usize> {
    let number = comment.strip_prefix("policy ")?.split(' ').next()?;
    number.parse::<usize>().ok()?.checked_sub(1)
}

/// The comment of a policy's rules: its number from 1. No comment contains a place in the file: it is
/// another one after a command that writes the text on record, and the filter is the same.
#[must_use]
pub fn policy(number: usize) -> String {
    format!("policy {number}")
}
