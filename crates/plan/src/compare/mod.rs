//! What the kernel must hold ([`Target`]), compared with what it holds ([`Observed`]): every
//! difference, as a value. A record is used only for one thing: it lists the objects of earlier
//! runs, so that those no longer wanted are found.

mod addresses;
mod attribute;
mod changes;
mod clauses;
mod difference;
mod fact;
pub(crate) mod files;
mod foreign;
mod forwarding;
pub(crate) mod guard;
mod index;
mod joined;
mod neighbours;
pub(crate) mod programs;
mod routes;
pub(crate) mod rules;
mod space;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::Name;
use ipnet::IpNet;

pub use attribute::Attribute;
pub use difference::{Difference, Place};
pub use fact::{Fact, Instead};

use crate::observed::{NamespaceState, Observed, Seen, SeenLink, SeenNamespace};
use crate::settled::{Cable, Interface, Network, Node, Plug, Settled};
use crate::target::{LinkRole, NodeTarget, Space, Target};
use index::{Before, Index};
use neighbours::Neighbours;

/// The differences of a project's objects, without its tables.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Everything that differs.
    pub differences: Vec<Difference>,
    /// Bridges and VLANs that do not exist, by network.
    pub bridges: BTreeSet<Name>,
    /// Networks whose parent, which others made, does not exist.
    pub without_parent: BTreeSet<Name>,
    /// Nodes whose namespace does not exist or is another one.
    pub namespaces: BTreeSet<Name>,
    /// Interfaces on networks that do not exist or are not connected: node and interface.
    pub interfaces: BTreeSet<(Name, String)>,
    /// Cables that do not exist or are not connected.
    pub cables: BTreeSet<Cable>,
}

/// Compares. `before` is what earlier runs wanted or began to build; `inodes` are the namespaces
/// they made.
#[must_use]
pub fn compare(
    wanted: &Settled,
    before: &[&Settled],
    inodes: &[(String, u64)],
    observed: &Observed,
) -> Comparison {
    let target = Target::of(wanted);
    let before: Vec<Target> = before.iter().map(|b| Target::of(b)).collect();
    let mut out = Comparison::default();
    let spaces = before.iter().map(|b| &b.host).chain([&target.host]);
    let host = Index::without(&observed.host, &foreign::links(spaces, &observed.host));
    let host_before = Before::new(before.iter().map(|b| &b.host));
    out.missing_bridges(wanted, &host);
    let mut nodes_before: BTreeMap<&Name, Vec<&NodeTarget>> = BTreeMap::new();
    for node in before.iter().flat_map(|b| &b.nodes) {
        nodes_before.entry(&node.node).or_default().push(node);
    }
    let entries: BTreeMap<&str, &SeenNamespace> = observed
        .namespaces
        .iter()
        .map(|n| (n.name.as_str(), n))
        .collect();
    let made: BTreeMap<&str, u64> = inodes.iter().map(|(n, i)| (n.as_str(), *i)).collect();
    let mut inside: BTreeMap<&Name, Index<'_>> = BTreeMap::new();
    let mut neighbours = Neighbours::new(wanted);
    for (node, target) in wanted.nodes.iter().zip(&target.nodes) {
        let space = match &node.joined {
            Some(joined) => out.joined(node, joined, observed),
            None => {
                let entry = entries.get(node.netns.as_str()).copied();
                out.namespace(wanted, node, entry, made.get(node.netns.as_str()))
            }
        };
        let Some(space) = space else {
            continue;
        };
        let index = Index::new(space);
        out.interfaces((wanted, node), &host, &index);
        let before = nodes_before.get(&node.name).into_iter().flatten();
        let all: Vec<&Space> = before.map(|b| &b.space).chain([&target.space]).collect();
        let theirs = joined::theirs(node, &all, space, &out.interfaces);
        let all: Vec<_> = all.iter().map(|s| joined::ours(s, &theirs)).collect();
        if let Some((ours, before)) = all.split_last() {
            let before = Before::new(before.iter().map(AsRef::as_ref));
            let owned = addresses::owned(ours);
            let place = place(node);
            let found = space::compare(&place, (ours, &owned), &before, &index);
            out.differences.extend(found);
            let fixed = neighbours.of_node(node, (&index, &theirs));
            out.push_all(&place, fixed);
        }
        inside.insert(&node.name, index);
    }
    let unseen = out.unseen();
    out.cables(wanted, &inside, &unseen);
    let mut owned = addresses::owned(&target.host);
    owned.extend(addresses::of_nodes(wanted));
    let on_host = (&target.host, &owned);
    let found = space::compare(&Place::Host, on_host, &host_before, &host);
    out.differences.extend(found);
    out.push_all(&Place::Host, neighbours.of_host(&host));
    out.forwarding(wanted, &host);
    out.without_missing_external(wanted);
    out
}

fn place(node: &Node) -> Place {
    Place::Node {
        node: node.name.clone(),
        netns: node.netns.clone(),
    }
}

impl Comparison {
    fn push(&mut self, place: Place, fact: Fact) {
        self.differences.push(Difference { place, fact });
    }

    fn push_all(&mut self, place: &Place, facts: Vec<Fact>) {
        for fact in facts {
            self.push(place.clone(), fact);
        }
    }

    fn missing_bridges(&mut self, wanted: &Settled, host: &Index<'_>) {
        for network in &wanted.networks {
            let Some(bridge) = &network.bridge else {
                continue;
            };
            let found = host.link(bridge);
            let macvlan = network.parent().is_some();
            let exists = found.is_some_and(|l| macvlan || l.kind.as_deref() == Some("bridge"));
            if exists {
                if network.external && !macvlan {
                    self.host_addresses(network, bridge, host);
                }
                continue;
            }
            let base = network.vlan.as_ref().map(|v| v.parent.clone());
            if macvlan && base.as_ref().is_none_or(|base| host.link(base).is_none()) {
                self.without_parent.insert(network.name.clone());
            } else if !network.external {
                self.bridges.insert(network.name.clone());
            }
            let role = match (macvlan, base) {
                (false, _) => LinkRole::Bridge,
                (true, None) => LinkRole::Parent,
                (true, Some(base)) => {
                    if self.without_parent.contains(&network.name) {
                        let (link, role) = (base, LinkRole::Parent);
                        self.push(Place::Host, Fact::LinkMissing { link, role });
                    }
                    LinkRole::Vlan
                }
            };
            let link = bridge.clone();
            self.push(Place::Host, Fact::LinkMissing { link, role });
        }
    }

    /// Nodes have routes by the host's address on an external bridge: without it, `up` takes them away.
    fn host_addresses(&mut self, network: &Network, bridge: &str, host: &Index<'_>) {
        let Some(found) = host.link(bridge) else {
            return;
        };
        for subnet in &network.subnets {
            let gateway = subnet.gateway.filter(|g| !host.is_at(found.index, *g));
            let net = gateway.and_then(|g| IpNet::new(g, subnet.net.prefix_len()).ok());
            if let Some(address) = net {
                let link = bridge.to_owned();
                self.push(Place::Host, Fact::AddressMissing { link, address });
            }
        }
    }

    /// A port cannot be put on a bridge that others have not made again.
    fn without_missing_external(&mut self, wanted: &Settled) {
        let external = wanted.networks.iter().filter(|n| n.external);
        for bridge in external.filter_map(|n| n.bridge.as_deref()) {
            let missing = |d: &Difference| {
                let of_host = d.place == Place::Host;
                of_host && matches!(&d.fact, Fact::LinkMissing { link, .. } if link == bridge)
            };
            if self.differences.iter().any(missing) {
                let on_it = Attribute::Master(Some(bridge.to_owned()));
                self.differences.retain(
                    |d| !matches!(&d.fact, Fact::Attribute { wanted, .. } if *wanted == on_it),
                );
            }
        }
    }

    /// What a node's namespace holds; `None` if that is not known, after noting why.
    fn namespace<'a>(
        &mut self,
        wanted: &Settled,
        node: &Node,
        entry: Option<&'a SeenNamespace>,
        made: Option<&u64>,
    ) -> Option<&'a crate::observed::SeenSpace> {
        let mounted = entry.and_then(|e| match e.state {
            NamespaceState::Mounted(inode) => Some((e, inode)),
            NamespaceState::PlainFile | NamespaceState::Covered | NamespaceState::Other => None,
        });
        let Some((entry, inode)) = mounted else {
            let covered = entry.is_some_and(|e| e.state == NamespaceState::Covered);
            self.namespaces.insert(node.name.clone());
            self.push(
                place(node),
                match covered {
                    true => Fact::NamespaceReplaced,
                    false => Fact::NamespaceMissing,
                },
            );
            return None;
        };
        let owner = (wanted.project.clone(), node.name.clone());
        if entry.owner.as_ref() != Some(&owner) && made != Some(&inode) {
            self.namespaces.insert(node.name.clone());
            self.push(place(node), Fact::NamespaceReplaced);
            return None;
        }
        match &entry.inside {
            Seen::Present(space) => Some(space),
            Seen::Absent | Seen::Unseen => {
                self.push(place(node), Fact::NamespaceUnseen);
                None
            }
        }
    }

    /// Interfaces on networks with a missing end, or with ends that do not belong together.
    fn interfaces(
        &mut self,
        (wanted, node): (&Settled, &Node),
        host: &Index<'_>,
        inside: &Index<'_>,
    ) {
        for interface in &node.interfaces {
            let link = match &interface.plug {
                Plug::Port { link, .. } => link,
                Plug::Macvlan { network } => {
                    let network = wanted.network(network);
                    self.macvlan(node, (interface, network), host, inside);
                    continue;
                }
                Plug::Cable => continue,
            };
            let (inner, outer) = (inside.link(&interface.name), host.link(link));
            let fact = match (inner, outer) {
                (Some(inner), Some(outer))
                    if inner.peer == Some(outer.index) && outer.peer == Some(inner.index) =>
                {
                    continue;
                }
                (None, _) => Fact::LinkMissing {
                    link: interface.name.clone(),
                    role: LinkRole::Interface,
                },
                (Some(_), None) => Fact::LinkMissing {
                    link: link.clone(),
                    role: LinkRole::Port,
                },
                (Some(_), Some(_)) => Fact::LinkDetached {
                    link: interface.name.clone(),
                    role: LinkRole::Interface,
                },
            };
            self.interfaces
                .insert((node.name.clone(), interface.name.clone()));
            self.push(place(node), fact);
        }
    }

    /// A macvlan interface that does not exist, or is of another link than the network's parent.
    fn macvlan(
        &mut self,
        node: &Node,
        (interface, network): (&Interface, Option<&Network>),
        host: &Index<'_>,
        inside: &Index<'_>,
    ) {
        let Some(network) = network else { return };
        let parent = network.parent().and_then(|p| host.link(p));
        let found = inside.link(&interface.name);
        // A macvlan interface of another one is one of the link below both.
        let of = |link: &SeenLink, of: u32| of == link.index || Some(of) == link.peer;
        let is_of = |l: &SeenLink, parent| l.peer.is_some_and(|index| of(parent, index));
        let there = found.filter(|l| l.kind.as_deref() == Some("macvlan"));
        let absent = self.without_parent.contains(&network.name);
        if there.is_some_and(|l| parent.map_or(absent, |p| is_of(l, p))) {
            return;
        }
        let (link, role) = (interface.name.clone(), LinkRole::Macvlan);
        let fact = match found {
            None => Fact::LinkMissing { link, role },
            Some(_) => Fact::LinkDetached { link, role },
        };
        if !absent {
            let key = (node.name.clone(), interface.name.clone());
            self.interfaces.insert(key);
        }
        self.push(place(node), fact);
    }

    /// Nodes whose namespace exists but was not examined.
    fn unseen(&self) -> BTreeSet<Name> {
        let node = |d: &Difference| match (&d.place, &d.fact) {
            (Place::Node { node, .. }, Fact::NamespaceUnseen) => Some(node.clone()),
            _ => None,
        };
        self.differences.iter().filter_map(node).collect()
    }

    fn cables(
        &mut self,
        wanted: &Settled,
        inside: &BTreeMap<&Name, Index<'_>>,
        unseen: &BTreeSet<Name>,
    ) {
        for cable in &wanted.cables {
            // Whether its two ends belong together is known only when both were examined.
            if unseen.contains(&cable.a.0) || unseen.contains(&cable.b.0) {
                continue;
            }
            let find = |(node, name): &(Name, String)| inside.get(node)?.link(name);
            let connected = find(&cable.a)
                .zip(find(&cable.b))
                .is_some_and(|(a, b)| a.peer == Some(b.index) && b.peer == Some(a.index));
            if connected {
                continue;
            }
            self.cables.insert(cable.clone());
            for end in [&cable.a, &cable.b] {
                let Some(node) = wanted.node(&end.0).filter(|n| inside.contains_key(&n.name))
                else {
                    continue;
                };
                let (link, role) = (end.1.clone(), LinkRole::Cable);
                let fact = match find(end) {
                    None => Fact::LinkMissing { link, role },
                    Some(_) => Fact::LinkDetached { link, role },
                };
                self.push(place(node), fact);
            }
        }
    }
}
