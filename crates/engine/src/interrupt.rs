//! Ctrl-C while something is built: the run stops between two steps and is undone. A second one ends
//! the process at once; what is left then is for the next `up` or `down`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Failure;

/// The code of the failure of a run that was interrupted.
pub const CODE: &str = "interrupted";

/// The signal that came; 0 while none has.
static CAME: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// From here on SIGINT and SIGTERM are noted instead of ending this process; each ends it at once
/// when it comes again.
pub fn watch() {
    CAME.get_or_init(|| {
        let (came, again) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        for signal in [SIGINT, SIGTERM] {
            register(signal, &came, &again).ok(); // else it ends the process, as before
        }
        came
    });
}

fn register(signal: i32, came: &Arc<AtomicUsize>, again: &Arc<AtomicBool>) -> std::io::Result<()> {
    // In this order: the first signal must not find its own mark.
    flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(again))?;
    flag::register(signal, Arc::clone(again))?;
    flag::register_usize(signal, Arc::clone(came), signal.unsigned_abs() as usize)?;
    Ok(())
}

/// The signal that came, if one has.
#[must_use]
pub fn came() -> Option<u8> {
    let signal = CAME.get()?.load(Ordering::Relaxed);
    u8::try_from(signal).ok().filter(|s| *s != 0)
}

/// Fails when a signal has come.
///
/// # Errors
/// A failure of the code [`CODE`].
pub fn check() -> Result<(), Failure> {
    match came() {
        None => Ok(()),
        Some(_) => Err(Failure::new(CODE, "interrupted; all is as it was before")),
    }
}
