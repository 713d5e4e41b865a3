//! What is printed about a project.

pub(crate) mod path;
pub(crate) mod tree;
