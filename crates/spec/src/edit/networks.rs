//! Edits of networks and their members.

use std::net::IpAddr;

use indexmap::IndexMap;
use ipnet::IpNet;

use super::change::NewNetwork;
use super::entry::node_mut;
use super::error::EditError;
use crate::document::{AttachmentDoc, Document, NetworkDoc, NetworksDoc, NodeDoc, OneOrMany};
use crate::{Name, SUBNET_LENGTH, first_free};

pub(super) fn add(document: &mut Document, network: &NewNetwork) -> Result<(), EditError> {
    let NewNetwork {
        name,
        subnets,
        gateways,
        internal,
        outside,
        routed,
        parent,
        vlan,
        mtu,
    } = network;
    if document.networks.contains_key(name.as_ref()) {
        return Err(EditError::NetworkExists(name.clone()));
    }
    // That of a network with a parent is the one of the host's address there.
    let subnets: Vec<String> = match subnets.is_empty() && parent.is_none() {
        true => vec![free_subnet(document, &[])?.to_string()],
        false => subnets.iter().map(ToString::to_string).collect(),
    };
    let network = NetworkDoc {
        subnet: (!subnets.is_empty()).then(|| OneOrMany::of(subnets)),
        gateway: (!gateways.is_empty())
            .then(|| OneOrMany::of(gateways.iter().map(ToString::to_string).collect())),
        internal: internal.then_some(true),
        outside: outside.then_some(true),
        assign: None,
        nat: None,
        mode: routed.then(|| "routed".to_owned()),
        external: None,
        bridge: None,
        parent: parent.clone(),
        vlan: *vlan,
        mtu: *mtu,
    };
    document.networks.insert(name.to_string(), Some(network));
    Ok(())
}

/// The first /24 of the pools that overlaps no network of the document, and none of the prefixes to
/// avoid.
///
/// # Errors
/// When there is none.
pub fn free_subnet(document: &Document, avoid: &[IpNet]) -> Result<IpNet, EditError> {
    let subnets = document
        .networks
        .values()
        .flatten()
        .filter_map(|n| n.subnet.as_ref());
    let used: Vec<IpNet> = subnets
        .flat_map(|s| s.items().iter().filter_map(|t| t.parse().ok()))
        .chain(avoid.iter().copied())
        .collect();
    first_free(&used, SUBNET_LENGTH).ok_or(EditError::PoolExhausted)
}

pub(super) fn remove(document: &mut Document, name: &Name) -> Result<(), EditError> {
    let members: Vec<String> = document
        .nodes
        .iter()
        .filter(|(_, n)| {
            n.as_ref()
                .is_some_and(|n| networks_of(n).contains(&name.to_string()))
        })
        .map(|(n, _)| n.clone())
        .collect();
    if !members.is_empty() {
        return Err(EditError::NetworkInUse {
            network: name.clone(),
            members,
        });
    }
    if document.networks.shift_remove(name.as_ref()).is_none() {
        return Err(EditError::NoNetwork(name.clone()));
    }
    Ok(())
}

pub(super) fn connect(
    document: &mut Document,
    name: &Name,
    network: &Name,
    addresses: &[IpAddr],
) -> Result<(), EditError> {
    let node = node_mut(document, name)?;
    if networks_of(node).contains(&network.to_string()) {
        return Err(EditError::AlreadyConnected {
            node: name.clone(),
            network: network.clone(),
        });
    }
    join(node, network, addresses);
    Ok(())
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

/// Adds a membership to a node.
pub(super) fn join(node: &mut NodeDoc, network: &Name, addresses: &[IpAddr]) {
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

/// Changes a membership; a node that is not on the network is not changed: the parser reports it.
pub(super) fn change(node: &mut NodeDoc, network: &Name, with: impl FnOnce(&mut AttachmentDoc)) {
    let mut map = as_map(node);
    if let Some(attachment) = map.get_mut(network.as_ref()) {
        with(attachment.get_or_insert_default());
        attachment.take_if(|a| *a == AttachmentDoc::default());
    }
    node.networks = (!map.is_empty()).then_some(NetworksDoc::Map(map));
}

pub(super) fn disconnect(
    document: &mut Document,
    name: &Name,
    network: &Name,
) -> Result<(), EditError> {
    let node = node_mut(document, name)?;
    let mut map = as_map(node);
    if map.shift_remove(network.as_ref()).is_none() {
        return Err(EditError::NotConnected {
            node: name.clone(),
            network: network.clone(),
        });
    }
    node.networks = (!map.is_empty()).then_some(NetworksDoc::Map(map));
    Ok(())
}
