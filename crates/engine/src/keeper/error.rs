//! Why a keeper could not be reached, or does not carry out a request.

use std::path::PathBuf;

use hallway_spec::Name;

use super::message::{PROTOCOL, Refusal};
use crate::failure::{Detail, FailureCode};
use crate::{Failure, Reason};

/// A failure between a client and a keeper.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// Its process could not be started.
    #[error("the project's keeper cannot be started")]
    Start(#[source] std::io::Error),
    /// It ended before it listened, or did not listen in time.
    #[error("the project's keeper did not start: {reason}")]
    NotStarted {
        /// The end of its log, or another reason.
        reason: String,
        /// Its log.
        log: PathBuf,
    },
    /// The directory of its socket is not safe to use, or cannot be read.
    #[error("{0}")]
    Place(Box<Failure>),
    /// The connection broke, or carried something that is not a message.
    #[error("the project's keeper does not answer")]
    Lost(#[source] std::io::Error),
    /// It uses another version of the protocol.
    #[error(
        "the project's keeper was started by hallway {version} and uses version {protocol} of its protocol; this hallway uses version {PROTOCOL}"
    )]
    OtherVersion {
        /// Its process.
        pid: i32,
        /// Its version of hallway.
        version: String,
        /// Its version of the protocol.
        protocol: u32,
    },
    /// Its process is stopped.
    #[error("the project's keeper (process {pid}) is stopped and does not answer")]
    Stopped {
        /// Its process.
        pid: i32,
    },
    /// It does not answer keepalive requests.
    #[error("the project's keeper (process {pid}) does not answer")]
    Silent {
        /// Its process.
        pid: i32,
    },
    /// Another user listens on its socket.
    #[error("process {pid} of user {user} listens on the socket of the project's keeper")]
    OtherUser {
        /// The process.
        pid: i32,
        /// Its user.
        user: u32,
    },
    /// It runs with another state directory, where the project is on record.
    #[error(
        "project {project} is up with state directory {}, and this is {}",
        directory.display(),
        given.display()
    )]
    Elsewhere {
        /// The project.
        project: Name,
        /// Its state directory.
        directory: PathBuf,
        /// The state directory of this call.
        given: PathBuf,
    },
    /// It has ended.
    #[error(
        "the project's keeper has ended: nothing repairs the network, and programs and ports on localhost are not served"
    )]
    Ended,
    /// The caller cancelled the wait.
    #[error("{0}")]
    Cancelled(Box<Failure>),
    /// It accepts connections but closes them, and does not end: its version is older than the
    /// first message of the protocol, or it hangs.
    #[error(
        "the project's keeper (process {pid}) does not support the protocol of this version of hallway"
    )]
    NotUnderstood {
        /// Its process.
        pid: i32,
    },
    /// A request cannot be sent.
    #[error("the request cannot be sent to the project's keeper")]
    Unsendable(#[source] std::io::Error),
    /// Its answer does not belong to the request.
    #[error("the project's keeper sent an unexpected answer")]
    UnexpectedAnswer,
    /// It refused.
    #[error("{}", refusal(.0))]
    Refused(Refusal),
}

fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NoProgram { node } => format!("node {node} runs no command"),
        Refusal::OpenFiles { limit } => format!(
            "the project's keeper may have {limit} files open, and there are too many published ports for that"
        ),
        Refusal::Guard { why } => {
            format!("the project's keeper cannot load the guard: {why}")
        }
        Refusal::Listener { why } => {
            format!("the project's keeper cannot use a listener: {why}")
        }
    }
}

impl KeeperError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> FailureCode {
        match self {
            Self::Start(_) | Self::NotStarted { .. } => FailureCode::KeeperNotStarted,
            Self::Lost(_) | Self::Ended | Self::UnexpectedAnswer | Self::OtherUser { .. } => {
                FailureCode::KeeperLost
            }
            Self::Elsewhere { .. } => FailureCode::OtherStateDirectory,
            Self::Stopped { .. } | Self::Silent { .. } => FailureCode::KeeperStopped,
            Self::Cancelled(_) => FailureCode::Interrupted,
            Self::Place(_) => FailureCode::StateUnsafe,
            Self::OtherVersion { .. } | Self::NotUnderstood { .. } => FailureCode::KeeperVersion,
            Self::Unsendable(_) => FailureCode::KeeperMessage,
            Self::Refused(Refusal::NoProgram { .. }) => FailureCode::NoProgram,
            Self::Refused(Refusal::OpenFiles { .. }) => FailureCode::OpenFiles,
            Self::Refused(Refusal::Guard { .. }) => FailureCode::Guard,
            Self::Refused(Refusal::Listener { .. }) => FailureCode::Listener,
        }
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Start(_) => "see whether a limit on processes or memory is reached".into(),
            Self::NotStarted { log, .. } => format!("see {}", log.display()),
            Self::Lost(_)
            | Self::Ended
            | Self::UnexpectedAnswer
            | Self::Refused(Refusal::Listener { .. }) => {
                "run hallway up again: it starts a keeper if none runs".into()
            }
            Self::Stopped { pid } => format!(
                "continue it with: kill -CONT {pid}; or run hallway down, which ends it and its programs"
            ),
            Self::Silent { .. } => "try again later; hallway down ends it and its programs".into(),
            Self::OtherUser { pid, .. } => format!("find out what it is: ps -fp {pid}"),
            Self::Elsewhere {
                project, directory, ..
            } => format!(
                "hallway --state-dir {} -p {project} down takes it down; to build it as a separate project, set another name: in the file",
                directory.display()
            ),
            Self::Cancelled(failure) | Self::Place(failure) => failure.help().unwrap_or_default(),
            Self::OtherVersion { .. } | Self::NotUnderstood { .. } => {
                "run hallway down, which ends it and its programs, and then hallway up".into()
            }
            Self::Unsendable(_) => {
                "use paths that are UTF-8, and fewer or shorter commands and environments".into()
            }
            Self::Refused(Refusal::NoProgram { .. }) => {
                "give it one in the file: command: python3 -m http.server 80".into()
            }
            Self::Refused(Refusal::Guard { .. }) => {
                "nft list tables shows whether another program has a table of that name; see hallway doctor".into()
            }
            Self::Refused(Refusal::OpenFiles { .. }) => super::listener::OPEN_FILES_HELP.into(),
        }
    }
}

impl From<KeeperError> for Failure {
    fn from(error: KeeperError) -> Self {
        let error = match error {
            KeeperError::Cancelled(failure) | KeeperError::Place(failure) => return *failure,
            error => error,
        };
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        let (code, help) = (error.code(), error.help());
        Reason::Keeper(Detail {
            code,
            message,
            help,
        })
        .into()
    }
}
