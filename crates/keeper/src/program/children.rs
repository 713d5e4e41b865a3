//! Children of this process: waited for, and killed.

use hallway_engine::keeper::Exit;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

/// The result of waiting for children.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaped {
    /// Those that ended: process id, and how.
    pub(crate) ended: Vec<(i32, Exit)>,
    /// There are no children any more.
    pub(crate) none_left: bool,
}

/// Waits for every child that has ended; does not block.
pub(crate) fn reap() -> Reaped {
    let mut reaped = Reaped::default();
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                let pid = pid.as_raw_nonzero().get();
                reaped.ended.push((pid, exit(status)));
            }
            Err(Errno::INTR) => {}
            Ok(None) => return reaped,
            Err(_no_child) => {
                reaped.none_left = true;
                return reaped;
            }
        }
    }
}

fn exit(status: WaitStatus) -> Exit {
    match status.terminating_signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.exit_status().unwrap_or(-1)),
    }
}

/// Kills every child of this process except those in `keep`; returns how many there were. A child
/// keeps its process id until it is waited for, so no other process can be killed.
pub(crate) fn kill_children(keep: &[i32]) -> usize {
    let children: Vec<i32> = children()
        .into_iter()
        .filter(|pid| !keep.contains(pid))
        .collect();
    for pid in children.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // A child that has ended already and was not waited for yet can still be signalled.
        rustix::process::kill_process(pid, Signal::KILL).ok();
    }
    children.len()
}

/// The children of this process. /proc/PID/task/TID/children would be shorter, but not every
/// kernel has it (CONFIG_PROC_CHILDREN).
fn children() -> Vec<i32> {
    let own = std::process::id().cast_signed();
    let processes = procfs::process::all_processes().into_iter().flatten();
    processes
        .filter_map(|process| process.ok()?.stat().ok())
        .filter(|stat| stat.ppid == own)
        .map(|stat| stat.pid)
        .collect()
}
