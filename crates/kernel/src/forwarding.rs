//! Entries of bridges: the port by which frames to a MAC address leave (linux/neighbour.h, family
//! AF_BRIDGE).

use hallway_nftables::print;

use crate::gate::{Operation, OperationKind};
use crate::link::AF_BRIDGE;
use crate::neighbour::{NDA_LLADDR, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH};
use crate::request::Request;
use crate::wire::{Attrs, Writer, u16_of, u32_of};
use crate::{Kernel, KernelError};

const NDA_MASTER: u16 = 9;
/// The entry is in the bridge itself, or in the bridge that the port belongs to.
const NTF_SELF: u8 = 0x02;
const NTF_MASTER: u8 = 0x04;
const NTF_EXT_LEARNED: u8 = 0x10;
const NTF_STICKY: u8 = 0x40;
const NUD_NOARP: u16 = 0x40;
const NUD_PERMANENT: u16 = 0x80;
/// How many answers the receive buffer of a socket certainly holds.
const AT_ONCE: usize = 32;

/// An entry of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardingInfo {
    /// The interface index of the port; of the bridge for frames that it receives itself.
    pub port: u32,
    /// The interface index of the bridge; none in an entry that a link itself has.
    pub bridge: Option<u32>,
    /// The MAC address.
    pub mac: [u8; 6],
    /// Frames to it are received here; the kernel makes such entries for the MAC addresses of the bridge
    /// and its ports.
    pub local: bool,
    /// It does not come from frames, or frames do not change it.
    pub fixed: bool,
}

/// Reads RTM_NEWNEIGH or RTM_DELNEIGH; none for what is not an entry of a bridge.
pub(crate) fn parse(body: &[u8]) -> Option<ForwardingInfo> {
    if body.first() != Some(&AF_BRIDGE) {
        return None;
    }
    let (state, flags) = (u16_of(body.get(8..)?)?, *body.get(10)?);
    let attrs = Attrs(body.get(12..)?);
    let local = state & NUD_PERMANENT != 0;
    Some(ForwardingInfo {
        port: u32_of(body.get(4..)?)?,
        bridge: attrs.find(NDA_MASTER).and_then(u32_of),
        mac: attrs.find(NDA_LLADDR)?.try_into().ok()?,
        local,
        fixed: local || state & NUD_NOARP != 0 || flags & (NTF_EXT_LEARNED | NTF_STICKY) != 0,
    })
}

/// struct ndmsg.
fn header(port: u32, flags: u8) -> [u8; 12] {
    let mut out = [0_u8; 12];
    out[0] = AF_BRIDGE;
    out[4..8].copy_from_slice(&port.to_ne_bytes());
    out[10] = flags;
    out
}

/// Removes the entry of a MAC address that leads to a port, or to the bridge itself.
#[must_use]
pub fn delete_forwarding(bridge: u32, port: u32, mac: [u8; 6]) -> Request {
    let flags = match bridge == port {
        true => NTF_SELF,
        false => NTF_MASTER,
    };
    let mut w = Writer::with_header(&header(port, flags));
    w.attr(NDA_LLADDR, &mac);
    Request {
        acts_on: OperationKind::Neighbour,
        kind: RTM_DELNEIGH,
        flags: 0,
        body: w.finish(),
        operation: "remove the entry of the bridge",
        object: print::mac(&mac),
    }
}

impl Kernel {
    /// The entries of these MAC addresses in bridges, given by interface index: those that exist. A list
    /// of all entries takes a time that grows with the square of the number of ports.
    ///
    /// # Errors
    /// EOPNOTSUPP before Linux 5.0.
    pub fn forwarding(
        &mut self,
        wanted: &[(u32, [u8; 6])],
    ) -> Result<Vec<ForwardingInfo>, KernelError> {
        const OPERATION: &str = "read the entries of the bridge";
        self.note_read(&Operation::new(OperationKind::Neighbour, OPERATION, ""));
        let request = |(bridge, mac): &(u32, [u8; 6])| {
            let mut w = Writer::with_header(&header(0, 0));
            w.u32(NDA_MASTER, *bridge);
            w.attr(NDA_LLADDR, mac);
            Request {
                acts_on: OperationKind::Neighbour,
                kind: RTM_GETNEIGH,
                flags: 0,
                body: w.finish(),
                operation: OPERATION,
                object: print::mac(mac),
            }
        };
        let channel = self.route()?;
        let mut out = Vec::new();
        for part in wanted.chunks(AT_ONCE) {
            let requests: Vec<Request> = part.iter().map(request).collect();
            for answer in channel.query_each(&requests)? {
                match answer {
                    Ok((RTM_NEWNEIGH, body)) => out.extend(parse(&body)),
                    Ok(_) => {}
                    Err(e) if e.is_not_found() => {}
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(out)
    }
}
