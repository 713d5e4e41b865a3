//! A value as a YAML text.

use hallway_spec::{Value, ValueKind};

/// Mappings deeper than this are written on one line.
const BLOCK_DEPTH: usize = 3;

/// The text of a mapping.
pub(crate) fn render(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

/// Writes each entry on lines of its own.
fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match &value.kind {
        ValueKind::Map(entries) => {
            for entry in entries {
                out.push_str(&format!("{indent}{}:", scalar(&entry.key, false)));
                below(&entry.value, depth, out);
            }
        }
        ValueKind::List(items) => {
            for item in items {
                out.push_str(&format!("{indent}- {}\n", inline(item)));
            }
        }
        ValueKind::Scalar { .. } => out.push_str(&format!("{indent}{}\n", inline(value))),
    }
}

/// Writes a value after its key.
fn below(value: &Value, depth: usize, out: &mut String) {
    let lines = match &value.kind {
        ValueKind::Map(entries) => depth < BLOCK_DEPTH - 1 && !entries.is_empty(),
        ValueKind::List(items) => depth == 0 && !items.is_empty(),
        ValueKind::Scalar { .. } => false,
    };
    if lines {
        out.push('\n');
        block(value, depth + 1, out);
    } else {
        out.push_str(&format!(" {}\n", inline(value)));
    }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match &value.kind {
        ValueKind::Scalar { text, plain } => scalar(text, *plain),
        ValueKind::List(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Map(entries) if entries.is_empty() => "{}".to_owned(),
        ValueKind::Map(entries) => {
            let entry = |e: &hallway_spec::Entry| {
                format!("{}: {}", scalar(&e.key, false), inline(&e.value))
            };
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A scalar, in quotes where it needs them.
fn scalar(text: &str, plain: bool) -> String {
    if plain && text.is_empty() {
        return "null".to_owned();
    }
    let simple = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let typed = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    // A subnet is the most frequent value that begins with a digit.
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let address =
        text.split(['.', '/']).all(number) && text.contains('.') && text.matches('.').count() == 3;
    let safe = simple && (address || begins && !typed);
    match plain && simple || safe {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        let text = "a: {b: {c: {d: [1, \"1\", 'x: y', \"null\", null, 10.1.0.0/24, \"a\\nb\", '', 1.5]}}}\nl: [{x: 1}]\n";
        let value = Value::read(text).unwrap();
        let written = render(&value);
        assert_eq!(
            written,
            "a:\n  b:\n    c: { d: [1, \"1\", \"x: y\", \"null\", null, 10.1.0.0/24, \"a\\nb\", \"\", 1.5] }\nl:\n  - { x: 1 }\n"
        );
        assert_eq!(render(&Value::read(&written).unwrap()), written);
    }
}
