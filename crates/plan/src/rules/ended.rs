//! Connections that a RST ends before they were established, on bridges that routers connect.
//!
//! The kernel deletes such a connection at the RST (nf_conntrack_tcp_packet). A packet that a router
//! forwards from one bridge to another passes connection tracking on both: on the second, the RST
//! belongs to no connection. So it is noted on the first, where it is a reply, and passes on the second
//! only as that. A RST that was not noted is dropped like every packet without a connection.

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Action, Field, IpVersion, Match, Rule};

use super::pairs::addresses;
use super::parts::{rule, within};
use super::{purpose, sets};

/// As long as the kernel keeps other connections that a RST has ended
/// (net.netfilter.nf_conntrack_tcp_timeout_close).
const MILLIS: u64 = 10_000;

fn connection(version: IpVersion) -> [Field; 4] {
    let (from, to) = addresses(version);
    [from, to, Field::Sport, Field::Dport]
}

/// Rules that note a RST of a tracked connection.
pub(super) fn noted() -> [Rule; 2] {
    [IpVersion::V4, IpVersion::V6].map(|version| {
        let note = Match::Note {
            fields: connection(version).to_vec(),
            set: sets::ENDED.of(version).name.into(),
            millis: MILLIS,
        };
        rule(
            vec![Match::Established, Match::Reset, note],
            Action::Continue,
            purpose::ENDS,
        )
    })
}

/// Rules that accept it on its next bridge.
pub(super) fn again() -> [Rule; 2] {
    [IpVersion::V4, IpVersion::V6].map(|version| {
        let as_noted = within(&connection(version), sets::ENDED.of(version));
        let matches = vec![Match::Invalid, Match::Reset, as_noted];
        rule(matches, Verdict::Accept, purpose::ENDED)
    })
}
