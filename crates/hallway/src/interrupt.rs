//! SIGINT and SIGTERM while a command works: the engine stops between two steps, and undoes the
//! earlier ones. A second signal ends the process at once; what is left then is completed or removed
//! by the next `up` or `down`.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, OnceLock};

use hallway_engine::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The number of the received signal. Signal handlers belong to the process, so this does too.
static SIGNAL: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// From here on SIGINT and SIGTERM cancel instead of ending this process; a second one ends it.
pub(crate) fn watch() -> Cancel {
    let signal = SIGNAL.get_or_init(|| {
        let (came, again) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        for signal in [SIGINT, SIGTERM] {
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

/// For `down` and `gc`, which wait for other commands first: until they begin, a signal ends the wait,
/// also one that this process was started to ignore.
pub(crate) fn until_begun() -> Cancel {
    let (came, begun) = (Arc::new(AtomicUsize::new(0)), Arc::default());
    for signal in [SIGINT, SIGTERM] {
        // If this fails, the signal ends the process, as without a handler.
        flag::register_conditional_default(signal, Arc::clone(&begun)).ok();
        flag::register_usize(signal, Arc::clone(&came), signal.unsigned_abs() as usize).ok();
    }
    Cancel::until_begun(came, begun)
}
