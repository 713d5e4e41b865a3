//! Expressions that load a register or work on one.

use super::values::{flag_names, number};
use super::{Fields, Printer, header};
use crate::DataType;

/// Where a register's content comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Bytes of the packet, whose name depends on the headers known when they are used.
    Payload { base: u32, offset: u32, length: u32 },
    /// A selector with its own name.
    Named(String, DataType),
    /// A constant.
    Bytes(Vec<u8>),
}

/// A register's content.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) source: Source,
    /// Bytes.
    pub(super) length: usize,
    pub(super) mask: Option<Vec<u8>>,
    /// Bits it was moved, to the left when negative.
    pub(super) shift: i64,
    /// Turned from the machine's byte order to the network's.
    pub(super) swapped: bool,
    /// Bits of the packet kept and set, where only some are replaced.
    change: Option<(Vec<u8>, Vec<u8>)>,
}

impl Operand {
    pub(super) fn new(source: Source, length: usize) -> Self {
        Self {
            source,
            length,
            mask: None,
            shift: 0,
            swapped: false,
            change: None,
        }
    }

    fn named(text: impl Into<String>, kind: DataType) -> Self {
        let length = match kind.length() {
            0 => 4,
            length => length,
        };
        Self::new(Source::Named(text.into(), kind), length)
    }
}

fn meta(key: u32) -> Option<(&'static str, DataType)> {
    Some(match key {
        0 => ("meta length", DataType::HostNumber),
        1 => ("meta protocol", DataType::EtherType),
        2 => ("meta priority", DataType::Priority),
        3 => ("meta mark", DataType::Mark),
        4 => ("iif", DataType::IfIndex),
        5 => ("oif", DataType::IfIndex),
        6 => ("iifname", DataType::IfName),
        7 => ("oifname", DataType::IfName),
        8 => ("meta iiftype", DataType::LinkType),
        9 => ("meta oiftype", DataType::LinkType),
        10 => ("meta skuid", DataType::HostNumber),
        11 => ("meta skgid", DataType::HostNumber),
        12 => ("meta nftrace", DataType::Number),
        13 => ("meta rtclassid", DataType::HostNumber),
        14 => ("meta secmark", DataType::HostNumber),
        15 => ("meta nfproto", DataType::NfProto),
        16 => ("meta l4proto", DataType::InetProto),
        17 => ("meta ibrname", DataType::IfName),
        18 => ("meta obrname", DataType::IfName),
        19 => ("meta pkttype", DataType::PacketType),
        20 => ("meta cpu", DataType::HostNumber),
        21 => ("iifgroup", DataType::DevGroup),
        22 => ("oifgroup", DataType::DevGroup),
        23 => ("meta cgroup", DataType::HostNumber),
        24 => ("meta random", DataType::HostNumber),
        25 => ("meta ipsec", DataType::Present),
        26 => ("meta iifkind", DataType::IfName),
        27 => ("meta oifkind", DataType::IfName),
        28 => ("meta ibrpvid", DataType::HostNumber),
        29 => ("meta ibrvproto", DataType::EtherType),
        30 => ("meta time", DataType::HostNumber),
        31 => ("meta day", DataType::Day),
        32 => ("meta hour", DataType::Hour),
        33 => ("meta sdif", DataType::IfIndex),
        34 => ("meta sdifname", DataType::IfName),
        35 => ("meta broute", DataType::Number),
        _ => return None,
    })
}

fn ct(key: u32) -> Option<(&'static str, DataType)> {
    Some(match key {
        0 => ("state", DataType::CtState),
        1 => ("direction", DataType::CtDirection),
        2 => ("status", DataType::CtStatus),
        3 => ("mark", DataType::Mark),
        4 => ("secmark", DataType::HostNumber),
        5 => ("expiration", DataType::HostNumber),
        6 => ("helper", DataType::String),
        7 => ("l3proto", DataType::NfProto),
        8 => ("saddr", DataType::Unknown(0)),
        9 => ("daddr", DataType::Unknown(0)),
        10 => ("protocol", DataType::InetProto),
        11 => ("proto-src", DataType::Service),
        12 => ("proto-dst", DataType::Service),
        13 => ("label", DataType::Label),
        14 => ("packets", DataType::HostNumber),
        15 => ("bytes", DataType::HostNumber),
        16 => ("avgpkt", DataType::HostNumber),
        17 => ("zone", DataType::HostNumber),
        18 => ("event", DataType::HostNumber),
        19 => ("ip saddr", DataType::Ipv4),
        20 => ("ip daddr", DataType::Ipv4),
        21 => ("ip6 saddr", DataType::Ipv6),
        22 => ("ip6 daddr", DataType::Ipv6),
        23 => ("id", DataType::HostNumber),
        _ => return None,
    })
}

const FIB_FLAGS: &[(u64, &str)] = &[
    (1, "saddr"),
    (2, "daddr"),
    (4, "mark"),
    (8, "iif"),
    (16, "oif"),
];
const FIB_PRESENT: u32 = 32;

fn fib(fields: Fields<'_>) -> Option<Operand> {
    let flags = fields.number(3)?;
    let keys = flag_names(FIB_FLAGS, u64::from(flags & !FIB_PRESENT), " . ");
    let (result, kind) = match fields.number(2)? {
        1 => ("oif", DataType::IfIndex),
        2 => ("oifname", DataType::IfName),
        3 => ("type", DataType::FibType),
        _ => return None,
    };
    let kind = match flags & FIB_PRESENT {
        0 => kind,
        _ => DataType::Present,
    };
    Some(Operand::named(format!("fib {keys} {result}"), kind))
}

fn route(fields: Fields<'_>) -> Option<Operand> {
    let (text, kind) = match fields.number(2)? {
        0 => ("rt classid", DataType::HostNumber),
        1 => ("rt ip nexthop", DataType::Ipv4),
        2 => ("rt ip6 nexthop", DataType::Ipv6),
        3 => ("rt mtu", DataType::HostNumber),
        4 => ("rt ipsec", DataType::Present),
        _ => return None,
    };
    Some(Operand::named(text, kind))
}

fn socket(fields: Fields<'_>) -> Option<Operand> {
    let level = fields.number(3).unwrap_or(0);
    let (text, kind) = match fields.number(1)? {
        0 => ("socket transparent".into(), DataType::Number),
        1 => ("socket mark".into(), DataType::Mark),
        2 => ("socket wildcard".into(), DataType::Number),
        3 => (
            format!("socket cgroupv2 level {level}"),
            DataType::HostNumber,
        ),
        _ => return None,
    };
    Some(Operand::named(text, kind))
}

fn exthdr(fields: Fields<'_>) -> Option<Operand> {
    let (kind, offset, length) = (
        *fields.bytes(2)?.first()?,
        fields.number(3)?,
        fields.number(4)?,
    );
    let present = fields.number(5).unwrap_or(0) & 1 == 1;
    let name = match (fields.number(6).unwrap_or(0), kind) {
        (0, 0) => "exthdr hbh",
        (0, 43) => "exthdr rt",
        (0, 44) => "exthdr frag",
        (0, 50) => "exthdr esp",
        (0, 51) => "exthdr ah",
        (0, 60) => "exthdr dst",
        (0, 135) => "exthdr mh",
        (1, 2) => "tcp option maxseg",
        (1, 3) => "tcp option window",
        (1, 4) => "tcp option sack-perm",
        (1, 5) => "tcp option sack",
        (1, 8) => "tcp option timestamp",
        _ => return None,
    };
    let text = match (name, offset, length) {
        (name, _, _) if present => name.into(),
        ("tcp option maxseg", 2, 2) => "tcp option maxseg size".into(),
        ("tcp option window", 2, 1) => "tcp option window count".into(),
        (name, offset, length) => format!(
            "{name} @{},{}",
            u64::from(offset) * 8,
            u64::from(length) * 8
        ),
    };
    let kind = if present {
        DataType::Present
    } else {
        DataType::Number
    };
    let mut operand = Operand::named(text, kind);
    operand.length = if present { 1 } else { length as usize };
    Some(operand)
}

impl Printer<'_> {
    /// Selectors and what is done to them; those that write say so.
    pub(super) fn load(&mut self, name: &str, fields: Fields<'_>) -> Option<()> {
        let (to, operand) = match name {
            "meta" => {
                let (text, kind) = meta(fields.number(2)?)?;
                if let Some(from) = fields.slot(3) {
                    return self.assign(text, kind, from);
                }
                (fields.slot(1)?, Operand::named(text, kind))
            }
            "ct" => {
                let (text, kind) = ct(fields.number(2)?)?;
                if let Some(from) = fields.slot(4) {
                    return self.assign(&format!("ct {text}"), kind, from);
                }
                let way = match fields.bytes(3).and_then(<[u8]>::first) {
                    Some(0) => "original ",
                    Some(1) => "reply ",
                    _ => "",
                };
                let mut operand = Operand::named(format!("ct {way}{text}"), kind);
                if text == "zone" {
                    operand.length = 2;
                }
                (fields.slot(1)?, operand)
            }
            "fib" => (fields.slot(1)?, fib(fields)?),
            "rt" => (fields.slot(1)?, route(fields)?),
            "socket" => (fields.slot(2)?, socket(fields)?),
            "numgen" | "hash" => self.generated(name, fields)?,
            "exthdr" if fields.number(6).unwrap_or(0) == 0 => {
                self.network_named();
                (fields.slot(1)?, exthdr(fields)?)
            }
            "exthdr" => match fields.slot(7) {
                Some(from) => {
                    let operand = exthdr(fields)?;
                    let text = self.render(&operand).text;
                    return self.assign(&text, DataType::Number, from);
                }
                None => (fields.slot(1)?, exthdr(fields)?),
            },
            "payload" => return self.payload(fields),
            "byteorder" => {
                let mut operand = self.register(fields.slot(1)?)?;
                operand.swapped = !operand.swapped;
                (fields.slot(2)?, operand)
            }
            "bitwise" => (fields.slot(2)?, self.bitwise(fields)?),
            _ => return None,
        };
        self.set_register(to, operand);
        Some(())
    }

    /// `meta mark set 0x00000001`.
    fn assign(&mut self, text: &str, kind: DataType, from: usize) -> Option<()> {
        let words = self.words(from, kind)?;
        self.say(format!("{text} set {words}"));
        Some(())
    }

    fn payload(&mut self, fields: Fields<'_>) -> Option<()> {
        let (base, offset, length) = (fields.number(2)?, fields.number(3)?, fields.number(4)?);
        let source = Source::Payload {
            base,
            offset,
            length,
        };
        let operand = Operand::new(source, length as usize);
        match fields.slot(5) {
            Some(from) => {
                let change = self.register(from).and_then(|operand| operand.change);
                if let Some((mask, bits)) = change
                    && let Some(text) = self.bits_set(base, offset, &mask, &bits)
                {
                    self.say(text);
                    return Some(());
                }
                let rendered = self.render(&operand);
                self.assign(&rendered.text, rendered.kind, from)
            }
            None => {
                self.set_register(fields.slot(1)?, operand);
                Some(())
            }
        }
    }

    /// A field of some bits that is written with its surroundings, `ip ttl set 64`.
    fn bits_set(&mut self, base: u32, offset: u32, kept: &[u8], bits: &[u8]) -> Option<String> {
        let length = kept.len();
        let all = |bytes: &[u8]| number(DataType::Number, bytes);
        let (kept, bits) = (all(kept)?, all(bits)?);
        let whole = u64::MAX >> (64 - 8 * length);
        let (field, shift) = self.fields(base).iter().find_map(|field| {
            let start = field.offset.checked_sub(offset)?;
            let after = (length as u32).checked_sub(start + field.length)?;
            let own = match field.mask {
                0 => u64::MAX >> (64 - 8 * field.length.min(8)),
                mask => mask,
            };
            let same = own.checked_shl(8 * after)? == !kept & whole;
            same.then_some((field, 8 * after + own.trailing_zeros()))
        })?;
        self.named(base);
        let value = (bits >> shift).to_be_bytes();
        let value = value.get(8 - field.length.min(8) as usize..)?;
        Some(format!(
            "{} set {}",
            field.name,
            super::values::value(field.kind, value)
        ))
    }

    /// Masks (`& mask ^ xor`) and shifts.
    fn bitwise(&mut self, fields: Fields<'_>) -> Option<Operand> {
        let mut operand = self.register(fields.slot(1)?)?;
        let operation = fields.number(6).unwrap_or(0);
        if operation != 0 {
            let by = i64::from(u32::from_ne_bytes(
                fields.data(7)?.get(..4)?.try_into().ok()?,
            ));
            operand.shift += if operation == 1 { -by } else { by };
            return Some(operand);
        }
        let (mask, xor) = (fields.data(4)?, fields.data(5).unwrap_or_default());
        if xor.iter().all(|b| *b == 0) && operand.mask.is_none() && operand.shift == 0 {
            operand.mask = Some(mask.to_vec());
            return Some(operand);
        }
        // Kept bits and set bits: (x & mask) ^ xor is an `or` where the mask has no bit of xor.
        let rendered = self.render(&operand);
        let (kind, mut text) = (rendered.kind, rendered.text);
        let ors = mask.iter().zip(xor).all(|(m, x)| m & x == 0);
        let wanted: Vec<u8> = if ors {
            mask.iter().zip(xor).map(|(m, x)| m | x).collect()
        } else {
            mask.to_vec()
        };
        if wanted.iter().any(|b| *b != 0xff) {
            text = format!("{text} & {}", self.values.value(kind, &wanted));
        }
        if xor.iter().any(|b| *b != 0) {
            let sign = if ors { '|' } else { '^' };
            text = format!("{text} {sign} {}", self.values.value(kind, xor));
        }
        let mut out = Operand::new(Source::Named(text, kind), operand.length);
        out.swapped = operand.swapped;
        out.change = Some((mask.to_vec(), xor.to_vec()));
        Some(out)
    }

    fn generated(&mut self, name: &str, fields: Fields<'_>) -> Option<(usize, Operand)> {
        let after = |offset: Option<u32>| match offset.unwrap_or(0) {
            0 => String::new(),
            offset => format!(" offset {offset}"),
        };
        if name == "numgen" {
            let kind = if fields.number(3)? == 1 {
                "random"
            } else {
                "inc"
            };
            let text = format!(
                "numgen {kind} mod {}{}",
                fields.number(2)?,
                after(fields.number(4))
            );
            return Some((fields.slot(1)?, Operand::named(text, DataType::HostNumber)));
        }
        let modulus = fields.number(4)?;
        let to = fields.slot(2)?;
        if fields.number(7).unwrap_or(0) == 1 {
            let text = format!("symhash mod {modulus}{}", after(fields.number(6)));
            return Some((to, Operand::named(text, DataType::HostNumber)));
        }
        let parts = self.joined(fields.slot(1)?, fields.number(3)? as usize);
        let keys: Vec<String> = parts.into_iter().map(|part| part.text).collect();
        let seed = match fields.number(5).unwrap_or(0) {
            0 => String::new(),
            seed => format!(" seed {seed:#x}"),
        };
        let text = format!(
            "jhash {} mod {modulus}{seed}{}",
            keys.join(" . "),
            after(fields.number(6))
        );
        Some((to, Operand::named(text, DataType::HostNumber)))
    }

    pub(super) fn ip_version(&self) -> Option<u8> {
        match self.network {
            Some(header::IPV4) => Some(4),
            Some(header::IPV6) => Some(6),
            _ => None,
        }
    }
}
