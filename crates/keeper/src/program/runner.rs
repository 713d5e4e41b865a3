//! The process between the keeper and a program: see [`super`].

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use hallway_engine::enter::EnterError;
use hallway_engine::etc::EtcFiles;
use hallway_engine::keeper::{Exit, frame, message::Port};
use rustix::net::SendFlags;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until};

use super::health::{Checks, HealthChange};
use super::output::Output;
use super::{Order, RunChange, RunReport, all_listen, kill_children, reap};
use crate::frames::read_frame;

/// A program with no `ready` port counts as running when it has run this long.
const SETTLE: Duration = Duration::from_millis(10);
/// The interval at which the `ready` ports are checked at first; then it becomes longer.
const POLL_FIRST: Duration = Duration::from_millis(2);
const POLL_MAX: Duration = Duration::from_millis(50);
/// How often a run that must stop is checked: not all its processes report their end here.
const STOP_POLL: Duration = Duration::from_millis(10);

/// Runs a program by the keeper's order at standard input, until nothing of it is left.
///
/// # Errors
/// When the order cannot be read or a report cannot be sent; then nothing runs.
pub fn run_program() -> std::io::Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let socket = StdStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    let order: Order = frame::receive(&socket, frame::FRAME_MAX)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(supervise(&socket, &order))
}

async fn supervise(socket: &StdStream, order: &Order) -> std::io::Result<()> {
    // Before the program starts: no signal is missed.
    let mut child_ended = signal(SignalKind::child())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (pid, mut output) = match spawn(order) {
        Ok(started) => started,
        Err(error) => {
            let exit = Exit::NotStarted(error.exit_code().into());
            return frame::send(socket, &RunReport::Exited { exit });
        }
    };
    frame::send(socket, &RunReport::Started { pid })?;
    socket.set_nonblocking(true)?;
    let keeper = Arc::new(UnixStream::from_std(socket.try_clone()?)?);
    let mut orders = read_orders(Arc::clone(&keeper));
    let mut run = Run {
        pid,
        exited: false,
        group_left: true,
        grace: Duration::from_millis(order.grace_ms),
        kill_at: None,
    };
    let mut poll = ReadyPoll::new(&order.ready);
    let mut files = order.enter.etc();
    let mut checks = Checks::new(order.healthcheck.as_ref(), &order.enter);
    loop {
        tokio::select! {
            _ = child_ended.recv() => {}
            _ = terminate.recv() => run.stop(),
            next = orders.recv(), if run.kill_at.is_none() => match next {
                Some(NextOrder::Change(change)) => apply(order, &mut files, change),
                Some(NextOrder::Stop) => run.stop(),
                Some(NextOrder::KeeperEnded) | None => run.kill(),
            },
            () = poll.sleep(), if !run.exited => {
                if poll.is_ready() {
                    report(&keeper, RunReport::Listening);
                    checks.begin();
                }
            }
            () = output.wait() => output.copy(),
            () = checks.wait() => checked(order, &keeper, checks.advance()),
            () = sleep(STOP_POLL), if run.kill_at.is_some() => {}
        }
        let reaped = reap();
        if !reaped.ended.is_empty() || reaped.none_left {
            output.copy(); // before their end is reported
        }
        for (pid, exit) in &reaped.ended {
            checked(order, &keeper, checks.ended(*pid, *exit));
        }
        if let Some((_, exit)) = reaped.ended.iter().find(|(ended, _)| *ended == run.pid) {
            run.exited = true;
            report(&keeper, RunReport::Exited { exit: *exit });
        }
        if reaped.none_left {
            return Ok(());
        }
        if run.exited || run.kill_at.is_some() {
            checks.end();
        }
        run.advance();
    }
}

/// Mounts the present files of the node; why it failed is written to the log.
fn apply(order: &Order, files: &mut EtcFiles, change: RunChange) {
    let mounted = match change {
        RunChange::Etc(present) => {
            *files = present;
            files.mount()
        }
        RunChange::EtcReplaced => files.mount_lost(),
    };
    if let Err(error) = mounted {
        log(order, &format!("files of /etc were not mounted: {error}"));
    }
}

/// Reports the change by a check; why a program is unhealthy is written to its log.
fn checked(order: &Order, keeper: &UnixStream, changed: Option<HealthChange>) {
    let Some(HealthChange { health, why }) = changed else {
        return;
    };
    if let Some(why) = why {
        log(order, &format!("the health check failed: {why}"));
    }
    report(keeper, RunReport::Health { health });
}

/// [`stop_order`] detects that the keeper has ended; it then needs no report.
fn report(keeper: &UnixStream, message: RunReport) {
    if let Ok(frame) = frame::encode(&message) {
        // A few bytes: the socket always has room for them. Not with `try_write`: the runtime may
        // not have registered yet that the socket can be written to.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::net::send(keeper, &frame, flags).ok();
    }
}

enum NextOrder {
    Change(RunChange),
    Stop,
    KeeperEnded,
}

/// The keeper's messages after the first order. The last one is the order to stop, or the end of
/// the keeper.
fn read_orders(keeper: Arc<UnixStream>) -> UnboundedReceiver<NextOrder> {
    let (orders, receiver) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok(change) = read_frame::<RunChange>(&keeper, frame::FRAME_MAX).await {
            orders.send(NextOrder::Change(change)).ok(); // the receiver is gone when the run has ended
        }
        orders.send(end_of_orders(&keeper)).ok();
    });
    receiver
}

/// The keeper closes its writing end to stop the program; if both ends are closed it has ended.
fn end_of_orders(keeper: &UnixStream) -> NextOrder {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut ends = [PollFd::new(keeper, PollFlags::empty())];
    poll(&mut ends, Some(&Timespec::default())).ok();
    match ends.iter().any(|e| e.revents().contains(PollFlags::HUP)) {
        true => NextOrder::KeeperEnded,
        false => NextOrder::Stop,
    }
}

/// A program and what it started.
struct Run {
    /// The program, which leads a process group of the same number.
    pid: i32,
    exited: bool,
    /// Its process group may have members.
    group_left: bool,
    grace: Duration,
    /// When the remaining processes are killed; set when the run must stop.
    kill_at: Option<Instant>,
}

impl Run {
    fn stop(&mut self) {
        if self.kill_at.is_none() {
            self.kill_at = Some(Instant::now() + self.grace);
            self.signal_group(Signal::TERM);
            self.signal_group(Signal::CONT); // a stopped process receives it only then
        }
    }

    fn kill(&mut self) {
        self.kill_at = Some(Instant::now());
    }

    /// While it must stop: kills the rest when its process group has ended, or at the time limit.
    fn advance(&mut self) {
        let Some(kill_at) = self.kill_at else { return };
        if Instant::now() < kill_at && self.group_has_members() {
            return;
        }
        self.signal_group(Signal::KILL);
        kill_children(&[]);
    }

    fn group_has_members(&mut self) -> bool {
        let group = Pid::from_raw(self.pid).filter(|_| self.group_left);
        self.group_left =
            group.is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok());
        self.group_left
    }

    fn signal_group(&mut self, signal: Signal) {
        // Without members, its number may belong to another group.
        if self.group_has_members()
            && let Some(group) = Pid::from_raw(self.pid)
        {
            rustix::process::kill_process_group(group, signal).ok();
        }
    }
}

/// When to check whether the program is ready.
struct ReadyPoll<'a> {
    ports: &'a [Port],
    next: Option<Instant>,
    pause: Duration,
}

impl<'a> ReadyPoll<'a> {
    fn new(ports: &'a [Port]) -> Self {
        let first = if ports.is_empty() {
            SETTLE
        } else {
            Duration::ZERO
        };
        Self {
            ports,
            next: Some(Instant::now() + first),
            pause: POLL_FIRST,
        }
    }

    async fn sleep(&self) {
        match self.next {
            Some(next) => sleep_until(next).await,
            None => std::future::pending().await,
        }
    }

    /// Checks once; returns true at most once.
    fn is_ready(&mut self) -> bool {
        let ready = all_listen(self.ports);
        self.next = (!ready).then(|| Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(POLL_MAX);
        ready
    }
}

/// Starts the program; why it does not start is written to its log.
fn spawn(order: &Order) -> Result<(i32, Output), EnterError> {
    let path = &order.log;
    let log_failed = |e| EnterError::Log(path.display().to_string(), e);
    let mut log = hallway_engine::state::append_to_log(path).map_err(log_failed)?;
    if let Some(limit) = order.open_files {
        restore_open_files(limit);
    }
    let started = start(order, log.try_clone().map_err(log_failed)?);
    if let Err(error) = &started {
        // If the log cannot be written, the exit code still shows the failure.
        writeln!(log, "hallway: {error}").ok();
    }
    started
}

fn start(order: &Order, log: File) -> Result<(i32, Output), EnterError> {
    let log_failed = |e| EnterError::Log(order.log.display().to_string(), e);
    let (ours, theirs) = order.enter.output_pipe()?;
    let errors = theirs.try_clone().map_err(log_failed)?;
    let output = Output::new(ours, order.log.clone(), log).map_err(log_failed)?;
    let child = order.enter.spawn(|command| {
        command
            .stdin(Stdio::null())
            .stdout(theirs)
            .stderr(errors)
            .process_group(0);
    })?;
    Ok((child.id().cast_signed(), output))
}

/// Adds a line to the log of the program.
fn log(order: &Order, text: &str) {
    let log = std::fs::OpenOptions::new().append(true).open(&order.log);
    // If the log cannot be written there is no other place to report it.
    log.and_then(|mut log| writeln!(log, "hallway: {text}"))
        .ok();
}

/// Restores the soft limit that the keeper raised for itself.
fn restore_open_files(limit: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(maximum.map_or(limit, |maximum| maximum.min(limit)));
    // Lowering a limit is never refused.
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).ok();
}
