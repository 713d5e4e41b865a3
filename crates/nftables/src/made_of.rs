//! Sets whose keys are made of fields without a type in nft: nft lists such a set by the
//! expressions of its keys (`typeof`), which it stores in the set's user data.

use crate::expr::{Meta, PayloadBase};
use crate::field::FieldSource;
use crate::print::raw_payload;
use crate::wire::Writer;
use crate::{DataType, Field};

/// Attributes of a set's user data (enum nftnl_userdata_set_types).
const KEY_BYTE_ORDER: u8 = 0;
const KEY_TYPEOF: u8 = 3;
/// Attributes within KEY_TYPEOF, and within each part of a concatenation: an expression's number
/// and its data.
const EXPRESSION: u8 = 0;
const DATA: u8 = 1;
/// nft's numbers of expressions (enum expr_types in its expression.h).
const EXPR_PAYLOAD: u32 = 7;
const EXPR_META: u32 = 9;
const EXPR_CONCAT: u32 = 13;

impl Field {
    /// Its form in nft.
    pub(crate) fn nft_name(self) -> String {
        match self.source() {
            FieldSource::Meta(Meta::IifName) => "iifname".into(),
            FieldSource::Meta(Meta::OifName) => "oifname".into(),
            FieldSource::Meta(key) => format!("meta {}", key as u32),
            FieldSource::Payload(base, offset, length) => raw_payload(base as u32, offset, length),
        }
    }

    /// The field as data of a part of a concatenation.
    fn describe(self) -> Vec<u8> {
        let number = |kind, value: u32| part(kind, &value.to_ne_bytes());
        let (expression, data) = match self.source() {
            FieldSource::Meta(key) => (EXPR_META, number(0, key as u32)),
            FieldSource::Payload(base, offset, length) => {
                // nft counts from 1, beginning with the link header.
                let base = match base {
                    PayloadBase::Link => 1,
                    PayloadBase::Network => 2,
                    PayloadBase::Transport => 3,
                };
                let all = [
                    number(0, 0),
                    number(1, 0),
                    number(2, base),
                    number(3, offset * 8),
                    number(4, length * 8),
                ];
                (EXPR_PAYLOAD, all.concat())
            }
        };
        [number(EXPRESSION, expression), part(DATA, &data)].concat()
    }
}

/// One attribute: type, length and value, not padded (libnftnl's TLV).
fn part(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, value.len() as u8];
    out.extend_from_slice(value);
    out
}

/// The user data of a set: the byte order of its keys, or the fields they are made of.
pub(crate) fn write(w: &mut Writer, key: &[DataType], made_of: &[Field]) {
    // 1 for the machine's, 2 for the network's; 0 if several fields are described.
    let host = matches!(key, [one] if one.host_order() || *one == DataType::IfName);
    let order: u32 = match made_of {
        [] if host => 1,
        [] => 2,
        _ => 0,
    };
    w.raw(&part(KEY_BYTE_ORDER, &order.to_ne_bytes()));
    if made_of.is_empty() {
        return;
    }
    let parts: Vec<u8> = made_of
        .iter()
        .zip(0_u8..)
        .flat_map(|(field, position)| part(position, &field.describe()))
        .collect();
    let concatenation = [
        part(EXPRESSION, &EXPR_CONCAT.to_ne_bytes()),
        part(DATA, &parts),
    ]
    .concat();
    w.raw(&part(KEY_TYPEOF, &concatenation));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the form in which nft 1.0.6 writes `typeof iifname . @th,192,32`.
    #[test]
    fn the_user_data_is_that_of_nft() {
        let mut w = Writer::default();
        let fields = [Field::IifName, Field::QuotedDaddr4];
        write(&mut w, &[DataType::IfName, DataType::Bytes4], &fields);
        let number = |n: u32| n.to_ne_bytes().to_vec();
        let expected = [
            vec![0, 4],
            number(0),
            vec![3, 0x40, 0, 4],
            number(13),
            vec![1, 0x38, 0, 0x0e, 0, 4],
            number(9),
            vec![1, 6, 0, 4],
            number(6),
            vec![1, 0x26, 0, 4],
            number(7),
            vec![1, 0x1e, 0, 4],
            number(0),
            vec![1, 4],
            number(0),
            vec![2, 4],
            number(3),
            vec![3, 4],
            number(192),
            vec![4, 4],
            number(32),
        ];
        assert_eq!(w.as_bytes().unwrap(), expected.concat());
    }
}
