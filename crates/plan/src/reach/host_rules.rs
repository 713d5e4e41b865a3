//! Routing rules (ip-rule(8)) and routes of other programs by which packets of a project are dropped or
//! sent elsewhere.

use std::fmt;
use std::net::IpAddr;

use hallway_spec::{IpProtocol, IpVersion};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::observed::Dropping;

/// A destination on a project's network whose packets follow a route of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diverted {
    /// The network's prefix, or the part of it that is concerned.
    pub net: IpNet,
    /// That route, and the routing rule that leads to it, in words.
    pub by: String,
    /// What makes them come to the network again.
    pub remedy: Remedy,
    /// That route or rule drops them.
    pub drops: Option<Dropping>,
}

/// What undoes a [`Diverted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// A routing rule of this priority, which comes before.
    RuleBefore(u32),
    /// The end of the rule of this priority.
    WithoutRule(u32),
    /// The rule of the table main, which is missing.
    MainRule,
    /// The end of the route in the table main.
    WithoutRoute,
    /// The end of the route in the table main by this link.
    WithoutRouteBy(String),
    /// A repair: the project's route is put before the other one.
    Repair,
    /// The end of this route in the table local.
    WithoutLocal(IpNet),
}

impl Diverted {
    /// The command after which the packets come to the network again.
    #[must_use]
    pub fn remedy(&self) -> String {
        let net = self.net;
        let ip = if net.addr().is_ipv6() { "ip -6" } else { "ip" };
        match &self.remedy {
            Remedy::RuleBefore(before) => {
                format!("{ip} rule add priority {before} to {net} lookup main")
            }
            Remedy::WithoutRule(priority) => format!("{ip} rule del priority {priority}"),
            Remedy::MainRule => format!("{ip} rule add priority 32766 lookup main"),
            Remedy::WithoutRoute => format!("{ip} route del {net}"),
            Remedy::WithoutRouteBy(link) => format!("{ip} route del {net} dev {link}"),
            Remedy::Repair => "hallway up puts the route of the network before it".to_owned(),
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
    /// The packet's mark: value and mask.
    pub mark: Option<(u32, u32)>,
    /// IP protocol.
    pub ip_protocol: Option<u8>,
    /// The first and the last source port.
    pub source_ports: Option<(u16, u16)>,
    /// The same of the destination.
    pub ports: Option<(u16, u16)>,
    /// No packet of a node matches: a condition by the link of a socket, or by a VRF where there is none.
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
    Nowhere(Dropping),
}

/// A route in such a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRoute {
    /// The destination.
    pub to: IpNet,
    /// It drops packets.
    pub drops: Option<Dropping>,
    /// The link that packets leave by, with its device group, where there is one alone.
    pub link: Option<(String, u32)>,
    /// That link has no carrier.
    pub no_carrier: bool,
}

impl HostRule {
    /// The prefix by which packets to an address are dropped, or that they leave by; none where the rule
    /// has no route for them.
    pub(super) fn found(&self, to: &IpAddr) -> Option<(IpNet, Option<Dropping>)> {
        match &self.looks {
            Looks::Main(_) => None,
            Looks::Nowhere(how) => {
                let net = self.to.unwrap_or_else(|| everything(self.version));
                Some((net, Some(*how)))
            }
            Looks::Table(..) => self.route(to).map(|route| (route.to, route.drops)),
        }
    }

    /// The route of its table to an address.
    pub(super) fn route(&self, to: &IpAddr) -> Option<&TableRoute> {
        let Looks::Table(_, routes) = &self.looks else {
            return None;
        };
        let fits = routes.iter().filter(|route| route.to.contains(to));
        fits.max_by_key(|route| route.to.prefix_len())
    }

    /// What it does to packets to a prefix, in words.
    #[must_use]
    pub fn diverts(&self, net: IpNet) -> Diverted {
        let words = self.words();
        Diverted {
            net,
            drops: self.found(&net.network()).and_then(|(_, drops)| drops),
            by: match self.looks {
                Looks::Table(table, _) => {
                    format!("the route {net} of table {table}, which {words} looks up")
                }
                _ => format!("{words}, which drops packets"),
            },
            remedy: Remedy::WithoutRule(self.priority),
        }
    }

    /// The rule with its conditions.
    pub(super) fn words(&self) -> String {
        let words = format!("the routing rule {}", self.priority);
        match self.conditions().as_slice() {
            [] => words,
            conditions => format!("{words} ({})", conditions.join(" ")),
        }
    }

    fn conditions(&self) -> Vec<String> {
        let ports = |(first, last): (u16, u16)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        let mut out: Vec<String> = self.not.then(|| "not".into()).into_iter().collect();
        out.extend(self.from.map(|net| format!("from {net}")));
        out.extend(self.to.map(|net| format!("to {net}")));
        out.extend(self.iif.as_ref().map(|iif| format!("iif {iif}")));
        out.extend(self.mark.map(|(value, mask)| match mask {
            u32::MAX => format!("fwmark {value:#x}"),
            mask => format!("fwmark {value:#x}/{mask:#x}"),
        }));
        out.extend(
            self.ip_protocol
                .map(|number| match IpProtocol::name_of(number) {
                    Some(name) => format!("ipproto {name}"),
                    None => format!("ipproto {number}"),
                }),
        );
        out.extend(
            self.source_ports
                .map(|range| format!("sport {}", ports(range))),
        );
        out.extend(self.ports.map(|range| format!("dport {}", ports(range))));
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
        let by_service =
            self.ip_protocol.is_some() || self.source_ports.is_some() || self.ports.is_some();
        let is_limited = self.from.is_some() || self.iif.is_some() || self.others || by_service;
        let from_us = self.from.is_some_and(|net| ours(&net))
            || self.iif.as_deref().is_some_and(|iif| links.contains(&iif));
        let to_us = self.from.is_none() && self.to.is_none_or(|net| ours(&net));
        let never = self.never || self.mark.is_some();
        if !is_limited || never && !self.not || !(from_us || to_us || self.not) {
            return None;
        }
        let dropped = match &self.looks {
            Looks::Main(_) => None,
            Looks::Nowhere(_) => Some(self.to.unwrap_or_else(|| everything(self.version))),
            Looks::Table(_, routes) => {
                let matter = |net: &IpNet| net.prefix_len() == 0 || ours(net);
                let dropped = routes.iter().filter(|r| r.drops.is_some() && matter(&r.to));
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
