//! What a name means: a node, a program in the namespace of one, or a further name of nodes.

use hallway_spec::Name;

use crate::program::Program;
use crate::settled::{Node, Settled};

impl Node {
    /// Whether the node has that name on one of its networks, besides its own.
    #[must_use]
    pub fn has_alias(&self, name: &Name) -> bool {
        self.interfaces.iter().any(|i| i.aliases.contains(name))
    }
}

impl Settled {
    /// The nodes that a name means, in the file's order: the node of that name, or the one whose
    /// namespace a program of that name shares; otherwise all that have it as an alias; otherwise those
    /// with that host name.
    #[must_use]
    pub fn named(&self, name: &Name) -> Vec<&Node> {
        if let Some(owner) = self.owner(name) {
            return vec![owner];
        }
        let all = |meant: &dyn Fn(&Node) -> bool| -> Vec<&Node> {
            self.nodes.iter().filter(|node| meant(node)).collect()
        };
        let found = all(&|node| node.has_alias(name));
        match found.is_empty() {
            true => all(&|node| node.hostname.as_ref() == Some(name)),
            false => found,
        }
    }

    /// The programs that a name means: that of a name, otherwise those of the nodes with the name.
    #[must_use]
    pub fn programs_named(&self, name: &Name) -> Vec<Program<'_>> {
        if let Some(program) = self.program(name) {
            return vec![program];
        }
        let nodes = self.named(name).into_iter();
        nodes.filter_map(|node| self.program(&node.name)).collect()
    }
}
