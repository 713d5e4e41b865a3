//! Matches and targets of iptables that iptables-nft puts into rules as they are: the usual ones
//! in the words nft has for the same (linux/netfilter/xt_*.h, ipt_*.h, ip6t_*.h).

use super::nat::flag_words;
use super::values::{Kind, flag_names, range, value};
use super::{Fields, Rule, names};
use crate::wire::{string_of, u16_of, u32_of};

fn u16_at(info: &[u8], at: usize) -> Option<u16> {
    u16_of(info.get(at..)?)
}

fn u32_at(info: &[u8], at: usize) -> Option<u32> {
    u32_of(info.get(at..)?)
}

fn sign(inverted: bool) -> &'static str {
    if inverted { "!= " } else { "" }
}

fn ports(first: u16, last: u16) -> String {
    range(Kind::Service, &first.to_be_bytes(), &last.to_be_bytes())
}

/// A port range of the tcp and udp matches; the full one asks nothing.
fn port_range(name: &str, info: &[u8], at: usize, inverted: bool) -> Option<String> {
    let (first, last) = (u16_at(info, at)?, u16_at(info, at + 2)?);
    if (first, last) == (0, u16::MAX) && !inverted {
        return Some(String::new());
    }
    Some(format!("{name} {}{}", sign(inverted), ports(first, last)))
}

/// `ct state` and `ct status` of a conntrack match that asks for nothing else.
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

fn log(info: &[u8]) -> Option<String> {
    let level = usize::from(*info.first()?);
    let prefix = string_of(info.get(2..)?);
    let mut out = String::from("log");
    if !prefix.is_empty() {
        out += &format!(" prefix \"{prefix}\"");
    }
    if level != 4 {
        out += &format!(" level {}", names::LOG_LEVELS.get(level)?);
    }
    Some(out)
}

fn mark_target(info: &[u8]) -> Option<String> {
    let (mark, mask) = (u32_at(info, 0)?, u32_at(info, 4)?);
    Some(match mask {
        u32::MAX => format!("meta mark set {mark:#010x}"),
        _ if mask == mark => format!("meta mark set meta mark | {mark:#010x}"),
        _ if mark == 0 => format!("meta mark set meta mark & {:#010x}", !mask),
        _ => format!("meta mark set meta mark & {:#010x} ^ {mark:#010x}", !mask),
    })
}

impl Rule<'_> {
    pub(super) fn xt_match(&mut self, fields: Fields<'_>) -> Option<()> {
        let name = fields.text(1);
        let info = fields.bytes(3).unwrap_or_default();
        if name == "comment" {
            self.comment = Some(string_of(info));
            return Some(());
        }
        let revision = fields.number(2).unwrap_or(0);
        let text = self.match_words(&name, revision, info);
        self.say(text.unwrap_or_else(|| format!("xt match {name}")));
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
            ("multiport", 1) => self.multiport(info)?,
            ("tcp", _) => self.tcp(info)?,
            ("udp", _) => {
                let inverted = *info.get(8)?;
                self.transport_named();
                let source = port_range("udp sport", info, 0, inverted & 1 != 0)?;
                let destination = port_range("udp dport", info, 4, inverted & 2 != 0)?;
                format!("{source} {destination}").trim().to_string()
            }
            ("icmp" | "icmp6", _) => {
                let [kind, low, high, inverted, ..] = info else {
                    return None;
                };
                let (word, types) = match name {
                    "icmp" => ("icmp", Kind::IcmpType),
                    _ => ("icmpv6", Kind::Icmpv6Type),
                };
                if *kind == 0xff && name == "icmp" {
                    return Some(String::new());
                }
                self.transport_named();
                let kind = value(types, &[*kind]);
                let text = format!("{word} type {}{kind}", sign(inverted & 1 != 0));
                match (*low, *high) {
                    (0, 0xff) => text,
                    (low, high) if low == high => format!("{text} {word} code {low}"),
                    (low, high) => format!("{text} {word} code {low}-{high}"),
                }
            }
            _ => return None,
        })
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
                let words = |bits| value(Kind::TcpFlags, &[bits]);
                let sign = sign(inverted & 4 != 0);
                format!("tcp flags {sign}{} / {}", words(wanted), words(mask))
            }
        };
        let mut parts = vec![source, destination, flags];
        parts.retain(|part| !part.is_empty());
        Some(parts.join(" "))
    }

    pub(super) fn xt_target(&mut self, fields: Fields<'_>) -> Option<()> {
        let name = fields.text(1);
        let revision = fields.number(2).unwrap_or(0);
        let info = fields.bytes(3).unwrap_or_default();
        let text = self.target_words(&name, revision, info);
        self.say(text.unwrap_or_else(|| format!("xt target {name}")));
        Some(())
    }

    fn target_words(&mut self, name: &str, revision: u32, info: &[u8]) -> Option<String> {
        Some(match (name, revision) {
            ("LOG", _) => log(info)?,
            ("MARK", 2) => mark_target(info)?,
            ("REJECT", _) => self.reject_target(u32_at(info, 0)?)?,
            ("TCPMSS", _) => match u16_at(info, 0)? {
                u16::MAX => "tcp option maxseg size set rt mtu".into(),
                size => format!("tcp option maxseg size set {size}"),
            },
            ("NOTRACK", _) => "notrack".into(),
            ("CT", _) if u16_at(info, 0)? & 1 == 1 => "notrack".into(),
            ("MASQUERADE" | "REDIRECT", _) => self.nat_target(name, self.family == 2, info)?,
            ("SNAT" | "DNAT", _) => {
                self.nat_target(name, self.family == 2 && revision == 0, info)?
            }
            _ => return None,
        })
    }

    fn reject_target(&mut self, code: u32) -> Option<String> {
        let (word, default, codes): (_, _, &[&str]) = match self.family {
            10 => (
                "icmpv6",
                4,
                &[
                    "no-route",
                    "admin-prohibited",
                    "",
                    "addr-unreachable",
                    "port-unreachable",
                    "",
                    "tcp reset",
                ],
            ),
            _ => (
                "icmp",
                3,
                &[
                    "net-unreachable",
                    "host-unreachable",
                    "prot-unreachable",
                    "port-unreachable",
                    "",
                    "net-prohibited",
                    "host-prohibited",
                    "tcp reset",
                    "admin-prohibited",
                ],
            ),
        };
        if code == default {
            return Some("reject".into());
        }
        match *codes.get(code as usize)? {
            "" => None,
            "tcp reset" => Some("reject with tcp reset".into()),
            name => Some(format!("reject with {word} {name}")),
        }
    }

    /// `old` is the IPv4 form with a count before it (nf_nat_ipv4_multi_range_compat).
    fn nat_target(&mut self, name: &str, old: bool, info: &[u8]) -> Option<String> {
        let info = if old { info.get(4..)? } else { info };
        let flags = u32_at(info, 0)?;
        let (kind, size) = match self.family {
            10 => (Kind::Ipv6, 16),
            _ => (Kind::Ipv4, 4),
        };
        let width = if old { 4 } else { 16 };
        let mut target = String::new();
        if flags & 1 != 0 {
            let (first, last) = (
                info.get(4..4 + size)?,
                info.get(4 + width..4 + width + size)?,
            );
            target = value(kind, first);
            if first != last {
                target = format!("{target}-{}", value(kind, last));
            }
        }
        if flags & 2 != 0 {
            let at = 4 + 2 * width;
            let (first, last) = (info.get(at..at + 2)?, info.get(at + 2..at + 4)?);
            if kind == Kind::Ipv6 && !target.is_empty() {
                target = format!("[{target}]");
            }
            target = format!("{target}:{}", range(Kind::Service, first, last));
        }
        if !target.is_empty() {
            target = format!(" to {target}");
        }
        Some(format!(
            "{}{target}{}",
            name.to_lowercase(),
            flag_words(flags)
        ))
    }
}
