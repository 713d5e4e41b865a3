//! What is left of sandboxes whose holder has ended: programs that outlived their runner and keeper.
//!
//! Nothing else keeps the namespaces of such a sandbox, and no command can find it any more. Its
//! processes are found by their /run: its source shows that it is a sandbox's (proc(5),
//! /proc/PID/mountinfo), its owner whose, and its device which one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{read, read_to_string};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::process::lasting_start_time;

/// The source of a sandbox's /run.
pub(super) const RUN_MARK: &str = "hallway-sandbox";

/// How often they are looked for, and the pause between: 1 s in all.
const ROUNDS: usize = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// Ends the programs of this user's sandboxes whose holder has ended; returns how many there were.
pub fn end_orphans() -> usize {
    let mut ended = 0;
    let mut before = BTreeMap::new();
    for _ in 0..ROUNDS {
        let found = find();
        if found.is_empty() {
            break;
        }
        // Only what was found twice: a sandbox may have been made while its processes were listed.
        let twice = found.iter().filter(|(pid, _)| before.contains_key(*pid));
        let mut count = 0;
        for (_, process) in twice {
            // It has ended since it was found.
            pidfd_send_signal(process, Signal::KILL).ok();
            count += 1;
        }
        ended = ended.max(count);
        before = found;
        std::thread::sleep(PAUSE);
    }
    ended
}

/// Opened before they are examined: the number of one that has ended since may be another program's.
fn find() -> BTreeMap<i32, OwnedFd> {
    let space = |process: &str| {
        let path = format!("/proc/{process}/ns/mnt");
        std::fs::metadata(path).ok().map(|m| m.ino())
    };
    let own = space("self");
    let mut held = BTreeSet::new();
    let mut others = Vec::new();
    let mut marked = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((process, pid)) = name.to_str().and_then(|p| Some((p, p.parse().ok()?))) else {
            continue;
        };
        let Some(opened) =
            Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
        else {
            continue;
        };
        // One of another user cannot be examined.
        let Some(mounts) = space(process).filter(|mounts| Some(*mounts) != own) else {
            continue;
        };
        let Some((device, owner)) = run_of(process) else {
            continue;
        };
        if is_holder(process) {
            // One that was killed keeps nothing.
            held.extend(lasting_start_time(pid).map(|_| device));
        } else if *(marked.entry(mounts)).or_insert_with(|| has_marked_run(process))
            && owner == rustix::process::geteuid().as_raw()
        {
            others.push((pid, device, opened));
        }
    }
    let orphans = others.into_iter().filter(|(_, run, _)| !held.contains(run));
    orphans.map(|(pid, _, opened)| (pid, opened)).collect()
}

/// The device and the owner of a process's /run.
fn run_of(process: &str) -> Option<(u64, u32)> {
    let found = std::fs::metadata(format!("/proc/{process}/root/run")).ok()?;
    Some((found.dev(), found.uid()))
}

fn is_holder(process: &str) -> bool {
    let command = read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    command.split(|b| *b == 0).nth(1) == Some(b"__hold")
}

/// Whether its /run is that of a sandbox: mount point before " - ", type and source after it.
fn has_marked_run(process: &str) -> bool {
    let mounts = read_to_string(format!("/proc/{process}/mountinfo")).unwrap_or_default();
    mounts.lines().any(|line| {
        let Some((mount, kind)) = line.split_once(" - ") else {
            return false;
        };
        mount.split(' ').nth(4) == Some("/run") && kind.split(' ').nth(1) == Some(RUN_MARK)
    })
}
