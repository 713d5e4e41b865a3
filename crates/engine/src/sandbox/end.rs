//! The end of a sandbox: of every process in it, the holder last.

use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::process::start_time;
use super::{Internet, Sandbox, pasta};
use crate::{Failure, Reason};

impl Sandbox {
    /// Ends it with everything in it.
    ///
    /// # Errors
    /// When a process in it cannot be ended.
    pub fn end(&self) -> Result<(), Failure> {
        if let Internet::Pasta(pid) = self.internet {
            pasta::stop(pid, self.pid);
        }
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            let members = self.members();
            let runs = start_time(self.pid) == Some(self.started);
            if members.is_empty() && !runs {
                return Ok(());
            }
            let late = Instant::now() > deadline;
            // The holder runs, and its namespaces cannot be examined. That is also so while it ends.
            if members.is_empty() && late {
                let name = self.name.clone();
                return Err(Reason::SandboxNotReached { name }.into());
            }
            let signal = if late { Signal::KILL } else { Signal::TERM };
            for pid in members {
                if let Some(pid) = Pid::from_raw(pid) {
                    rustix::process::kill_process(pid, signal).ok();
                    rustix::process::kill_process(pid, Signal::CONT).ok();
                }
            }
            if Instant::now() > deadline + Duration::from_secs(3) {
                return Err(Reason::SandboxNotEnded {
                    name: self.name.clone(),
                }
                .into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Every other process in the sandbox: in its user namespace or, if it has none of its own, in
    /// one of its network namespaces. The holder is the last one, when it is the only one left.
    fn members(&self) -> Vec<i32> {
        let kind = if self.user_namespace { "user" } else { "net" };
        let inode = |pid: i32| {
            std::fs::metadata(format!("/proc/{pid}/ns/{kind}"))
                .ok()
                .map(|m| m.ino())
        };
        let Some(own) = inode(self.pid) else {
            return Vec::new();
        };
        let mut inodes = vec![own];
        if !self.user_namespace {
            let named = std::fs::read_dir(format!("/proc/{}/root/run/netns", self.pid));
            inodes.extend(
                named
                    .into_iter()
                    .flatten()
                    .filter_map(|e| Some(std::fs::metadata(e.ok()?.path()).ok()?.ino())),
            );
        }
        let me = std::process::id() as i32;
        let mut out: Vec<i32> = std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| {
                *pid != self.pid && *pid != me && inode(*pid).is_some_and(|i| inodes.contains(&i))
            })
            .filter(|pid| start_time(*pid).is_some())
            .collect();
        if out.is_empty() && start_time(self.pid) == Some(self.started) {
            out.push(self.pid);
        }
        out
    }
}
