//! What the kernel must hold ([`crate::target::Target`]), compared with what it holds ([`crate::Observed`]): every
//! difference, as a value. A record is used only for one thing: it lists the objects of earlier
//! runs, so that those no longer wanted are found.

mod addresses;
mod all;
mod attached;
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
mod inside;
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

pub use all::compare;
pub use attached::attached;
pub use attribute::{Attribute, MACVLAN_BRIDGE};
pub use difference::{Difference, ObjectPlace};
pub use fact::{Fact, Instead};
pub use programs::unhealthy;

use crate::observed::{NamespaceState, Seen, SeenLink, SeenNamespace};
use crate::settled::{Cable, Interface, InterfaceRef, Network, Node, Plug, Settled};
use crate::target::LinkRole;
use index::Index;

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
    pub interfaces: BTreeSet<InterfaceRef>,
    /// Cables that do not exist or are not connected.
    pub cables: BTreeSet<Cable>,
}

fn place(node: &Node) -> ObjectPlace {
    ObjectPlace::Node {
        node: node.name.clone(),
        netns: node.netns.clone(),
    }
}

impl Comparison {
    fn push(&mut self, place: ObjectPlace, fact: Fact) {
        self.differences.push(Difference { place, fact });
    }

    fn push_all(&mut self, place: &ObjectPlace, facts: Vec<Fact>) {
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
                        self.push(ObjectPlace::Host, Fact::LinkMissing { link, role });
                    }
                    LinkRole::Vlan
                }
            };
            let link = bridge.clone();
            self.push(ObjectPlace::Host, Fact::LinkMissing { link, role });
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
                self.push(ObjectPlace::Host, Fact::AddressMissing { link, address });
            }
        }
    }

    /// A port cannot be put on a bridge that others have not made again.
    fn without_missing_external(&mut self, wanted: &Settled) {
        let external = wanted.networks.iter().filter(|n| n.external);
        for bridge in external.filter_map(|n| n.bridge.as_deref()) {
            let missing = |d: &Difference| {
                let of_host = d.place == ObjectPlace::Host;
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
    fn interfaces(&mut self, wanted: &Settled, node: &Node, host: &Index<'_>, inside: &Index<'_>) {
        for interface in &node.interfaces {
            let link = match &interface.plug {
                Plug::Port { link, .. } => link,
                Plug::Macvlan { network } => {
                    if let Some(network) = wanted.network(network) {
                        self.macvlan(node, interface, network, host, inside);
                    }
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
            self.interfaces.insert(node.interface_ref(&interface.name));
            self.push(place(node), fact);
        }
    }

    /// A macvlan interface that does not exist, or is of another link than the network's parent.
    fn macvlan(
        &mut self,
        node: &Node,
        interface: &Interface,
        network: &Network,
        host: &Index<'_>,
        inside: &Index<'_>,
    ) {
        let parent = network.parent().and_then(|p| host.link(p));
        let found = inside.link(&interface.name);
        // A macvlan interface of another one is one of the link below both.
        let of = |link: &SeenLink, of: u32| of == link.index || Some(of) == link.peer;
        let is_of = |l: &SeenLink, parent| l.peer.is_some_and(|index| of(parent, index));
        let there = found.filter(|l| l.kind.as_deref() == Some("macvlan"));
        let absent = self.without_parent.contains(&network.name);
        if let Some(there) = there.filter(|l| parent.map_or(absent, |p| is_of(l, p))) {
            for (wanted, found) in of_macvlan(interface, parent, there) {
                let link = interface.name.clone();
                let fact = Fact::Attribute {
                    link,
                    wanted,
                    found,
                };
                self.push(place(node), fact);
            }
            return;
        }
        let (link, role) = (interface.name.clone(), LinkRole::Macvlan);
        let fact = match found {
            None => Fact::LinkMissing { link, role },
            Some(_) => Fact::LinkDetached { link, role },
        };
        if !absent {
            self.interfaces.insert(node.interface_ref(&interface.name));
        }
        self.push(place(node), fact);
    }

    /// Nodes whose namespace exists but was not examined.
    fn unseen(&self) -> BTreeSet<Name> {
        let node = |d: &Difference| match (&d.place, &d.fact) {
            (ObjectPlace::Node { node, .. }, Fact::NamespaceUnseen) => Some(node.clone()),
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
            if unseen.contains(&cable.a.node) || unseen.contains(&cable.b.node) {
                continue;
            }
            let find = |end: &InterfaceRef| inside.get(&end.node)?.link(&end.interface);
            let connected = find(&cable.a)
                .zip(find(&cable.b))
                .is_some_and(|(a, b)| a.peer == Some(b.index) && b.peer == Some(a.index));
            if connected {
                continue;
            }
            self.cables.insert(cable.clone());
            for end in [&cable.a, &cable.b] {
                let Some(node) = wanted
                    .node(&end.node)
                    .filter(|n| inside.contains_key(&n.name))
                else {
                    continue;
                };
                let (link, role) = (end.interface.clone(), LinkRole::Cable);
                let fact = match find(end) {
                    None => Fact::LinkMissing { link, role },
                    Some(_) => Fact::LinkDetached { link, role },
                };
                self.push(place(node), fact);
            }
        }
    }
}

/// What differs of a macvlan interface: its mode, and its MTU, which is that of the link below if the
/// file gives none.
fn of_macvlan(
    interface: &Interface,
    parent: Option<&SeenLink>,
    found: &SeenLink,
) -> impl Iterator<Item = (Attribute, Attribute)> {
    let mode = found.macvlan_mode.filter(|mode| *mode != MACVLAN_BRIDGE);
    let mode = mode.map(|m| {
        let wanted = Attribute::MacvlanMode(MACVLAN_BRIDGE);
        (wanted, Attribute::MacvlanMode(m))
    });
    let below = parent.filter(|p| interface.mtu.is_none() && p.mtu != found.mtu);
    let mtu = below.map(|p| (Attribute::Mtu(p.mtu), Attribute::Mtu(found.mtu)));
    mode.into_iter().chain(mtu)
}
