//! A sandbox: a user, mount and network namespace of the caller, kept by a small process (the
//! holder). It replaces the host: it works without root and changes nothing on the real host.

mod end;
mod holder;
mod ids;
mod marks;
mod orphans;
mod pasta;
mod process;
mod refusal;
mod running;
mod subordinates;
pub(crate) mod uplink;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use hallway_kernel::Kernel;
use hallway_kernel::sys::{NamespaceKind, is_outsider};
use serde::{Deserialize, Serialize};

use crate::account::CallingUser;
use crate::record::Store;
use crate::{Cancel, Failure, Lock, Reason, record};

pub use holder::hold;
pub(crate) use ids::Ids;
pub use marks::of_user;
pub use orphans::end_orphans;
pub(crate) use pasta::program as pasta_program;
pub use running::{clear, ensure, find, list, lost, marked, on_records, usable};
pub(crate) use subordinates::{MappedIds, candidates, map as map_further_ids};

/// The version of `sandbox.json`.
const VERSION: u32 = 2;

/// A running sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// Its name.
    pub name: String,
    /// Its holder's process.
    pub pid: i32,
    /// Seconds since 1970.
    pub created: u64,
    /// Made by `up`, and so removed with the last project.
    pub implicit: bool,
    /// Whether it has a user namespace of its own.
    pub user_namespace: bool,
    /// How it reaches the internet, or why it does not.
    pub internet: Internet,
    /// Its state directory was removed: what is in it is on no record.
    pub lost: bool,
    /// The holder's start time, in clock ticks since boot: it shows whether the pid was reused.
    started: u64,
    directory: PathBuf,
}

/// The content of `sandbox.json`. Version 1 had the same fields, without a version.
#[derive(Serialize, Deserialize)]
struct SandboxFile {
    #[serde(default = "first_version")]
    version: u32,
    pid: i32,
    started: u64,
    created: u64,
    implicit: bool,
    user_namespace: bool,
    internet: Internet,
}

fn first_version() -> u32 {
    1
}

/// How a sandbox is made.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    /// The program whose `__hold` becomes the holder.
    pub program: &'a Path,
    /// Made by `up`, and so removed with the last project.
    pub implicit: bool,
    /// Whether it reaches the internet if possible.
    pub internet: bool,
    /// Root of the machine is root in its own sandbox too.
    pub map_root: bool,
    /// The calling user, if it is not the user of this process.
    pub caller: Option<CallingUser>,
}

/// How a sandbox reaches the internet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Internet {
    /// Through this pasta process.
    Pasta(i32),
    /// It does not, with the reason.
    None(String),
}

/// The reason if the caller requests no internet access.
const TURNED_OFF: &str = "turned off";

impl Internet {
    /// Why there is no internet access although the caller requests it, and what to do about that.
    #[must_use]
    pub fn missing(&self) -> Option<(&str, &'static str)> {
        match self {
            Self::None(why) if why != TURNED_OFF => Some((why, uplink::remedy(why))),
            Self::None(_) | Self::Pasta(_) => None,
        }
    }
}

fn root(state: &Path) -> PathBuf {
    state.join("sandboxes")
}

/// The directory of a sandbox's state, which is also its projects' scope.
#[must_use]
pub fn directory(state: &Path, name: &str) -> PathBuf {
    root(state).join(name)
}

/// A lock shared by all processes that are about to change a sandbox's projects: while one of them
/// holds it, a sandbox without a project is not ended.
///
/// # Errors
/// When the lock file cannot be made, or the caller cancels.
pub fn join(state: &Path, name: &str, cancel: &Cancel) -> Result<Lock, Failure> {
    Lock::share(&directory(state, name).join("members"), cancel)
}

/// The directory of sandboxes and the state directory, if nothing is in them.
fn remove_empty_parents(store: &Store) {
    for parent in store.scope().ancestors().skip(1).take(2) {
        store.remove_if_empty(parent);
    }
}

impl Sandbox {
    fn write(&self) -> Result<(), Failure> {
        let file = SandboxFile {
            version: VERSION,
            pid: self.pid,
            started: self.started,
            created: self.created,
            implicit: self.implicit,
            user_namespace: self.user_namespace,
            internet: self.internet.clone(),
        };
        let text = serde_json::to_vec(&file)
            .map_err(|_not_json| Reason::Bug("a sandbox's record is not JSON"))?;
        let store = Store::new(Kernel::new(), &self.directory);
        store.replace(&self.directory.join("sandbox.json"), &text)
    }

    /// The scope of its projects.
    #[must_use]
    pub fn scope(&self) -> &Path {
        &self.directory
    }

    /// Moves this process into the sandbox. It must have one thread.
    ///
    /// # Errors
    /// When the sandbox has ended, or belongs to another user.
    pub fn enter(&self) -> Result<(), Failure> {
        let failed = |e| {
            let name = self.name.clone();
            Failure::caused(Reason::SandboxNotEntered { name }, e)
        };
        let open = |kind: &str| -> Result<OwnedFd, Failure> {
            let path = format!("/proc/{}/ns/{kind}", self.pid);
            std::fs::File::open(&path)
                .map(Into::into)
                .map_err(|e| failed(hallway_kernel::KernelError::io("open", path, &e)))
        };
        let here = std::env::current_dir().ok();
        let (user, mount, net) = (open("user")?, open("mnt")?, open("net")?);
        let mut kernel = Kernel::new();
        if self.user_namespace {
            kernel.join(user, NamespaceKind::User).map_err(failed)?;
        }
        kernel.join(mount, NamespaceKind::Mount).map_err(failed)?;
        kernel.join(net, NamespaceKind::Net).map_err(failed)?;
        if let Some(here) = here {
            std::env::set_current_dir(here).ok();
        }
        Ok(())
    }

    /// As [`Self::enter`], for any program. It gets its own mount namespace if it becomes another
    /// user than this process: its mounts must not affect later commands, which start programs from
    /// this sandbox's files. Named namespaces are shared.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub fn enter_for_program(&self) -> Result<(), Failure> {
        self.enter()?;
        if !is_outsider() {
            return Ok(());
        }
        let made = Kernel::new().unshare(&[NamespaceKind::Mount]);
        made.map_err(|e| {
            let name = self.name.clone();
            Failure::caused(Reason::SandboxNotEntered { name }, e)
        })
    }

    /// Ends it if it has no project and no process is about to make one.
    ///
    /// # Errors
    /// As [`Self::remove`].
    pub fn remove_if_unused(&self) -> Result<(), Failure> {
        let Some(_alone) = Lock::try_take(&self.directory.join("members")) else {
            return Ok(());
        };
        if record::projects(&self.directory).is_empty() {
            self.remove()?;
        }
        Ok(())
    }

    /// Ends it with everything in it, and removes its state.
    ///
    /// # Errors
    /// When a process in it cannot be ended.
    pub fn remove(&self) -> Result<(), Failure> {
        self.end()?;
        let store = Store::new(Kernel::new(), &self.directory);
        store.remove_tree(&self.directory)?;
        remove_empty_parents(&store);
        Ok(())
    }
}
