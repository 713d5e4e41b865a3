//! Problems of the text as a whole.

use super::{Code, Details};
use crate::{Label, Place};

/// Problems of the text of a file before its values are read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// More bytes than the limit.
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
    /// Values that are nested too deep.
    #[error("values are nested more than {0} deep")]
    TooDeep(usize),
    /// More values than the limit.
    #[error("the file has more than {0} values, aliases written out")]
    TooManyValues(usize),
    /// A file of another program.
    #[error("this is {0}, not a hallway file")]
    OtherFormat(OtherFormat),
    /// One text instead of a mapping.
    #[error("the file is plain text, not a hallway file")]
    PlainText,
    /// A list instead of a mapping.
    #[error("the file is a list, not a hallway file")]
    AList,
    /// A tab where spaces are needed.
    #[error("invalid YAML: a line is indented with a tab")]
    Tab,
    /// A tab after a `:`.
    #[error("invalid YAML: there is a tab after the ':'")]
    TabAfterColon,
    /// A character that no text without quotes can begin with.
    #[error("invalid YAML: a text without quotes cannot begin with '{0}'")]
    Reserved(char),
    /// A template of another program.
    #[error("this is a template, which another program must fill in first")]
    Template,
    /// An alias of an anchor that is not defined before it.
    #[error("there is no anchor &{0} before this")]
    UnknownAnchor(String),
    /// A quote that is opened and not closed.
    #[error("a quote is not closed")]
    OpenQuote,
    /// A bracket that is opened and not closed.
    #[error("this '{bracket}' is not closed")]
    OpenBracket {
        /// The bracket.
        bracket: char,
        /// The one that closes it.
        closes: char,
        /// What is not possible between the two.
        found: Place,
    },
    /// Two values between brackets without a comma between them.
    #[error("a ',' is missing before this")]
    NoComma,
    /// A `: ` within a text.
    #[error("a text with ': ' in it must be in quotes")]
    Colon,
    /// A line of a mapping without a `:`.
    #[error("a ':' is missing")]
    NoColon,
    /// A line that begins in another column than the lines around it.
    #[error("this line is indented differently from the lines around it")]
    Indentation,
    /// A syntax error, with the message of the YAML parser.
    #[error("invalid YAML: {0}")]
    Yaml(String),
    /// An alias inside the value of its own anchor.
    #[error("this alias refers to a value that contains it")]
    RecursiveAlias,
}

/// A file format that hallway does not read. Compose files and containerlab topologies are
/// translated before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherFormat {
    /// A Kubernetes manifest.
    Kubernetes,
    /// A netplan file.
    Netplan,
    /// A topology of netlab.
    Netlab,
    /// TOML, or another format with `KEY = VALUE`.
    Toml,
}

impl OtherFormat {
    /// From the keys of the file's mapping, each with the keys of its value; `None` if it may be a
    /// hallway file. Also returns the key that shows it.
    pub(crate) fn of(keys: &[(&str, Vec<&str>)]) -> Option<(Self, &'static str)> {
        let has = |key: &str| keys.iter().any(|(k, _)| *k == key);
        let below = |key, inner| {
            keys.iter()
                .any(|(k, all)| *k == key && all.contains(&inner))
        };
        // Keys of netlab besides nodes and links, which hallway has too.
        let netlab = ["provider", "module", "defaults.device", "defaults"];
        let netlab = netlab.into_iter().find(|key| has(key));
        if let Some(key) = netlab.filter(|_| has("nodes") || has("links")) {
            Some((Self::Netlab, key))
        } else if has("nodes") || has("links") {
            None
        } else if has("kind") && (has("apiVersion") || has("metadata")) {
            Some((Self::Kubernetes, "kind"))
        } else if below("network", "version") || below("network", "renderer") {
            Some((Self::Netplan, "network"))
        } else {
            None
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Kubernetes => {
                "write each Pod as a node, and a NetworkPolicy as policies: [{ from: a, to: b, ports: [80/tcp] }]"
            }
            Self::Netlab => {
                "netlab create with provider: clab writes a containerlab topology, which hallway reads: hallway up clab.yml"
            }
            Self::Toml => {
                "a hallway file is YAML, like nodes: { web: { networks: [apps] } }; hallway schema prints its keys"
            }
            Self::Netplan => {
                "write each machine as a node with its networks, like nodes: { web: { networks: { apps: { address: 10.10.0.5 } } } }"
            }
        }
    }
}

impl std::fmt::Display for OtherFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kubernetes => "a Kubernetes manifest",
            Self::Netplan => "a netplan file",
            Self::Netlab => "a netlab topology",
            Self::Toml => "TOML or an INI file",
        })
    }
}

impl Details for TextProblem {
    fn code(&self) -> Code {
        match self {
            Self::OtherFormat(_) => Code::OtherFormat,
            Self::TooLarge(_)
            | Self::NotUtf8 { .. }
            | Self::Nul
            | Self::Empty
            | Self::SeveralDocuments
            | Self::TooDeep(_)
            | Self::TooManyValues(_)
            | Self::PlainText
            | Self::AList => Code::BadText,
            _ => Code::BadYaml,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::OpenQuote | Self::OpenBracket { .. } => "opened here".into(),
            Self::NoColon => "no ':' in this line".into(),
            _ => "here".into(),
        }
    }

    fn others(&self) -> Vec<Label> {
        match self {
            Self::OpenBracket { closes, found, .. } => {
                vec![Label::new(
                    found,
                    format!("'{closes}' or ',' is missing before this"),
                )]
            }
            _ => Vec::new(),
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::TooLarge(_) => "split the project into several",
            Self::NotUtf8 { .. } => "save the file as UTF-8",
            Self::Nul => "remove it: a YAML file is text",
            Self::OtherFormat(format) => return Some(format.help().to_owned()),
            Self::Tab => "use spaces: YAML allows no tabs in indentation",
            Self::TabAfterColon => "write a space after the ':'",
            Self::Reserved(_) => "write '…' around the whole text",
            Self::Template => {
                "render it, and give hallway the output, like: helm template CHART | hallway up -; a text with {{ in it that is not a template must be in quotes"
            }
            Self::Empty | Self::PlainText | Self::AList => {
                "a file is a mapping with networks, nodes or links, like nodes: { web: { networks: [apps] } }"
            }
            Self::SeveralDocuments => {
                "write one project per file: remove this '---', or what follows it"
            }
            Self::UnknownAnchor(name) => {
                return Some(format!("define it on a line before, like &{name} {{ … }}"));
            }
            Self::OpenQuote => "write the same quote at the end of the text",
            Self::OpenBracket { closes, .. } => {
                return Some(format!("write '{closes}' where it ends"));
            }
            Self::NoComma => {
                "write a ',' between two values; a text with ',' or ': ' in it must be in quotes"
            }
            Self::Colon => "write '…' around the whole text",
            Self::NoColon => "write KEY: VALUE, with a space after the ':'",
            Self::Indentation => "give all keys of one mapping the same indentation",
            Self::TooDeep(_) | Self::TooManyValues(_) => return None,
            Self::Yaml(_) => {
                "check for a bracket or quote that is not closed, and for lines indented differently from their neighbours"
            }
            Self::RecursiveAlias => "write the value out instead of the alias",
        };
        Some(help.into())
    }
}
