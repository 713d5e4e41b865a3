//! Processes that no keeper and no runner supervises any more: started by `exec`, or left when a
//! keeper and its runners were killed together.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::PROJECT_MARK;

/// How often they are looked for, and the pause between: 0.8 s in all.
const ROUNDS: usize = 400;
const PAUSE: Duration = Duration::from_millis(2);

/// The project's processes inside those network namespaces: identified by the namespace together
/// with hallway's mark in their initial environment (/proc/PID/environ, proc(5)).
fn find(project: &str, inodes: &[u64]) -> Vec<i32> {
    let mark = format!("{PROJECT_MARK}={project}");
    let own = std::process::id() as i32;
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| {
            std::fs::metadata(format!("/proc/{pid}/ns/net"))
                .is_ok_and(|m| inodes.contains(&m.ino()))
        })
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|b| *b == 0).any(|v| v == mark.as_bytes())
        })
        .collect()
}

/// Kills every process of `project` inside the network namespaces with these inode numbers, and
/// waits until they have ended.
pub fn stop_leftovers(project: &str, inodes: &[u64]) {
    for _ in 0..ROUNDS {
        let pids = find(project, inodes);
        if pids.is_empty() {
            return;
        }
        for pid in pids.into_iter().filter_map(Pid::from_raw) {
            // It has ended since it was found, or is another user's: then it must not be killed.
            rustix::process::kill_process(pid, Signal::KILL).ok();
        }
        std::thread::sleep(PAUSE);
    }
}
