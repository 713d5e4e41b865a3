//! Processes that no keeper and no runner supervises any more: started by `exec`, or left when a
//! keeper and its runners were killed together.

use std::fs::read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::PROJECT_MARK;

/// How often they are looked for, and the pause between: 0.8 s in all.
const ROUNDS: usize = 400;
const PAUSE: Duration = Duration::from_millis(2);

/// The project's processes inside those network namespaces: identified by the namespace together
/// with hallway's mark in their initial environment (/proc/PID/environ, proc(5)). Opened before they
/// are examined: the number of one that has ended since may belong to a program that was started.
fn find(project: &str, inodes: &[u64], runners: &[i32]) -> Vec<OwnedFd> {
    let mark = format!("{PROJECT_MARK}={project}");
    let own = std::process::id() as i32;
    let is_left = |pid: i32| {
        let space = std::fs::metadata(format!("/proc/{pid}/ns/net"));
        let marked = || {
            let environment = read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|b| *b == 0).any(|v| v == mark.as_bytes())
        };
        space.is_ok_and(|m| inodes.contains(&m.ino())) && marked() && !is_below(pid, runners)
    };
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != own)
        .filter_map(|pid| {
            let process = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
            is_left(pid).then_some(process)
        })
        .collect()
}

/// Whether a process is of a run of one of these runners, of which it is a descendant. If a parent ends
/// meanwhile, the process has another one, and the answer is yes: the next round asks again.
fn is_below(mut pid: i32, runners: &[i32]) -> bool {
    while pid > 1 && !runners.is_empty() {
        if runners.contains(&pid) {
            return true;
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The program's name, in parentheses, may contain anything; state and parent follow.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        match after.split_whitespace().nth(1).map(str::parse) {
            Some(Ok(parent)) => pid = parent,
            _ => return true,
        }
    }
    false
}

/// Kills every process of `project` inside the network namespaces with these inode numbers, and
/// waits until they have ended. What `runners` have started stays: they are of the present programs.
pub fn stop_leftovers(project: &str, inodes: &[u64], runners: &[i32]) {
    for _ in 0..ROUNDS {
        let left = find(project, inodes, runners);
        if left.is_empty() {
            return;
        }
        for process in left {
            // It has ended since it was found, or is another user's: then it must not be killed.
            pidfd_send_signal(&process, Signal::KILL).ok();
        }
        std::thread::sleep(PAUSE);
    }
}
