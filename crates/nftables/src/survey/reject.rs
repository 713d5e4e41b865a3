//! What the sender of a rejected packet gets, by the code of the rule.

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
pub(super) fn of_nftables(kind: Option<u32>, code: Option<u8>, is_ipv4: bool) -> DropReply {
    match (kind, code) {
        (Some(TCP_RESET), _) => DropReply::Refused,
        (Some(ICMPX), Some(1)) => DropReply::Refused,
        (Some(ICMPX), Some(0 | 2)) => DropReply::Unreachable,
        (Some(ICMPX), _) => DropReply::Prohibited,
        (_, Some(code)) => of_icmp(code, is_ipv4),
        _ => DropReply::Prohibited,
    }
}

/// By the code of an ICMP error that the destination is unreachable (RFC 792, RFC 1812), or of the same
/// ICMPv6 error (RFC 4443).
fn of_icmp(code: u8, is_ipv4: bool) -> DropReply {
    match (is_ipv4, code) {
        (true, 3) | (false, 4) => DropReply::Refused,
        (true, 0..=2) | (false, 0 | 2 | 3) => DropReply::Unreachable,
        _ => DropReply::Prohibited,
    }
}

/// By the number in the target REJECT of iptables and ip6tables (linux/netfilter_ipv4/ipt_REJECT.h,
/// linux/netfilter_ipv6/ip6t_REJECT.h).
pub(super) fn of_iptables(with: Option<u32>, is_ipv4: bool) -> DropReply {
    match (is_ipv4, with) {
        (true, Some(3 | 7)) | (false, Some(4 | 6)) => DropReply::Refused,
        (true, Some(0..=2)) | (false, Some(0 | 2 | 3)) => DropReply::Unreachable,
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
        assert_eq!(of_nftables(Some(ICMPX), Some(1), true), Refused);
        assert_eq!(of_nftables(Some(TCP_RESET), None, false), Refused);
        assert_eq!(of_nftables(Some(ICMPX), Some(2), false), Unreachable);
        assert_eq!(of_nftables(Some(ICMPX), Some(3), true), Prohibited);
        // with icmp port-unreachable, net-unreachable; with icmpv6 admin-prohibited.
        assert_eq!(of_nftables(Some(0), Some(3), true), Refused);
        assert_eq!(of_nftables(Some(0), Some(0), true), Unreachable);
        assert_eq!(of_nftables(Some(0), Some(1), false), Prohibited);
        // --reject-with icmp-port-unreachable, tcp-reset; icmp6-adm-prohibited.
        assert_eq!(of_iptables(Some(3), true), Refused);
        assert_eq!(of_iptables(Some(6), false), Refused);
        assert_eq!(of_iptables(Some(1), false), Prohibited);
    }
}
