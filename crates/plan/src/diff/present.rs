//! What of the project is really there: the record without what the kernel no longer shows and
//! without what an unfinished run was changing, and what only the kernel shows.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::Name;
use ipnet::IpNet;

use super::Recorded;
use crate::mark::{self, Role};
use crate::observed::{NamespaceState, Observed};
use crate::settled::{Cable, Interface, Network, Node, Plug, Settled};

/// What is there of a project.
#[derive(Debug, Default)]
pub struct Present {
    /// The last complete state, for comparing elements and policies; only valid where the
    /// sets below confirm it.
    pub before: Option<Settled>,
    /// Networks that are in place.
    pub networks: BTreeMap<Name, Network>,
    /// Nodes whose namespace is in place.
    pub nodes: BTreeMap<Name, Node>,
    /// Interfaces in place: node and name.
    pub interfaces: BTreeMap<(Name, String), Interface>,
    /// Cables in place.
    pub cables: BTreeSet<Cable>,
    /// Interfaces of present nodes that may or may not be there: namespace and name.
    pub doubtful: Vec<(String, String)>,
    /// Nodes whose routes are not known.
    pub doubtful_routes: BTreeSet<Name>,
    /// Namespaces of the project that are there but not in place.
    pub stray_namespaces: BTreeSet<String>,
    /// Links of the project on the host that are there but not in place.
    pub stray_links: BTreeSet<String>,
    /// Whole groups that are there but whose network is not in place.
    pub stray_groups: BTreeSet<u32>,
    /// Whether both tables are there with the recorded fingerprint's state.
    pub rules: bool,
    /// Whether any table of the project is there at all.
    pub any_rules: bool,
    /// Whether hallway turned forwarding on somewhere for this project.
    pub forwarding: bool,
    /// Unreachable routes that are there and may be ours.
    pub unreachable: BTreeSet<IpNet>,
    /// Whether an unfinished run may have left anything.
    pub unfinished: bool,
}

impl Present {
    /// Compares the record with what is seen.
    #[must_use]
    pub fn new(project: &Name, recorded: Recorded<'_>, seen: &Observed) -> Self {
        let mut out = Self {
            before: recorded.applied.cloned(),
            unfinished: recorded.pending.is_some(),
            ..Self::default()
        };
        out.tables(project, recorded, seen);
        out.unreachable(project, recorded, seen);
        if let Some(applied) = recorded.applied {
            out.networks(applied, recorded.pending, seen);
            out.nodes(applied, recorded, seen);
        }
        out.strays(project, recorded, seen);
        out
    }

    fn tables(&mut self, project: &Name, recorded: Recorded<'_>, seen: &Observed) {
        let ours: Vec<_> = seen
            .tables
            .iter()
            .filter(|t| &t.project == project)
            .collect();
        self.any_rules = !ours.is_empty();
        self.forwarding = ours
            .iter()
            .any(|t| !t.forwarding4.is_empty() || !t.forwarding6.is_empty());
        let whole = ours.iter().any(|t| t.bridge_family) && ours.iter().any(|t| !t.bridge_family);
        self.rules = whole && recorded.applied.is_some() && recorded.pending.is_none();
    }

    fn unreachable(&mut self, project: &Name, recorded: Recorded<'_>, seen: &Observed) {
        let known: BTreeSet<IpNet> = [recorded.applied, recorded.pending]
            .into_iter()
            .flatten()
            .flat_map(inner_prefixes)
            .collect();
        let others = seen.tables.iter().any(|t| &t.project != project);
        for route in &seen.routes {
            let ours = route.unreachable && route.protocol == mark::ROUTE_PROTOCOL;
            // Without a record, an unreachable route is only known to be ours while there is no
            // other project.
            if ours && (known.contains(&route.to) || (known.is_empty() && !others)) {
                self.unreachable.insert(route.to);
            }
        }
    }

    fn networks(&mut self, applied: &Settled, pending: Option<&Settled>, seen: &Observed) {
        for network in &applied.networks {
            let there = network.bridge.as_ref().is_none_or(|bridge| {
                seen.link(bridge)
                    .is_some_and(|l| l.group == network.group && l.up && l.alias.is_some())
            });
            let settled = pending.is_none_or(|p| {
                p.network(&network.name)
                    .is_some_and(|n| same_network(n, network))
            });
            if there && settled {
                self.networks.insert(network.name.clone(), network.clone());
            }
        }
    }

    fn nodes(&mut self, applied: &Settled, recorded: Recorded<'_>, seen: &Observed) {
        let mounted: BTreeMap<&str, u64> = seen
            .namespaces
            .iter()
            .filter_map(|n| match n.state {
                NamespaceState::Mounted(inode) => Some((n.name.as_str(), inode)),
                NamespaceState::PlainFile | NamespaceState::Other => None,
            })
            .collect();
        let inodes: BTreeMap<&str, u64> = recorded
            .inodes
            .iter()
            .map(|(n, i)| (n.as_str(), *i))
            .collect();
        let links: BTreeMap<&str, &crate::observed::SeenLink> =
            seen.links.iter().map(|l| (l.name.as_str(), l)).collect();
        for node in &applied.nodes {
            let inode = inodes.get(node.netns.as_str());
            if inode.is_none() || mounted.get(node.netns.as_str()) != inode {
                continue;
            }
            self.nodes.insert(node.name.clone(), node.clone());
            let pending = recorded.pending.map(|p| p.node(&node.name));
            self.node_inside(node, pending, &links);
        }
        for cable in &applied.cables {
            let there = |(node, interface): &(Name, String)| {
                self.interfaces
                    .contains_key(&(node.clone(), interface.clone()))
            };
            if there(&cable.a) && there(&cable.b) {
                self.cables.insert(cable.clone());
            }
        }
    }

    fn node_inside(
        &mut self,
        node: &Node,
        pending: Option<Option<&Node>>,
        links: &BTreeMap<&str, &crate::observed::SeenLink>,
    ) {
        for interface in &node.interfaces {
            let on_host = match &interface.plug {
                Plug::Port { network, link } => {
                    self.networks.contains_key(network)
                        && links
                            .get(link.as_str())
                            .is_some_and(|l| l.up && l.alias.is_some())
                }
                Plug::Cable => true,
            };
            let untouched =
                pending.is_none_or(|p| p.is_some_and(|p| p.interfaces.contains(interface)));
            if on_host && untouched {
                self.interfaces.insert(
                    (node.name.clone(), interface.name.clone()),
                    interface.clone(),
                );
            } else {
                self.doubtful
                    .push((node.netns.clone(), interface.name.clone()));
            }
        }
        if let Some(pending) = pending {
            if pending.is_none_or(|p| p.routes != node.routes) {
                self.doubtful_routes.insert(node.name.clone());
            }
            for interface in pending.iter().flat_map(|p| &p.interfaces) {
                if !node.interfaces.contains(interface) {
                    self.doubtful
                        .push((node.netns.clone(), interface.name.clone()));
                }
            }
        }
    }

    /// What has our mark and is not in place.
    fn strays(&mut self, project: &Name, recorded: Recorded<'_>, seen: &Observed) {
        let slots: BTreeSet<u16> = [recorded.applied, recorded.pending]
            .into_iter()
            .flatten()
            .map(|s| s.slot)
            .collect();
        let in_place: BTreeSet<&str> = self.nodes.values().map(|n| n.netns.as_str()).collect();
        let mut namespaces = BTreeSet::new();
        let wanted_names: BTreeSet<&str> = [recorded.applied, recorded.pending]
            .into_iter()
            .flatten()
            .flat_map(|s| s.nodes.iter().map(|n| n.netns.as_str()))
            .collect();
        for namespace in &seen.namespaces {
            let ours = match namespace.state {
                NamespaceState::Mounted(_) => {
                    namespace.owner.as_ref().is_some_and(|(p, _)| p == project)
                }
                NamespaceState::PlainFile => wanted_names.contains(namespace.name.as_str()),
                NamespaceState::Other => false,
            };
            if ours && !in_place.contains(namespace.name.as_str()) {
                namespaces.insert(namespace.name.clone());
            }
        }
        self.stray_namespaces = namespaces;
        let kept_links: BTreeSet<&str> = self
            .interfaces
            .values()
            .filter_map(|i| match &i.plug {
                Plug::Port { link, .. } => Some(link.as_str()),
                Plug::Cable => None,
            })
            .chain(self.networks.values().filter_map(|n| n.bridge.as_deref()))
            .collect();
        let groups: BTreeSet<u32> = self.networks.values().map(|n| n.group).collect();
        for link in &seen.links {
            let role = link.alias.as_deref().and_then(mark::parse_alias);
            let marked = role.as_ref().is_some_and(|(p, _)| p == project);
            // A link whose creation was interrupted has our group but no alias yet.
            let unnamed = link.alias.is_none()
                && mark::slot_of(link.group).is_some_and(|slot| slots.contains(&slot));
            if !(marked || unnamed) || kept_links.contains(link.name.as_str()) {
                continue;
            }
            let is_bridge = matches!(role, Some((_, Role::Bridge(_))));
            if mark::slot_of(link.group).is_some() && !groups.contains(&link.group) {
                self.stray_groups.insert(link.group);
            } else if !is_bridge || !groups.contains(&link.group) {
                self.stray_links.insert(link.name.clone());
            }
        }
    }
}

/// Prefixes of a project's own networks.
pub(super) fn inner_prefixes(settled: &Settled) -> impl Iterator<Item = IpNet> {
    settled
        .inner_networks()
        .flat_map(|n| n.subnets.iter().map(|s| s.net))
}

/// Whether two networks are built the same way; the filter can be changed in place.
pub(super) fn same_network(a: &Network, b: &Network) -> bool {
    a.group == b.group
        && a.bridge == b.bridge
        && a.mac == b.mac
        && a.subnets == b.subnets
        && a.mtu == b.mtu
        && a.mode == b.mode
        && a.outside == b.outside
}
