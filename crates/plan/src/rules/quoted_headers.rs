//! ICMPv6 errors about packets with further destinations in their headers.

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Chain, Field, Match, Rule, Value};

use super::parts::{member, rule};
use super::{purpose, sets};

/// The chain of the inet table.
const CHAIN: &str = "quoted_headers";
/// IPPROTO_ICMPV6.
const ICMP6: u8 = 58;
/// Headers after which, in a packet of IPv6, there may be a routing header (RFC 8200, section 4.1), and that
/// itself: hop-by-hop options, routing, authentication, destination options, mobility.
const BEFORE_ROUTING: [u8; 5] = [0, 43, 51, 60, 135];
/// IPPROTO_FRAGMENT.
const FRAGMENT: u8 = 44;
/// What a fragment of a usual packet has: TCP, UDP, ICMPv6, SCTP.
const FRAGMENTED: [u8; 4] = [6, 17, ICMP6, 132];

/// An error about a packet with a routing header is given to the socket of that header's last address, not of the
/// destination that the chain compares.
pub(super) fn dropped() -> Vec<Rule> {
    let of = |next: u8| {
        vec![
            Match::Is(Field::L4Proto, Value::Proto(ICMP6)),
            Match::Is(Field::QuotedNext6, Value::bytes(&[next])),
        ]
    };
    let mut quoted: Vec<_> = BEFORE_ROUTING.into_iter().map(of).collect();
    let mut fragment = of(FRAGMENT);
    fragment.extend(
        FRAGMENTED.map(|next| Match::IsNot(Field::QuotedFragmentNext6, Value::bytes(&[next]))),
    );
    quoted.push(fragment);
    let drop = |matches| rule(matches, Verdict::Drop, purpose::QUOTED_HEADERS);
    quoted.into_iter().map(drop).collect()
}

/// The chain for packets that pass the host.
pub(super) fn chain() -> Chain {
    Chain {
        name: CHAIN.into(),
        base: None,
        rules: dropped(),
    }
}

/// The rule that jumps there.
pub(super) fn jump() -> Rule {
    rule(
        vec![member(Field::Icmp6Type, &sets::ERRORS6, true)],
        Verdict::Jump(CHAIN.into()),
        "ICMP error",
    )
}
