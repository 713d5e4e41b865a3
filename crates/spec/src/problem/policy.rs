//! Problems of policies: those that could never have an effect.

use super::{Code, Details};
use crate::{Label, Name, Place, UnresolvedPort};

/// Problems of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    /// It names a network with `outside: true`.
    #[error("network {0} stands for the outside")]
    OutsideNetwork(Name),
    /// An expectation that another one contradicts.
    #[error("this contradicts an earlier expectation")]
    ExpectContradiction {
        /// The earlier one.
        first: Place,
    },
    /// It is from a node to the same node.
    #[error("a policy from a node to itself has no effect")]
    ToItself,
    /// The policies of the file have too many pairs of endpoints.
    #[error("the policies up to this one have {pairs} pairs of endpoints, more than {limit}")]
    TooManyPairs {
        /// How many.
        pairs: usize,
        /// How many there may be.
        limit: usize,
    },
    /// It is about a lan, or a node that is on lans only.
    #[error("network {0} is a lan: packets there do not pass the host's rules")]
    OfLan(Name),
    /// The same of a network with a parent.
    #[error("network {0} has parent: packets there do not pass the host's rules")]
    OfMacvlan(Name),
    /// It is about packets between machines of an external network, or from them to the host.
    #[error(
        "network {0} is external: packets on its bridge, and from there to the host, do not pass hallway's rules"
    )]
    OfExternal(Name),
    /// It is about packets between nodes that represent the outside.
    #[error(
        "network {0} represents the outside: packets between its nodes do not pass hallway's rules"
    )]
    InOutside(Name),
    /// It is about packets between the host and the outside.
    #[error("packets between the host and the outside do not pass hallway's rules")]
    HostAndOutside,
    /// A policy or expectation has the name of a port that has no meaning there, or several.
    #[error(transparent)]
    PortName(#[from] UnresolvedPort),
    /// It allows connections from outside, and nothing denies them.
    #[error(
        "from outside, nodes are reached only through published ports, except on networks with nat: false"
    )]
    FromOutside,
    /// It allows an internal network to reach the outside, or the outside to reach it.
    #[error("network {network} is internal: it is not connected to the outside")]
    InternalToOutside {
        /// The network.
        network: Name,
        /// Its place.
        place: Place,
    },
}

impl Details for PolicyProblem {
    fn code(&self) -> Code {
        match self {
            Self::ExpectContradiction { .. } => Code::ExpectContradiction,
            Self::TooManyPairs { .. } => Code::TooMany,
            Self::PortName(UnresolvedPort::Unknown { .. }) => Code::UnknownName,
            Self::PortName(_) => Code::PortNameAmbiguous,
            _ => Code::PolicyNoEffect,
        }
    }

    fn others(&self) -> Vec<Label> {
        match self {
            Self::InternalToOutside { place, .. } => vec![Label::new(place, "internal")],
            Self::ExpectContradiction { first } => vec![Label::new(first, "the earlier one")],
            _ => Vec::new(),
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::PortName(unresolved) => return Some(unresolved.help()),
            Self::OutsideNetwork(_) => "write outside, or the prefix, in a policy",
            Self::InOutside(_) => "remove this policy, or outside: true",
            Self::OfMacvlan(_) | Self::OfExternal(_) => {
                "remove this policy; rules about that network belong on its other machines"
            }
            Self::HostAndOutside => "remove it; rules about that belong in the host's firewall",
            Self::OfLan(_) => "remove mode: lan from the network, or this policy",
            Self::ToItself => "remove it",
            Self::ExpectContradiction { .. } => "remove one of the two",
            Self::TooManyPairs { .. } => {
                "write networks or shorter prefixes instead of many nodes or long ones"
            }
            Self::FromOutside => {
                "give the node ports: [\"8080:80\"] instead of this policy; to open them to these addresses only, deny the others in a later policy: { action: deny, from: outside, to: NODE }; or set nat: false for its network, if outside has a route to its addresses"
            }
            Self::InternalToOutside { .. } => "remove internal: true, or this policy",
        };
        Some(help.into())
    }
}
