//! The connection to a project's keeper.

use std::io::Read as _;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use hallway_kernel::sys;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::message::{Answer, Hello, Request};
use super::{
    Change, Desired, Forward, KeeperError, Listener, Program, ProgramStatus, Readiness, frame,
    readiness, socket_name,
};

const START_LIMIT: Duration = Duration::from_secs(5);
/// How long a keeper may take to end after the request: its programs have 10 s.
const END_LIMIT: Duration = Duration::from_secs(15);

/// A connection to a keeper of this version.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    pid: Pid,
}

/// How to start a keeper.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The program; with the argument `__keeper` it must become a keeper.
    pub program: &'a Path,
    /// The project.
    pub project: &'a str,
    /// The project's directory, which must exist; the keeper's log goes there.
    pub directory: &'a Path,
    /// The process that holds the sandbox; the keeper ends with it.
    pub holder: Option<i32>,
    /// The soft limit on open files that programs get; none: the keeper's own.
    pub open_files: Option<u64>,
}

impl Client {
    /// The keeper of a project in this network namespace, if it runs. One that is just ending is
    /// waited for.
    ///
    /// # Errors
    /// When one runs that does not answer or is of another version.
    pub fn connect(project: &str) -> Result<Option<Self>, KeeperError> {
        let address =
            SocketAddr::from_abstract_name(socket_name(project)).map_err(KeeperError::Lost)?;
        let Ok(stream) = UnixStream::connect_addr(&address) else {
            return Ok(None);
        };
        let peer = rustix::net::sockopt::socket_peercred(&stream)
            .map_err(|e| KeeperError::Lost(e.into()))?;
        if peer.uid != rustix::process::geteuid() {
            return Ok(None);
        }
        let greeted = frame::send(&stream, &Hello::own())
            .and_then(|()| frame::receive::<Hello>(&stream, frame::HELLO_MAX));
        match greeted {
            Ok(hello) if hello.matches() => Ok(Some(Self {
                stream,
                pid: peer.pid,
            })),
            Ok(hello) => Err(KeeperError::OtherVersion {
                pid: peer.pid.as_raw_nonzero().get(),
                version: hello.version,
                protocol: hello.protocol,
            }),
            // It closed the connection: because it ends, or because its version has no `Hello`.
            Err(_closed) if await_end(peer.pid, END_LIMIT) => Ok(None),
            Err(_closed) => Err(KeeperError::NotUnderstood {
                pid: peer.pid.as_raw_nonzero().get(),
            }),
        }
    }

    /// The keeper, started if it does not run. The process it runs in inherits no descriptor of
    /// this one. Until the first [`Self::sync`] it ends together with the
    /// calling thread.
    ///
    /// # Errors
    /// When it cannot be started, or one runs that is of another version.
    pub fn start(start: &Start<'_>) -> Result<Self, KeeperError> {
        if let Some(client) = Self::connect(start.project)? {
            return Ok(client);
        }
        let log = start.directory.join("keeper.log");
        let not_started = |reason: String| KeeperError::NotStarted {
            reason,
            log: log.clone(),
        };
        let mut child = spawn(start, &log).map_err(KeeperError::Start)?;
        let listens = match child.stdout.take() {
            Some(output) => await_line(output, START_LIMIT),
            None => false,
        };
        if listens && let Some(client) = Self::connect(start.project)? {
            return Ok(client);
        }
        // It may have ended already; what it wrote is the reason either way.
        child.kill().ok();
        child.wait().ok();
        let output = std::fs::read_to_string(&log).unwrap_or_default();
        Err(not_started(match output.trim() {
            "" => format!("it was not ready within {} s", START_LIMIT.as_secs()),
            output => output.to_owned(),
        }))
    }

    fn exchange(&self, request: &Request, listeners: Vec<Listener>) -> std::io::Result<Answer> {
        frame::send(&self.stream, request)?;
        let sockets: Vec<_> = listeners.into_iter().map(|l| l.socket).collect();
        frame::send_descriptors(&self.stream, &sockets)?;
        frame::receive(&self.stream, frame::FRAME_MAX)
    }

    fn call(&self, request: &Request, listeners: Vec<Listener>) -> Result<Answer, KeeperError> {
        match self.exchange(request, listeners) {
            Ok(Answer::Refused(refusal)) => Err(KeeperError::Refused(refusal)),
            Ok(answer) => Ok(answer),
            Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => {
                Err(KeeperError::Unsendable(e))
            }
            Err(e) => Err(KeeperError::Lost(e)),
        }
    }

    /// Makes it run and serve exactly this; `fresh` are listeners it does not have yet. Returns,
    /// when what had to be stopped has ended, how many programs and forwards changed. A forward
    /// whose listener is neither there nor among `fresh` is not served. A listener that stays is
    /// not closed, also when its target changes; only connections to a former target are.
    ///
    /// # Errors
    /// When it does not answer or refuses.
    pub fn sync(&self, desired: &Desired, fresh: Vec<Listener>) -> Result<usize, KeeperError> {
        let listens: Vec<_> = fresh.iter().map(|l| l.listen).collect();
        match self.call(&Request::sync(desired, &listens), fresh)? {
            Answer::Done { changed } => Ok(changed),
            _ => Err(KeeperError::UnexpectedAnswer),
        }
    }

    /// Changes some of what it does, without a look at the rest; `fresh` are listeners for the new
    /// forwards. Returns, when what had to be stopped has ended, whether anything is left to do.
    ///
    /// # Errors
    /// When it does not answer or refuses.
    pub fn change(&self, change: &Change, fresh: Vec<Listener>) -> Result<bool, KeeperError> {
        let listens: Vec<_> = fresh.iter().map(|l| l.listen).collect();
        match self.call(&Request::change(change, &listens), fresh)? {
            Answer::Changed { idle, .. } => Ok(!idle),
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

    /// Whether every program runs and all its `ready` ports listen, at this moment.
    ///
    /// # Errors
    /// When the keeper does not answer.
    pub fn poll_ready(&self, wanted: &[Program]) -> Result<Readiness, KeeperError> {
        Ok(readiness(wanted, &self.programs()?))
    }

    /// Ends the keeper of a project, of any version, with all its programs; whether there was
    /// one. Returns when it has ended.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn end(project: &str) -> Result<bool, KeeperError> {
        match Self::connect(project) {
            Ok(None) => Ok(false),
            Ok(Some(client)) => {
                client.stop();
                Ok(true)
            }
            Err(KeeperError::OtherVersion { pid, .. } | KeeperError::NotUnderstood { pid }) => {
                if let Some(pid) = Pid::from_raw(pid) {
                    // It has ended meanwhile, or does so now: every version ends at SIGTERM.
                    rustix::process::kill_process(pid, Signal::TERM).ok();
                    await_end(pid, END_LIMIT);
                }
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Stops everything; returns when the keeper has ended. If it ends before it answers, because
    /// another process ended it, the result is the same.
    pub fn stop(self) {
        drop(self.exchange(&Request::Stop {}, Vec::new()));
        await_end(self.pid, END_LIMIT);
    }
}

fn spawn(start: &Start<'_>, log: &Path) -> std::io::Result<Child> {
    let log = std::fs::File::create(log)?;
    let words = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
    sys::close_on_exec_from(3)?;
    let program = start.program;
    Command::new(program)
        .args(["__keeper", start.project])
        .arg(words(start.holder.map(|h| h.to_string())))
        .arg(std::process::id().to_string())
        .arg(words(start.open_files.map(|limit| limit.to_string())))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
}

/// Whether the first byte comes within `limit`, and not the end.
fn await_line(mut output: ChildStdout, limit: Duration) -> bool {
    let timeout = timespec(limit);
    let mut ends = [PollFd::new(&output, PollFlags::IN)];
    let ready = rustix::io::retry_on_intr(|| rustix::event::poll(&mut ends, Some(&timeout)));
    ready.is_ok_and(|count| count > 0) && output.read_exact(&mut [0]).is_ok()
}

/// Waits, at most `limit`, until a process has ended; whether it has.
fn await_end(pid: Pid, limit: Duration) -> bool {
    let Ok(process) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
        return true; // no such process
    };
    let timeout = timespec(limit);
    let mut ends = [PollFd::new(&process, PollFlags::IN)];
    let ended = rustix::io::retry_on_intr(|| rustix::event::poll(&mut ends, Some(&timeout)));
    ended.is_ok_and(|count| count > 0)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().cast_signed(),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
