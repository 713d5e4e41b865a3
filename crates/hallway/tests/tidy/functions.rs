//! The length of functions, by indentation: in rustfmt's format a function ends at a line with the
//! indentation of its first.

/// The name of each function, with its lines from `fn` to the closing brace.
pub(crate) fn lengths(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, name(line)?)));
    starts
        .filter_map(|(at, name)| {
            let indent = lines[at].len() - lines[at].trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            let after = lines[at..].iter().position(|line| {
                *line == end || line.ends_with(';') && is_declaration(&lines[at..], line)
            })?;
            Some((name.to_owned(), after + 1))
        })
        .collect()
}

/// Whether the lines up to this one declare a function without a body.
fn is_declaration(lines: &[&str], end: &str) -> bool {
    let head = lines.iter().take_while(|line| !std::ptr::eq(**line, end));
    head.chain([&end]).all(|line| !line.contains('{'))
}

/// The name of the function that begins in a line.
fn name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let words = ["const", "async", "unsafe", "extern", "\"C\""];
    // `pub`, `pub(crate)`, `pub(in crate::a)`
    let before = before.trim_start();
    let before = match before.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1,
        Some(rest) => rest,
        None => before,
    };
    let name = after.split(['(', '<']).next().unwrap_or_default();
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let head = before.split_whitespace().all(|word| words.contains(&word));
    (head && is_name && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_are_counted_from_the_name_to_the_brace() {
        let text = "trait T {\n    fn declared(\n        &self,\n    );\n    fn short() {\n        {\n        }\n    }\n    pub(in crate::a) const fn inner() {\n    }\n}\n";
        let found = super::lengths(text);
        let found: Vec<_> = found.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        assert_eq!(found, [("declared", 3), ("short", 4), ("inner", 2)]);
    }
}
