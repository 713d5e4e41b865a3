//! Namespaces of other programs that nodes join: whether they are there, which names are free in them, and
//! what they were like before.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{Joined, Name, NetnsRef, Topology};
use ipnet::IpNet;

use super::conflict::{Conflict, ConflictCode};
use super::names::Surroundings;
use crate::mark::{self, Role};
use crate::observed::{Observed, PresentNamespace, SeenJoined, SeenRoute, SeenSpace};
use crate::settled::{JoinedNamespace, Node, SettingsBefore, Settled};
use crate::target::{MAIN_TABLE, Setting};

/// The namespaces of other programs that nodes of a topology join.
pub(super) struct Joining<'a> {
    nodes: BTreeMap<&'a Name, Found<'a>>,
}

/// One of them.
struct Found<'a> {
    reference: &'a Joined,
    seen: Option<&'a SeenJoined>,
    /// The nodes that this project has settled there before.
    before: Vec<&'a Node>,
    /// The links of this project on the host: their other ends are this project's, too, also when the
    /// record is lost.
    ports: &'a BTreeSet<(u32, u32)>,
}

impl<'a> Joining<'a> {
    pub(super) fn new(topology: &'a Topology, around: &'a Surroundings) -> Self {
        let joining = topology.nodes.iter();
        let joining = joining.filter_map(|node| Some((node, node.namespace.as_ref()?)));
        let found = |(node, reference): (&'a hallway_spec::Node, &'a Joined)| {
            let seen = around.joined.get(reference);
            let inode = seen.and_then(SeenJoined::present).map(|p| p.inode);
            let same = |n: &&Node| {
                let joined = n.joined.as_ref();
                joined.is_some_and(|j| j.reference == *reference && Some(j.inode) == inode)
            };
            let found = Found {
                reference,
                seen,
                before: around.joined_before.iter().filter(same).collect(),
                ports: &around.own_links,
            };
            (&node.name, found)
        };
        Self {
            nodes: joining.map(found).collect(),
        }
    }

    /// The namespace that a node joins.
    pub(super) fn netns(&self, node: &Name) -> Option<NetnsRef> {
        let found = self.nodes.get(node)?;
        let known = found.present().map(|p| p.netns.clone());
        Some(known.unwrap_or_else(|| found.reference.into()))
    }

    /// What is recorded of the namespace that a node joins.
    pub(super) fn of(&self, node: &hallway_spec::Node) -> Option<JoinedNamespace> {
        let found = self.nodes.get(&node.name)?;
        let present = found.present();
        Some(JoinedNamespace {
            reference: found.reference.clone(),
            inode: present.map_or(0, |p| p.inode),
            before: present.map_or_else(Default::default, |p| found.settings(node, &p.inside)),
        })
    }

    /// Whether a link of other programs has that name in the namespace that a node joins.
    pub(super) fn is_taken(&self, node: &Name, interface: &str) -> bool {
        let found = self.nodes.get(node);
        found.is_some_and(|f| f.foreign().any(|link| link.0 == interface))
    }

    /// The name of a node's interface that the file does not name: in a namespace of other programs the one
    /// it has there, or the first that is free. Docker and Podman number their own as `eth0`, `eth1`, …
    /// and do not look for a free one: beside theirs, names begin with `hw`.
    pub(super) fn interface(
        &self,
        node: &hallway_spec::Node,
        network: &Name,
        position: usize,
        taken: &[String],
    ) -> String {
        let Some(found) = self.nodes.get(&node.name) else {
            return format!("eth{position}");
        };
        let named = node.attachments.iter().filter_map(|a| a.interface.as_ref());
        let named: Vec<String> = named.map(ToString::to_string).collect();
        let is_free = |name: &String| {
            !taken.contains(name) && !named.contains(name) && !self.is_taken(&node.name, name)
        };
        let before = found.before.iter().flat_map(|n| n.memberships());
        let mut before = before.filter(|(_, on)| *on == network);
        let kept = before.next().map(|(interface, _)| interface.name.clone());
        let numbered = |(name, _): (&str, u32)| name.starts_with("eth");
        let stem = match found.reference {
            Joined::Container(_) if found.foreign().any(numbered) => "hw",
            _ => "eth",
        };
        let all = kept.into_iter().chain((0..).map(|n| format!("{stem}{n}")));
        all.into_iter().find(is_free).unwrap_or_default()
    }

    /// What keeps the nodes from joining.
    pub(super) fn conflicts(&self, settled: &Settled) -> Vec<Conflict> {
        let mut out = Vec::new();
        let mut joined: BTreeMap<u64, &Name> = BTreeMap::new();
        for node in &settled.nodes {
            let Some(found) = self.nodes.get(&node.name) else {
                continue;
            };
            let present = match found.entered(node) {
                Ok(present) => present,
                Err(conflict) => {
                    out.push(conflict);
                    continue;
                }
            };
            if let Some(other) = joined.insert(present.inode, &node.name) {
                let (name, reference) = (&node.name, found.reference);
                out.push(conflict(
                    node,
                    ConflictCode::NamespaceInUse,
                    format!("node {name}: {reference} is the namespace that node {other} joins"),
                    format!("programs that share it are written with namespace: node:{other}"),
                ));
                continue;
            }
            out.extend(found.of_node(node, &settled.project, present));
            out.extend(self.names(node, found));
            out.extend(found.routes(settled, node, present));
        }
        out
    }

    /// Interfaces whose names the file gives, and others have.
    fn names(&self, node: &Node, found: &Found<'_>) -> Vec<Conflict> {
        let taken = node.interfaces.iter();
        let taken = taken.filter(|i| self.is_taken(&node.name, &i.name));
        let words = |name: &String| {
            conflict(
                node,
                ConflictCode::InterfaceExists,
                format!(
                    "node {}: {} has an interface {name} already",
                    node.name, found.reference
                ),
                "give it another name with interface:, or leave the name out".into(),
            )
        };
        taken.map(|i| words(&i.name)).collect()
    }
}

/// A setting of a namespace that both this project and another one join, and give different values.
#[must_use]
pub fn contradiction(settled: &Settled, other: &Settled) -> Option<Conflict> {
    let joined = |node: &Node| node.joined.as_ref().map(|j| j.inode);
    settled.nodes.iter().find_map(|node| {
        let inode = joined(node)?;
        let there = other.nodes.iter().filter(|n| joined(n) == Some(inode));
        let (key, own, theirs) = there.flat_map(|n| &n.sysctls).find_map(|(key, theirs)| {
            let own = node.sysctls.get(key)?;
            (own != theirs).then_some((key, own, theirs))
        })?;
        let (name, project) = (&node.name, &other.project);
        let message = format!(
            "node {name} sets {key} to {own} in a namespace where project {project} sets it to {theirs}"
        );
        let help = "give both the same value, or set it in one project only";
        Some(conflict(node, ConflictCode::NamespaceRefused, message, help.into()))
    })
}

fn conflict(node: &Node, code: ConflictCode, message: String, help: String) -> Conflict {
    Conflict {
        code,
        message,
        place: node.place.clone(),
        help,
        other: None,
    }
}

impl<'a> Found<'a> {
    fn present(&self) -> Option<&'a PresentNamespace> {
        self.seen?.present()
    }

    /// The names and indexes of the links there that are not this project's.
    fn foreign(&self) -> impl Iterator<Item = (&'a str, u32)> {
        let links = self.present().into_iter().flat_map(|p| &p.inside.links);
        let ours = |link: &&crate::observed::SeenLink| {
            let interfaces = self.before.iter().flat_map(|n| &n.interfaces);
            let mut interfaces =
                interfaces.filter(|i| i.name == link.name && Some(i.mac) == link.mac);
            interfaces.next().is_some()
                || link
                    .peer
                    .is_some_and(|peer| self.ports.contains(&(peer, link.index)))
        };
        links
            .filter(move |l| !ours(l))
            .map(|l| (l.name.as_str(), l.index))
    }

    /// Settings as they were before this project changed them.
    fn settings(&self, node: &hallway_spec::Node, inside: &SeenSpace) -> SettingsBefore {
        let joined = || self.before.iter().filter_map(|n| n.joined.as_ref());
        let mut out = SettingsBefore::default();
        for key in node.sysctls.keys() {
            let mut noted = joined().filter_map(|j| j.before.sysctls.get(key));
            let value = noted.next().or_else(|| inside.sysctls.get(key));
            out.sysctls.extend(value.map(|v| (key.clone(), v.clone())));
        }
        for version in hallway_spec::IpVersion::ALL {
            let noted = joined().flat_map(|j| &j.before.forwarding);
            let mut noted = noted.filter(|(of, _)| *of == version).map(|(_, on)| *on);
            let seen = inside.settings.get(&Setting::Forwarding(version)).copied();
            if let Some(value) = noted.next().or(seen).filter(|_| node.forwarding) {
                out.forwarding.push((version, value));
            }
        }
        out
    }

    /// The namespace, or why it cannot be joined.
    fn entered(&self, node: &Node) -> Result<&'a PresentNamespace, Conflict> {
        let (name, reference) = (&node.name, self.reference);
        let (code, why, help) = match self.seen {
            Some(SeenJoined::Present(present)) if !present.is_host => return Ok(present),
            Some(SeenJoined::Present(_)) => (
                ConflictCode::NamespaceRefused,
                "it is the one that hallway builds in, with the bridges".to_owned(),
                "in policies and expectations, write host",
            ),
            Some(SeenJoined::Absent(why)) => (
                ConflictCode::NamespaceAbsent,
                why.clone(),
                "a namespace that is joined must be there before: hallway neither makes nor removes it",
            ),
            Some(SeenJoined::Refused(why)) => (
                ConflictCode::NamespaceRefused,
                why.clone(),
                "a sandbox joins only namespaces that were made in it; those of the machine are joined with --host",
            ),
            None => (
                ConflictCode::NamespaceAbsent,
                "the sandbox does not run, so no namespace is there".to_owned(),
                "make the namespace in the sandbox, with hallway sandbox shell; those of the machine are joined with --host",
            ),
        };
        let message = format!("node {name} cannot join {reference}: {why}");
        Err(conflict(node, code, message, help.into()))
    }

    /// The namespace is that of a node of this project.
    fn of_node(&self, node: &Node, project: &Name, present: &PresentNamespace) -> Option<Conflict> {
        let alias = present.inside.link("lo")?.alias.as_deref()?;
        let (owner, Role::Node(other)) = mark::parse_alias(alias)? else {
            return None;
        };
        (owner == *project).then(|| {
            conflict(
                node,
                ConflictCode::NamespaceInUse,
                format!(
                    "node {}: {} is the namespace of node {other}",
                    node.name, self.reference
                ),
                format!("write namespace: node:{other}"),
            )
        })
    }

    /// Routes of other programs whose packets would go another way.
    fn routes(&self, settled: &Settled, node: &Node, present: &PresentNamespace) -> Vec<Conflict> {
        let foreign: BTreeSet<u32> = self.foreign().map(|(_, index)| index).collect();
        let theirs = |r: &&SeenRoute| {
            let link = r.interface.is_none_or(|i| foreign.contains(&i));
            r.table == MAIN_TABLE && link && !is_special(&r.to)
        };
        let theirs: Vec<&SeenRoute> = present.inside.routes.iter().filter(theirs).collect();
        let link = |route: &SeenRoute| {
            let link = present
                .inside
                .links
                .iter()
                .find(|l| Some(l.index) == route.interface);
            link.map_or_else(String::new, |l| format!(" by {}", l.name))
        };
        let (name, reference) = (&node.name, self.reference);
        let mut out = Vec::new();
        for route in &node.routes {
            let Some(their) = theirs.iter().find(|r| r.to == route.to) else {
                continue;
            };
            let (what, help) = match route.to.prefix_len() {
                0 => (
                    "a default route".to_owned(),
                    "write default_route: false for the node: then its networks give it routes only to what policies connect it with",
                ),
                _ => (
                    format!("a route to {}", route.to),
                    "remove that route, or the policy that needs it",
                ),
            };
            out.push(conflict(
                node,
                ConflictCode::RouteExists,
                format!("node {name}: {reference} has {what}{} already", link(their)),
                help.into(),
            ));
        }
        // The same for both IP versions is one conflict.
        out.dedup_by(|a, b| a.message == b.message);
        let networks = node
            .memberships()
            .filter_map(|(_, network)| settled.network(network));
        for subnet in networks.flat_map(|n| &n.subnets) {
            if let Some(their) = theirs.iter().find(|r| subnet.net.contains(&r.to)) {
                out.push(conflict(
                    node,
                    ConflictCode::RouteExists,
                    format!(
                        "node {name}: {reference} has a route to {}{} already, which is within {}",
                        their.to,
                        link(their),
                        subnet.net
                    ),
                    "choose another subnet for the network".into(),
                ));
            }
        }
        out
    }
}

/// What was built, with the namespaces that are now behind the names of those that were joined, as
/// when a container was started again. The number of a process may be another one's by now, so
/// that is not followed.
#[must_use]
pub fn followed(applied: &Settled, seen: &Observed) -> Settled {
    let mut out = applied.clone();
    for node in &mut out.nodes {
        let Some(joined) = &mut node.joined else {
            continue;
        };
        let found = seen.joined.get(&joined.reference);
        let Some(present) = found.and_then(SeenJoined::present) else {
            continue;
        };
        let is_process = matches!(joined.reference, Joined::Process(_));
        if is_process || present.is_host || present.inode == joined.inode {
            continue;
        }
        joined.inode = present.inode;
        node.netns.clone_from(&present.netns);
        let before = &mut joined.before;
        for (key, value) in &mut before.sysctls {
            if let Some(seen) = present.inside.sysctls.get(key) {
                value.clone_from(seen);
            }
        }
        for (version, value) in &mut before.forwarding {
            let setting = Setting::Forwarding(*version);
            *value = present
                .inside
                .settings
                .get(&setting)
                .copied()
                .unwrap_or(*value);
        }
    }
    out
}

/// Link-local and multicast destinations, which every link has.
fn is_special(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.addr().is_link_local() || net.addr().is_multicast(),
        IpNet::V6(net) => net.addr().is_unicast_link_local() || net.addr().is_multicast(),
    }
}
