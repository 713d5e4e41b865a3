//! Attributes of the expressions that are printed.

use crate::wire::{Attrs, be32_of, string_of};

/// The first 32-bit register of a register number; the verdict register has none.
pub(super) fn slot(number: u32) -> Option<usize> {
    match number {
        1..=4 => Some((number as usize - 1) * 4),
        8..=23 => Some(number as usize - 8),
        _ => None,
    }
}

/// Attributes of one expression.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) Attrs<'a>);

impl<'a> Fields<'a> {
    pub(super) fn bytes(self, kind: u16) -> Option<&'a [u8]> {
        self.0.find(kind)
    }

    pub(super) fn number(self, kind: u16) -> Option<u32> {
        self.0.find(kind).and_then(be32_of)
    }

    pub(super) fn text(self, kind: u16) -> String {
        self.0.find(kind).map(string_of).unwrap_or_default()
    }

    pub(super) fn slot(self, kind: u16) -> Option<usize> {
        self.number(kind).and_then(slot)
    }

    /// The value inside a data attribute.
    pub(super) fn data(self, kind: u16) -> Option<&'a [u8]> {
        Attrs(self.0.find(kind)?).find(1)
    }
}
