//! How long tests wait. A limit ends a test that hangs; it never decides a result. So the limits are
//! much longer than any loaded machine needs, and an emulated machine multiplies them.

use std::time::{Duration, Instant};

/// For a condition, or an answer that must come.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two checks of a condition.
const PAUSE: Duration = Duration::from_millis(5);

/// The factor for all limits on this machine: `HALLWAY_TEST_PATIENCE`, or 1.
///
/// # Panics
/// When the variable is not a whole number.
#[must_use]
pub fn patience() -> u32 {
    std::env::var("HALLWAY_TEST_PATIENCE").map_or(1, |text| {
        text.parse()
            .expect("HALLWAY_TEST_PATIENCE is a whole number")
    })
}

/// A time limit for the program under test: milliseconds, times [`patience`], at most one minute.
#[must_use]
pub fn milliseconds(limit: u32) -> String {
    (limit * patience()).min(60_000).to_string()
}

/// Waits until a condition is true.
///
/// # Panics
/// When it is not true within a minute (times [`patience`]).
#[track_caller]
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = LIMIT * patience();
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not after {limit:?}");
        std::thread::sleep(PAUSE);
    }
}
