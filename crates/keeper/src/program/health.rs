//! The health checks of a program: when they run, and their results. The runner runs them, in the
//! node, as the user of the program.
//!
//! Until one check has succeeded and `start_period` is over, failures do not count and the next
//! check comes after `start_interval`. After that the next one comes after `interval`, and `retries`
//! failures in a row mean unhealthy.

use std::os::fd::OwnedFd;
use std::time::Duration;

use hallway_engine::enter::Enter;
use hallway_engine::keeper::Exit;
use hallway_spec::{Health, Healthcheck};
use rustix::process::{Pid, Signal};
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, sleep_until};

/// How many bytes of a check's output are kept.
const OUTPUT_MAX: usize = 4096;
/// The exit code of a check that could not be started, as in shells.
const NOT_STARTED: Exit = Exit::NotStarted(126);

/// The result of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Result {
    Ended(Exit),
    TookLonger,
}

/// When checks run, without the checks themselves.
#[derive(Debug)]
struct Course {
    check: Healthcheck,
    started: Instant,
    health: Health,
    failures: u32,
}

impl Course {
    fn new(check: Healthcheck, started: Instant) -> Self {
        Self {
            check,
            started,
            health: Health::Starting,
            failures: 0,
        }
    }

    /// Processes a result; returns the pause before the next check, and the health if that changed.
    fn take(&mut self, result: Result, began: Instant) -> (Duration, Option<Health>) {
        let before = self.health;
        let elapsed = began.duration_since(self.started);
        let starting = before == Health::Starting && elapsed < self.check.start_period;
        if result == Result::Ended(Exit::Code(0)) {
            self.failures = 0;
            self.health = Health::Healthy;
        } else if !starting {
            self.failures += 1;
            if self.failures >= self.check.retries {
                self.health = Health::Unhealthy;
            }
        }
        let pause = match self.health {
            Health::Starting if starting => self.check.start_interval,
            _ => self.check.interval,
        };
        (pause, (self.health != before).then_some(self.health))
    }
}

/// A running check.
#[derive(Debug)]
struct Running {
    pid: i32,
    began: Instant,
    /// It has failed if it still runs at this time.
    deadline: Instant,
    timed_out: bool,
    output: Option<Receiver>,
    text: Vec<u8>,
}

/// The checks of one program; none before its ports listen.
#[derive(Debug)]
pub(super) struct Checks<'a> {
    enter: &'a Enter,
    course: Option<Course>,
    next: Option<Instant>,
    running: Option<Running>,
}

/// A change of the health, with the output of the check if it failed.
#[derive(Debug)]
pub(super) struct HealthChange {
    pub(super) health: Health,
    pub(super) why: Option<String>,
}

impl<'a> Checks<'a> {
    pub(super) fn new(check: Option<&Healthcheck>, enter: &'a Enter) -> Self {
        Self {
            enter,
            course: check.map(|check| Course::new(check.clone(), Instant::now())),
            next: None,
            running: None,
        }
    }

    /// The program runs: the first check is due.
    pub(super) fn begin(&mut self) {
        self.next = self.course.is_some().then(Instant::now);
    }

    /// No check runs any more, and no check is due.
    pub(super) fn end(&mut self) {
        self.next = None;
        self.course = None;
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }

    /// Waits until [`Self::advance`] has something to do.
    pub(super) async fn wait(&mut self) {
        match &mut self.running {
            Some(running) => running.wait().await,
            None => match self.next {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            },
        }
    }

    /// Starts a check that is due, and kills one that takes too long.
    pub(super) fn advance(&mut self) -> Option<HealthChange> {
        let now = Instant::now();
        if let Some(running) = &mut self.running {
            running.read();
            if now >= running.deadline && !running.timed_out {
                running.timed_out = true;
                running.kill();
            }
            return None;
        }
        let course = self.course.as_ref()?;
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        self.next = None;
        match Running::start(self.enter, &course.check, now) {
            Ok(running) => {
                self.running = Some(running);
                None
            }
            Err(error) => self.take(Result::Ended(NOT_STARTED), now, error),
        }
    }

    /// A child of this process has ended; returns the change if it was a check.
    pub(super) fn ended(&mut self, pid: i32, exit: Exit) -> Option<HealthChange> {
        let mut running = self.running.take_if(|running| running.pid == pid)?;
        running.read_rest();
        let result = match running.timed_out {
            true => Result::TookLonger,
            false => Result::Ended(exit),
        };
        let text = String::from_utf8_lossy(&running.text).trim().to_owned();
        self.take(result, running.began, text)
    }

    fn take(&mut self, result: Result, began: Instant, text: String) -> Option<HealthChange> {
        let course = self.course.as_mut()?;
        let (pause, health) = course.take(result, began);
        self.next = Some(Instant::now() + pause);
        let health = health?;
        let why = match (health, result) {
            (Health::Unhealthy, Result::Ended(Exit::Code(code))) => {
                Some(format!("exit code {code}"))
            }
            (Health::Unhealthy, Result::Ended(exit)) => Some(format!("it {exit}")),
            (Health::Unhealthy, Result::TookLonger) => {
                let limit = course.check.timeout.as_secs_f64();
                Some(format!("it took longer than {limit} s"))
            }
            _ => None,
        };
        let why = why.map(|why| match text.as_str() {
            "" => why,
            text => format!("{why}: {text}"),
        });
        Some(HealthChange { health, why })
    }
}

impl Running {
    fn start(
        enter: &Enter,
        check: &Healthcheck,
        now: Instant,
    ) -> std::result::Result<Self, String> {
        let words = |e: &dyn std::fmt::Display| e.to_string();
        let (ours, theirs) = enter.output_pipe().map_err(|e| words(&e))?;
        let errors: OwnedFd = theirs.try_clone().map_err(|e| words(&e))?;
        let child = enter.spawn_beside(check.test.words(), |command| {
            use std::os::unix::process::CommandExt as _;
            command
                .stdin(std::process::Stdio::null())
                .stdout(theirs)
                .stderr(errors)
                .process_group(0);
        });
        let child = child.map_err(|e| words(&e))?;
        Ok(Self {
            pid: child.id().cast_signed(),
            began: now,
            deadline: now + check.timeout,
            timed_out: false,
            output: Some(Receiver::from_owned_fd(ours).map_err(|e| words(&e))?),
            text: Vec::new(),
        })
    }

    /// Waits until it prints something, or has taken too long. Its end is reported by a signal.
    async fn wait(&self) {
        let late = async {
            match self.timed_out {
                true => std::future::pending().await,
                false => sleep_until(self.deadline).await,
            }
        };
        match &self.output {
            Some(output) => tokio::select! {
                // The next read reports an error.
                _ = output.readable() => {}
                () = late => {}
            },
            None => late.await,
        }
    }

    /// Reads its output; what is more than the limit is read as well, so that it does not block.
    fn read(&mut self) {
        let mut buffer = [0; OUTPUT_MAX];
        while let Some(output) = &self.output {
            match output.try_read(&mut buffer) {
                Ok(0) => self.output = None,
                Ok(length) => self.keep(buffer.get(..length).unwrap_or_default()),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_cannot_be_read) => self.output = None,
            }
        }
    }

    /// Reads what it has printed until its end. The runtime may not have registered yet that the pipe can be read.
    fn read_rest(&mut self) {
        let mut buffer = [0; OUTPUT_MAX];
        while let Some(output) = &self.output {
            match rustix::io::read(output, &mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(length) => self.keep(buffer.get(..length).unwrap_or_default()),
            }
        }
    }

    fn keep(&mut self, read: &[u8]) {
        let room = OUTPUT_MAX.saturating_sub(self.text.len());
        self.text.extend(read.iter().take(room));
    }

    /// Kills it with the processes of its process group. It was not waited for yet, so the number
    /// still belongs to it.
    fn kill(&self) {
        if let Some(group) = Pid::from_raw(self.pid) {
            // It may have ended already.
            rustix::process::kill_process_group(group, Signal::KILL).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(interval: u64, start_period: u64) -> Course {
        let test = hallway_spec::Command::split("true").unwrap();
        let check = Healthcheck {
            interval: Duration::from_secs(interval),
            start_period: Duration::from_secs(start_period),
            ..Healthcheck::new(test)
        };
        Course::new(check, Instant::now())
    }

    #[test]
    fn failures_count_when_the_start_period_is_over() {
        let mut course = course(10, 20);
        let start = course.started;
        let at = |seconds| start + Duration::from_secs(seconds);
        let failed = Result::Ended(Exit::Code(1));
        let second = Duration::from_secs(1);
        let ten = Duration::from_secs(10);
        assert_eq!(course.take(failed, at(0)), (second, None));
        assert_eq!(course.take(Result::TookLonger, at(19)), (second, None));
        assert_eq!(course.take(failed, at(20)), (ten, None));
        assert_eq!(course.take(failed, at(30)), (ten, None));
        assert_eq!(course.take(failed, at(40)), (ten, Some(Health::Unhealthy)));
        assert_eq!(course.take(failed, at(50)), (ten, None));
        let works = Result::Ended(Exit::Code(0));
        assert_eq!(course.take(works, at(60)), (ten, Some(Health::Healthy)));
        assert_eq!(course.take(failed, at(70)), (ten, None));
        assert_eq!(course.take(works, at(80)), (ten, None));
    }

    #[test]
    fn after_one_success_failures_count_within_the_start_period_too() {
        let mut course = course(10, 20);
        let start = course.started;
        let ten = Duration::from_secs(10);
        assert_eq!(
            course.take(Result::Ended(Exit::Code(0)), start),
            (ten, Some(Health::Healthy))
        );
        for _ in 0..2 {
            assert_eq!(
                course.take(Result::Ended(Exit::Code(1)), start),
                (ten, None)
            );
        }
        let unhealthy = (ten, Some(Health::Unhealthy));
        assert_eq!(course.take(Result::Ended(Exit::Code(1)), start), unhealthy);
    }
}
