//! Edits of nodes and their published ports.

use super::change::NewNode;
use super::entry::node_mut;
use super::error::EditError;
use super::{networks, policies};
use crate::document::{DependsDoc, Document, NodeDoc, OneOrMany, PortDoc, Scalar};
use crate::{Name, PortName, PortText, PublishText};

pub(super) fn add(document: &mut Document, node: &NewNode) -> Result<(), EditError> {
    let NewNode {
        name,
        networks,
        ports,
        command,
        ready,
    } = node;
    if document.nodes.contains_key(name.as_ref()) {
        return Err(EditError::NodeExists(name.clone()));
    }
    let mut node = NodeDoc::default();
    for (position, (network, addresses)) in networks.iter().enumerate() {
        let before = networks.iter().take(position);
        if before.map(|(name, _)| name).any(|name| name == network) {
            return Err(EditError::NetworkTwice(network.clone()));
        }
        networks::join(&mut node, network, addresses);
    }
    let ports = ports.iter().map(|p| PortDoc::Short(p.as_str().into()));
    node.ports = many(ports.collect());
    let ready = ready.iter().map(|p| Scalar::Text(p.to_string()));
    node.ready = many(ready.collect());
    node.command = many(command.iter().map(|w| w.as_str().into()).collect());
    let bare = node == NodeDoc::default();
    document
        .nodes
        .insert(name.to_string(), (!bare).then_some(node));
    Ok(())
}

/// A list, or no key.
fn many<T>(items: Vec<T>) -> Option<OneOrMany<T>> {
    (!items.is_empty()).then_some(OneOrMany::Many(items))
}

pub(super) fn publish(document: &mut Document, name: &Name, port: &str) -> Result<(), EditError> {
    port.parse::<PortText>()?;
    let node = node_mut(document, name)?;
    let mut ports = node
        .ports
        .take()
        .map(|p| p.items().to_vec())
        .unwrap_or_default();
    ports.push(PortDoc::Short(port.into()));
    node.ports = many(ports);
    Ok(())
}

pub(super) fn unpublish(document: &mut Document, name: &Name, port: &str) -> Result<(), EditError> {
    let is_wanted = wanted(port)?;
    let node = node_mut(document, name)?;
    let mut ports = node
        .ports
        .take()
        .map(|p| p.items().to_vec())
        .unwrap_or_default();
    let before = ports.len();
    ports.retain(|p| !is_wanted(p));
    if ports.len() == before
        && let [only] = by_host_port(&ports, port).as_slice()
    {
        ports.remove(*only);
    }
    if ports.len() == before {
        return Err(EditError::NotPublished {
            node: name.clone(),
            port: port.to_owned(),
        });
    }
    node.ports = (!ports.is_empty()).then_some(OneOrMany::Many(ports));
    Ok(())
}

/// The entries that publish this port of the host, if it alone is given, like `8080` or `8080/udp`.
fn by_host_port(ports: &[PortDoc], port: &str) -> Vec<usize> {
    let Some(wanted) = port
        .parse::<PublishText>()
        .ok()
        .filter(|_| !port.contains(':'))
    else {
        return Vec::new();
    };
    let is_same = |entry: &PortDoc| match entry {
        PortDoc::Short(text) => text.text().parse::<PortText>().is_ok_and(|p| {
            p.publish.host_ports == wanted.host_ports && p.publish.protocol == wanted.protocol
        }),
        PortDoc::Long(long) => {
            let published = long.published.as_ref().unwrap_or(&long.target);
            let protocol = long.protocol.as_deref().unwrap_or("tcp");
            published.text().parse() == Ok(wanted.host_ports)
                && protocol.parse() == Ok(wanted.protocol)
        }
    };
    let all = ports.iter().enumerate();
    all.filter(|(_, p)| is_same(p)).map(|(i, _)| i).collect()
}

/// Tells the entries of `ports` that a person means: as they were published, or by their name.
fn wanted(port: &str) -> Result<impl Fn(&PortDoc) -> bool, EditError> {
    let by_name = port.parse::<PortName>().ok();
    let by_ports = match &by_name {
        Some(_) => None,
        None => Some(port.parse::<PortText>()?),
    };
    Ok(move |entry: &PortDoc| match entry {
        PortDoc::Short(text) => text
            .text()
            .parse::<PortText>()
            .is_ok_and(|p| match &by_ports {
                Some(wanted) => {
                    p.publish == wanted.publish && (wanted.name.is_none() || p.name == wanted.name)
                }
                None => p.name == by_name,
            }),
        PortDoc::Long(long) => {
            let name = long.name.as_deref();
            by_name.is_some() && name == by_name.as_ref().map(AsRef::as_ref)
        }
    })
}

/// Removes a node with everything that names it, and the programs that share its namespace.
pub(super) fn remove(document: &mut Document, name: &Name) -> Result<(), EditError> {
    let key = name.as_ref();
    let linked = document.links.iter().any(|l| l.endpoints.contains_key(key));
    if document.nodes.shift_remove(key).is_none() && !linked {
        return Err(EditError::NoNode(name.clone()));
    }
    forget(document, key);
    let owner = format!("node:{key}");
    let shares = |node: &NodeDoc| node.namespace.as_ref() == Some(&owner);
    let all = document.nodes.iter();
    let shared = all.filter(|(_, node)| node.as_ref().is_some_and(shares));
    let shared: Vec<String> = shared.map(|(name, _)| name.clone()).collect();
    for name in shared {
        document.nodes.shift_remove(&name);
        forget(document, &name);
    }
    Ok(())
}

/// Removes everything that names a node.
fn forget(document: &mut Document, key: &str) {
    document.links.retain(|l| !l.endpoints.contains_key(key));
    let is = |end: &String| policies::names_node(end, key);
    document.expect.retain(|e| !is(&e.from) && !is(&e.to));
    policies::forget(document, key);
    for node in document.nodes.values_mut().flatten() {
        match &mut node.depends_on {
            Some(DependsDoc::List(names)) => names.retain(|n| n != key),
            Some(DependsDoc::Map(map)) => {
                map.shift_remove(key);
            }
            None => {}
        }
    }
}
