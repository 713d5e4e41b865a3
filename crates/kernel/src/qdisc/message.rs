//! Numbers and the header of messages about queueing disciplines (linux/rtnetlink.h).

pub(crate) const RTM_NEWQDISC: u16 = 36;
pub(crate) const RTM_DELQDISC: u16 = 37;
pub(super) const TCA_KIND: u16 = 1;
pub(super) const TCA_OPTIONS: u16 = 2;
pub(super) const TC_H_ROOT: u32 = 0xffff_ffff;

/// struct tcmsg.
pub(super) fn header(index: u32, parent: u32) -> [u8; 20] {
    let mut out = [0_u8; 20];
    out[4..8].copy_from_slice(&index.to_ne_bytes());
    out[12..16].copy_from_slice(&parent.to_ne_bytes());
    out
}
