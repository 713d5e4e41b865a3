//! What a person writes down, and what it means: text → [`Topology`].
//!
//! Pure: no files, no clock, no kernel. A [`Topology`] can only be made by [`parse`], and only
//! when every check has passed, so whoever holds one need not check again.

mod bandwidth;
mod check;
mod command;
mod document;
mod edit;
mod interface;
mod mac;
mod name;
mod netns;
mod parse;
mod place;
mod port;
mod problem;
mod publish;
mod text_type;
mod topology;
mod tree;
mod version;

pub use bandwidth::{Bandwidth, InvalidBandwidth};
pub use command::Command;
pub use document::{Document, schema};
pub use edit::{Edit, edit, empty};
pub use interface::{InterfaceName, InvalidInterfaceName};
pub use mac::{InvalidMac, Mac};
pub use name::{InvalidName, Name};
pub use netns::{InvalidNetns, NETNS_DIRECTORY, NetnsName, NetnsRef};
pub use parse::{Project, TEXT_MAX, parse, parse_bytes};
pub use place::Place;
pub use port::{InvalidPort, PortProto, PortRange, Protocol};
pub use problem::{Code, Problem, Problems};
pub use publish::PublishText;
pub use topology::{
    Action, Attachment, Endpoint, Expect, Link, LinkEnd, Mode, Network, Node, Policy, Publish,
    Restart, Service, StaticRoute, Subnet, Topology,
};
pub use version::{InvalidIpVersion, IpVersion};
