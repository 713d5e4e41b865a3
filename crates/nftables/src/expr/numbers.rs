//! Numbers of the kernel in attributes of expressions (linux/netfilter/nf_tables.h, nf_nat.h).

pub(super) const NFT_META_MARK: u32 = 3;
pub(super) const NFT_META_NFTRACE: u32 = 12;
pub(super) const NFT_NAT_DNAT: u32 = 1;
pub(super) const NF_NAT_RANGE_MAP_IPS: u32 = 1;
pub(super) const NF_NAT_RANGE_PROTO_SPECIFIED: u32 = 2;
pub(super) const NF_NAT_RANGE_PROTO_RANDOM_FULLY: u32 = 16;
pub(super) const NFT_REJECT_ICMPX_UNREACH: u32 = 2;
pub(super) const NFT_REJECT_ICMPX_ADMIN_PROHIBITED: u8 = 3;
pub(super) const NFT_BYTEORDER_HTON: u32 = 1;
pub(super) const NFT_FIB_RESULT_ADDRTYPE: u32 = 3;
pub(super) const NFT_SOCKET_WILDCARD: u32 = 2;
pub(super) const NFTA_FIB_F_DADDR: u32 = 2;
pub(super) const NFT_CMP_EQ: u32 = 0;
pub(super) const NFT_CMP_NEQ: u32 = 1;
pub(super) const NFT_LOOKUP_F_INV: u32 = 1;
pub(super) const NFT_DYNSET_OP_ADD: u32 = 0;
pub(super) const NFT_DYNSET_OP_UPDATE: u32 = 1;
pub(super) const NFT_DYNSET_F_EXPR: u32 = 2;
pub(super) const NFT_CONNLIMIT_F_INV: u32 = 1;
pub(super) const NFT_LIMIT_PKTS: u32 = 0;
pub(super) const NFT_LIMIT_F_INV: u32 = 1;
