//! The keeper: one process per project, which runs programs, serves published ports on localhost,
//! holds the guard, and repairs what other programs change.
//! Started by `up`, ended by `down`.
//!
//! Requests, programs and connections are tasks on one thread (tokio's current-thread runtime);
//! repairs have a separate thread. Tasks and messages are described in `hallway_engine::keeper`.
//!
//! ```text
//! client ──socket──► server ──► supervisor (pure: states of programs, takes `now`)
//!                      │             │ actions
//!                      │             ▼
//!                      │          runners ──socket──► runner process ──► program and all it starts
//!                      └──► forward: listeners by (address, port, protocol), retargeted in place
//!
//! kernel ──notifications──► watch (a thread) ──► engine: compares, repairs
//! ```
//!
//! ```no_run
//! use std::time::Duration;
//!
//! hallway_keeper::serve(&hallway_keeper::Options {
//!     program: "/proc/self/exe".into(),
//!     project: "shop".to_owned(),
//!     directory: "/run/hallway/host/projects/shop".into(),
//!     scope: "/run/hallway/host".into(),
//!     holder: None,
//!     starter: None,
//!     grace: Duration::from_secs(10),
//!     open_files: None,
//! })?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod capabilities;
mod etc_files;
pub mod forward;
mod frames;
mod log_times;
mod notifications;
mod options;
mod program;
mod recorder;
mod removed_links;
mod requests;
mod server;
pub mod supervisor;
mod watch;

pub use options::Options;
pub use program::run_program;
pub use server::serve;
