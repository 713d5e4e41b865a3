//! Watching packets go through the packet filter (NFT_MSG_TRACE): a table of our own marks those
//! that are to be watched, and the kernel then reports every rule that has a say.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::expr::{Expr, Meta, PayloadBase, Reg};
use super::transaction::{Base, ChainSpec, Hook, Transaction};
use super::{Family, Nft, SUBSYSTEM};
use crate::KernelError;
use crate::packet::Ip;
use crate::rtnl::open_socket;
use crate::wire::{Attrs, Messages, be64_of, string_of};

const NFT_MSG_TRACE: u16 = 17;
/// NFNLGRP_NFTRACE.
const GROUP: u32 = 9;
/// Before everything else that filters.
const FIRST: i32 = -1000;
/// Reports wait here until they are read.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Packets to watch: all conditions that are given must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// Source address.
    pub from: Option<IpAddr>,
    /// Destination address.
    pub to: Option<IpAddr>,
    /// IP protocol number.
    pub protocol: u8,
    /// Source port.
    pub source_port: Option<u16>,
    /// Destination port.
    pub port: Option<u16>,
    /// The IP version is 4.
    pub v4: bool,
}

/// What the kernel reports of one packet at one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEvent {
    /// The same for all reports of a packet.
    pub id: u32,
    /// Family number of the table.
    pub family: u8,
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// What it is about.
    pub kind: TraceKind,
    /// What was said.
    pub verdict: TraceVerdict,
    /// The packet, where the report quotes it: the first of each base chain does.
    pub packet: Option<Ip>,
    /// The index of the interface it came in by; 0 for none.
    pub iif: u32,
    /// The index of the interface it leaves by; 0 while that is not known.
    pub oif: u32,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceKind {
    /// A rule matched: its handle.
    Rule(u64),
    /// The end of a chain's rules is reached; said before what follows from that.
    End,
    /// A chain that was jumped to has come to its end.
    Return,
    /// A base chain has come to its end: its policy decides.
    Policy,
}

/// What was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TraceVerdict {
    Accept,
    Drop,
    /// On to the next rule.
    Continue,
    Return,
    /// Into another chain (jump or goto).
    Jump,
    /// To a program (queue), or taken over.
    Stolen,
}

/// Marks packets and hears what becomes of them, in one network namespace, as long as it lives:
/// its table belongs to its socket (NFT_TABLE_F_OWNER), and goes with it, however that ends.
#[derive(Debug)]
pub struct Trace {
    _owner: Nft,
    events: Socket,
    buffer: Vec<u8>,
}

impl Trace {
    /// Begins to watch, in the calling thread's namespace.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN; EOPNOTSUPP where a kernel does not know of owned tables.
    pub fn begin(watched: &[Watched]) -> Result<Self, KernelError> {
        let events = open_socket(NETLINK_NETFILTER)?;
        let failed = |e: std::io::Error| KernelError::io("listen for nf_tables traces", "", &e);
        events.add_membership(GROUP).map_err(failed)?;
        events.set_non_blocking(true).map_err(failed)?;
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(&events, RECEIVE_BUFFER).is_err()
        {
            let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&events, RECEIVE_BUFFER);
        }
        let mut owner = Nft::open()?;
        // No two sockets of a namespace have the same port: the table's name is nobody else's.
        let name = owner.port()?.to_string();
        owner.commit(&table(&name, watched))?;
        Ok(Self {
            _owner: owner,
            events,
            buffer: vec![0; 64 * 1024],
        })
    }

    /// The next reports; none when none came in time.
    ///
    /// # Errors
    /// When the socket cannot be read.
    pub fn events(&mut self, timeout: Duration) -> Result<Vec<TraceEvent>, KernelError> {
        let limit = Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&self.events, PollFlags::IN)];
        poll(&mut fds, Some(&limit)).ok(); // interrupted: looked at all the same
        let mut out = Vec::new();
        loop {
            match self.events.recv(&mut self.buffer.as_mut_slice(), 0) {
                Ok(length) => {
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    out.extend(
                        Messages(bytes)
                            .filter(|m| m.kind == SUBSYSTEM | NFT_MSG_TRACE)
                            .filter_map(|m| parse(m.body)),
                    );
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Ok(out),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                // More came than could be read: the rest is there.
                Err(e) if e.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {}
                Err(e) => return Err(KernelError::io("listen for nf_tables traces", "", &e)),
            }
        }
    }
}

impl AsFd for Trace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

/// Family numbers by which a table of ours is known again among the reports: it reports itself.
#[must_use]
pub fn is_watching(table: &str) -> bool {
    table.starts_with(PREFIX)
}

/// No project's table is called like that: names have no colon.
const PREFIX: &str = "hallway:trace:";

fn table(name: &str, watched: &[Watched]) -> Transaction {
    let table = format!("{PREFIX}{name}");
    let mut out = Transaction::new();
    for (family, hooks) in [
        (Family::Inet, &[Hook::Prerouting, Hook::Output][..]),
        (Family::Bridge, &[Hook::Prerouting]),
    ] {
        out.add_owned_table(family, &table);
        for hook in hooks {
            let chain = match hook {
                Hook::Output => "output",
                _ => "prerouting",
            };
            let base = Base {
                nat: false,
                hook: *hook,
                priority: FIRST,
            };
            out.add_chain(
                family,
                &table,
                &ChainSpec {
                    name: chain,
                    base: Some(base),
                },
            );
            for one in watched {
                out.add_rule(family, (&table, chain), &marking(one, family), "watched");
            }
        }
    }
    out
}

fn marking(watched: &Watched, family: Family) -> Vec<Expr> {
    let mut out = Vec::new();
    let reg = Reg(0);
    let mut equal = |load: Expr, data: Vec<u8>| {
        out.push(load);
        out.push(Expr::Compare {
            reg,
            equal: true,
            data,
        });
    };
    let payload = |base, offset, length| Expr::Payload {
        base,
        offset,
        length,
        to: reg,
    };
    match family {
        Family::Inet => equal(
            Expr::Meta {
                key: Meta::NfProto,
                to: reg,
            },
            vec![if watched.v4 { 2 } else { 10 }],
        ),
        Family::Bridge => {
            let ethertype: u16 = if watched.v4 { 0x0800 } else { 0x86dd };
            equal(
                payload(PayloadBase::Link, 12, 2),
                ethertype.to_be_bytes().to_vec(),
            );
        }
    }
    equal(
        Expr::Meta {
            key: Meta::L4Proto,
            to: reg,
        },
        vec![watched.protocol],
    );
    let (source, destination) = if watched.v4 { (12, 16) } else { (8, 24) };
    for (address, offset) in [(watched.from, source), (watched.to, destination)] {
        if let Some(address) = address {
            let bytes = crate::wire::address_bytes(address);
            equal(
                payload(PayloadBase::Network, offset, bytes.len() as u32),
                bytes,
            );
        }
    }
    for (port, offset) in [(watched.source_port, 0), (watched.port, 2)] {
        if let Some(port) = port {
            equal(
                payload(PayloadBase::Transport, offset, 2),
                port.to_be_bytes().to_vec(),
            );
        }
    }
    out.push(Expr::TraceOn);
    out
}

fn parse(body: &[u8]) -> Option<TraceEvent> {
    let attrs = Attrs(body.get(4..)?);
    let number = |kind: u16| -> Option<u32> {
        Some(u32::from_be_bytes(
            attrs.find(kind)?.get(..4)?.try_into().ok()?,
        ))
    };
    let kind = match number(4)? {
        1 => TraceKind::Policy,
        2 => TraceKind::Return,
        3 => match attrs.find(3).and_then(be64_of) {
            Some(handle) => TraceKind::Rule(handle),
            None => TraceKind::End,
        },
        _ => return None,
    };
    // NFTA_TRACE_POLICY for policies, NFTA_TRACE_VERDICT (nested) for the rest.
    let code = match kind {
        TraceKind::Policy => number(16)? as i32,
        _ => {
            let verdict = Attrs(attrs.find(5)?).find(1)?;
            i32::from_be_bytes(verdict.get(..4)?.try_into().ok()?)
        }
    };
    let verdict = match code {
        0 => TraceVerdict::Drop,
        1 => TraceVerdict::Accept,
        -1 => TraceVerdict::Continue,
        -3 | -4 => TraceVerdict::Jump,
        -5 => TraceVerdict::Return,
        _ => TraceVerdict::Stolen,
    };
    let packet = attrs.find(8).and_then(|network| {
        let mut bytes = network.to_vec();
        bytes.extend_from_slice(attrs.find(9).unwrap_or_default());
        Ip::parse(&bytes)
    });
    Some(TraceEvent {
        id: number(6)?,
        family: *body.first()?,
        table: string_of(attrs.find(1)?),
        chain: attrs.find(2).map(string_of).unwrap_or_default(),
        kind,
        verdict,
        packet,
        iif: number(10).unwrap_or(0),
        oif: number(12).unwrap_or(0),
    })
}
