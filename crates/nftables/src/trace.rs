//! Reports of packets that pass the packet filter (NFT_MSG_TRACE). Rules of one table set `nftrace`
//! on the packets to watch; the kernel then reports every rule that a packet matches.

use std::net::IpAddr;

use crate::Family;
use crate::expr::{Expr, Meta, PayloadBase, Reg};
use crate::transaction::{Base, ChainSpec, Hook, Transaction};
use crate::wire::{Attrs, address_bytes, be64_of, string_of};

/// Before everything else that filters.
const FIRST: i32 = -1000;

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
    /// The packet from its network header on, where the report quotes it: the first of each base
    /// chain does. Long packets are cut.
    pub packet: Option<Vec<u8>>,
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

/// Makes a table that marks the packets to watch. It belongs to the socket that makes it
/// (NFT_TABLE_F_OWNER), and is removed when that is closed.
#[must_use]
pub fn marking_table(table: &str, watched: &[Watched]) -> Transaction {
    let mut out = Transaction::new();
    for (family, hooks) in [
        (Family::Inet, &[Hook::Prerouting, Hook::Output][..]),
        (Family::Bridge, &[Hook::Prerouting]),
    ] {
        out.add_owned_table(family, table);
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
                table,
                &ChainSpec {
                    name: chain,
                    base: Some(base),
                },
            );
            for one in watched {
                out.add_rule(family, (table, chain), &marking(one, family), "watched");
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
            let bytes = address_bytes(address);
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

/// A report, from the body of its message; `None` for one of another kind.
#[must_use]
pub fn event(body: &[u8]) -> Option<TraceEvent> {
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
    let packet = attrs.find(8).map(|network| {
        let mut bytes = network.to_vec();
        bytes.extend_from_slice(attrs.find(9).unwrap_or_default());
        bytes
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
