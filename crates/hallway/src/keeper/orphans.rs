//! Processes of a node that are nobody's child any more: known by the network namespace they are
//! in together with our mark in their environment.

use std::os::unix::fs::MetadataExt;

use rustix::process::{Pid, Signal};

use super::PROJECT_MARK;

/// Pids of the project's processes inside those namespaces.
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

/// Kills them, and waits until they are gone.
pub(crate) fn stop_orphans(project: &str, inodes: &[u64]) {
    for _ in 0..400 {
        let pids = find(project, inodes);
        if pids.is_empty() {
            return;
        }
        for pid in pids.into_iter().filter_map(Pid::from_raw) {
            rustix::process::kill_process(pid, Signal::KILL).ok();
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
