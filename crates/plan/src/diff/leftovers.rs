//! Objects that have the project's mark, or that an earlier run made, and that are not wanted.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{Name, NetnsName};

use super::{Plan, Recorded, joined};
use crate::insides::Insides;
use crate::mark::{self, Role};
use crate::observed::{NamespaceState, Observed, SeenLink};
use crate::settled::{Node, Settled};
use crate::step::{Cause, Op};

/// Steps that remove objects that are no longer in the topology.
pub(super) fn plan(
    plan: &mut Plan,
    recorded: Recorded<'_>,
    wanted: Option<&Settled>,
    seen: &Observed,
) {
    if let Some(settled) = wanted {
        of_project(plan, &settled.project, recorded, wanted, seen);
    }
}

/// As [`plan`]; without a topology, steps that remove everything.
pub(super) fn of_project(
    plan: &mut Plan,
    project: &Name,
    recorded: Recorded<'_>,
    wanted: Option<&Settled>,
    seen: &Observed,
) {
    let built: BTreeSet<&str> = recorded
        .applied
        .into_iter()
        .flat_map(|s| &s.nodes)
        .flat_map(|n| {
            n.ports()
                .map(|(_, _, link)| link)
                .chain(n.netns.name().map(AsRef::as_ref))
        })
        .chain(
            recorded
                .applied
                .into_iter()
                .flat_map(|s| &s.networks)
                .filter_map(|n| n.bridge.as_deref()),
        )
        .collect();
    let cause = |name: &str| match wanted {
        None => Cause::Down,
        Some(_) if built.contains(name) => Cause::NotInFile,
        Some(_) => Cause::Left,
    };
    let mut removed = Plan::default();
    namespaces(&mut removed, project, recorded, wanted, seen, &cause);
    // Macvlan interfaces before the VLANs that they are of, with which the kernel would remove them.
    let steps = removed.steps.into_iter();
    let (interfaces, namespaces): (Vec<_>, Vec<_>) =
        steps.partition(|s| matches!(s.op, Op::RemoveInterface { .. }));
    plan.steps.extend(interfaces);
    links(plan, project, recorded, wanted, seen, &cause);
    plan.steps.extend(namespaces);
    joined::plan(plan, recorded, wanted, seen);
    if let Some(wanted) = wanted {
        inside_only(plan, recorded, wanted, seen);
    }
}

/// Links on the host; all links of a group in one step where none of them is wanted.
fn links(
    plan: &mut Plan,
    project: &Name,
    recorded: Recorded<'_>,
    wanted: Option<&Settled>,
    seen: &Observed,
    cause: &dyn Fn(&str) -> Cause,
) {
    let names: BTreeSet<&str> = wanted.into_iter().flat_map(host_links).collect();
    let slots: BTreeSet<u16> = recorded.all().map(|s| s.slot).collect();
    let known: BTreeSet<&str> = recorded.all().flat_map(host_links).collect();
    let mut groups: BTreeMap<u32, Vec<(&SeenLink, Option<Role>)>> = BTreeMap::new();
    for link in &seen.host.links {
        let role = link.alias.as_deref().and_then(mark::parse_alias);
        let slot = mark::slot_of(link.group);
        // The keeper waits until the kernel has removed it.
        let leaves = matches!(role, Some((_, Role::Removed(_))));
        if leaves && wanted.is_some() && seen.keeper.present().is_some() {
            continue;
        }
        let marked = role.as_ref().is_some_and(|(p, _)| p == project);
        // A link whose creation was interrupted has the project's group but no alias yet.
        let unnamed = link.alias.is_none()
            && slot.is_some_and(|s| slots.contains(&s))
            && known.contains(link.name.as_str());
        if marked || unnamed {
            let role = role.map(|(_, role)| role);
            groups.entry(link.group).or_default().push((link, role));
        }
    }
    for (group, members) in groups {
        let unwanted: Vec<_> = members
            .iter()
            .filter(|(l, _)| !names.contains(l.name.as_str()))
            .collect();
        // A link of other programs may be in the group.
        let whole = seen.host.links.iter().filter(|l| l.group == group).count();
        if unwanted.len() == whole && mark::slot_of(group).is_some() {
            let bridge = members.iter().find_map(|(link, role)| match role {
                Some(Role::Bridge(network)) => Some((network.to_string(), link.name.as_str())),
                _ => None,
            });
            let first = members.first().map_or("", |(l, _)| l.name.as_str());
            let (network, link) = bridge.unwrap_or_else(|| (format!("group {group}"), first));
            plan.push(Op::RemoveGroup { network, group }, cause(link));
            continue;
        }
        for (link, _) in unwanted {
            let name = link.name.clone();
            plan.push(Op::RemoveLink { name }, cause(&link.name));
        }
    }
}

fn host_links(settled: &Settled) -> impl Iterator<Item = &str> {
    let ports = settled
        .nodes
        .iter()
        .flat_map(|n| n.ports().map(|(_, _, link)| link));
    let own = settled.networks.iter().filter(|n| !n.external);
    let bridges = own.filter_map(|n| n.bridge.as_deref());
    ports.chain(bridges)
}

fn namespaces(
    plan: &mut Plan,
    project: &Name,
    recorded: Recorded<'_>,
    wanted: Option<&Settled>,
    seen: &Observed,
    cause: &dyn Fn(&str) -> Cause,
) {
    let nodes: BTreeMap<&NetnsName, &Node> = wanted
        .into_iter()
        .flat_map(|s| &s.nodes)
        .filter(|n| n.joined.is_none())
        .filter_map(|n| Some((n.netns.name()?, n)))
        .collect();
    let made: BTreeMap<&NetnsName, u64> = recorded.inodes.iter().map(|(n, i)| (n, *i)).collect();
    let known: BTreeMap<&NetnsName, &Node> = recorded
        .all()
        .flat_map(|s| &s.nodes)
        .filter(|n| n.joined.is_none())
        .filter_map(|n| Some((n.netns.name()?, n)))
        .collect();
    for namespace in &seen.namespaces {
        let name = &namespace.name;
        let node = nodes.get(name);
        let ours = match namespace.state {
            NamespaceState::Mounted(inode) => {
                let made = made.get(name) == Some(&inode);
                match &namespace.owner {
                    Some((owner, is)) if owner == project => node.is_none_or(|n| n.name != *is),
                    Some(_) => false,
                    // Its loopback has lost its mark, but it is the namespace that was made.
                    // A namespace that another program put in its place, and does not use.
                    None => match made {
                        true => node.is_none(),
                        false => known.contains_key(name) && namespace.is_unused(),
                    },
                }
            }
            NamespaceState::PlainFile | NamespaceState::Covered => known.contains_key(name),
            NamespaceState::Other => false,
        };
        if ours {
            let links = known
                .get(name)
                .map(|n| n.ports().map(|(_, _, l)| l.to_owned()).collect());
            // A process that stays in the namespace must not reach others by them any more.
            // That of another node, which another program mounted there, is still in use.
            let of_other = |is: &Name| known.get(name).is_some_and(|n| n.name != *is);
            let of_other = namespace.owner.as_ref().is_some_and(|(_, is)| of_other(is));
            let inside = namespace.inside.present().filter(|_| !of_other).into_iter();
            let of_host = |l: &&SeenLink| l.kind.as_deref() == Some("macvlan");
            for link in inside.flat_map(|s| &s.links).filter(of_host) {
                let op = Op::RemoveInterface {
                    netns: name.clone().into(),
                    name: link.name.clone(),
                };
                plan.push(op, cause(name.as_ref()));
            }
            let op = Op::RemoveNamespace {
                netns: name.clone(),
                links: links.unwrap_or_default(),
            };
            plan.push(op, cause(name.as_ref()));
        }
    }
}

/// Ends of cables and macvlan interfaces that are no longer wanted, in nodes that stay.
fn inside_only(plan: &mut Plan, recorded: Recorded<'_>, wanted: &Settled, seen: &Observed) {
    let mut done = BTreeSet::new();
    let has = |n: &&Node| n.interfaces.iter().any(|i| i.plug.is_inside_only());
    let insides = Insides::new(seen);
    for node in recorded.all().flat_map(|s| &s.nodes).filter(has) {
        let Some(now) = wanted.node(&node.name).filter(|n| n.netns == node.netns) else {
            continue;
        };
        let Some(space) = insides.of(node) else {
            continue;
        };
        for interface in node.interfaces.iter().filter(|i| i.plug.is_inside_only()) {
            let stays = now
                .interfaces
                .iter()
                .any(|i| i.name == interface.name && i.plug == interface.plug);
            let found = space.link(&interface.name);
            let exists =
                found.is_some_and(|l| node.joined.is_none() || l.mac == Some(interface.mac));
            if !stays && exists && done.insert((&node.netns, interface.name.as_str())) {
                let op = Op::RemoveInterface {
                    netns: node.netns.clone(),
                    name: interface.name.clone(),
                };
                plan.push(op, Cause::NotInFile);
            }
        }
    }
}
