//! The built network as packets find it: which node has which address, what is connected to what,
//! and how packets are routed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use hallway_spec::{Mode, Name};
use ipnet::IpNet;

use super::added;
use super::context::context;
use super::environment::Environment;
use super::has::Has;
use super::packet::Flow;
use super::single_link::{host_has, is_link_local6, link_local};
use super::stand_in::StandIns;
use crate::rules::{Guarded, router};
use crate::settled::{Interface, Network, Node, Plug, Settled};
use hallway_nftables::evaluate::{Evaluator, PacketContext, PacketVerdict};
use hallway_nftables::{ChainType, Family, Hook, Ruleset};

/// A built project, ready for questions.
///
/// ```
/// use hallway_plan::reach::{Environment, Outcome, Question, Service, World};
/// use hallway_plan::{Observed, Surroundings, rules, settle};
///
/// let text = "
/// networks: { a: { subnet: 10.0.0.0/24 }, b: { subnet: 10.0.1.0/24 } }
/// nodes: { x: { networks: [a] }, y: { networks: [b] } }
/// ";
/// let topology = hallway_spec::parse("t.yaml", text)?.topology;
/// let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
/// let settled = settle(&topology, None, &around).unwrap();
/// let rules = rules::ruleset(&settled);
/// let world = World::new(&settled, &rules, Environment::default()).unwrap();
/// let (from, to) = (world.party("x").unwrap(), world.party("y").unwrap());
/// let question = Question { from, to, service: Service::Icmp };
/// let path = question.predict(&world).remove(0);
/// assert_eq!(path.outcome, Outcome::Filtered);
/// assert_eq!(path.reason.code.text(), "default-deny");
/// # Ok::<(), hallway_spec::Problems>(())
/// ```
#[derive(Debug)]
pub struct World<'a> {
    pub(super) settled: &'a Settled,
    pub(super) inet: Evaluator<'a>,
    pub(super) bridge: Evaluator<'a>,
    pub(super) environment: Environment,
    members: BTreeMap<(usize, IpAddr), (&'a Node, usize)>,
    /// The same of addresses that programs have added.
    members_added: BTreeMap<(usize, IpAddr), Vec<(&'a Node, usize)>>,
    pub(super) added: BTreeMap<&'a Name, Vec<(usize, IpNet)>>,
    /// Each address of an interface, with the nodes that have it and the positions of the interfaces.
    pub(super) owners: BTreeMap<IpAddr, Vec<(&'a Node, usize)>>,
    nodes: BTreeMap<&'a Name, &'a Node>,
    pub(super) stand_ins: StandIns,
    /// The guard's tables.
    pub(super) guard: Ruleset,
    /// The tables inside nodes that translate addresses.
    tables: BTreeMap<&'a Name, Ruleset>,
}

/// A link of the host by which packets come in or go out, with its device group.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostPort<'a> {
    pub(super) name: &'a str,
    pub(super) group: u32,
}

/// The link out of the host; it is not of hallway, so it is in no group.
pub(super) const UPLINK: HostPort<'static> = HostPort {
    name: "uplink",
    group: 0,
};

/// How a node sends a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextHop {
    /// The position of the interface among the node's.
    pub(super) interface: usize,
    /// The neighbour's address; the destination's own where it is on the link.
    pub(super) address: IpAddr,
    /// The next hop of the route, where there is one.
    pub(super) via: Option<IpAddr>,
    /// That of the route's destination.
    pub(super) prefix_len: u8,
}

/// How the host sends a packet.
#[derive(Debug, Clone, Copy)]
pub(super) enum HostRoute<'a> {
    /// To the host itself.
    Local,
    /// Onto a network, by its bridge or one member's link.
    Network(usize, &'a str),
    /// By a link that is not the project's, with its device group.
    Uplink(u32),
    /// The same by this link, which a routing rule for some sources leads to.
    ByRule(&'a str, u32),
    /// It has no route.
    None,
}

impl<'a> World<'a> {
    /// A project with its rules; `None` if the ruleset is incomplete.
    #[must_use]
    pub fn new(settled: &'a Settled, rules: &'a Ruleset, environment: Environment) -> Option<Self> {
        let positions: BTreeMap<&Name, usize> = settled
            .networks
            .iter()
            .enumerate()
            .map(|(position, network)| (&network.name, position))
            .collect();
        let mut members = BTreeMap::new();
        let mut owners: BTreeMap<IpAddr, Vec<(&Node, usize)>> = BTreeMap::new();
        for node in &settled.nodes {
            for (index, interface) in node.interfaces.iter().enumerate() {
                for address in interface.addresses.iter().map(IpNet::addr) {
                    owners.entry(address).or_default().push((node, index));
                }
                if let Some(network) = interface.plug.network()
                    && let Some(position) = positions.get(network)
                {
                    let own = interface.addresses.iter().map(IpNet::addr);
                    for address in own.chain(link_local(node, interface)) {
                        members.insert((*position, address), (node, index));
                    }
                }
            }
        }
        let mut added: BTreeMap<&Name, Vec<(usize, IpNet)>> = BTreeMap::new();
        let mut members_added: BTreeMap<(usize, IpAddr), Vec<(&Node, usize)>> = BTreeMap::new();
        for (node, index, net) in added::of(settled, &environment) {
            let address = net.addr();
            added.entry(&node.name).or_default().push((index, net));
            owners.entry(address).or_default().push((node, index));
            let network = node.interfaces.get(index).and_then(|i| i.plug.network());
            if let Some(position) = network.and_then(|n| positions.get(n)) {
                let all = members_added.entry((*position, address)).or_default();
                all.push((node, index));
            }
        }
        Some(Self {
            settled,
            inet: Evaluator::new(rules, Family::Inet)?,
            bridge: Evaluator::new(rules, Family::Bridge)?,
            stand_ins: StandIns::new(settled, &environment),
            environment,
            guard: Guarded::of(settled, &[], |_| false).ruleset(&settled.project),
            members,
            members_added,
            added,
            owners,
            nodes: settled.nodes.iter().map(|n| (&n.name, n)).collect(),
            tables: (settled.nodes.iter())
                .filter_map(|n| Some((&n.name, router::ruleset(&settled.project, n)?)))
                .collect(),
        })
    }

    /// The project.
    #[must_use]
    pub fn settled(&self) -> &'a Settled {
        self.settled
    }

    /// Whether the host would let a connection begin; addresses and ports are those after
    /// destination NAT.
    #[must_use]
    pub fn may_begin(&self, flow: &Flow, dnated: bool) -> bool {
        let (hook, iif_group, oif_group) = match (self.is_host(flow.from), self.is_host(flow.to)) {
            (true, true) => return true,
            // The filter uses the route that was chosen before the translation.
            (true, false) if dnated => (Hook::Output, 0, 0),
            (true, false) => (Hook::Output, 0, self.group_of(flow.to)),
            (false, true) => (Hook::Input, self.group_of(flow.from), 0),
            (false, false) => {
                let groups = [flow.from, flow.to].map(|address| self.group_of(address));
                (Hook::Forward, groups[0], groups[1])
            }
        };
        let mut context = PacketContext {
            iif_group,
            oif_group,
            dnated,
            oif: self.port(self.host_route(flow.to), flow.to).name,
            ..context(flow)
        };
        let chains = self.inet.hooked(hook, ChainType::Filter);
        chains.into_iter().all(|chain| {
            let verdict = self.inet.evaluate(chain, &context);
            context.mark = verdict.mark;
            !matches!(verdict.verdict, PacketVerdict::Drop | PacketVerdict::Reject)
        })
    }

    /// The device group of the network an address is on; 0 for any other address.
    fn group_of(&self, address: IpAddr) -> u32 {
        let by_prefix = self.network_of(address).and_then(|p| self.network(p));
        let by_interface = || {
            let own = |i: &Interface| i.link_local().is_some_and(|net| net.addr() == address);
            let mut ports = self.settled.nodes.iter().flat_map(Node::ports);
            let (_, network, _) = ports.find(|(interface, _, _)| own(interface))?;
            self.settled.network(network)
        };
        by_prefix
            .or_else(by_interface)
            .map_or(0, Network::group_of_packets)
    }

    /// The bridge that a node's port is in; empty for any other link.
    pub(super) fn bridge_of(&self, link: &str) -> &'a str {
        let mut ports = self.settled.nodes.iter().flat_map(Node::ports);
        let found = ports.find(|(_, _, port)| *port == link && !link.is_empty());
        let network = found.and_then(|(_, network, _)| self.settled.network(network));
        network
            .and_then(|n| n.bridge.as_deref())
            .unwrap_or_default()
    }

    /// The external network whose bridge has that name.
    pub(super) fn external(&self, bridge: &str) -> Option<&'a Network> {
        let mut all = self.settled.networks.iter().filter(|n| n.external);
        all.find(|n| n.bridge.as_deref() == Some(bridge))
    }

    pub(super) fn node(&self, name: &Name) -> Option<&'a Node> {
        self.nodes.get(name).copied()
    }

    /// The table by which a node translates addresses.
    pub(super) fn table_of(&self, node: &Node) -> Option<Evaluator<'_>> {
        Evaluator::new(self.tables.get(&node.name)?, Family::Inet)
    }

    pub(super) fn network_position(&self, name: &Name) -> Option<usize> {
        self.settled.networks.iter().position(|n| &n.name == name)
    }

    pub(super) fn network(&self, position: usize) -> Option<&'a Network> {
        self.settled.networks.get(position)
    }

    /// The network whose prefix an address lies in, outside ones too; the first of lans that have it.
    pub(super) fn network_of(&self, address: IpAddr) -> Option<usize> {
        (self.settled.networks.iter())
            .position(|n| n.subnets.iter().any(|s| s.net.contains(&address)))
    }

    /// The node that has an address on a network, and the position of its interface.
    pub(super) fn member(&self, network: usize, address: IpAddr) -> Option<(&'a Node, usize)> {
        let of_file = self.members.get(&(network, address)).copied();
        of_file.or_else(|| match self.members_added(network, address) {
            [one] => Some(*one),
            _ => None,
        })
    }

    /// The nodes whose programs have added an address on a network.
    pub(super) fn members_added(&self, network: usize, address: IpAddr) -> &[(&'a Node, usize)] {
        let all = self.members_added.get(&(network, address));
        all.map_or(&[], Vec::as_slice)
    }

    /// A node that has the address.
    pub(super) fn owner(&self, address: IpAddr) -> Option<&'a Node> {
        let on_network = self
            .network_of(address)
            .and_then(|n| self.member(n, address));
        on_network
            .map(|(node, _)| node)
            .or_else(|| self.settled.nodes.iter().find(|n| owns(n, address)))
            .or_else(|| self.owners.get(&address)?.first().map(|(node, _)| *node))
            .or_else(|| {
                self.owners(address)
                    .find(|n| self.has(n, address) == Has::Yes)
            })
    }

    /// Whether the host has the address.
    pub(super) fn is_host(&self, address: IpAddr) -> bool {
        address.is_loopback()
            || self.stands_for_host(address)
            || self.environment.host_addresses.contains(&address)
            || self.linked().any(|n| host_has(n, address))
    }

    /// The host's addresses on the project's networks.
    pub(super) fn gateways(&self) -> impl Iterator<Item = IpAddr> {
        self.linked().flat_map(Network::gateways)
    }

    /// Networks on which the host has a link: without members, a routed network has none.
    fn linked(&self) -> impl Iterator<Item = &'a Network> {
        let all = self.settled.networks.iter().enumerate();
        let linked = all.filter(|(position, network)| {
            let lowest = (*position, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            let mut members = self.members.range(lowest..);
            network.mode != Mode::Routed
                || members.next().is_some_and(|((of, _), _)| of == position)
        });
        linked.map(|(_, network)| network)
    }

    /// Whether frames between members of a network pass the inet hooks.
    pub(super) fn hooked(&self, network: &Network) -> bool {
        network.mode == Mode::Bridge && (network.filtered || self.environment.bridge_hooks)
    }

    /// The other end of a cable.
    pub(super) fn far_end(&self, node: &Name, interface: &str) -> Option<(&'a Node, usize)> {
        let mut cables = self.settled.cables.iter();
        let far = cables.find_map(|c| c.far_end(node, interface))?;
        let node = self.node(&far.node)?;
        let position = node
            .interfaces
            .iter()
            .position(|i| i.name == far.interface)?;
        Some((node, position))
    }

    /// How the host sends a packet.
    pub(super) fn host_route(&self, to: IpAddr) -> HostRoute<'a> {
        if self.is_host(to) {
            return HostRoute::Local;
        }
        let network = match is_link_local6(to) {
            true => self.network_of_link_local(to),
            false => self.network_of(to),
        };
        let Some(position) = network else {
            return match self.environment.uplink(to) {
                Some((_, group)) => HostRoute::Uplink(group),
                None => HostRoute::None,
            };
        };
        match self.network(position).map(|n| (n.mode, n)) {
            Some((Mode::Lan, _)) => return HostRoute::None,
            Some((Mode::Macvlan, network)) => return self.to_macvlan(network, position, to),
            _ => {}
        }
        let bridge = self.network(position).and_then(|n| n.bridge.as_deref());
        if let Some(bridge) = bridge {
            return HostRoute::Network(position, bridge);
        }
        match self
            .member(position, to)
            .and_then(|(n, at)| n.interfaces.get(at))
        {
            Some(Interface {
                plug: Plug::Port { link, .. },
                ..
            }) => HostRoute::Network(position, link),
            _ => HostRoute::None,
        }
    }
}

/// Whether an address is one of the node's, on any interface.
pub(super) fn owns(node: &Node, address: IpAddr) -> bool {
    address.is_loopback()
        || (node.interfaces.iter()).any(|i| {
            let mut all = i.addresses.iter().map(IpNet::addr);
            all.any(|a| a == address) || link_local(node, i) == Some(address)
        })
}
