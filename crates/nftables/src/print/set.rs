//! Elements of anonymous sets, which are printed where a rule uses the set.

use super::matching::Rendered;
use super::statement::verdict;
use super::values::{Values, ordered};
use crate::DataType;
use crate::decode::{Data, RawElement, RawSet, last_before};

impl RawSet {
    /// `{ 80, 443 }`, each value by the type of its selector.
    pub(super) fn elements_text(&self, parts: &[Rendered], values: Values<'_>) -> String {
        let single = match parts {
            [part] => Some(part),
            _ => None,
        };
        let plain = |key: &[u8]| single.map_or_else(|| key.to_vec(), |part| part.plain(key));
        let kind = single.map_or(DataType::Unknown(0), |part| part.kind);
        let mut sorted: Vec<(Vec<u8>, Vec<u8>, &RawElement)> = self
            .elements
            .iter()
            .map(|element| {
                let key = plain(&element.key);
                let mut order = ordered(kind, &key);
                // For nft, names are numbers of the machine, too.
                if kind == DataType::IfName && !self.is_interval() {
                    order.reverse();
                }
                (order, key, element)
            })
            .collect();
        // An end is sorted before the start of the next element at the same value.
        sorted.sort_by(|a, b| {
            let end = |e: &RawElement| !e.is_end();
            let last = |e: &RawElement| e.is_catch_all();
            (last(a.2), &a.0, end(a.2)).cmp(&(last(b.2), &b.0, end(b.2)))
        });
        let mut out = Vec::new();
        for (position, (_, key, element)) in sorted.iter().enumerate() {
            if element.is_end() {
                continue;
            }
            let text = match single {
                _ if element.is_catch_all() => "*".into(),
                Some(_) if self.is_interval() => {
                    let end = sorted
                        .get(position + 1)
                        .filter(|(_, _, next)| next.is_end());
                    let end = end.map(|(ordered, _, _)| ordered.as_slice());
                    values.range(kind, key, &last_value(kind, key.len(), end))
                }
                Some(_) => values.value(kind, key),
                None => joined(parts, &element.key, element.key_end.as_deref(), values),
            };
            out.push(match &element.data {
                None => text,
                Some(Data::Verdict(this)) => format!("{text} : {}", verdict(this)),
                Some(Data::Value(bytes)) => format!("{text} : {}", self.data(bytes, values)),
            });
        }
        format!("{{ {} }}", out.join(", "))
    }

    /// A map's value; joined types are six bits each.
    fn data(&self, bytes: &[u8], values: Values<'_>) -> String {
        let types = DataType::split(self.data_type);
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

/// The last value of an interval in the form of the type; keys and ends are big-endian.
fn last_value(kind: DataType, length: usize, end: Option<&[u8]>) -> Vec<u8> {
    let last = last_before(length, end);
    match end {
        Some(_) if kind.host_order() => ordered(kind, &last),
        _ => last,
    }
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
