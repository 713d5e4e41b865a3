//! Linux networking by netlink: links, addresses, routes, nf_tables, conntrack, namespaces.
//!
//! This crate knows the kernel and nothing of projects. Every call acts on the network
//! namespace the calling thread is in, and says in its error which operation failed on which
//! object, with the kernel's own words.

pub mod addr;
pub mod conntrack;
pub mod error;
pub mod link;
pub mod mount;
pub mod neighbour;
pub mod netns;
pub mod nft;
pub mod packet;
pub mod probe;
pub mod qdisc;
pub mod route;
pub mod rtnl;
pub mod sys;
pub mod sysctl;

pub(crate) use hallway_nftables::wire;

pub use error::KernelError;
pub use rtnl::{Batch, Request, Rtnl};
