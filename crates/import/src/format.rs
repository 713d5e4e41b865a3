//! Which program a file is for.

use hallway_spec::{Value, nearest};

/// A format that is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// A Compose file.
    Compose,
    /// A containerlab topology.
    Containerlab,
    /// The file of a Kathara lab.
    Kathara,
}

/// The file names of Compose, in its order.
const COMPOSE: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// Whether a file is a containerlab topology by its name.
fn is_lab(file: &str) -> bool {
    file.ends_with(".clab.yml") || file.ends_with(".clab.yaml")
}

impl FileFormat {
    /// The format of a file, by its name and the keys of its text; `None` for a hallway file, and for
    /// a text that is not a mapping.
    #[must_use]
    pub fn of(path: &str, text: &str) -> Option<Self> {
        // So a large hallway file need not be read twice.
        let begins = |key: &str| text.lines().any(|line| line.starts_with(key));
        let file = path.rsplit('/').next().unwrap_or(path);
        if file == crate::kathara::FILE {
            return Some(Self::Kathara);
        }
        let ours = !is_lab(file) && (begins("nodes:") || begins("links:"));
        if ours && !begins("services:") && !begins("topology:") {
            return None;
        }
        // The format of a text that is not YAML is derived from its file name.
        let documents = Value::documents(text).unwrap_or_else(|_| vec![Value::default()]);
        documents.iter().find_map(|d| Self::of_value(path, d))
    }

    /// The same for a text that has been read.
    pub(crate) fn of_value(path: &str, value: &Value) -> Option<Self> {
        let has = |key: &str| value.entries().iter().any(|e| e.key == key);
        // A misspelt key: the format that has it names the right one.
        let similar = |key: &'static str| {
            let mut entries = value.entries().iter();
            entries.any(|e| e.value.is_map() && nearest(&e.key, [key].into_iter()).is_some())
        };
        let file = path.rsplit('/').next().unwrap_or(path);
        if is_lab(file) {
            Some(Self::Containerlab)
        } else if has("nodes") || has("links") {
            None
        } else if has("services") || COMPOSE.contains(&file) {
            Some(Self::Compose)
        } else if has("topology") {
            Some(Self::Containerlab)
        } else if has("include") || similar("services") {
            Some(Self::Compose)
        } else if similar("topology") {
            Some(Self::Containerlab)
        } else {
            None
        }
    }

    /// The Compose file among these names of a directory, and its override file.
    #[must_use]
    pub fn compose_files<'n>(names: &[&'n str]) -> Option<(&'n str, Option<&'n str>)> {
        let find = |wanted: &str| names.iter().copied().find(|n| *n == wanted);
        let main = COMPOSE.iter().find_map(|n| find(n))?;
        let others = ["compose.override.yaml", "compose.override.yml"];
        let old = [
            "docker-compose.override.yml",
            "docker-compose.override.yaml",
        ];
        let overrides = others.iter().chain(&old).find_map(|n| find(n));
        Some((main, overrides))
    }
}
