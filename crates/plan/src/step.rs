//! Steps: what is done to the kernel, one at a time, each with the reason it is done.

use std::net::IpAddr;

use hallway_nftables::Ruleset;
use hallway_spec::Name;
use ipnet::IpNet;
use serde::Serialize;

use crate::rules::Delta;
use crate::settled::{Interface, Network, Node, Route};

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// Why: the key of the file it comes from, or what it clears away.
    pub cause: String,
}

/// Everything hallway ever does to a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A route that swallows packets to a prefix of ours whenever its network is not there.
    AddUnreachable {
        /// The prefix.
        to: IpNet,
    },
    /// Removes it.
    RemoveUnreachable {
        /// The prefix.
        to: IpNet,
    },
    /// Replaces the project's tables by these, in one transaction.
    ReplaceRules {
        /// All of them.
        rules: Box<Ruleset>,
    },
    /// Changes elements of the project's sets, in one transaction.
    ChangeRules {
        /// What changes.
        delta: Delta,
    },
    /// Withdraws every published port, in one transaction.
    Unpublish,
    /// Removes the project's tables.
    RemoveRules,
    /// A bridge with the host's addresses on it.
    CreateBridge {
        /// The network.
        network: Box<Network>,
        /// The bridge's name.
        name: String,
    },
    /// Changes a bridge in place.
    ChangeBridge {
        /// The bridge's name.
        name: String,
        /// Whether its frames pass the inet hooks.
        filtered: bool,
    },
    /// Removes the bridge and every port of a network, all links of its device group.
    RemoveGroup {
        /// The network, or what is known of it.
        network: String,
        /// The device group.
        group: u32,
    },
    /// Removes one link of ours on the host.
    RemoveLink {
        /// Its name.
        name: String,
    },
    /// A namespace with loopback up, marked as the node's.
    CreateNamespace {
        /// The node.
        node: Name,
        /// Its name in /run/netns.
        netns: String,
        /// Whether IPv6 is on inside.
        ipv6: bool,
        /// Whether it forwards.
        forwarding: bool,
    },
    /// Changes whether a namespace forwards.
    ChangeForwarding {
        /// Its name in /run/netns.
        netns: String,
        /// The new state.
        forwarding: bool,
        /// Whether IPv6 is on inside.
        ipv6: bool,
    },
    /// Removes a namespace of ours, and with it everything inside.
    RemoveNamespace {
        /// Its name in /run/netns.
        netns: String,
        /// The host's ends of its ports, which go with it.
        links: Vec<String>,
    },
    /// A node's interface on a network, configured at both ends.
    CreatePort(Box<Port>),
    /// A cable, configured at both ends.
    CreateCable {
        /// One end.
        a: Box<CableEnd>,
        /// The other.
        b: Box<CableEnd>,
    },
    /// Removes an interface inside a node (and so its other end).
    RemoveInterface {
        /// The namespace.
        netns: String,
        /// The interface.
        name: String,
    },
    /// A route inside a node.
    AddRoute {
        /// The namespace.
        netns: String,
        /// The interface it leaves by.
        interface: String,
        /// The route.
        route: Route,
    },
    /// Removes a route inside a node.
    RemoveRoute {
        /// The namespace.
        netns: String,
        /// The route.
        route: Route,
    },
    /// Lets the host forward what comes in by our bridges and by the uplinks.
    EnableForwarding {
        /// Our links.
        links: Vec<String>,
        /// Which IP versions.
        versions: Vec<u8>,
    },
    /// Turns forwarding off again on uplinks where hallway had turned it on and no other
    /// project needs it.
    RestoreForwarding,
    /// Deletes connections that may go on no longer: of addresses that are gone, of published
    /// ports that changed, of pairs now denied.
    ForgetFlows {
        /// Every connection of these prefixes.
        prefixes: Vec<IpNet>,
        /// UDP and TCP connections to these published host ports: protocol, first, last.
        ports: Vec<(u8, u16, u16)>,
        /// Every connection that the new policies deny.
        denied: bool,
    },
}

/// A node's interface on a network, with all that is configured at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The node.
    pub node: Name,
    /// Its namespace.
    pub netns: String,
    /// The interface inside.
    pub interface: Interface,
    /// The network's name.
    pub network: Name,
    /// The host's end.
    pub link: String,
    /// The bridge, unless routed.
    pub bridge: Option<String>,
    /// The device group.
    pub group: u32,
    /// The host's addresses in a routed network.
    pub gateways: Vec<IpAddr>,
    /// Routes that leave by this interface.
    pub routes: Vec<Route>,
}

/// One end of a cable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CableEnd {
    /// The node.
    pub node: Name,
    /// Its namespace.
    pub netns: String,
    /// The interface.
    pub interface: Interface,
    /// Routes that leave by it.
    pub routes: Vec<Route>,
}

/// A step for people and programs that read plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Described {
    /// `create`, `change` or `remove`.
    pub action: &'static str,
    /// What kind of thing.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// More, where there is more to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Why.
    pub cause: String,
}

impl Port {
    /// Gathers what makes up one interface of a node on a network.
    #[must_use]
    pub fn new(node: &Node, position: usize, network: &Network) -> Option<Self> {
        let interface = node.interfaces.get(position)?;
        let crate::settled::Plug::Port { link, .. } = &interface.plug else {
            return None;
        };
        Some(Self {
            node: node.name.clone(),
            netns: node.netns.clone(),
            interface: interface.clone(),
            network: network.name.clone(),
            link: link.clone(),
            bridge: network.bridge.clone(),
            group: network.group,
            gateways: match network.mode {
                hallway_spec::Mode::Routed => network.subnets.iter().map(|s| s.gateway).collect(),
                hallway_spec::Mode::Bridge => Vec::new(),
            },
            routes: node
                .routes
                .iter()
                .filter(|r| r.interface == position)
                .copied()
                .collect(),
        })
    }
}

impl Step {
    /// The step in words.
    #[must_use]
    pub fn describe(&self) -> Described {
        let (action, kind, name, detail) = self.op.words();
        Described {
            action,
            kind,
            name,
            detail,
            cause: self.cause.clone(),
        }
    }
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|i| i.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

impl Op {
    fn words(&self) -> (&'static str, &'static str, String, String) {
        match self {
            Self::AddUnreachable { to } => (
                "create",
                "route",
                format!("unreachable {to}"),
                String::new(),
            ),
            Self::RemoveUnreachable { to } => (
                "remove",
                "route",
                format!("unreachable {to}"),
                String::new(),
            ),
            Self::ReplaceRules { rules } => {
                let count: usize = rules
                    .tables
                    .iter()
                    .flat_map(|t| &t.sets)
                    .map(|s| s.elements.len())
                    .sum();
                (
                    "create",
                    "rules",
                    rules
                        .tables
                        .first()
                        .map_or_else(String::new, |t| t.name.clone()),
                    format!("{count} elements"),
                )
            }
            Self::ChangeRules { delta } => {
                ("change", "rules", String::from("sets"), delta_words(delta))
            }
            Self::Unpublish => ("remove", "published ports", "all".into(), String::new()),
            Self::RemoveRules => ("remove", "rules", "tables".into(), String::new()),
            Self::CreateBridge { network, name } => (
                "create",
                "bridge",
                name.clone(),
                list(
                    network
                        .subnets
                        .iter()
                        .map(crate::settled::Subnet::gateway_net),
                ),
            ),
            Self::ChangeBridge { name, filtered } => (
                "change",
                "bridge",
                name.clone(),
                format!("filter between members: {filtered}"),
            ),
            Self::RemoveGroup { network, .. } => (
                "remove",
                "network",
                network.clone(),
                "bridge and ports".into(),
            ),
            Self::RemoveLink { name } => ("remove", "link", name.clone(), String::new()),
            Self::CreateNamespace { netns, .. } => {
                ("create", "namespace", netns.clone(), String::new())
            }
            Self::ChangeForwarding {
                netns, forwarding, ..
            } => (
                "change",
                "namespace",
                netns.clone(),
                format!("forwarding: {forwarding}"),
            ),
            Self::RemoveNamespace { netns, .. } => {
                ("remove", "namespace", netns.clone(), String::new())
            }
            Self::CreatePort(port) => (
                "create",
                "interface",
                format!("{} {}", port.node, port.interface.name),
                format!("{} on {}", list(&port.interface.addresses), port.network),
            ),
            Self::CreateCable { a, b } => (
                "create",
                "cable",
                format!(
                    "{} {} — {} {}",
                    a.node, a.interface.name, b.node, b.interface.name
                ),
                format!(
                    "{} — {}",
                    list(&a.interface.addresses),
                    list(&b.interface.addresses)
                ),
            ),
            Self::RemoveInterface { netns, name } => (
                "remove",
                "interface",
                format!("{netns} {name}"),
                String::new(),
            ),
            Self::AddRoute {
                netns,
                interface,
                route,
            } => (
                "create",
                "route",
                format!("{netns} {}", route.to),
                via(route, interface),
            ),
            Self::RemoveRoute { netns, route } => (
                "remove",
                "route",
                format!("{netns} {}", route.to),
                String::new(),
            ),
            Self::EnableForwarding { links, .. } if links.is_empty() => {
                ("change", "forwarding", "uplink".into(), String::new())
            }
            Self::EnableForwarding { links, .. } => {
                ("change", "forwarding", list(links), "and the uplink".into())
            }
            Self::RestoreForwarding => {
                ("change", "forwarding", "uplink".into(), "as it was".into())
            }
            Self::ForgetFlows {
                prefixes,
                ports,
                denied,
            } => {
                let mut parts = Vec::new();
                if !prefixes.is_empty() {
                    parts.push(format!("of {}", list(prefixes)));
                }
                if !ports.is_empty() {
                    parts.push("of published ports that changed".into());
                }
                if *denied {
                    parts.push("that are denied now".into());
                }
                (
                    "remove",
                    "connections",
                    "conntrack".into(),
                    parts.join("; "),
                )
            }
        }
    }
}

fn via(route: &Route, interface: &str) -> String {
    route.via.map_or_else(
        || format!("on {interface}"),
        |via| format!("via {via} on {interface}"),
    )
}

fn delta_words(delta: &Delta) -> String {
    match delta {
        Delta::Same => String::new(),
        Delta::Replace => "all".into(),
        Delta::Elements(changes) => {
            let add: usize = changes.iter().map(|c| c.add.len()).sum();
            let remove: usize = changes.iter().map(|c| c.remove.len()).sum();
            format!("{add} elements more, {remove} fewer")
        }
    }
}
