//! What the kernel removes or sets to its initial values with a repair, and has to be made again.

use crate::compare::{Attribute, Difference, Fact, ObjectPlace};
use crate::mark;
use crate::settled::carries_ipv6;
use crate::step::{Adjustment, Cause, Op};
use crate::target::{Link, Route, RouteKind, Space, Target};

use super::adjustment::{ADDRESSES, LEFT_ROUTES, ROUTES, SETTINGS};

/// A step with its place in the order.
pub(super) type Planned = (u8, Op, Cause);

/// What a link has that the kernel adds no IPv6 address to.
pub(super) const NO_KERNEL_ADDRESS: Attribute = Attribute::KernelAddress(false);

/// Steps that make again what is lost with the repair of a difference.
pub(super) fn again(target: &Target, difference: &Difference) -> Vec<(u8, Op)> {
    let adjust = |(order, change)| {
        let place = difference.place.clone();
        (order, Op::Adjust { place, change })
    };
    let of = |link| wanted(target, &difference.place, link);
    let changes = match &difference.fact {
        Fact::AddressLeft { link, .. }
        | Fact::AddressFaulty { link, .. }
        | Fact::AddressElsewhere {
            link,
            repaired: true,
            ..
        } => of(link).map(|(link, routes)| addresses(link, &routes)),
        Fact::RouteBehind { route, first } => {
            let new = match (&difference.place, first) {
                (ObjectPlace::Node { .. }, None) => Adjustment::ReplaceRoute(route.clone()),
                // A new route comes before those that exist.
                _ => Adjustment::AddRoute(route.clone()),
            };
            Some(vec![
                (LEFT_ROUTES, Adjustment::RemoveRoute(route.clone())),
                (ROUTES, new),
            ])
        }
        fact @ Fact::Attribute { link, .. } if starts_ipv6(fact) => {
            of(link).map(|(link, routes)| ipv6(link, &routes))
        }
        _ => None,
    };
    changes.into_iter().flatten().map(adjust).collect()
}

/// The kernel removes routes, and addresses of the same subnet, with an address: all that belong to
/// that link are added again.
fn addresses(link: &Link, routes: &[&Route]) -> Vec<(u8, Adjustment)> {
    let add = |address| Adjustment::AddAddress {
        link: link.name.clone(),
        address,
    };
    let addresses = link.addresses.iter().map(|a| (ADDRESSES, add(*a)));
    let routes = routes.iter();
    let routes = routes.map(|route| (ROUTES, Adjustment::AddRoute((*route).clone())));
    addresses.chain(routes).collect()
}

/// Whether the repair of a difference starts IPv6 on a link, which had too small an MTU for it.
pub(super) fn starts_ipv6(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Attribute {
            wanted: Attribute::Mtu(wanted),
            found: Attribute::Mtu(found),
            ..
        } if carries_ipv6(Some(*wanted)) && !carries_ipv6(Some(*found))
    )
}

/// IPv6 starts with the kernel's initial settings, and with an address that the kernel makes.
fn ipv6(link: &Link, routes: &[&Route]) -> Vec<(u8, Adjustment)> {
    let mut out = Vec::new();
    if let Some(mac) = link.mac.filter(|_| link.no_kernel_address) {
        let (link, address) = (link.name.clone(), mark::link_local(mac).into());
        out.push((SETTINGS, Adjustment::RemoveAddress { link, address }));
    }
    let settings = link.settings.iter();
    out.extend(settings.map(|(setting, value)| {
        let (link, setting, value) = (Some(link.name.clone()), *setting, *value);
        let change = Adjustment::Setting {
            link,
            setting,
            value,
        };
        (SETTINGS, change)
    }));
    let mut all = addresses(link, routes);
    all.retain(|(_, change)| match change {
        Adjustment::AddAddress { address, .. } => address.addr().is_ipv6(),
        Adjustment::AddRoute(route) => route.to.addr().is_ipv6(),
        _ => true,
    });
    out.extend(all);
    out
}

/// The attribute [`NO_KERNEL_ADDRESS`], where a link has it.
pub(super) fn no_kernel_address(
    target: &Target,
    place: &ObjectPlace,
    link: &str,
) -> Option<Attribute> {
    let (link, _) = wanted(target, place, link)?;
    link.no_kernel_address.then_some(NO_KERNEL_ADDRESS)
}

/// A link as it must be, with the routes that leave by it.
pub(super) fn wanted<'t>(
    target: &'t Target,
    place: &ObjectPlace,
    link: &str,
) -> Option<(&'t Link, Vec<&'t Route>)> {
    let space: &Space = match place {
        ObjectPlace::Host => &target.host,
        ObjectPlace::Node { node, .. } => &target.nodes.iter().find(|n| n.node == *node)?.space,
    };
    let leaves =
        |route: &&Route| matches!(&route.kind, RouteKind::Link { link: by, .. } if by == link);
    let found = space.links.iter().find(|l| l.name == link)?;
    Some((found, space.routes.iter().filter(leaves).collect()))
}
