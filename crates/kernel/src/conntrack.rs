//! Connections the kernel tracks (linux/netfilter/nfnetlink_conntrack.h): listed and forgotten.

use std::net::IpAddr;

use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;

use crate::KernelError;
use crate::rtnl::{dump_once, first_error, open_socket};
use crate::wire::{self, Attrs, Writer, address_of, be16_of};

const SUBSYSTEM: u16 = 1 << 8;
const IPCTNL_MSG_CT_GET: u16 = 1;
const IPCTNL_MSG_CT_DELETE: u16 = 2;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_PROTOINFO: u16 = 4;
const CTA_ID: u16 = 12;
const CTA_ZONE: u16 = 18;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const NLM_F_REQUEST_ACK: u16 = 1 | 4;
const NESTED: u16 = 1 << 15;

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    /// Source.
    pub from: IpAddr,
    /// Destination.
    pub to: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// 0 where there are no ports.
    pub source_port: u16,
    /// 0 where there are no ports.
    pub port: u16,
}

/// A tracked connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// As its first packet was sent.
    pub original: Tuple,
    /// As replies come; differs from the mirror image of `original` where NAT is at work.
    pub reply: Tuple,
    /// The state of a TCP connection, as `conntrack -L` prints it; empty for other protocols.
    pub state: &'static str,
    family: u8,
    key: Vec<(u16, Vec<u8>)>,
}

fn tuple(bytes: &[u8]) -> Option<Tuple> {
    let attrs = Attrs(bytes);
    let ip = attrs.find(CTA_TUPLE_IP)?;
    let mut addresses = Attrs(ip).filter_map(|(kind, value)| Some((kind, address_of(value)?)));
    let (_, from) = addresses.next()?;
    let (_, to) = addresses.next()?;
    let proto = Attrs(attrs.find(CTA_TUPLE_PROTO)?);
    let port = |kind| proto.find(kind).and_then(be16_of).unwrap_or(0);
    Some(Tuple {
        from,
        to,
        protocol: *proto.find(1)?.first()?,
        source_port: port(2),
        port: port(3),
    })
}

fn parse(body: &[u8]) -> Option<Flow> {
    let attrs = Attrs(body.get(4..)?);
    let original = attrs.find(CTA_TUPLE_ORIG)?;
    let mut key = vec![(CTA_TUPLE_ORIG | NESTED, original.to_vec())];
    for kind in [CTA_ID, CTA_ZONE] {
        key.extend(attrs.find(kind).map(|v| (kind, v.to_vec())));
    }
    Some(Flow {
        original: tuple(original)?,
        reply: tuple(attrs.find(CTA_TUPLE_REPLY)?)?,
        state: tcp_state(attrs).unwrap_or_default(),
        family: *body.first()?,
        key,
    })
}

/// CTA_PROTOINFO_TCP_STATE (enum tcp_conntrack).
fn tcp_state(attrs: Attrs<'_>) -> Option<&'static str> {
    let tcp = Attrs(attrs.find(CTA_PROTOINFO)?).find(1)?;
    let state = *Attrs(tcp).find(1)?.first()?;
    Some(match state {
        1 => "SYN_SENT",
        2 => "SYN_RECV",
        3 => "ESTABLISHED",
        4 => "FIN_WAIT",
        5 => "CLOSE_WAIT",
        6 => "LAST_ACK",
        7 => "TIME_WAIT",
        8 => "CLOSE",
        9 => "SYN_SENT2",
        _ => "NONE",
    })
}

/// A conntrack socket.
#[derive(Debug)]
pub struct Conntrack {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Conntrack {
    /// Opens a socket.
    ///
    /// # Errors
    /// When the kernel has no conntrack.
    pub fn open() -> Result<Self, KernelError> {
        Ok(Self {
            socket: open_socket(NETLINK_NETFILTER)?,
            sequence: 0,
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Every connection. A list cut by a change under way is still used: what was missed is newer
    /// than the change it is read for.
    ///
    /// # Errors
    /// The kernel's.
    pub fn flows(&mut self) -> Result<Vec<Flow>, KernelError> {
        self.sequence += 1;
        let mut out = Vec::new();
        let kind = (SUBSYSTEM | IPCTNL_MSG_CT_GET, self.sequence);
        dump_once(
            &self.socket,
            &mut self.buffer,
            kind,
            &[0; 4],
            "list the connections",
            &mut out,
        )?;
        Ok(out.iter().filter_map(|(_, body)| parse(body)).collect())
    }

    /// Forgets a connection; one that has ended meanwhile is fine.
    ///
    /// # Errors
    /// The kernel's.
    pub fn delete(&mut self, flow: &Flow) -> Result<(), KernelError> {
        self.sequence += 1;
        let mut w = Writer::with_header(&[flow.family, 0, 0, 0]);
        for (kind, value) in &flow.key {
            w.attr(*kind, value);
        }
        let operation = "forget a connection";
        let body = w
            .as_bytes()
            .map_err(|e| KernelError::too_long(operation, "", e))?;
        let mut bytes = Vec::new();
        let kind = SUBSYSTEM | IPCTNL_MSG_CT_DELETE;
        wire::message(&mut bytes, kind, NLM_F_REQUEST_ACK, self.sequence, body);
        self.socket
            .send(&bytes, 0)
            .map_err(|e| KernelError::io(operation, "", &e))?;
        match first_error(
            &self.socket,
            &mut self.buffer,
            (self.sequence, self.sequence),
        )? {
            Some((_, errno, detail)) => {
                let error = KernelError {
                    operation,
                    object: String::new(),
                    errno,
                    detail,
                };
                if error.is_not_found() {
                    Ok(())
                } else {
                    Err(error)
                }
            }
            None => Ok(()),
        }
    }
}
