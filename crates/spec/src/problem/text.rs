//! Problems of the text as a whole.

use super::{Code, Details};

/// What can be wrong with the text of a file before its values are read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// More bytes than are read.
    #[error("the file has more than {0} bytes")]
    TooLarge(usize),
    /// Bytes that are not UTF-8.
    #[error("line {line} is not UTF-8 (byte {offset} of the file)")]
    NotUtf8 {
        /// From 1.
        line: u32,
        /// From 0.
        offset: usize,
    },
    /// A NUL character.
    #[error("the file has a NUL character")]
    Nul,
    /// No value at all.
    #[error("the file is empty")]
    Empty,
    /// More than one YAML document.
    #[error("the file has more than one YAML document")]
    SeveralDocuments,
    /// Values nested deeper than is read.
    #[error("values are nested more than {0} deep")]
    TooDeep(usize),
    /// More values than are read.
    #[error("the file has more than {0} values, aliases written out")]
    TooManyValues(usize),
    /// A file of another program.
    #[error("this is {0}, not a hallway file")]
    OtherFormat(OtherFormat),
    /// One text and no mapping.
    #[error("the file is plain text, not a hallway file")]
    PlainText,
    /// A tab where spaces are needed.
    #[error("invalid YAML: a line is indented with a tab")]
    Tab,
    /// A syntax error, in the words of the YAML parser.
    #[error("invalid YAML: {0}")]
    Yaml(String),
    /// An alias inside the value of its own anchor.
    #[error("this alias refers to a value that contains it")]
    RecursiveAlias,
}

/// A file format that hallway does not read. Compose files and containerlab topologies are translated
/// before they come here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherFormat {
    /// A Kubernetes manifest.
    Kubernetes,
}

impl OtherFormat {
    /// By the keys of the file's mapping; `None` when it may be a hallway file.
    pub(crate) fn of<'a>(keys: impl Iterator<Item = &'a str>) -> Option<Self> {
        let keys: Vec<&str> = keys.collect();
        let has = |key| keys.contains(&key);
        let ours = has("nodes") || has("links");
        (!ours && has("apiVersion") && has("kind")).then_some(Self::Kubernetes)
    }

    /// The key that shows it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Kubernetes => "kind",
        }
    }

    fn help(self) -> String {
        let words = match self {
            Self::Kubernetes => {
                "write each Pod as a node, and a NetworkPolicy as policies: [{ from: a, to: b, ports: [80/tcp] }]"
            }
        };
        format!("{words}; examples/ has complete files")
    }
}

impl std::fmt::Display for OtherFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kubernetes => "a Kubernetes manifest",
        })
    }
}

impl Details for TextProblem {
    fn code(&self) -> Code {
        match self {
            Self::OtherFormat(_) => Code::OtherFormat,
            Self::Yaml(_) | Self::Tab | Self::RecursiveAlias => Code::BadYaml,
            _ => Code::BadText,
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::TooLarge(_) => "split the project into several",
            Self::NotUtf8 { .. } => "save the file as UTF-8",
            Self::Nul => "remove it: a YAML file is text",
            Self::OtherFormat(format) => return Some(format.help()),
            Self::Tab => "use spaces: YAML allows no tabs in indentation",
            Self::Empty | Self::PlainText => {
                "a file needs at least one of networks, nodes and links; examples/ has complete files"
            }
            Self::SeveralDocuments => {
                "write one project per file: remove everything from the second '---' on"
            }
            Self::TooDeep(_) | Self::TooManyValues(_) => return None,
            Self::Yaml(_) => {
                "check for a bracket or quote that is not closed, and for lines indented differently from their neighbours"
            }
            Self::RecursiveAlias => "write the value out instead of the alias",
        };
        Some(help.into())
    }
}
