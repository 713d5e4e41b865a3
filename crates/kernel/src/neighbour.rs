//! Neighbours: who has which address on a link, as far as the kernel has found out (linux/neighbour.h).

use std::net::IpAddr;

use crate::KernelError;
use crate::rtnl::Rtnl;
use crate::wire::{Attrs, address_of, u16_of, u32_of};

const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
const NDA_DST: u16 = 1;
const NUD_INCOMPLETE: u16 = 0x01;
const NUD_FAILED: u16 = 0x20;

/// A neighbour as the kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighbourInfo {
    /// Interface index.
    pub interface: u32,
    /// Its address.
    pub address: IpAddr,
    /// Nobody has answered for the address, or not yet.
    pub unanswered: bool,
}

impl Rtnl {
    /// Every neighbour of the namespace.
    ///
    /// # Errors
    /// When the list could not be read whole.
    pub fn neighbours(&mut self) -> Result<Vec<NeighbourInfo>, KernelError> {
        let mut out = Vec::new();
        let what = "list the neighbours";
        self.dump(RTM_GETNEIGH, &[0; 12], what, |kind, body| {
            if kind == RTM_NEWNEIGH {
                out.extend(parse(body));
            }
        })?;
        Ok(out)
    }
}

/// struct ndmsg and its attributes.
fn parse(body: &[u8]) -> Option<NeighbourInfo> {
    let state = u16_of(body.get(8..)?)?;
    Some(NeighbourInfo {
        interface: u32_of(body.get(4..)?)?,
        address: Attrs(body.get(12..)?).find(NDA_DST).and_then(address_of)?,
        unanswered: state & (NUD_INCOMPLETE | NUD_FAILED) != 0,
    })
}
