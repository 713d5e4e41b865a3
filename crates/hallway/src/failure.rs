//! The failures of the commands themselves, apart from the file and the engine.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hallway_engine::KernelError;
use hallway_engine::enter::EnterError;
use hallway_spec::{Diagnostic, Name, codes, listed, nearest};
use hallway_view::shell::quote;

use crate::environment::of_caller;
use crate::other_scopes::is_elsewhere;

codes! {
    /// The codes of failures of the commands.
    pub(crate) enum CommandCode {
        /// The sandbox or the project does not run.
        NotUp = "not-up",
        /// Several projects are up, and none is named.
        SeveralProjects = "several-projects",
        /// The project is up from another file.
        OtherFile = "not-this-file",
        /// The project has no node of that name, or for `inspect`, `capture`, `allow` and `deny` no node or network.
        NoSuchNode = "no-such-node",
        /// The project has no network of that name, for `connect` and `node add`.
        NoSuchNetwork = "no-such-network",
        /// No node has a port of that name.
        NoSuchPort = "no-such-port",
        /// The node has no interface of that name.
        NoInterface = "no-interface",
        /// A name means several nodes.
        SeveralNodes = "several-nodes",
        /// Several links connect the two nodes.
        SeveralLinks = "several-links",
        /// The node runs no command.
        NoCommand = "no-command",
        /// The file has no expectations.
        NoExpectations = "no-expectations",
        /// No node can make the attempt.
        NotTried = "not-tried",
        /// An argument cannot be read or does not fit the project.
        BadArgument = "bad-argument",
        /// A flag does not fit the file or another flag.
        WrongFlag = "wrong-flag",
        /// The directory has no project file.
        NoFile = "no-project-file",
        /// There are several files of projects, and none is named.
        SeveralFiles = "several-files",
        /// Several files are named, and one of them is a hallway file.
        NotSeveral = "not-several",
        /// The file is not one that `hallway import` reads.
        NotForImport = "not-for-import",
        /// A file cannot be read.
        Read = "read",
        /// A file with the name that is needed was not written by hallway.
        ForeignFile = "foreign-file",
        /// A program could not be run.
        Exec = "exec",
        /// A file could not be written.
        Write = "write",
        /// Signals cannot be waited for.
        Signals = "signals",
        /// A port cannot be served.
        Serve = "serve",
        /// A packet cannot be traced.
        Trace = "trace",
        /// A benchmark could not be run.
        Bench = "bench",
    }
}

impl CommandError {
    /// A file could not be written.
    pub(crate) fn write(path: &Path, error: &std::io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            error: error.to_string(),
            refused: error.kind() == ErrorKind::PermissionDenied,
        }
    }
}

/// A failure of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The sandbox does not run.
    #[error("nothing is up: sandbox {sandbox} does not run")]
    SandboxNotUp {
        sandbox: Name,
        /// Where what was asked for is.
        elsewhere: Option<String>,
    },
    /// The project has no such node.
    #[error("project {project} has no node {node}")]
    NoSuchNode {
        project: Name,
        node: Name,
        nodes: Vec<Name>,
        /// Where a node of that name exists: the flags of its project.
        elsewhere: Vec<String>,
    },
    /// A node could not be entered, or its program could not be run.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// A program could not be run.
    #[error("cannot run {program}: {error}")]
    Exec {
        program: String,
        error: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        path: PathBuf,
        error: String,
        /// Whether the rights are missing.
        refused: bool,
    },
    /// Signals cannot be waited for.
    #[error("signals cannot be waited for: {0}")]
    Signals(std::io::Error),
    /// A port cannot be served.
    #[error("cannot listen on port {port}: {error}")]
    Serve { port: String, error: std::io::Error },
    /// The exchange cannot be watched.
    #[error("the packet cannot be traced")]
    Trace(KernelError),
    /// A command of a benchmark failed.
    #[error("hallway {command}: {error}")]
    Bench { command: String, error: String },
}

impl CommandError {
    fn kind(&self) -> CommandCode {
        match self {
            Self::SandboxNotUp { .. } => CommandCode::NotUp,
            Self::NoSuchNode { .. } => CommandCode::NoSuchNode,
            Self::Enter(_) | Self::Exec { .. } => CommandCode::Exec,
            Self::Write { .. } => CommandCode::Write,
            Self::Signals(_) => CommandCode::Signals,
            Self::Serve { .. } => CommandCode::Serve,
            Self::Trace(_) => CommandCode::Trace,
            Self::Bench { .. } => CommandCode::Bench,
        }
    }
}

impl Diagnostic for CommandError {
    fn code(&self) -> &'static str {
        self.kind().text()
    }

    fn message(&self) -> String {
        self.to_string()
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::SandboxNotUp { elsewhere, .. } => {
                let help = || "hallway up FILE starts it".to_owned();
                let elsewhere = elsewhere.clone().or_else(of_caller);
                Some(elsewhere.unwrap_or_else(help))
            }
            Self::NoSuchNode {
                node,
                nodes,
                elsewhere,
                ..
            } => Some(match elsewhere.as_slice() {
                [] if nodes.is_empty() => "it has no nodes".to_owned(),
                [] => {
                    let names = nodes.iter().map(AsRef::as_ref);
                    let near = nearest(node.as_ref(), names);
                    let near = near.map(|near| format!("did you mean {near}? "));
                    format!("{}its nodes: {}", near.unwrap_or_default(), listed(nodes))
                }
                places => is_elsewhere("node", node, places),
            }),
            Self::Enter(error) => quoted_line(error).map(|line| {
                format!("write each word for itself, without quotes around all of them: hallway exec NODE -- {line}; or sh -c {}", quote(line))
            }),
            Self::Trace(error) if error.is_not_permitted() => {
                Some("run as root, or trace in a sandbox".into())
            }
            Self::Serve { error, .. } => match error.kind() {
                ErrorKind::AddrInUse => {
                    Some("find the program that listens with: ss -lnp".into())
                }
                ErrorKind::PermissionDenied => Some(
                    "outside of nodes, ports below 1024 need root: serve a port from 1024 on, like hallway serve 8080, or serve it in a node: hallway exec NODE -- hallway serve 80; sysctl net.ipv4.ip_unprivileged_port_start=80, as root, allows all users to listen on ports from 80 on".into(),
                ),
                _ => None,
            },
            Self::Write { refused: true, .. } => {
                Some("run it as root, or write it to a directory that you may write to".into())
            }
            Self::Write { .. } => {
                Some("name a place that exists and has space, where files may be written".into())
            }
            _ => None,
        }
    }

    fn cause(&self) -> Option<String> {
        let mut source = std::error::Error::source(self);
        let mut causes = Vec::new();
        while let Some(error) = source {
            causes.push(error.to_string());
            source = error.source();
        }
        if let Self::Trace(error) = self {
            causes.push(error.to_string());
        }
        (!causes.is_empty()).then(|| causes.join(": "))
    }
}

/// A line in the place of a program that is nowhere.
fn quoted_line(error: &EnterError) -> Option<&str> {
    let line = match error {
        EnterError::NotInPath(line) => line,
        EnterError::Program(line, error) if error.kind() == ErrorKind::NotFound => line,
        _ => return None,
    };
    Some(line.as_str()).filter(|line| line.trim().contains(' '))
}

#[cfg(test)]
mod tests {
    use hallway_testkit::{documented, pairs};

    use super::CommandCode;

    #[test]
    fn codes_are_those_of_the_page_of_errors() {
        let codes = pairs(CommandCode::all().iter().map(|c| (c.text(), c.meaning())));
        assert_eq!(codes, documented("Codes of failures of commands"));
    }
}
