//! Cancelling a run: a token that callers share with the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::{Failure, Reason};

/// Whether a run is to stop. Clones share their state, so a signal handler or another thread
/// can hold one.
///
/// A run that is cancelled stops before its next step and restores what was there before.
///
/// ```
/// use hallway_engine::Cancel;
/// let cancel = Cancel::default();
/// assert!(cancel.check().is_ok());
/// cancel.cancel();
/// assert!(cancel.check().is_err());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    /// The number of the signal that was received; 0 if there was none.
    signal: Arc<AtomicUsize>,
    /// Set when the work begins that is not undone.
    begun: Option<Arc<AtomicBool>>,
}

impl Cancel {
    /// A token whose state a signal handler writes: the number of the signal, 0 if there was none.
    #[must_use]
    pub fn of_signal(signal: Arc<AtomicUsize>) -> Self {
        Self {
            signal,
            begun: None,
        }
    }

    /// As [`Self::of_signal`], for work that is not undone once it has begun: `begun` is set then, and
    /// the work goes on to its end.
    #[must_use]
    pub fn until_begun(signal: Arc<AtomicUsize>, begun: Arc<AtomicBool>) -> Self {
        Self {
            signal,
            begun: Some(begun),
        }
    }

    /// The work begins that is not undone.
    ///
    /// # Errors
    /// As [`Self::check`], if a signal came before.
    pub(crate) fn begin(&self) -> Result<(), Failure> {
        self.check()?;
        if let Some(begun) = &self.begun {
            begun.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether work has begun that is not undone: then it goes on to its end.
    fn goes_on(&self) -> bool {
        let begun = self.begun.as_ref();
        begun.is_some_and(|begun| begun.load(Ordering::Relaxed))
    }

    /// Cancels, as SIGINT does.
    pub fn cancel(&self) {
        self.signal.store(2, Ordering::Relaxed);
    }

    /// Whether the run is to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        !self.goes_on() && self.signal.load(Ordering::Relaxed) != 0
    }

    /// Fails once the run is to stop.
    ///
    /// # Errors
    /// With [`Reason::Interrupted`].
    pub fn check(&self) -> Result<(), Failure> {
        if self.goes_on() {
            return Ok(());
        }
        match u8::try_from(self.signal.load(Ordering::Relaxed)) {
            Ok(0) => Ok(()),
            Ok(signal) => Err(Reason::Interrupted { signal }.into()),
            Err(_no_signal) => Err(Reason::Interrupted { signal: 2 }.into()),
        }
    }
}
