//! Accepts in the chains of other firewalls, which a user requests: a drop there is final, whatever
//! the project's own rules decide.

use std::fmt;

use hallway_nftables::expr::Verdict;
use hallway_nftables::{Family, Field, Match, Rule, Value};
use hallway_spec::Name;

pub use crate::firewall::{Firewall, UnknownFirewall};
use crate::settled::{Plug, Settled};

/// A chain of another firewall. Accepts are put at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FirewallChain {
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
pub const FIREWALL_CHAINS: [FirewallChain; 5] = [
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
) -> FirewallChain {
    FirewallChain {
        firewall,
        family,
        table,
        chain,
    }
}

impl fmt::Display for FirewallChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family.name(), self.table, self.chain)
    }
}

/// One direction of packets through a link of the project.
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

    /// Reads the comment of a rule: the project it belongs to, and what it is for.
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

/// Every direction through the links of a project that the host routes by.
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
