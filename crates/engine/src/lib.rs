//! The shell around the plan: it reads what is there, keeps the record, and is the one door
//! through which the kernel is changed.
//!
//! `up` is: lock → observe → settle → diff → apply; a step that fails leads back to what was
//! there before by the same way, so that recovery is no second mechanism.

pub mod bench;
pub mod doctor;
mod door;
pub mod enter;
pub mod failure;
mod files;
pub mod interrupt;
pub mod keeper;
mod lock;
mod lower;
mod observe;
mod project;
pub mod read;
mod record;
pub mod sandbox;

pub use failure::Failure;
pub use hallway_kernel::KernelError;
pub use hallway_plan::capture as filter;
pub use hallway_plan::observed::NamespaceState;
pub use hallway_plan::{
    Observed, Plan, Settled, Step, graph, hosts, mark, reach, rules, settled, shell, step,
};
pub use lock::Lock;
pub use project::{Engine, Planned, Seen};
pub use record::Record;
