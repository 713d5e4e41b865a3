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
    /// A syntax error, in the words of the YAML parser.
    #[error("invalid YAML: {0}")]
    Yaml(String),
    /// An alias inside the value of its own anchor.
    #[error("this alias refers to a value that contains it")]
    RecursiveAlias,
}

impl Details for TextProblem {
    fn code(&self) -> Code {
        match self {
            Self::Yaml(_) | Self::RecursiveAlias => Code::BadYaml,
            _ => Code::BadText,
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::TooLarge(_) => "split the project into several",
            Self::NotUtf8 { .. } => "save the file as UTF-8",
            Self::Nul => "remove it: a YAML file is text",
            Self::Empty => {
                "a file needs at least one of networks, nodes and links; examples/ has complete files"
            }
            Self::SeveralDocuments => {
                "write one project per file: remove everything from the second '---' on"
            }
            Self::TooDeep(_) => return None,
            Self::Yaml(_) => {
                "check for a bracket or quote that is not closed, and for lines indented differently from their neighbours"
            }
            Self::RecursiveAlias => "write the value out instead of the alias",
        };
        Some(help.into())
    }
}
