//! The programs of a project: those of nodes, and those that share the namespaces of nodes.

use std::collections::BTreeMap;

use hallway_spec::{Name, Place};

use crate::settled::{Node, Settled, Workload};

/// A program, with the node in whose namespace it runs.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// Its name: that of the node, or its own where it shares the node's namespace.
    pub name: &'a Name,
    /// The node.
    pub node: &'a Node,
    /// What runs.
    pub service: &'a Workload,
    /// What is added to its environment.
    pub environment: &'a BTreeMap<String, String>,
    /// The place in the file.
    pub place: &'a Place,
}

/// A command on one line, as it is shown: it may have line breaks and escape sequences.
#[must_use]
pub fn line(command: &[String]) -> String {
    command.join(" ").replace(char::is_control, " ")
}

impl Node {
    /// Its program, and those that share its namespace.
    pub fn programs(&self) -> impl Iterator<Item = Program<'_>> {
        let own = self.service.as_ref().map(|service| Program {
            name: &self.name,
            node: self,
            service,
            environment: &self.environment,
            place: &self.place,
        });
        let sidecars = self.sidecars.iter().map(|sidecar| Program {
            name: &sidecar.name,
            node: self,
            service: &sidecar.service,
            environment: &sidecar.environment,
            place: &sidecar.place,
        });
        own.into_iter().chain(sidecars)
    }
}

impl Settled {
    /// Every program.
    pub fn programs(&self) -> impl Iterator<Item = Program<'_>> {
        self.nodes.iter().flat_map(Node::programs)
    }

    /// The program of that name.
    #[must_use]
    pub fn program(&self, name: &Name) -> Option<Program<'_>> {
        self.programs().find(|p| p.name == name)
    }

    /// The node of that name, or the one whose namespace a program of that name shares.
    #[must_use]
    pub fn owner(&self, name: &Name) -> Option<&Node> {
        self.node(name)
            .or_else(|| self.program(name).map(|program| program.node))
    }
}
