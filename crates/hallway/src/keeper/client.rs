//! Talking to a project's keeper.

use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hallway_engine::sandbox::Sandbox;
use hallway_engine::{Failure, interrupt};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags};

use super::{
    Desired, ForwardSpec, Request, Response, ServiceSpec, ServiceStatus, State, socket_name, wire,
};

const START_LIMIT: Duration = Duration::from_secs(5);

/// A connection to a keeper.
#[derive(Debug)]
pub(crate) struct Client {
    stream: UnixStream,
}

fn lost(error: std::io::Error) -> Failure {
    Failure::new(
        "keeper",
        format!("the project's keeper does not answer: {error}"),
    )
    .help("run hallway up again: it starts a new one")
}

impl Client {
    /// The keeper of a project of this network namespace, if it runs. One that is just ending
    /// accepts a connection and does not answer: then its end is awaited.
    pub(crate) fn connect(project: &str) -> Option<Self> {
        let address = SocketAddr::from_abstract_name(socket_name(project)).ok()?;
        let stream = UnixStream::connect_addr(&address).ok()?;
        let peer = rustix::net::sockopt::socket_peercred(&stream).ok()?;
        if peer.uid != rustix::process::geteuid() {
            return None;
        }
        let client = Self { stream };
        if client.exchange(&Request::Status, &[]).is_ok() {
            return Some(client);
        }
        await_end(peer.pid, Some(15));
        None
    }

    /// The keeper, started if it does not run.
    pub(crate) fn start(
        project: &str,
        directory: &Path,
        sandbox: Option<&Sandbox>,
    ) -> Result<Self, Failure> {
        if let Some(client) = Self::connect(project) {
            return Ok(client);
        }
        let log = std::fs::File::create(directory.join("keeper.log"))
            .map_err(|e| Failure::file("write", &directory.join("keeper.log"), &e))?;
        let mut child = Command::new("/proc/self/exe")
            .args(["__keeper", project])
            .arg(sandbox.map_or_else(|| "-".to_owned(), |s| s.pid.to_string()))
            .arg(std::process::id().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| {
                Failure::new(
                    "keeper",
                    format!("the project's keeper cannot be started: {e}"),
                )
            })?;
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(client) = Self::connect(project) {
                return Ok(client);
            }
            if Instant::now() > deadline || matches!(child.try_wait(), Ok(Some(_))) {
                child.kill().ok();
                child.wait().ok();
                return Err(Failure::new("keeper", "the project's keeper did not start"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn exchange(&self, request: &Request, fds: &[OwnedFd]) -> std::io::Result<Response> {
        wire::send(&self.stream, request)?;
        wire::send_fds(&self.stream, fds)?;
        wire::receive(&self.stream)
    }

    fn call(&self, request: &Request, fds: &[OwnedFd]) -> Result<Response, Failure> {
        match self.exchange(request, fds).map_err(lost)? {
            Response::Failed { message } => Err(Failure::new("keeper", message)),
            response => Ok(response),
        }
    }

    /// Makes it do exactly this; how many things changed.
    pub(crate) fn sync(
        &self,
        desired: &Desired,
        fresh: Vec<(ForwardSpec, OwnedFd)>,
    ) -> Result<usize, Failure> {
        let (handed, fds): (Vec<_>, Vec<_>) = fresh.into_iter().unzip();
        match self.call(
            &Request::Sync {
                desired: desired.clone(),
                handed,
            },
            &fds,
        )? {
            Response::Done { changed } => Ok(changed),
            _ => Ok(0),
        }
    }

    /// Its programs and listeners.
    pub(crate) fn status(&self) -> Result<(Vec<ServiceStatus>, Vec<ForwardSpec>), Failure> {
        match self.call(&Request::Status, &[])? {
            Response::Status { services, forwards } => Ok((services, forwards)),
            _ => Ok((Vec::new(), Vec::new())),
        }
    }

    /// Stops a program and starts it anew.
    pub(crate) fn restart(&self, node: &str) -> Result<(), Failure> {
        self.call(
            &Request::Restart {
                node: node.to_owned(),
            },
            &[],
        )
        .map(|_| ())
    }

    /// Waits until every program runs and all its `ready` ports listen. One that is started again
    /// and again is waited for only if it has such ports.
    pub(crate) fn wait_ready(
        &self,
        wanted: &[ServiceSpec],
        limit: Duration,
    ) -> Result<(), NotReady> {
        let must_listen = |node: &str| wanted.iter().any(|w| w.node == node && !w.ready.is_empty());
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_millis(1);
        loop {
            let (services, _) = self.status().map_err(|f| NotReady {
                node: String::new(),
                why: f.message,
            })?;
            let ended = services
                .iter()
                .find(|s| s.state == State::Exited && s.exit_code != Some(0));
            if let Some(service) = ended {
                let code = service.exit_code.unwrap_or(-1);
                return Err(NotReady {
                    node: service.node.clone(),
                    why: ended_words(code),
                });
            }
            let busy = services.iter().find(|s| match s.state {
                State::Running | State::Exited => false,
                State::Restarting => must_listen(&s.node),
                State::Waiting | State::Starting => true,
            });
            let Some(busy) = busy else { return Ok(()) };
            if interrupt::came().is_some() {
                return Err(NotReady {
                    node: busy.node.clone(),
                    why: "interrupted".to_owned(),
                });
            }
            if Instant::now() > deadline {
                let why = format!("not ready after {} s", limit.as_secs());
                return Err(NotReady {
                    node: busy.node.clone(),
                    why,
                });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Stops everything; returns when the keeper is gone. One that ends before it answers, because
    /// somebody else ended it, is as good: what it leaves is for `stop_orphans`.
    pub(crate) fn stop(self) {
        if self.exchange(&Request::Stop, &[]).is_ok() {
            // The other end is closed when the keeper has ended.
            let mut rest = [0];
            std::io::Read::read(&mut &self.stream, &mut rest).ok();
        }
    }
}

/// Waits, that long at most, until a process is no more.
pub(super) fn await_end(pid: Pid, seconds: Option<i64>) {
    let Ok(process) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    let limit = seconds.map(|tv_sec| rustix::time::Timespec { tv_sec, tv_nsec: 0 });
    let mut ends = [PollFd::new(&process, PollFlags::IN)];
    rustix::event::poll(&mut ends, limit.as_ref()).ok();
}

/// A program that did not become ready.
#[derive(Debug)]
pub(crate) struct NotReady {
    pub(crate) node: String,
    pub(crate) why: String,
}

fn ended_words(code: i32) -> String {
    match code {
        125 => "its node could not be entered".into(),
        126 => "its program cannot be executed".into(),
        127 => "its program was not found".into(),
        129.. => format!("ended by signal {}", code - 128),
        code => format!("ended with exit code {code}"),
    }
}
