//! Accepts in the chains of other firewalls, which a user asks for: a drop there is final, whatever
//! the project's own rules say.

use std::fmt;
use std::str::FromStr;

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Family, Field, Match, Rule, Value};
use hallway_spec::Name;
use serde::{Deserialize, Serialize};

use crate::settled::{Plug, Settled};

/// A firewall with a chain for rules of others.
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

/// A chain of another firewall that accepts are put at the beginning of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The firewall.
    pub firewall: Firewall,
    /// The family of its table.
    pub family: Family,
    /// Its table.
    pub table: &'static str,
    /// The chain.
    pub chain: &'static str,
}

/// Every such chain.
pub const ENTRIES: [Entry; 5] = [
    entry(Firewall::Docker, Family::Ip, "filter", "DOCKER-USER"),
    entry(Firewall::Docker, Family::Ip6, "filter", "DOCKER-USER"),
    entry(Firewall::Ufw, Family::Ip, "filter", "ufw-user-forward"),
    entry(Firewall::Ufw, Family::Ip6, "filter", "ufw6-user-forward"),
    entry(
        Firewall::Firewalld,
        Family::Inet,
        "firewalld",
        "filter_FORWARD",
    ),
];

const fn entry(
    firewall: Firewall,
    family: Family,
    table: &'static str,
    chain: &'static str,
) -> Entry {
    Entry {
        firewall,
        family,
        table,
        chain,
    }
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

/// The text is no firewall's name.
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

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family.name(), self.table, self.chain)
    }
}

/// One way of packets through a link of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pass {
    /// The link.
    pub link: String,
    /// Packets that come in by it; otherwise those that leave by it.
    pub incoming: bool,
}

impl Pass {
    /// The rule that accepts it, marked as the project's.
    #[must_use]
    pub fn rule(&self, project: &Name) -> Rule {
        let field = match self.incoming {
            true => Field::IifName,
            false => Field::OifName,
        };
        let matches = vec![Match::Is(field, Value::Ifname(self.link.clone()))];
        Rule {
            counter: true,
            ..Rule::new(matches, Verdict::Accept, &self.comment(project))
        }
    }

    fn comment(&self, project: &Name) -> String {
        let way = if self.incoming { "in" } else { "out" };
        format!("hallway:{project}:{way}:{}", self.link)
    }

    /// Reads the comment of a rule: whose it is, and what it is for.
    #[must_use]
    pub fn parse(comment: &str) -> Option<(Name, Self)> {
        let mut parts = comment.strip_prefix("hallway:")?.splitn(3, ':');
        let project = parts.next()?.parse().ok()?;
        let incoming = match parts.next()? {
            "in" => true,
            "out" => false,
            _ => return None,
        };
        let link = parts.next()?.to_owned();
        Some((project, Self { link, incoming }))
    }
}

/// Every way through the links of a project that the host routes by.
#[must_use]
pub fn passes(settled: &Settled) -> Vec<Pass> {
    let ways = |link: &str| {
        [true, false].map(|incoming| Pass {
            link: link.to_owned(),
            incoming,
        })
    };
    links(settled).into_iter().flat_map(ways).collect()
}

/// The links of a project that the host routes by: bridges, and the ports of routed networks.
#[must_use]
pub fn links(settled: &Settled) -> Vec<&str> {
    let mut out: Vec<&str> = settled
        .inner_networks()
        .filter_map(|n| n.bridge.as_deref())
        .collect();
    let routed = |network| settled.network(network).is_some_and(|n| n.bridge.is_none());
    for interface in settled.nodes.iter().flat_map(|n| &n.interfaces) {
        if let Plug::Port { network, link } = &interface.plug
            && routed(network)
        {
            out.push(link);
        }
    }
    out
}
