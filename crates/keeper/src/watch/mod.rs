//! Repair of what other programs change, in a separate thread: it waits for notifications, compares
//! through the engine, and calls the engine to repair what differs.

mod pace;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use hallway_engine::keeper::socket;
use hallway_engine::transaction::Extent;
use hallway_engine::watch::{Changed, Watch};
use hallway_engine::{
    Caller, Cancel, Engine, Failure, Lock, Occurrence, OccurrenceKind, Silent, Workplace,
};
use hallway_spec::Name;
use rustix::process::Signal;

use crate::options::{Options, eprint};
use pace::Pace;

/// How long to wait before checking the lock of a run of hallway again.
const BUSY: Duration = Duration::from_millis(20);

/// How long a keeper that no client can reach waits before it looks again whether anything is left:
/// with a notification and without one.
const UNREACHED: Duration = Duration::from_secs(1);
const UNREACHED_IDLE: Duration = Duration::from_secs(20);

/// A run that began longer ago causes no notification any more, unless it still holds the lock.
const RECENT: Duration = Duration::from_secs(1);

/// Starts the thread. It ends with the process.
///
/// # Errors
/// When the kernel allows no notifications, or no thread.
pub(crate) fn start(options: &Options, project: Name) -> Result<(), Failure> {
    let engine = Engine::new(
        &options.scope,
        Workplace {
            program: options.program.clone(),
            holder: options.holder,
            open_files: options.open_files,
            ..Workplace::default()
        },
    );
    let watch = Watch::open()?;
    let mut watcher = Watcher {
        engine,
        project,
        reached: Socket::of(&socket(&options.directory)),
        socket: socket(&options.directory),
        watch,
        pace: Pace::new(Instant::now()),
        pending: Changed::default(),
        busy: false,
        run: None,
        failed: None,
    };
    let thread = std::thread::Builder::new().name("watch".into());
    let started = thread.spawn(move || {
        loop {
            if let Err(failure) = watcher.turn() {
                watcher.failed(&failure);
            }
        }
    });
    started.map(drop).map_err(|e| Failure::of_thread(&e))
}

/// The identity of a socket in the file system; none where there is none.
#[derive(Debug, PartialEq, Eq)]
struct Socket(Option<(u64, u64)>);

impl Socket {
    fn of(path: &Path) -> Self {
        let found = std::fs::symlink_metadata(path).ok();
        Self(found.map(|m| (m.dev(), m.ino())))
    }
}

struct Watcher {
    engine: Engine,
    project: Name,
    /// Where clients reach this keeper, and the socket that was there at first.
    socket: PathBuf,
    reached: Socket,
    watch: Watch,
    pace: Pace,
    /// What has changed since the last comparison.
    pending: Changed,
    /// A run of hallway had the lock.
    busy: bool,
    /// When the last known run took it.
    run: Option<SystemTime>,
    /// The last failure, which is reported once.
    failed: Option<String>,
}

impl Watcher {
    /// Waits for the next comparison, and makes it.
    fn turn(&mut self) -> Result<(), Failure> {
        let wait = self.pace.due().saturating_duration_since(Instant::now());
        let changed = self.watch.wait(wait)?;
        self.pending = self.pending.and(changed);
        let now = Instant::now();
        if changed.any() {
            self.pace.changed(now);
        }
        if self.pace.due() > now {
            return Ok(());
        }
        let reached = Socket::of(&self.socket);
        if reached != self.reached {
            return self.unreached(&reached);
        }
        if Lock::is_taken(self.engine.scope()) {
            std::thread::sleep(BUSY);
            self.busy = true;
            return Ok(());
        }
        self.busy |= self.has_run() && self.run_is_recent();
        // A run has ended; it verified what it built in nodes. The next comparison of everything
        // finds what others changed there at the same time.
        if std::mem::take(&mut self.busy) && self.pace.put_off(Instant::now()) {
            self.watch.wait(Duration::ZERO)?;
            self.pending = Changed {
                host: true,
                nodes: false,
            };
            return Ok(());
        }
        self.engine.refresh_name_servers(&self.project)?;
        let whole = self.pending.nodes || self.pace.whole_is_due(now);
        let extent = match whole {
            true => Extent::All,
            false => Extent::Host,
        };
        self.pending = Changed::default();
        let (began, before) = (Instant::now(), processor_time());
        let drift = self.engine.drift(&self.project, extent);
        let ended = Instant::now();
        // The whole program's, since several threads compare; what others of its threads did is limited so.
        let cost = processor_time().saturating_sub(before).min(ended - began);
        self.pace.compared(whole, cost, ended);
        let drift: Vec<String> = drift?.iter().map(|d| d.subject()).collect();
        if drift.is_empty() {
            self.failed = None;
            self.pace.succeeded();
        }
        if drift.iter().all(|d| self.pace.is_paused(d, ended)) {
            return Ok(());
        }
        // What a run was building meanwhile looks like a difference.
        if (self.has_run() || Lock::is_taken(self.engine.scope()))
            && self.pace.put_off(Instant::now())
        {
            self.pending = Changed {
                host: true,
                nodes: whole,
            };
            return Ok(());
        }
        let repaired = self.repair(drift);
        self.has_run(); // that was its own
        repaired
    }

    /// The state directory was removed: there is no record to compare with. The keeper ends with the
    /// last object of the project; until then its programs go on.
    fn unreached(&mut self, now: &Socket) -> Result<(), Failure> {
        if now.0.is_none() && self.engine.is_gone(&self.project)? {
            let own = rustix::process::getpid();
            let ended = rustix::process::kill_process(own, Signal::TERM);
            ended.map_err(|e| Failure::of_thread(&e.into()))?;
        }
        std::thread::sleep(UNREACHED);
        self.watch.wait(UNREACHED_IDLE)?;
        Ok(())
    }

    /// Whether a run of hallway has begun since the last call.
    fn has_run(&mut self) -> bool {
        let last = Lock::last_taken(self.engine.scope());
        std::mem::replace(&mut self.run, last) != last
    }

    /// Whether present notifications may come from the last run: one that was detected only by the
    /// time of its lock has ended.
    fn run_is_recent(&self) -> bool {
        let age = self.run.and_then(|taken| taken.elapsed().ok());
        age.is_some_and(|age| age < RECENT)
    }

    /// `drift` has the objects that differed before.
    fn repair(&mut self, drift: Vec<String>) -> Result<(), Failure> {
        let mut caller = Caller {
            reporter: &mut Silent,
            cancel: &Cancel::default(),
        };
        let repaired = self.engine.repair(&self.project, &mut caller);
        let now = Instant::now();
        let objects = match &repaired {
            Ok(differences) => {
                self.pace.succeeded();
                differences.iter().map(|d| d.subject()).collect()
            }
            Err(_reported_by_the_caller) => {
                self.pace.failed(now);
                drift
            }
        };
        let pause = self.pace.repaired(objects.into_iter(), now);
        let mut events: Vec<Occurrence> = match &repaired {
            Ok(differences) => differences.iter().map(Occurrence::repaired).collect(),
            Err(_reported_by_the_caller) => Vec::new(),
        };
        if let Some(pause) = pause {
            let words = format!(
                "another program makes the same change repeatedly: the next repair follows after {} s",
                pause.as_secs()
            );
            events.push(Occurrence::of(OccurrenceKind::RepairPaused, words));
        }
        if !events.is_empty() {
            self.engine.record_events(&self.project, &events)?;
        }
        repaired.map(drop)
    }

    /// A failure is reported as an event once, and not again while it stays the same.
    fn failed(&mut self, failure: &Failure) {
        // After a failed repair the pace is slower; other failures must not follow one another at once.
        std::thread::sleep(BUSY);
        let mut words = format!("not repaired: {failure}");
        if let Some(cause) = &failure.cause {
            words = format!("{words}: {cause}");
        }
        if self.failed.as_ref() == Some(&words) {
            return;
        }
        let event = Occurrence::of(OccurrenceKind::RepairFailed, words.clone());
        // If the file of events cannot be written, the keeper's own log is used.
        if let Err(error) = self.engine.record_events(&self.project, &[event]) {
            eprint(&format!("{words}; {error}"));
        }
        self.failed = Some(words);
    }
}

/// The processor time that this program has taken (clock_gettime(2)).
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
