//! Reachability, with reasons: the packets of an exchange pass through the built network and
//! through the same rules that are loaded into the kernel. Nothing here uses a kernel, so the
//! answer is available before anything is built; `hallway test` compares it with real packets.

mod added;
mod bridge;
mod code;
mod conntrack;
mod context;
mod diverted;
mod environment;
mod exchange;
mod foreign;
mod from_outside;
mod has;
mod host;
mod host_links;
mod host_rules;
mod inside;
mod link_local;
mod measured;
mod nat;
mod next_hop;
mod node;
mod node_rules;
mod owners;
mod packet;
mod party;
mod path;
mod question;
mod questions;
mod reasons;
mod remedy;
mod result;
mod router;
mod routing;
mod rulings;
mod single_link;
mod special;
mod stand_in;
mod straight;
mod taken;
mod walk;
mod way_back;
mod world;

pub use code::ReasonCode;
pub use diverted::by_longer_routes;
pub use environment::{Environment, HostNet, Inside};
pub use hallway_spec::Service;
pub use host_rules::{Diverted, HostRule, Looks, OwnRouting, Remedy, TableRoute};
pub use measured::{Listener, Measured};
pub use packet::Flow;
pub use party::Party;
pub use path::{Hop, HopEvent, Location, Outcome, Path, Reason};
pub use question::Question;
pub use questions::{Expected, expected, matrix, services};
pub use taken::{TakenPort, taken_ports};
pub use world::World;
