//! Expressions that load or change a register.

use super::Printer;
use super::fields::Fields;
use super::selector::{Operand, OperandSource, ct, exthdr, fib, meta, route, socket};
use super::values::number;
use crate::DataType;

impl Printer<'_> {
    /// Selectors and operations on them; expressions that write are printed at once.
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
        self.push(format!("{text} set {words}"));
        Some(())
    }

    fn payload(&mut self, fields: Fields<'_>) -> Option<()> {
        let (base, offset, length) = (fields.number(2)?, fields.number(3)?, fields.number(4)?);
        let source = OperandSource::Payload {
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
                    self.push(text);
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

    /// A field of some bits that is written with the bits around it, `ip ttl set 64`.
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
        // Kept bits and set bits: (x & mask) ^ xor is an `or` if the mask has no bit of xor.
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
        let mut out = Operand::new(OperandSource::Named(text, kind), operand.length);
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
}
