//! Cables, and names of the interfaces that they join.

use std::fmt;

use hallway_spec::Name;

use super::Node;

/// A cable between two nodes' interfaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cable {
    /// One end.
    pub a: InterfaceRef,
    /// The other end.
    pub b: InterfaceRef,
}

/// Names an interface of a node; written `node:interface`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceRef {
    /// The node.
    pub node: Name,
    /// The interface in it.
    pub interface: String,
}

impl fmt::Display for InterfaceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.interface)
    }
}

impl Cable {
    /// The other end, if this is one of its ends.
    #[must_use]
    pub fn far_end(&self, node: &Name, interface: &str) -> Option<&InterfaceRef> {
        let here = |end: &InterfaceRef| end.node == *node && end.interface == interface;
        match (here(&self.a), here(&self.b)) {
            (true, _) => Some(&self.b),
            (_, true) => Some(&self.a),
            _ => None,
        }
    }
}

impl Node {
    /// The name of one of its interfaces.
    #[must_use]
    pub fn interface_ref(&self, interface: &str) -> InterfaceRef {
        InterfaceRef {
            node: self.name.clone(),
            interface: interface.to_owned(),
        }
    }
}
