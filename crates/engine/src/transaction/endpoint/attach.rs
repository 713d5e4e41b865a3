//! Adding a node.

use std::net::IpAddr;
use std::path::Path;

use hallway_kernel::Kernel;
use hallway_kernel::mount::is_mount_point;
use hallway_kernel::netns::{Mounted, inspect};
use hallway_nftables::{Element, IpVersion as NfVersion, Value};
use hallway_plan::diff::endpoint;
use hallway_plan::mark;
use hallway_plan::rules::nf_version;
use hallway_plan::rules::sets::PORTS;
use hallway_plan::settle::pool_addresses;
use hallway_plan::settled::{Node, Publish, Settled};
use hallway_spec::{Edit, IpVersion, NETNS_DIRECTORY, Name, NewNode, Topology};

use super::super::programs::{forwards, program};
use super::super::{Caller, ready};
use super::Prepared;
use super::alone::{NodeAddresses, of_node, settled_with, topology};
use crate::keeper::{BoundSocket, Client, Handshake, KeeperChange, RemovedLinks};
use crate::lease::{Claim, Leases};
use crate::record::change::{EndpointChange, NodeChange, NodeText};
use crate::record::{Member, Outline};
use crate::{Engine, Failure, Reason};

impl Engine {
    /// Adds a node if that concerns no other; whether it was added.
    pub(super) fn attach_alone(
        &self,
        kernel: &mut Kernel,
        outline: &Outline,
        change: &Edit,
        caller: &mut Caller<'_>,
    ) -> Result<bool, Failure> {
        // A keeper that cannot be used is reported, with its cause, by the run for all nodes.
        let directory = self.directory(&outline.frame.project);
        let handshake = match serves(change) {
            true => Handshake::send(&directory, caller.cancel),
            false => Ok(None),
        };
        let Some((mut prepared, given)) = self.prepare_attach(kernel, outline, change)? else {
            return Ok(false);
        };
        let own = Settled {
            publishes: of_node(&prepared.settled, &prepared.node.name),
            ..prepared.settled.clone()
        };
        let served = forwards(&own, self.workplace().porter.is_some());
        let needs_keeper = !served.is_empty() || prepared.node.programs().next().is_some();
        let client = match (needs_keeper, handshake) {
            (false, _) => None,
            (true, Ok(Some(handshake))) => match Client::handshake(handshake) {
                Ok(Some(client)) => Some(client),
                // It has ended by itself, or is of another version.
                _ => return Ok(false),
            },
            (true, _) => return Ok(false),
        };
        // The run for all nodes reports a port in use, with its owner.
        let publishes: Vec<_> = own.publishes.iter().collect();
        if !self.taken(&own, &publishes)?.is_empty() {
            return Ok(false);
        }
        let Ok(listeners) = self.bind(&own, &served, &[], caller) else {
            return Ok(false);
        };
        let path = outline.path().map(str::to_owned);
        self.carry_out(&mut prepared, caller, move |engine, prepared, caller| {
            let inode = engine.build_endpoint(kernel, prepared, &given, caller)?;
            let base = path.as_deref().and_then(|p| Path::new(p).parent());
            let programs = prepared.node.programs();
            let programs =
                programs.map(|of| program(engine, &prepared.settled, &of, Some(inode), base));
            let change = KeeperChange {
                programs: programs.collect::<Result<_, _>>()?,
                forwards: served,
                ..KeeperChange::default()
            };
            engine.serve_endpoint(
                &prepared.settled.project,
                client,
                &change,
                listeners,
                caller,
            )
        })?;
        Ok(true)
    }

    /// All decisions before the first change; `None` if it concerns more than the node.
    fn prepare_attach(
        &self,
        kernel: &mut Kernel,
        outline: &Outline,
        change: &Edit,
    ) -> Result<Option<(Prepared, Vec<NodeAddresses>)>, Failure> {
        let project = &outline.frame.project;
        let (Some(text), Edit::NodeAdd(NewNode { name, .. })) = (NodeText::of(change), change)
        else {
            return Ok(None);
        };
        let (own, in_record) = (outline.own_change(name)?, outline.has_in_record(name));
        let exists = match &own {
            None => in_record,
            Some(own) => own.change != NodeChange::Removed,
        };
        let Some(before) = outline.settled()?.filter(|_| !exists) else {
            return Ok(None);
        };
        let Some(topology) = topology(&before, &outline.rest.text, change) else {
            return Ok(None);
        };
        let Some(given) = self.addresses(outline, &topology, name)? else {
            return Ok(None);
        };
        let caller = self.workplace().caller;
        let Some((settled, node)) = settled_with(&topology, &before, name, &given, caller) else {
            return Ok(None);
        };
        if !is_plain(kernel, outline, &settled, name)?
            || !is_free(kernel, &node)?
            || !self.sees_hosts_of_others(&settled, &node)
            || !Self::networks_are_built(kernel, &settled, &node)?
        {
            return Ok(None);
        }
        let used = given.iter().flat_map(|given| {
            let leases = Leases::through(self.store(), project, &given.network);
            let known = given.addresses.iter().copied();
            known
                .filter(move |a| leases.was_used(*a))
                .collect::<Vec<_>>()
        });
        let used: Vec<IpAddr> = used.collect();
        let publishes = of_node(&settled, name);
        let host = host_of(kernel, &publishes)?;
        let Some(plan) = endpoint::attach(&settled, &node, &used, host) else {
            return Ok(None);
        };
        let member = Box::new(Member {
            node: node.clone(),
            publishes,
        });
        let inode = 0;
        let added = NodeChange::Added {
            member,
            inode,
            text,
        };
        let prepared = Prepared {
            change: EndpointChange::new(outline.generation(), name.clone(), added),
            settled,
            node,
            in_record,
            before: own,
            plan,
        };
        Ok(Some((prepared, given)))
    }

    /// Free addresses on each network of a node, or those that it requests.
    fn addresses(
        &self,
        outline: &Outline,
        topology: &Topology,
        name: &Name,
    ) -> Result<Option<Vec<NodeAddresses>>, Failure> {
        let Some(node) = topology.nodes.iter().find(|n| n.name == *name) else {
            return Ok(None);
        };
        let mut out = Vec::new();
        for attachment in &node.attachments {
            let network = &attachment.network;
            let leases = Leases::through(self.store(), &topology.name, network);
            let (Some(wanted), Some(built)) = (
                topology.networks.iter().find(|n| n.name == *network),
                outline.frame.network(network),
            ) else {
                return Ok(None);
            };
            let mut last = leases.last(outline.generation())?;
            if last.is_empty() {
                last.clone_from(&built.last_allocated);
            }
            let mut addresses = Vec::new();
            for subnet in &wanted.subnets {
                let version = subnet.version();
                let is_version = |a: &&IpAddr| IpVersion::of(**a) == version;
                if addresses.iter().any(|a| is_version(&a)) {
                    continue; // a lan with several subnets of one version
                }
                if let Some(fixed) = attachment.addresses.iter().find(is_version) {
                    if leases.holder(*fixed)?.is_some() {
                        return Ok(None);
                    }
                    addresses.push(*fixed);
                    continue;
                }
                if !wanted.assign {
                    continue;
                }
                let after = last.iter().find(is_version).copied();
                let mut free = pool_addresses(subnet.net, after)
                    .filter(|a| Some(*a) != subnet.gateway && !leases.in_use_at(*a));
                let Some(address) = free.next() else {
                    return Ok(None);
                };
                last.retain(|a| IpVersion::of(*a) != version);
                last.push(address);
                addresses.push(address);
            }
            out.push(NodeAddresses {
                network: network.clone(),
                addresses,
                last,
            });
        }
        Ok(Some(out))
    }

    /// The stages of the kernel and of the files; the inode number of the namespace.
    fn build_endpoint(
        &self,
        kernel: &mut Kernel,
        prepared: &mut Prepared,
        given: &[NodeAddresses],
        caller: &mut Caller<'_>,
    ) -> Result<u64, Failure> {
        let (settled, node) = (&prepared.settled, &prepared.node);
        let project = &settled.project;
        let leases = |network| Leases::through(self.store(), project, network);
        for given in given {
            for address in &given.addresses {
                if let Claim::Held(by) = leases(&given.network).claim(*address, &node.name)? {
                    let address = *address;
                    return Err(Reason::AddressLeased { address, node: by }.into());
                }
            }
        }
        let made = Self::execute_with(kernel, &prepared.plan, Some(caller))?;
        let of_node = made.iter().find(|(netns, _)| node.netns == *netns);
        let inode = of_node.map_or(0, |(_, inode)| *inode);
        let seen = Self::observe_endpoint(kernel, settled, node, inode)?;
        let differences = endpoint::differences(settled, node, &made, &seen);
        if !differences.is_empty() {
            return Err(Reason::NotKept { differences }.into());
        }
        self.add_to_files(settled, node)?;
        for given in given {
            leases(&given.network).note_last(prepared.change.generation, &given.last)?;
        }
        if let NodeChange::Added { inode: of, .. } = &mut prepared.change.change {
            *of = inode;
        }
        self.store()
            .commit_endpoint(project, &prepared.change, prepared.in_record)?;
        Ok(inode)
    }

    /// The keeper's stage.
    fn serve_endpoint(
        &self,
        project: &Name,
        running: Option<Client>,
        change: &KeeperChange,
        listeners: Vec<BoundSocket>,
        caller: &mut Caller<'_>,
    ) -> Result<(), Failure> {
        if change == &KeeperChange::default() {
            return self.store().end_endpoint(project);
        }
        let Some(client) = running else {
            return self.store().end_endpoint(project);
        };
        client.change(change, listeners, RemovedLinks::default())?;
        self.store().end_endpoint(project)?;
        match change.programs.as_slice() {
            [] => Ok(()),
            programs => ready::wait(&client, programs, ready::READY_LIMIT, caller),
        }
    }
}

/// Whether the node may have something that the keeper does.
fn serves(change: &Edit) -> bool {
    match change {
        Edit::NodeAdd(NewNode { ports, command, .. }) => !ports.is_empty() || !command.is_empty(),
        _ => false,
    }
}

/// The addresses of the host for published ports; none if nothing is tracked, so that no connection
/// has to be ended.
fn host_of(kernel: &mut Kernel, publishes: &[Publish]) -> Result<Vec<IpAddr>, Failure> {
    let mut out = Vec::new();
    for version in IpVersion::ALL {
        let mut targets = publishes.iter().flat_map(|p| &p.targets);
        if targets.any(|t| IpVersion::of(*t) == version) && kernel.connection_count()? > 0 {
            out.extend(kernel.local_addresses(nf_version(version))?);
        }
    }
    Ok(out)
}

/// Whether the host ports of a node can be looked up one by one, and no other node publishes them.
fn is_plain(
    kernel: &mut Kernel,
    outline: &Outline,
    settled: &Settled,
    name: &Name,
) -> Result<bool, Failure> {
    let table = mark::table(&settled.project);
    for publish in of_node(settled, name) {
        let range = publish.host_ports.len() > 1 || publish.host_address.is_some();
        let mut special = outline.rest.special_ports.iter();
        let overlaps =
            special.any(|(p, of)| *p == publish.protocol && of.overlaps(publish.host_ports));
        if range || overlaps {
            return Ok(false);
        }
        for version in [NfVersion::V4, NfVersion::V6] {
            let map = PORTS.of(version);
            let protocol = Value::Proto(publish.protocol.number());
            let element = Element::new(vec![protocol, Value::Port(publish.host_ports.first())]);
            if kernel.has_element(map.in_table(&table), &element)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether the names that a node needs are free.
fn is_free(kernel: &mut Kernel, node: &Node) -> Result<bool, Failure> {
    if !is_mount_point(Path::new(NETNS_DIRECTORY))
        || inspect(&node.netns.path())? != Mounted::Absent
    {
        return Ok(false);
    }
    for (_, _, link) in node.ports() {
        match kernel.link_index(link) {
            Ok(_) => return Ok(false),
            Err(e) if e.is_not_found() => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(true)
}
