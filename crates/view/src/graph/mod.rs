//! A project as a picture: its model, where everything stands, and how it is written as text,
//! mermaid, dot or SVG. The same project gives the same picture.

mod arrange;
mod content;
mod dot;
pub mod drawing;
mod layout;
mod measure;
mod mermaid;
mod model;
mod route;
mod svg;
mod table;
mod text;

pub use dot::dot;
pub use mermaid::mermaid;
pub use model::{Cable, End, Graph, Interface, Network, Node, Policy, Port, State};
pub use svg::svg;
pub use text::text;
