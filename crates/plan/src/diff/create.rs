//! Steps that create what does not exist, after removing what is left of it.

use std::collections::BTreeMap;

use hallway_spec::Name;

use super::Plan;
use super::created::Created;
use super::repair::Repairs;
use crate::compare::{Comparison, ObjectPlace};
use crate::mark::{self, Role};
use crate::observed::{Observed, SeenLink};
use crate::settled::{Cable, Network, Node, Plug, Settled};
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
    let mut created = Created::default();
    remains(plan, found, wanted, seen, repairs);
    let host = Parts::of(&target.host);
    for network in wanted
        .networks
        .iter()
        .filter(|n| found.bridges.contains(&n.name))
    {
        bridge(plan, &host, network, repairs, &mut created);
    }
    for (node, target) in wanted.nodes.iter().zip(&target.nodes) {
        if found.namespaces.contains(&node.name) {
            namespace(plan, wanted, (node, target), repairs, &mut created);
        }
    }
    for (node, target) in wanted.nodes.iter().zip(&target.nodes) {
        let parts = (target, &host);
        ports(plan, (found, repairs), node, parts, &mut created);
        macvlans(plan, (found, repairs), (wanted, node), target, &mut created);
    }
    for cable in wanted.cables.iter().filter(|c| found.cables.contains(c)) {
        self::cable(plan, cable, (wanted, target), repairs, &mut created);
    }
    created
}

/// What is left of interfaces and cables that are created again.
fn remains(
    plan: &mut Plan,
    found: &Comparison,
    wanted: &Settled,
    seen: &Observed,
    repairs: &Repairs<'_>,
) {
    // In a namespace of others, a link of that name may be theirs.
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
                .contains(&(node.name.clone(), interface.name.clone()));
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
            }
        }
    }
    for (name, interface) in found.cables.iter().flat_map(|c| [&c.a, &c.b]) {
        let node = wanted
            .node(name)
            .filter(|n| !found.namespaces.contains(&n.name));
        if let Some(node) = node
            && inside(node, interface)
        {
            let cause = repairs.cause_of_loss(&place(node), &[interface], Cause::Left);
            plan.push(remove_inside(node, interface), cause);
        }
    }
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

fn bridge(
    plan: &mut Plan,
    host: &Parts<'_>,
    network: &Network,
    repairs: &Repairs<'_>,
    created: &mut Created,
) {
    let Some((link, _)) = network.bridge.as_deref().and_then(|b| host.link(b)) else {
        return;
    };
    created.host.insert(link.name.clone());
    let new = NewBridge {
        network: network.name.clone(),
        link,
        vlan: network.vlan.clone(),
    };
    let file = Cause::File(network.place.key.clone());
    // It has another name if another program's link has its usual one.
    let before = repairs.bridge_before(&network.name).unwrap_or_default();
    let cause = repairs.cause_of_loss(&ObjectPlace::Host, &[&new.link.name, before], file);
    plan.push(Op::CreateBridge(Box::new(new)), cause);
}

fn namespace(
    plan: &mut Plan,
    wanted: &Settled,
    (node, target): (&Node, &NodeTarget),
    repairs: &Repairs<'_>,
    created: &mut Created,
) {
    created.nodes.insert(node.name.clone());
    let new = NewNamespace {
        node: node.name.clone(),
        netns: node.netns.clone(),
        alias: mark::alias(&wanted.project, &Role::Node(node.name.clone())),
        settings: target.space.settings.clone(),
        rules: target.space.rules.clone(),
    };
    let file = Cause::File(node.place.key.clone());
    let cause = repairs.cause_of_loss(&place(node), &[], file);
    plan.push(Op::CreateNamespace(Box::new(new)), cause);
}

fn ports(
    plan: &mut Plan,
    (found, repairs): (&Comparison, &Repairs<'_>),
    node: &Node,
    (target, host): (&NodeTarget, &Parts<'_>),
    created: &mut Created,
) {
    let inside = Parts::of(&target.space);
    for interface in &node.interfaces {
        let Plug::Port { network, link } = &interface.plug else {
            continue;
        };
        let key = (node.name.clone(), interface.name.clone());
        if !found.interfaces.contains(&key) && !found.namespaces.contains(&node.name) {
            continue;
        }
        let (Some((outer, outer_routes)), Some((inner, inner_routes))) =
            (host.link(link), inside.link(&interface.name))
        else {
            continue;
        };
        created.host.insert(link.clone());
        created.inside.insert(key);
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
        let cause = repairs.cause_of_loss(&place(node), &[&interface.name, link], file);
        plan.push(Op::CreatePort(Box::new(new)), cause);
    }
}

/// Macvlan interfaces, as far as their parents are there.
fn macvlans(
    plan: &mut Plan,
    (found, repairs): (&Comparison, &Repairs<'_>),
    (wanted, node): (&Settled, &Node),
    target: &NodeTarget,
    created: &mut Created,
) {
    for interface in &node.interfaces {
        let Plug::Macvlan { network } = &interface.plug else {
            continue;
        };
        let key = (node.name.clone(), interface.name.clone());
        let missing = found.interfaces.contains(&key) || found.namespaces.contains(&node.name);
        if !missing || found.without_parent.contains(network) {
            continue;
        }
        let parent = wanted.network(network).and_then(|n| n.parent());
        let inner = Parts::of(&target.space).link(&interface.name);
        let (Some(parent), Some((link, routes))) = (parent, inner) else {
            continue;
        };
        created.inside.insert(key);
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
        let cause = repairs.cause_of_loss(&place(node), &[&interface.name], file);
        plan.push(Op::CreateMacvlan(Box::new(new)), cause);
    }
}

fn cable(
    plan: &mut Plan,
    cable: &Cable,
    (wanted, target): (&Settled, &Target),
    repairs: &Repairs<'_>,
    created: &mut Created,
) {
    let end = |(node, interface): &(Name, String)| {
        let position = wanted.nodes.iter().position(|n| n.name == *node)?;
        let (target, of) = (target.nodes.get(position)?, wanted.nodes.get(position)?);
        let (link, routes) = Parts::of(&target.space).link(interface)?;
        Some(CableEnd {
            node: node.clone(),
            netns: target.netns.clone(),
            link,
            routes,
            joined: of.joined.is_some(),
        })
    };
    if let (Some(a), Some(b)) = (end(&cable.a), end(&cable.b)) {
        created.inside.extend([cable.a.clone(), cable.b.clone()]);
        let ends = [&cable.a, &cable.b].into_iter().filter_map(|end| {
            let cause = repairs.cause_of_loss(&place(wanted.node(&end.0)?), &[&end.1], Cause::Left);
            (cause != Cause::Left).then_some(cause)
        });
        let cause = ends
            .into_iter()
            .next()
            .unwrap_or_else(|| Cause::File("links".into()));
        plan.push(Op::CreateCable(Box::new(NewCable { a, b })), cause);
    }
}
