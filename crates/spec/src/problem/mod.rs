//! Problems of a file: each with its place, the other place it conflicts with, and what to do.
//! Codes, places and help are derived from the type of the problem.

mod code;
mod example;
mod foreign_keys;
mod import;
mod name;
mod network;
mod node;
mod policy;
mod text;
mod unpublishable;
mod value;
mod warning;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Diagnostic, Label, Name, Place, listed};

pub use code::{Code, WarningCode};
pub use import::ImportProblem;
pub use name::NameProblem;
pub use network::{NetworkProblem, ReservedAddress};
pub use node::{HopRole, NodeProblem};
pub use policy::PolicyProblem;
pub use text::{OtherFormat, TextProblem};
pub use unpublishable::Unpublishable;
pub use value::{Found, Required, ValueProblem};
pub use warning::{Warning, WarningKind};

/// One problem of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: ProblemKind,
}

/// The kinds of problems of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// The text as a whole.
    #[error(transparent)]
    Text(#[from] TextProblem),
    /// A key or a value.
    #[error(transparent)]
    Value(#[from] ValueProblem),
    /// A name of a node or network.
    #[error(transparent)]
    Name(#[from] NameProblem),
    /// A network, a subnet or an address.
    #[error(transparent)]
    Network(#[from] NetworkProblem),
    /// A node.
    #[error(transparent)]
    Node(#[from] NodeProblem),
    /// A policy.
    #[error(transparent)]
    Policy(#[from] PolicyProblem),
    /// A file of another format.
    #[error(transparent)]
    Import(#[from] ImportProblem),
}

/// What a kind of problem contains besides its message.
trait Details {
    /// Its code.
    fn code(&self) -> Code;

    /// The text below the place.
    fn label(&self) -> String {
        "here".into()
    }

    /// Other places that explain it.
    fn others(&self) -> Vec<Label> {
        Vec::new()
    }

    /// What to do.
    fn help(&self) -> Option<String> {
        None
    }
}

impl ProblemKind {
    fn details(&self) -> &dyn Details {
        match self {
            Self::Text(kind) => kind,
            Self::Value(kind) => kind,
            Self::Name(kind) => kind,
            Self::Network(kind) => kind,
            Self::Node(kind) => kind,
            Self::Policy(kind) => kind,
            Self::Import(kind) => kind,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.details().code()
    }
}

impl Problem {
    pub(crate) fn new(place: &Place, kind: impl Into<ProblemKind>) -> Self {
        Self {
            place: place.clone(),
            kind: kind.into(),
        }
    }
}

impl Diagnostic for Problem {
    fn code(&self) -> &'static str {
        self.kind.code().text()
    }

    fn message(&self) -> String {
        self.kind.to_string()
    }

    fn help(&self) -> Option<String> {
        self.kind.details().help()
    }

    fn labels(&self) -> Vec<Label> {
        let details = self.kind.details();
        let mut labels = vec![Label::new(&self.place, details.label())];
        // Nodes of one service of a Compose file have one place.
        let others = details.others().into_iter();
        labels.extend(others.filter(|label| label.place != self.place));
        labels
    }
}

/// A file that was read besides the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The name of the file for messages.
    pub path: String,
    /// Its text.
    pub text: String,
    /// The offset of its first byte, counted from the beginning of the first file.
    pub start: usize,
}

/// All problems of a file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The name of the file that the caller gave.
    pub path: String,
    /// Its text; empty when it is not text.
    pub text: String,
    /// The files that were read after it. Offsets of places count through all of them.
    pub more: Vec<SourceText>,
    /// In the order of their places.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            let Place {
                line,
                column,
                offset,
                ..
            } = problem.place;
            let other = self.more.iter().rev().find(|file| file.start <= offset);
            let path = other.map_or(&self.path, |file| &file.path);
            write!(f, "{path}:{line}:{column}: {}", problem.kind)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Help with a similar name if there is one, else general help.
fn did_you_mean(nearest: Option<&String>, otherwise: &str) -> String {
    nearest.map_or_else(
        || otherwise.to_owned(),
        |near| format!("did you mean {near}?"),
    )
}

/// What to do about an address on networks whose subnet is not in the file.
fn chosen_subnet(networks: &[Name], address: IpAddr) -> String {
    let length = if address.is_ipv4() { 24 } else { 64 };
    let example = IpNet::new(address, length).map(|net| net.trunc());
    let example = example.map_or_else(|_| address.to_string(), |net| net.to_string());
    format!(
        "the subnet of {} is chosen when it is built: write the one that {address} is in, like subnet: {example}",
        list(networks)
    )
}

/// Values with commas between them.
fn list<T: ToString>(values: &[T]) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// Nodes in a sentence.
fn of_nodes(names: &[Name]) -> String {
    let noun = if names.len() == 1 { "node" } else { "nodes" };
    format!("{noun} {}", listed(names))
}
