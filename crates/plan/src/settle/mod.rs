//! Topology → [`Settled`]: every address, name, MAC, group and route decided.
//!
//! Choices of the previous run are kept where they are still possible, so that an edit changes
//! nothing else.

mod automatic;
mod built;
mod cables;
mod conflict;
mod external;
mod host_links;
mod joined;
mod names;
mod parent;
mod policy;
mod pool;
mod prefixes;
mod routers;
mod routes;
mod starts;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hallway_spec::{
    Command, ExtraHost, IpVersion, Mode, Name, NetnsName, NetnsRef, Program, Topology,
};
use ipnet::IpNet;

use crate::settled::{Interface, Network, Node, Plug, Publish, Settled, Sidecar, Subnet, Workload};
use crate::{hosts, mark};

pub use automatic::complete;
pub use conflict::{Conflict, ConflictCode};
pub use host_links::HostLink;
pub use joined::{contradiction, followed};
pub use names::{Surroundings, renamed};
pub use pool::pool_addresses;

/// Decides everything the topology leaves open.
///
/// # Errors
/// Every conflict with what is there already: foreign namespaces, routes and addresses.
pub fn settle(
    topology: &Topology,
    previous: Option<&Settled>,
    around: &Surroundings,
) -> Result<Settled, Vec<Conflict>> {
    let topology = &external::complete(topology, around)?;
    let topology = &complete(topology, previous, around).map_err(|conflict| vec![conflict])?;
    let mut conflicts = names::prefix_conflicts(topology, previous, around);
    let slot = names::slot(&topology.name, previous, around);
    let mut namer = names::Namer::new(&topology.name, around);
    let networks = networks(topology, previous, slot, &mut namer);
    let mut pools = pool::Pools::new(topology, previous);
    for network in &topology.networks {
        let others = parent::reserved(&topology.name, network, around);
        pools.reserve(&network.name, others);
    }
    let earlier = previous.into_iter().flat_map(|p| &p.nodes);
    let joining = joined::Joining::new(topology, around);
    let mut settling = Nodes {
        topology,
        joining: &joining,
        earlier: earlier.map(|n| (&n.name, n)).collect(),
        namer,
        pools,
    };
    let mut nodes = Vec::with_capacity(topology.nodes.len());
    for node in &topology.nodes {
        let netns = settling.netns(node).unwrap_or_else(|conflict| {
            conflicts.push(conflict);
            NetnsName::from(node.name.clone()).into()
        });
        nodes.push(settling.node(node, netns));
    }
    let pools = settling.pools;
    let cables = cables::add(topology, &joining, &mut nodes);
    let filtered = policy::filtered_networks(topology, &nodes);
    let mut settled = Settled {
        project: topology.name.clone(),
        slot,
        networks,
        nodes,
        cables,
        publishes: Vec::new(),
        policies: Vec::new(),
        allow_through: previous.map_or_else(Vec::new, |p| p.allow_through.clone()),
    };
    for network in &mut settled.networks {
        network.filtered = filtered.contains(&network.name);
        network.last_allocated = pools.last_allocated(&network.name);
    }
    starts::not_required(&mut settled);
    extra_hosts(topology, &mut settled);
    settled.publishes = publishes(topology, &settled);
    settled.policies = policy::policies(topology, &settled);
    routes::add(topology, &mut settled);
    routers::add(topology, &mut settled);
    conflicts.extend(joining.conflicts(&settled));
    if conflicts.is_empty() {
        Ok(settled)
    } else {
        Err(conflicts)
    }
}

fn networks(
    topology: &Topology,
    previous: Option<&Settled>,
    slot: u16,
    namer: &mut names::Namer<'_>,
) -> Vec<Network> {
    let kept: BTreeMap<&Name, u16> = previous
        .filter(|p| p.slot == slot)
        .map(|p| {
            p.networks
                .iter()
                .map(|n| (&n.name, (n.group & 0xfff) as u16))
                .collect()
        })
        .unwrap_or_default();
    let mut used: BTreeSet<u16> = topology
        .networks
        .iter()
        .filter_map(|n| kept.get(&n.name).copied())
        .collect();
    let mut next = 1_u16;
    let mut out = Vec::with_capacity(topology.networks.len());
    for network in &topology.networks {
        let index = kept.get(&network.name).copied().unwrap_or_else(|| {
            while used.contains(&next) {
                next += 1;
            }
            used.insert(next);
            next
        });
        let group = mark::group(slot, index, network.mode == Mode::Lan);
        out.push(self::network(&topology.name, network, group, namer));
    }
    out
}

fn network(
    project: &Name,
    network: &hallway_spec::Network,
    group: u32,
    namer: &mut names::Namer<'_>,
) -> Network {
    let parent = parent::of(project, network, namer.around);
    let (parent, vlan) = match parent.ok().flatten() {
        Some(parent) => (Some(parent.link), parent.vlan),
        None => (None, None),
    };
    let bridge = match &network.external {
        Some(bridge) => Some(bridge.to_string()),
        None => match network.mode {
            Mode::Bridge | Mode::Lan => Some(namer.bridge(&network.name)),
            Mode::Routed | Mode::Macvlan => parent,
        },
    };
    // The gateway of a network with a parent is not an address of the host.
    let (mut subnets, mut routers) = (Vec::new(), Vec::new());
    for subnet in &network.subnets {
        let gateway = subnet.gateway.filter(|_| network.parent.is_none());
        routers.extend(subnet.gateway.filter(|_| network.parent.is_some()));
        let net = subnet.net;
        subnets.push(Subnet { net, gateway });
    }
    let own_mac = mark::mac(&[project.as_ref(), "bridge", network.name.as_ref()]);
    let external = bridge.as_ref().filter(|_| network.external.is_some());
    Network {
        name: network.name.clone(),
        group,
        mac: external
            .and_then(|bridge| namer.around.host_links.get(bridge)?.mac)
            .unwrap_or(own_mac),
        subnets,
        internal: network.internal,
        outside: network.outside,
        external: external.is_some() || (network.parent.is_some() && vlan.is_none()),
        vlan,
        routers,
        bridge,
        nat: network.nat,
        mode: network.mode,
        mtu: network.mtu,
        filtered: false,
        last_allocated: Vec::new(),
        place: network.place.clone(),
    }
}

/// Decides what is open about nodes.
struct Nodes<'a> {
    topology: &'a Topology,
    joining: &'a joined::Joining<'a>,
    earlier: BTreeMap<&'a Name, &'a Node>,
    namer: names::Namer<'a>,
    pools: pool::Pools,
}

impl Nodes<'_> {
    /// A node's namespace.
    fn netns(&mut self, node: &hallway_spec::Node) -> Result<NetnsRef, Conflict> {
        match self.joining.netns(&node.name) {
            Some(netns) => Ok(netns),
            None => self
                .namer
                .netns(&node.name, &node.place)
                .map(NetnsRef::from),
        }
    }

    fn node(&mut self, node: &hallway_spec::Node, netns: NetnsRef) -> Node {
        let mut interfaces: Vec<Interface> = Vec::with_capacity(node.attachments.len());
        for (position, attachment) in node.attachments.iter().enumerate() {
            let mut networks = self.topology.networks.iter();
            let Some(network) = networks.find(|n| n.name == attachment.network) else {
                continue; // the parser has refused unknown networks
            };
            let taken: Vec<String> = interfaces.iter().map(|i| i.name.clone()).collect();
            let name = attachment.interface.as_ref().map_or_else(
                || {
                    self.joining
                        .interface(node, &network.name, position, &taken)
                },
                ToString::to_string,
            );
            let of = network.name.clone();
            let plug = match network.parent {
                Some(_) => Plug::Macvlan { network: of },
                None => Plug::Port {
                    network: of,
                    link: self.namer.port(&node.name, position, &name),
                },
            };
            let addresses = self.pools.allocate(network, node, attachment);
            interfaces.push(Interface {
                mac: attachment.mac.map_or_else(
                    || self.chosen_mac(&node.name, &name, addresses.first()),
                    hallway_spec::Mac::octets,
                ),
                addresses: addresses
                    .into_iter()
                    .map(|address| with_length(network, address))
                    .collect(),
                mtu: network.mtu,
                bandwidth: attachment.bandwidth,
                impairments: attachment.impairments.effective(),
                dhcp_server: attachment.dhcp_server,
                router: attachment.router,
                sources: attachment.sources.clone(),
                masquerade: attachment.masquerade,
                behind: Vec::new(),
                aliases: attachment.aliases.clone(),
                plug,
                name,
            });
        }
        Node {
            name: node.name.clone(),
            netns,
            joined: self.joining.of(node),
            default_route: node.default_route,
            interfaces,
            routes: Vec::new(),
            ipv6: node.ipv6,
            forwarding: node.forwarding,
            connections: node.connections,
            hostname: node.hostname.clone(),
            sysctls: node.sysctls.clone(),
            dns: node.dns.clone(),
            dns_search: node.dns_search.clone(),
            extra_hosts: Vec::new(),
            environment: node.program.environment.clone(),
            service: node.command.as_ref().map(|c| workload(c, &node.program)),
            sidecars: node.sidecars.iter().map(sidecar).collect(),
            place: node.place.clone(),
        }
    }

    /// A MAC address that is derived from the interface's first address: entries of neighbours stay
    /// valid when the address moves to another interface. An interface whose MAC address was derived
    /// from its name keeps it as long as it has the same address.
    fn chosen_mac(&self, node: &Name, interface: &str, address: Option<&IpAddr>) -> [u8; 6] {
        let project = self.topology.name.as_ref();
        let by_name = mark::mac(&[project, node.as_ref(), interface]);
        let before = self.earlier.get(node);
        let made = before.and_then(|n| n.interfaces.iter().find(|i| i.name == interface));
        let keeps = made.is_some_and(|made| {
            made.mac == by_name && made.addresses.first().map(IpNet::addr) == address.copied()
        });
        match address {
            Some(address) if !keeps => mark::mac(&[project, &address.to_string()]),
            _ => by_name,
        }
    }
}

fn sidecar(sidecar: &hallway_spec::Sidecar) -> Sidecar {
    Sidecar {
        name: sidecar.name.clone(),
        environment: sidecar.program.environment.clone(),
        service: workload(&sidecar.command, &sidecar.program),
        place: sidecar.place.clone(),
    }
}

fn workload(command: &Command, program: &Program) -> Workload {
    let depends_on = program.depends_on.iter().map(|d| d.on.clone());
    Workload {
        command: command.words().to_vec(),
        ready: program.ready.clone(),
        restart: program.restart,
        may_fail: program.may_fail,
        working_dir: program.working_dir.clone(),
        user: program.user.clone(),
        healthcheck: program.healthcheck.clone(),
        depends_on: depends_on.collect(),
    }
}

/// On a bridge with the network's prefix length; on a routed network as a single address.
fn with_length(network: &hallway_spec::Network, address: IpAddr) -> IpNet {
    match network.mode {
        Mode::Routed => IpNet::from(address),
        Mode::Bridge | Mode::Lan | Mode::Macvlan => network
            .subnets
            .iter()
            .find(|s| s.net.contains(&address))
            .and_then(|s| IpNet::new(address, s.net.prefix_len()).ok())
            .unwrap_or_else(|| IpNet::from(address)),
    }
}

/// Fills in the further names of every node, for which the host's addresses are known now.
fn extra_hosts(topology: &Topology, settled: &mut Settled) {
    // Both have the nodes in the file's order.
    for (position, node) in topology.nodes.iter().enumerate() {
        let own = settled.nodes.get(position);
        let gateways = own.map(|n| hosts::of_host(settled, n)).unwrap_or_default();
        let hosts = node.extra_hosts.iter().flat_map(|(name, host)| {
            let addresses = match host {
                ExtraHost::Address(address) => vec![*address],
                ExtraHost::Gateway => gateways.clone(),
            };
            addresses.into_iter().map(move |a| (name.clone(), a))
        });
        let hosts = hosts.collect();
        if let Some(node) = settled.nodes.get_mut(position) {
            node.extra_hosts = hosts;
        }
    }
}

fn publishes(topology: &Topology, settled: &Settled) -> Vec<Publish> {
    let mut out = Vec::new();
    // `settled` has one node for each, in the same order.
    for (node, built) in topology.nodes.iter().zip(&settled.nodes) {
        for port in &node.ports {
            let host_address = port.host_address.filter(|a| !a.is_unspecified());
            let named = node.port_names.iter().find(|n| n.place == port.place);
            out.push(Publish {
                node: node.name.clone(),
                name: named.map(|n| n.name.clone()),
                host_address,
                named_address: port.host_address,
                host_ports: port.host_ports,
                node_ports: port.node_ports,
                protocol: port.protocol,
                targets: targets(settled, built, port.host_address),
                place: port.place.clone(),
            });
        }
    }
    out
}

/// The node's first address of each IP version on a network that is not internal.
fn targets(settled: &Settled, node: &Node, host_address: Option<IpAddr>) -> Vec<IpAddr> {
    let mut out: Vec<IpAddr> = Vec::new();
    for (interface, network, _) in node.ports() {
        if settled
            .network(network)
            .is_none_or(|n| n.internal || n.outside)
        {
            continue;
        }
        for address in interface.addresses.iter().map(IpNet::addr) {
            let version = IpVersion::of(address);
            let wanted = host_address.is_none_or(|h| IpVersion::of(h) == version);
            if wanted && out.iter().all(|a| IpVersion::of(*a) != version) {
                out.push(address);
            }
        }
    }
    out
}
