//! Holders found by their mark: their command line contains the sandbox's directory and the mount
//! namespace in which that path is meant, and their name shows that they are ready (proc(5)). This
//! works when `sandbox.json` is lost or damaged, and when the whole state directory has been
//! removed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::process::lasting_start_time;
use super::{Internet, Sandbox, pasta};

/// The name of a holder's process once its sandbox is on record.
pub(super) const READY: &str = "hallway-sandbox";
/// In the command line of the holder of a sandbox that `up` made.
pub(super) const IMPLICIT: &str = "implicit";

/// For the command line of a holder: the mount namespace of this process. Another one may have
/// another directory at the same path.
pub(super) fn mounts() -> Option<String> {
    let inode = std::fs::metadata("/proc/self/ns/mnt").ok()?.ino();
    Some(format!("mounts:{inode}"))
}

/// A holder of this user.
struct Holder {
    implicit: bool,
    /// The sandbox was made in the mount namespace of this process.
    made_here: bool,
}

/// Whether that process of this user is the holder of the sandbox of that directory; if so, whether
/// `up` made it. The record alone is not enough: it could name any process.
pub(super) fn holds(pid: i32, directory: &Path) -> Option<bool> {
    holder(pid, directory).map(|h| h.implicit)
}

fn holder(pid: i32, directory: &Path) -> Option<Holder> {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = command.split(|b| *b == 0).skip(1);
    let marked = words.next() == Some(b"__hold")
        && words.next() == Some(directory.as_os_str().as_encoded_bytes());
    let owner = std::fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let ours = marked && owner == rustix::process::geteuid().as_raw();
    let mut holder = || Holder {
        made_here: words.next() == mounts().as_deref().map(str::as_bytes),
        implicit: words.next() == Some(IMPLICIT.as_bytes()),
    };
    ours.then(&mut holder)
}

/// The running sandbox of that directory, by its holder's mark. With `lost`, one whose directory was
/// removed, so that a directory at that path, if there is one, is another; it was made in this mount
/// namespace. Without it, one that has this directory.
pub(super) fn find(directory: &Path, name: &str, lost: bool) -> Option<Sandbox> {
    let entries = std::fs::read_dir("/proc").ok()?;
    entries.flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let Holder {
            implicit,
            made_here,
        } = holder(pid, directory)?;
        match has_directory(pid, directory) {
            true if !lost => {}
            false if lost && made_here => {}
            _ => return None,
        }
        let meta = entry.metadata().ok()?;
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        let ready = comm.trim_end() == READY;
        let user = |process: &str| {
            let path = format!("/proc/{process}/ns/user");
            Some(std::fs::metadata(path).ok()?.ino())
        };
        Some(Sandbox {
            name: name.to_owned(),
            pid,
            started: lasting_start_time(pid).filter(|_| ready)?,
            created: meta
                .modified()
                .ok()?
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_secs()),
            implicit,
            user_namespace: user(&pid.to_string()) != user("self"),
            internet: pasta::of(pid).map_or_else(
                || Internet::None("not known: its record is missing".into()),
                Internet::Pasta,
            ),
            lost,
            directory: directory.to_owned(),
        })
    })
}

/// The names of the sandboxes of a user that run, by the same marks.
#[must_use]
pub fn of_user(user: u32) -> Vec<String> {
    let directories = directories(user).into_iter();
    let names = directories.filter_map(|d| Some(d.file_name()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The directories of a user's holders.
pub(super) fn directories(user: u32) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let directories = entries.filter_map(|entry| {
        let owner = entry.metadata().ok()?.uid();
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let mut words = command.split(|b| *b == 0).skip(1);
        let holds = owner == user && words.next() == Some(b"__hold");
        let directory = words.next().filter(|_| holds)?;
        Some(std::str::from_utf8(directory).ok()?.into())
    });
    directories.collect()
}

/// Whether the directory at that path is the same in the sandbox.
fn has_directory(pid: i32, directory: &Path) -> bool {
    let number = |path: &Path| {
        let meta = std::fs::symlink_metadata(path).ok()?;
        Some((meta.dev(), meta.ino()))
    };
    let root = Path::new("/proc").join(pid.to_string()).join("root");
    let inside = root.join(directory.strip_prefix("/").unwrap_or(directory));
    number(directory).is_some_and(|here| number(&inside) == Some(here))
}
