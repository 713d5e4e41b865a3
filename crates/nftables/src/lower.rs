//! Rules → expressions: the expressions of each condition and action.

use ipnet::IpNet;

use crate::answer::{asked, is_answer, write_source};
use crate::expr::{CtKey, Expr, Meta, PayloadBase, Reg};
use crate::value::Form;
use crate::{Action, Dnat, Family, Field, IpVersion, Match, Rule, Stream, Table, Value};

/// enum ip_conntrack_info as bits (NF_CT_STATE_BIT).
pub(crate) const STATE_INVALID: u32 = 1;
pub(crate) const STATE_ESTABLISHED_RELATED: u32 = 2 | 4;
pub(crate) const STATE_NEW: u32 = 8;
/// IPS_DST_NAT.
pub(crate) const STATUS_DNAT: u32 = 1 << 5;
pub(crate) const RTN_LOCAL: u32 = 2;
/// Links of Ethernet (linux/if_arp.h).
const ARPHRD_ETHER: u16 = 1;

/// The data besides the rule that expressions depend on.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) family: Family,
    /// Whether the set of a name has intervals.
    pub(crate) interval: &'a dyn Fn(&str) -> bool,
}

impl Rule {
    /// The expressions of a rule in a table, whose sets it uses.
    #[must_use]
    pub fn expressions(&self, table: &Table) -> Vec<Expr> {
        let interval = |name: &str| table.set(name).is_some_and(|set| set.interval);
        let context = Context {
            family: table.family,
            interval: &interval,
        };
        let mut out = Vec::new();
        for condition in &self.matches {
            matched(&mut out, condition, context);
        }
        if self.counter {
            out.push(Expr::Counter);
        }
        act(&mut out, &self.action, context);
        out
    }
}

fn equal(out: &mut Vec<Expr>, load: Expr, data: Vec<u8>) {
    out.push(load);
    out.push(Expr::Compare {
        reg: Reg(0),
        equal: true,
        data,
    });
}

fn meta(key: Meta) -> Expr {
    Expr::Meta { key, to: Reg(0) }
}

fn version(out: &mut Vec<Expr>, version: IpVersion) {
    equal(out, meta(Meta::NfProto), vec![version.nfproto()]);
}

/// The conditions that must be true of a packet before a field of it can be read.
fn depends(out: &mut Vec<Expr>, fields: &[Field], family: Family) {
    let of_version = fields.iter().find_map(|f| f.version());
    // Rules of bridges check the ethertype themselves.
    if let (Some(of_version), Family::Inet) = (of_version, family) {
        version(out, of_version);
    }
    // So do bridges, whose frames are all of this type.
    if fields.contains(&Field::EtherDaddr) && family == Family::Inet {
        equal(
            out,
            meta(Meta::IifType),
            ARPHRD_ETHER.to_ne_bytes().to_vec(),
        );
    }
    if let Some(protocol) = fields.iter().find_map(|f| f.protocol()) {
        equal(out, meta(Meta::L4Proto), vec![protocol]);
    }
}

/// Loads joined fields into registers in a row.
fn load_key(out: &mut Vec<Expr>, fields: &[Field], network_order: bool) {
    let mut at = 0;
    for field in fields {
        out.push(field.load(Reg(at)));
        if network_order && field.data_type().host_order() {
            out.push(Expr::NetworkOrder { reg: Reg(at) });
        }
        at += field.registers();
    }
}

fn lookup(
    out: &mut Vec<Expr>,
    fields: &[Field],
    set: &str,
    to: Option<Reg>,
    invert: bool,
    context: Context<'_>,
) {
    load_key(out, fields, (context.interval)(set));
    out.push(Expr::Lookup {
        reg: Reg(0),
        set: set.to_owned(),
        to,
        invert,
    });
}

fn note(out: &mut Vec<Expr>, fields: &[Field], set: &str, millis: u64, family: Family) {
    depends(out, fields, family);
    load_key(out, fields, false);
    out.push(Expr::Note {
        reg: Reg(0),
        set: set.to_owned(),
        millis,
    });
}

/// An expression about a field in the first register.
fn loaded(out: &mut Vec<Expr>, field: Field, expr: Expr, context: Context<'_>) {
    depends(out, &[field], context.family);
    out.push(field.load(Reg(0)));
    out.push(expr);
}

pub(crate) fn matched(out: &mut Vec<Expr>, condition: &Match, context: Context<'_>) {
    match condition {
        Match::Is(field, value) => single(out, *field, value, true, context.family),
        Match::IsNot(field, value) => single(out, *field, value, false, context.family),
        Match::In(fields, set) => {
            depends(out, fields, context.family);
            lookup(out, fields, set, None, false, context);
        }
        Match::NotIn(fields, set) => {
            depends(out, fields, context.family);
            lookup(out, fields, set, None, true, context);
        }
        Match::CountOver { field, set, limit } => {
            let (reg, set, limit) = (Reg(0), set.clone(), *limit);
            loaded(out, *field, Expr::CountOver { reg, set, limit }, context);
        }
        Match::RateOver { field, set, rate } => {
            let (reg, set, rate) = (Reg(0), set.clone(), *rate);
            loaded(out, *field, Expr::RateOver { reg, set, rate }, context);
        }
        Match::Note {
            fields,
            set,
            millis,
        } => note(out, fields, set, *millis, context.family),
        Match::Version(wanted) => version(out, *wanted),
        Match::Established => bits(out, CtKey::State, STATE_ESTABLISHED_RELATED),
        Match::Invalid => bits(out, CtKey::State, STATE_INVALID),
        Match::MidStream(stream) => {
            bits(out, CtKey::State, STATE_NEW);
            equal(out, meta(Meta::L4Proto), vec![stream.number()]);
            match stream {
                Stream::Tcp => out.extend(not_only_syn()),
                Stream::Sctp => out.extend(not_init()),
            }
        }
        Match::Reset => {
            equal(out, meta(Meta::L4Proto), vec![Stream::Tcp.number()]);
            out.extend(reset());
        }
        Match::LaterFragment(version) => out.extend(later_fragment(*version)),
        Match::Dnated => bits(out, CtKey::Status, STATUS_DNAT),
        Match::AnswersFor(version, set) => answers_for(out, *version, set),
        Match::ToLocal => {
            let load = Expr::FibDestinationType { to: Reg(0) };
            equal(out, load, RTN_LOCAL.to_ne_bytes().to_vec());
        }
        Match::OfSocket => {
            let load = Expr::SocketWildcard { to: Reg(0) };
            equal(out, load, vec![0]);
        }
        Match::Unmarked(bits) => part(out, Meta::Mark, *bits, 0),
        Match::FromGroups(first) => {
            let byte = |byte: u8| u32::from(byte) << 24;
            part(out, Meta::IifGroup, byte(u8::MAX), byte(*first));
        }
        Match::Expressions(all) => out.extend(all.iter().cloned()),
    }
}

/// Loads bytes of a header into the first register.
fn payload(base: PayloadBase, offset: u32, length: u32) -> Expr {
    Expr::Payload {
        base,
        offset,
        length,
        to: Reg(0),
    }
}

/// The bits of a mask alone.
fn masked(mask: Vec<u8>) -> Expr {
    Expr::Bitwise {
        reg: Reg(0),
        xor: vec![0; mask.len()],
        mask,
    }
}

fn not(data: Vec<u8>) -> Expr {
    Expr::Compare {
        reg: Reg(0),
        equal: false,
        data,
    }
}

/// Flags of TCP (RFC 9293, section 3.1).
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

fn tcp_flags() -> Expr {
    payload(PayloadBase::Transport, 13, 1)
}

/// SYN without FIN, RST and ACK is the first packet of a connection, whatever its congestion flags
/// are.
fn not_only_syn() -> [Expr; 3] {
    let mask = masked(vec![FIN | SYN | RST | ACK]);
    [tcp_flags(), mask, not(vec![SYN])]
}

/// RST, with ACK or without.
fn reset() -> [Expr; 3] {
    let only = Expr::Compare {
        reg: Reg(0),
        equal: true,
        data: vec![RST],
    };
    [tcp_flags(), masked(vec![FIN | SYN | RST]), only]
}

/// The first chunk is not INIT.
fn not_init() -> [Expr; 2] {
    const INIT: u8 = 1;
    [payload(PayloadBase::Transport, 12, 1), not(vec![INIT])]
}

/// The offset of the fragment is not 0: in the IPv4 header (RFC 791, section 3.1), or in an IPv6
/// fragment header directly after the IPv6 header (RFC 8200, section 4.5).
fn later_fragment(version: IpVersion) -> Vec<Expr> {
    const FRAGMENT_HEADER: u8 = 44;
    let load = |offset, length| payload(PayloadBase::Network, offset, length);
    let mut out = Vec::new();
    let (at, mask) = match version {
        IpVersion::V4 => (6, 0x1fff_u16),
        IpVersion::V6 => {
            equal(&mut out, load(6, 1), vec![FRAGMENT_HEADER]);
            (42, 0xfff8)
        }
    };
    let mask = mask.to_be_bytes().to_vec();
    out.extend([load(at, 2), masked(mask), not(vec![0; 2])]);
    out
}

fn answers_for(out: &mut Vec<Expr>, version: IpVersion, set: &str) {
    out.extend(is_answer());
    bits(out, CtKey::Status, STATUS_DNAT);
    out.push(asked(version));
    out.push(Expr::Lookup {
        reg: Reg(0),
        set: set.to_owned(),
        to: None,
        invert: false,
    });
}

/// The bits of a mask have this value.
fn part(out: &mut Vec<Expr>, key: Meta, mask: u32, data: u32) {
    out.extend([meta(key), masked(mask.to_ne_bytes().to_vec())]);
    out.push(Expr::Compare {
        reg: Reg(0),
        equal: true,
        data: data.to_ne_bytes().to_vec(),
    });
}

fn bits(out: &mut Vec<Expr>, key: CtKey, mask: u32) {
    let load = Expr::Ct { key, to: Reg(0) };
    let mask = mask.to_ne_bytes().to_vec();
    out.extend([load, masked(mask), not(vec![0; 4])]);
}

fn single(out: &mut Vec<Expr>, field: Field, value: &Value, equal: bool, family: Family) {
    depends(out, &[field], family);
    out.push(field.load(Reg(0)));
    let net = match value {
        Value::V4Net(net) => Some(IpNet::V4(*net)),
        Value::V6Net(net) => Some(IpNet::V6(*net)),
        _ => None,
    };
    if let Some(net) = net {
        out.push(Expr::Bitwise {
            reg: Reg(0),
            mask: crate::wire::address_bytes(net.netmask()),
            xor: vec![0; usize::from(net.max_prefix_len() / 8)],
        });
    }
    let (mut data, mut last) = (Vec::new(), Vec::new());
    value.write(&mut data, &mut last, Form::default());
    out.push(Expr::Compare {
        reg: Reg(0),
        equal,
        data,
    });
}

/// Replaces bits of the packet's mark.
fn mark(out: &mut Vec<Expr>, bits: u32, by: u32) {
    out.push(meta(Meta::Mark));
    out.push(Expr::Bitwise {
        reg: Reg(0),
        mask: (!bits).to_ne_bytes().to_vec(),
        xor: by.to_ne_bytes().to_vec(),
    });
    out.push(Expr::SetMark { from: Reg(0) });
}

pub(crate) fn act(out: &mut Vec<Expr>, action: &Action, context: Context<'_>) {
    match action {
        Action::Continue => {}
        Action::Verdict(verdict) => out.push(Expr::Verdict(verdict.clone())),
        Action::Mark(bits) => mark(out, *bits, *bits),
        Action::Unmark(bits) => mark(out, *bits, 0),
        Action::NoTrack => out.push(Expr::NoTrack),
        Action::SourceAsAsked(version) => out.extend([asked(*version), write_source(*version)]),
        Action::Reject => out.push(Expr::Reject),
        Action::Masquerade { random } => out.push(Expr::Masquerade { random: *random }),
        Action::Dnat(dnat) => {
            let Dnat {
                version: v, map, ..
            } = dnat;
            version(out, *v);
            lookup(out, &dnat.key, map, Some(Reg(0)), false, context);
            let address_registers = match v {
                IpVersion::V4 => 1,
                IpVersion::V6 => 4,
            };
            out.push(Expr::Dnat {
                version: *v,
                address: Reg(0),
                port: dnat.port.then_some(Reg(address_registers)),
            });
        }
    }
}
