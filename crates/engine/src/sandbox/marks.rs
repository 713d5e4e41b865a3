//! Holders found by their mark: their command line contains the sandbox's directory, and their name
//! shows that they are ready (proc(5)). This works when `sandbox.json` is lost or damaged, and when
//! the whole state directory has been removed.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::process::start_time;
use super::{Internet, Sandbox, pasta};

/// The name of a holder's process once its sandbox is on record.
pub(super) const READY: &str = "hallway-sandbox";
/// In the command line of the holder of a sandbox that `up` made.
pub(super) const IMPLICIT: &str = "implicit";

/// Whether that process of this user is the holder of the sandbox of that directory; if so, whether
/// `up` made it. The record alone is not enough: it could name any process.
pub(super) fn holds(pid: i32, directory: &Path) -> Option<bool> {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = command.split(|b| *b == 0).skip(1);
    let marked = words.next() == Some(b"__hold")
        && words.next() == Some(directory.as_os_str().as_encoded_bytes());
    let owner = std::fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let ours = marked && owner == rustix::process::geteuid().as_raw();
    ours.then(|| words.next() == Some(IMPLICIT.as_bytes()))
}

/// The running sandbox of that directory, by its holder's mark.
pub(super) fn find(directory: &Path, name: &str) -> Option<Sandbox> {
    let entries = std::fs::read_dir("/proc").ok()?;
    entries.flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let implicit = holds(pid, directory)?;
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
            started: start_time(pid).filter(|_| ready)?,
            created: meta
                .modified()
                .ok()?
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_secs()),
            implicit,
            user_namespace: user(&pid.to_string()) != user("self"),
            internet: pasta::of(pid).map_or_else(
                || Internet::None("not known: its record was lost".into()),
                Internet::Pasta,
            ),
            directory: directory.to_owned(),
        })
    })
}

/// Whether the sandbox has lost its state: its directory was removed, so that a directory at that
/// path, if there is one, is another.
pub(super) fn has_lost_state(sandbox: &Sandbox) -> bool {
    let number = |path: &Path| {
        let meta = std::fs::symlink_metadata(path).ok()?;
        Some((meta.dev(), meta.ino()))
    };
    let inside = Path::new("/proc")
        .join(sandbox.pid.to_string())
        .join("root")
        .join(
            sandbox
                .directory
                .strip_prefix("/")
                .unwrap_or(&sandbox.directory),
        );
    let here = number(&sandbox.directory);
    here.is_none() || here != number(&inside)
}
