//! Keepers and runners found by their marks, if there is no socket to connect to: their command
//! line, their user and their network namespace (proc(5)).

use std::os::unix::fs::MetadataExt as _;

use rustix::process::{Pid, Signal};

use super::{KeeperError, wait};
use crate::Cancel;

/// A keeper or runner of this user.
struct Marked {
    pid: Pid,
    keeper: bool,
    project: String,
    /// The inode number of its network namespace.
    space: Option<u64>,
}

fn net(process: &str) -> Option<u64> {
    let path = format!("/proc/{process}/ns/net");
    std::fs::metadata(path).ok().map(|m| m.ino())
}

fn all() -> Vec<Marked> {
    let own = rustix::process::geteuid().as_raw();
    let mut out = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str() else {
            continue;
        };
        let Some(pid) = process.parse().ok().and_then(Pid::from_raw) else {
            continue;
        };
        let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let mut words = command.split(|b| *b == 0).skip(1);
        let keeper = match words.next() {
            Some(b"__keeper") => true,
            Some(b"__program") => false,
            _ => continue,
        };
        if entry.metadata().is_ok_and(|m| m.uid() == own) {
            out.push(Marked {
                pid,
                keeper,
                project: String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned(),
                space: net(process),
            });
        }
    }
    out
}

/// The projects whose keepers run in the network namespace of this thread.
pub(crate) fn projects() -> Vec<String> {
    let here = net("thread-self");
    let keepers = all().into_iter().filter(|m| m.keeper && m.space == here);
    keepers.map(|m| m.project).collect()
}

/// The keepers of a project in the network namespace of this thread.
pub(crate) fn keepers(project: &str) -> Vec<Pid> {
    find(project, &[]).0
}

/// The processes of a project: keepers in the network namespace of this thread, and runners there or
/// in one of `inodes`.
fn find(project: &str, inodes: &[u64]) -> (Vec<Pid>, Vec<Pid>) {
    let here = net("thread-self");
    let ours = |m: &Marked| {
        let there = m.space.is_some_and(|inode| inodes.contains(&inode));
        m.project == project && (m.space == here || (!m.keeper && there))
    };
    let (keepers, runners): (Vec<Marked>, Vec<Marked>) =
        all().into_iter().filter(ours).partition(|m| m.keeper);
    let pids = |all: Vec<Marked>| all.into_iter().map(|m| m.pid).collect();
    (pids(keepers), pids(runners))
}

/// Ends all of them; whether there was a keeper.
///
/// # Errors
/// When the caller cancels.
pub(crate) fn end(project: &str, inodes: &[u64], cancel: &Cancel) -> Result<bool, KeeperError> {
    let (keepers, runners) = find(project, inodes);
    for keeper in &keepers {
        wait::force(*keeper, cancel)?;
    }
    for runner in runners {
        // Without a keeper it ends itself, unless it is stopped; its program ends with it.
        rustix::process::kill_process(runner, Signal::KILL).ok();
        wait::ended(runner, cancel, wait::ANSWER_LIMIT)?;
    }
    Ok(!keepers.is_empty())
}
