//! Problems of names: used twice, or not defined.

use super::{Code, Details, did_you_mean};
use crate::{Label, Name, Place, PortName};

/// Problems of a name that is valid in itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// A policy or expectation has a name that a node and a network have.
    #[error("{name} is a node and a network")]
    InUse {
        /// The name.
        name: Name,
        /// The network.
        network: Place,
    },
    /// Two nodes have names that differ only in case.
    #[error(
        "{name} of node {node} and {first} of node {owner} differ only in case: names are looked up without case"
    )]
    OnlyCaseDiffers {
        /// The second name.
        name: Name,
        /// The node it means.
        node: Name,
        /// The first name.
        first: Name,
        /// The node that means.
        owner: Name,
        /// Where the first is written.
        place: Place,
    },
    /// A policy or expectation names something that does not exist.
    #[error("there is no node or network {name:?}")]
    UnknownEndpoint {
        /// The text of the file.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// A node is on a network that does not exist.
    #[error("node {node} is on network {network}, which is not defined")]
    UnknownNetwork {
        /// The node.
        node: Name,
        /// The network.
        network: Name,
        /// The most similar network.
        nearest: Option<String>,
    },
    /// A program shares the namespace of a node that does not exist.
    #[error("{node} shares the namespace of node {owner}, which is not defined")]
    UnknownOwner {
        /// The program.
        node: Name,
        /// The node.
        owner: Name,
        /// The most similar node.
        nearest: Option<String>,
    },
    /// A node gives one name to two ports.
    #[error("node {node} gives the name {name} to {first} and to {second}")]
    PortNameTwice {
        /// The node.
        node: Name,
        /// The name.
        name: PortName,
        /// The first ports, like `80/tcp`.
        first: String,
        /// The other ports.
        second: String,
        /// Where the first is written.
        place: Place,
    },
    /// A node depends on a node that does not exist.
    #[error("node {node} depends on {dependency}, which is not defined")]
    UnknownDependency {
        /// The node.
        node: Name,
        /// The node it depends on.
        dependency: Name,
        /// The most similar node.
        nearest: Option<String>,
    },
}

impl Details for NameProblem {
    fn code(&self) -> Code {
        match self {
            Self::InUse { .. } | Self::OnlyCaseDiffers { .. } | Self::PortNameTwice { .. } => {
                Code::NameInUse
            }
            _ => Code::UnknownName,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::InUse { .. } => "ambiguous name".into(),
            Self::OnlyCaseDiffers { name, .. } => name.to_string(),
            Self::PortNameTwice { .. } => "written again".into(),
            Self::UnknownEndpoint { .. } => "unknown name".into(),
            Self::UnknownNetwork { .. } => "unknown network".into(),
            Self::UnknownOwner { .. } => "unknown node".into(),
            Self::UnknownDependency { .. } => "this node".into(),
        }
    }

    fn others(&self) -> Vec<Label> {
        match self {
            Self::InUse { network, .. } => vec![Label::new(network, "the network")],
            Self::OnlyCaseDiffers { first, place, .. } => {
                vec![Label::new(place, first.to_string())]
            }
            Self::PortNameTwice { place, .. } => vec![Label::new(place, "first here")],
            _ => Vec::new(),
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Self::InUse { name, .. } => format!("write node:{name} or network:{name}"),
            Self::OnlyCaseDiffers { .. } => "choose another name for one of them".into(),
            Self::PortNameTwice { .. } => "give each port a name of its own".into(),
            Self::UnknownEndpoint { nearest, .. } => did_you_mean(
                nearest.as_ref(),
                "write a node, a network, host, outside, any or a prefix",
            ),
            Self::UnknownNetwork { nearest, .. } => {
                did_you_mean(nearest.as_ref(), "define it under networks")
            }
            Self::UnknownOwner { nearest, .. } | Self::UnknownDependency { nearest, .. } => {
                did_you_mean(nearest.as_ref(), "define it under nodes")
            }
        })
    }
}
