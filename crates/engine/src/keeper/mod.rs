//! The client side of the keeper: its tasks, the messages, and how to reach it.
//!
//! A keeper is one process per project (the crate `hallway-keeper`). It runs the programs, serves
//! published ports on localhost, and holds the guard. Clients connect to a Unix socket in the
//! project's directory, which only its user can enter; client and keeper also check each other's
//! user (SO_PEERCRED, unix(7)). A keeper whose socket was removed is found by its command line.
//!
//! Everything here is synchronous, reads no environment variable and prints nothing. Waiting for an
//! answer is always limited: a keeper that is stopped or hangs is an error after some seconds, and
//! the caller can cancel. [`Client::poll_ready`] only returns the present state.
//!
//! ```no_run
//! use hallway_engine::keeper::{Client, Desired, Readiness, Start};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::start(&Start {
//!     program: "/proc/self/exe".as_ref(),
//!     project: "shop",
//!     scope: "/run/hallway/host".as_ref(),
//!     directory: "/run/hallway/host/projects/shop".as_ref(),
//!     holder: None,
//!     open_files: None,
//!     environment: &Default::default(),
//!     cancel: &Default::default(),
//! })?;
//! let desired = Desired::default();
//! client.sync(&desired, Vec::new())?;
//! while let Readiness::Waiting(_) = client.poll_ready(&desired.programs)? {
//!     std::thread::sleep(std::time::Duration::from_millis(5));
//! }
//! # Ok(())
//! # }
//! ```

mod client;
mod desired;
mod error;
pub mod frame;
mod guard;
mod handshake;
mod listener;
pub(crate) mod marks;
pub mod message;
mod orphans;
mod porter;
mod readiness;
mod removed_links;
mod status;
pub(crate) mod wait;

pub use client::{Client, Start, Starting};
pub use desired::{Desired, Forward, KeeperChange, Listen, Namespace, Program, RemovedLinks};
pub use error::KeeperError;
pub use guard::Guard;
pub use hallway_plan::Exit;
pub(crate) use handshake::Handshake;
pub(crate) use listener::most_open_files;
pub use listener::{
    BindCause, BindError, BoundSocket, StdSocket, bind, listen_again, open_files_limit,
    raise_open_files, user_of,
};
pub use marks::Elsewhere;
pub use orphans::stop_leftovers;
pub use porter::{Porter, serve_porter};
pub use readiness::{Awaited, AwaitedProgram, NotRequired, ProgramEnd, Readiness, readiness};
pub use removed_links::finish_removed_links;
pub use status::{ProgramState, ProgramStatus};
pub use wait::{is_stopped, process_state};

/// The environment variable that names the project in every program of a node.
pub const PROJECT_MARK: &str = "HALLWAY_PROJECT";
/// The environment variable that names the node in every program of a node.
pub const NODE_MARK: &str = "HALLWAY_NODE";

/// The socket of the keeper of the project whose state is in that directory.
#[must_use]
pub fn socket(directory: &std::path::Path) -> std::path::PathBuf {
    directory.join("keeper.sock")
}
