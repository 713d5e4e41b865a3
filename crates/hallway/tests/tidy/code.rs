//! Source text without what is not code.

/// The text with comments removed, and with texts and characters in quotes emptied.
pub(crate) fn bare(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let (kept, length) = match c {
            '/' if rest.starts_with("//") => ("", rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => ("", rest.find("*/").map_or(rest.len(), |at| at + 2)),
            '"' => ("\"\"", quoted(rest)),
            'r' if !ends_in_a_word(&out) => match raw(rest) {
                Some(length) => ("\"\"", length),
                None => ("r", 1),
            },
            '\'' => match character(rest) {
                Some(length) => ("' '", length),
                None => ("'", 1),
            },
            _ => (&rest[..c.len_utf8()], c.len_utf8()),
        };
        out += kept;
        rest = &rest[length..];
    }
    out
}

/// The code without the items that only tests have, and without visibilities that name a path.
pub(crate) fn without_tests(code: &str) -> String {
    let mut released = String::new();
    let mut rest = code;
    while let Some(at) = ["#[cfg(test)]", "#[cfg(all(test"]
        .iter()
        .filter_map(|attribute| rest.find(attribute))
        .min()
    {
        released += &rest[..at];
        rest = &rest[at + item(&rest[at..])..];
    }
    released += rest;
    let mut parts = released.split("pub(in ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |code, part| {
        code + "pub" + part.split_once(')').map_or("", |(_, rest)| rest)
    })
}

/// The length of an item with the attributes before it: to its `;` or its closing brace.
fn item(code: &str) -> usize {
    let mut depth = 0_usize;
    let end = code.char_indices().find(|(_, c)| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(c, ';' | '}')
    });
    end.map_or(code.len(), |(at, _)| at + 1)
}

/// Whether a text ends with a character of a name, except the `b` of a text of bytes.
fn ends_in_a_word(text: &str) -> bool {
    let text = text.strip_suffix('b').unwrap_or(text);
    text.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The length of a text in quotes.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let end = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        end
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The length of a raw text, if one begins here.
fn raw(text: &str) -> Option<usize> {
    let begin = text[1..].find(|c| c != '#')? + 1;
    let hashes = &text[1..begin];
    let inner = text[begin..].strip_prefix('"')?;
    let end = inner.find(&format!("\"{hashes}"))?;
    Some(begin + 1 + end + 1 + hashes.len())
}

/// The length of a character in quotes; none for a lifetime.
fn character(text: &str) -> Option<usize> {
    let inner = &text[1..];
    let length = match inner.strip_prefix('\\') {
        Some(escaped) => 1 + escaped.chars().next()?.len_utf8(),
        None => inner.chars().next()?.len_utf8(),
    };
    match inner.starts_with("\\u") || inner.starts_with("\\x") {
        true => Some(1 + inner.find('\'')? + 1),
        false => inner[length..].starts_with('\'').then_some(length + 2),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_only_tests_have_is_removed_and_nothing_after_it() {
        let code = "mod a;\n#[cfg(test)]\nmod captured;\n#[cfg(test)]\n#[path = \"\"]\nmod b {\n    fn f() {}\n}\nfn g(_: [u8; 2]) {}\n";
        let released: String = super::without_tests(code).split_whitespace().collect();
        assert_eq!(released, "moda;fng(_:[u8;2]){}");
    }
}
