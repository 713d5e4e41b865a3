//! The executor: carries out the steps of a plan, one at a time. Every step contains all data it
//! needs; the executor reads neither the topology nor the record nor the environment, and every
//! operation passes the gate of its [`Kernel`] handle.

mod adjust;
mod firewall_accepts;
mod flows;
mod links;
mod namespaces;
mod outcome;
mod rules;
mod uplinks;

use std::collections::BTreeMap;

use hallway_kernel::netns::Netns;
use hallway_kernel::route::{self, RouteSpec};
use hallway_kernel::{Kernel, KernelError, link};
use hallway_plan::compare::ObjectPlace;
use hallway_plan::mark;
use hallway_plan::step::{Flows, Op, Step};
use hallway_spec::{NetnsName, NetnsRef};
use ipnet::IpNet;
use rustix::io::Errno;

use flows::ConnectionFlush;
use namespaces::Maker;

pub(crate) use outcome::{StepFailed, absent_is_done, is_ours};

/// Carries out steps.
pub(crate) struct Executor<'k> {
    kernel: &'k mut Kernel,
    maker: Maker,
    flush: Option<ConnectionFlush>,
    /// The step that ends connections while the next one creates a namespace.
    beside: Option<usize>,
    bridges: BTreeMap<String, u32>,
    /// The inode of the namespace that the steps are carried out from, which does not change.
    own_inode: Option<u64>,
}

impl<'k> Executor<'k> {
    /// An executor for these steps. Namespaces that they create are created ahead, by a separate
    /// thread, from the first such step on.
    pub(crate) fn new(kernel: &'k mut Kernel, steps: &[Step]) -> Self {
        Self {
            maker: Maker::new(steps, kernel.sibling()),
            kernel,
            flush: None,
            beside: steps.windows(2).position(|pair| {
                let of = |n: usize| pair.get(n).map(|step| &step.op);
                matches!(
                    (of(0), of(1)),
                    (Some(Op::FlushConnections(_)), Some(Op::CreateNamespace(_)))
                )
            }),
            bridges: BTreeMap::new(),
            own_inode: None,
        }
    }

    /// Waits until everything started is done; inode numbers of the namespaces created, by name.
    pub(crate) fn close(mut self) -> Result<Vec<(NetnsName, u64)>, StepFailed> {
        let made = self.maker.finish()?;
        self.flush.take().map_or(Ok(()), ConnectionFlush::finish)?;
        Ok(made)
    }

    /// Carries out one step.
    pub(crate) fn step(&mut self, position: usize, op: &Op) -> Result<(), StepFailed> {
        match op {
            Op::CreatePort(port) => self.maker.wait_for(&port.netns)?,
            Op::CreateMacvlan(new) => self.maker.wait_for(&new.end.netns)?,
            Op::CreateCable(cable) => {
                self.maker.wait_for(&cable.a.netns)?;
                self.maker.wait_for(&cable.b.netns)?;
            }
            _ => {}
        }
        if let Op::FlushConnections(flows) = op
            && self.begin_flush(position, flows)
        {
            return Ok(());
        }
        self.act(op).map_err(|error| StepFailed { position, error })
    }

    /// Ends connections beside the next step; false if they are to be ended before it, or there can be
    /// no thread.
    fn begin_flush(&mut self, position: usize, flows: &Flows) -> bool {
        if self.beside != Some(position) || self.kernel.one_by_one() {
            return false;
        }
        self.flush = ConnectionFlush::begin(self.kernel, position, flows).ok();
        self.flush.is_some()
    }

    fn act(&mut self, op: &Op) -> Result<(), KernelError> {
        match op {
            Op::AddUnreachable { to } => self.kernel.run(route::replace_route(&unreachable(*to))),
            Op::RemoveUnreachable { to } => {
                absent_is_done(self.kernel.run(route::delete_route(&unreachable(*to))))
            }
            Op::ReplaceRules(new) => self.replace_rules(new),
            Op::ChangeRules { table, delta } => self.change_rules(table, delta),
            Op::Unpublish { table } => self.unpublish(table),
            Op::RemoveRules { table } => self.remove_rules(table),
            Op::CreateBridge(bridge) => match &bridge.vlan {
                Some(vlan) => self.create_vlan(&bridge.link, vlan),
                None => self.create_bridge(&bridge.link),
            },
            Op::RemoveGroup { group, .. } => {
                absent_is_done(self.kernel.run(link::delete_group(*group)))
            }
            Op::RemoveLink { name } => self.kernel.remove_link(name, is_ours),
            Op::CreateNamespace(_) => {
                self.maker.begin();
                Ok(())
            }
            Op::RemoveNamespace { netns, links } => self.remove_namespace(netns, links),
            Op::CreatePort(port) => self.create_port(port),
            Op::CreateMacvlan(new) => self.create_macvlan(new),
            Op::CreateCable(cable) => self.create_cable(cable),
            Op::RemoveInterface { netns, name } => {
                let removed = self.inside(netns, |kernel| kernel.remove_link(name, |_| true));
                absent_is_done(removed)
            }
            Op::Adjust {
                place: ObjectPlace::Host,
                change,
            } => adjust::adjust(self.kernel, change),
            Op::Adjust {
                place: ObjectPlace::Node { netns, .. },
                change,
            } => self.inside(netns, |kernel| adjust::adjust(kernel, change)),
            Op::ForwardUplinks {
                table,
                uplinks,
                bridges,
                ..
            } => self.forward_uplinks(table, uplinks, bridges),
            Op::LetThrough {
                entry,
                pass,
                project,
            } => self.accept_in_firewall(entry, pass, project),
            Op::RemoveAccept { entry, handle, .. } => self.remove_accept(entry, *handle),
            Op::RemoveUplinks {
                table,
                uplinks,
                bridges,
            } => self.remove_uplinks(table, uplinks, bridges),
            Op::RestoreUplinks { uplinks } => self.restore_uplinks(uplinks),
            Op::Announce(new) => self.announce(new),
            Op::FlushConnections(flows) => flows::flush(self.kernel, flows),
        }
    }

    /// Runs a function inside a named namespace.
    fn inside<T>(
        &mut self,
        netns: &NetnsRef,
        work: impl FnOnce(&mut Kernel) -> Result<T, KernelError>,
    ) -> Result<T, KernelError> {
        let namespace = self.open_node(netns)?;
        self.kernel.inside(&namespace, work)
    }

    /// Opens the namespace of a node. One of other programs may have become the host's own since it was examined:
    /// nothing is done there.
    fn open_node(&mut self, netns: &NetnsRef) -> Result<Netns, KernelError> {
        let path = netns.path();
        let namespace = Netns::open(&path)?;
        let own = match self.own_inode {
            Some(own) => own,
            None => *self.own_inode.insert(Netns::current()?.inode()?),
        };
        if namespace.inode()? != own {
            return Ok(namespace);
        }
        let name = path.display().to_string();
        let mut error = KernelError::new("enter the namespace of a node", name, Errno::NOENT);
        error.detail = Some("it is the host's own namespace now".into());
        Err(error)
    }
}

fn unreachable(to: IpNet) -> RouteSpec {
    RouteSpec {
        to,
        via: None,
        interface: None,
        kind: route::RouteType::Unreachable,
        metric: Some(mark::UNREACHABLE_METRIC),
        protocol: mark::ROUTE_PROTOCOL,
        source: None,
    }
}
