//! Tests against the real kernel: each runs as a separate process in private user, mount, pid and
//! network namespaces, so that it needs no root, cannot change the machine, can run beside others,
//! and leaves no process.
//!
//! A test file without the standard harness (`harness = false`):
//!
//! ```no_run
//! use hallway_testkit::{ip_json, sh};
//!
//! fn a_bridge_is_listed() {
//!     sh("ip link add br0 type bridge"); // in the test's own network namespace
//!     assert_eq!(ip_json("link show type bridge").len(), 1);
//! }
//!
//! hallway_testkit::tests!(a_bridge_is_listed);
//! # // The macro defines `main`.
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)] // a test helper's failure is the test's

mod hallway;
mod isolation;
mod machine;
mod oracle;
mod page;
mod patience;
pub mod projects;
mod talker;
mod web;

pub use hallway::{Hallway, Ran};
pub use isolation::{Test, main, skip};
pub use machine::{Snapshot, processes, settle};
pub use oracle::{ip_json, nft_json, packages, sh, try_sh};
pub use page::{documented, pairs};
pub use patience::{milliseconds, patience, wait_for};
pub use talker::{ECHO, Talker};
pub use web::Server;

/// The tests of a file, for [`main`].
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        fn main() {
            $crate::main(&[$($crate::Test { name: stringify!($name), run: $name }),*]);
        }
    };
}
