//! The one-at-a-time verbs as edits of a document. Whether the result makes sense is for
//! [`crate::parse`] to say; here only what the edit itself needs is checked.

use std::net::IpAddr;

use indexmap::IndexMap;
use ipnet::IpNet;

use crate::document::{
    AttachmentDoc, Document, EndDoc, LinkDoc, NetworkDoc, NetworksDoc, NodeDoc, OneOrMany,
    PolicyDoc, PortDoc, Scalar,
};
use crate::{Action, Name, PortProto, PublishText};

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A new node.
    NodeAdd {
        /// Its name.
        name: Name,
        /// Networks with fixed addresses.
        networks: Vec<(Name, Vec<IpAddr>)>,
        /// Published ports.
        ports: Vec<String>,
        /// What runs inside.
        command: Vec<String>,
        /// What must listen before it counts as up.
        ready: Vec<PortProto>,
    },
    /// Removes a node with all that names it.
    NodeRemove(Name),
    /// A new network.
    NetworkAdd {
        /// Its name.
        name: Name,
        /// Prefixes; the first free of 10.88.0.0/16 when empty.
        subnets: Vec<IpNet>,
        /// The host's addresses.
        gateways: Vec<IpAddr>,
        /// No way out.
        internal: bool,
        /// Stands for the outside.
        outside: bool,
        /// Routed instead of bridged.
        routed: bool,
        /// Bytes.
        mtu: Option<u32>,
    },
    /// Removes a network nobody is on.
    NetworkRemove(Name),
    /// A cable; nodes that do not exist are made.
    LinkAdd([(Name, Vec<IpNet>); 2]),
    /// Removes the cables between two nodes.
    LinkRemove(Name, Name),
    /// Puts a node on a network.
    Connect(Name, Name, Vec<IpAddr>),
    /// Takes it off.
    Disconnect(Name, Name),
    /// Publishes a port.
    Publish(Name, String),
    /// Withdraws it.
    Unpublish(Name, String),
    /// Allows or denies; the latest word wins.
    Policy {
        /// Allow or deny.
        action: Action,
        /// Who.
        from: String,
        /// Whom.
        to: String,
        /// Which ports; all when empty.
        ports: Vec<String>,
    },
}

/// An empty document of that name.
#[must_use]
pub fn empty(name: &Name) -> Document {
    Document {
        name: Some(name.to_string()),
        ..Document::default()
    }
}

/// Applies an edit.
///
/// # Errors
/// One sentence on what the edit needs and the document lacks.
pub fn edit(document: &Document, edit: &Edit) -> Result<Document, String> {
    let mut out = document.clone();
    match edit {
        Edit::NodeAdd {
            name,
            networks,
            ports,
            command,
            ready,
        } => {
            if out.nodes.contains_key(name.as_ref()) {
                return Err(format!("node {name} is there already"));
            }
            let mut node = NodeDoc::default();
            for (network, addresses) in networks {
                connect(&mut node, network, addresses);
            }
            if !ports.is_empty() {
                node.ports = Some(OneOrMany::Many(
                    ports
                        .iter()
                        .map(|p| PortDoc::Short(p.as_str().into()))
                        .collect(),
                ));
            }
            if !ready.is_empty() {
                node.ready = Some(OneOrMany::Many(
                    ready
                        .iter()
                        .map(|p| p.to_string().as_str().into())
                        .collect(),
                ));
            }
            if !command.is_empty() {
                node.command = Some(OneOrMany::Many(
                    command.iter().map(|w| w.as_str().into()).collect(),
                ));
            }
            let bare = node == NodeDoc::default();
            out.nodes.insert(name.to_string(), (!bare).then_some(node));
        }
        Edit::NodeRemove(name) => remove_node(&mut out, name)?,
        Edit::NetworkAdd { .. } => add_network(&mut out, edit)?,
        Edit::NetworkRemove(name) => remove_network(&mut out, name)?,
        Edit::LinkAdd(ends) => {
            let endpoints: IndexMap<String, Option<EndDoc>> = ends
                .iter()
                .map(|(n, a)| (n.to_string(), addresses(a)))
                .collect();
            if endpoints.len() != 2 {
                return Err("a link joins two different nodes".into());
            }
            out.links.push(LinkDoc {
                endpoints,
                mtu: None,
                bandwidth: None,
            });
        }
        Edit::LinkRemove(a, b) => {
            let before = out.links.len();
            out.links.retain(|l| {
                !(l.endpoints.contains_key(a.as_ref()) && l.endpoints.contains_key(b.as_ref()))
            });
            if out.links.len() == before {
                return Err(format!("there is no link between {a} and {b}"));
            }
        }
        Edit::Connect(node, network, addresses) => {
            if networks_of(node_mut(&mut out, node)?).contains(&network.to_string()) {
                return Err(format!("node {node} is on network {network} already"));
            }
            connect(node_mut(&mut out, node)?, network, addresses);
        }
        Edit::Disconnect(node, network) => disconnect(node_mut(&mut out, node)?, node, network)?,
        Edit::Publish(node, port) => {
            port.parse::<PublishText>().map_err(|e| e.to_string())?;
            let doc = node_mut(&mut out, node)?;
            let mut ports = doc
                .ports
                .take()
                .map(|p| p.items().to_vec())
                .unwrap_or_default();
            ports.push(PortDoc::Short(port.as_str().into()));
            doc.ports = Some(OneOrMany::Many(ports));
        }
        Edit::Unpublish(node, port) => unpublish(node_mut(&mut out, node)?, node, port)?,
        Edit::Policy {
            action,
            from,
            to,
            ports,
        } => policy(&mut out, *action, (from, to), ports),
    }
    Ok(out)
}

fn addresses(nets: &[IpNet]) -> Option<EndDoc> {
    (!nets.is_empty()).then(|| {
        EndDoc::Addresses(OneOrMany::of(
            nets.iter().map(ToString::to_string).collect(),
        ))
    })
}

/// The node of that name; one that only links name is written down.
fn node_mut<'a>(document: &'a mut Document, name: &Name) -> Result<&'a mut NodeDoc, String> {
    let linked = document
        .links
        .iter()
        .any(|l| l.endpoints.contains_key(name.as_ref()));
    if linked && !document.nodes.contains_key(name.as_ref()) {
        document.nodes.insert(name.to_string(), None);
    }
    match document.nodes.get_mut(name.as_ref()) {
        Some(node) => Ok(node.get_or_insert_with(NodeDoc::default)),
        None => Err(format!("there is no node {name}")),
    }
}

fn networks_of(node: &NodeDoc) -> Vec<String> {
    match &node.networks {
        None => Vec::new(),
        Some(NetworksDoc::One(name)) => vec![name.clone()],
        Some(NetworksDoc::List(names)) => names.clone(),
        Some(NetworksDoc::Map(map)) => map.keys().cloned().collect(),
    }
}

fn as_map(node: &mut NodeDoc) -> IndexMap<String, Option<AttachmentDoc>> {
    match node.networks.take() {
        Some(NetworksDoc::Map(map)) => map,
        Some(NetworksDoc::List(names)) => names.into_iter().map(|n| (n, None)).collect(),
        Some(NetworksDoc::One(name)) => [(name, None)].into_iter().collect(),
        None => IndexMap::new(),
    }
}

fn connect(node: &mut NodeDoc, network: &Name, addresses: &[IpAddr]) {
    let mut map = as_map(node);
    let attachment = (!addresses.is_empty()).then(|| AttachmentDoc {
        address: Some(OneOrMany::of(
            addresses.iter().map(ToString::to_string).collect(),
        )),
        ..AttachmentDoc::default()
    });
    map.insert(network.to_string(), attachment);
    node.networks = Some(NetworksDoc::Map(map));
}

fn disconnect(node: &mut NodeDoc, name: &Name, network: &Name) -> Result<(), String> {
    let mut map = as_map(node);
    if map.shift_remove(network.as_ref()).is_none() {
        return Err(format!("node {name} is not on network {network}"));
    }
    node.networks = (!map.is_empty()).then_some(NetworksDoc::Map(map));
    Ok(())
}

fn unpublish(node: &mut NodeDoc, name: &Name, port: &str) -> Result<(), String> {
    let wanted: PublishText = port
        .parse()
        .map_err(|e: crate::InvalidPort| e.to_string())?;
    let mut ports = node
        .ports
        .take()
        .map(|p| p.items().to_vec())
        .unwrap_or_default();
    let before = ports.len();
    ports.retain(|p| match p {
        PortDoc::Short(text) => text
            .text()
            .parse::<PublishText>()
            .is_ok_and(|p| p != wanted),
        PortDoc::Long(_) => true,
    });
    if ports.len() == before {
        return Err(format!("node {name} does not publish {port}"));
    }
    node.ports = (!ports.is_empty()).then_some(OneOrMany::Many(ports));
    Ok(())
}

fn remove_node(document: &mut Document, name: &Name) -> Result<(), String> {
    let key = name.as_ref();
    let linked = document.links.iter().any(|l| l.endpoints.contains_key(key));
    if document.nodes.shift_remove(key).is_none() && !linked {
        return Err(format!("there is no node {name}"));
    }
    document.links.retain(|l| !l.endpoints.contains_key(key));
    document.expect.retain(|e| e.from != key && e.to != key);
    for policy in &mut document.policies {
        for side in [&mut policy.from, &mut policy.to] {
            if let Some(names) = side {
                let left: Vec<String> = names
                    .items()
                    .iter()
                    .filter(|n| *n != key)
                    .cloned()
                    .collect();
                *side = (!left.is_empty()).then(|| OneOrMany::of(left));
            }
        }
        if let Some(between) = &mut policy.between {
            between.retain(|n| n != key);
        }
    }
    document.policies.retain(|p| match &p.between {
        Some(between) => between.len() > 1,
        None => p.from.is_some() && p.to.is_some(),
    });
    for node in document.nodes.values_mut().flatten() {
        if let Some(crate::document::DependsDoc::List(names)) = &mut node.depends_on {
            names.retain(|n| n != key);
        }
    }
    Ok(())
}

fn add_network(document: &mut Document, edit: &Edit) -> Result<(), String> {
    let Edit::NetworkAdd {
        name,
        subnets,
        gateways,
        internal,
        outside,
        routed,
        mtu,
    } = edit
    else {
        return Ok(());
    };
    if document.networks.contains_key(name.as_ref()) {
        return Err(format!("network {name} is there already"));
    }
    let subnets: Vec<String> = if subnets.is_empty() {
        vec![free_subnet(document)?]
    } else {
        subnets.iter().map(ToString::to_string).collect()
    };
    let network = NetworkDoc {
        subnet: Some(OneOrMany::of(subnets)),
        gateway: (!gateways.is_empty())
            .then(|| OneOrMany::of(gateways.iter().map(ToString::to_string).collect())),
        internal: internal.then_some(true),
        outside: outside.then_some(true),
        mode: routed.then(|| "routed".to_owned()),
        mtu: *mtu,
    };
    document.networks.insert(name.to_string(), network);
    Ok(())
}

/// The first /24 of 10.88.0.0/16 that no network of the document touches.
fn free_subnet(document: &Document) -> Result<String, String> {
    let used: Vec<IpNet> = document
        .networks
        .values()
        .filter_map(|n| n.subnet.as_ref())
        .flat_map(|s| s.items().iter().filter_map(|t| t.parse().ok()))
        .collect();
    let pool: IpNet = "10.88.0.0/16"
        .parse()
        .map_err(|e: ipnet::AddrParseError| e.to_string())?;
    pool.subnets(24)
        .map_err(|e| e.to_string())?
        .find(|net| !used.iter().any(|u| u.contains(net) || net.contains(u)))
        .map(|net| net.to_string())
        .ok_or_else(|| "no subnet of 10.88.0.0/16 is free; give one with --subnet".into())
}

fn remove_network(document: &mut Document, name: &Name) -> Result<(), String> {
    let users: Vec<&str> = document
        .nodes
        .iter()
        .filter(|(_, n)| {
            n.as_ref()
                .is_some_and(|n| networks_of(n).contains(&name.to_string()))
        })
        .map(|(n, _)| n.as_str())
        .collect();
    if !users.is_empty() {
        return Err(format!(
            "network {name} is in use by {}; disconnect them first",
            users.join(", ")
        ));
    }
    if document.networks.shift_remove(name.as_ref()).is_none() {
        return Err(format!("there is no network {name}"));
    }
    Ok(())
}

fn policy(document: &mut Document, action: Action, (from, to): (&str, &str), ports: &[String]) {
    let word = match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    };
    let service = |port: &String| {
        let number = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        Scalar::Text(if number {
            format!("{port}/tcp")
        } else {
            port.clone()
        })
    };
    let made = PolicyDoc {
        action: (action == Action::Deny).then(|| word.to_owned()),
        from: Some(OneOrMany::One(from.to_owned())),
        to: Some(OneOrMany::One(to.to_owned())),
        between: None,
        ports: (!ports.is_empty()).then(|| OneOrMany::Many(ports.iter().map(service).collect())),
    };
    // What the new line decides no later one does.
    let decided = |p: &PolicyDoc| {
        let ports = made.ports.is_none() || p.ports == made.ports;
        p.from == made.from && p.to == made.to && ports && p.between.is_none()
    };
    document.policies.retain(|p| !decided(p));
    document.policies.insert(0, made);
}
