//! The words of a filter, and errors about them.

/// What is wrong with a filter, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// In one sentence.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// How long it is, in bytes; at least 1.
    pub length: usize,
}

/// A word of a filter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// In bytes, from the filter's beginning.
    pub(super) offset: usize,
}

impl Token<'_> {
    /// An error at this word.
    pub(super) fn wrong(&self, message: impl Into<String>, help: impl Into<String>) -> FilterError {
        FilterError {
            message: message.into(),
            help: help.into(),
            offset: self.offset,
            length: self.text.len().max(1),
        }
    }
}

/// The words of a filter.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut offset = 0;
    while let Some(rest) = text.get(offset..).filter(|r| !r.is_empty()) {
        let length = if rest.starts_with("&&") || rest.starts_with("||") {
            2
        } else if rest.starts_with(['(', ')', '!']) {
            1
        } else if let Some(space) = rest.chars().next().filter(|c| c.is_whitespace()) {
            offset += space.len_utf8();
            continue;
        } else {
            let end = |c: char| c.is_whitespace() || "()!&|".contains(c);
            // A lone & or | is a word of its own, to be rejected.
            rest.find(end).filter(|at| *at > 0).unwrap_or_else(|| {
                if rest.starts_with(['&', '|']) {
                    1
                } else {
                    rest.len()
                }
            })
        };
        out.push(Token {
            text: rest.get(..length).unwrap_or_default(),
            offset,
        });
        offset += length;
    }
    out
}
