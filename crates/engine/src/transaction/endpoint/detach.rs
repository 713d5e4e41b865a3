//! Removing a node.

use std::time::Duration;

use hallway_kernel::link::{self, LinkChange};
use hallway_kernel::netns::{Mounted, inspect};
use hallway_kernel::{Batch, Kernel, KernelError};
use hallway_plan::diff::endpoint;
use hallway_plan::hosts;
use hallway_plan::mark::{self, Role};
use hallway_plan::settled::{Node, Settled};
use hallway_spec::Name;

use super::super::Caller;
use super::super::programs::forwards;
use super::Prepared;
use crate::executor::{absent_is_done, is_ours};
use crate::keeper::{KeeperChange, RemovedLinks, finish_removed_links};
use crate::lease::Leases;
use crate::record::change::{EndpointChange, NodeChange};
use crate::record::{Outline, RecordedNode};
use crate::{Cancel, Engine, Failure};

/// How long to wait for the kernel if no keeper does.
const WITHOUT_KEEPER: Duration = Duration::from_millis(100);

impl Engine {
    /// Removes a node if that concerns no other; whether it was removed.
    pub(super) fn detach_alone(
        &self,
        kernel: &mut Kernel,
        outline: &Outline,
        name: &Name,
        caller: &mut Caller<'_>,
    ) -> Result<bool, Failure> {
        let Some(mut prepared) = self.prepare_detach(kernel, outline, name)? else {
            return Ok(false);
        };
        self.carry_out(&mut prepared, caller, |engine, prepared, caller| {
            let remains = remove_from_kernel(kernel, prepared, caller)?;
            engine.remove_endpoint(prepared, remains, caller.cancel)
        })?;
        Ok(true)
    }

    fn prepare_detach(
        &self,
        kernel: &mut Kernel,
        outline: &Outline,
        name: &Name,
    ) -> Result<Option<Prepared>, Failure> {
        let (Some(known), Some(mut settled)) = (outline.node(name)?, outline.settled()?) else {
            return Ok(None);
        };
        let RecordedNode {
            member, in_record, ..
        } = &known;
        let node = member.node.clone();
        let others = node.interfaces.iter().any(|i| i.plug.is_inside_only());
        // The hosts files of others change in further lines.
        let has_aliases = hosts::every_line(&node).is_none();
        if others || has_aliases || outline.rest.named.contains(name) {
            return Ok(None);
        }
        settled.nodes.push(node.clone());
        settled.publishes.extend(member.publishes.iter().cloned());
        let built = is_built(kernel, &settled, &node, known.inode)?;
        if !built || !Self::networks_are_built(kernel, &settled, &node)? {
            return Ok(None);
        }
        let Some(plan) = endpoint::detach(&settled, &node) else {
            return Ok(None);
        };
        Ok(Some(Prepared {
            change: EndpointChange::new(outline.generation(), name.clone(), NodeChange::Removed),
            before: outline.own_change(name)?,
            in_record: *in_record,
            settled,
            node,
            plan,
        }))
    }

    /// What follows after nothing of the node is left in the kernel.
    fn remove_endpoint(
        &self,
        prepared: &Prepared,
        remains: RemovedLinks,
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let Prepared { settled, node, .. } = prepared;
        let project = &settled.project;
        self.remove_from_files(project, node)?;
        for (interface, network, _) in node.ports() {
            let leases = Leases::through(self.store(), project, network);
            for address in &interface.addresses {
                leases.release(address.addr(), &node.name)?;
            }
        }
        self.store()
            .commit_endpoint(project, &prepared.change, prepared.in_record)?;
        let own = Settled {
            publishes: settled
                .publishes
                .iter()
                .filter(|p| p.node == node.name)
                .cloned()
                .collect(),
            ..settled.clone()
        };
        let served = forwards(&own, true);
        let change = KeeperChange {
            stop: node.programs().map(|p| p.name.to_string()).collect(),
            close: served.into_iter().map(|f| f.listen).collect(),
            ..KeeperChange::default()
        };
        match self.keeper(project, cancel)? {
            Some(client) => drop(client.change(&change, Vec::new(), remains)?),
            None => finish_removed_links(project, &remains.links, WITHOUT_KEEPER)?,
        }
        self.store().end_endpoint(project)
    }
}

/// The links first: the kernel removes the namespace in a thread of its own, and requests about links
/// wait for it. If a later step fails, the undo creates them again.
fn remove_from_kernel(
    kernel: &mut Kernel,
    prepared: &Prepared,
    caller: &mut Caller<'_>,
) -> Result<RemovedLinks, Failure> {
    let links = release_links(kernel, prepared)?;
    Engine::execute_with(kernel, &prepared.plan, Some(caller))?;
    Ok(RemovedLinks {
        links,
        // Without a descriptor for it, this process closes it, and waits for the kernel.
        socket: kernel.give_away_netfilter().ok().flatten(),
    })
}

/// Takes the links of a node out of use until the kernel removes them with its namespace: they are
/// down, and have neither the node's name nor its network's group. Returns their names.
fn release_links(kernel: &mut Kernel, prepared: &Prepared) -> Result<Vec<String>, KernelError> {
    let Prepared { settled, node, .. } = prepared;
    let alias = mark::alias(&settled.project, &Role::Removed(node.name.clone()));
    let mut out = Vec::new();
    for (_, _, link) in node.ports() {
        let Some(index) = kernel.link_named(link)?.filter(is_ours).map(|l| l.index) else {
            continue;
        };
        let name = mark::removed_link(index);
        let change = LinkChange {
            alias: Some(&alias),
            up: Some(false),
            group: Some(0),
            ..LinkChange::default()
        };
        let mut batch = Batch::new();
        batch.push(link::change_link(link, &change));
        batch.push(link::rename_link(index, &name));
        for done in kernel.submit(&batch)? {
            absent_is_done(done)?;
        }
        out.push(name);
    }
    Ok(out)
}

/// Whether the present objects of a node are those that were built.
fn is_built(
    kernel: &mut Kernel,
    settled: &Settled,
    node: &Node,
    inode: Option<u64>,
) -> Result<bool, Failure> {
    let there = inspect(&node.netns.path())?;
    if inode.is_none_or(|inode| there != Mounted::Netns(inode)) {
        return Ok(false);
    }
    for (interface, network, link) in node.ports() {
        let role = Role::Port(node.name.clone(), interface.name.clone());
        let alias = mark::alias(&settled.project, &role);
        let group = settled.network(network).map(|n| n.group);
        let found = kernel.link_named(link)?;
        let ours =
            found.is_some_and(|l| l.alias.as_deref() == Some(&alias) && Some(l.group) == group);
        if !ours {
            return Ok(false);
        }
    }
    Ok(true)
}
