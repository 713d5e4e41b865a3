//! Elements of sets for values that may be known in part.

use std::collections::BTreeMap;

use super::answer::Answer;
use super::load::Load;
use super::loaded::Loaded;
use crate::expr::{Reg, Verdict};
use crate::value::Form;
use crate::{Element, Set, Value};

/// NFT_SET_ANONYMOUS and NFT_SET_CONSTANT: sets written within a rule.
const ANONYMOUS_OR_CONSTANT: u32 = 3;

/// Registers with values; one that is not in it has a value that is not known.
pub(super) type Registers = BTreeMap<Reg, Loaded>;

/// Puts what was loaded into a register.
pub(super) fn put(registers: &mut Registers, to: Option<Reg>, loaded: Load) -> Answer {
    let Some(to) = to else {
        registers.clear();
        return Answer::Maybe;
    };
    match loaded {
        Load::Value(value) => {
            registers.insert(to, value);
        }
        Load::Unknown => {
            registers.remove(&to);
        }
        Load::Missing => return Answer::No,
    }
    Answer::Yes
}

/// What a map has for a key.
pub(super) enum Entry {
    None,
    One(Verdict),
    /// One of these, or none.
    Some(Vec<Verdict>),
    Unknown,
}

/// Whether a set has the key that begins in a register.
pub(super) fn contains(set: &Set, registers: &Registers, key: Reg) -> Answer {
    let Some(found) = matching(set, registers, key) else {
        return Answer::Maybe;
    };
    match found.as_slice() {
        [] => Answer::No,
        all if all.iter().any(|(answer, _)| *answer == Answer::Yes) => Answer::Yes,
        _ => Answer::Maybe,
    }
}

/// The verdict of a map for the key that begins in a register.
pub(super) fn verdict(map: &Set, registers: &Registers, key: Reg) -> Entry {
    let Some(found) = matching(map, registers, key) else {
        return Entry::Unknown;
    };
    let verdicts = found.iter().map(|(_, e)| match e.value.as_slice() {
        [Value::Verdict(verdict)] => Some(verdict.clone()),
        _ => None,
    });
    let Some(verdicts) = verdicts.collect::<Option<Vec<_>>>() else {
        return Entry::Unknown;
    };
    let sure = found.iter().position(|(answer, _)| *answer == Answer::Yes);
    match sure.and_then(|at| verdicts.get(at)) {
        Some(verdict) => Entry::One(verdict.clone()),
        None if verdicts.is_empty() => Entry::None,
        None => Entry::Some(verdicts),
    }
}

/// The data of a map for the key that begins in a register, put into registers from another one on.
pub(super) fn load(map: &Set, registers: &mut Registers, key: Reg, to: Reg) -> Answer {
    let found = matching(map, registers, key);
    let element = match found.as_deref() {
        Some([]) => return Answer::No,
        Some(all) => all.iter().find(|(answer, _)| *answer == Answer::Yes),
        None => None,
    };
    registers.remove(&to);
    let Some((_, element)) = element else {
        return Answer::Maybe;
    };
    let mut register = to.0;
    for value in &element.value {
        let (mut low, mut high) = (Vec::new(), Vec::new());
        value.write(&mut low, &mut high, Form::default());
        let used = u8::try_from(low.len().div_ceil(4)).unwrap_or(u8::MAX);
        registers.insert(Reg(register), Loaded::exactly(low));
        register = register.saturating_add(used);
    }
    Answer::Yes
}

/// The elements that contain the key, or may. `None` if that cannot be computed.
fn matching<'s>(
    set: &'s Set,
    registers: &Registers,
    key: Reg,
) -> Option<Vec<(Answer, &'s Element)>> {
    if set.dynamic || set.expiring || set.other_flags & !ANONYMOUS_OR_CONSTANT != 0 {
        return None;
    }
    let joined = set.key.len() > 1;
    let form = Form {
        padded: false,
        network_order: set.interval,
    };
    let mut out = Vec::new();
    let mut all_others = None;
    for element in &set.elements {
        let mut answer = Answer::Yes;
        let mut register = key.0;
        let mut length = 0;
        for (position, value) in element.key.iter().enumerate() {
            let (mut low, mut high) = (Vec::new(), Vec::new());
            value.write(&mut low, &mut high, form);
            length += low.len();
            // A field of no known length has the rest of the key, in registers that follow each other.
            if joined && set.key.get(position)?.length() == 0 {
                return None;
            }
            let known = registers.get(&Reg(register));
            answer = answer.and(known.map_or(Answer::Maybe, |v| v.within(&low, &high)));
            register = register.checked_add(u8::try_from(low.len().div_ceil(4)).ok()?)?;
        }
        match (length, answer) {
            (0, _) => all_others = Some(element),
            (_, Answer::No) => {}
            (_, answer) => out.push((answer, element)),
        }
    }
    if let Some(element) = all_others {
        match out.iter().any(|(answer, _)| *answer == Answer::Yes) {
            true => {}
            false if out.is_empty() => out.push((Answer::Yes, element)),
            false => out.push((Answer::Maybe, element)),
        }
    }
    Some(out)
}
