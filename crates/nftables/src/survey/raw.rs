//! Expressions without a name in this crate: what they load, compare and do.

use std::cmp::Ordering;

use super::Survey;
use super::load::{self, Load};
use super::matches::{Act, Matches, Step};
use super::packet::{Mark, Translation};
use super::reject::of_nftables;
use super::sets::{MapVerdict, Registers, put, verdict};
use super::xt;
use crate::IpVersion;
use crate::expr::{Reg, Verdict};
use crate::wire::{Attrs, be32_of, string_of};

fn number(attrs: Attrs<'_>, kind: u16) -> Option<u32> {
    attrs.find(kind).and_then(be32_of)
}

fn reg(attrs: Attrs<'_>, kind: u16) -> Option<Reg> {
    number(attrs, kind).and_then(Reg::of)
}

fn data(attrs: Attrs<'_>, kind: u16) -> Option<&[u8]> {
    Attrs(attrs.find(kind)?).find(1)
}

impl Survey<'_> {
    pub(super) fn raw(&mut self, name: &str, attributes: &[u8], registers: &mut Registers) -> Step {
        let attrs = Attrs(attributes);
        match name {
            "match" => xt::matches(attrs, &self.packet).into(),
            "target" => self.target(attrs),
            "reject" => {
                let code = attrs.find(2).and_then(|bytes| bytes.first().copied());
                let reply = of_nftables(
                    number(attrs, 1),
                    code,
                    IpVersion::of(self.packet.context.from),
                );
                Step::Ends(Act::Drop(reply))
            }
            // NFTA_TPROXY_FAMILY, NFTA_NAT_FAMILY: in a table of the family inet packets of the other IP
            // version pass.
            "tproxy" if self.is_of_other_version(number(attrs, 1)) => Matches::No.into(),
            "nat" if self.is_of_other_version(number(attrs, 2)) => Matches::No.into(),
            "queue" | "synproxy" | "tproxy" | "fwd" => Step::Ends(Act::Unknown),
            "nat" => Step::Ends(Act::Translate(nat(attrs, registers))),
            "masq" => Step::Ends(Act::Translate(Translation::Masquerade)),
            "redir" => {
                let port = reg(attrs, 1).map(|reg| port_in(registers, reg));
                Step::Ends(Act::Translate(match port {
                    None => Translation::Redirect(None),
                    Some(Some(port)) => Translation::Redirect(Some(port)),
                    Some(None) => Translation::Destination(None, None),
                }))
            }
            "log" | "flow_offload" | "dup" | "last" => Matches::Yes.into(),
            "lookup" => self.verdict_map(attrs, registers),
            "cmp" => compare(attrs, registers).into(),
            "range" => range(attrs, registers).into(),
            "byteorder" => byte_order(attrs, registers).into(),
            "objref" => object(attrs),
            "dynset" => match attrs.find(7).or(attrs.find(10)) {
                // Its elements count or limit.
                Some(_) => Matches::Maybe.into(),
                None => Matches::Yes.into(),
            },
            "meta" | "ct" | "payload" | "exthdr" | "rt" => {
                self.loads_or_sets(name, attrs, registers)
            }
            "fib" => is_reverse_path(attrs, registers).into(),
            // Of one number there is no choice.
            "numgen" if number(attrs, 2) == Some(1) => {
                let only = number(attrs, 4).unwrap_or(0).to_ne_bytes();
                let only = Load::Value(super::loaded::Loaded::exactly(only));
                put(registers, reg(attrs, 1), only).into()
            }
            _ => {
                registers.clear();
                Matches::Maybe.into()
            }
        }
    }

    /// Whether a family is that of the other IP version; one of both is not.
    fn is_of_other_version(&self, family: Option<u32>) -> bool {
        let of = family.and_then(|number| IpVersion::of_nfproto(u8::try_from(number).ok()?));
        of.is_some_and(|of| of != IpVersion::of(self.packet.context.from))
    }

    /// Those that load a property have a register for it; others change the packet.
    fn loads_or_sets(&mut self, name: &str, attrs: Attrs<'_>, registers: &mut Registers) -> Step {
        // NFTA_META_SREG, NFTA_CT_SREG, NFTA_PAYLOAD_SREG, NFTA_EXTHDR_SREG.
        let source = match name {
            "meta" => 3,
            "ct" => 4,
            "payload" => 5,
            "exthdr" => 7,
            _ => 0,
        };
        let key = number(attrs, 2).unwrap_or_default();
        let Some(from) = attrs.find(source).filter(|_| source > 0) else {
            let loaded = match name {
                "meta" => load::other_meta(&self.packet, key),
                "ct" => load::other_ct(&self.packet, attrs),
                _ => Load::Unknown,
            };
            return put(registers, reg(attrs, 1), loaded).into();
        };
        match (name, key) {
            // NFT_CT_MARK.
            ("ct", 3) => {
                let value = be32_of(from).and_then(Reg::of);
                let value = value.and_then(|reg| registers.get(&reg)?.number());
                let mark = value.map_or(Mark::ANY, |(value, known)| Mark { value, known });
                self.set_connection_mark(mark);
                Matches::Yes.into()
            }
            // NFT_CT_ZONE: other zones have connections of their own.
            ("ct", 17) => Step::Ends(Act::Unknown),
            ("payload", base) => match (base, number(attrs, 3)) {
                // Class of service, and hops left.
                (1, Some(0 | 1 | 7 | 8)) => Matches::Yes.into(),
                _ => Step::Ends(Act::Unknown),
            },
            _ => Matches::Yes.into(),
        }
    }

    /// A verdict map: its register for data is that of verdicts.
    fn verdict_map(&self, attrs: Attrs<'_>, registers: &Registers) -> Step {
        let set = attrs.find(1).map(string_of).unwrap_or_default();
        let map = self.set(&set).filter(|_| number(attrs, 3) == Some(0));
        let Some((map, key)) = map.zip(reg(attrs, 2)) else {
            return Step::Ends(Act::Unknown);
        };
        Step::Ends(match verdict(map, registers, key) {
            MapVerdict::None => return Matches::No.into(),
            MapVerdict::One(verdict) => Act::Verdict(verdict),
            MapVerdict::Some(verdicts) => Act::AnyOf(verdicts),
            MapVerdict::Unknown => Act::AnyOf(every_verdict(map)),
        })
    }

    fn target(&mut self, attrs: Attrs<'_>) -> Step {
        match xt::target(attrs, &self.packet) {
            xt::Target::None => Matches::Yes.into(),
            xt::Target::Mark(mark) => {
                self.set_mark(mark);
                Matches::Yes.into()
            }
            xt::Target::ConnectionMark(mark) => {
                self.set_connection_mark(mark);
                Matches::Yes.into()
            }
            xt::Target::Untracked => {
                self.untrack();
                Matches::Yes.into()
            }
            xt::Target::Act(act) => Step::Ends(act),
        }
    }
}

/// Every verdict that a map may give; anything for one that is not read.
fn every_verdict(map: &crate::Set) -> Vec<Verdict> {
    let mut out: Vec<Verdict> = Vec::new();
    for value in map.elements.iter().flat_map(|e| &e.value) {
        if let crate::Value::Verdict(verdict) = value
            && !out.contains(verdict)
        {
            out.push(verdict.clone());
        }
    }
    if map.dynamic {
        out.extend([Verdict::Accept, Verdict::Drop]);
    }
    out
}

fn compare(attrs: Attrs<'_>, registers: &Registers) -> Matches {
    let ways: &[Ordering] = match number(attrs, 2) {
        Some(2) => &[Ordering::Less],
        Some(3) => &[Ordering::Less, Ordering::Equal],
        Some(4) => &[Ordering::Greater],
        Some(5) => &[Ordering::Greater, Ordering::Equal],
        _ => return Matches::Maybe,
    };
    let value = reg(attrs, 1).and_then(|reg| registers.get(&reg));
    match value.zip(data(attrs, 3)) {
        Some((value, data)) => value.compares(data, ways),
        None => Matches::Maybe,
    }
}

fn range(attrs: Attrs<'_>, registers: &Registers) -> Matches {
    let value = reg(attrs, 1).and_then(|reg| registers.get(&reg));
    let ends = data(attrs, 3).zip(data(attrs, 4));
    match value.zip(ends) {
        Some((value, (from, to))) => {
            let outside = number(attrs, 2) == Some(1);
            value.within(from, to).inverted(outside)
        }
        None => Matches::Maybe,
    }
}

fn byte_order(attrs: Attrs<'_>, registers: &mut Registers) -> Matches {
    let size = number(attrs, 5).and_then(|n| usize::try_from(n).ok());
    let value = reg(attrs, 1).and_then(|reg| registers.get(&reg)?.reversed(size?));
    put(
        registers,
        reg(attrs, 2),
        value.map_or(Load::Unknown, Load::Value),
    )
}

/// Counters and helpers let every packet pass; quotas, limits and others do not.
fn object(attrs: Attrs<'_>) -> Step {
    match number(attrs, 1) {
        Some(1 | 3 | 7 | 8 | 9) => Matches::Yes.into(),
        Some(2 | 4 | 5) => Matches::Maybe.into(),
        _ => Step::Ends(Act::Unknown),
    }
}

fn port_in(registers: &Registers, reg: Reg) -> Option<u16> {
    let bytes = registers.get(&reg)?.bytes()?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*bytes))
}

fn nat(attrs: Attrs<'_>, registers: &Registers) -> Translation {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let destination = number(attrs, 1) == Some(1);
    let single = |first: u16, last: u16| {
        let same = |last: Reg| {
            let reg = reg(attrs, first);
            let bytes = |r: Reg| registers.get(&r).and_then(|v| v.bytes());
            reg == Some(last) || reg.and_then(bytes).is_some_and(|b| Some(b) == bytes(last))
        };
        reg(attrs, last).is_none_or(same)
    };
    let address = reg(attrs, 3).and_then(|reg| {
        let bytes = registers.get(&reg)?.bytes()?;
        match number(attrs, 2)? {
            2 => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
            10 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).into()),
            _ => None,
        }
    });
    let port = reg(attrs, 5).and_then(|reg| port_in(registers, reg));
    let known = single(3, 4)
        && single(5, 6)
        && (attrs.find(3).is_none() || address.is_some())
        && (attrs.find(5).is_none() || port.is_some());
    match (known, destination) {
        (true, true) => Translation::Destination(address, port),
        (false, true) => Translation::Destination(None, None),
        (_, false) => Translation::Source(address.filter(|_| known)),
    }
}

/// A route back to the source by the incoming interface, in rules that do the same as rp_filter.
/// Predicted packets come in where their source is: a node's address is checked at its port, and
/// others come in by the link that the host would answer by.
fn is_reverse_path(attrs: Attrs<'_>, registers: &mut Registers) -> Matches {
    const TO: u16 = 1;
    const RESULT: u16 = 2;
    const FLAGS: u16 = 3;
    const RESULT_OIF: u32 = 1;
    const SOURCE_AND_INTERFACE: u32 = 1 | 8;
    let flags = number(attrs, FLAGS).unwrap_or(0);
    let asked = flags & SOURCE_AND_INTERFACE == SOURCE_AND_INTERFACE;
    let is_oif = number(attrs, RESULT) == Some(RESULT_OIF);
    let loaded = match asked && is_oif {
        true => Load::Value(super::loaded::Loaded::exactly(1_u32.to_ne_bytes())),
        false => Load::Unknown,
    };
    put(registers, reg(attrs, TO), loaded)
}
