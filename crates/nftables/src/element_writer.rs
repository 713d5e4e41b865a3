//! Elements of sets and maps as attributes of netlink.

use crate::message;
use crate::ruleset::Layout;
use crate::value::{self, Form};
use crate::wire::Writer;
use crate::{Element, Value};

/// User data: type, length, string with its terminator (libnftnl's TLV).
pub(crate) fn comment(w: &mut Writer, attribute: u16, text: &str) {
    if text.is_empty() {
        return;
    }
    let text = value::comment(text).as_bytes();
    w.attr_with(attribute, |w| {
        w.raw(&[0, text.len() as u8 + 1]);
        w.raw(text);
        w.raw(&[0]);
    });
}

/// Writes elements one after the other, with the same buffers for all of them.
pub(crate) struct ElementWriter {
    key: Form,
    /// One field with intervals: an element is a pair of a start and an end.
    pairs: bool,
    /// Several fields with intervals: an element has both keys, equal ones too.
    both: bool,
    adding: bool,
    low: Vec<u8>,
    high: Vec<u8>,
    value: Vec<u8>,
    unused: Vec<u8>,
}

impl ElementWriter {
    pub(crate) fn new(layout: Layout, adding: bool) -> Self {
        let padded = layout.fields > 1;
        Self {
            key: Form {
                padded,
                network_order: layout.interval,
            },
            pairs: !padded && layout.interval,
            both: padded && layout.interval,
            adding,
            low: Vec::new(),
            high: Vec::new(),
            value: Vec::new(),
            unused: Vec::new(),
        }
    }

    pub(crate) fn write(&mut self, w: &mut Writer, element: &Element) {
        self.low.clear();
        self.high.clear();
        for value in &element.key {
            value.write(&mut self.low, &mut self.high, self.key);
        }
        w.nest(1, |w| {
            w.nest(1, |w| w.attr(1, &self.low));
            if self.adding {
                self.data(w, element);
            }
            if self.both {
                w.nest(10, |w| w.attr(1, &self.high));
            }
        });
        if self.pairs && add_one(&mut self.high) {
            w.nest(1, |w| {
                w.nest(1, |w| w.attr(1, &self.high));
                w.be32(3, message::ELEMENT_INTERVAL_END);
            });
        }
    }

    fn data(&mut self, w: &mut Writer, element: &Element) {
        if let [Value::Verdict(verdict)] = element.value.as_slice() {
            w.nest(2, |w| verdict.write(w));
        } else if !element.value.is_empty() {
            self.value.clear();
            self.unused.clear();
            let form = Form {
                padded: element.value.len() > 1,
                network_order: false,
            };
            for value in &element.value {
                value.write(&mut self.value, &mut self.unused, form);
            }
            w.nest(2, |w| w.attr(1, &self.value));
        }
        if let Some(text) = &element.comment {
            comment(w, 6, text);
        }
    }
}

/// Changes a key to the next one in byte order; false after the last.
fn add_one(bytes: &mut [u8]) -> bool {
    for byte in bytes.iter_mut().rev() {
        let (sum, carry) = byte.overflowing_add(1);
        *byte = sum;
        if !carry {
            return true;
        }
    }
    false
}
