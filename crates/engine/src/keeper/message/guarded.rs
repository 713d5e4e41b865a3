//! What a guard protects, in a message.

use hallway_plan::observed::Uplink;
use hallway_plan::rules;
use hallway_spec::IpVersion;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// See [`rules::Guarded`]; uplinks are named for each IP version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guarded {
    /// The device groups of the networks.
    pub groups: Vec<u32>,
    /// The prefixes of the networks.
    pub prefixes: Vec<IpNet>,
    /// The device groups of the networks whose packets get the host's address where they leave.
    pub masqueraded: Vec<u32>,
    /// The prefixes that are not seen outside.
    pub hidden: Vec<IpNet>,
    /// The device groups of the networks that represent the outside.
    pub outsides: Vec<u32>,
    /// The links that forward IPv4 because of hallway.
    pub uplinks4: Vec<String>,
    /// The links that forward IPv6 because of hallway.
    pub uplinks6: Vec<String>,
    /// The bridges of the project.
    pub bridges: Vec<String>,
}

impl From<&rules::Guarded> for Guarded {
    fn from(g: &rules::Guarded) -> Self {
        let uplinks = |version| {
            let of_version = g.uplinks.iter().filter(|u| u.version == version);
            of_version.map(|u| u.link.clone()).collect()
        };
        Self {
            groups: g.groups.clone(),
            prefixes: g.prefixes.clone(),
            masqueraded: g.masqueraded.clone(),
            hidden: g.hidden.clone(),
            outsides: g.outsides.clone(),
            uplinks4: uplinks(IpVersion::V4),
            uplinks6: uplinks(IpVersion::V6),
            bridges: g.bridges.clone(),
        }
    }
}

impl From<Guarded> for rules::Guarded {
    fn from(g: Guarded) -> Self {
        let of = |version| move |link| Uplink { link, version };
        let v4 = g.uplinks4.into_iter().map(of(IpVersion::V4));
        let v6 = g.uplinks6.into_iter().map(of(IpVersion::V6));
        Self {
            groups: g.groups,
            prefixes: g.prefixes,
            masqueraded: g.masqueraded,
            hidden: g.hidden,
            outsides: g.outsides,
            uplinks: v4.chain(v6).collect(),
            bridges: g.bridges,
        }
    }
}
