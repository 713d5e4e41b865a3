//! Linux networking by netlink: links, addresses, routes, nf_tables, conntrack, namespaces.
//!
//! It knows the kernel, not projects. Everything is done through a [`Kernel`]
//! handle, in the network namespace of the thread that uses it; every change passes the handle's
//! [`gate`]. An error says which operation failed on which object, with the errno and the kernel's text.

pub mod addr;
#[cfg(test)]
mod captured;
pub mod conntrack;
pub mod error;
pub mod files;
pub mod gate;
mod handle;
pub mod link;
pub mod monitor;
pub mod mount;
pub mod neighbour;
pub mod netconf;
pub mod netns;
pub mod nft;
pub mod packet;
pub mod probe;
mod process;
pub mod qdisc;
mod request;
pub mod route;
pub mod rule;
mod socket;
pub mod sys;
mod sysctl;

pub(crate) use hallway_nftables::wire;

pub use error::KernelError;
pub use handle::Kernel;
pub use request::{Batch, Request};
