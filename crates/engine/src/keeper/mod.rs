//! The client side of the keeper: its tasks, the messages, and how to reach it.
//!
//! A keeper is one process per project that has programs to run or ports to serve on localhost
//! (the crate `hallway-keeper`). It is found by the name of an abstract Unix socket (unix(7)),
//! which belongs to the network namespace: unique there, needing no file, and gone when the keeper
//! ends.
//!
//! Everything here is synchronous, reads no environment variable and prints nothing. The caller
//! waits and cancels: [`Client::poll_ready`] only returns the present state.
//!
//! ```no_run
//! use hallway_engine::keeper::{Client, Desired, Readiness, Start};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::start(&Start {
//!     program: "/proc/self/exe".as_ref(),
//!     project: "shop",
//!     directory: "/run/hallway/host/projects/shop".as_ref(),
//!     holder: None,
//!     open_files: None,
//! })?;
//! let desired = Desired::default();
//! client.sync(&desired, Vec::new())?;
//! while let Readiness::Waiting { .. } = client.poll_ready(&desired.programs)? {
//!     std::thread::sleep(std::time::Duration::from_millis(5));
//! }
//! # Ok(())
//! # }
//! ```

mod client;
mod desired;
mod error;
pub mod frame;
mod listener;
pub mod message;
mod orphans;
mod porter;
mod readiness;
mod status;

pub use client::{Client, Start};
pub use desired::{Change, Desired, Forward, Listen, Namespace, Program};
pub use error::KeeperError;
pub use listener::{
    BindCause, BindError, Bound, Listener, bind, open_files_limit, raise_open_files,
};
pub use orphans::stop_leftovers;
pub use porter::{Porter, serve_porter};
pub use readiness::{ProgramEnd, Readiness, readiness};
pub use status::{ProgramState, ProgramStatus};

/// The environment variable that names the project in every program of a node.
pub const PROJECT_MARK: &str = "HALLWAY_PROJECT";
/// The environment variable that names the node in every program of a node.
pub const NODE_MARK: &str = "HALLWAY_NODE";

/// The name of the abstract socket of a project's keeper.
#[must_use]
pub fn socket_name(project: &str) -> String {
    format!("hallway-keeper/{project}")
}
