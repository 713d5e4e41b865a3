//! The first message to a keeper, and its answer.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hallway_kernel::files;
use rustix::process::Pid;

use super::message::Hello;
use super::wait::{self, ANSWER_LIMIT};
use super::{KeeperError, frame, socket};
use crate::{Cancel, failure::FileAction, record::store};

/// How long a keeper may take to end after the request: its programs have 10 s.
pub(super) const END_LIMIT: Duration = Duration::from_secs(15);

/// A connection on which [`Hello`] was sent: the caller can do other work before it reads the answer.
#[derive(Debug)]
pub(crate) struct Handshake {
    stream: UnixStream,
    pid: Pid,
    directory: PathBuf,
    cancel: Cancel,
    sent: std::io::Result<()>,
}

/// A connection to a keeper of this version.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: UnixStream,
    pub(super) pid: Pid,
    pub(super) directory: PathBuf,
    pub(super) cancel: Cancel,
}

impl Handshake {
    /// Greets the keeper of the project whose state is in that directory, if one listens there.
    ///
    /// # Errors
    /// When it belongs to another user.
    pub(crate) fn send(directory: &Path, cancel: &Cancel) -> Result<Option<Self>, KeeperError> {
        let Some((stream, pid)) = open(directory)? else {
            return Ok(None);
        };
        let send = || -> std::io::Result<()> {
            stream.set_read_timeout(Some(ANSWER_LIMIT))?;
            stream.set_write_timeout(Some(ANSWER_LIMIT))?;
            frame::send(&stream, &Hello::own())
        };
        let sent = send();
        Ok(Some(Self {
            stream,
            pid,
            directory: directory.to_owned(),
            cancel: cancel.clone(),
            sent,
        }))
    }

    /// Waits for the answer; none if the keeper was ending, and has ended.
    ///
    /// # Errors
    /// When it does not answer or is of another version, or the caller cancels.
    pub(super) fn answered(self) -> Result<Option<Connection>, KeeperError> {
        let (pid, cancel) = (self.pid, &self.cancel);
        let number = pid.as_raw_nonzero().get();
        let handshake = match self.sent {
            Ok(()) if !wait::readable(&self.stream, pid, cancel, ANSWER_LIMIT)? => {
                return Err(KeeperError::Silent { pid: number });
            }
            Ok(()) => frame::receive::<Hello>(&self.stream, frame::HELLO_MAX),
            Err(e) => Err(e),
        };
        match handshake {
            Ok(hello) if hello.matches() => Ok(Some(Connection {
                stream: self.stream,
                pid,
                directory: self.directory,
                cancel: self.cancel,
            })),
            Ok(hello) => Err(KeeperError::OtherVersion {
                pid: number,
                version: hello.version,
                protocol: hello.protocol,
            }),
            // It closed the connection: because it ends, or because its version has no `Hello`.
            Err(_closed) => match wait::ended(pid, cancel, END_LIMIT)? {
                true => Ok(None),
                false => Err(KeeperError::NotUnderstood { pid: number }),
            },
        }
    }
}

/// A connection to what listens on the project's socket, and its process.
fn open(directory: &Path) -> Result<Option<(UnixStream, Pid)>, KeeperError> {
    let path = socket(directory);
    let unusable = |e| KeeperError::Place(Box::new(store::failed(FileAction::Use, &path)(e)));
    let (_open, short) = match files::socket_path(&path) {
        Err(e) if e.is_not_found() => return Ok(None),
        other => other.map_err(unusable)?,
    };
    let Ok(stream) = UnixStream::connect(&short) else {
        return Ok(None);
    };
    let peer =
        rustix::net::sockopt::socket_peercred(&stream).map_err(|e| KeeperError::Lost(e.into()))?;
    match peer.uid == rustix::process::geteuid() {
        true => Ok(Some((stream, peer.pid))),
        false => Err(KeeperError::OtherUser {
            pid: peer.pid.as_raw_nonzero().get(),
            user: peer.uid.as_raw(),
        }),
    }
}
