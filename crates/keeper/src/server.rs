//! The keeper's process: one loop that carries out requests and supervises programs.

mod ends;
mod stopping;
mod tasks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::os::unix::net::{UnixListener as StdListener, UnixStream};
use std::path::Path;
use std::time::Instant;

use hallway_engine::keeper::message::{Answer, Refusal, Request};
use hallway_engine::keeper::{Desired, Exit, Guard, raise_open_files, socket, stop_leftovers};
use hallway_engine::state;
use hallway_spec::Name;
use rustix::process::{Pid, Signal};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::forward::Forwarder;
use crate::notifications::Notifications;
use crate::options::{Options, eprint};
use crate::program::{self, Handle, Report};
use crate::recorder::recorder;
use crate::requests::{self, Call};
use crate::supervisor::{Action, NoProgram, RunEvent, RunId, Supervisor};
use crate::{capabilities, removed_links};
use ends::{Check, end_of, ended, sleep_until};

/// Runs a keeper until it must stop (by a request, SIGTERM or SIGINT), or the holder of its sandbox
/// ends. Writes a line to standard output when clients can connect.
///
/// # Errors
/// When another keeper of this project runs, or the kernel refuses what it needs.
pub fn serve(options: &Options) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = rustix::process::getppid().map(|p| p.as_raw_nonzero().get());
    if options.starter.is_some() && parent != options.starter {
        return Ok(()); // it ended before the line above
    }
    // A leader of a process group cannot have a new session, and needs none: a user started it.
    rustix::process::setsid().ok();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    std::env::set_current_dir("/")?;
    capabilities::drop_others()?;
    let inherited = raise_open_files();
    let options = Options {
        open_files: options.open_files.or(Some(inherited)),
        ..options.clone()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> std::io::Result<()> {
    let mut child_ended = signal(SignalKind::child())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Beyond a limit on the size of files a write fails, and the keeper goes on (setrlimit(2)).
    let _too_large = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?;
    let holder = options.holder.and_then(Pid::from_raw);
    let mut holder_end = holder.map(end_of).transpose()?;
    let project: Name = options.project.parse().map_err(std::io::Error::other)?;
    let listener = listen(&options.directory)?;
    let requests = requests::accept(UnixListener::from_std(listener)?);
    announce()?;
    let (reports, mut events) = mpsc::unbounded_channel();
    let (replaced, mut replacements) = mpsc::unbounded_channel();
    let mut keeper = Keeper {
        options,
        supervisor: Supervisor::default(),
        forwarder: Forwarder::new(recorder(options, project.clone())),
        guard: Guard::new(project.clone()),
        project,
        watched: false,
        notifications: Notifications::new(replaced),
        runs: BTreeMap::new(),
        stopping: BTreeMap::new(),
        reports,
        requests: Some(requests),
        waiting: VecDeque::new(),
        current: None,
        runners: BTreeSet::new(),
        orphaned_processes: false,
    };
    loop {
        let checks = keeper.next_check();
        let due = keeper.supervisor.due().into_iter().chain(checks).min();
        tokio::select! {
            call = keeper.next_call() => keeper.call(call),
            report = events.recv() => keeper.report(report),
            _ = replacements.recv() => keeper.etc_replaced(),
            () = sleep_until(due), if due.is_some() => {
                keeper.check_runs(Instant::now());
                let actions = keeper.supervisor.advance(Instant::now());
                keeper.act(actions);
            }
            _ = child_ended.recv() => keeper.reap(),
            _ = terminate.recv(), if !keeper.is_ending() => keeper.stop(None).await,
            _ = interrupt.recv(), if !keeper.is_ending() => keeper.stop(None).await,
            () = ended(holder_end.as_mut()), if !keeper.is_ending() => keeper.stop(None).await,
        }
        if keeper.proceed().await? {
            return Ok(());
        }
    }
}

/// The socket for clients. The socket that a killed keeper left there is removed.
fn listen(directory: &Path) -> std::io::Result<StdListener> {
    let unsafe_place = |e: hallway_engine::Failure| std::io::Error::other(e.to_string());
    let path = socket(directory);
    let (_open, short) = state::socket_path(&path).map_err(unsafe_place)?;
    if UnixStream::connect(&short).is_ok() {
        return Err(std::io::ErrorKind::AddrInUse.into());
    }
    state::remove_file(&path).map_err(unsafe_place)?;
    let listener = StdListener::bind(&short)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Reports to the starter that clients can connect, and closes its pipe.
fn announce() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    // The keeper continues even if the starter does not read it any more.
    out.write_all(b"ready\n").and_then(|()| out.flush()).ok();
    let null = std::fs::File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(())
}

/// A request that is answered when everything that it stops has ended.
#[derive(Debug)]
struct Current {
    answer: Option<oneshot::Sender<Answer>>,
    with: Answer,
    /// Network namespaces without programs: what `exec` started there ends too.
    left: Vec<u64>,
    /// The keeper ends after this request.
    last: bool,
}

struct Keeper<'a> {
    options: &'a Options,
    supervisor: Supervisor,
    forwarder: Forwarder,
    guard: Guard,
    project: Name,
    /// Whether a separate thread repairs changes by other programs.
    watched: bool,
    notifications: Notifications,
    runs: BTreeMap<RunId, Handle>,
    /// Runs that must end.
    stopping: BTreeMap<RunId, Check>,
    reports: mpsc::UnboundedSender<Report>,
    /// None while it is ending: no client can connect any more.
    requests: Option<mpsc::Receiver<Call>>,
    /// Requests that wait for the current one.
    waiting: VecDeque<Call>,
    current: Option<Current>,
    /// Runners that have not been waited for.
    runners: BTreeSet<i32>,
    /// A runner was killed: its processes have become children of this process.
    orphaned_processes: bool,
}

impl Keeper<'_> {
    async fn next_call(&mut self) -> Option<Call> {
        match &mut self.requests {
            Some(requests) => requests.recv().await,
            None => std::future::pending().await,
        }
    }

    /// Answers requests that only read immediately; the others are queued.
    fn call(&mut self, call: Option<Call>) {
        let Some(call) = call else { return };
        let answer = match call.request {
            Request::Programs {} => Answer::Programs {
                programs: self
                    .supervisor
                    .status(Instant::now())
                    .into_iter()
                    .map(Into::into)
                    .collect(),
            },
            Request::Forwards {} => Answer::Forwards {
                forwards: self.forwarder.held().map(Into::into).collect(),
            },
            Request::Sync { .. }
            | Request::Change { .. }
            | Request::Restart { .. }
            | Request::StopProgram { .. }
            | Request::Stop {} => {
                return self.waiting.push_back(call);
            }
        };
        // A client that has disconnected needs no answer.
        call.answer.send(answer).ok();
    }

    /// Answers the current request when it is done, and starts the next. True when the keeper has
    /// nothing more to do.
    async fn proceed(&mut self) -> std::io::Result<bool> {
        loop {
            if self.supervisor.is_stopping() {
                return Ok(false);
            }
            if let Some(current) = self.current.take() {
                if !current.left.is_empty() {
                    // Nothing is stopping: all that run are of the present programs.
                    let runners: Vec<i32> = self.runs.values().map(|run| run.pid).collect();
                    stop_leftovers(&self.options.project, &current.left, &runners);
                }
                if let Some(answer) = current.answer {
                    answer.send(current.with).ok(); // a client that is gone needs none
                }
                if current.last {
                    // The task of the connection writes the answer, and then this process ends.
                    tokio::task::yield_now().await;
                    return Ok(true);
                }
            }
            match self.waiting.pop_front() {
                Some(call) => self.begin(call).await?,
                None => return Ok(false),
            }
        }
    }

    async fn begin(&mut self, call: Call) -> std::io::Result<()> {
        let before = self.supervisor.namespaces();
        let with = match call.request {
            Request::Sync {
                programs,
                forwards,
                guarded,
                ..
            } => {
                // From here on it is on record, and continues when its starter ends.
                rustix::process::set_parent_process_death_signal(None)?;
                let forwards = forwards.into_iter().map(Into::into).collect();
                let programs = programs.into_iter().map(Into::into).collect();
                let desired = Desired {
                    programs,
                    forwards,
                    guarded: guarded.into(),
                };
                match self.sync(desired, call.listeners).await {
                    Ok(changed) => Answer::Done { changed },
                    Err(refusal) => Answer::Refused(refusal),
                }
            }
            Request::Change { .. } => {
                removed_links::finish(self.project.clone(), call.links);
                self.change(call.request, call.listeners).await?
            }
            Request::Restart { node } => {
                let actions = self.supervisor.restart(&node, Instant::now());
                self.act_on_program(actions)
            }
            Request::StopProgram { node } => {
                let actions = self.supervisor.stop(&node);
                self.act_on_program(actions)
            }
            Request::Stop {} => {
                self.stop(Some(call.answer)).await;
                return Ok(());
            }
            Request::Programs {} | Request::Forwards {} => return Ok(()), // answered by `call`
        };
        let now = self.supervisor.namespaces();
        self.current = Some(Current {
            answer: Some(call.answer),
            with,
            left: before.difference(&now).copied().collect(),
            last: false,
        });
        Ok(())
    }

    fn act_on_program(&mut self, actions: Result<Vec<Action>, NoProgram>) -> Answer {
        match actions {
            Ok(actions) => {
                self.act(actions);
                Answer::Done { changed: 1 }
            }
            Err(none) => Answer::Refused(Refusal::NoProgram { node: none.0 }),
        }
    }

    /// Starts to end: no client can connect, nothing is served, and all programs are stopped.
    async fn stop(&mut self, answer: Option<oneshot::Sender<Answer>>) {
        self.requests = None;
        self.waiting.clear();
        self.forwarder.close().await;
        let actions = self.supervisor.stop_all();
        self.act(actions);
        self.current = Some(Current {
            answer,
            with: Answer::Done { changed: 0 },
            left: Vec::new(), // `down` ends those
            last: true,
        });
    }

    fn report(&mut self, report: Option<Report>) {
        let Some(Report { run, event }) = report else {
            return;
        };
        if event == RunEvent::Finished {
            self.runs.remove(&run);
        }
        let actions = self.supervisor.event(run, event, Instant::now());
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Stop(run) => self.stop_run(run, Instant::now()),
                Action::Start { run, program } => self.start(run, &program),
                Action::ChangeEtc { run, files } => {
                    if let Some(Err(error)) = self.runs.get(&run).map(|r| r.change_etc(files)) {
                        eprint(&format!("files of /etc were not changed: {error}"));
                    }
                }
            }
        }
    }

    /// The machine's /etc/hosts or /etc/resolv.conf may have been replaced.
    fn etc_replaced(&self) {
        let orders = self.runs.values().map(Handle::etc_replaced);
        if let Some(error) = orders.filter_map(Result::err).next() {
            eprint(&format!("files of /etc were not mounted again: {error}"));
        }
    }

    fn start(&mut self, run: RunId, program: &hallway_engine::keeper::Program) {
        let common = program::Common {
            executable: &self.options.program,
            project: &self.options.project,
            grace: self.options.grace,
            open_files: self.options.open_files,
        };
        self.notifications.begin(&program.log);
        match Handle::start(common, run, program, self.reports.clone()) {
            Ok(handle) => {
                self.runners.insert(handle.pid);
                self.runs.insert(run, handle);
            }
            Err(error) => {
                eprint(&format!("node {}: no runner: {error}", program.node));
                // `up` quotes the log.
                let log = state::append_to_log(&program.log);
                let text = format!("hallway: no process could be started: {error}");
                log.and_then(|mut log| writeln!(log, "{text}")).ok();
                let exit = Exit::NotStarted(125);
                for event in [RunEvent::Exited { exit }, RunEvent::Finished] {
                    // The receiver is a field of `self`: it cannot be closed.
                    self.reports.send(Report { run, event }).ok();
                }
            }
        }
    }

    /// Waits for children that have ended, and kills those that this process did not start.
    fn reap(&mut self) {
        for (pid, exit) in program::reap().ended {
            // A runner that ends without being killed leaves no processes.
            self.orphaned_processes |= self.runners.remove(&pid) && exit != Exit::Code(0);
        }
        if self.orphaned_processes {
            let runners: Vec<i32> = self.runners.iter().copied().collect();
            self.orphaned_processes = program::kill_children(&runners) > 0;
        }
    }

    fn is_ending(&self) -> bool {
        self.requests.is_none()
    }
}
