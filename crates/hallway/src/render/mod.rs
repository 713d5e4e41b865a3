//! What is printed about a project.

pub(crate) mod path;
pub(crate) mod pcap;
pub(crate) mod table;
pub(crate) mod tree;
