//! Steps that create what does not exist, after removing what is left of it.

use std::collections::BTreeMap;

use super::Plan;
use super::created::Created;
use super::repair::Repairs;
use crate::compare::{Comparison, ObjectPlace};
use crate::mark::{self, Role};
use crate::observed::{Observed, SeenLink};
use crate::settled::{Cable, Interface, InterfaceRef, Network, Node, Plug, Settled};
use crate::step::{CableEnd, Cause, NewBridge, NewCable, NewMacvlan, NewNamespace, NewPort, Op};
use crate::target::{Link, NodeTarget, Route, RouteKind, Space, Target};

/// Objects of a target by name, so that a large project is planned in linear time.
struct Parts<'a> {
    links: BTreeMap<&'a str, &'a Link>,
    routes: BTreeMap<&'a str, Vec<&'a Route>>,
}

impl<'a> Parts<'a> {
    fn of(space: &'a Space) -> Self {
        let mut routes: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
        for route in &space.routes {
            if let RouteKind::Link { link, .. } = &route.kind {
                routes.entry(link).or_default().push(route);
            }
        }
        Self {
            links: space.links.iter().map(|l| (l.name.as_str(), l)).collect(),
            routes,
        }
    }

    fn link(&self, name: &str) -> Option<(Link, Vec<Route>)> {
        let link = (*self.links.get(name)?).clone();
        let routes = self.routes.get(name).into_iter().flatten();
        Some((link, routes.map(|r| (*r).clone()).collect()))
    }
}

/// The steps, and what they create.
pub(super) fn plan(
    plan: &mut Plan,
    found: &Comparison,
    wanted: &Settled,
    target: &Target,
    seen: &Observed,
    repairs: &Repairs<'_>,
) -> Created {
    remains(plan, found, wanted, seen, repairs);
    let host = Parts::of(&target.host);
    let mut creation = Creation {
        plan,
        found,
        wanted,
        target,
        repairs,
        created: Created::default(),
    };
    let missing = |n: &&Network| found.bridges.contains(&n.name);
    for network in wanted.networks.iter().filter(missing) {
        creation.bridge(&host, network);
    }
    let nodes = || wanted.nodes.iter().zip(&target.nodes);
    for (node, target) in nodes().filter(|(n, _)| found.namespaces.contains(&n.name)) {
        creation.namespace(node, target);
    }
    for (node, target) in nodes() {
        creation.ports(&host, node, target);
        creation.macvlans(node, target);
    }
    for cable in wanted.cables.iter().filter(|c| found.cables.contains(c)) {
        creation.cable(cable);
    }
    creation.created
}

/// What is left of interfaces and cables that are created again.
fn remains(
    plan: &mut Plan,
    found: &Comparison,
    wanted: &Settled,
    seen: &Observed,
    repairs: &Repairs<'_>,
) {
    // In a namespace of other programs, a link of that name may be theirs.
    let inside = |node: &Node, name: &str| {
        let link = seen.inside(node).and_then(|s| s.link(name));
        let interface = node.interfaces.iter().find(|i| i.name == name);
        let same = |l: &SeenLink| interface.is_some_and(|i| l.mac == Some(i.mac));
        link.is_some_and(|l| node.joined.is_none() || same(l))
    };
    for node in &wanted.nodes {
        let whole = found.namespaces.contains(&node.name);
        for interface in &node.interfaces {
            let broken = found
                .interfaces
                .contains(&node.interface_ref(&interface.name));
            let link = match &interface.plug {
                Plug::Port { link, .. } => link.as_str(),
                Plug::Macvlan { .. } => "",
                Plug::Cable => continue,
            };
            if !(whole || broken) {
                continue;
            }
            let names = [interface.name.as_str(), link];
            let cause = repairs.cause_of_loss(&place(node), &names, Cause::Left);
            if seen
                .host
                .link(link)
                .is_some_and(|l| mark::slot_of(l.group).is_some())
            {
                let link = link.to_owned();
                plan.push(Op::RemoveLink { name: link }, cause);
            } else if broken && inside(node, &interface.name) {
                plan.push(remove_inside(node, &interface.name), cause);
            } else if broken && let Some(name) = renamed(seen, node, interface) {
                plan.push(remove_inside(node, name), cause);
            }
        }
    }
    for InterfaceRef { node, interface } in found.cables.iter().flat_map(|c| [&c.a, &c.b]) {
        let node = wanted
            .node(node)
            .filter(|n| !found.namespaces.contains(&n.name));
        if let Some(node) = node
            && inside(node, interface)
        {
            let cause = repairs.cause_of_loss(&place(node), &[interface], Cause::Left);
            plan.push(remove_inside(node, interface), cause);
        }
    }
}

/// The present name of a macvlan interface that another program has renamed: of one link, there is only
/// one with its MAC address.
fn renamed<'s>(seen: &'s Observed, node: &Node, interface: &Interface) -> Option<&'s str> {
    let of_macvlan = matches!(interface.plug, Plug::Macvlan { .. });
    let space = seen.inside(node).filter(|_| of_macvlan)?;
    let is = |l: &&SeenLink| l.kind.as_deref() == Some("macvlan") && l.mac == Some(interface.mac);
    space.links.iter().find(is).map(|l| l.name.as_str())
}

fn place(node: &Node) -> ObjectPlace {
    ObjectPlace::Node {
        node: node.name.clone(),
        netns: node.netns.clone(),
    }
}

fn remove_inside(node: &Node, interface: &str) -> Op {
    Op::RemoveInterface {
        netns: node.netns.clone(),
        name: interface.to_owned(),
    }
}

/// Adds the steps that create what was not found.
struct Creation<'a> {
    plan: &'a mut Plan,
    found: &'a Comparison,
    wanted: &'a Settled,
    target: &'a Target,
    repairs: &'a Repairs<'a>,
    created: Created,
}

impl Creation<'_> {
    /// Whether an interface was not found, or is lost with its namespace.
    fn is_missing(&self, node: &Node, interface: &InterfaceRef) -> bool {
        self.found.interfaces.contains(interface) || self.found.namespaces.contains(&node.name)
    }

    fn bridge(&mut self, host: &Parts<'_>, network: &Network) {
        let Some((link, _)) = network.bridge.as_deref().and_then(|b| host.link(b)) else {
            return;
        };
        self.created.host.insert(link.name.clone());
        let new = NewBridge {
            network: network.name.clone(),
            link,
            vlan: network.vlan.clone(),
        };
        let file = Cause::File(network.place.key.clone());
        // It has another name if another program's link has its usual one.
        let before = self
            .repairs
            .bridge_before(&network.name)
            .unwrap_or_default();
        let cause = self
            .repairs
            .cause_of_loss(&ObjectPlace::Host, &[&new.link.name, before], file);
        self.plan.push(Op::CreateBridge(Box::new(new)), cause);
    }

    fn namespace(&mut self, node: &Node, target: &NodeTarget) {
        // One without a name is joined, and not created.
        let Some(netns) = node.netns.name() else {
            return;
        };
        self.created.nodes.insert(node.name.clone());
        let new = NewNamespace {
            node: node.name.clone(),
            netns: netns.clone(),
            alias: mark::alias(&self.wanted.project, &Role::Node(node.name.clone())),
            settings: target.space.settings.clone(),
            sysctls: {
                let mut all = target.space.sysctls.clone();
                all.retain(|key, value| key.is_for_programs(value));
                all
            },
            rules: target.space.rules.clone(),
        };
        let file = Cause::File(node.place.key.clone());
        let cause = self.repairs.cause_of_loss(&place(node), &[], file);
        self.plan.push(Op::CreateNamespace(Box::new(new)), cause);
    }

    fn ports(&mut self, host: &Parts<'_>, node: &Node, target: &NodeTarget) {
        let inside = Parts::of(&target.space);
        for interface in &node.interfaces {
            let Plug::Port { network, link } = &interface.plug else {
                continue;
            };
            let key = node.interface_ref(&interface.name);
            if !self.is_missing(node, &key) {
                continue;
            }
            let (Some((outer, outer_routes)), Some((inner, inner_routes))) =
                (host.link(link), inside.link(&interface.name))
            else {
                continue;
            };
            self.created.host.insert(link.clone());
            self.created.inside.insert(key);
            let new = NewPort {
                node: node.name.clone(),
                netns: node.netns.clone(),
                network: network.clone(),
                outer,
                outer_routes,
                inner,
                inner_routes,
                sources: interface.sources_in_words(),
                joined: node.joined.is_some(),
            };
            let file = Cause::File(format!("{}.networks.{network}", node.place.key));
            let cause = self
                .repairs
                .cause_of_loss(&place(node), &[&interface.name, link], file);
            self.plan.push(Op::CreatePort(Box::new(new)), cause);
        }
    }

    /// Macvlan interfaces, as far as their parents are there.
    fn macvlans(&mut self, node: &Node, target: &NodeTarget) {
        for interface in &node.interfaces {
            let Plug::Macvlan { network } = &interface.plug else {
                continue;
            };
            let key = node.interface_ref(&interface.name);
            if !self.is_missing(node, &key) || self.found.without_parent.contains(network) {
                continue;
            }
            let parent = self.wanted.network(network).and_then(|n| n.parent());
            let inner = Parts::of(&target.space).link(&interface.name);
            let (Some(parent), Some((link, routes))) = (parent, inner) else {
                continue;
            };
            self.created.inside.insert(key);
            let new = NewMacvlan {
                parent: parent.to_owned(),
                network: network.clone(),
                end: CableEnd {
                    node: node.name.clone(),
                    netns: node.netns.clone(),
                    link,
                    routes,
                    joined: node.joined.is_some(),
                },
            };
            let file = Cause::File(format!("{}.networks.{network}", node.place.key));
            let cause = self
                .repairs
                .cause_of_loss(&place(node), &[&interface.name], file);
            self.plan.push(Op::CreateMacvlan(Box::new(new)), cause);
        }
    }

    fn cable(&mut self, cable: &Cable) {
        let end = |end: &InterfaceRef| {
            let position = self.wanted.nodes.iter().position(|n| n.name == end.node)?;
            let target = self.target.nodes.get(position)?;
            let node = self.wanted.nodes.get(position)?;
            let (link, routes) = Parts::of(&target.space).link(&end.interface)?;
            Some(CableEnd {
                node: node.name.clone(),
                netns: target.netns.clone(),
                link,
                routes,
                joined: node.joined.is_some(),
            })
        };
        if let (Some(a), Some(b)) = (end(&cable.a), end(&cable.b)) {
            self.created
                .inside
                .extend([cable.a.clone(), cable.b.clone()]);
            let ends = [&cable.a, &cable.b].into_iter().filter_map(|end| {
                let cause = {
                    let place = place(self.wanted.node(&end.node)?);
                    self.repairs
                        .cause_of_loss(&place, &[&end.interface], Cause::Left)
                };
                (cause != Cause::Left).then_some(cause)
            });
            let cause = ends
                .into_iter()
                .next()
                .unwrap_or_else(|| Cause::File("links".into()));
            self.plan
                .push(Op::CreateCable(Box::new(NewCable { a, b })), cause);
        }
    }
}
