//! Numbers of nf_tables messages and their attributes (linux/netfilter/nf_tables.h).

/// The netfilter subsystem in a message's type (NFNL_SUBSYS_NFTABLES).
pub const SUBSYSTEM: u16 = 10 << 8;

/// NFT_MSG_*: types of messages.
pub const NEWTABLE: u16 = 0;
/// NFT_MSG_GETTABLE.
pub const GETTABLE: u16 = 1;
/// NFT_MSG_DELTABLE.
pub const DELTABLE: u16 = 2;
/// NFT_MSG_NEWCHAIN.
pub const NEWCHAIN: u16 = 3;
/// NFT_MSG_GETCHAIN.
pub const GETCHAIN: u16 = 4;
/// NFT_MSG_NEWRULE.
pub const NEWRULE: u16 = 6;
/// NFT_MSG_DELRULE.
pub const DELRULE: u16 = 8;
/// NFT_MSG_GETRULE.
pub const GETRULE: u16 = 7;
/// NFT_MSG_NEWSET.
pub const NEWSET: u16 = 9;
/// NFT_MSG_GETSET.
pub const GETSET: u16 = 10;
/// NFT_MSG_NEWSETELEM.
pub const NEWSETELEM: u16 = 12;
/// NFT_MSG_GETSETELEM.
pub const GETSETELEM: u16 = 13;
/// NFT_MSG_DELSETELEM.
pub const DELSETELEM: u16 = 14;
/// NFT_MSG_TRACE.
pub const TRACE: u16 = 17;

/// NFT_TABLE_F_OWNER.
pub(crate) const TABLE_OWNER: u32 = 0x2;
/// NFT_SET_ANONYMOUS.
pub(crate) const SET_ANONYMOUS: u32 = 0x1;
/// NFT_SET_INTERVAL.
pub(crate) const SET_INTERVAL: u32 = 0x4;
/// NFT_SET_MAP.
pub(crate) const SET_MAP: u32 = 0x8;
/// NFT_SET_TIMEOUT.
pub(crate) const SET_TIMEOUT: u32 = 0x10;
/// NFT_SET_EVAL.
pub(crate) const SET_EVAL: u32 = 0x20;
/// NFT_SET_CONCAT.
pub(crate) const SET_CONCAT: u32 = 0x80;
/// NFT_SET_ELEM_INTERVAL_END.
pub(crate) const ELEMENT_INTERVAL_END: u32 = 1;
/// NFT_SET_ELEM_CATCHALL.
pub(crate) const ELEMENT_CATCH_ALL: u32 = 2;

/// The body of a request for the list of the content of a table, a chain or a set: the family, and
/// names by attribute.
///
/// # Errors
/// When a name is too long for an attribute.
pub fn request(
    family: crate::Family,
    names: &[(u16, &str)],
) -> Result<Vec<u8>, crate::wire::AttributeTooLong> {
    let mut w = crate::wire::Writer::with_header(&[family.number(), 0, 0, 0]);
    for (kind, name) in names {
        w.str(*kind, name);
    }
    w.finish()
}
