//! What the kernel itself takes: the same network as a project's, built by the barest netlink loop
//! known, without marks, rules or record. Only benchmarks use it.

mod bare;

pub use bare::{attach, detach};
