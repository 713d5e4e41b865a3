//! An examined namespace, and what earlier runs wanted there, for looking things up by name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::observed::{SeenAddress, SeenLink, SeenRoute, SeenSpace};
use crate::target::{Link, MAIN_TABLE, Route, Space, is_multicast};

/// An examined namespace, for looking things up by name.
pub(super) struct Index<'a> {
    links: BTreeMap<&'a str, &'a SeenLink>,
    names: BTreeMap<u32, &'a str>,
    addresses: BTreeSet<(u32, IpNet)>,
    /// Main routes, and those to multicast addresses.
    routes: BTreeMap<IpNet, Vec<&'a SeenRoute>>,
    pub(super) seen: &'a SeenSpace,
}

impl<'a> Index<'a> {
    /// Whether a link has an address, with any prefix length.
    pub(super) fn is_at(&self, link: u32, address: IpAddr) -> bool {
        self.addresses_of(link).any(|a| a.net.addr() == address)
    }

    pub(super) fn new(seen: &'a SeenSpace) -> Self {
        Self::without(seen, &BTreeSet::new())
    }

    /// Without the links of these indexes.
    pub(super) fn without(seen: &'a SeenSpace, others: &BTreeSet<u32>) -> Self {
        let links = || seen.links.iter().filter(|l| !others.contains(&l.index));
        let mut routes: BTreeMap<IpNet, Vec<&SeenRoute>> = BTreeMap::new();
        let compared = |r: &&SeenRoute| r.table == MAIN_TABLE || is_multicast(&r.to);
        for route in seen.routes.iter().filter(compared) {
            routes.entry(route.to).or_default().push(route);
        }
        Self {
            links: links().map(|l| (l.name.as_str(), l)).collect(),
            names: links().map(|l| (l.index, l.name.as_str())).collect(),
            addresses: seen
                .addresses
                .iter()
                .filter(|a| a.fault.is_none())
                .map(|a| (a.interface, a.net))
                .collect(),
            routes,
            seen,
        }
    }

    pub(super) fn link(&self, name: &str) -> Option<&'a SeenLink> {
        self.links.get(name).copied()
    }

    pub(super) fn name(&self, index: u32) -> Option<&'a str> {
        self.names.get(&index).copied()
    }

    pub(super) fn has_address(&self, link: u32, address: IpNet) -> bool {
        self.addresses.contains(&(link, address))
    }

    /// The addresses of a link.
    pub(super) fn addresses_of(&self, link: u32) -> impl Iterator<Item = &'a SeenAddress> {
        let all = self.seen.addresses.iter();
        all.filter(move |a| a.interface == link)
    }

    /// Routes to that destination.
    pub(super) fn routes_to(&self, net: &IpNet) -> &[&'a SeenRoute] {
        self.routes.get(net).map_or(&[], Vec::as_slice)
    }
}

/// What earlier runs wanted in a namespace, for looking things up by name.
pub(super) struct Before<'a> {
    links: BTreeMap<&'a str, Vec<&'a Link>>,
    pub(super) routes: BTreeSet<&'a Route>,
}

impl<'a> Before<'a> {
    pub(super) fn new(spaces: impl Iterator<Item = &'a Space>) -> Self {
        let (mut links, mut routes) = (BTreeMap::<&str, Vec<&Link>>::new(), BTreeSet::new());
        for space in spaces {
            for link in &space.links {
                links.entry(&link.name).or_default().push(link);
            }
            routes.extend(&space.routes);
        }
        Self { links, routes }
    }

    pub(super) fn link(&self, name: &str) -> &[&'a Link] {
        self.links.get(name).map_or(&[], Vec::as_slice)
    }
}
