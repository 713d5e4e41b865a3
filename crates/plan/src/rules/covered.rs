//! The interfaces that the sides of policies match.

use std::net::IpAddr;

use hallway_nftables::IpVersion;
use hallway_spec::{Mode, Name};
use ipnet::IpNet;

use crate::settled::{Interface, PolicySide, Settled};

/// A node's interface on a bridge of the project.
pub(super) struct Port<'a> {
    pub(super) network: &'a Name,
    /// A policy may deny members of the network one another.
    pub(super) filtered: bool,
    pub(super) link: &'a str,
    interface: &'a Interface,
}

/// Every such interface.
pub(super) struct Covered<'a> {
    pub(super) ports: Vec<Port<'a>>,
}

impl<'a> Covered<'a> {
    pub(super) fn new(settled: &'a Settled) -> Self {
        let ports = settled.nodes.iter().flat_map(|n| n.ports());
        let ports = ports.filter_map(|(interface, network, link)| {
            let found = settled.network(network)?;
            (found.mode == Mode::Bridge && !found.outside).then_some(Port {
                network,
                filtered: found.filtered,
                link,
                interface,
            })
        });
        Self {
            ports: ports.collect(),
        }
    }

    /// The interfaces that a side matches.
    pub(super) fn ports(&self, side: &PolicySide) -> impl Iterator<Item = &Port<'a>> {
        self.ports.iter().filter(move |port| match side {
            PolicySide::Any => true,
            PolicySide::Host | PolicySide::Outside => false,
            PolicySide::Prefixes(nets) => {
                let has = |address: IpAddr| nets.iter().any(|net| net.contains(&address));
                port.interface.addresses.iter().any(|a| has(a.addr()))
            }
        })
    }

    /// The prefixes of a side, of one IP version, with the link-local addresses of the interfaces
    /// that it matches: those of a filtered network, or all.
    pub(super) fn prefixes(
        &self,
        side: &PolicySide,
        version: IpVersion,
        filtered: bool,
    ) -> Option<Vec<IpNet>> {
        let PolicySide::Prefixes(nets) = side else {
            return None;
        };
        let mut out: Vec<IpNet> = nets
            .iter()
            .filter(|n| IpVersion::of(n.addr()) == version)
            .copied()
            .collect();
        if version == IpVersion::V6 {
            let ports = self.ports(side).filter(|p| p.filtered || !filtered);
            let own = ports.filter_map(|p| p.interface.link_local());
            out.extend(own.map(|net| IpNet::from(net.addr())));
        }
        Some(out)
    }
}
