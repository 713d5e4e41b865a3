//! Runs that must end: the order to stop, and what is done about a runner that does not follow it.

use std::time::{Duration, Instant};

use hallway_engine::keeper::{is_stopped, process_state};
use rustix::process::{Pid, Signal};

use super::Keeper;
use super::ends::Check;
use crate::options::eprint;
use crate::supervisor::RunId;

/// After this time a runner that is stopped, for example by a debugger, is killed.
const STOPPED_LIMIT: Duration = Duration::from_secs(1);
/// A runner kills its program after the time that the program has; this is for the runner itself.
const MARGIN: Duration = Duration::from_secs(2);
/// How long the kernel may take until the children of a killed runner belong to this process.
const END_LIMIT: Duration = Duration::from_secs(1);

impl Keeper<'_> {
    pub(super) fn stop_run(&mut self, run: RunId, now: Instant) {
        let Some(handle) = self.runs.get(&run) else {
            return;
        };
        handle.stop();
        // One that is stopped (SIGSTOP) must not delay the end.
        self.signal(handle.pid, Signal::CONT);
        let check = Check::Stopped(now + STOPPED_LIMIT);
        self.stopping.entry(run).or_insert(check);
    }

    /// When [`Self::check_runs`] is to be called next.
    pub(super) fn next_check(&self) -> Option<Instant> {
        self.stopping.values().map(|check| check.at()).min()
    }

    /// Kills runners that cannot end by themselves.
    pub(super) fn check_runs(&mut self, now: Instant) {
        self.stopping.retain(|run, _| self.runs.contains_key(run));
        let due: Vec<(RunId, Check)> = self.stopping.iter().map(|(run, c)| (*run, *c)).collect();
        for (run, check) in due.into_iter().filter(|(_, check)| check.at() <= now) {
            let Some(pid) = self.runs.get(&run).map(|handle| handle.pid) else {
                continue;
            };
            let stopped = Pid::from_raw(pid).is_some_and(is_stopped);
            match check {
                Check::Stopped(at) if !stopped => {
                    let limit = at + self.options.grace + MARGIN;
                    self.stopping.insert(run, Check::Ended(limit));
                }
                Check::Stopped(_) | Check::Ended(_) => self.kill_runner(run, pid),
            }
        }
    }

    fn kill_runner(&mut self, run: RunId, pid: i32) {
        eprint(&format!("process {pid} did not end and is killed"));
        self.signal(pid, Signal::KILL);
        self.stopping.remove(&run);
        // What it has started becomes children of this process when it has ended. A process that is traced
        // (ptrace(2)) is waited for by its tracer first.
        let limit = Instant::now() + END_LIMIT;
        let state = || Pid::from_raw(pid).and_then(process_state);
        while !matches!(state(), None | Some('Z' | 'X')) && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.orphaned_processes = true;
        self.reap();
    }

    /// While it is among the runners it was not waited for, so the number still belongs to it.
    fn signal(&self, runner: i32, signal: Signal) {
        if let Some(pid) = Pid::from_raw(runner).filter(|_| self.runners.contains(&runner)) {
            rustix::process::kill_process(pid, signal).ok();
        }
    }
}
