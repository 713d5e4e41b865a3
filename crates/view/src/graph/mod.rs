//! A project as a picture: its model, its layout, and its output as text, mermaid, dot or SVG. The
//! same project gives the same picture.

mod arrange;
mod cables;
mod cabling;
mod channel;
mod collapse;
mod connected;
mod content;
mod dot;
pub mod drawing;
mod elements;
mod ladder;
mod layers;
mod layout;
mod live;
mod measure;
mod mermaid;
mod model;
mod parties;
mod policy;
mod ports;
mod route;
mod svg;
mod svg_policies;
mod text;
mod wires;

pub use dot::dot;
pub use mermaid::mermaid;
pub use model::{Cable, End, Graph, Interface, Network, Node, Port, Presence};
pub use policy::{Arrow, Party, Policy};
pub use svg::svg;
pub use text::text;
