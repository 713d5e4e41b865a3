//! Routing rules (ip-rule(8)) and routes of other programs by which packets of a project are dropped or
//! sent elsewhere.

use std::fmt;
use std::net::IpAddr;

use hallway_spec::IpVersion;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A destination on a project's network whose packets follow a route of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diverted {
    /// The network's prefix, or the part of it that is concerned.
    pub net: IpNet,
    /// That route, and the routing rule that leads to it, in words.
    pub by: String,
    /// What makes them come to the network again.
    pub remedy: Remedy,
}

/// What undoes a [`Diverted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A routing rule of this priority, which comes before.
    RuleBefore(u32),
    /// The end of the rule of this priority.
    WithoutRule(u32),
    /// The end of the route in the table main.
    WithoutRoute,
    /// The end of this route in the table local.
    WithoutLocal(IpNet),
}

impl Diverted {
    /// The command after which the packets come to the network again.
    #[must_use]
    pub fn remedy(&self) -> String {
        let net = self.net;
        let ip = if net.addr().is_ipv6() { "ip -6" } else { "ip" };
        match self.remedy {
            Remedy::RuleBefore(before) => {
                format!("{ip} rule add priority {before} to {net} lookup main")
            }
            Remedy::WithoutRule(priority) => format!("{ip} rule del priority {priority}"),
            Remedy::WithoutRoute => format!("{ip} route del {net}"),
            Remedy::WithoutLocal(to) => format!("{ip} route del {to} table local"),
        }
    }
}

impl fmt::Display for Diverted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {}", self.by)
    }
}

/// A rule. Conditions that it does not have hold for every packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule {
    /// IP version.
    pub version: IpVersion,
    /// Lower ones come first.
    pub priority: u32,
    /// Source addresses.
    pub from: Option<IpNet>,
    /// Destination addresses.
    pub to: Option<IpNet>,
    /// The link that packets come in by; `lo` for those of the host itself.
    pub iif: Option<String>,
    /// Packets of nodes match no condition by mark or by the link of a socket.
    pub never: bool,
    /// It is about packets that do not match.
    pub not: bool,
    /// It has conditions that are not known of a packet.
    pub others: bool,
    /// Where it looks.
    pub looks: Looks,
}

/// Where a rule has routes looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looks {
    /// In the table main, for routes with a longer prefix than this.
    Main(u8),
    /// In another table: its destinations.
    Table(u32, Vec<TableRoute>),
    /// It drops packets itself.
    Nowhere,
}

/// A route in such a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRoute {
    /// The destination.
    pub to: IpNet,
    /// It drops packets.
    pub drops: bool,
    /// The link that packets leave by, with its device group, where there is one alone.
    pub link: Option<(String, u32)>,
}

impl HostRule {
    /// The prefix by which packets to an address are dropped, or that they leave by; none where the rule
    /// has no route for them.
    pub(super) fn found(&self, to: &IpAddr) -> Option<(IpNet, bool)> {
        match &self.looks {
            Looks::Main(_) => None,
            Looks::Nowhere => Some((self.to.unwrap_or_else(|| everything(self.version)), true)),
            Looks::Table(..) => self.route(to).map(|route| (route.to, route.drops)),
        }
    }

    /// The route of its table to an address.
    fn route(&self, to: &IpAddr) -> Option<&TableRoute> {
        let Looks::Table(_, routes) = &self.looks else {
            return None;
        };
        let fits = routes.iter().filter(|route| route.to.contains(to));
        fits.max_by_key(|route| route.to.prefix_len())
    }

    /// The link by which packets from some sources alone leave by such a route.
    pub(super) fn leaves_by(&self, to: &IpAddr) -> Option<&(String, u32)> {
        let route = self.route(to).filter(|_| self.from.is_some())?;
        route.link.as_ref()
    }

    /// What it does to packets to a prefix, in words.
    #[must_use]
    pub fn diverts(&self, net: IpNet) -> Diverted {
        let mut words = format!("the routing rule {}", self.priority);
        let conditions = self.conditions();
        if !conditions.is_empty() {
            words.push_str(&format!(" ({})", conditions.join(" ")));
        }
        Diverted {
            net,
            by: match self.looks {
                Looks::Table(table, _) => {
                    format!("the route {net} of table {table}, which {words} looks up")
                }
                _ => format!("{words}, which drops packets"),
            },
            remedy: Remedy::WithoutRule(self.priority),
        }
    }

    fn conditions(&self) -> Vec<String> {
        let mut out: Vec<String> = self.not.then(|| "not".into()).into_iter().collect();
        out.extend(self.from.map(|net| format!("from {net}")));
        out.extend(self.to.map(|net| format!("to {net}")));
        out.extend(self.iif.as_ref().map(|iif| format!("iif {iif}")));
        if self.others {
            out.push("with further conditions".into());
        }
        out
    }

    /// The packets of a project that it drops, if any: those from or to its networks, or that come in by
    /// its links. For a rule about other packets only there are none.
    #[must_use]
    pub fn drops_of(&self, nets: &[IpNet], links: &[&str]) -> Option<Diverted> {
        let overlaps = |a: &IpNet, b: &IpNet| a.contains(b) || b.contains(a);
        let ours = |net: &IpNet| nets.iter().any(|own| overlaps(own, net));
        let is_limited = self.from.is_some() || self.iif.is_some() || self.others;
        let from_us = self.from.is_some_and(|net| ours(&net))
            || self.iif.as_deref().is_some_and(|iif| links.contains(&iif));
        let to_us = self.from.is_none() && self.to.is_none_or(|net| ours(&net));
        if !is_limited || self.never && !self.not || !(from_us || to_us || self.not) {
            return None;
        }
        let dropped = match &self.looks {
            Looks::Main(_) => None,
            Looks::Nowhere => Some(self.to.unwrap_or_else(|| everything(self.version))),
            Looks::Table(_, routes) => {
                let matter = |net: &IpNet| net.prefix_len() == 0 || ours(net);
                let dropped = routes.iter().filter(|r| r.drops && matter(&r.to));
                let reached = |net: &IpNet| self.to.is_none_or(|to| overlaps(&to, net));
                let mut dropped = dropped.map(|route| route.to);
                dropped.find(reached)
            }
        };
        dropped.map(|net| self.diverts(net))
    }
}

/// A routing rule or a route that a program has added in a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRouting {
    /// The destinations.
    pub to: IpNet,
    /// A routing rule: it comes before routes of the file, also longer ones.
    pub is_rule: bool,
    /// In words.
    pub words: String,
}

fn everything(version: IpVersion) -> IpNet {
    match version {
        IpVersion::V4 => Ipv4Net::default().into(),
        IpVersion::V6 => Ipv6Net::default().into(),
    }
}
