//! One node added or removed in a time that does not grow with the number of the others: only what
//! concerns the node is read, planned, examined and written.
//!
//! The plan is made from the record without the nodes that nothing names, so its steps are those of
//! a plan of the whole. All other cases (another object has a name that is needed, a policy names
//! the node, the kernel does not hold what is on record) are left to the run that concerns all
//! nodes: nothing has been changed by then, and that run repairs it or reports what is wrong. A
//! step that fails is undone in the same way as in any other run.

mod alone;
mod attach;
mod detach;
mod files;

use hallway_kernel::Kernel;
use hallway_plan::Settled;
use hallway_plan::observed::{NamespaceState, Observed, Seen, SeenNamespace};
use hallway_plan::rules::elements::of_network;
use hallway_plan::settled::Node;
use hallway_plan::{Plan, mark};
use hallway_spec::{Edit, Mode, Name};

use super::Caller;
use crate::event::Event;
use crate::observe;
use crate::record::Outline;
use crate::record::change::EndpointChange;
use crate::{Engine, Failure};

/// A change of one node that is about to be made.
struct Prepared {
    change: EndpointChange,
    /// The node with everything that concerns it.
    settled: Settled,
    node: Node,
    /// Whether the record itself has a node of that name.
    in_record: bool,
    /// The complete change that was in the node's own file before.
    before: Option<EndpointChange>,
    plan: Plan,
}

impl Engine {
    /// Makes an edit if it concerns one node alone; whether it was made. Otherwise nothing has been
    /// changed.
    pub(super) fn edit_alone(
        &self,
        project: &Name,
        change: &Edit,
        caller: &mut Caller<'_>,
    ) -> Result<bool, Failure> {
        if !matches!(change, Edit::NodeAdd(_) | Edit::NodeRemove(_)) {
            return Ok(false);
        }
        let kernel = &mut self.kernel();
        if matches!(change, Edit::NodeAdd(_)) {
            kernel.create_netns_ahead();
        }
        let Some(outline) = Outline::load(self.scope(), project)? else {
            return Ok(false);
        };
        match change {
            Edit::NodeRemove(name) => self.detach_alone(kernel, &outline, name, caller),
            added => self.attach_alone(kernel, &outline, added, caller),
        }
    }

    /// Whether the bridges and elements of a node's networks are in the kernel as required.
    fn networks_are_built(
        kernel: &mut Kernel,
        settled: &Settled,
        node: &Node,
    ) -> Result<bool, Failure> {
        for (_, name, _) in node.ports() {
            let Some(network) = settled.network(name) else {
                return Ok(false);
            };
            // The new link would accept packets from the host's own addresses.
            if network.mode == Mode::Routed && observe::source_routing::any_rules(kernel)? {
                return Ok(false);
            }
            if let Some(bridge) = &network.bridge {
                let role = mark::Role::Bridge(network.name.clone());
                let alias = mark::alias(&settled.project, &role);
                let found = kernel.link_named(bridge)?;
                let ours = found.is_some_and(|link| {
                    link.up
                        && link.kind.as_deref() == Some("bridge")
                        && link.group == network.group
                        && link.alias.as_deref() == Some(&alias)
                });
                if !ours {
                    return Ok(false);
                }
            }
            for (set, element) in of_network(network) {
                let table = mark::table(&settled.project);
                let set = set.in_table(&table);
                // A prefix is an interval, which not every kernel finds by its first address.
                let single = !set.layout.interval;
                if single && !kernel.has_element(set, &element)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Carries out the steps; if one fails, the former state is restored.
    fn carry_out(
        &self,
        prepared: &mut Prepared,
        caller: &mut Caller<'_>,
        work: impl FnOnce(&Self, &mut Prepared, &mut Caller<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let project = prepared.settled.project.clone();
        caller.report(Event::Planned {
            steps: prepared.plan.steps.len(),
        });
        let begun = self.store().begin_endpoint(&project, &prepared.change);
        let Err(mut failure) = begun.and_then(|()| work(self, prepared, caller)) else {
            return Ok(());
        };
        caller.report(Event::Restoring);
        failure
            .also
            .extend(self.undo_endpoint(&project, prepared, caller).err());
        Err(failure)
    }

    /// Restores the state of the record without the change, from any point where the run failed.
    fn undo_endpoint(
        &self,
        project: &Name,
        prepared: &Prepared,
        caller: &mut Caller<'_>,
    ) -> Result<(), Failure> {
        self.store()
            .reopen_endpoint(project, &prepared.change, prepared.before.as_ref())?;
        let Some(mut undone) = self.undo_steps(project)? else {
            return Ok(());
        };
        match undone.changed {
            true => self.store().save(project, &mut undone.record)?,
            // The record is as it was before the change; nothing is written: the disk may be full.
            false => self.store().end_endpoint(project)?,
        }
        if let Some(applied) = undone.record.applied {
            self.sync_keeper(project, &applied, caller)?;
        }
        undone.inside.map_or(Ok(()), Err)
    }

    /// The present objects of a node: its namespace, and its links on the host.
    fn observe_endpoint(
        kernel: &mut Kernel,
        settled: &Settled,
        node: &Node,
        inode: u64,
    ) -> Result<Observed, Failure> {
        let networks = node
            .ports()
            .filter_map(|(_, network, _)| settled.network(network));
        let mut out = Observed::default();
        for link in node.ports().map(|(_, _, link)| link) {
            if let Some(found) = kernel.link_named(link)? {
                out.host.links.push(observe::link(found));
            }
        }
        for bridge in networks.filter_map(|n| n.bridge.as_deref()) {
            out.host
                .links
                .extend(kernel.link_named(bridge)?.map(observe::link));
        }
        let Some(name) = node.netns.name() else {
            return Ok(out);
        };
        let mut namespace = SeenNamespace {
            name: name.clone(),
            state: NamespaceState::Mounted(inode),
            owner: None,
            inside: Seen::Unseen,
        };
        let keys: Vec<_> = node.sysctls.keys().cloned().collect();
        observe::examine(kernel, &mut namespace, keys);
        out.namespaces.push(namespace);
        Ok(out)
    }
}
