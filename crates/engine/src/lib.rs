//! The engine: reads the present state, keeps the record, and carries out plans. It does the I/O
//! for the pure crates; it prints nothing, reads no environment variable and has no global state,
//! so that the command line, container runtimes, the keeper and tests call the same functions.
//!
//! [`Engine::up`] is: lock → observe → settle → diff → apply. A step that fails is undone by a plan
//! from the present state to the record, so that no second mechanism is needed for recovery.
//!
//! ```no_run
//! use hallway_engine::{Cancel, Caller, Engine, RequestedState, Silent, Workplace};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let source = "nodes: { a: {}, b: {} }";
//! let project = hallway_spec::parse("example.yaml", source)?;
//! let engine = Engine::new("/run/hallway/host".as_ref(), Workplace::default());
//! let request = RequestedState {
//!     topology: &project.topology,
//!     source,
//!     path: None,
//!     ready_limit: std::time::Duration::from_secs(60),
//!     all_ready: false,
//!     repair: true,
//!     allow_through: &[],
//!     replace: false,
//! };
//! let mut caller = Caller { reporter: &mut Silent, cancel: &Cancel::default() };
//! let applied = engine.up(&request, &mut caller)?;
//! assert!(applied.changed);
//! # Ok(())
//! # }
//! ```

pub mod account;
mod arp;
pub mod bench;
mod cancel;
pub mod containers;
pub mod doctor;
mod dropped;
mod empty_host;
mod engine;
pub mod enter;
pub mod etc;
mod event;
mod executor;
pub mod failure;
mod files;
pub mod keeper;
mod lock;
pub mod names;
mod needs;
mod observe;
mod occurrence;
mod orphaned_objects;
pub mod place;
pub mod read;
mod record;
mod rights;
pub mod sandbox;
mod sockets;
pub mod stack;
pub mod state;
mod status;
pub mod transaction;
mod verify;
pub mod watch;

pub use cancel::Cancel;
pub use empty_host::OtherNamespaces;
pub use engine::{Engine, Planned, ProjectState, Workplace};
pub use event::{Event, Reporter, Silent, Warning};
pub use failure::{Failure, Reason};
pub use hallway_kernel::KernelError;
pub use lock::Lock;
pub use occurrence::{Occurrence, OccurrenceKind};
pub use orphaned_objects::OrphanedObjects;
pub use record::{Record, lease};
pub use rights::Rights;
pub use status::{Completeness, Status};
pub use transaction::{
    Applied, Caller, EditError, Edited, NewEndpoint, Removed, RequestedState, desired, log_file,
    times_file,
};
