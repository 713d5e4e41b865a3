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

/// The code before the tests at the end of a file, and without visibilities that name a path.
pub(crate) fn without_tests(code: &str) -> String {
    let code = code.split("\n#[cfg(test)]\nmod ").next();
    let mut parts = code.unwrap_or_default().split("pub(in ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |code, part| {
        code + "pub" + part.split_once(')').map_or("", |(_, rest)| rest)
    })
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
