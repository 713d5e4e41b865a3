//! Running sandboxes: to find and to start them.

use std::path::Path;

use hallway_kernel::Kernel;

use super::orphans::end_orphans;
use super::process::{lasting_start_time, start_time};
use super::{
    Internet, Making, Sandbox, SandboxFile, TURNED_OFF, VERSION, directory, holder, marks, pasta,
    remove_empty_parents, root,
};
use crate::record::{Store, store};
use crate::{Cancel, Failure, Lock, state};

/// The running sandbox of that name, if there is one.
#[must_use]
pub fn find(state: &Path, name: &str) -> Option<Sandbox> {
    on_record(state, name)
        .filter(|s| lasting_start_time(s.pid) == Some(s.started))
        .filter(|s| marks::holds(s.pid, &s.directory).is_some())
        .or_else(|| marks::find(&directory(state, name), name, false))
}

/// A running sandbox of that name whose state directory was removed: it can only be ended.
#[must_use]
pub fn lost(state: &Path, name: &str) -> Option<Sandbox> {
    marks::find(&directory(state, name), name, true)
}

/// A running sandbox of that name, by its holder's marks alone: its state directory may be of any kind.
#[must_use]
pub fn marked(state: &Path, name: &str) -> Option<Sandbox> {
    let directory = directory(state, name);
    marks::find(&directory, name, false).or_else(|| marks::find(&directory, name, true))
}

/// Whether what is known of a sandbox can be read and changed.
///
/// # Errors
/// Why not.
pub fn usable(state_directory: &Path, name: &str) -> Result<(), Failure> {
    let scope = directory(state_directory, name);
    let members = scope.join("members");
    state::directory(state_directory)?;
    let all = root(state_directory);
    let projects = scope.join("projects");
    for directory in [
        state_directory,
        &all,
        &scope,
        &members,
        &projects,
        &scope.join("holder"),
    ] {
        state::check(directory)?;
    }
    state::check_lock(&members)
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
        lost: false,
        started: file.started,
        directory,
    })
}

/// Every running sandbox, also those whose state directory was removed.
#[must_use]
pub fn list(state: &Path) -> Vec<Sandbox> {
    let root = root(state);
    let own = rustix::process::geteuid().as_raw();
    let mut held = marks::directories(own);
    held.retain(|d| d.parent() == Some(&root));
    let lost = held
        .iter()
        .filter_map(|d| lost(state, d.file_name()?.to_str()?));
    let mut out: Vec<Sandbox> = store::list(&root)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|e| find(state, e.name.to_str()?))
        .chain(lost)
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
        .filter(|s| lasting_start_time(s.pid) == Some(s.started))
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
    end_orphans();
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
        lost: false,
        started: start_time(held.pid).unwrap_or(0),
        directory,
    };
    sandbox.write()?;
    held.release();
    Ok(sandbox)
}

/// Removes the record of a sandbox that does not run, and ends programs that outlived it.
pub fn clear(state: &Path, name: &str) {
    if find(state, name).is_none() {
        end_orphans();
        let directory = directory(state, name);
        let store = Store::new(Kernel::new(), &directory);
        store.remove_tree(&directory).ok();
        remove_empty_parents(&store);
    }
}
