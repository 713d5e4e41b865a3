//! Programs of nodes: started in order, watched, started again, stopped whole.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hallway_engine::enter::Enter;
use hallway_spec::Restart;
use rustix::process::{Pid, Signal, WaitOptions};

use super::{NODE_MARK, PROJECT_MARK, ServiceSpec, ServiceStatus, State, ready, stop_orphans};

/// How long a program may take to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A program that ran this long starts over with the shortest wait.
const STEADY: Duration = Duration::from_secs(10);

struct Service {
    spec: ServiceSpec,
    state: State,
    pid: Option<i32>,
    restarts: u32,
    exit_code: Option<i32>,
    started: Instant,
    due: Instant,
    backoff: Duration,
}

/// All programs of a project.
pub(super) struct Supervisor {
    project: String,
    services: BTreeMap<String, Service>,
    grace: Duration,
}

impl Supervisor {
    pub(super) fn new(project: &str) -> Self {
        let grace = std::env::var("HALLWAY_STOP_GRACE_MS")
            .ok()
            .and_then(|t| t.parse().ok());
        Self {
            project: project.to_owned(),
            services: BTreeMap::new(),
            grace: grace.map_or(GRACE, Duration::from_millis),
        }
    }

    /// Starts, stops and restarts until exactly these run; how many changed.
    pub(super) fn sync(&mut self, wanted: Vec<ServiceSpec>) -> usize {
        let mut gone = Vec::new();
        for (node, service) in &self.services {
            let keep = wanted.iter().any(|w| &w.node == node && w == &service.spec);
            if !keep {
                gone.push(node.clone());
            }
        }
        let mut changed = gone.len();
        self.stop(&gone);
        for spec in wanted {
            if !self.services.contains_key(&spec.node) {
                changed += usize::from(!gone.contains(&spec.node));
                self.services.insert(spec.node.clone(), Service::new(spec));
            }
        }
        self.tick();
        changed
    }

    pub(super) fn status(&self) -> Vec<ServiceStatus> {
        self.services
            .values()
            .map(|s| ServiceStatus {
                node: s.spec.node.clone(),
                state: s.state,
                pid: s.pid,
                restarts: s.restarts,
                exit_code: s.exit_code,
            })
            .collect()
    }

    /// Stops a program and starts it anew.
    pub(super) fn restart(&mut self, node: &str) -> Result<(), String> {
        let Some(service) = self.services.get(node) else {
            return Err(format!("node {node} runs no command"));
        };
        let (spec, restarts) = (service.spec.clone(), service.restarts);
        self.stop(&[node.to_owned()]);
        self.services.insert(
            node.to_owned(),
            Service {
                restarts: restarts + 1,
                ..Service::new(spec)
            },
        );
        self.tick();
        Ok(())
    }

    /// Stops everything.
    pub(super) fn stop_all(&mut self) {
        let all: Vec<String> = self.services.keys().cloned().collect();
        self.stop(&all);
    }

    fn stop(&mut self, nodes: &[String]) {
        let services: Vec<Service> = nodes
            .iter()
            .filter_map(|n| self.services.remove(n))
            .collect();
        let mut pids: Vec<i32> = services.iter().filter_map(|s| s.pid).collect();
        let deadline = Instant::now() + self.grace;
        signal_groups(&pids, Signal::TERM);
        let mut pause = Duration::from_millis(1);
        while !pids.is_empty() {
            self.reap();
            pids.retain(|pid| alive(*pid));
            if Instant::now() > deadline {
                signal_groups(&pids, Signal::KILL);
            }
            if !pids.is_empty() {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(20));
            }
        }
        // What its programs left behind in the same process groups, and what got away from them.
        let inodes: Vec<u64> = services.iter().map(|s| s.spec.inode).collect();
        if !inodes.is_empty() {
            stop_orphans(&self.project, &inodes);
        }
    }

    /// One look at everything; how long until the next is due.
    pub(super) fn tick(&mut self) -> Duration {
        self.reap();
        let now = Instant::now();
        let states: BTreeMap<String, State> = self
            .services
            .iter()
            .map(|(n, s)| (n.clone(), s.state))
            .collect();
        let mut next = Duration::from_millis(500);
        for service in self.services.values_mut() {
            match service.state {
                State::Waiting => {
                    let free = service
                        .spec
                        .depends_on
                        .iter()
                        .all(|d| states.get(d).is_none_or(|s| *s == State::Running));
                    if free {
                        service.start(&self.project);
                    }
                    next = next.min(Duration::from_millis(5));
                }
                State::Starting => {
                    service.look();
                    next = next.min(Duration::from_millis(5));
                }
                State::Restarting if now >= service.due => {
                    service.restarts += 1;
                    service.start(&self.project);
                    next = next.min(Duration::from_millis(5));
                }
                State::Restarting => next = next.min(service.due - now),
                State::Running | State::Exited => {}
            }
        }
        next
    }

    /// Takes note of every child that ended, our programs' orphans (whose parent we became) too.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            let pid = pid.as_raw_nonzero().get();
            let code = status
                .exit_status()
                .or_else(|| status.terminating_signal().map(|s| 128 + s))
                .unwrap_or(-1);
            if let Some(service) = self.services.values_mut().find(|s| s.pid == Some(pid)) {
                service.ended(code);
            }
        }
    }
}

impl Service {
    fn new(spec: ServiceSpec) -> Self {
        let now = Instant::now();
        Self {
            spec,
            state: State::Waiting,
            pid: None,
            restarts: 0,
            exit_code: None,
            started: now,
            due: now,
            backoff: BACKOFF_FIRST,
        }
    }

    fn start(&mut self, project: &str) {
        self.started = Instant::now();
        match spawn(&self.spec, project) {
            Ok(pid) => {
                self.pid = Some(pid);
                self.state = State::Starting;
            }
            Err(_) => self.ended(125),
        }
    }

    fn look(&mut self) {
        let Some(pid) = self.pid else { return };
        if ready::is_inside(pid, self.spec.inode) && ready::all_listen(pid, &self.spec.ready) {
            self.state = State::Running;
        }
    }

    fn ended(&mut self, code: i32) {
        self.pid = None;
        self.exit_code = Some(code);
        let again = match self.spec.restart {
            Restart::No => false,
            Restart::OnFailure => code != 0,
            Restart::Always | Restart::UnlessStopped => true,
        };
        if !again {
            self.state = State::Exited;
            return;
        }
        if self.started.elapsed() > STEADY {
            self.backoff = BACKOFF_FIRST;
        }
        self.due = Instant::now() + self.backoff;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        self.state = State::Restarting;
    }
}

fn spawn(spec: &ServiceSpec, project: &str) -> std::io::Result<i32> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&spec.log)?;
    let mut environment = spec.environment.clone();
    environment.insert(PROJECT_MARK.into(), project.to_owned());
    environment.insert(NODE_MARK.into(), spec.node.clone());
    let enter = Enter {
        netns: spec.netns.clone(),
        hostname: spec.node.clone(),
        hosts: spec.hosts.clone(),
        resolv_conf: spec.resolv_conf.clone(),
        environment,
        working_dir: spec.working_dir.clone(),
        command: spec.command.clone(),
        die_with_parent: true,
    };
    let child = Command::new("/proc/self/exe")
        .arg("__enter")
        .arg(serde_json::to_string(&enter)?)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    Ok(child.id() as i32)
}

fn signal_groups(pids: &[i32], signal: Signal) {
    for pid in pids.iter().filter_map(|p| Pid::from_raw(*p)) {
        rustix::process::kill_process_group(pid, signal).ok();
    }
}

/// Whether any process of the group is left.
fn alive(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|p| rustix::process::test_kill_process_group(p).is_ok())
}
