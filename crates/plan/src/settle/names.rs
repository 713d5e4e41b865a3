//! Names in the kernel, and what exists already: links, namespaces, device groups, prefixes. The
//! name of an object of another program is never used.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{Joined, Name, NetnsName, Place, Topology};
use ipnet::IpNet;

use super::built::Built;
use super::conflict::{Conflict, ConflictCode};
use super::host_links::{self, HostLink};
use super::prefixes::{HeldPrefix, foreign_prefixes};
use crate::mark::{self, Role};
use crate::observed::{Observed, SeenJoined};
use crate::settled::{Node, Plug, Settled};

/// What exists already, from the view of one project.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Link names with the content of their alias, if it is one of hallway.
    pub links: BTreeMap<String, Option<(Name, Role)>>,
    /// Names in /run/netns with their owner: project and node; `None` for foreign ones.
    pub namespaces: BTreeMap<NetnsName, Option<(Name, Name)>>,
    /// Slots that other projects use.
    pub slots: BTreeSet<u16>,
    /// This project's slot, if the kernel has it already.
    pub own_slot: Option<u16>,
    /// Prefixes that others have here.
    pub prefixes: Vec<HeldPrefix>,
    /// Networks of this project that exist in the kernel.
    pub running: BTreeSet<Name>,
    /// Namespaces of other programs that nodes join.
    pub joined: BTreeMap<Joined, SeenJoined>,
    /// Indexes of the links that this project built on the host, with those of their other ends.
    pub own_links: BTreeSet<(u32, u32)>,
    /// The links of the host.
    pub host_links: BTreeMap<String, HostLink>,
    /// It is a sandbox, which has no links of the real host.
    pub sandbox: bool,
    /// The nodes that this project has settled in such namespaces, also by a run that did not finish.
    pub joined_before: Vec<Node>,
    /// The names of the links that this project built. One that another program renamed is built
    /// again with its own name.
    pub built: BTreeMap<Role, String>,
}

impl Surroundings {
    /// Reads them from a snapshot. `known` is what the project built and what an unfinished run was
    /// building: of the latter a node's namespace may be a plain file.
    #[must_use]
    pub fn new(project: &Name, seen: &Observed, known: &[&Settled]) -> Self {
        let mut out = Self {
            joined: seen.joined.clone(),
            host_links: host_links::of_host(seen),
            joined_before: joined_before(known),
            ..Self::default()
        };
        let mut ours = BTreeSet::new();
        let made: BTreeMap<&str, Made> = known.iter().flat_map(|k| made_links(k)).collect();
        let built = made.iter().map(|(l, m)| (m.role.clone(), (*l).to_owned()));
        out.built = built.collect();
        for link in &seen.host.links {
            let group_slot = mark::slot_of(link.group);
            let by_alias = link.alias.as_deref().and_then(mark::parse_alias);
            let of_slot = known.iter().any(|k| group_slot == Some(k.slot));
            let by_name = made.get(link.name.as_str());
            let unnamed = by_name.filter(|made| of_slot || link.mac == Some(made.mac));
            let unnamed = unnamed.map(|made| (project.clone(), made.role.clone()));
            let role = by_alias.or(unnamed);
            match (&role, group_slot) {
                (Some((owner, _)), Some(slot)) if owner == project => {
                    out.own_slot = Some(slot);
                }
                (Some(_), Some(slot)) => {
                    out.slots.insert(slot);
                }
                _ => {}
            }
            if let Some((owner, Role::Bridge(network))) = &role
                && owner == project
            {
                out.running.insert(network.clone());
            }
            let of_project = role.as_ref().is_some_and(|(owner, _)| owner == project);
            if of_project || of_slot {
                ours.insert(link.index);
                out.own_links
                    .extend(link.peer.map(|peer| (link.index, peer)));
            }
            let others = link.other_names.iter().cloned();
            out.links.extend(others.map(|name| (name, None)));
            out.links.insert(link.name.clone(), role);
        }
        let built = Built::new(known);
        for namespace in &seen.namespaces {
            let owner = built.owner(project, namespace);
            out.namespaces.insert(namespace.name.clone(), owner);
        }
        let nodes: BTreeSet<IpNet> = known
            .iter()
            .flat_map(|k| &k.nodes)
            .flat_map(|n| n.port_addresses().map(IpNet::from))
            .collect();
        out.prefixes = foreign_prefixes(seen, &ours);
        // Another route to a node of this project has replaced the project's own.
        out.prefixes.retain(|held| !nodes.contains(&held.net));
        out
    }
}

/// Those of a complete run first: what it noted was there before both.
fn joined_before(known: &[&Settled]) -> Vec<Node> {
    let nodes = known.iter().rev().flat_map(|k| &k.nodes);
    nodes.filter(|n| n.joined.is_some()).cloned().collect()
}

/// A link that a project made. It is known also when it has lost its alias, by its group or its MAC
/// address.
struct Made {
    role: Role,
    mac: [u8; 6],
}

/// The links that a project made, by name.
fn made_links(settled: &Settled) -> impl Iterator<Item = (&str, Made)> {
    let bridges = settled.networks.iter().filter(|n| !n.external);
    let bridges = bridges.filter_map(|network| {
        let role = Role::Bridge(network.name.clone());
        let mac = network.mac;
        Some((network.bridge.as_deref()?, Made { role, mac }))
    });
    let ports = settled.nodes.iter().flat_map(move |node| {
        node.ports().map(move |(interface, _, link)| {
            let mac = mark::port_mac(&settled.project, &node.name, &interface.name);
            let role = Role::Port(node.name.clone(), interface.name.clone());
            (link, Made { role, mac })
        })
    });
    bridges.chain(ports)
}

/// What was built, with other names for links whose names links of other programs have now.
#[must_use]
pub fn renamed(built: &Settled, seen: &Observed) -> Settled {
    let around = Surroundings::new(&built.project, seen, &[built]);
    let mut namer = Namer::new(&built.project, &around);
    let mut out = built.clone();
    for network in out.networks.iter_mut().filter(|n| !n.external) {
        // The name of a VLAN contains its parent and its number.
        if let Some(bridge) = network.bridge.as_mut().filter(|_| network.vlan.is_none()) {
            *bridge = namer.bridge(&network.name);
        }
    }
    for node in &mut out.nodes {
        for (position, interface) in node.interfaces.iter_mut().enumerate() {
            if let Plug::Port { link, .. } = &mut interface.plug {
                *link = namer.port(&node.name, position, &interface.name);
            }
        }
    }
    out
}

/// Networks of the topology that would take addresses that something else uses. A network that
/// exists already stays, even if another program has added routes since.
pub(super) fn prefix_conflicts(
    topology: &Topology,
    previous: Option<&Settled>,
    around: &Surroundings,
) -> Vec<Conflict> {
    let mut out = Vec::new();
    // The prefixes of a lan do not concern the host, and an external network is the host's.
    let own = |n: &&hallway_spec::Network| n.mode.passes_host() && n.external.is_none();
    for network in topology.networks.iter().filter(own) {
        let before = built(&network.name, previous, around);
        for subnet in &network.subnets {
            if before.is_some_and(|b| b.subnets.iter().any(|s| s.net == subnet.net)) {
                continue;
            }
            // An equal prefix identifies it better than one address in it.
            let hits = around.prefixes.iter().filter(|h| h.is_hit_by(&subnet.net));
            let clash = hits.min_by_key(|h| h.net != subnet.net);
            if let Some(HeldPrefix {
                clause, project, ..
            }) = clash
            {
                let help = match project {
                    Some(_) => "choose another subnet",
                    None => "choose another subnet, or remove what uses it",
                };
                out.push(Conflict {
                    code: ConflictCode::SubnetInUse,
                    message: format!(
                        "network {} has subnet {}, but {clause}",
                        network.name, subnet.net
                    ),
                    place: network.place.clone(),
                    help: help.to_owned(),
                    other: project.clone(),
                });
            }
        }
    }
    out
}

/// A network of the previous run that is there.
pub(super) fn built<'p>(
    name: &Name,
    previous: Option<&'p Settled>,
    around: &Surroundings,
) -> Option<&'p crate::settled::Network> {
    let before = previous.and_then(|p| p.network(name));
    before.filter(|b| match b.bridge {
        Some(_) => around.running.contains(&b.name),
        None => around.own_slot.is_some(),
    })
}

/// The project's slot: the record's, the kernel's, or the first free one from its hash on.
pub(super) fn slot(project: &Name, previous: Option<&Settled>, around: &Surroundings) -> u16 {
    if let Some(slot) = previous.map(|p| p.slot).or(around.own_slot)
        && !around.slots.contains(&slot)
    {
        return slot;
    }
    let start = (mark::stable_hash(&[project.as_ref()]) % u64::from(mark::SLOTS)) as u16;
    (0..mark::SLOTS)
        .map(|step| (start + step) % mark::SLOTS)
        .find(|slot| !around.slots.contains(slot))
        .unwrap_or(start)
}

/// Chooses link and namespace names that are not in use.
pub(super) struct Namer<'a> {
    project: &'a Name,
    pub(super) around: &'a Surroundings,
    taken: BTreeSet<String>,
    held: BTreeMap<&'a Role, &'a str>,
    namespaces_held: BTreeMap<&'a Name, &'a NetnsName>,
}

/// IFNAMSIZ less its terminator, linux/if.h.
const LINK_NAME_MAX: usize = 15;

impl<'a> Namer<'a> {
    pub(super) fn new(project: &'a Name, around: &'a Surroundings) -> Self {
        let held = around
            .links
            .iter()
            .filter_map(|(link, owner)| match owner {
                Some((p, role)) if p == project => Some((role, link.as_str())),
                _ => None,
            })
            .collect();
        let namespaces_held = around
            .namespaces
            .iter()
            .filter_map(|(netns, owner)| match owner {
                Some((p, node)) if p == project => Some((node, netns)),
                _ => None,
            })
            .collect();
        Self {
            project,
            around,
            taken: BTreeSet::new(),
            held,
            namespaces_held,
        }
    }

    pub(super) fn bridge(&mut self, network: &Name) -> String {
        let role = Role::Bridge(network.clone());
        self.link(&role, &format!("br-{network}"), "br-", network.as_ref())
    }

    pub(super) fn port(&mut self, node: &Name, position: usize, interface: &str) -> String {
        let role = Role::Port(node.clone(), interface.to_owned());
        self.link(
            &role,
            &format!("{node}-{position}"),
            "",
            &format!("{node}-{interface}"),
        )
    }

    /// `plain` if short enough and free; otherwise shortened, with a hash that makes it unique.
    fn link(&mut self, role: &Role, plain: &str, prefix: &str, subject: &str) -> String {
        let free = |name: &String| match self.around.links.get(name) {
            None => true,
            Some(owner) => owner
                .as_ref()
                .is_some_and(|(p, r)| p == self.project && r == role),
        };
        if let Some(name) = self.around.built.get(role).filter(|n| free(n))
            && self.taken.insert(name.clone())
        {
            return name.clone();
        }
        if let Some(name) = self.held.get(role)
            && self.taken.insert((*name).to_owned())
        {
            return (*name).to_owned();
        }
        let plain = safe(plain);
        let mut salt = 0_u32;
        loop {
            let candidate = if salt == 0 && plain.len() <= LINK_NAME_MAX {
                plain.clone()
            } else {
                let hash = mark::stable_hash(&[self.project.as_ref(), subject, &salt.to_string()]);
                let room = LINK_NAME_MAX - prefix.len() - 5;
                let short: String = safe(subject).chars().take(room).collect();
                format!("{prefix}{short}-{:04x}", hash & 0xffff)
            };
            salt += 1;
            if !self.around.links.contains_key(&candidate) && self.taken.insert(candidate.clone()) {
                return candidate;
            }
        }
    }

    /// The node's own name; `<project>-<node>` if another project has that name.
    ///
    /// # Errors
    /// When a foreign namespace has it.
    pub(super) fn netns(&mut self, node: &Name, place: &Place) -> Result<NetnsName, Conflict> {
        if let Some(name) = self.namespaces_held.get(node) {
            return Ok((*name).clone());
        }
        let candidates = [
            node.clone().into(),
            NetnsName::in_project(self.project, node),
        ];
        for candidate in candidates {
            match self.around.namespaces.get(&candidate) {
                None => return Ok(candidate),
                Some(Some(_)) => {}
                Some(None) => {
                    return Err(Conflict {
                        code: ConflictCode::NamespaceExists,
                        message: format!(
                            "node {node}: a network namespace named {candidate} is already there, and hallway did not make it"
                        ),
                        place: place.clone(),
                        help: format!(
                            "rename the node, or remove that namespace if it is yours: ip netns delete {candidate}"
                        ),
                        other: None,
                    });
                }
            }
        }
        Err(Conflict {
            code: ConflictCode::NamespaceExists,
            message: format!("node {node}: other projects use both names its namespace could have"),
            place: place.clone(),
            help: "rename the node".into(),
            other: None,
        })
    }
}

/// Replaces characters that the kernel or a terminal could misread in a link name.
fn safe(text: &str) -> String {
    text.chars()
        .map(|c| if c == '.' { '_' } else { c })
        .collect()
}
