//! Whose an address is. Lans may have one subnet, and cables too: then it depends on from where it is seen.

use std::net::IpAddr;

use super::path::Location;
use super::world::World;
use crate::settled::{Node, Plug};

impl<'a> World<'a> {
    /// The nodes that have an address, where there are several.
    pub(super) fn namesakes(&self, address: IpAddr) -> &[(&'a Node, usize)] {
        let all = self.owners.get(&address).map_or(&[][..], Vec::as_slice);
        if all.len() > 1 { all } else { &[] }
    }

    /// The node that has an address: of several, the one that the first of these places has on a link.
    pub(super) fn owner_near<'p>(
        &self,
        address: IpAddr,
        near: impl IntoIterator<Item = &'p Location>,
    ) -> Option<&'a Node> {
        let all = self.namesakes(address);
        if all.is_empty() {
            return self.owner(address);
        }
        let mut near = near.into_iter().filter_map(|at| match at {
            Location::Node(name) => self.node(name),
            Location::Host | Location::Outside => None,
        });
        near.find_map(|at| {
            let itself = all.iter().find(|(node, _)| node.name == at.name);
            itself.or_else(|| all.iter().find(|(node, by)| self.is_linked(at, node, *by)))
        })
        .map(|(node, _)| *node)
    }

    /// Whether a node is on the link of an interface of another one.
    fn is_linked(&self, at: &Node, node: &Node, by: usize) -> bool {
        let Some(interface) = node.interfaces.get(by) else {
            return false;
        };
        match interface.plug.network() {
            Some(network) => at.memberships().any(|(_, own)| own == network),
            None => {
                let far = self.far_end(&node.name, &interface.name);
                far.is_some_and(|(far, _)| far.name == at.name)
            }
        }
    }

    /// The network of an address: of several with its prefix, the one that the first of these places is on.
    pub(super) fn network_near<'p>(
        &self,
        address: IpAddr,
        near: impl IntoIterator<Item = &'p Location>,
    ) -> Option<usize> {
        let networks = self.settled.networks.iter().enumerate();
        let all = networks.filter(|(_, n)| n.subnets.iter().any(|s| s.net.contains(&address)));
        let all: Vec<_> = all.collect();
        if let [_, _, ..] = all.as_slice() {
            let on = |at: &Location| {
                let Location::Node(name) = at else {
                    return None;
                };
                let node = self.node(name)?;
                let own = |of| node.memberships().any(|(_, own)| own == of);
                all.iter().find(|(_, n)| own(&n.name))
            };
            if let Some((position, _)) = near.into_iter().find_map(on) {
                return Some(*position);
            }
        }
        all.first().map(|(position, _)| *position)
    }

    /// The network or cable on which a node has an address, in words.
    pub(super) fn link_in_words(&self, node: &Node, address: IpAddr) -> String {
        let mut all = node.interfaces.iter();
        let on = all.find(|i| i.addresses.iter().any(|a| a.addr() == address));
        match on.map(|i| &i.plug) {
            Some(Plug::Port { network, .. } | Plug::Macvlan { network }) => {
                format!("network {network}")
            }
            _ => "a link".to_owned(),
        }
    }
}
