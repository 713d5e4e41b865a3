//! Rules and tables in nft syntax, in the form of `nft list ruleset` and for `nft -f`.
//!
//! Rules of every kind are printed from the kernel's expressions: values of this crate are lowered
//! first. What an expression loads into registers is stored, and printed where it is used.

mod fields;
mod header;
mod implied;
mod load;
mod matching;
mod names;
mod nat;
mod rule;
mod selector;
mod set;
mod statement;
mod table;
mod target;
mod values;
mod within;
mod xt;

use std::collections::BTreeMap;

pub(crate) use header::raw as raw_payload;
pub use rule::{RuleInfo, listed, rule, rule_with_comment};
pub use table::{chain, element, ruleset, set, table, value};
pub use values::mac;
pub use within::rule_in;

use crate::decode::RawSet;
use crate::wire::{Attrs, string_of};
use crate::{DataType, Family};
use fields::Fields;
use header::{ARP, IPV4, IPV6};
use selector::{Operand, OperandSource};
use values::Values;

/// Registers of four bytes (NFT_REG32_COUNT), and some more for values that begin in the last.
const REGISTERS: usize = 20;

/// Sets by name.
pub type Sets = BTreeMap<String, RawSet>;

/// A rule that is being printed.
struct Printer<'a> {
    family: Family,
    sets: &'a Sets,
    values: Values<'a>,
    registers: [Option<Operand>; REGISTERS],
    /// The parts printed so far; those that a later part implies are emptied.
    out: Vec<String>,
    comment: Option<String>,
    /// The position in `out` of the type of the link.
    link_at: Option<usize>,
    /// The known type of the network header (an ethertype), and its position in `out`.
    network: Option<u16>,
    network_at: Option<usize>,
    /// The same of the transport header (an IP protocol).
    transport: Option<u8>,
    transport_at: Option<usize>,
    /// A `>=` that may become a range with a `<=`: register, value, position in `out`.
    lower: Option<(usize, Vec<u8>, usize)>,
}

/// The type of a value of one field.
fn single_type(number: u32) -> DataType {
    match DataType::split(number).as_slice() {
        [one] => *one,
        _ => DataType::Unknown(0),
    }
}

/// An expression nested in an attribute, as in dynamic sets: only its text.
fn nested(family: Family, expression: &[u8], values: Values<'_>) -> String {
    // There is no further nesting.
    let name = Attrs(expression).find(1).map(string_of).unwrap_or_default();
    if matches!(name.as_str(), "lookup" | "dynset" | "objref") {
        return "[nested]".into();
    }
    let sets = Sets::new();
    let mut printer = Printer::new(family, &sets, values);
    printer.print(expression, false);
    printer.finish().0
}

impl<'a> Printer<'a> {
    fn new(family: Family, sets: &'a Sets, values: Values<'a>) -> Self {
        Self {
            family,
            sets,
            values,
            registers: Default::default(),
            out: Vec::new(),
            comment: None,
            network: match family {
                Family::Ip => Some(IPV4),
                Family::Ip6 => Some(IPV6),
                Family::Arp => Some(ARP),
                _ => None,
            },
            link_at: None,
            network_at: None,
            transport: None,
            transport_at: None,
            lower: None,
        }
    }

    /// Prints an expression. A `pinned` one is kept even if a later part implies it.
    fn print(&mut self, expression: &[u8], pinned: bool) {
        let attrs = Attrs(expression);
        let name = attrs.find(1).map(string_of).unwrap_or_default();
        let fields = Fields(Attrs(attrs.find(2).unwrap_or_default()));
        let implied = (self.link_at, self.network_at, self.transport_at);
        if self.expression(&name, fields).is_none() {
            self.push(format!("[{name}]"));
        }
        if pinned {
            (self.link_at, self.network_at, self.transport_at) = implied;
        }
    }

    /// The text, and the comment in a match of iptables.
    fn finish(mut self) -> (String, Option<String>) {
        self.out.retain(|text| !text.is_empty());
        (self.out.join(" "), self.comment)
    }
}

impl Printer<'_> {
    fn push(&mut self, text: impl Into<String>) {
        self.out.push(text.into());
    }

    fn set_register(&mut self, slot: usize, operand: Operand) {
        let after = slot + operand.length.max(1).div_ceil(4);
        for covered in self.registers.iter_mut().take(after).skip(slot) {
            *covered = None;
        }
        if let Some(register) = self.registers.get_mut(slot) {
            *register = Some(operand);
        }
    }

    fn register(&self, slot: usize) -> Option<Operand> {
        self.registers.get(slot).cloned().flatten()
    }

    /// The content of a register as text; `kind` is the type assumed for a constant.
    fn words(&mut self, slot: usize, kind: DataType) -> Option<String> {
        let operand = self.register(slot)?;
        if let OperandSource::Bytes(bytes) = &operand.source {
            let length = match kind.length() {
                0 => bytes.len(),
                length => length.min(bytes.len()),
            };
            return Some(self.values.value(kind, bytes.get(..length)?));
        }
        Some(self.render(&operand).with_mask(self.values).text)
    }

    /// `None` if the expression is unknown.
    fn expression(&mut self, name: &str, fields: Fields<'_>) -> Option<()> {
        match name {
            "meta" | "ct" | "fib" | "rt" | "socket" | "numgen" | "hash" | "exthdr" | "payload"
            | "bitwise" | "byteorder" => self.load(name, fields),
            "cmp" => self.compare(fields),
            "range" => self.range(fields),
            "lookup" => self.lookup(fields),
            "immediate" => self.immediate(fields),
            "nat" | "masq" | "redir" | "tproxy" | "dup" | "fwd" => self.translate(name, fields),
            "match" => self.xt_match(fields),
            "target" => self.xt_target(fields),
            _ => self.statement(name, fields),
        }
    }
}
