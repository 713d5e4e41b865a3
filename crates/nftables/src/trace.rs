//! Reports of packets that pass the packet filter (NFT_MSG_TRACE). Rules of one table set `nftrace`
//! on the packets to watch; the kernel then reports every rule that such a packet matches.

use std::net::IpAddr;

use crate::expr::{Expr, Meta, PayloadBase, Reg, Verdict};
use crate::wire::{Attrs, address_bytes, be32_of, be64_of, string_of};
use crate::{
    Action, Base, Chain, ChainType, Family, Hook, IpVersion, Match, Priority, Rule, Table,
    Transaction,
};

/// Before all other filters.
const FIRST: Priority = Priority(-1000);

/// What the name of each marking table begins with. No project's table has such a name: names have no
/// colon.
pub const MARKING_PREFIX: &str = "hallway:trace:";

/// Whether a table is one that marks packets for a trace. It decides about no packet, and the kernel
/// reports its rules too.
#[must_use]
pub fn is_marking(table: &str) -> bool {
    table.starts_with(MARKING_PREFIX)
}

/// Packets to watch: all given conditions must hold.
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
    /// IP version.
    pub version: IpVersion,
}

/// The kernel's report about one packet at one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEvent {
    /// The same for all reports of a packet.
    pub id: u32,
    /// The family of the table.
    pub family: Family,
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// The kind of the report.
    pub kind: TraceKind,
    /// The verdict of the rule or the policy.
    pub verdict: Verdict,
    /// The packet from its network header on, if the report contains it: the first report of each
    /// base chain does. Long packets are cut.
    pub packet: Option<Vec<u8>>,
    /// The index of the interface it came in by; 0 for none.
    pub iif: u32,
    /// The index of the interface it leaves by; 0 while that is not known.
    pub oif: u32,
}

/// The kind of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceKind {
    /// A rule matched: its handle.
    Rule(u64),
    /// The end of a chain's rules is reached; reported before the resulting verdict.
    End,
    /// A chain that was jumped to has ended.
    Return,
    /// A base chain has ended: its policy decides.
    Policy,
}

/// Makes a table that marks the packets to watch. It belongs to the socket that makes it
/// (NFT_TABLE_F_OWNER), and is removed when that is closed.
#[must_use]
pub fn marking_table(name: &str, watched: &[Watched]) -> Transaction {
    let mut out = Transaction::new();
    for (family, hooks) in [
        (Family::Inet, &[Hook::Prerouting, Hook::Output][..]),
        (Family::Bridge, &[Hook::Prerouting]),
    ] {
        let table = Table::new(family, name);
        out.add_owned_table(&table);
        for hook in hooks {
            let rules = watched.iter().map(|one| {
                let marking = Match::Expressions(marking(one, family));
                Rule::new(vec![marking], Action::Continue, "watched")
            });
            let chain = Chain {
                name: hook.name().into(),
                base: Some(Base::accepting(ChainType::Filter, *hook, FIRST)),
                rules: rules.collect(),
            };
            out.add_chain(family, name, &chain);
            for rule in &chain.rules {
                out.add_rule(&table, &chain.name, rule);
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
    if family == Family::Bridge {
        let ethertype: u16 = match watched.version {
            IpVersion::V4 => 0x0800,
            IpVersion::V6 => 0x86dd,
        };
        equal(
            payload(PayloadBase::Link, 12, 2),
            ethertype.to_be_bytes().to_vec(),
        );
    } else {
        equal(
            Expr::Meta {
                key: Meta::NfProto,
                to: reg,
            },
            vec![watched.version.nfproto()],
        );
    }
    equal(
        Expr::Meta {
            key: Meta::L4Proto,
            to: reg,
        },
        vec![watched.protocol],
    );
    let (source, destination) = match watched.version {
        IpVersion::V4 => (12, 16),
        IpVersion::V6 => (8, 24),
    };
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
    out.push(Expr::Constant {
        to: reg,
        data: vec![1],
    });
    out.push(Expr::Trace { from: reg });
    out
}

/// A report, from the body of its message; `None` for one of another kind.
#[must_use]
pub fn event(body: &[u8]) -> Option<TraceEvent> {
    let attrs = Attrs(body.get(4..)?);
    let number = |kind: u16| attrs.find(kind).and_then(be32_of);
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
    let verdict = match kind {
        TraceKind::Policy => Verdict::of(number(16)? as i32, None),
        _ => Verdict::read(attrs.find(5)?)?,
    };
    let packet = attrs.find(8).map(|network| {
        let mut bytes = network.to_vec();
        bytes.extend_from_slice(attrs.find(9).unwrap_or_default());
        bytes
    });
    Some(TraceEvent {
        id: number(6)?,
        family: Family::of(*body.first()?),
        table: string_of(attrs.find(1)?),
        chain: attrs.find(2).map(string_of).unwrap_or_default(),
        kind,
        verdict,
        packet,
        iif: number(10).unwrap_or(0),
        oif: number(12).unwrap_or(0),
    })
}
