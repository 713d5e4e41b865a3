//! How a keeper is started, and where it reports events without a request.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// How a keeper is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program that runs [`crate::run_program`] with the argument `__program`.
    pub program: PathBuf,
    /// The project.
    pub project: String,
    /// The directory of the project's state; its socket is there.
    pub directory: PathBuf,
    /// The directory of the scope's state.
    pub scope: PathBuf,
    /// The process that holds the sandbox; the keeper ends with it.
    pub holder: Option<i32>,
    /// The process that starts the keeper: until its first request the keeper ends with it, because
    /// the keeper is not on record yet.
    pub starter: Option<i32>,
    /// How long a program may take to end after SIGTERM.
    pub grace: Duration,
    /// The soft limit on open files of programs; none: that of the keeper's start.
    pub open_files: Option<u64>,
}

/// Standard error is the keeper's log.
pub(crate) fn eprint(text: &str) {
    // If the log cannot be written there is no other place to report it.
    writeln!(std::io::stderr(), "hallway: {text}").ok();
}
