//! Views of the planner's values: text, bytes or JSON shapes. Pure: nothing here prints, reads a
//! file or observes a kernel.
//!
//! - [`graph`]: a project as a picture,
//! - [`tree`], [`table`], [`path`], [`program`], [`step`]: the text output of the command line,
//! - [`json`]: its JSON output; every shape has a version,
//! - [`shell`]: a plan as a script of plain commands,
//! - [`pcap`]: the file format of packet captures.
//!
//! ```
//! use hallway_plan::{Observed, Surroundings, settle};
//! use hallway_view::graph::{Graph, mermaid};
//!
//! let text = "networks: { apps: { subnet: 10.0.0.0/24 } }\nnodes: { web: { networks: [apps] } }";
//! let topology = hallway_spec::parse("shop.yaml", text)?.topology;
//! let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
//! let settled = settle(&topology, None, &around).unwrap();
//! assert!(mermaid(&Graph::new(&settled)).contains("flowchart"));
//! # Ok::<(), hallway_spec::Problems>(())
//! ```

pub mod graph;
pub mod json;
pub mod path;
pub mod pcap;
pub mod program;
pub mod shell;
pub mod step;
pub mod style;
pub mod table;
pub mod tree;
