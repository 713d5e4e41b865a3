//! A sandbox: a user, mount and network namespace of the caller, kept by a small process (the
//! holder). It replaces the host: it works without root and changes nothing on the real host.

mod end;
mod holder;
mod ids;
mod marks;
mod pasta;
mod process;
mod refusal;
mod subordinates;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use hallway_kernel::Kernel;
use hallway_kernel::sys::{NamespaceKind, is_outsider};
use serde::{Deserialize, Serialize};

use crate::account::CallingUser;
use crate::record::{Store, store};
use crate::{Cancel, Failure, Lock, Reason, record};

use process::start_time;

pub use holder::hold;
pub(crate) use ids::Ids;
pub(crate) use pasta::program as pasta_program;
pub(crate) use refusal::{forbidden, refused};
pub(crate) use subordinates::{Given, candidates, map as map_further_ids};

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

/// The reason if the caller wants no internet access.
const TURNED_OFF: &str = "turned off";

impl Internet {
    /// Why there is no internet access although the caller wants it.
    #[must_use]
    pub fn missing(&self) -> Option<&str> {
        match self {
            Self::None(why) if why != TURNED_OFF => Some(why),
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

/// The running sandbox of that name, if there is one.
#[must_use]
pub fn find(state: &Path, name: &str) -> Option<Sandbox> {
    on_record(state, name)
        .filter(|s| start_time(s.pid) == Some(s.started))
        .filter(|s| marks::holds(s.pid, &s.directory).is_some())
        .or_else(|| marks::find(&directory(state, name), name, false))
}

/// A running sandbox of that name whose state directory was removed: it can only be ended.
#[must_use]
pub fn lost(state: &Path, name: &str) -> Option<Sandbox> {
    marks::find(&directory(state, name), name, true)
}

/// The sandbox on record, whether it still runs or not.
fn on_record(state: &Path, name: &str) -> Option<Sandbox> {
    let directory = directory(state, name);
    let text = store::read(&directory.join("sandbox.json")).ok()??;
    let file: SandboxFile = serde_json::from_slice(&text).ok()?;
    (file.version <= VERSION).then(|| Sandbox {
        name: name.to_owned(),
        pid: file.pid,
        created: file.created,
        implicit: file.implicit,
        user_namespace: file.user_namespace,
        internet: file.internet,
        started: file.started,
        directory,
    })
}

/// Every running sandbox.
#[must_use]
pub fn list(state: &Path) -> Vec<Sandbox> {
    let mut out: Vec<Sandbox> = store::list(&root(state))
        .unwrap_or_default()
        .into_iter()
        .filter_map(|e| find(state, e.name.to_str()?))
        .collect();
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

/// Every sandbox on record whose holder runs. From inside a sandbox the namespaces of the holders of
/// others cannot be examined, so that these are not in [`list`].
#[must_use]
pub fn on_records(state: &Path) -> Vec<Sandbox> {
    let entries = store::list(&root(state)).unwrap_or_default().into_iter();
    let known = entries.filter_map(|e| on_record(state, e.name.to_str()?));
    let mut out: Vec<Sandbox> = known
        .filter(|s| start_time(s.pid) == Some(s.started))
        .collect();
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

/// The sandbox of that name, started if it does not run.
///
/// # Errors
/// When the machine does not allow one, with what to do about it.
pub fn ensure(
    state: &Path,
    name: &str,
    making: &Making<'_>,
    cancel: &Cancel,
) -> Result<Sandbox, Failure> {
    let directory = directory(state, name);
    let store = Store::new(Kernel::new(), &directory);
    store.make_directory(&directory)?;
    let lock_directory = directory.join("holder");
    store.make_directory(&lock_directory)?;
    let _lock = Lock::take(&lock_directory, None, cancel, || {})?;
    if let Some(sandbox) = find(state, name) {
        return Ok(sandbox);
    }
    if let Some(lost) = lost(state, name) {
        lost.end()?;
    }
    // Everything built in a sandbox that has ended was removed with it; its keepers end themselves.
    if let Some(gone) = on_record(state, name)
        && let Internet::Pasta(pid) = gone.internet
    {
        pasta::stop(pid, gone.pid);
    }
    store.remove_tree(&directory.join("projects"))?;
    store.remove_file(&directory.join("netns-directory"))?;
    let held = holder::start(making, &directory, cancel)?;
    let internet = match making.internet {
        true => pasta::start(held.pid, &store),
        false => Internet::None(TURNED_OFF.into()),
    };
    let sandbox = Sandbox {
        name: name.to_owned(),
        pid: held.pid,
        created: std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs()),
        implicit: making.implicit,
        user_namespace: held.user_namespace,
        internet,
        started: start_time(held.pid).unwrap_or(0),
        directory,
    };
    sandbox.write()?;
    held.release();
    Ok(sandbox)
}

/// A lock shared by all processes that are about to change a sandbox's projects: while one of them
/// holds it, a sandbox without a project is not ended.
///
/// # Errors
/// When the lock file cannot be made, or the caller cancels.
pub fn join(state: &Path, name: &str, cancel: &Cancel) -> Result<Lock, Failure> {
    Lock::share(&directory(state, name).join("members"), cancel)
}

/// Removes the record of a sandbox that does not run.
pub fn clear(state: &Path, name: &str) {
    if find(state, name).is_none() {
        let directory = directory(state, name);
        let store = Store::new(Kernel::new(), &directory);
        store.remove_tree(&directory).ok();
        remove_empty_parents(&store);
    }
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
