//! Matches of iptables that iptables-nft puts into rules unchanged: the usual ones as the
//! equivalent nft conditions (linux/netfilter/xt_*.h, ipt_*.h, ip6t_*.h).

use super::fields::Fields;
use super::values::{flag_names, range, value};
use super::{Printer, names};
use crate::wire::{string_of, u16_of, u32_of};
use crate::{DataType, Family};

pub(super) fn u16_at(info: &[u8], at: usize) -> Option<u16> {
    u16_of(info.get(at..)?)
}

pub(super) fn u32_at(info: &[u8], at: usize) -> Option<u32> {
    u32_of(info.get(at..)?)
}

fn sign(inverted: bool) -> &'static str {
    if inverted { "!= " } else { "" }
}

fn ports(first: u16, last: u16) -> String {
    range(DataType::Service, &first.to_be_bytes(), &last.to_be_bytes())
}

/// A port range of the tcp and udp matches; the full one matches everything.
fn port_range(name: &str, info: &[u8], at: usize, inverted: bool) -> Option<String> {
    let (first, last) = (u16_at(info, at)?, u16_at(info, at + 2)?);
    if (first, last) == (0, u16::MAX) && !inverted {
        return Some(String::new());
    }
    Some(format!("{name} {}{}", sign(inverted), ports(first, last)))
}

/// `ct state` and `ct status` of a conntrack match with nothing else.
fn conntrack(revision: u32, info: &[u8]) -> Option<String> {
    const STATE: u16 = 1;
    const STATUS: u16 = 1 << 6;
    // Written as `-m state`.
    const ALIAS: u16 = 1 << 13;
    // Bits of the state mask that are bits of the status in nft.
    const TRANSLATED: u16 = 0xc0;
    const UNTRACKED: u16 = 0x100;
    let (flags, inverted) = (u16_at(info, 146)?, u16_at(info, 148)?);
    let (states, status) = match revision {
        1 => (u16::from(*info.get(150)?), u16::from(*info.get(151)?)),
        2 | 3 => (u16_at(info, 150)?, u16_at(info, 152)?),
        _ => return None,
    };
    let bang = |bit: u16| if inverted & bit != 0 { "! " } else { "" };
    match (flags & !ALIAS, states & TRANSLATED) {
        (STATE, 0) => {
            let untracked = if states & UNTRACKED != 0 { 64 } else { 0 };
            let bits = u64::from(states & 0x3f) | untracked;
            let words = flag_names(names::CT_STATES, bits, ",");
            Some(format!("ct state {}{words}", bang(STATE)))
        }
        (STATE, translated) if states & !TRANSLATED == 0 => {
            let bits = u64::from(translated >> 2);
            let words = flag_names(names::CT_STATUS, bits, ",");
            Some(format!("ct status {}{words}", bang(STATE)))
        }
        (STATUS, _) => {
            let words = flag_names(names::CT_STATUS, u64::from(status), ",");
            Some(format!("ct status {}{words}", bang(STATUS)))
        }
        _ => None,
    }
}

fn addrtype(revision: u32, info: &[u8]) -> Option<String> {
    let (source, destination) = (u16_at(info, 0)?, u16_at(info, 2)?);
    let flags = match revision {
        1 => u32_at(info, 4)?,
        _ => u32::from(u32_at(info, 4)? != 0) | (u32::from(u32_at(info, 8)? != 0) << 1),
    };
    let via = match flags & 0xc {
        4 => " . iif",
        8 => " . oif",
        _ => "",
    };
    let mut out = Vec::new();
    for (side, types, bit) in [("saddr", source, 1), ("daddr", destination, 2)] {
        let names: Vec<&str> = names::FIB_TYPES
            .iter()
            .filter_map(|(n, name)| (types & (1 << n) != 0).then_some(*name))
            .collect();
        let words = match names.as_slice() {
            [] => continue,
            [one] => (*one).to_string(),
            many => format!("{{ {} }}", many.join(", ")),
        };
        out.push(format!(
            "fib {side}{via} type {}{words}",
            sign(flags & bit != 0)
        ));
    }
    Some(out.join(" "))
}

fn statistic(info: &[u8]) -> Option<String> {
    let (mode, inverted) = (u16_at(info, 0)?, u16_at(info, 2)? & 1 == 1);
    let number = u32_at(info, 4)?;
    Some(match mode {
        0 => {
            let sign = if inverted { ">=" } else { "<" };
            format!("meta random & 2147483647 {sign} {number}")
        }
        1 => {
            let every = u64::from(number) + 1;
            let packet = u32_at(info, 8)?;
            format!("numgen inc mod {every} {}{packet}", sign(inverted))
        }
        _ => return None,
    })
}

fn limit(info: &[u8]) -> Option<String> {
    let (average, burst) = (u64::from(u32_at(info, 0)?), u32_at(info, 4)?);
    let units = [
        (10_000, "second"),
        (600_000, "minute"),
        (36_000_000, "hour"),
    ];
    let exact = units
        .iter()
        .find(|(unit, _)| average != 0 && unit % average == 0 && *unit >= average);
    let (unit, name) = exact.copied().unwrap_or((864_000_000, "day"));
    let burst = match burst {
        5 => String::new(),
        burst => format!(" burst {burst} packets"),
    };
    Some(format!(
        "limit rate {}/{name}{burst}",
        unit / average.max(1)
    ))
}

impl Printer<'_> {
    pub(super) fn xt_match(&mut self, fields: Fields<'_>) -> Option<()> {
        let name = fields.text(1);
        let info = fields.bytes(3).unwrap_or_default();
        if name == "comment" {
            self.comment = Some(string_of(info));
            return Some(());
        }
        let revision = fields.number(2).unwrap_or(0);
        let text = self.match_words(&name, revision, info);
        self.push(text.unwrap_or_else(|| format!("xt match {name}")));
        Some(())
    }

    fn match_words(&mut self, name: &str, revision: u32, info: &[u8]) -> Option<String> {
        Some(match (name, revision) {
            ("conntrack", _) => conntrack(revision, info)?,
            ("state", _) => {
                let words = u64::from(u32_at(info, 0)? & 0x3f);
                format!("ct state {}", flag_names(names::CT_STATES, words, ","))
            }
            ("addrtype", _) => addrtype(revision, info)?,
            ("limit", _) => limit(info)?,
            ("mark", 1) => {
                let (mark, mask) = (u32_at(info, 0)?, u32_at(info, 4)?);
                let inverted = *info.get(8)? != 0;
                match mask {
                    u32::MAX => format!("meta mark {}{mark:#010x}", sign(inverted)),
                    _ => {
                        let sign = if inverted { "!=" } else { "==" };
                        format!("meta mark & {mask:#010x} {sign} {mark:#010x}")
                    }
                }
            }
            ("length", 0) => {
                let (first, last) = (u16_at(info, 0)?, u16_at(info, 2)?);
                format!(
                    "meta length {}{}",
                    sign(*info.get(4)? != 0),
                    ports(first, last)
                )
            }
            ("mac", 0) => {
                let address = value(DataType::Ether, info.get(..6)?);
                format!("ether saddr {}{address}", sign(u32_at(info, 8)? != 0))
            }
            ("pkttype", 0) => {
                let kind = value(
                    DataType::PacketType,
                    &[u8::try_from(u32_at(info, 0)?).ok()?],
                );
                format!("meta pkttype {}{kind}", sign(u32_at(info, 4)? != 0))
            }
            ("statistic", 0) => statistic(info)?,
            ("iprange", 1) => self.addresses(info)?,
            ("multiport", 1) => self.multiport(info)?,
            ("tcp", _) => self.tcp(info)?,
            ("udp", _) => {
                let inverted = *info.get(8)?;
                self.transport_named();
                let source = port_range("udp sport", info, 0, inverted & 1 != 0)?;
                let destination = port_range("udp dport", info, 4, inverted & 2 != 0)?;
                format!("{source} {destination}").trim().to_string()
            }
            ("icmp" | "icmp6", _) => self.icmp(name, info)?,
            _ => return None,
        })
    }

    fn icmp(&mut self, name: &str, info: &[u8]) -> Option<String> {
        let [kind, low, high, inverted, ..] = info else {
            return None;
        };
        let (word, types) = match name {
            "icmp" => ("icmp", DataType::IcmpType),
            _ => ("icmpv6", DataType::Icmpv6Type),
        };
        if *kind == 0xff && name == "icmp" {
            return Some(String::new());
        }
        self.transport_named();
        let kind = value(types, &[*kind]);
        let text = format!("{word} type {}{kind}", sign(inverted & 1 != 0));
        Some(match (*low, *high) {
            (0, 0xff) => text,
            (low, high) if low == high => format!("{text} {word} code {low}"),
            (low, high) => format!("{text} {word} code {low}-{high}"),
        })
    }

    fn addresses(&mut self, info: &[u8]) -> Option<String> {
        let (word, kind, size) = match self.family {
            Family::Ip6 => ("ip6", DataType::Ipv6, 16),
            _ => ("ip", DataType::Ipv4, 4),
        };
        let flags = *info.get(64)?;
        let mut out = Vec::new();
        for (side, at, bit) in [("saddr", 0, 1), ("daddr", 32, 2)] {
            if flags & bit != 0 {
                let (first, last) = (info.get(at..at + size)?, info.get(at + 16..at + 16 + size)?);
                let sign = sign(flags & (bit << 4) != 0);
                out.push(format!("{word} {side} {sign}{}", range(kind, first, last)));
            }
        }
        Some(out.join(" "))
    }

    fn multiport(&mut self, info: &[u8]) -> Option<String> {
        const PORTS: usize = 15;
        let [side, count, ..] = info else {
            return None;
        };
        let field = match side {
            0 => "sport",
            1 => "dport",
            _ => return None,
        };
        let count = usize::from(*count).min(PORTS);
        let mut out = Vec::new();
        let mut position = 0;
        while position < count {
            let first = u16_at(info, 2 + 2 * position)?;
            // A flag marks the first of a range.
            let last = if *info.get(2 + 2 * PORTS + position)? != 0 {
                position += 1;
                u16_at(info, 2 + 2 * position)?
            } else {
                first
            };
            out.push(ports(first, last));
            position += 1;
        }
        let inverted = *info.get(2 + 3 * PORTS)? != 0;
        let protocol = match self.transport {
            Some(6) => "tcp",
            Some(17) => "udp",
            Some(132) => "sctp",
            _ => "th",
        };
        self.transport_named();
        let list = out.join(", ");
        Some(format!("{protocol} {field} {}{{ {list} }}", sign(inverted)))
    }

    fn tcp(&mut self, info: &[u8]) -> Option<String> {
        let (option, mask, wanted) = (*info.get(8)?, *info.get(9)?, *info.get(10)?);
        let inverted = *info.get(11)?;
        if option != 0 {
            return None;
        }
        self.transport_named();
        let source = port_range("tcp sport", info, 0, inverted & 1 != 0)?;
        let destination = port_range("tcp dport", info, 4, inverted & 2 != 0)?;
        let flags = match mask {
            0 => String::new(),
            _ => {
                let words = |bits| value(DataType::TcpFlags, &[bits]);
                let sign = sign(inverted & 4 != 0);
                format!("tcp flags {sign}{} / {}", words(wanted), words(mask))
            }
        };
        let mut parts = vec![source, destination, flags];
        parts.retain(|part| !part.is_empty());
        Some(parts.join(" "))
    }
}
