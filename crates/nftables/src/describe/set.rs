//! Sets and their elements, of which anonymous ones are written where they are used.

use super::matching::Rendered;
use super::statement::verdict;
use super::values::{Kind, Values, ordered};
use crate::wire::{Attrs, be32_of, string_of};

const ANONYMOUS: u32 = 0x1;
const INTERVAL: u32 = 0x4;
const INTERVAL_END: u32 = 1;
const CATCH_ALL: u32 = 2;

/// A set that a rule looks into.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    flags: u32,
    pub(super) key_length: usize,
    pub(super) data_type: u32,
    pub(super) data_length: usize,
    elements: Vec<Element>,
}

#[derive(Debug, Clone)]
struct Element {
    key: Vec<u8>,
    key_end: Option<Vec<u8>>,
    flags: u32,
    data: Option<Data>,
}

#[derive(Debug, Clone)]
enum Data {
    Verdict(String),
    Value(Vec<u8>),
}

/// A set by its attributes, with its name.
pub(crate) fn set(attributes: &[u8]) -> Option<(String, Set)> {
    let attrs = Attrs(attributes);
    let number = |kind| attrs.find(kind).and_then(be32_of).unwrap_or(0);
    Some((
        attrs.find(2).map(string_of)?,
        Set {
            flags: number(3),
            // Registers hold 64 bytes.
            key_length: (number(5) as usize).min(64),
            data_type: number(6),
            data_length: (number(7) as usize).min(64),
            elements: Vec::new(),
        },
    ))
}

impl Set {
    pub(crate) fn anonymous(&self) -> bool {
        self.flags & ANONYMOUS != 0
    }

    /// Takes up the elements of one message of the list.
    pub(crate) fn add_elements(&mut self, attributes: &[u8]) {
        let list = Attrs(attributes).find(3).unwrap_or_default();
        for (_, element) in Attrs(list) {
            let attrs = Attrs(element);
            let bytes = |kind| {
                let data = Attrs(attrs.find(kind)?).find(1)?;
                Some(data.to_vec())
            };
            let data = attrs.find(2).map(Attrs).and_then(|data| {
                data.find(2)
                    .map(|v| Data::Verdict(verdict(v)))
                    .or_else(|| data.find(1).map(|v| Data::Value(v.to_vec())))
            });
            self.elements.push(Element {
                key: bytes(1).unwrap_or_default(),
                key_end: bytes(10),
                flags: attrs.find(3).and_then(be32_of).unwrap_or(0),
                data,
            });
        }
    }

    /// `{ 80, 443 }`, each as what the selectors say.
    pub(super) fn elements_text(&self, parts: &[Rendered], values: Values<'_>) -> String {
        let single = match parts {
            [part] => Some(part),
            _ => None,
        };
        let plain = |key: &[u8]| single.map_or_else(|| key.to_vec(), |part| part.plain(key));
        let kind = single.map_or(Kind::Unknown, |part| part.kind);
        let mut sorted: Vec<(Vec<u8>, Vec<u8>, &Element)> = self
            .elements
            .iter()
            .map(|element| {
                let key = plain(&element.key);
                let mut order = ordered(kind, &key);
                // nft takes names for numbers of the machine, too.
                if kind == Kind::IfName && self.flags & INTERVAL == 0 {
                    order.reverse();
                }
                (order, key, element)
            })
            .collect();
        // An end comes before the start of the next at the same value.
        sorted.sort_by(|a, b| {
            let end = |e: &Element| e.flags & INTERVAL_END == 0;
            let last = |e: &Element| e.flags & CATCH_ALL != 0;
            (last(a.2), &a.0, end(a.2)).cmp(&(last(b.2), &b.0, end(b.2)))
        });
        let mut out = Vec::new();
        for (position, (_, key, element)) in sorted.iter().enumerate() {
            if element.flags & INTERVAL_END != 0 {
                continue;
            }
            let text = match single {
                _ if element.flags & CATCH_ALL != 0 => "*".into(),
                Some(_) if self.flags & INTERVAL != 0 => {
                    let end = sorted
                        .get(position + 1)
                        .filter(|(_, _, next)| next.flags & INTERVAL_END != 0);
                    let end = end.map(|(ordered, _, _)| ordered.as_slice());
                    values.range(kind, key, &last_before(kind, key.len(), end))
                }
                Some(_) => values.value(kind, key),
                None => joined(parts, &element.key, element.key_end.as_deref(), values),
            };
            out.push(match &element.data {
                None => text,
                Some(Data::Verdict(verdict)) => format!("{text} : {verdict}"),
                Some(Data::Value(bytes)) => format!("{text} : {}", self.data(bytes, values)),
            });
        }
        format!("{{ {} }}", out.join(", "))
    }

    /// A map's value; joined types are six bits each.
    fn data(&self, bytes: &[u8], values: Values<'_>) -> String {
        let mut types = Vec::new();
        let mut rest = self.data_type;
        while rest != 0 {
            types.insert(0, Kind::of_number(rest & 0x3f));
            rest >>= 6;
        }
        if let [kind] = types.as_slice() {
            return values.value(*kind, bytes);
        }
        let mut out = Vec::new();
        let mut at = 0;
        for kind in types {
            let length = kind.length().max(1);
            out.push(values.value(kind, bytes.get(at..at + length).unwrap_or_default()));
            at += length.next_multiple_of(4);
        }
        out.join(" . ")
    }
}

/// The last value before an end (big-endian); without one the highest.
fn last_before(kind: Kind, length: usize, end: Option<&[u8]>) -> Vec<u8> {
    let mut last = match end {
        Some(end) => {
            let mut last = end.to_vec();
            for byte in last.iter_mut().rev() {
                let (less, borrow) = byte.overflowing_sub(1);
                *byte = less;
                if !borrow {
                    break;
                }
            }
            last
        }
        None => vec![0xff; length],
    };
    if kind.host_order() {
        last = ordered(kind, &last);
    }
    last
}

/// Fields of a joined key, each padded to four bytes.
fn joined(parts: &[Rendered], key: &[u8], end: Option<&[u8]>, values: Values<'_>) -> String {
    let mut out = Vec::new();
    let mut at = 0;
    for part in parts {
        let field = |bytes: &[u8]| part.plain(bytes.get(at..at + part.length).unwrap_or_default());
        let first = field(key);
        let last = end.map_or_else(|| first.clone(), field);
        out.push(values.range(part.kind, &first, &last));
        at += part.length.max(1).next_multiple_of(4);
    }
    out.join(" . ")
}
