//! What expressions load from a packet.

use std::net::IpAddr;

use super::loaded::Loaded;
use super::packet::{Packet, possible};
use crate::Family;
use crate::expr::{CtKey, Meta, PayloadBase};
use crate::wire::{Attrs, be32_of};

/// Bytes of an interface's name in a register (IFNAMSIZ).
const NAME: usize = 16;
/// A bit of `ct status`.
const DNATED: u32 = 1 << 5;
const TCP: u8 = 6;
const ICMP: [u8; 2] = [1, 58];

/// What an expression loads.
pub(super) enum Load {
    Value(Loaded),
    /// Not known.
    Unknown,
    /// The packet has no such field: the rule ends.
    Missing,
}

fn exactly(bytes: impl Into<Vec<u8>>) -> Load {
    Load::Value(Loaded::exactly(bytes))
}

fn name(text: &str) -> Load {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(NAME, 0);
    exactly(bytes)
}

fn ether_type(packet: &Packet<'_>) -> [u8; 2] {
    let number: u16 = if packet.context.from.is_ipv4() {
        0x0800
    } else {
        0x86dd
    };
    number.to_be_bytes()
}

pub(super) fn meta(packet: &Packet<'_>, key: Meta) -> Load {
    let of = &packet.context;
    match key {
        Meta::Mark => Load::Value(mark(packet.mark)),
        Meta::IifName => name(of.iif),
        Meta::OifName => name(of.oif),
        Meta::IifType => Load::Unknown,
        Meta::NfProto => exactly([match (packet.family, of.from.is_ipv4()) {
            (Family::Bridge | Family::Netdev, _) => packet.family.number(),
            (_, true) => 2,
            (_, false) => 10,
        }]),
        Meta::L4Proto => exactly([of.protocol]),
        // Frames have the type that they came in with.
        Meta::PacketType if matches!(packet.family, Family::Bridge | Family::Netdev) => {
            Load::Unknown
        }
        Meta::PacketType => exactly([0]),
        Meta::IifGroup if of.iif.is_empty() => Load::Missing,
        Meta::OifGroup if of.oif.is_empty() => Load::Missing,
        Meta::IifGroup => exactly(of.iif_group.to_ne_bytes()),
        Meta::OifGroup => exactly(of.oif_group.to_ne_bytes()),
    }
}

fn mark(of: super::packet::Mark) -> Loaded {
    Loaded::partly(
        of.value.to_ne_bytes().to_vec(),
        of.known.to_ne_bytes().to_vec(),
    )
}

/// The others (enum nft_meta_keys).
pub(super) fn other_meta(packet: &Packet<'_>, key: u32) -> Load {
    const PROTOCOL: u32 = 1;
    const IIF: u32 = 4;
    const OIF: u32 = 5;
    const SKUID: u32 = 10;
    const SKGID: u32 = 11;
    const IIF_BRIDGE: u32 = 17;
    const OIF_BRIDGE: u32 = 18;
    let index = |at: usize| match packet.indexes.get(at) {
        Some(Some(number)) => exactly(number.to_ne_bytes()),
        _ => Load::Unknown,
    };
    let [iif, oif] = packet.bridges;
    match key {
        PROTOCOL => exactly(ether_type(packet)),
        IIF => index(0),
        OIF => index(1),
        // What comes in has no socket here.
        SKUID | SKGID if !packet.context.iif.is_empty() => Load::Missing,
        IIF_BRIDGE if !iif.is_empty() => name(iif),
        OIF_BRIDGE if !oif.is_empty() => name(oif),
        _ => Load::Unknown,
    }
}

pub(super) fn ct(packet: &Packet<'_>, key: CtKey) -> Load {
    match key {
        CtKey::State => exactly(packet.state().to_ne_bytes()),
        CtKey::Status if packet.connection.is_none() && packet.context.invalid => Load::Missing,
        CtKey::Status => {
            let dnated = if packet.context.dnated { DNATED } else { 0 };
            Load::Value(Loaded::partly(
                dnated.to_ne_bytes().to_vec(),
                DNATED.to_ne_bytes().to_vec(),
            ))
        }
    }
}

/// The others (enum nft_ct_keys), of a direction where they have one.
pub(super) fn other_ct(packet: &Packet<'_>, attrs: Attrs<'_>) -> Load {
    let key = attrs.find(2).and_then(be32_of).unwrap_or_default();
    let backwards = attrs.find(3) == Some(&[1]);
    let Some(directions) = packet.connection else {
        return match packet.context.invalid || packet.untracked {
            true => Load::Missing,
            false => Load::Unknown,
        };
    };
    let [original, reply] = directions;
    let tuple = if backwards { reply } else { original };
    let address = |a: IpAddr| match a.is_unspecified() {
        true => Load::Unknown,
        false => exactly(crate::wire::address_bytes(a)),
    };
    let port = |number: u16| Load::Value(ports(possible(number)));
    match key {
        1 => exactly([u8::from(packet.reply)]),
        3 => Load::Value(mark(packet.connection_mark)),
        // No program of this machine has given it a helper.
        6 => Load::Missing,
        7 => exactly([if tuple.from.is_ipv4() { 2 } else { 10 }]),
        // NFT_CT_SRC_IP to NFT_CT_DST_IP6: of connections of one IP version.
        19 | 20 if !tuple.from.is_ipv4() => Load::Missing,
        21 | 22 if tuple.from.is_ipv4() => Load::Missing,
        8 | 19 | 21 => address(tuple.from),
        9 | 20 | 22 => address(tuple.to),
        10 => exactly([packet.context.protocol]),
        11 if packet.ports.is_some() => port(tuple.source_port),
        12 if packet.last_port.is_some() => Load::Unknown,
        12 if packet.ports.is_some() => port(tuple.port),
        17 => exactly(0_u16.to_ne_bytes()),
        _ => Load::Unknown,
    }
}

/// A port between these.
fn ports(range: [u16; 2]) -> Loaded {
    let [first, last] = range.map(u16::to_be_bytes);
    Loaded::between(&first, &last)
}

/// Bytes of a header, with the bits of them that are known.
#[derive(Default)]
struct Header(Vec<u8>, Vec<u8>);

impl Header {
    fn known(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self.1.resize(self.0.len(), 0xff);
        self
    }

    fn unknown(&mut self, count: usize) -> &mut Self {
        self.0.resize(self.0.len() + count, 0);
        self.1.resize(self.0.len(), 0);
        self
    }

    fn address(&mut self, address: IpAddr) -> &mut Self {
        let bytes = crate::wire::address_bytes(address);
        match address.is_unspecified() {
            true => self.unknown(bytes.len()),
            false => self.known(&bytes),
        }
    }

    fn part(&self, offset: u32, length: u32) -> Option<Loaded> {
        let from = usize::try_from(offset).ok()?;
        let range = from..from.checked_add(usize::try_from(length).ok()?)?;
        let (bytes, known) = (self.0.get(range.clone())?, self.1.get(range)?);
        Some(Loaded::partly(bytes.to_vec(), known.to_vec()))
    }
}

pub(super) fn payload(packet: &Packet<'_>, base: PayloadBase, offset: u32, length: u32) -> Load {
    let port = match (base, offset, length) {
        (PayloadBase::Transport, 0, 2) => packet.sources(),
        (PayloadBase::Transport, 2, 2) => packet.destinations(),
        _ => None,
    };
    if let Some(range) = port {
        return Load::Value(ports(range));
    }
    let header = match base {
        PayloadBase::Link => link(packet),
        PayloadBase::Network => network(packet),
        PayloadBase::Transport => transport(packet),
    };
    header
        .part(offset, length)
        .map_or(Load::Unknown, Load::Value)
}

fn link(packet: &Packet<'_>) -> Header {
    let mut out = Header::default();
    out.unknown(6);
    match packet.context.mac {
        [0, 0, 0, 0, 0, 0] => out.unknown(6),
        mac => out.known(&mac),
    };
    out.known(&ether_type(packet));
    out
}

/// The header without options. Probes and most programs set neither class of service nor flow label;
/// the bit that forbids fragments is set by some.
fn network(packet: &Packet<'_>) -> Header {
    let mut out = Header::default();
    let protocol = packet.context.protocol;
    match (packet.context.from, packet.context.to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            out.known(&[0x45, 0]).unknown(4);
            out.0.extend([0, 0]);
            out.1.extend([0xbf, 0xff]);
            out.unknown(1).known(&[protocol]).unknown(2);
            out.address(from.into()).address(to.into());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            out.known(&[0x60]);
            out.0.push(0);
            out.1.push(0xf0);
            out.unknown(4).known(&[protocol]).unknown(1);
            out.address(from.into()).address(to.into());
        }
        _ => {}
    }
    out
}

fn transport(packet: &Packet<'_>) -> Header {
    let mut out = Header::default();
    if let (Some(source), Some(destination)) = (packet.sources(), packet.destinations()) {
        for [first, last] in [source, destination] {
            match first == last {
                true => out.known(&first.to_be_bytes()),
                false => out.unknown(2),
            };
        }
        if packet.context.protocol == TCP {
            out.unknown(9);
            match packet.tcp_flags {
                Some(flags) => out.known(&[flags]),
                None => out.unknown(1),
            };
        }
    } else if let (true, Some(kind)) =
        (ICMP.contains(&packet.context.protocol), packet.context.icmp)
    {
        // Echo requests and replies have the code 0.
        out.known(&[kind, 0]);
    }
    out
}
