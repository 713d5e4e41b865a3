//! Targets of iptables that iptables-nft puts into rules unchanged (linux/netfilter/xt_*.h,
//! ipt_*.h, ip6t_*.h), as the equivalent nft statements.

use super::fields::Fields;
use super::nat::flag_words;
use super::values::{range, value};
use super::xt::{u16_at, u32_at};
use super::{Printer, names};
use crate::wire::string_of;
use crate::{DataType, Family};

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

impl Printer<'_> {
    pub(super) fn xt_target(&mut self, fields: Fields<'_>) -> Option<()> {
        let name = fields.text(1);
        let revision = fields.number(2).unwrap_or(0);
        let info = fields.bytes(3).unwrap_or_default();
        let text = self.target_words(&name, revision, info);
        self.push(text.unwrap_or_else(|| format!("xt target {name}")));
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
            ("MASQUERADE" | "REDIRECT", _) => {
                self.nat_target(name, self.family == Family::Ip, info)?
            }
            ("SNAT" | "DNAT", _) => {
                self.nat_target(name, self.family == Family::Ip && revision == 0, info)?
            }
            _ => return None,
        })
    }

    fn reject_target(&mut self, code: u32) -> Option<String> {
        let (word, default, codes): (_, _, &[&str]) = match self.family {
            Family::Ip6 => (
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
            Family::Ip6 => (DataType::Ipv6, 16),
            _ => (DataType::Ipv4, 4),
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
            if kind == DataType::Ipv6 && !target.is_empty() {
                target = format!("[{target}]");
            }
            target = format!("{target}:{}", range(DataType::Service, first, last));
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
