//! The keeper: one process per project that has programs to run or ports to serve on localhost.
//! Started by `up`, ended by `down`.
//!
//! It runs on one thread (tokio's current-thread runtime): requests, programs and connections are
//! tasks of it. Its tasks and the messages are described in `hallway_engine::keeper`.
//!
//! ```text
//! client ──socket──► server ──► supervisor (pure: states of programs, takes `now`)
//!                      │             │ actions
//!                      │             ▼
//!                      │          runners ──socket──► runner process ──► program and all it starts
//!                      └──► forward: listeners by (address, port, protocol), retargeted in place
//! ```
//!
//! ```no_run
//! use std::time::Duration;
//!
//! hallway_keeper::serve(&hallway_keeper::Options {
//!     program: "/proc/self/exe".into(),
//!     project: "shop".to_owned(),
//!     directory: "/run/hallway/host/projects/shop".into(),
//!     holder: None,
//!     starter: None,
//!     grace: Duration::from_secs(10),
//!     open_files: None,
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod forward;
mod frames;
mod program;
mod requests;
mod server;
pub mod supervisor;

pub use program::run_program;
pub use server::{Options, serve};
