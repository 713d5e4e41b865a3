//! Tables, sets, chains and elements in nft syntax.

use super::rule::whole_rule;
use super::statement::verdict;
use super::values::{comment, range, value as word};
use crate::transaction::DYNAMIC_SIZE;
use crate::value::Form;
use crate::{Chain, DataType, Element, Family, Ruleset, Set, Table, Value};

/// All tables.
#[must_use]
pub fn ruleset(rules: &Ruleset) -> String {
    rules.tables.iter().map(table).collect()
}

/// A table with everything in it.
#[must_use]
pub fn table(table: &Table) -> String {
    let mut out = format!("table {} {} {{\n", table.family.name(), table.name);
    if !table.comment.is_empty() {
        line(&mut out, 1, &comment(&table.comment));
    }
    let sets = table.sets.iter().map(set);
    let chains = table.chains.iter().map(|c| chain(c, table.family));
    let parts: Vec<String> = sets.chain(chains).collect();
    out.push_str(&parts.join("\n"));
    out.push_str("}\n");
    out
}

/// A set or map with its elements, as in a table.
#[must_use]
pub fn set(set: &Set) -> String {
    let mut out = String::new();
    let (kind, value) = match &set.value {
        None => ("set", String::new()),
        Some(value) => ("map", format!(" : {}", joined(value, |t| t.name().into()))),
    };
    line(&mut out, 1, &format!("{kind} {} {{", set.name));
    let key = match set.made_of.as_slice() {
        [] => format!("type {}", joined(&set.key, |t| t.name().into())),
        fields => format!("typeof {}", joined(fields, |f| f.nft_name())),
    };
    line(&mut out, 2, &format!("{key}{value}"));
    if set.dynamic {
        line(&mut out, 2, &format!("size {DYNAMIC_SIZE}"));
        let flags = match set.expiring {
            true => "flags dynamic,timeout",
            false => "flags dynamic",
        };
        line(&mut out, 2, flags);
    }
    if set.interval {
        line(&mut out, 2, "flags interval");
    }
    if !set.elements.is_empty() {
        let elements: Vec<String> = set.elements.iter().map(element).collect();
        let elements = elements.join(",\n\t\t\t     ");
        line(&mut out, 2, &format!("elements = {{ {elements} }}"));
    }
    line(&mut out, 1, "}");
    out
}

/// An element: its key, its comment, and in a map its value.
#[must_use]
pub fn element(element: &Element) -> String {
    let mut out = joined(&element.key, value);
    if let Some(text) = &element.comment {
        out = format!("{out} {}", comment(text));
    }
    if !element.value.is_empty() {
        out = format!("{out} : {}", joined(&element.value, value));
    }
    out
}

/// A chain with its rules, as in a table.
#[must_use]
pub fn chain(chain: &Chain, family: Family) -> String {
    let mut out = String::new();
    line(&mut out, 1, &format!("chain {} {{", chain.name));
    if let Some(base) = &chain.base {
        let (kind, hook) = (base.kind.name(), base.hook.name());
        let (priority, policy) = (base.priority, base.policy.name());
        let text = format!("type {kind} hook {hook} priority {priority}; policy {policy};");
        line(&mut out, 2, &text);
    }
    for rule in &chain.rules {
        line(&mut out, 2, &whole_rule(rule, family));
    }
    line(&mut out, 1, "}");
    out
}

/// A single value.
#[must_use]
pub fn value(value: &Value) -> String {
    let kind = match value {
        Value::Ifname(_) => DataType::IfName,
        // nft's name for group 0 depends on a file.
        Value::Group(group) => return group.to_string(),
        Value::Proto(_) => DataType::InetProto,
        Value::Port(_) | Value::Ports(..) => DataType::Service,
        Value::V4(_) | Value::V4Net(_) => DataType::Ipv4,
        Value::V6(_) | Value::V6Net(_) => DataType::Ipv6,
        Value::Ether(_) => DataType::Ether,
        Value::EtherType(_) => DataType::EtherType,
        Value::Byte(_) => DataType::Number,
        Value::Verdict(this) => return verdict(this),
        Value::Raw(..) => DataType::Unknown(0),
    };
    let (mut first, mut last) = (Vec::new(), Vec::new());
    value.write(&mut first, &mut last, Form::default());
    match first == last {
        true => word(kind, &first),
        false => range(kind, &first, &last),
    }
}

fn joined<T>(items: &[T], word: impl Fn(&T) -> String) -> String {
    items.iter().map(word).collect::<Vec<_>>().join(" . ")
}

fn line(out: &mut String, depth: usize, text: &str) {
    for _ in 0..depth {
        out.push('\t');
    }
    out.push_str(text);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_has_key_comment_and_value() {
        let this = Element {
            key: vec![Value::Proto(6), Value::Ports(5000, 5010)],
            value: vec![Value::V4([10, 0, 0, 2].into())],
            comment: Some("a \"b\"".into()),
        };
        assert_eq!(
            element(&this),
            "tcp . 5000-5010 comment \"a 'b'\" : 10.0.0.2"
        );
    }
}
