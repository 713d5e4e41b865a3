//! Expressions about answers of translated connections.

use crate::IpVersion;
use crate::expr::{Expr, PayloadBase, Reg};
use crate::wire::Writer;

/// An expression without a name in this crate, by its attributes in the kernel's order.
fn raw(name: &str, numbers: &[(u16, u32)], byte: Option<(u16, u8)>) -> Expr {
    let mut w = Writer::default();
    for (kind, number) in numbers {
        w.be32(*kind, *number);
    }
    if let Some((kind, byte)) = byte {
        w.u8(kind, byte);
    }
    Expr::Raw {
        name: name.to_owned(),
        attributes: w.finish().unwrap_or_default(), // never too long
    }
}

/// NFT_REG_1, the same as the first of 32 bits.
const REGISTER: u32 = 1;

/// NFT_CT_DIRECTION is IP_CT_DIR_REPLY.
pub(crate) fn is_answer() -> [Expr; 2] {
    let reply = Expr::Compare {
        reg: Reg(0),
        equal: true,
        data: vec![1],
    };
    [raw("ct", &[(1, REGISTER), (2, 1)], None), reply]
}

/// Loads NFT_CT_DST_IP or NFT_CT_DST_IP6 of IP_CT_DIR_ORIGINAL.
pub(crate) fn asked(version: IpVersion) -> Expr {
    let key = match version {
        IpVersion::V4 => 20,
        IpVersion::V6 => 22,
    };
    raw("ct", &[(1, REGISTER), (2, key)], Some((3, 0)))
}

/// Writes the source address, and corrects the checksums: in the header of IPv4 (NFT_PAYLOAD_CSUM_INET),
/// and of the protocol above (NFT_PAYLOAD_L4CSUM_PSEUDOHDR).
pub(crate) fn write_source(version: IpVersion) -> Expr {
    let (offset, length, kind, at) = match version {
        IpVersion::V4 => (12, 4, 1, 10),
        IpVersion::V6 => (8, 16, 0, 0),
    };
    let base = PayloadBase::Network as u32;
    let place = [(5, REGISTER), (2, base), (3, offset), (4, length)];
    let checksums = [(6, kind), (7, at), (8, 1)];
    raw("payload", &[&place[..], &checksums[..]].concat(), None)
}
