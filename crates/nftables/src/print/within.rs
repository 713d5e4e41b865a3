//! Rules of a table that was read, with the elements of sets that are part of them.

use super::Sets;
use super::rule::words_with;
use crate::decode::{Data, RawElement, RawSet};
use crate::message::{
    ELEMENT_CATCH_ALL, ELEMENT_INTERVAL_END, SET_ANONYMOUS, SET_INTERVAL, SET_MAP,
};
use crate::value::Form;
use crate::{Element, Rule, Set, Table, Value};

/// A rule of a table that was read, as nft lists it, without its comment.
#[must_use]
pub fn rule_in(rule: &Rule, table: &Table) -> String {
    let named = table.sets.iter().map(|set| (set, 0));
    let within = table.anonymous.iter().map(|set| (set, SET_ANONYMOUS));
    let sets: Sets = (named.chain(within))
        .map(|(set, flags)| (set.name.clone(), as_listed(set, flags)))
        .collect();
    words_with(rule, table.family, &sets)
}

/// A set as the kernel lists it.
fn as_listed(set: &Set, flags: u32) -> RawSet {
    let mut out = RawSet::outline(
        &set.name,
        &set.key,
        set.value.as_deref().unwrap_or_default(),
    );
    let is = |yes: bool, flag: u32| if yes { flag } else { 0 };
    out.flags = flags | is(set.interval, SET_INTERVAL) | is(set.value.is_some(), SET_MAP);
    for element in &set.elements {
        add(&mut out, set, element);
    }
    if let Some(first) = out.elements.first().filter(|_| out.key_length == 0) {
        out.key_length = first.key.len();
    }
    out
}

fn add(out: &mut RawSet, set: &Set, element: &Element) {
    let (mut low, mut high) = (Vec::new(), Vec::new());
    let form = Form {
        padded: set.key.len() > 1,
        network_order: set.interval,
    };
    for value in &element.key {
        value.write(&mut low, &mut high, form);
    }
    let data = match element.value.as_slice() {
        [] => None,
        [Value::Verdict(verdict)] => Some(Data::Verdict(verdict.clone())),
        values => {
            let (mut bytes, mut last) = (Vec::new(), Vec::new());
            for value in values {
                let form = Form {
                    padded: values.len() > 1,
                    ..Form::default()
                };
                value.write(&mut bytes, &mut last, form);
            }
            Some(Data::Value(bytes))
        }
    };
    let pairs = set.interval && set.key.len() < 2;
    let others = low.is_empty();
    out.elements.push(RawElement {
        key: low.clone(),
        key_end: (!pairs && low != high).then(|| high.clone()),
        flags: if others { ELEMENT_CATCH_ALL } else { 0 },
        data,
        comment: None,
    });
    if let (true, false, Some(end)) = (pairs, others, first_after(&high)) {
        out.elements.push(RawElement {
            key: end,
            key_end: None,
            flags: ELEMENT_INTERVAL_END,
            data: None,
            comment: None,
        });
    }
}

/// The key after another; none after the highest.
fn first_after(key: &[u8]) -> Option<Vec<u8>> {
    let mut out = key.to_vec();
    for byte in out.iter_mut().rev() {
        let (more, carry) = byte.overflowing_add(1);
        *byte = more;
        if !carry {
            return Some(out);
        }
    }
    None
}
