//! The shape of a program that shares the namespace of a node.

use hallway_plan::settled::Node;
use hallway_spec::Name;
use serde::Serialize;

use crate::program::Program;

/// A program that shares the namespace of a node.
#[derive(Debug, Serialize)]
pub struct Sidecar<'a> {
    /// Its name.
    pub name: &'a Name,
    /// The program with arguments.
    pub command: &'a [String],
    /// Its present state.
    pub program: Option<&'a Program>,
}

/// Those of a node; `programs` contains their states, by their names.
pub(super) fn of<'a>(node: &'a Node, programs: &'a [Program]) -> Vec<Sidecar<'a>> {
    let sidecar = |sidecar: &'a hallway_plan::settled::Sidecar| Sidecar {
        name: &sidecar.name,
        command: &sidecar.service.command,
        program: programs.iter().find(|p| p.node == sidecar.name.as_ref()),
    };
    node.sidecars.iter().map(sidecar).collect()
}
