//! Statements that change addresses or routes: nat, masquerade, redirect, tproxy, dup, fwd.

use super::Printer;
use super::fields::Fields;
use crate::{DataType, Family};

const FLAGS: [(u32, &str); 3] = [(4, "random"), (16, "fully-random"), (8, "persistent")];
const NETMAP: u32 = 64;

pub(super) fn flag_words(flags: u32) -> String {
    let names: Vec<&str> = FLAGS
        .iter()
        .filter_map(|(bit, name)| (flags & bit != 0).then_some(*name))
        .collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!(" {}", names.join(",")),
    }
}

fn family_word(family: u32) -> (&'static str, DataType) {
    match family {
        10 => ("ip6", DataType::Ipv6),
        _ => ("ip", DataType::Ipv4),
    }
}

impl Printer<'_> {
    /// `first`, or `first-last` if the second register has another value.
    fn span(
        &mut self,
        first: Option<usize>,
        last: Option<usize>,
        kind: DataType,
    ) -> Option<String> {
        let low = self.words(first?, kind)?;
        let high = last.filter(|last| Some(*last) != first);
        Some(match high.and_then(|last| self.words(last, kind)) {
            Some(high) if high != low => format!("{low}-{high}"),
            _ => low,
        })
    }

    pub(super) fn translate(&mut self, name: &str, fields: Fields<'_>) -> Option<()> {
        let text = match name {
            "nat" => self.nat(fields)?,
            "masq" | "redir" => {
                let (flags, low, high) = match name {
                    "masq" => (fields.number(1), fields.slot(2), fields.slot(3)),
                    _ => (fields.number(3), fields.slot(1), fields.slot(2)),
                };
                let verb = if name == "masq" {
                    "masquerade"
                } else {
                    "redirect"
                };
                let ports = self.span(low, high, DataType::Service);
                let ports = ports.map_or_else(String::new, |ports| format!(" to :{ports}"));
                format!("{verb}{ports}{}", flag_words(flags.unwrap_or(0)))
            }
            "tproxy" => self.tproxy(fields)?,
            "dup" => {
                let device = fields
                    .slot(2)
                    .and_then(|at| self.words(at, DataType::IfIndex));
                let kind = if self.family == Family::Ip6 {
                    DataType::Ipv6
                } else {
                    DataType::Ipv4
                };
                let address = fields.slot(1).and_then(|at| self.words(at, kind));
                match (address, device) {
                    (Some(address), Some(device)) => format!("dup to {address} device {device}"),
                    (Some(one), None) | (None, Some(one)) => format!("dup to {one}"),
                    (None, None) => return None,
                }
            }
            "fwd" => {
                let device = self.words(fields.slot(1)?, DataType::IfIndex)?;
                let (word, kind) = family_word(fields.number(3).unwrap_or(2));
                match fields.slot(2).and_then(|at| self.words(at, kind)) {
                    Some(address) => format!("fwd {word} to {address} device {device}"),
                    None => format!("fwd to {device}"),
                }
            }
            _ => return None,
        };
        self.push(text);
        Some(())
    }

    fn target(&mut self, address: Option<String>, port: Option<String>, ipv6: bool) -> String {
        match (address, port) {
            (Some(address), Some(port)) if ipv6 => format!("[{address}]:{port}"),
            (Some(address), Some(port)) => format!("{address}:{port}"),
            (Some(address), None) => address,
            (None, Some(port)) => format!(":{port}"),
            (None, None) => String::new(),
        }
    }

    fn nat(&mut self, fields: Fields<'_>) -> Option<String> {
        let verb = match fields.number(1)? {
            0 => "snat",
            _ => "dnat",
        };
        let (word, kind) = family_word(fields.number(2)?);
        let flags = fields.number(7).unwrap_or(0);
        let address = self.span(fields.slot(3), fields.slot(4), kind);
        let port = self.span(fields.slot(5), fields.slot(6), DataType::Service);
        // In a table of one family its name is not needed.
        let family = match (&address, self.family) {
            (Some(_), Family::Inet) => format!("{word} "),
            _ => String::new(),
        };
        let prefix = if flags & NETMAP != 0 { "prefix " } else { "" };
        let target = self.target(address, port, kind == DataType::Ipv6);
        if target.is_empty() {
            return None;
        }
        Some(format!(
            "{verb} {family}{prefix}to {target}{}",
            flag_words(flags)
        ))
    }

    fn tproxy(&mut self, fields: Fields<'_>) -> Option<String> {
        let family = fields.number(1)?;
        let (word, kind) = family_word(family);
        let address = fields.slot(2).and_then(|at| self.words(at, kind));
        let port = fields
            .slot(3)
            .and_then(|at| self.words(at, DataType::Service));
        let target = self.target(address, port, kind == DataType::Ipv6);
        let word = match (self.family, family) {
            (Family::Inet, 2 | 10) => format!("{word} "),
            _ => String::new(),
        };
        Some(format!("tproxy {word}to {target}"))
    }
}
