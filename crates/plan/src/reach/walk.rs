//! One packet on its way through nodes, cables, bridges and the host, until it is there or dead.

use std::net::IpAddr;

use hallway_spec::{Mode, Name};

use super::conntrack::Table;
use super::host::{UPLINK, sight};
use super::packet::{Flow, Packet};
use super::path::{At, Hop, Outcome, What};
use super::world::{Way, World, owns};
use crate::settled::{Network, Node, Plug};
use hallway_nftables::evaluate::{PacketContext, RuleVerdict};
use hallway_nftables::{ChainType, Family, Hook};

/// How often a packet may be passed on by nodes that forward.
const ROUTERS_MAX: usize = 16;

/// Where a packet has come out, as it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: At,
    pub(super) packet: Packet,
}

/// Why a packet goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Death {
    /// A rule discards it.
    Rule { hook: Hook, ruling: RuleVerdict },
    /// There is no route to its destination.
    NoRoute { at: At, to: IpAddr },
    /// Nobody has the address of the next hop.
    Neighbour { at: At, next: IpAddr },
    /// It is not for this node, which passes nothing on.
    NotForwarding { node: Name },
    /// It goes in circles.
    Loop,
}

impl Death {
    /// What the sender sees.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Rule { .. } | Self::NotForwarding { .. } | Self::Loop => Outcome::Filtered,
            Self::NoRoute { .. } | Self::Neighbour { .. } => Outcome::Unreachable,
        }
    }
}

/// A link of the host by which packets come in or go out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Door<'a> {
    pub(super) name: &'a str,
    pub(super) group: u32,
}

/// The walk of one exchange: what the host's connection tracking remembers lasts from packet to
/// packet.
pub(super) struct Walk<'w> {
    pub(super) world: &'w World<'w>,
    pub(super) conntrack: Table,
    hops: Vec<Hop>,
    /// The rule by which the host let the last packet through.
    pub(super) passed: Option<(Hook, RuleVerdict)>,
    routers: usize,
}

pub(super) type Walked = Result<End, Death>;

impl<'w> Walk<'w> {
    pub(super) fn new(world: &'w World<'w>) -> Self {
        Self {
            world,
            conntrack: Table::default(),
            hops: Vec::new(),
            passed: None,
            routers: 0,
        }
    }

    /// The hops since the last call.
    pub(super) fn take_hops(&mut self) -> Vec<Hop> {
        std::mem::take(&mut self.hops)
    }

    /// The rule by which the host let the last packet through, if one spoke.
    pub(super) fn take_passed(&mut self) -> Option<(Hook, RuleVerdict)> {
        self.passed.take()
    }

    /// Sends a packet from where it is made.
    pub(super) fn send(&mut self, at: &At, packet: Packet) -> Walked {
        self.routers = 0;
        match at {
            At::Host => self.leave_host(packet),
            At::Outside => self.host_in(packet, UPLINK),
            At::Node(name) => match self.world.node(name) {
                Some(node) => self.leave_node(node, packet),
                None => Err(Death::NoRoute {
                    at: at.clone(),
                    to: packet.flow.to,
                }),
            },
        }
    }

    pub(super) fn hop(&mut self, at: At, what: What, flow: Flow) {
        self.hops.push(Hop { at, what, flow });
    }

    /// To itself, by the loopback.
    pub(super) fn loops(&mut self, at: At, flow: Flow) {
        let arrives = What::Arrives {
            interface: "lo".to_owned(),
        };
        self.hop(at, arrives, flow);
    }

    fn leave_node(&mut self, node: &'w Node, packet: Packet) -> Walked {
        let at = At::Node(node.name.clone());
        if owns(node, packet.flow.to) {
            let route = What::Route {
                via: None,
                interface: "local".to_owned(),
            };
            self.hop(at.clone(), route, packet.flow);
            self.loops(at.clone(), packet.flow);
            return Ok(End { at, packet });
        }
        let way = self.world.way(node, packet.flow.to);
        let found = way.and_then(|way| Some((way, node.interfaces.get(way.interface)?)));
        let Some((way, interface)) = found else {
            let to = packet.flow.to;
            return Err(Death::NoRoute { at, to });
        };
        let route = What::Route {
            via: way.via,
            interface: interface.name.clone(),
        };
        self.hop(at.clone(), route, packet.flow);
        let leaves = What::Leaves {
            interface: interface.name.clone(),
        };
        self.hop(at, leaves, packet.flow);
        match &interface.plug {
            Plug::Cable => self.by_cable(node, &interface.name, &way, packet),
            Plug::Port { network, link } => {
                let position = self.world.network_position(network);
                let network = position.and_then(|p| Some((p, self.world.network(p)?)));
                match network {
                    Some((position, network)) => {
                        let port = Port {
                            node,
                            link,
                            mac: interface.mac,
                            position,
                            network,
                        };
                        self.onto_network(&port, &way, packet)
                    }
                    None => Err(unanswered(node, &way)),
                }
            }
        }
    }

    fn by_cable(&mut self, node: &'w Node, interface: &str, way: &Way, packet: Packet) -> Walked {
        match self.world.far_end(&node.name, interface) {
            Some((far, position)) if owns(far, way.next) => self.arrive(far, position, packet),
            _ => Err(unanswered(node, way)),
        }
    }

    /// Comes in at a node: it is there, or is passed on, or dies.
    pub(super) fn arrive(&mut self, node: &'w Node, position: usize, packet: Packet) -> Walked {
        let at = At::Node(node.name.clone());
        let interface = node.interfaces.get(position).map(|i| i.name.clone());
        let arrives = What::Arrives {
            interface: interface.unwrap_or_default(),
        };
        self.hop(at.clone(), arrives, packet.flow);
        if owns(node, packet.flow.to) {
            return Ok(End { at, packet });
        }
        if !node.forwarding {
            let node = node.name.clone();
            return Err(Death::NotForwarding { node });
        }
        self.routers += 1;
        if self.routers > ROUTERS_MAX {
            return Err(Death::Loop);
        }
        self.leave_node(node, packet)
    }

    fn onto_network(&mut self, port: &Port<'w>, way: &Way, packet: Packet) -> Walked {
        let link = What::Link {
            link: port.link.to_owned(),
            kind: "port",
        };
        self.hop(At::Host, link, packet.flow);
        let to_host = (port.network.subnets.iter()).any(|s| s.gateway == way.next);
        if port.network.mode == Mode::Routed {
            if !to_host {
                return Err(unanswered(port.node, way));
            }
            let door = Door {
                name: port.link,
                group: port.network.group,
            };
            return self.host_in(packet, door);
        }
        let sight = PacketContext {
            iif: port.link,
            mac: port.mac,
            icmp: packet.icmp_type(),
            ..sight(&packet.flow)
        };
        for chain in self
            .world
            .bridge
            .hooked(Hook::Prerouting, ChainType::Filter)
        {
            let ruling = self.world.bridge.evaluate(chain, &sight);
            self.ruled(&ruling, Hook::Prerouting, Family::Bridge, packet.flow)?;
        }
        let bridge = port.network.bridge.as_deref().unwrap_or_default();
        let door = Door {
            name: bridge,
            group: port.network.group,
        };
        let link = What::Link {
            link: bridge.to_owned(),
            kind: "bridge",
        };
        if to_host {
            self.hop(At::Host, link, packet.flow);
            return self.host_in(packet, door);
        }
        let Some((far, interface)) = self.world.member(port.position, way.next) else {
            return Err(unanswered(port.node, way));
        };
        self.hop(At::Host, link, packet.flow);
        let packet = if self.world.hooked(port.network) {
            self.bridged(packet, door)?
        } else {
            packet
        };
        self.far_port(far, interface, packet.flow);
        self.arrive(far, interface, packet)
    }

    /// Out by the host's end of a node's interface.
    pub(super) fn far_port(&mut self, node: &Node, position: usize, flow: Flow) {
        if let Some(Plug::Port { link, .. }) = node.interfaces.get(position).map(|i| &i.plug) {
            let link = What::Link {
                link: link.clone(),
                kind: "port",
            };
            self.hop(At::Host, link, flow);
        }
    }
}

/// A node's interface on a network.
struct Port<'a> {
    node: &'a Node,
    link: &'a str,
    mac: [u8; 6],
    position: usize,
    network: &'a Network,
}

fn unanswered(node: &Node, way: &Way) -> Death {
    Death::Neighbour {
        at: At::Node(node.name.clone()),
        next: way.next,
    }
}
