//! Linux networking by netlink: links, addresses, routes, nf_tables, conntrack, namespaces.
//!
//! This crate contains nothing about projects. Everything is done through a [`Kernel`] handle, in
//! the network namespace of the thread that uses it; every change passes the handle's [`gate`]. An
//! error contains the operation that failed, its object, the errno and the kernel's text.
//!
//! ```no_run
//! use hallway_kernel::link::{LinkChange, change_link};
//! use hallway_kernel::{Kernel, KernelError};
//!
//! fn bring_loopback_up() -> Result<(), KernelError> {
//!     let mut kernel = Kernel::new();
//!     let up = LinkChange { up: Some(true), ..Default::default() };
//!     kernel.run(change_link("lo", &up))?;
//!     for link in kernel.links()? {
//!         println!("{}: {} bytes MTU", link.name, link.mtu);
//!     }
//!     Ok(())
//! }
//! ```

pub mod addr;
mod announce;
pub mod calls;
#[cfg(test)]
mod captured;
pub mod conntrack;
pub mod error;
pub mod files;
pub mod forwarding;
pub mod gate;
mod handle;
mod limits;
pub mod link;
pub mod listening;
pub mod monitor;
pub mod mount;
mod namespace;
pub mod neighbour;
pub mod netconf;
pub mod netns;
pub mod nft;
pub mod packet;
pub mod private;
pub mod probe;
mod process;
pub mod qdisc;
mod request;
pub mod route;
pub mod rule;
mod socket;
pub mod sys;
pub mod sysctl;

pub(crate) use hallway_nftables::wire;

pub use error::KernelError;
pub use handle::Kernel;
pub use request::{Batch, Request};
