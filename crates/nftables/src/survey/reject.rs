//! What the sender of a rejected packet gets, by the code of the rule.

use crate::IpVersion::{self, V4, V6};

/// What the sender of a packet that is dropped gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReply {
    /// Nothing.
    None,
    /// An ICMP error: prohibited by an administrator.
    Prohibited,
    /// A reset of TCP, or an ICMP error: the port is unreachable.
    Refused,
    /// Another ICMP error: there is no route to the host.
    Unreachable,
}

/// Types of `reject` (linux/netfilter/nf_tables.h).
const TCP_RESET: u32 = 1;
const ICMPX: u32 = 2;

/// By type and code of `reject` in nf_tables.
pub(super) fn of_nftables(kind: Option<u32>, code: Option<u8>, version: IpVersion) -> DropReply {
    match (kind, code) {
        (Some(TCP_RESET), _) => DropReply::Refused,
        (Some(ICMPX), Some(1)) => DropReply::Refused,
        (Some(ICMPX), Some(0 | 2)) => DropReply::Unreachable,
        (Some(ICMPX), _) => DropReply::Prohibited,
        (_, Some(code)) => of_icmp(code, version),
        _ => DropReply::Prohibited,
    }
}

/// By the code of an ICMP error that the destination is unreachable (RFC 792, RFC 1812), or of the same
/// ICMPv6 error (RFC 4443).
fn of_icmp(code: u8, version: IpVersion) -> DropReply {
    match (version, code) {
        (V4, 3) | (V6, 4) => DropReply::Refused,
        (V4, 0..=2) | (V6, 0 | 2 | 3) => DropReply::Unreachable,
        _ => DropReply::Prohibited,
    }
}

/// By the number in the target REJECT of iptables and ip6tables (linux/netfilter_ipv4/ipt_REJECT.h,
/// linux/netfilter_ipv6/ip6t_REJECT.h).
pub(super) fn of_iptables(with: Option<u32>, version: IpVersion) -> DropReply {
    match (version, with) {
        (V4, Some(3 | 7)) | (V6, Some(4 | 6)) => DropReply::Refused,
        (V4, Some(0..=2)) | (V6, Some(0 | 2 | 3)) => DropReply::Unreachable,
        _ => DropReply::Prohibited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_of_a_rejected_packet() {
        use DropReply::{Prohibited, Refused, Unreachable};
        // reject; with tcp reset; with icmpx host-unreachable, admin-prohibited.
        assert_eq!(of_nftables(Some(ICMPX), Some(1), V4), Refused);
        assert_eq!(of_nftables(Some(TCP_RESET), None, V6), Refused);
        assert_eq!(of_nftables(Some(ICMPX), Some(2), V6), Unreachable);
        assert_eq!(of_nftables(Some(ICMPX), Some(3), V4), Prohibited);
        // with icmp port-unreachable, net-unreachable; with icmpv6 admin-prohibited.
        assert_eq!(of_nftables(Some(0), Some(3), V4), Refused);
        assert_eq!(of_nftables(Some(0), Some(0), V4), Unreachable);
        assert_eq!(of_nftables(Some(0), Some(1), V6), Prohibited);
        // --reject-with icmp-port-unreachable, tcp-reset; icmp6-adm-prohibited.
        assert_eq!(of_iptables(Some(3), V4), Refused);
        assert_eq!(of_iptables(Some(6), V6), Refused);
        assert_eq!(of_iptables(Some(1), V6), Prohibited);
    }
}
