//! The connection to a project's keeper.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use hallway_kernel::sys;
use rustix::process::Pid;

use super::handshake::{Connection, END_LIMIT, Handshake};
use super::message::{Answer, Request};
use super::wait;
use super::{
    BoundSocket, Desired, Forward, KeeperChange, KeeperError, Program, ProgramStatus, Readiness,
    RemovedLinks, frame, marks, readiness,
};
use crate::{Cancel, state};

const START_LIMIT: Duration = Duration::from_secs(5);
/// The interval of keepalive requests while the client waits for an answer.
const SIGN_INTERVAL: Duration = Duration::from_secs(2);

/// A connection to a keeper of this version.
#[derive(Debug)]
pub struct Client(Connection);

/// How to start a keeper.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The program; with the argument `__keeper` it must become a keeper.
    pub program: &'a Path,
    /// The project.
    pub project: &'a str,
    /// The directory of the scope's state.
    pub scope: &'a Path,
    /// The project's directory, which must exist; the keeper's log goes there.
    pub directory: &'a Path,
    /// The process that holds the sandbox; the keeper ends with it.
    pub holder: Option<i32>,
    /// The soft limit on open files that programs get; none: the keeper's own.
    pub open_files: Option<u64>,
    /// Its environment, all of it, and that of its programs.
    pub environment: &'a BTreeMap<OsString, OsString>,
    /// Ends waiting for it.
    pub cancel: &'a Cancel,
}

impl Client {
    /// The keeper of the project whose state is in that directory, if it runs. If it is ending, the
    /// call waits for it.
    ///
    /// # Errors
    /// When one runs that does not answer or is of another version, or the caller cancels.
    pub fn connect(directory: &Path, cancel: &Cancel) -> Result<Option<Self>, KeeperError> {
        Handshake::send(directory, cancel)?.map_or(Ok(None), Self::handshake)
    }

    /// The keeper at the other end of a handshake; none if it was ending, and has ended.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub(crate) fn handshake(handshake: Handshake) -> Result<Option<Self>, KeeperError> {
        Ok(handshake.answered()?.map(Self))
    }

    /// The keeper, started if it does not run. Its process inherits nothing from this one but what
    /// [`Start`] contains. Until the first [`Self::sync`] it ends together with the calling thread.
    ///
    /// # Errors
    /// When it cannot be started, or one runs that is of another version.
    pub fn start(start: &Start<'_>) -> Result<Self, KeeperError> {
        match Self::connect(start.directory, start.cancel)? {
            Some(client) => Ok(client),
            None => Starting::begin(start)?.connect(start.cancel),
        }
    }

    /// Waits for an answer, as long as it takes, while the keeper answers keepalive requests.
    fn await_answer(&self) -> Result<(), KeeperError> {
        while !wait::readable(&self.0.stream, self.0.pid, &self.0.cancel, SIGN_INTERVAL)? {
            // Without a keeper, or with another one, it was ending: this connection ends with it.
            Self::connect(&self.0.directory, &self.0.cancel)?;
        }
        Ok(())
    }

    fn call(&self, request: &Request, sockets: Vec<OwnedFd>) -> Result<Answer, KeeperError> {
        let failed = |e: std::io::Error| match e.kind() {
            ErrorKind::InvalidInput => KeeperError::Unsendable(e),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => KeeperError::Silent {
                pid: self.0.pid.as_raw_nonzero().get(),
            },
            _ => KeeperError::Lost(e),
        };
        frame::send(&self.0.stream, request).map_err(failed)?;
        if frame::send_descriptors(&self.0.stream, &sockets).map_err(failed)? {
            self.await_answer()?;
            frame::acknowledged(&self.0.stream).map_err(failed)?;
        }
        self.await_answer()?;
        match frame::receive(&self.0.stream, frame::FRAME_MAX).map_err(failed)? {
            Answer::Refused(refusal) => Err(KeeperError::Refused(refusal)),
            answer => Ok(answer),
        }
    }

    /// Makes it run and serve exactly this; `fresh` are listeners it does not have yet. Returns
    /// when what had to be stopped has ended, with the number of programs and forwards that
    /// changed, and the guard. A forward whose listener neither exists nor is among `fresh` is not
    /// served. A listener that stays is not closed, also when its target changes; only connections
    /// to a former target are closed.
    /// # Errors
    /// When it does not answer or refuses.
    pub fn sync(&self, desired: &Desired, fresh: Vec<BoundSocket>) -> Result<usize, KeeperError> {
        let listens: Vec<_> = fresh.iter().map(|l| l.listen).collect();
        match self.call(&Request::sync(desired, &listens), sockets(fresh))? {
            Answer::Done { changed } => Ok(changed),
            _ => Err(KeeperError::UnexpectedAnswer),
        }
    }

    /// Changes a part of its tasks, without examining the rest; `fresh` are listeners for the new
    /// forwards, and it waits until the kernel has removed what `remains`. Returns when what had to
    /// be stopped has ended, with the number of programs and forwards that changed.
    ///
    /// # Errors
    /// When it does not answer or refuses.
    pub fn change(
        &self,
        change: &KeeperChange,
        fresh: Vec<BoundSocket>,
        remains: RemovedLinks,
    ) -> Result<usize, KeeperError> {
        let listens: Vec<_> = fresh.iter().map(|l| l.listen).collect();
        let request = Request::change(change, &listens, &remains);
        let mut sockets = sockets(fresh);
        sockets.extend(remains.socket);
        match self.call(&request, sockets)? {
            Answer::Done { changed } => Ok(changed),
            _ => Err(KeeperError::UnexpectedAnswer),
        }
    }

    /// Its programs.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn programs(&self) -> Result<Vec<ProgramStatus>, KeeperError> {
        match self.call(&Request::Programs {}, Vec::new())? {
            Answer::Programs { programs } => Ok(programs.into_iter().map(Into::into).collect()),
            _ => Err(KeeperError::UnexpectedAnswer),
        }
    }

    /// What it serves, by listener.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn forwards(&self) -> Result<Vec<Forward>, KeeperError> {
        match self.call(&Request::Forwards {}, Vec::new())? {
            Answer::Forwards { forwards } => Ok(forwards.into_iter().map(Into::into).collect()),
            _ => Err(KeeperError::UnexpectedAnswer),
        }
    }

    /// Stops a node's program and starts it again; returns when the old one has ended.
    ///
    /// # Errors
    /// When the node has none, or the keeper does not answer.
    pub fn restart(&self, node: &str) -> Result<(), KeeperError> {
        let node = node.to_owned();
        self.call(&Request::Restart { node }, Vec::new())
            .map(|_done| ())
    }

    /// Stops a node's program until it is started again; returns when it has ended.
    ///
    /// # Errors
    /// When the node has none, or the keeper does not answer.
    pub fn stop_program(&self, node: &str) -> Result<(), KeeperError> {
        let node = node.to_owned();
        self.call(&Request::StopProgram { node }, Vec::new())
            .map(|_done| ())
    }

    /// Whether each of these programs runs and all its `ready` ports listen, at this moment.
    ///
    /// # Errors
    /// When the keeper does not answer.
    pub fn poll_ready(&self, wanted: &[Program]) -> Result<Readiness, KeeperError> {
        let mut programs = self.programs()?;
        programs.retain(|program| wanted.iter().any(|w| w.node == program.node));
        Ok(readiness(wanted, &programs))
    }

    /// Ends the keeper of a project, of any version, with all its programs; whether there was one.
    /// One that does not answer is killed; one that has no socket any more is found by its mark,
    /// and so are runners in the network namespaces with these inode numbers. Returns when it has
    /// ended.
    ///
    /// # Errors
    /// When it cannot be reached, or the caller cancels.
    pub fn end(
        directory: &Path,
        project: &str,
        inodes: &[u64],
        cancel: &Cancel,
    ) -> Result<bool, KeeperError> {
        let had = match Self::connect(directory, cancel) {
            Ok(None) | Err(KeeperError::Place(_)) => false,
            Ok(Some(client)) => {
                client.stop()?;
                true
            }
            Err(
                KeeperError::OtherVersion { pid, .. }
                | KeeperError::NotUnderstood { pid }
                | KeeperError::Stopped { pid }
                | KeeperError::Silent { pid },
            ) => {
                if let Some(pid) = Pid::from_raw(pid) {
                    wait::force(pid, cancel)?;
                }
                true
            }
            Err(error) => return Err(error),
        };
        Ok(marks::end(project, inodes, cancel)? || had)
    }

    /// Stops everything; returns when the keeper has ended. If it ends before it answers, because
    /// another process ended it, the result is the same.
    ///
    /// # Errors
    /// When the caller cancels.
    pub fn stop(self) -> Result<(), KeeperError> {
        let outcome = match self.call(&Request::Stop {}, Vec::new()) {
            Err(KeeperError::Cancelled(why)) => return Err(KeeperError::Cancelled(why)),
            Err(KeeperError::Stopped { .. } | KeeperError::Silent { .. }) => Ok(false),
            _ => wait::ended(self.0.pid, &self.0.cancel, END_LIMIT),
        };
        match outcome {
            Ok(true) => Ok(()),
            Err(KeeperError::Cancelled(why)) => Err(KeeperError::Cancelled(why)),
            _ => wait::force(self.0.pid, &self.0.cancel),
        }
    }
}

fn sockets(listeners: Vec<BoundSocket>) -> Vec<OwnedFd> {
    listeners.into_iter().map(|l| l.socket).collect()
}

/// A keeper that is starting, while its caller continues. Dropping it ends the process.
#[derive(Debug)]
pub struct Starting {
    directory: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Starting {
    /// Starts the process and does not wait for it. One that cannot be reached any more, since its
    /// socket was removed, is ended first.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn begin(start: &Start<'_>) -> Result<Self, KeeperError> {
        marks::end(start.project, &[], start.cancel)?;
        let log = start.directory.join("keeper.log");
        let child = spawn(start, &log).map_err(KeeperError::Start)?;
        Ok(Self {
            directory: start.directory.to_owned(),
            log,
            child: Some(child),
        })
    }

    /// Waits until it can be connected to.
    ///
    /// # Errors
    /// When it ended, or is not ready in time.
    pub fn connect(mut self, cancel: &Cancel) -> Result<Client, KeeperError> {
        let listens = match &mut self.child {
            Some(child) => match child.stdout.take() {
                Some(output) => await_line(output, Pid::from_child(child), cancel)?,
                None => false,
            },
            None => false,
        };
        if listens && let Some(client) = Client::connect(&self.directory, cancel)? {
            self.child = None;
            return Ok(client);
        }
        // It may have ended already; its output is the reason in both cases.
        self.end();
        let output = state::end_of(&self.log);
        Err(KeeperError::NotStarted {
            reason: match output.trim() {
                "" => format!("it was not ready within {} s", START_LIMIT.as_secs()),
                output => output.to_owned(),
            },
            log: self.log.clone(),
        })
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(start: &Start<'_>, log: &Path) -> std::io::Result<Child> {
    let log = state::create_log(log)?;
    let words = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
    let program = start.program;
    let mut command = Command::new(program);
    sys::inherit_nothing(&mut command);
    sys::keep_capabilities(&mut command);
    command
        .args(["__keeper", start.project])
        .arg(start.directory)
        .arg(words(start.holder.map(|h| h.to_string())))
        .arg(std::process::id().to_string())
        .arg(words(start.open_files.map(|limit| limit.to_string())))
        .arg(start.scope)
        .envs(start.environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
}

/// Whether the first byte comes within `limit`, and not the end.
fn await_line(mut output: ChildStdout, child: Pid, cancel: &Cancel) -> Result<bool, KeeperError> {
    Ok(wait::readable(&output, child, cancel, START_LIMIT)? && output.read_exact(&mut [0]).is_ok())
}
