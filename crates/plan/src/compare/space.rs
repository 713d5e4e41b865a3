//! One network namespace: the objects it must hold, compared with those it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hallway_nftables::Ruleset;
use hallway_spec::SysctlKey;
use ipnet::IpNet;

use super::rules::node_table;
use super::{Attribute, Difference, Fact, Place};
use crate::mark;
use crate::observed::{Seen, SeenAddress, SeenLink, SeenRoute, SeenSpace};
use crate::shaping::Shaping;
use crate::target::{BY_KERNEL, Link, LinkRole, Route, RouteKind, RouteOrigin, Setting, Space};

/// RT_TABLE_MAIN, linux/rtnetlink.h.
const MAIN_TABLE: u32 = 254;
/// The MTU of a bridge or veth without one in the file, in bytes.
const DEFAULT_MTU: u32 = 1500;

/// An examined namespace, for looking things up by name.
pub(super) struct Index<'a> {
    links: BTreeMap<&'a str, &'a SeenLink>,
    names: BTreeMap<u32, &'a str>,
    addresses: BTreeSet<(u32, IpNet)>,
    all: &'a [SeenAddress],
    routes: BTreeMap<IpNet, Vec<&'a SeenRoute>>,
    settings: &'a BTreeMap<Setting, u32>,
    sysctls: &'a BTreeMap<SysctlKey, String>,
    rules: &'a Seen<Ruleset>,
}

impl<'a> Index<'a> {
    /// Whether a link has an address, with any prefix length.
    pub(super) fn is_at(&self, link: u32, address: IpAddr) -> bool {
        let mut all = self.all.iter();
        all.any(|a| a.interface == link && a.net.addr() == address)
    }

    pub(super) fn new(seen: &'a SeenSpace) -> Self {
        let mut routes: BTreeMap<IpNet, Vec<&SeenRoute>> = BTreeMap::new();
        for route in seen.routes.iter().filter(|r| r.table == MAIN_TABLE) {
            routes.entry(route.to).or_default().push(route);
        }
        Self {
            links: seen.links.iter().map(|l| (l.name.as_str(), l)).collect(),
            names: seen
                .links
                .iter()
                .map(|l| (l.index, l.name.as_str()))
                .collect(),
            addresses: seen
                .addresses
                .iter()
                .filter(|a| a.usable)
                .map(|a| (a.interface, a.net))
                .collect(),
            all: &seen.addresses,
            routes,
            settings: &seen.settings,
            sysctls: &seen.sysctls,
            rules: &seen.rules,
        }
    }

    pub(super) fn link(&self, name: &str) -> Option<&'a SeenLink> {
        self.links.get(name).copied()
    }

    fn name(&self, index: u32) -> Option<&'a str> {
        self.names.get(&index).copied()
    }

    pub(super) fn has_address(&self, link: u32, address: IpNet) -> bool {
        self.addresses.contains(&(link, address))
    }

    /// Addresses that conflict with a given one: the same address with another prefix length, or not
    /// usable, and for IPv4 the first of its subnet, which would be the source of sent packets.
    fn instead_of(&self, link: u32, address: IpNet) -> Vec<IpNet> {
        let of_link = self.all.iter().filter(|a| a.interface == link);
        let is_it = |a: &&SeenAddress| a.net == address && a.usable;
        let is_first = of_link.clone().any(|a| is_it(&a) && !a.secondary);
        let others = of_link.filter(|a| !is_it(a));
        let instead = others.filter(|a| {
            let first =
                address.addr().is_ipv4() && !a.secondary && a.net.trunc() == address.trunc();
            !is_first && (first || a.net.addr() == address.addr())
        });
        instead.map(|a| a.net).collect()
    }

    fn has_route(&self, route: &Route) -> bool {
        let same = self.routes.get(&route.to).into_iter().flatten();
        same.copied().any(|seen| match &route.kind {
            RouteKind::Unreachable => {
                seen.unreachable
                    && seen.protocol == mark::ROUTE_PROTOCOL
                    && seen.metric == route.metric()
            }
            RouteKind::Link { link, via, .. } => {
                !seen.unreachable
                    && seen.via == *via
                    && seen.metric == route.metric()
                    && seen.interface.and_then(|i| self.name(i)) == Some(link)
            }
        })
    }

    /// The missing route, and which route exists instead. A route of another link that the kernel
    /// made, a default route and a link-local one can exist beside it, and are kept.
    fn route_missing(&self, route: &Route) -> Fact {
        let missing = |found, replaces| Fact::RouteMissing {
            route: route.clone(),
            found,
            replaces,
        };
        let RouteKind::Link { link, .. } = &route.kind else {
            return missing(None, false);
        };
        let same = self.routes.get(&route.to).into_iter().flatten();
        let same: Vec<_> = same.filter(|r| r.metric == route.metric()).collect();
        let shared = route.to.prefix_len() == 0 || is_link_local(&route.to);
        let beside = |r: &&&SeenRoute| {
            let of_link = r.interface.and_then(|i| self.name(i)) == Some(link);
            !r.unreachable && !of_link && (shared || r.protocol == BY_KERNEL)
        };
        let mut instead = same.iter().filter(|r| !beside(r) && !r.unreachable);
        let found = instead.next().map(|r| r.via);
        missing(found, !same.is_empty() && !same.iter().any(beside))
    }
}

/// What earlier runs wanted in a namespace, for looking things up by name.
pub(super) struct Before<'a> {
    links: BTreeMap<&'a str, Vec<&'a Link>>,
    routes: BTreeSet<&'a Route>,
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

    fn link(&self, name: &str) -> &[&'a Link] {
        self.links.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Differences of the links that exist; the caller handles missing links, since it creates them.
/// `before` is what earlier runs wanted here.
pub(super) fn compare(
    place: &Place,
    wanted: &Space,
    before: &Before<'_>,
    seen: &Index<'_>,
) -> Vec<Difference> {
    let mut facts = Vec::new();
    for (setting, value) in &wanted.settings {
        compare_setting(None, *setting, *value, seen.settings, &mut facts);
    }
    for (key, value) in &wanted.sysctls {
        let found = seen.sysctls.get(key);
        if found != Some(value) {
            facts.push(Fact::Sysctl {
                key: key.clone(),
                wanted: value.clone(),
                found: found.cloned(),
            });
        }
    }
    facts.extend(node_table(wanted.rules.as_ref(), seen.rules));
    for link in &wanted.links {
        let Some(found) = seen.link(&link.name) else {
            continue;
        };
        attributes(link, found, seen, &mut facts);
        for (setting, value) in &link.settings {
            compare_setting(
                Some(&link.name),
                *setting,
                *value,
                &found.settings,
                &mut facts,
            );
        }
        addresses(link, found, before.link(&link.name), seen, &mut facts);
        let as_wanted = found.shaping.is_some_and(|s| s.same(&link.shaping));
        if !as_wanted && shaping_is_ours(link, before.link(&link.name)) {
            facts.push(Fact::Shaping {
                link: link.name.clone(),
                wanted: link.shaping,
                found: found.shaping,
            });
        }
    }
    routes(wanted, before, seen, &mut facts);
    let differ = |fact| Difference {
        place: place.clone(),
        fact,
    };
    facts.into_iter().map(differ).collect()
}

fn compare_setting(
    link: Option<&str>,
    setting: Setting,
    wanted: u32,
    seen: &BTreeMap<Setting, u32>,
    out: &mut Vec<Fact>,
) {
    // A setting that the kernel does not have cannot differ.
    if let Some(found) = seen.get(&setting)
        && *found != wanted
    {
        out.push(Fact::Setting {
            link: link.map(str::to_owned),
            setting,
            wanted,
            found: *found,
        });
    }
}

fn attributes(wanted: &Link, found: &SeenLink, seen: &Index<'_>, out: &mut Vec<Fact>) {
    let master = found
        .master
        .map(|i| seen.name(i).unwrap_or("another link").to_owned());
    let sends = wanted.role != LinkRole::Loopback;
    let pairs = [
        Some((Attribute::Up(true), Attribute::Up(found.up))),
        sends.then_some((Attribute::Arp(true), Attribute::Arp(!found.no_arp))),
        sends.then_some((
            Attribute::Multicast(true),
            Attribute::Multicast(!found.no_multicast),
        )),
        wanted
            .mac
            .zip(found.mac)
            .map(|(w, f)| (Attribute::Mac(w), Attribute::Mac(f))),
        wanted
            .group
            .map(|w| (Attribute::Group(w), Attribute::Group(found.group))),
        wanted.alias.as_ref().map(|w| {
            (
                Attribute::Alias(Some(w.clone())),
                Attribute::Alias(found.alias.clone()),
            )
        }),
        wanted
            .master
            .as_ref()
            .map(|w| (Attribute::Master(w.clone()), Attribute::Master(master))),
        wanted.nf_call.zip(found.nf_call).map(|(w, (v4, v6))| {
            let found = if v4 == w { v6 } else { v4 };
            (Attribute::NfCall(w), Attribute::NfCall(found))
        }),
        wanted
            .group_learning
            .zip(found.group_learning)
            .map(|(w, f)| (Attribute::GroupLearning(w), Attribute::GroupLearning(f))),
        mtu(wanted).map(|w| (Attribute::Mtu(w), Attribute::Mtu(found.mtu))),
        found
            .kernel_address
            .filter(|_| wanted.no_kernel_address)
            .map(|f| (Attribute::KernelAddress(false), Attribute::KernelAddress(f))),
    ];
    let bridge = wanted.bridge.iter().filter_map(|(flag, on)| {
        let found = *found.bridge.get(flag)?;
        Some((
            Attribute::Bridge(*flag, *on),
            Attribute::Bridge(*flag, found),
        ))
    });
    let all = pairs.into_iter().flatten().chain(bridge);
    let all = all.chain(port_flags(wanted, found, seen));
    for (wanted_value, found_value) in all {
        if wanted_value != found_value {
            out.push(Fact::Attribute {
                link: wanted.name.clone(),
                wanted: wanted_value,
                found: found_value,
            });
        }
    }
}

/// The flags of a bridge port, as wanted and as found.
fn port_flags<'a>(
    wanted: &'a Link,
    found: &'a SeenLink,
    seen: &Index<'_>,
) -> impl Iterator<Item = (Attribute, Attribute)> + use<'a> {
    // A port that is moved to another bridge starts with the defaults.
    let stays = found.master.and_then(|i| seen.name(i))
        == wanted.master.as_ref().and_then(Option::as_deref);
    wanted.port.iter().filter_map(move |(flag, on)| {
        let found = match stays {
            true => *found.port.get(flag)?,
            false => flag.default(),
        };
        Some((Attribute::Port(*flag, *on), Attribute::Port(*flag, found)))
    })
}

/// `fe80::/64`, which every link with IPv6 has (RFC 4291, section 2.5.6).
fn is_link_local(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(net) if net.addr().is_unicast_link_local())
}

/// Hallway does not set the loopback's MTU; a link on another has the MTU of that.
fn mtu(wanted: &Link) -> Option<u32> {
    match wanted.role {
        LinkRole::Loopback | LinkRole::Vlan | LinkRole::Macvlan => wanted.mtu,
        _ => Some(wanted.mtu.unwrap_or(DEFAULT_MTU)),
    }
}

fn addresses(
    wanted: &Link,
    found: &SeenLink,
    before: &[&Link],
    seen: &Index<'_>,
    out: &mut Vec<Fact>,
) {
    for address in &wanted.addresses {
        if !seen.has_address(found.index, *address) {
            let (link, address) = (wanted.name.clone(), *address);
            out.push(Fact::AddressMissing { link, address });
        }
        for other in seen.instead_of(found.index, *address) {
            if other == *address || !wanted.addresses.contains(&other) {
                out.push(Fact::AddressLeft {
                    link: wanted.name.clone(),
                    address: other,
                });
            }
        }
    }
    let before: BTreeSet<&IpNet> = before.iter().flat_map(|l| &l.addresses).collect();
    for address in before {
        if !wanted.addresses.contains(address) && seen.has_address(found.index, *address) {
            out.push(Fact::AddressLeft {
                link: wanted.name.clone(),
                address: *address,
            });
        }
    }
}

/// A queueing discipline that hallway neither needs nor set belongs to another program.
fn shaping_is_ours(wanted: &Link, before: &[&Link]) -> bool {
    let some = |link: &Link| link.shaping != Shaping::NONE;
    some(wanted) || before.iter().any(|l| some(l))
}

fn routes(wanted: &Space, before: &Before<'_>, seen: &Index<'_>, out: &mut Vec<Fact>) {
    let leaves_by_missing_link = |route: &Route| match &route.kind {
        RouteKind::Link { link, .. } => seen.link(link).is_none(),
        RouteKind::Unreachable => false,
    };
    // These routes are added again with a missing address, and when a link that is down comes up.
    let connected = wanted.connected_routes().into_iter().filter(|route| {
        let RouteKind::Link {
            link,
            origin: RouteOrigin::Connected(source),
            ..
        } = &route.kind
        else {
            return false;
        };
        let net = IpNet::new(*source, route.to.prefix_len());
        seen.link(link).is_some_and(|found| {
            found.up && net.is_ok_and(|net| seen.has_address(found.index, net))
        })
    });
    let connected: Vec<Route> = connected.collect();
    for route in connected.iter().chain(&wanted.routes) {
        // The routes of a link that does not exist are created with it.
        if !leaves_by_missing_link(route) && !seen.has_route(route) {
            out.push(seen.route_missing(route));
        }
    }
    let still: BTreeSet<&Route> = wanted.routes.iter().collect();
    for route in &before.routes {
        if !still.contains(*route) && seen.has_route(route) {
            out.push(Fact::RouteLeft {
                route: (*route).clone(),
            });
        }
    }
}
