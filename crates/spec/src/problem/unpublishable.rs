//! Why published ports have no effect.

/// Why published ports have no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpublishable {
    /// All networks are internal, or some are and the others outside.
    Internal,
    /// All networks are outside.
    Outside,
    /// All networks are external, or some are and the others outside.
    External,
    /// All networks are lans.
    Lan,
    /// All networks have a parent.
    Macvlan,
}

impl std::fmt::Display for Unpublishable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Internal => "internal",
            Self::Outside => "outside",
            Self::External => "external",
            Self::Lan => "lans",
            Self::Macvlan => "past the host (parent)",
        })
    }
}

impl Unpublishable {
    /// The words for one network.
    pub(super) fn of_one(self) -> &'static str {
        match self {
            Self::Internal => "is internal",
            Self::Outside => "is outside",
            Self::External => "is external",
            Self::Lan => "is a lan",
            Self::Macvlan => "has parent",
        }
    }

    /// What to do.
    pub(super) fn where_else(self) -> &'static str {
        match self {
            Self::Internal => {
                "an internal network is not connected to the outside, so the port could not be reached: remove internal, or put the node on another network too"
            }
            Self::Macvlan => "others reach the node by its own address there: remove ports",
            Self::Outside => "nodes of an outside network are reached directly: remove ports",
            Self::External => {
                "others reach the node by its own address on that bridge: remove ports"
            }
            Self::Lan => {
                "the host has no address on a lan: put the node on another network too, or remove ports"
            }
        }
    }
}
