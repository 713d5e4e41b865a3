//! The time the kernel itself takes: the same network as a project's, built with plain netlink
//! requests, without marks, rules or record. Only benchmarks use it.

mod bare;

pub use bare::{attach, detach};
