//! Sets and elements as the kernel lists them: bytes whose meaning depends on the set's types.

use super::{DecodeError, comment, text};
use crate::expr::Verdict;
use crate::message::{
    ELEMENT_CATCH_ALL, ELEMENT_INTERVAL_END, SET_ANONYMOUS, SET_CONCAT, SET_EVAL, SET_INTERVAL,
    SET_MAP, SET_TIMEOUT,
};
use crate::value::Form;
use crate::wire::{Attrs, be32_of};
use crate::{DataType, Element, Set, Value};

/// A set as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSet {
    pub(crate) name: String,
    pub(crate) flags: u32,
    pub(crate) key_type: u32,
    pub(crate) key_length: usize,
    pub(crate) data_type: u32,
    pub(crate) data_length: usize,
    pub(crate) elements: Vec<RawElement>,
}

/// An element as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawElement {
    pub(crate) key: Vec<u8>,
    pub(crate) key_end: Option<Vec<u8>>,
    pub(crate) flags: u32,
    pub(crate) data: Option<Data>,
    pub(crate) comment: Option<String>,
}

/// The value of a key in a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    Verdict(Verdict),
    Value(Vec<u8>),
}

/// Registers hold this many bytes.
const REGISTERS_SIZE: usize = 64;

impl RawElement {
    pub(crate) fn is_end(&self) -> bool {
        self.flags & ELEMENT_INTERVAL_END != 0
    }

    pub(crate) fn is_catch_all(&self) -> bool {
        self.flags & ELEMENT_CATCH_ALL != 0
    }

    fn read(element: &[u8]) -> Self {
        let attrs = Attrs(element);
        let bytes = |kind| {
            let data = Attrs(attrs.find(kind)?).find(1)?;
            Some(data.to_vec())
        };
        let data = attrs.find(2).map(Attrs).and_then(|data| {
            let verdict = data.find(2).and_then(Verdict::read);
            let value = data.find(1).map(|v| Data::Value(v.to_vec()));
            verdict.map(Data::Verdict).or(value)
        });
        Self {
            key: bytes(1).unwrap_or_default(),
            key_end: bytes(10),
            flags: attrs.find(3).and_then(be32_of).unwrap_or(0),
            data,
            comment: attrs.find(6).and_then(comment),
        }
    }
}

impl RawSet {
    pub(super) fn read(attrs: Attrs<'_>) -> Result<Self, DecodeError> {
        let number = |kind| attrs.find(kind).and_then(be32_of).unwrap_or(0);
        Ok(Self {
            name: text(attrs, 2, "set", "a name")?,
            flags: number(3),
            key_type: number(4),
            key_length: (number(5) as usize).min(REGISTERS_SIZE),
            data_type: number(6),
            data_length: (number(7) as usize).min(REGISTERS_SIZE),
            elements: Vec::new(),
        })
    }

    /// A set with only the length of its keys: enough to print a rule that uses it.
    pub(crate) fn outline(name: &str, key: &[DataType], value: &[DataType]) -> Self {
        Self {
            name: name.to_owned(),
            flags: 0,
            key_type: DataType::joined(key),
            key_length: DataType::joined_length(key),
            data_type: DataType::joined(value),
            data_length: DataType::joined_length(value),
            elements: Vec::new(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is part of the rule that uses it.
    #[must_use]
    pub fn anonymous(&self) -> bool {
        self.flags & SET_ANONYMOUS != 0
    }

    pub(crate) fn is_interval(&self) -> bool {
        self.flags & SET_INTERVAL != 0
    }

    /// Adds the elements of one message of the list.
    pub fn add_elements(&mut self, body: &[u8]) {
        let attrs = Attrs(body.get(4..).unwrap_or_default());
        let list = Attrs(attrs.find(3).unwrap_or_default());
        self.elements
            .extend(list.map(|(_, element)| RawElement::read(element)));
    }

    /// The set with its elements as values, in order of their keys.
    #[must_use]
    pub fn typed(&self) -> Set {
        let key = DataType::sized(DataType::split(self.key_type), self.key_length);
        let value = (self.flags & SET_MAP != 0).then(|| DataType::split(self.data_type));
        let values = value.as_deref().unwrap_or_default();
        let mut elements: Vec<Element> = match (self.is_interval(), key.len()) {
            (true, 0 | 1) => self.pairs(key.first().copied(), values),
            _ => self
                .elements
                .iter()
                .map(|e| {
                    let end = e.key_end.as_deref().unwrap_or(&e.key);
                    self.element(e, fields(&key, &e.key, end, self.is_interval()), values)
                })
                .collect(),
        };
        elements.sort();
        let dynamic = self.flags & SET_EVAL != 0;
        if dynamic {
            elements.clear();
        }
        Set {
            name: self.name.clone(),
            key,
            value,
            interval: self.is_interval(),
            dynamic,
            expiring: self.flags & SET_TIMEOUT != 0,
            made_of: Vec::new(),
            other_flags: self.flags
                & !(SET_INTERVAL | SET_MAP | SET_CONCAT | SET_ANONYMOUS | SET_EVAL | SET_TIMEOUT),
            elements,
        }
    }

    fn element(&self, raw: &RawElement, key: Vec<Value>, values: &[DataType]) -> Element {
        let value = match &raw.data {
            None => Vec::new(),
            Some(Data::Value(bytes)) => fields(values, bytes, bytes, false),
            Some(Data::Verdict(verdict)) => vec![Value::Verdict(verdict.clone())],
        };
        Element {
            key,
            value,
            comment: raw.comment.clone(),
        }
    }

    /// One field with intervals: elements are the starts and the ends of ranges. An end is the
    /// first key after the range; a range up to the highest key has none.
    fn pairs(&self, kind: Option<DataType>, values: &[DataType]) -> Vec<Element> {
        let mut sorted: Vec<&RawElement> = self.elements.iter().collect();
        sorted.sort_by_key(|e| (&e.key, !e.is_end()));
        let form = Form {
            padded: false,
            network_order: true,
        };
        let mut out = Vec::new();
        for (position, raw) in sorted.iter().enumerate() {
            if raw.is_end() {
                continue;
            }
            let next = sorted.get(position + 1);
            let last = last_before(raw.key.len(), next.map(|e| e.key.as_slice()));
            let kind = kind.unwrap_or(DataType::Unknown(0));
            let key = Value::read(kind, &raw.key, &last, form);
            out.push(self.element(raw, vec![key], values));
        }
        out
    }
}

/// The last key before another; without one, the highest.
pub(crate) fn last_before(length: usize, end: Option<&[u8]>) -> Vec<u8> {
    let Some(end) = end else {
        return vec![0xff; length];
    };
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

/// The values of joined fields, each padded to four bytes.
fn fields(types: &[DataType], first: &[u8], last: &[u8], network_order: bool) -> Vec<Value> {
    let form = Form {
        padded: types.len() > 1,
        network_order,
    };
    let mut out = Vec::new();
    let mut at = 0;
    for kind in types {
        // A type without a fixed length takes the rest.
        let length = match kind.length() {
            0 => first.len().saturating_sub(at),
            length => length,
        };
        let part = |bytes: &[u8]| bytes.get(at..at + length).unwrap_or_default().to_vec();
        out.push(Value::read(*kind, &part(first), &part(last), form));
        at += length.next_multiple_of(4);
    }
    out
}
