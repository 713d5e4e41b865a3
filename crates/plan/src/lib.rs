//! The pure middle of hallway: what is wanted, set against what is there, gives the steps
//! between them. Nothing here touches a kernel, a file or a clock; the same input gives the
//! same plan, so every decision can be tested, shown and explained before it is carried out.
//!
//! The flow is [`settle()`] (every address, name and MAC decided) → [`diff()`] (the steps) with
//! [`rules`] for the packet filter and [`reach`] for what packets will do.

pub mod bandwidth;
pub mod diff;
pub mod hosts;
pub mod mark;
pub mod observed;
pub mod reach;
pub mod rules;
pub mod settle;
pub mod settled;
pub mod step;

pub use diff::{Plan, diff};
pub use observed::Observed;
pub use settle::{Conflict, ConflictCode, Surroundings, settle};
pub use settled::Settled;
pub use step::{Op, Step};
