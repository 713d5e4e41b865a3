//! Statements: verdicts, counters, logs, limits, references.

use super::fields::Fields;
use super::names;
use super::selector::{Operand, OperandSource};
use super::{Printer, nested, single_type};
use crate::expr::Verdict;
use crate::wire::{Attrs, be16_of, be64_of, string_of};
use crate::{DataType, Family};

/// A verdict as text.
pub(super) fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Drop => "drop".into(),
        Verdict::Accept => "accept".into(),
        Verdict::Continue => "continue".into(),
        Verdict::Return => "return".into(),
        Verdict::Jump(chain) => format!("jump {chain}"),
        Verdict::Goto(chain) => format!("goto {chain}"),
        Verdict::Other(3) => "queue".into(),
        Verdict::Other(-2) => "break".into(),
        Verdict::Other(_) => "[verdict]".into(),
    }
}

/// The unit of a number of bytes in nft.
fn bytes_in_words(bytes: u64) -> String {
    for (unit, name) in [(1 << 20, "mbytes"), (1 << 10, "kbytes")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

fn unit(seconds: u64) -> String {
    match seconds {
        1 => "second".into(),
        60 => "minute".into(),
        3600 => "hour".into(),
        86_400 => "day".into(),
        604_800 => "week".into(),
        other => format!("{other} seconds"),
    }
}

fn limit(fields: Fields<'_>) -> Option<String> {
    let (rate, per) = (be64_of(fields.bytes(1)?)?, be64_of(fields.bytes(2)?)?);
    let burst = fields.number(3).unwrap_or(0);
    let over = if fields.number(5).unwrap_or(0) & 1 == 1 {
        "over "
    } else {
        ""
    };
    if fields.number(4).unwrap_or(0) == 1 {
        let text = format!("limit rate {over}{}/{}", bytes_in_words(rate), unit(per));
        return Some(match burst {
            0 => text,
            burst => format!("{text} burst {}", bytes_in_words(u64::from(burst))),
        });
    }
    let text = format!("limit rate {over}{rate}/{}", unit(per));
    Some(match burst {
        // The default.
        0 | 5 => text,
        burst => format!("{text} burst {burst} packets"),
    })
}

fn log(fields: Fields<'_>) -> String {
    let mut out = String::from("log");
    if let Some(prefix) = fields.bytes(2).map(string_of).filter(|p| !p.is_empty()) {
        out += &format!(" prefix \"{prefix}\"");
    }
    if let Some(group) = fields.bytes(1).and_then(be16_of) {
        out += &format!(" group {group}");
        if let Some(length) = fields.number(3).filter(|n| *n != 0) {
            out += &format!(" snaplen {length}");
        }
        let threshold = fields.bytes(4).and_then(be16_of);
        if let Some(threshold) = threshold.filter(|n| *n != 0) {
            out += &format!(" queue-threshold {threshold}");
        }
        return out;
    }
    // 4, "warn", is the default.
    match fields.number(5) {
        Some(8) => out += " level audit",
        Some(level) if level != 4 => {
            if let Some(name) = names::LOG_LEVELS.get(level as usize) {
                out += &format!(" level {name}");
            }
        }
        _ => {}
    }
    let flags = fields.number(6).unwrap_or(0);
    let tcp: Vec<&str> = [(1, "sequence"), (2, "options")]
        .iter()
        .filter_map(|(bit, name)| (flags & bit != 0).then_some(*name))
        .collect();
    if flags & 0x2f == 0x2f {
        return out + " flags all";
    }
    if !tcp.is_empty() {
        out += &format!(" flags tcp {}", tcp.join(","));
    }
    for (bit, name) in [(4, "ip options"), (8, "skuid"), (32, "ether")] {
        if flags & bit != 0 {
            out += &format!(" flags {name}");
        }
    }
    out
}

fn quota(fields: Fields<'_>) -> Option<String> {
    let over = if fields.number(2).unwrap_or(0) & 1 == 1 {
        "over "
    } else {
        ""
    };
    let bytes = be64_of(fields.bytes(1)?)?;
    Some(format!("quota {over}{}", bytes_in_words(bytes)))
}

fn count(fields: Fields<'_>) -> Option<String> {
    let over = if fields.number(2).unwrap_or(0) & 1 == 1 {
        "over "
    } else {
        ""
    };
    Some(format!("ct count {over}{}", fields.number(1)?))
}

/// A duration in the form of nft, `1h30m`.
fn duration(ms: u64) -> String {
    let mut out = String::new();
    let seconds = ms / 1000;
    for (value, name) in [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (ms % 1000, "ms"),
    ] {
        if value != 0 {
            out += &format!("{value}{name}");
        }
    }
    out
}

impl Printer<'_> {
    pub(super) fn immediate(&mut self, fields: Fields<'_>) -> Option<()> {
        let data = Attrs(fields.bytes(2)?);
        if let Some(attributes) = data.find(2) {
            let text = Verdict::read(attributes).map(|this| verdict(&this));
            self.push(text.unwrap_or_else(|| "[verdict]".into()));
            return Some(());
        }
        let bytes = data.find(1)?.to_vec();
        let length = bytes.len();
        self.set_register(
            fields.slot(1)?,
            Operand::new(OperandSource::Bytes(bytes), length),
        );
        Some(())
    }

    pub(super) fn statement(&mut self, name: &str, fields: Fields<'_>) -> Option<()> {
        let text = match name {
            "counter" | "notrack" | "last" => name.into(),
            "log" => log(fields),
            "limit" => limit(fields)?,
            "quota" => quota(fields)?,
            "connlimit" => count(fields)?,
            "reject" => self.reject(fields)?,
            "queue" => self.queue(fields)?,
            "objref" => self.object(fields)?,
            "dynset" => self.dynamic(fields)?,
            "flow_offload" => format!("flow add @{}", fields.text(1)),
            "synproxy" => synproxy(fields)?,
            _ => return None,
        };
        self.push(text);
        Some(())
    }

    fn reject(&mut self, fields: Fields<'_>) -> Option<String> {
        let code = u64::from(
            fields
                .bytes(2)
                .and_then(<[u8]>::first)
                .copied()
                .unwrap_or(0),
        );
        let name = |table: &[(u64, &'static str)]| {
            let found = table.iter().find(|(n, _)| *n == code);
            found.map_or_else(|| code.to_string(), |(_, name)| (*name).into())
        };
        Some(match fields.number(1)? {
            1 => "reject with tcp reset".into(),
            2 if code == 1 => "reject".into(),
            2 => format!("reject with icmpx {}", name(names::ICMPX_CODES)),
            _ => {
                self.network_named();
                match (self.ip_version(), code) {
                    (Some(6), 4) if self.family == Family::Ip6 => "reject".into(),
                    (Some(6), _) => format!("reject with icmpv6 {}", name(names::ICMPV6_CODES)),
                    (_, 3) if self.family == Family::Ip => "reject".into(),
                    _ => format!("reject with icmp {}", name(names::ICMP_CODES)),
                }
            }
        })
    }

    fn queue(&mut self, fields: Fields<'_>) -> Option<String> {
        let flags = fields.bytes(3).and_then(be16_of).unwrap_or(0);
        let names: Vec<&str> = [(1, "bypass"), (2, "fanout")]
            .iter()
            .filter_map(|(bit, name)| (flags & bit != 0).then_some(*name))
            .collect();
        let flags = match names.as_slice() {
            [] => String::new(),
            names => format!(" flags {}", names.join(",")),
        };
        if let Some(from) = fields.slot(4) {
            let words = self.words(from, DataType::Number)?;
            return Some(format!("queue{flags} to {words}"));
        }
        let first = be16_of(fields.bytes(1)?)?;
        let total = fields.bytes(2).and_then(be16_of).unwrap_or(1);
        Some(match total {
            0 | 1 => format!("queue{flags} to {first}"),
            _ => format!(
                "queue{flags} to {first}-{}",
                u32::from(first) + u32::from(total) - 1
            ),
        })
    }

    fn object(&mut self, fields: Fields<'_>) -> Option<String> {
        if let Some(from) = fields.slot(3) {
            let set = fields.text(4);
            let known = self.sets.get(&set);
            let parts = self.joined(from, known.map_or(1, |set| set.key_length));
            let left: Vec<String> = parts.iter().map(|part| part.text.clone()).collect();
            let right = match known.filter(|set| set.anonymous()) {
                Some(set) => set.elements_text(&parts, self.values),
                None => format!("@{set}"),
            };
            return Some(format!("objref {} map {right}", left.join(" . ")));
        }
        let name = fields.text(2);
        Some(match fields.number(1)? {
            1 => format!("counter name \"{name}\""),
            2 => format!("quota name \"{name}\""),
            3 => format!("ct helper set \"{name}\""),
            4 => format!("limit name \"{name}\""),
            5 => format!("ct count name \"{name}\""),
            6 => format!("tunnel name \"{name}\""),
            7 => format!("ct timeout set \"{name}\""),
            8 => format!("meta secmark set \"{name}\""),
            9 => format!("ct expectation set \"{name}\""),
            10 => format!("synproxy name \"{name}\""),
            _ => return None,
        })
    }

    /// `update @set { ip saddr limit rate 10/second }`.
    fn dynamic(&mut self, fields: Fields<'_>) -> Option<String> {
        let set = fields.text(1);
        let verb = match fields.number(3)? {
            0 => "add",
            1 => "update",
            2 => "delete",
            _ => return None,
        };
        let length = self.sets.get(&set).map_or(1, |set| set.key_length);
        let parts = self.joined(fields.slot(4)?, length);
        let keys: Vec<String> = parts.into_iter().map(|part| part.text).collect();
        let mut inner = keys.join(" . ");
        let timeout = fields.bytes(6).and_then(be64_of).unwrap_or(0);
        if timeout != 0 {
            inner += &format!(" timeout {}", duration(timeout));
        }
        let list = fields.bytes(10).unwrap_or_default();
        let many = Attrs(list).map(|(_, expression)| expression);
        for expression in fields.bytes(7).into_iter().chain(many) {
            inner += &format!(" {}", nested(self.family, expression, self.values));
        }
        if let Some(data) = fields.slot(5) {
            let kind = self.sets.get(&set).map_or(0, |set| set.data_type);
            inner += &format!(" : {}", self.words(data, single_type(kind))?);
        }
        Some(format!("{verb} @{set} {{ {inner} }}"))
    }
}

fn synproxy(fields: Fields<'_>) -> Option<String> {
    let flags = fields.number(3)?;
    let mut out = String::from("synproxy");
    if flags & 1 != 0 {
        out += &format!(" mss {}", be16_of(fields.bytes(1)?)?);
    }
    if flags & 2 != 0 {
        out += &format!(" wscale {}", fields.bytes(2)?.first()?);
    }
    for (bit, name) in [(8, " timestamp"), (4, " sack-perm")] {
        if flags & bit != 0 {
            out += name;
        }
    }
    Some(out)
}
