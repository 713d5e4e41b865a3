//! Firewalls of other programs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A firewall with a chain for rules of other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firewall {
    /// Docker, with its chain DOCKER-USER.
    Docker,
    /// ufw, with its chain of routes that are allowed.
    Ufw,
    /// firewalld, with its chain of what is forwarded.
    Firewalld,
}

impl Firewall {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Docker, Self::Ufw, Self::Firewalld];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Ufw => "ufw",
            Self::Firewalld => "firewalld",
        }
    }
}

impl fmt::Display for Firewall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is not the name of a firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of docker, ufw, firewalld")]
pub struct UnknownFirewall;

impl FromStr for Firewall {
    type Err = UnknownFirewall;

    fn from_str(text: &str) -> Result<Self, UnknownFirewall> {
        let mut all = Self::ALL.into_iter();
        all.find(|f| f.name() == text).ok_or(UnknownFirewall)
    }
}
