//! Warnings when a project is built: what rules of other programs drop or send elsewhere.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_nftables::survey::may_mark;
use hallway_nftables::{Base, Hook, IpVersion, Priority, Table};
use hallway_plan::compare::{Difference, Fact, ObjectPlace, attached};
use hallway_plan::reach::{Environment, Party, Path, Question, ReasonCode, Service, World};
use hallway_plan::rules;
use hallway_plan::settled::{Node, Policy, PolicySide};
use hallway_plan::{Settled, mark};
use hallway_spec::{Action, PolicyService, PortProto, Protocol};

use super::Caller;
use super::listeners::without_packets;
use crate::arp;
use crate::event::Warning;
use crate::read::diverted::diverted;
use crate::read::environment::{environment, foreign};
use crate::{Engine, Failure, Planned, Reason};

/// A service that many nodes use: a firewall usually treats other services in the same way.
const HTTPS: PortProto = PortProto {
    port: 443,
    protocol: Protocol::Tcp,
};

/// Why something of another program drops packets.
const BLOCKED: [ReasonCode; 3] = [
    ReasonCode::ForeignRule,
    ReasonCode::LostMark,
    ReasonCode::ReversePathFilter,
];

impl Engine {
    /// Warns of what rules of other programs drop, one warning for each chain, and of what their routing
    /// rules send elsewhere.
    pub(super) fn warn_of_firewalls(
        &self,
        planned: &Planned,
        caller: &mut Caller<'_>,
    ) -> Result<(), Failure> {
        let settled = &planned.settled;
        let tables = self.kernel().tables();
        let tables = tables.map_err(|e| Failure::caused(Reason::Kernel, e))?;
        let found = diverted(&mut self.kernel(), &planned.observed, settled);
        for diverted in found.map_err(|e| Failure::caused(Reason::Kernel, e))? {
            caller.warn(Warning::Blocked {
                what: vec![format!("packets of the host to {}", diverted.net)],
                by: format!("they are sent elsewhere, {diverted}"),
                help: diverted.remedy(),
            });
        }
        for difference in attached(settled, &planned.observed) {
            caller.warn(Warning::Blocked {
                what: vec![format!("packets of {}", difference.place)],
                by: difference.clause(),
                help: difference.remedy().unwrap_or_default(),
            });
        }
        for difference in without_packets(self.kernel(), settled) {
            caller.warn(Warning::LeftToOthers {
                difference: Box::new(difference),
            });
        }
        self.warn_of_arp(settled, caller)?;
        let filters = self.kernel().rp_filter();
        let filters = filters.map_err(|e| Failure::caused(Reason::Kernel, e))?;
        let strict = filters.values().any(|mode| *mode == 1) && !settled.publishes.is_empty();
        if !tables.iter().any(|t| mark::is_foreign(&t.name)) && !strict {
            return Ok(());
        }
        let around = environment(settled).map_err(|e| Failure::caused(Reason::Kernel, e))?;
        // The keeper makes it at the end of the run.
        let around = Environment {
            guarded: true,
            ..around
        };
        let addresses = addresses(&around);
        let rules = rules::ruleset(settled);
        let Some(world) = World::new(settled, &rules, around) else {
            return Ok(());
        };
        let mut blocked: BTreeMap<(bool, String, String), Vec<String>> = BTreeMap::new();
        let mut add = |what: String, paths: Vec<Path>| {
            for reason in paths.into_iter().map(|p| p.reason) {
                if BLOCKED.contains(&reason.code) {
                    let reverse_path_filter = reason.code == ReasonCode::ReversePathFilter;
                    let cause = (reverse_path_filter, reason.text, reason.help);
                    let by = blocked.entry(cause).or_default();
                    if !by.contains(&what) {
                        by.push(what.clone());
                    }
                }
            }
        };
        for (what, question) in questions(&world, &addresses) {
            add(what, question.predict(&world));
        }
        for ((reverse_path_filter, by, help), what) in blocked {
            caller.warn(match reverse_path_filter {
                true => Warning::ReversePathFilter { what, by, help },
                false => Warning::Blocked { what, by, help },
            });
        }
        Ok(())
    }
}

impl Engine {
    /// Warns of a host that answers no ARP request. A sandbox gets this setting from the machine; it is
    /// hallway's own, so there the setting is changed.
    fn warn_of_arp(&self, settled: &Settled, caller: &mut Caller<'_>) -> Result<(), Failure> {
        let mut gateways = settled.networks.iter().flat_map(|n| n.gateways());
        let failed = |e| Failure::caused(Reason::Kernel, e);
        if !gateways.any(|g| g.is_ipv4()) || !arp::is_ignored(&self.kernel()).map_err(failed)? {
            return Ok(());
        }
        let is_sandbox = self.workplace().porter.is_some();
        if is_sandbox && arp::answer(&self.kernel()).is_ok() {
            return Ok(());
        }
        caller.warn(Warning::Blocked {
            what: vec!["what nodes send by IPv4 to the host and through it".to_owned()],
            by: arp::FOUND.to_owned(),
            help: arp::HELP.to_owned(),
        });
        Ok(())
    }

    /// The rules of other programs by which the guard drops packets of the project.
    pub(crate) fn unmarking(&self, settled: &Settled) -> Result<Vec<Difference>, Failure> {
        let failed = |e| Failure::caused(Reason::Kernel, e);
        let tables = foreign(&mut self.kernel()).map_err(failed)?;
        if !tables.iter().any(may_unmark) {
            return Ok(Vec::new());
        }
        let around = environment(settled).map_err(failed)?;
        let addresses = addresses(&around);
        let rules = rules::ruleset(settled);
        let Some(world) = World::new(settled, &rules, around) else {
            return Ok(Vec::new());
        };
        let mut out: Vec<Difference> = Vec::new();
        let paths = questions(&world, &addresses).into_iter();
        for path in paths.flat_map(|(_, question)| question.predict(&world)) {
            let (code, reason) = (path.reason.code, path.reason);
            let found = Difference {
                place: ObjectPlace::Host,
                fact: Fact::Unmarked {
                    by: reason.text,
                    help: reason.help,
                },
            };
            if code == ReasonCode::LostMark && !out.contains(&found) {
                out.push(found);
            }
        }
        Ok(out)
    }
}

/// Whether a table may set marks after hallway's chains and before the guard's.
fn may_unmark(table: &Table) -> bool {
    let late = |base: Base| {
        let hooks = [Hook::Forward, Hook::Input, Hook::Output];
        hooks.contains(&base.hook) && base.priority >= Priority::FILTER
    };
    may_mark(table) && table.chains.iter().filter_map(|c| c.base).any(late)
}

/// The addresses at which the host is reached from outside: the first one of each IP version, and the
/// first one of each link.
fn addresses(around: &Environment) -> Vec<IpAddr> {
    let all = &around.host_addresses;
    let usable = |a: &&IpAddr| match a {
        IpAddr::V4(a) => !a.is_loopback() && !a.is_link_local(),
        IpAddr::V6(a) => !a.is_loopback() && !a.is_unicast_link_local(),
    };
    let first = |version| {
        all.iter()
            .filter(usable)
            .find(|a| IpVersion::of(**a) == version)
    };
    let mut out: Vec<IpAddr> = [first(IpVersion::V4), first(IpVersion::V6)]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let link = |address: &IpAddr| around.address_links.get(address);
    for address in all.iter().filter(usable).filter(|a| a.is_ipv4()) {
        let same = |other: &IpAddr| other.is_ipv4() && link(other) == link(address);
        if link(address).is_some() && !out.iter().any(same) {
            out.push(*address);
        }
    }
    out
}

fn questions(world: &World<'_>, addresses: &[IpAddr]) -> Vec<(String, Question)> {
    let settled = world.settled();
    let mut out = of_networks(world);
    for policy in settled
        .policies
        .iter()
        .filter(|p| p.action == Action::Allow)
    {
        let what = format!("what policy {} allows", policy.number());
        let all = of_policy(settled, policy);
        out.extend(all.into_iter().map(|question| (what.clone(), question)));
    }
    out.extend(of_ports(world, addresses));
    out
}

/// To outside, to another member, and from the host.
fn of_networks(world: &World<'_>) -> Vec<(String, Question)> {
    let settled = world.settled();
    let mut out = Vec::new();
    for network in settled.inner_networks() {
        let on = |n: &&Node| n.ports().any(|(_, on, _)| *on == network.name);
        let mut members = settled.nodes.iter().filter(on);
        let Some(node) = members.next().map(|n| Party::Node(n.name.clone())) else {
            continue;
        };
        let name = &network.name;
        let mut ask = |what: String, from: &Party, to: Party| {
            let question = Question {
                from: from.clone(),
                to,
                service: Service::Port(HTTPS),
            };
            out.push((what, question));
        };
        if !network.internal {
            let mut ways: Vec<Party> = network.gateways().map(|a| outside(world, a)).collect();
            ways.dedup();
            for way in ways {
                ask(format!("nodes of network {name} to outside"), &node, way);
            }
        }
        if let Some(other) = members.next() {
            let other = Party::Node(other.name.clone());
            ask(
                format!("nodes of network {name} to one another"),
                &node,
                other,
            );
        }
        ask(
            format!("the host to nodes of network {name}"),
            &Party::Host,
            node,
        );
    }
    out
}

/// One of each side of each pair.
fn of_policy(settled: &Settled, policy: &Policy) -> Vec<Question> {
    let service = match policy.services.first() {
        Some(PolicyService::Ports(ports, protocol)) => Service::Port(PortProto {
            port: ports.first(),
            protocol: *protocol,
        }),
        Some(PolicyService::Icmp) => Service::Icmp,
        _ => Service::Port(HTTPS),
    };
    let pairs = policy.pairs.iter().filter_map(|(from, to)| {
        let from = one_of(settled, from, None)?;
        let to = one_of(settled, to, Some(&from))?;
        (from != to).then_some((from, to))
    });
    pairs
        .map(|(from, to)| Question { from, to, service })
        .collect()
}

/// One of a side of a policy, other than one of the other side.
fn one_of(settled: &Settled, side: &PolicySide, other: Option<&Party>) -> Option<Party> {
    let nets = match side {
        PolicySide::Host => return Some(Party::Host),
        PolicySide::Outside => return Some(Party::Outside),
        PolicySide::Any => None,
        PolicySide::Prefixes(nets) => Some(nets),
    };
    let fits = |node: &Node| {
        let mut own = node.port_addresses();
        own.any(|a| nets.is_none_or(|nets| nets.iter().any(|net| net.contains(&a))))
    };
    let nodes = settled.nodes.iter().filter(|node| fits(node));
    let mut parties = nodes.map(|node| Party::Node(node.name.clone()));
    parties.find(|party| other != Some(party))
}

fn of_ports(world: &World<'_>, addresses: &[IpAddr]) -> Vec<(String, Question)> {
    let settled = world.settled();
    let mut out = Vec::new();
    for publish in &settled.publishes {
        let port = PortProto {
            port: publish.host_ports.first(),
            protocol: publish.protocol,
        };
        let named = publish.host_address.filter(|a| !a.is_loopback());
        let at: Vec<IpAddr> = match publish.host_address {
            Some(_) => named.into_iter().collect(),
            None => addresses.to_vec(),
        };
        let serves = |a: &IpAddr| publish.targets.iter().any(|t| t.is_ipv4() == a.is_ipv4());
        for address in at.into_iter().filter(serves) {
            for (from, words) in clients(world, address) {
                let question = Question {
                    from,
                    to: Party::Address(address),
                    service: Service::Port(port),
                };
                out.push((format!("published port {port} from {words}"), question));
            }
        }
    }
    out
}

/// The clients of published ports: a machine of each external network, and the outside.
fn clients(world: &World<'_>, address: IpAddr) -> Vec<(Party, String)> {
    let settled = world.settled();
    let mut out = Vec::new();
    for network in settled.networks.iter().filter(|n| n.external) {
        let on = |node: &&Node| node.ports().any(|(_, of, _)| *of == network.name);
        let node = settled.nodes.iter().find(on);
        out.extend(node.map(|node| {
            let words = format!("network {}", network.name);
            (Party::Node(node.name.clone()), words)
        }));
    }
    out.push((outside(world, address), "outside".to_owned()));
    out
}

/// The outside, seen from an address of the host. The first node of an external network stands for
/// it otherwise.
fn outside(world: &World<'_>, address: IpAddr) -> Party {
    let external = world.settled().networks.iter().any(|n| n.external);
    match external {
        true => Party::Address(world.client(address)),
        false => Party::Outside,
    }
}
