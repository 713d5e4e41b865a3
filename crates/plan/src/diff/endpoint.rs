//! Steps for one node alone. They are made from that node, the networks and policies, and the nodes
//! that these name, so planning takes as long with 10 nodes as with 1,000.

use std::net::IpAddr;

use hallway_spec::{Name, NetnsName};
use ipnet::IpNet;

use super::repair::Repairs;
use super::{Plan, create, moved, published};
use crate::compare::{Comparison, Difference, Fact, ObjectPlace, compare};
use crate::mark;
use crate::observed::Observed;
use crate::rules::{Delta, delta, ruleset};
use crate::settled::{Node, Settled};
use crate::step::{Cause, Flows, Op};
use crate::target::Target;

/// A settled topology without one of its nodes.
#[must_use]
pub fn without(settled: &Settled, node: &Name) -> Settled {
    let mut out = settled.clone();
    out.nodes.retain(|n| n.name != *node);
    out.publishes.retain(|p| p.node != *node);
    out
}

/// The steps that add a node of `wanted`; `None` when more than elements of sets change. `used` are
/// its addresses that another node had, `host` the addresses of the host.
#[must_use]
pub fn attach(wanted: &Settled, node: &Node, used: &[IpAddr], host: Vec<IpAddr>) -> Option<Plan> {
    let mut plan = Plan::default();
    let before = without(wanted, &node.name);
    let cause = Cause::File(node.place.key.clone());
    rules(&mut plan, &before, wanted, cause)?;
    // By the rules above, what begins from now on is what the node is for.
    let flows = Flows {
        prefixes: used.iter().copied().map(IpNet::from).collect(),
        ports: published::changed(&before, wanted, host.iter().copied()),
        ..Flows::default()
    };
    if flows != Flows::default() {
        let flows = Flows { host, ..flows };
        plan.push(Op::FlushConnections(Box::new(flows)), Cause::Connections);
    }
    let found = Comparison {
        namespaces: [node.name.clone()].into(),
        ..Comparison::default()
    };
    let repairs = Repairs::new(&found, &[], wanted, None);
    let nothing = Observed::default();
    create::plan(
        &mut plan,
        &found,
        wanted,
        &Target::of(wanted),
        &nothing,
        &repairs,
    );
    moved::announce_used(&mut plan, node, used);
    Some(plan)
}

/// The steps that remove a node of `before`; `None` when more than elements of sets change, or when its
/// namespace has no name in /run/netns.
#[must_use]
pub fn detach(before: &Settled, node: &Node) -> Option<Plan> {
    let mut plan = Plan::default();
    let wanted = without(before, &node.name);
    rules(&mut plan, before, &wanted, Cause::NotInFile)?;
    let prefixes: Vec<IpNet> = node.port_addresses().map(IpNet::from).collect();
    if !prefixes.is_empty() {
        let flows = Flows {
            prefixes,
            ..Flows::default()
        };
        plan.push(Op::FlushConnections(Box::new(flows)), Cause::Connections);
    }
    let op = Op::RemoveNamespace {
        netns: node.netns.name()?.clone(),
        // Nothing waits for their removal.
        links: Vec::new(),
    };
    plan.push(op, Cause::NotInFile);
    Some(plan)
}

fn rules(plan: &mut Plan, before: &Settled, wanted: &Settled, cause: Cause) -> Option<()> {
    match delta(&ruleset(before), &ruleset(wanted)) {
        Delta::Same => {}
        Delta::Replace => return None,
        delta @ Delta::Elements(_) => {
            let table = mark::table(&wanted.project);
            plan.push(Op::ChangeRules { table, delta }, cause);
        }
    }
    Some(())
}

/// How what was found of a node differs from what is wanted of it: its namespace, and its links on
/// the host.
#[must_use]
pub fn differences(
    wanted: &Settled,
    node: &Node,
    inodes: &[(NetnsName, u64)],
    seen: &Observed,
) -> Vec<Difference> {
    let links: Vec<&str> = node.ports().map(|(_, _, link)| link).collect();
    let concerns = |difference: &Difference| match (&difference.place, &difference.fact) {
        (ObjectPlace::Node { node: of, .. }, _) => *of == node.name,
        (ObjectPlace::Host, Fact::Attribute { link, .. }) => links.contains(&link.as_str()),
        (ObjectPlace::Host, _) => false,
    };
    let mut all = compare(wanted, &[], inodes, seen).differences;
    all.retain(concerns);
    all
}
