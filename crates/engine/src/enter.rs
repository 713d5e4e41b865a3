//! Running a program inside a node.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use hallway_kernel::netns::Netns;
use hallway_kernel::sys::{self, Kind};
use hallway_kernel::{KernelError, mount};
use serde::{Deserialize, Serialize};

/// What to run, and what it sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enter {
    /// The namespace's path.
    pub netns: PathBuf,
    /// The host name it sees: the node's.
    pub hostname: String,
    /// Bound over /etc/hosts.
    pub hosts: Option<PathBuf>,
    /// Bound over /etc/resolv.conf.
    pub resolv_conf: Option<PathBuf>,
    /// Added to the environment.
    pub environment: BTreeMap<String, String>,
    /// Where it runs.
    pub working_dir: Option<PathBuf>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Killed when its parent ends.
    pub die_with_parent: bool,
}

/// Why it did not run.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// Nothing to run.
    #[error("no program to run")]
    Empty,
    /// The node could not be entered.
    #[error("the node could not be entered: {0}")]
    Namespace(#[from] KernelError),
    /// The directory is not there.
    #[error("cannot change to the directory {0}: {1}")]
    Directory(String, std::io::Error),
    /// The program could not be started.
    #[error("cannot run {0}: {1}")]
    Program(String, std::io::Error),
}

impl EnterError {
    /// As shells and containers have it: 127 not found, 126 not executable, 125 our own failure.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Program(_, e) if e.kind() == std::io::ErrorKind::NotFound => 127,
            Self::Program(..) => 126,
            Self::Empty | Self::Namespace(_) | Self::Directory(..) => 125,
        }
    }
}

impl Enter {
    /// Becomes the program; returns only if that fails. The process must have one thread.
    pub fn exec(self) -> EnterError {
        match self.try_exec() {
            Err(error) => error,
            Ok(never) => match never {},
        }
    }

    fn try_exec(self) -> Result<std::convert::Infallible, EnterError> {
        let (program, arguments) = self.command.split_first().ok_or(EnterError::Empty)?;
        if self.die_with_parent {
            let parent = rustix::process::getppid();
            sys::die_with_parent()?;
            if parent != rustix::process::getppid() {
                std::process::exit(125); // the parent ended in between
            }
        }
        let namespace = Netns::open(&self.netns)?;
        sys::setns(namespace.as_fd(), Kind::Net)?;
        let working_dir = self
            .working_dir
            .clone()
            .or_else(|| std::env::current_dir().ok());
        sys::unshare(&[Kind::Mount, Kind::Uts])?;
        rustix::system::sethostname(self.hostname.as_bytes()).ok();
        mount::private(Path::new("/"), true)?;
        // Not allowed everywhere; without it /sys/class/net shows the host's links.
        mount::sysfs_as_allowed(Path::new("/sys")).ok();
        for (file, over) in [
            (&self.hosts, "/etc/hosts"),
            (&self.resolv_conf, "/etc/resolv.conf"),
        ] {
            if let Some(file) = file.as_deref().filter(|f| f.exists())
                && let Ok(over) = std::fs::canonicalize(over)
            {
                mount::bind(file, &over)?;
            }
        }
        if let Some(directory) = &working_dir {
            std::env::set_current_dir(directory)
                .map_err(|e| EnterError::Directory(directory.display().to_string(), e))?;
        }
        // Whatever PATH says, it is the hallway that built the network that serves in it.
        let found = if program == "hallway" {
            "/proc/self/exe"
        } else {
            program
        };
        let error = std::process::Command::new(found)
            .arg0(program)
            .args(arguments)
            .env("PATH", search_path())
            .envs(&self.environment)
            .exec();
        Err(EnterError::Program(program.clone(), error))
    }
}

/// PATH, with where this hallway is at its end: scripts in nodes may say `hallway serve` too.
fn search_path() -> std::ffi::OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    if let Some(own) = std::env::current_exe()
        .ok()
        .as_deref()
        .and_then(Path::parent)
    {
        path.push(":");
        path.push(own);
    }
    path
}
