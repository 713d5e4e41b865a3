//! Names that policies and expectations speak of.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::nearest;
use super::reader::{At, Reader};
use crate::{Code, Endpoint, Name, Network, Node, Place, Problem};

/// Every node and network by name.
pub(super) struct Names {
    names: BTreeMap<String, Endpoint>,
    outside: Vec<Name>,
}

impl Names {
    pub(super) fn new(r: &mut Reader<'_>, networks: &[Network], nodes: &[Node]) -> Self {
        let mut names = BTreeMap::new();
        let mut places: BTreeMap<&Name, &Place> = BTreeMap::new();
        for network in networks {
            places.insert(&network.name, &network.place);
            names.insert(
                network.name.to_string(),
                Endpoint::Network(network.name.clone()),
            );
        }
        for node in nodes {
            if let Some(first) = places.get(&node.name) {
                let problem = Problem::new(Code::NameInUse, &node.place, format!("{} is the name of a network already", node.name))
                    .other(first, "the network")
                    .help("nodes and networks share their names, so that a policy can speak of either: rename one");
                r.report(problem);
            }
            names.insert(node.name.to_string(), Endpoint::Node(node.name.clone()));
        }
        for word in [
            ("host", Endpoint::Host),
            ("outside", Endpoint::Outside),
            ("any", Endpoint::Any),
        ] {
            names.insert(word.0.into(), word.1);
        }
        let outside = networks
            .iter()
            .filter(|n| n.outside)
            .map(|n| n.name.clone())
            .collect();
        Self { names, outside }
    }

    pub(super) fn read(&self, r: &mut Reader<'_>, at: &At, policy: bool) -> Option<Endpoint> {
        let text = r.text(at, "a node, a network, host, outside, any or a prefix")?;
        if let Some(endpoint) = self.names.get(&text) {
            if let Endpoint::Network(name) = endpoint
                && policy
                && self.outside.contains(name)
            {
                let problem = Problem::new(
                    Code::PolicyNoEffect,
                    &r.place(at),
                    format!("network {name} stands for the outside"),
                )
                .help("write outside, or the prefix, in a policy");
                r.report(problem);
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
        let mut problem = Problem::new(
            Code::UnknownName,
            &r.place(at),
            format!("there is no node or network {text:?}"),
        )
        .label("unknown name");
        if let Some(near) = nearest(&text, self.names.keys().map(String::as_str)) {
            problem = problem.help(format!("did you mean {near}?"));
        }
        r.report(problem);
        None
    }
}
