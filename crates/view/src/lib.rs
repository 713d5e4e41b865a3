//! Views of what the planner decided: values in, text, bytes or JSON shapes out. Pure: nothing
//! here prints, reads a file or asks a kernel.
//!
//! - [`graph`]: a project as a picture,
//! - [`tree`], [`table`], [`path`], [`program`]: what the command line prints for people,
//! - [`json`]: what it prints for programs; every shape has a version,
//! - [`shell`]: a plan as a script of plain commands,
//! - [`pcap`]: the file format of packet captures.

pub mod graph;
pub mod json;
pub mod path;
pub mod pcap;
pub mod program;
pub mod shell;
pub mod style;
pub mod table;
pub mod tree;
