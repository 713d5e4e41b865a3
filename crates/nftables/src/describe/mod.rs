//! A rule's expressions in nft's own words: what each loads into registers is remembered, and said
//! where it is used.

mod header;
mod load;
mod matching;
mod names;
mod nat;
mod set;
mod statement;
mod target;
mod values;
mod xt;

use std::collections::BTreeMap;

pub(crate) use set::{Set, set};

use crate::wire::{Attrs, be32_of, string_of};
use load::{Operand, Source};
use values::{Kind, Values};

/// Registers of four bytes (NFT_REG32_COUNT), and some for what begins in the last.
const REGISTERS: usize = 20;

/// A rule that is being read.
pub(super) struct Rule<'a> {
    family: u8,
    sets: &'a BTreeMap<String, Set>,
    values: Values<'a>,
    registers: [Option<Operand>; REGISTERS],
    /// What is said so far; what another says too is emptied.
    out: Vec<String>,
    comment: Option<String>,
    /// Where in `out` the kind of link was said.
    link_said: Option<usize>,
    /// What the network header is known to be (an ethertype), and where in `out` that was said.
    network: Option<u16>,
    network_said: Option<usize>,
    /// The same of the transport header (an IP protocol).
    transport: Option<u8>,
    transport_said: Option<usize>,
    /// A `>=` that a `<=` may make a range of: register, value, place in `out`.
    lower: Option<(usize, Vec<u8>, usize)>,
}

/// The first 32-bit register of a register number; the verdict register has none.
fn slot(number: u32) -> Option<usize> {
    match number {
        1..=4 => Some((number as usize - 1) * 4),
        8..=23 => Some(number as usize - 8),
        _ => None,
    }
}

/// Attributes of one expression.
#[derive(Clone, Copy)]
struct Fields<'a>(Attrs<'a>);

impl<'a> Fields<'a> {
    fn bytes(self, kind: u16) -> Option<&'a [u8]> {
        self.0.find(kind)
    }

    fn number(self, kind: u16) -> Option<u32> {
        self.0.find(kind).and_then(be32_of)
    }

    fn text(self, kind: u16) -> String {
        self.0.find(kind).map(string_of).unwrap_or_default()
    }

    fn slot(self, kind: u16) -> Option<usize> {
        self.number(kind).and_then(slot)
    }

    /// The value inside a data attribute.
    fn data(self, kind: u16) -> Option<&'a [u8]> {
        Attrs(self.0.find(kind)?).find(1)
    }
}

/// The names of the sets that a rule's expressions look into.
pub(crate) fn sets_named(expressions: &[u8]) -> Vec<String> {
    Attrs(expressions)
        .filter_map(|(_, expression)| set_named(expression))
        .collect()
}

fn set_named(expression: &[u8]) -> Option<String> {
    let attrs = Attrs(expression);
    let attribute = match string_of(attrs.find(1)?).as_str() {
        "lookup" | "dynset" => 1,
        "objref" => 4,
        _ => return None,
    };
    Attrs(attrs.find(2)?).find(attribute).map(string_of)
}

/// A rule's text, and the comment that a match of it carries.
pub(crate) fn rule(
    family: u8,
    expressions: &[u8],
    sets: &BTreeMap<String, Set>,
    interface: &dyn Fn(u32) -> Option<String>,
) -> (String, Option<String>) {
    let mut rule = Rule {
        family,
        sets,
        values: Values(interface),
        registers: Default::default(),
        out: Vec::new(),
        comment: None,
        network: match family {
            2 => Some(header::IPV4),
            10 => Some(header::IPV6),
            3 => Some(header::ARP),
            _ => None,
        },
        link_said: None,
        network_said: None,
        transport: None,
        transport_said: None,
        lower: None,
    };
    for (_, expression) in Attrs(expressions) {
        let attrs = Attrs(expression);
        let name = attrs.find(1).map(string_of).unwrap_or_default();
        let fields = Fields(Attrs(attrs.find(2).unwrap_or_default()));
        if rule.expression(&name, fields).is_none() {
            rule.say(format!("[{name}]"));
        }
    }
    rule.out.retain(|text| !text.is_empty());
    (rule.out.join(" "), rule.comment)
}

/// An expression nested in an attribute, as dynamic sets have: its text alone.
fn nested(family: u8, expression: &[u8], values: Values<'_>) -> String {
    // They do not nest further.
    if set_named(expression).is_some() {
        return "[nested]".into();
    }
    let mut list = crate::wire::Writer::default();
    list.attr(1, expression);
    let list = list.as_bytes().unwrap_or_default();
    rule(family, list, &BTreeMap::new(), values.0).0
}

impl Rule<'_> {
    fn say(&mut self, text: impl Into<String>) {
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

    /// What a register holds, in words; `kind` is what a constant is taken for.
    fn words(&mut self, slot: usize, kind: Kind) -> Option<String> {
        let operand = self.register(slot)?;
        if let Source::Bytes(bytes) = &operand.source {
            let length = match kind.length() {
                0 => bytes.len(),
                length => length.min(bytes.len()),
            };
            return Some(self.values.value(kind, bytes.get(..length)?));
        }
        Some(self.render(&operand).with_mask(self.values).text)
    }

    /// `None` when the expression is not understood.
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
