//! What interfaces are connected to.

use hallway_spec::Name;

/// What an interface is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plug {
    /// A network, through this link on the host.
    Port {
        /// The network.
        network: Name,
        /// The host's end.
        link: String,
    },
    /// A network, as a macvlan interface of the network's parent.
    Macvlan {
        /// The network.
        network: Name,
    },
    /// A cable to another node.
    Cable,
}

impl Plug {
    /// The network, if it is connected to one.
    #[must_use]
    pub fn network(&self) -> Option<&Name> {
        match self {
            Self::Port { network, .. } | Self::Macvlan { network } => Some(network),
            Self::Cable => None,
        }
    }

    /// Whether no link on the host goes with it: it is removed inside its node.
    #[must_use]
    pub fn is_inside_only(&self) -> bool {
        !matches!(self, Self::Port { .. })
    }
}

/// A VLAN on a link of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vlan {
    /// The link.
    pub parent: String,
    /// Its number (IEEE 802.1Q).
    pub id: u16,
}

impl From<(String, u16)> for Vlan {
    fn from((parent, id): (String, u16)) -> Self {
        Self { parent, id }
    }
}

impl From<&Vlan> for (String, u16) {
    fn from(vlan: &Vlan) -> Self {
        (vlan.parent.clone(), vlan.id)
    }
}
