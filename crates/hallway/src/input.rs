//! A project's file as it was read.

use std::io::Read as _;

use hallway_spec::{Project, SourceText, TEXT_MAX};

use crate::args::Common;
use crate::diagnose::{Source, warn};

/// A file that has been read and parsed.
pub(crate) struct Input {
    pub(crate) project: Project,
    /// The file's text, which places refer to.
    pub(crate) text: String,
    pub(crate) path: String,
    /// Files that were read after it.
    pub(crate) more: Vec<SourceText>,
    /// The hallway file: the same text, or its translation.
    pub(crate) source: String,
    /// What was omitted in the translation, and what users need to know about it.
    pub(crate) notes: Vec<String>,
}

impl Input {
    /// Whether the project's name was chosen: by `name:` in the file, or by -p. A name from the path
    /// may be that of another project by accident.
    pub(crate) fn is_named(&self, common: &Common) -> bool {
        self.project.named || common.project.is_some()
    }
}

impl Input {
    /// Prints the warnings about it.
    pub(crate) fn warn(&self, common: &Common) {
        let source = Source {
            path: &self.path,
            text: &self.text,
            more: &self.more,
        };
        warn(&source, &self.project.warnings, common);
    }
}

/// Reads everything, but stops when it is too large.
pub(crate) fn limited(from: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(TEXT_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
