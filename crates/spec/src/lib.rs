//! The file of a project and what it means: text → [`Topology`].
//!
//! Pure: no files, no clock, no kernel. Only [`parse`] makes a [`Topology`], and only when every
//! check has passed: code that has one need not check it again. A problem of a file is a
//! [`Problem`] with a stable code, places and help; every kind of problem in the project is printed
//! through the trait [`Diagnostic`].
//!
//! ```
//! let text = "
//! networks: { lan: { subnet: 10.10.0.0/24 } }
//! nodes: { web: { networks: [lan] } }
//! ";
//! let topology = hallway_spec::parse("shop.yaml", text)?.topology;
//! assert_eq!(topology.nodes[0].attachments[0].network.as_ref(), "lan");
//! # Ok::<(), hallway_spec::Problems>(())
//! ```

mod bandwidth;
mod check;
mod command;
mod cycle;
mod diagnostic;
mod document;
mod edit;
mod extra_host;
mod health;
mod impairment;
mod interface;
mod joined;
mod listed;
mod mac;
mod name;
mod netns;
mod parse;
mod place;
mod policy;
mod pools;
mod port;
mod port_name;
mod port_names;
pub mod problem;
mod publish;
mod reader;
mod service;
mod similar;
mod syntax;
mod sysctl;
mod text_type;
mod topology;
mod tree;
mod user;
mod value;
mod version;

pub use bandwidth::{Bandwidth, InvalidBandwidth};
pub use command::{Command, InvalidCommand};
pub use cycle::cycle_of;
pub use diagnostic::{Diagnostic, Label, Severity};
pub use document::{Document, Section, schema};
pub use edit::{
    Edit, EditCode, EditError, Impaired, ImpairmentChange, NewNetwork, NewNode, edit,
    edit_in_place, edit_of_file, empty, free_subnet, rest,
};
pub use extra_host::ExtraHost;
pub use health::{Condition, Dependency, Health, Healthcheck, InvalidCondition};
pub use impairment::{Delay, Impairments, InvalidImpairment, Share};
pub use interface::{InterfaceName, InvalidInterfaceName};
pub use joined::Joined;
pub use listed::listed;
pub use mac::{InvalidMac, Mac};
pub use name::{InvalidName, Name, is_of_loopback};
pub use netns::{InvalidNetns, NETNS_DIRECTORY, NetnsName, NetnsRef};
pub use parse::{Project, TEXT_MAX, name_of, parse, parse_bytes, parse_value};
pub use place::Place;
pub use policy::{Action, Endpoint, Expect, Policy, PolicyService};
pub use pools::{SUBNET_LENGTH, first_free, is_taken, may_be_chosen, pools};
pub use port::{InvalidPort, InvalidPortName, PortProto, PortRange, Protocol};
pub use port_name::{NamedPort, PortName, ServiceText};
pub use port_names::{PortNames, UnresolvedPort};
pub use problem::{Code, Problem, Problems, SourceText, Warning, WarningCode};
pub use publish::{LOCALHOST_PORTS_MAX, PortText, PublishText};
pub use service::{InvalidService, IpProtocol, Service};
pub use similar::{meant, nearest};
pub use sysctl::{InvalidSysctl, SysctlKey, turns_ipv6_on};
pub use topology::{
    Attachment, CONNECTIONS_DEFAULT, DependsOn, Link, LinkEnd, Mode, Network, Node, Program,
    Publish, Restart, Sidecar, StaticRoute, Subnet, Topology,
};
pub use user::{InvalidUser, User};
pub use value::{Entry, Value, ValueKind};
pub use version::{InvalidIpVersion, IpVersion};
