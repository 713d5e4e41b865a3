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
    /// The nodes that a name means: the node of that name, or the one whose namespace a program of that name
    /// shares, and then all that have it as an alias, in the file's order; if there are none, those with that
    /// host name.
    #[must_use]
    pub fn named(&self, name: &Name) -> Vec<&Node> {
        let all = |meant: &dyn Fn(&Node) -> bool| -> Vec<&Node> {
            self.nodes.iter().filter(|node| meant(node)).collect()
        };
        let owner = self.owner(name);
        let is_owner = |node: &Node| owner.is_some_and(|owner| owner.name == node.name);
        let mut found: Vec<&Node> = owner.into_iter().collect();
        found.extend(all(&|node| node.has_alias(name) && !is_owner(node)));
        match found.is_empty() {
            true => all(&|node| node.hostname.as_ref() == Some(name)),
            false => found,
        }
    }

    /// The programs that a name means: that of the name, and those of the other nodes with the name.
    #[must_use]
    pub fn programs_named(&self, name: &Name) -> Vec<Program<'_>> {
        let owner = self.owner(name).map(|owner| &owner.name);
        let programs = self.named(name).into_iter().filter_map(|node| {
            let of_name = Some(&node.name) == owner;
            self.program(if of_name { name } else { &node.name })
        });
        programs.collect()
    }
}
