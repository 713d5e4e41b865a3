//! Comparisons, ranges and lookups: the conditions of a rule.

use super::fields::Fields;
use super::header::{self, HeaderField};
use super::selector::{Operand, OperandSource};
use super::values::{Values, flag_names, flags, number, prefix_of, value};
use super::{Printer, single_type};
use crate::DataType;

/// A selector as text, with the form of the values it is compared with.
#[derive(Debug, Clone)]
pub(super) struct Rendered {
    pub(super) text: String,
    pub(super) kind: DataType,
    /// The number of bits below the field, for one that is only some bits of its bytes.
    pub(super) shift: u32,
    pub(super) swapped: bool,
    /// Bytes in a key.
    pub(super) length: usize,
    /// A mask that is not part of the selector's name.
    mask: Option<Vec<u8>>,
    masked: bool,
}

impl Rendered {
    /// A value from the kernel, converted to the selector's form.
    pub(super) fn plain(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        if self.swapped && self.kind.host_order() {
            out.reverse();
        }
        if self.shift > 0 && out.len() <= 8 {
            let number = out.iter().fold(0_u64, |sum, b| (sum << 8) | u64::from(*b));
            let moved = (number >> self.shift).to_be_bytes();
            out = moved.get(8 - out.len()..).unwrap_or_default().to_vec();
        }
        out
    }

    /// With the mask as part of the text.
    pub(super) fn with_mask(mut self, values: Values<'_>) -> Self {
        if let Some(mask) = self.mask.take() {
            self.text = format!("{} & {}", self.text, self.value(&mask, values));
            self.masked = true;
        }
        self
    }

    pub(super) fn value(&self, bytes: &[u8], values: Values<'_>) -> String {
        values.value(self.kind, &self.plain(bytes))
    }
}

const SIGNS: [&str; 6] = ["", "!= ", "< ", "<= ", "> ", ">= "];

impl Printer<'_> {
    /// A selector as text.
    pub(super) fn render(&mut self, operand: &Operand) -> Rendered {
        let mut out = Rendered {
            text: String::new(),
            kind: DataType::Unknown(0),
            shift: 0,
            swapped: operand.swapped,
            length: operand.length,
            mask: operand.mask.clone(),
            masked: false,
        };
        match &operand.source {
            OperandSource::Named(text, kind) => (out.text, out.kind) = (text.clone(), *kind),
            OperandSource::Bytes(bytes) => out.text = value(DataType::Unknown(0), bytes),
            OperandSource::Payload {
                base,
                offset,
                length,
            } => {
                let mask = operand
                    .mask
                    .as_deref()
                    .and_then(|m| number(DataType::Number, m));
                let fits = |f: &&HeaderField| f.offset == *offset && f.length == *length;
                let fields = self.fields(*base);
                let bits = fields
                    .iter()
                    .filter(fits)
                    .find(|f| f.mask != 0 && Some(f.mask) == mask);
                let whole = fields.iter().filter(fits).find(|f| f.mask == 0);
                match (bits, whole) {
                    (Some(field), _) => {
                        out.mask = None;
                        out.shift = field.mask.trailing_zeros();
                        if operand.shift > 0 {
                            out.shift = 0;
                        }
                        (out.text, out.kind) = (field.name.into(), field.kind);
                        self.named(*base);
                        return out;
                    }
                    (None, Some(field)) => {
                        (out.text, out.kind) = (field.name.into(), field.kind);
                        self.named(*base);
                    }
                    (None, None) => out.text = header::raw(*base, *offset, *length),
                }
            }
        }
        if operand.shift != 0 {
            if let Some(mask) = out.mask.take() {
                out.text = format!("({} & {})", out.text, out.value(&mask, self.values));
            }
            let sign = if operand.shift > 0 { ">>" } else { "<<" };
            out.text = format!("{} {sign} {}", out.text, operand.shift.unsigned_abs());
        }
        out
    }

    /// The selectors in consecutive registers, in the form of a joined key.
    pub(super) fn joined(&mut self, first: usize, length: usize) -> Vec<Rendered> {
        let mut out = Vec::new();
        let mut done = 0;
        while done < length.max(1) {
            let Some(operand) = self.register(first + done / 4) else {
                break;
            };
            done += operand.length.max(1).next_multiple_of(4);
            out.push(self.render(&operand).with_mask(self.values));
        }
        out
    }

    pub(super) fn compare(&mut self, fields: Fields<'_>) -> Option<()> {
        let from = fields.slot(1)?;
        let operation = fields.number(2)?;
        let data = fields.data(3)?;
        let operand = self.register(from)?;
        if let Some((slot, low, at)) = self.lower.take()
            && operation == 3
            && slot == from
        {
            let rendered = self.render(&operand);
            let text =
                self.values
                    .range(rendered.kind, &rendered.plain(&low), &rendered.plain(data));
            if let Some(text_before) = self.out.get_mut(at) {
                *text_before = format!("{} {text}", rendered.text);
                return Some(());
            }
        }
        if let (
            OperandSource::Payload {
                base,
                offset,
                length,
            },
            None,
            true,
        ) = (&operand.source, &operand.mask, operation < 2)
        {
            return self.compare_payload(*base, *offset, *length, operation, data);
        }
        let rendered = self.render(&operand);
        self.push_comparison(&rendered, operation, data)?;
        if operation == 5 {
            self.lower = Some((from, data.to_vec(), self.out.len() - 1));
        }
        Some(())
    }

    /// Neighbouring fields are loaded and compared at once, and addresses by their first bytes.
    fn compare_payload(
        &mut self,
        base: u32,
        offset: u32,
        length: u32,
        operation: u32,
        data: &[u8],
    ) -> Option<()> {
        let (mut at, mut rest) = (offset, data);
        let end = offset.checked_add(length)?;
        let mut parts: Vec<(HeaderField, &[u8])> = Vec::new();
        while at < end {
            let left = end - at;
            let here = || {
                self.fields(base)
                    .iter()
                    .filter(|f| f.offset == at && f.mask == 0)
            };
            let field = here()
                .find(|f| f.length == left)
                .or_else(|| here().find(|f| f.length < left))
                .or_else(|| here().find(|f| f.kind.address() || f.kind == DataType::Ether));
            let Some(field) = field else {
                parts.clear();
                break;
            };
            let taken = field.length.min(left) as usize;
            parts.push((*field, rest.get(..taken)?));
            rest = rest.get(taken..)?;
            at += field.length.min(left);
        }
        if parts.is_empty() || (parts.len() > 1 && operation != 0) {
            let source = OperandSource::Payload {
                base,
                offset,
                length,
            };
            let rendered = self.render(&Operand::new(source, length as usize));
            return self.push_comparison(&rendered, operation, data);
        }
        for (field, bytes) in parts {
            self.named(base);
            let sign = match SIGNS.get(operation as usize)? {
                &"" if flags(field.kind).is_some() => "== ",
                sign => sign,
            };
            let mut whole = bytes.to_vec();
            whole.resize(field.length as usize, 0);
            let mut text = format!("{} {sign}{}", field.name, value(field.kind, &whole));
            if bytes.len() < whole.len() {
                text = format!("{text}/{}", bytes.len() * 8);
            }
            self.push(text);
            if operation == 0 {
                self.learn(field.name, bytes);
            }
        }
        Some(())
    }

    fn push_comparison(&mut self, left: &Rendered, operation: u32, data: &[u8]) -> Option<()> {
        let sign = SIGNS.get(operation as usize)?;
        let Some(mask) = &left.mask else {
            if flags(left.kind).is_some() && operation < 2 {
                let sign = if operation == 0 { "== " } else { "!= " };
                self.push(format!(
                    "{} {sign}{}",
                    left.text,
                    left.value(data, self.values)
                ));
                return Some(());
            }
            self.push(format!(
                "{} {sign}{}",
                left.text,
                left.value(data, self.values)
            ));
            if operation == 0 {
                self.learn(&left.text.clone(), data);
            }
            return Some(());
        };
        let zero = data.iter().all(|b| *b == 0);
        let text = match (flags(left.kind), leading(left.kind, mask)) {
            (Some(_), _) if zero && operation == 1 => {
                format!("{} {}", left.text, left.value(mask, self.values))
            }
            (Some(_), _) if zero && operation == 0 => {
                format!("{} ! {}", left.text, left.value(mask, self.values))
            }
            (Some(_), _) if operation < 2 => {
                format!(
                    "{} {sign}{} / {}",
                    left.text,
                    left.value(data, self.values),
                    left.value(mask, self.values)
                )
            }
            (Some(table), _) => {
                let mask = flag_names(table, number(left.kind, mask)?, " | ");
                format!(
                    "{} & ({mask}) {sign}{}",
                    left.text,
                    left.value(data, self.values)
                )
            }
            (None, Some(bits)) if operation < 2 => {
                format!(
                    "{} {sign}{}/{bits}",
                    left.text,
                    left.value(data, self.values)
                )
            }
            _ => {
                let sign = if operation == 0 { "== " } else { sign };
                format!(
                    "{} & {} {sign}{}",
                    left.text,
                    left.value(mask, self.values),
                    left.value(data, self.values)
                )
            }
        };
        self.push(text);
        Some(())
    }

    pub(super) fn range(&mut self, fields: Fields<'_>) -> Option<()> {
        let operand = self.register(fields.slot(1)?)?;
        let sign = if fields.number(2)? == 1 { "!= " } else { "" };
        let (first, last) = (fields.data(3)?, fields.data(4)?);
        let left = self.render(&operand);
        let text = self
            .values
            .range(left.kind, &left.plain(first), &left.plain(last));
        self.push(format!("{} {sign}{text}", left.text));
        Some(())
    }

    pub(super) fn lookup(&mut self, fields: Fields<'_>) -> Option<()> {
        let name = fields.text(1);
        let set = self.sets.get(&name);
        let key_length = set.map_or(1, |set| set.key_length);
        let parts = self.joined(fields.slot(2)?, key_length);
        if parts.is_empty() {
            return None;
        }
        let left: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        let left = left.join(" . ");
        let right = match set.filter(|set| set.anonymous()) {
            Some(set) => set.elements_text(&parts, self.values),
            None => format!("@{name}"),
        };
        let Some(to) = fields.number(3) else {
            let masked = matches!(parts.as_slice(), [part] if part.masked);
            let sign = match fields.number(5).unwrap_or(0) & 1 {
                1 => "!= ",
                _ if masked => "== ",
                _ => "",
            };
            self.push(format!("{left} {sign}{right}"));
            return Some(());
        };
        match super::fields::slot(to) {
            None => self.push(format!("{left} vmap {right}")),
            Some(to) => {
                let kind = set.map_or(DataType::Unknown(0), |set| single_type(set.data_type));
                let length = set.map_or(4, |set| set.data_length);
                let source = OperandSource::Named(format!("{left} map {right}"), kind);
                self.set_register(to, Operand::new(source, length));
            }
        }
        Some(())
    }
}

/// The number of leading bits of a mask that nft writes as a prefix.
fn leading(kind: DataType, mask: &[u8]) -> Option<u32> {
    match kind {
        kind if kind.address() => prefix_of(mask),
        DataType::DevGroup | DataType::Mark => prefix_of(&in_network_order(mask)),
        _ => None,
    }
}

/// The bytes of a number of the machine, the highest first.
fn in_network_order(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if cfg!(target_endian = "little") {
        out.reverse();
    }
    out
}
