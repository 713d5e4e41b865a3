//! What a person writes down, and what it means: text → [`Topology`].
//!
//! Pure: no files, no clock, no kernel. A [`Topology`] can only be made by [`parse`], and only
//! when every check has passed, so whoever holds one need not check again.

mod check;
mod command;
mod document;
mod edit;
mod name;
mod parse;
mod place;
mod port;
mod problem;
mod topology;
mod tree;
mod version;

pub use command::Command;
pub use document::{Document, schema};
pub use edit::{Edit, edit, empty};
pub use name::{InterfaceName, InvalidName, Mac, Name};
pub use parse::{Project, TEXT_MAX, parse, parse_bytes};
pub use place::Place;
pub use port::{InvalidPort, PortRange, Protocol, PublishText};
pub use problem::{Code, Problem, Problems};
pub use topology::{
    Action, Attachment, Endpoint, Expect, Link, LinkEnd, Mode, Network, Node, Policy, PortProto,
    Publish, Restart, Service, StaticRoute, Subnet, Topology,
};
pub use version::{InvalidIpVersion, IpVersion};
