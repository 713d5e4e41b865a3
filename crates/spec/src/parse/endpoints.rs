//! The names that policies and expectations use.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::problem::{NameProblem, PolicyProblem};
use crate::reader::{At, Reader};
use crate::similar::nearest;
use crate::{Endpoint, Name, Network, Node, Place, PortNames};

/// Every node and network by name.
pub(super) struct Names {
    names: BTreeMap<String, Endpoint>,
    /// Names of a node and of a network, with the network's place.
    both: BTreeMap<String, Place>,
    outside: Vec<Name>,
    /// The names of ports.
    pub(super) ports: PortNames,
}

impl Names {
    pub(super) fn new(networks: &[Network], nodes: &[Node]) -> Self {
        let mut names = BTreeMap::new();
        for node in nodes {
            let name = format!("node:{}", node.name);
            names.insert(name, Endpoint::Node(node.name.clone()));
        }
        let mut places: BTreeMap<&Name, &Place> = BTreeMap::new();
        for network in networks {
            places.insert(&network.name, &network.place);
            let name = format!("network:{}", network.name);
            names.insert(name, Endpoint::Network(network.name.clone()));
            names.insert(
                network.name.to_string(),
                Endpoint::Network(network.name.clone()),
            );
        }
        let mut both = BTreeMap::new();
        for node in nodes {
            let name = node.name.to_string();
            if let Some(network) = places.get(&node.name) {
                both.insert(name.clone(), (*network).clone());
            }
            names.insert(name, Endpoint::Node(node.name.clone()));
        }
        // Addresses belong to the node that owns the namespace.
        for node in nodes {
            for sidecar in &node.sidecars {
                let endpoint = Endpoint::Node(node.name.clone());
                names.insert(format!("node:{}", sidecar.name), endpoint.clone());
                names.insert(sidecar.name.to_string(), endpoint);
            }
        }
        for word in [
            ("host", Endpoint::Host),
            ("outside", Endpoint::Outside),
            ("any", Endpoint::Any),
        ] {
            names.insert(word.0.into(), word.1);
        }
        let outside = networks.iter().filter(|n| n.outside);
        let outside: Vec<Name> = outside.map(|n| n.name.clone()).collect();
        Self {
            names,
            both,
            ports: PortNames::new(nodes, &outside),
            outside,
        }
    }

    pub(super) fn read(&self, r: &mut Reader<'_>, at: &At, policy: bool) -> Option<Endpoint> {
        let text = r.text(at, "a node, a network, host, outside, any or a prefix")?;
        if let (Some(network), Ok(name)) = (self.both.get(&text), text.parse::<Name>()) {
            let network = network.clone();
            r.report(at, NameProblem::InUse { name, network });
            return None;
        }
        if let Some(endpoint) = self.names.get(&text) {
            if let Endpoint::Network(name) = endpoint
                && policy
                && self.outside.contains(name)
            {
                r.report(at, PolicyProblem::OutsideNetwork(name.clone()));
                return None;
            }
            return Some(endpoint.clone());
        }
        if let Ok(net) = text.parse::<IpNet>() {
            return Some(Endpoint::Cidr(net.trunc()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Endpoint::Cidr(address.into()));
        }
        let is_address = |part: &str| part.parse::<IpAddr>().is_ok();
        if text.split('/').next().is_some_and(is_address) {
            r.unexpected(at, "a prefix like 10.10.0.0/24 or fd20::/64");
            return None;
        }
        let nearest = nearest(
            &text,
            self.names
                .keys()
                .map(String::as_str)
                .filter(|known| !known.contains(':')),
        )
        .map(str::to_owned);
        let name = text;
        r.report(at, NameProblem::UnknownEndpoint { name, nearest });
        None
    }
}
