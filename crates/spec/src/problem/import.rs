//! Problems of files of other formats: Compose and containerlab.

use super::{Code, Details, did_you_mean};
use crate::{Label, Place, listed};

/// Problems of a file of another format that do not appear in its translation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportProblem {
    /// A `$` without a variable after it.
    #[error("{0:?} has a $ that is not followed by a variable")]
    Interpolation(String),
    /// A required variable is not set.
    #[error("variable {name} is not set{}", after(.message))]
    RequiredVariable {
        /// The variable.
        name: String,
        /// The file's message about it.
        message: String,
    },
    /// A file that another one names cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        error: String,
        /// Whether it is one of `env_file`, which may be absent.
        optional: bool,
    },
    /// Files or services that include or extend one another.
    #[error("{0} includes or extends itself")]
    Cycle(String),
    /// Files or services that include or extend one another through too many levels.
    #[error("{name} is nested more than {max} deep")]
    TooDeep {
        /// The file or service.
        name: String,
        /// The limit.
        max: usize,
    },
    /// More files are included or extended than the limit allows.
    #[error("more than {max} files are included or extended; one that is named twice counts twice")]
    TooManyFiles {
        /// The limit.
        max: usize,
    },
    /// A service that is not defined.
    #[error("there is no service {service}")]
    UnknownService {
        /// The service.
        service: String,
        /// The most similar one.
        nearest: Option<String>,
    },
    /// A node that is not defined.
    #[error("the topology has no node {node}")]
    UnknownNode {
        /// The node.
        node: String,
        /// The most similar one.
        nearest: Option<String>,
    },
    /// Services next to `services` instead of below it.
    #[error("{} not below services", they_are(.0))]
    BesideServices(Vec<String>),
    /// A file without `services`, whose keys are services.
    #[error("{}, as in the first version of Compose files, which had no services", at_the_top(.0))]
    FirstVersion(Vec<String>),
    /// A service that is not active.
    #[error("service {service} belongs to profile {profile}, which is not active")]
    InactiveService {
        /// The service.
        service: String,
        /// One of its profiles.
        profile: String,
    },
    /// A network or service of an included file that is defined here too.
    #[error("{name} is defined in an included file too")]
    DefinedTwice {
        /// The network or service.
        name: String,
        /// The other definition.
        first: Place,
    },
    /// Two services whose containers have one name.
    #[error("services {service} and {other} have the same container_name {name}")]
    SameContainer {
        /// The name.
        name: String,
        /// The service.
        service: String,
        /// The service that has it first.
        other: String,
        /// Where that one has it.
        first: Place,
    },
    /// A tag of a value that Compose does not have, but one that is similar.
    #[error("unknown tag {tag}")]
    UnknownTag {
        /// The tag, with its `!`.
        tag: String,
        /// The similar one.
        nearest: &'static str,
    },
    /// A line of a file of variables that cannot be read.
    #[error("cannot read line {line} of {path}: {why}")]
    VariableLine {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// What is wrong with it.
        why: String,
        /// What to do.
        instead: &'static str,
    },
    /// Something that hallway does not support.
    #[error("{what} is not supported")]
    NotSupported {
        /// What.
        what: String,
        /// What to do.
        instead: &'static str,
    },
}

fn after(message: &str) -> String {
    match message {
        "" => String::new(),
        message => format!(": {message}"),
    }
}

impl Details for ImportProblem {
    fn code(&self) -> Code {
        match self {
            Self::Interpolation(_) => Code::BadInterpolation,
            Self::RequiredVariable { .. } => Code::MissingVariable,
            Self::Unreadable { .. } => Code::FileUnreadable,
            Self::Cycle(_) => Code::ImportCycle,
            Self::TooDeep { .. } | Self::TooManyFiles { .. } => Code::TooMany,
            Self::UnknownService { .. } | Self::UnknownNode { .. } => Code::UnknownName,
            Self::BesideServices(_) | Self::FirstVersion(_) => Code::UnknownKey,
            Self::InactiveService { .. } => Code::InactiveProfile,
            Self::DefinedTwice { .. } | Self::SameContainer { .. } => Code::DuplicateKey,
            Self::UnknownTag { .. } | Self::VariableLine { .. } => Code::BadValue,
            Self::NotSupported { .. } => Code::NotSupported,
        }
    }

    fn others(&self) -> Vec<Label> {
        match self {
            Self::DefinedTwice { first, .. } | Self::SameContainer { first, .. } => {
                vec![Label::new(first, "first here")]
            }
            _ => Vec::new(),
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Self::Interpolation(_) => {
                "write $$ for a $, or ${NAME}, ${NAME:-default}, ${NAME:?message} or ${NAME:+value}"
                    .into()
            }
            Self::RequiredVariable { name, .. } => {
                format!("set it: {name}=… in the environment or in .env")
            }
            Self::Unreadable { optional: true, .. } => {
                "paths are relative to the file's directory; write { path: FILE, required: false } for one that may be absent"
                    .into()
            }
            Self::Unreadable { .. } => {
                "name a file that exists and may be read; paths in a file are relative to its directory, those of --env-file to the current one".into()
            }
            Self::Cycle(_) => "remove one of the references".into(),
            Self::TooDeep { .. } => "name the files or services at the end of the chain directly".into(),
            Self::TooManyFiles { .. } => "include each file once, in the first file".into(),
            Self::UnknownService { nearest, .. } => {
                did_you_mean(nearest.as_ref(), "define it under services")
            }
            Self::UnknownNode { nearest, .. } => {
                did_you_mean(nearest.as_ref(), "define it below nodes, like r3: { kind: linux }")
            }
            Self::FirstVersion(_) => {
                "write services: on a line above, and indent all that follows by two spaces".into()
            }
            Self::BesideServices(services) => {
                let (what, them) = match services.as_slice() {
                    [one] => (one.as_str(), "it"),
                    _ => ("them", "them"),
                };
                format!("indent {what} and what belongs to {them} by two spaces, below services:")
            }
            Self::InactiveService { profile, .. } => format!(
                "add --profile {profile}, or write required: false in depends_on"
            ),
            Self::DefinedTwice { .. } => "remove one of the two, or change it in an override file".into(),
            Self::SameContainer { .. } => "give one of them another name".into(),
            Self::UnknownTag { nearest, .. } => format!("did you mean {nearest}?"),
            Self::VariableLine { instead, .. } | Self::NotSupported { instead, .. } => (*instead).into(),
        })
    }
}

/// Names with their verb.
fn at_the_top(names: &[String]) -> String {
    let what = if names.len() == 1 {
        "is a service"
    } else {
        "are services"
    };
    format!("{} {what} at the top of the file", listed(names))
}

fn they_are(names: &[String]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", listed(names))
}
