//! The texts of a translation. Offsets of places count through all of them, so that a place
//! identifies its file.

use hallway_spec::{Place, Problem, SourceText, Value, ValueKind};

/// Every file that was read, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    files: Vec<(SourceText, String)>,
    length: usize,
}

impl Sources {
    /// Reads the documents of a text as YAML; at least one. Names in them are relative to `directory`.
    pub(crate) fn read(
        &mut self,
        path: &str,
        text: &str,
        directory: &str,
    ) -> Result<Vec<Value>, Vec<Problem>> {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let start = self.add(path, body, directory);
        match Value::documents(body) {
            Ok(mut values) => {
                let file = if start > 0 { path } else { "" };
                values.iter_mut().for_each(|v| shift(v, start, file));
                Ok(values)
            }
            Err(mut problems) => {
                for problem in &mut problems {
                    problem.place.offset += start;
                }
                Err(problems)
            }
        }
    }

    /// Reads a text line by line, without empty ones and comments, which begin with `#`. Names in it are
    /// relative to `directory`.
    pub(crate) fn lines(
        &mut self,
        path: &str,
        text: &str,
        directory: &str,
    ) -> Vec<(Place, String)> {
        let start = self.add(path, text, directory);
        let (mut out, mut offset) = (Vec::new(), start);
        for (line, number) in text.split_inclusive('\n').zip(1..) {
            let code = line.trim();
            let before = line.len() - line.trim_start().len();
            if !code.is_empty() && !code.starts_with('#') {
                let place = Place {
                    line: number,
                    column: before as u32 + 1,
                    offset: offset + before,
                    length: code.len(),
                    file: if start > 0 {
                        path.to_owned()
                    } else {
                        String::new()
                    },
                    key: String::new(),
                };
                out.push((place, code.to_owned()));
            }
            offset += line.len();
        }
        out
    }

    /// Adds a text; the offset of its beginning.
    fn add(&mut self, path: &str, text: &str, directory: &str) -> usize {
        let start = self.length;
        self.length += text.len() + 1;
        let file = SourceText {
            path: path.to_owned(),
            text: text.to_owned(),
            start,
        };
        self.files.push((file, directory.to_owned()));
        start
    }

    /// How many have been read; one that is named twice is read twice.
    pub(crate) fn count(&self) -> usize {
        self.files.len()
    }

    /// The directory for relative names at that place.
    pub(crate) fn directory(&self, place: &Place) -> &str {
        let file = self.files.iter().rev().find(|f| f.0.start <= place.offset);
        file.map_or("", |file| &file.1)
    }

    /// The first file, and those after it.
    pub(crate) fn texts(&self) -> (SourceText, Vec<SourceText>) {
        let mut texts = self.files.iter().map(|file| file.0.clone());
        let first = texts.next().unwrap_or(SourceText {
            path: String::new(),
            text: String::new(),
            start: 0,
        });
        (first, texts.collect())
    }
}

/// Moves every place to its file; `file` is empty for the first one.
fn shift(value: &mut Value, by: usize, file: &str) {
    let of_file = |place: &mut Place| {
        place.offset += by;
        place.file = file.to_owned();
    };
    of_file(&mut value.place);
    match &mut value.kind {
        ValueKind::Scalar { .. } => {}
        ValueKind::List(items) => items.iter_mut().for_each(|item| shift(item, by, file)),
        ValueKind::Map(entries) => {
            for entry in entries {
                of_file(&mut entry.place);
                shift(&mut entry.value, by, file);
            }
        }
    }
}

/// A path relative to a directory.
pub(crate) fn join(directory: &str, path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    match directory {
        "" => path.to_owned(),
        _ if path.starts_with('/') => path.to_owned(),
        directory => format!("{}/{path}", directory.trim_end_matches('/')),
    }
}

/// The directory of a path.
pub(crate) fn parent(path: &str) -> String {
    match path.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((directory, _)) => directory.to_owned(),
        None => String::new(),
    }
}
