//! SIGINT, SIGTERM and SIGHUP while a command works: the engine stops between two steps, and undoes the
//! earlier ones. A second signal ends the process at once; what is left then is completed or removed
//! by the next `up` or `down`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hallway_engine::Cancel;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::args::Common;
use crate::ui;

/// The number of the received signal. Signal handlers belong to the process, so this does too.
static SIGNAL: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// From here on SIGINT, SIGTERM and SIGHUP cancel instead of ending this process; a second one ends it.
pub(crate) fn watch() -> Cancel {
    let signal = SIGNAL.get_or_init(|| {
        let (came, again) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        for signal in signals() {
            // If this fails, the signal ends the process, as without a handler.
            register(signal, &came, &again).ok();
        }
        came
    });
    Cancel::of_signal(Arc::clone(signal))
}

fn register(signal: i32, came: &Arc<AtomicUsize>, again: &Arc<AtomicBool>) -> std::io::Result<()> {
    // In this order: the first signal must not count as the second.
    flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(again))?;
    flag::register(signal, Arc::clone(again))?;
    flag::register_usize(signal, Arc::clone(came), signal.unsigned_abs() as usize)?;
    Ok(())
}

/// For commands that are not undone: signals end the process as usual.
pub(crate) fn waiting() -> Cancel {
    Cancel::default()
}

/// For `down` and `gc`, which wait for other commands first: until they begin, a signal ends the wait; then
/// they go on to their end, and a second signal ends them.
pub(crate) fn until_begun() -> (Cancel, Late) {
    let (came, again, begun) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::default(),
        Arc::default(),
    );
    for signal in signals() {
        // If this fails, the signal ends the process, as without a handler.
        register(signal, &came, &again).ok();
    }
    let late = Late {
        came: Arc::clone(&came),
        begun: Arc::clone(&begun),
    };
    (Cancel::until_begun(came, begun), late)
}

/// A signal that came while work went on to its end.
pub(crate) struct Late {
    /// The number of the signal; 0 if there was none.
    came: Arc<AtomicUsize>,
    /// Whether the work has begun: before, a signal ends the command.
    begun: Arc<AtomicBool>,
}

impl Late {
    /// Says at once that the work goes on, until the result is dropped.
    pub(crate) fn said(&self, common: &Common, verb: &'static str) -> Saying {
        let ended = Arc::new(AtomicBool::new(false));
        let (came, begun) = (Arc::clone(&self.came), Arc::clone(&self.begun));
        let (until, common) = (Arc::clone(&ended), common.clone());
        std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                if came.load(Ordering::Relaxed) != 0 && begun.load(Ordering::Relaxed) {
                    let words = format!("{verb} goes on to its end; a second signal ends it");
                    ui::note(&common, words);
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Saying(ended)
    }
}

/// While it exists, a signal is reported.
pub(crate) struct Saying(Arc<AtomicBool>);

impl Drop for Saying {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The signals that cancel. One of a terminal that was closed stays ignored if it is, as by nohup.
fn signals() -> impl Iterator<Item = i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines().filter_map(|l| l.strip_prefix("SigIgn:"));
    let ignored = lines.next().map(str::trim);
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask, 16).ok());
    // The first bit is signal 1, SIGHUP.
    let hangs_up = ignored.is_none_or(|mask| mask & 1 == 0);
    let all = [SIGINT, SIGTERM].into_iter();
    all.chain(hangs_up.then_some(SIGHUP))
}
