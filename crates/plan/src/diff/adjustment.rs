//! The change in place that repairs a difference, and its place in the order.

use crate::compare::Fact;
use crate::step::Adjustment;
use crate::target::{RouteKind, Setting};

pub(super) const LEFT_ROUTES: u8 = 0;
const LEFT_ADDRESSES: u8 = 1;
const FIRST_SETTINGS: u8 = 2;
pub(super) const LINKS: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const ADDRESSES: u8 = 5;
pub(super) const ROUTES: u8 = 6;
const LIMITS: u8 = 7;
pub(super) const SYSCTLS: u8 = 8;

/// IPv6 must be on before an IPv6 address can be added.
fn setting_order(setting: Setting) -> u8 {
    match setting {
        Setting::DisableIpv6 => FIRST_SETTINGS,
        Setting::Forwarding(_)
        | Setting::ForcedForwarding
        | Setting::NewForwarding(_)
        | Setting::AcceptRa
        | Setting::Autoconf
        | Setting::Initial(_) => SETTINGS,
    }
}

/// The change that repairs a difference, with its place in the order; `None` if something is
/// created instead, or if the difference has steps of its own.
pub(super) fn adjustment(fact: &Fact) -> Option<(u8, Adjustment)> {
    Some(match fact {
        Fact::AddressMissing { link, address } => {
            let (link, address) = (link.clone(), *address);
            (ADDRESSES, Adjustment::AddAddress { link, address })
        }
        Fact::AddressLeft { link, address }
        | Fact::AddressFaulty { link, address, .. }
        | Fact::AddressElsewhere {
            link,
            address,
            repaired: true,
            ..
        } => {
            let (link, address) = (link.clone(), *address);
            (LEFT_ADDRESSES, Adjustment::RemoveAddress { link, address })
        }
        Fact::RouteMissing {
            route, replaces, ..
        } if route.kind != RouteKind::Unreachable => {
            let route = route.clone();
            let change = match replaces {
                true => Adjustment::ReplaceRoute(route),
                false => Adjustment::AddRoute(route),
            };
            (ROUTES, change)
        }
        Fact::RouteLeft { route } if route.kind != RouteKind::Unreachable => {
            (LEFT_ROUTES, Adjustment::RemoveRoute(route.clone()))
        }
        Fact::Setting { .. } | Fact::Sysctl { .. } => return of_setting(fact),
        Fact::NodeTable { .. } => return of_table(fact),
        Fact::Shaping { .. } | Fact::Forwarding { .. } | Fact::Neighbour { .. } => {
            return of_packets(fact);
        }
        Fact::RoutingRuleMissing { rule } => (FIRST_SETTINGS, Adjustment::AddRoutingRule(*rule)),
        Fact::NamespaceMissing
        | Fact::NamespaceReplaced
        | Fact::NamespaceUnseen
        | Fact::JoinedMissing { .. }
        | Fact::JoinedReplaced { .. }
        | Fact::LinkMissing { .. }
        | Fact::LinkDetached { .. }
        | Fact::Attribute { .. }
        | Fact::AddressElsewhere { .. }
        | Fact::Diverted(_)
        | Fact::Attached { .. }
        | Fact::Unmarked { .. }
        | Fact::PortTaken { .. }
        | Fact::RouteMissing { .. }
        | Fact::RouteLeft { .. }
        | Fact::RouteBehind { .. }
        | Fact::UplinkForwarding { .. }
        | Fact::UplinkNoteLeft { .. }
        | Fact::UplinkNoteMissing { .. }
        | Fact::AcceptMissing { .. }
        | Fact::TableMissing { .. }
        | Fact::TableChanged { .. }
        | Fact::Elements { .. }
        | Fact::ProgramStopped { .. }
        | Fact::ProgramUnhealthy
        | Fact::GuardMissing { .. }
        | Fact::GuardChanged { .. }
        | Fact::ListenerMissing { .. }
        | Fact::FileMissing { .. }
        | Fact::FileChanged { .. }
        | Fact::FileAccess { .. } => return None,
    })
}

/// The same for what a link or a bridge does with packets.
fn of_packets(fact: &Fact) -> Option<(u8, Adjustment)> {
    Some(match fact {
        Fact::Shaping {
            link,
            wanted,
            found,
        } => (
            LIMITS,
            Adjustment::Shape {
                link: link.clone(),
                shaping: *wanted,
                replace: found.is_none(),
            },
        ),
        Fact::Forwarding { port, mac, bridge } => {
            let (bridge, port, mac) = (bridge.clone(), port.clone(), *mac);
            (SETTINGS, Adjustment::RemoveForwarding { bridge, port, mac })
        }
        Fact::Neighbour { link, address, .. } => {
            let (link, address) = (link.clone(), *address);
            (SETTINGS, Adjustment::RemoveNeighbour { link, address })
        }
        _ => return None,
    })
}

/// The same for the table of a node that translates addresses.
fn of_table(fact: &Fact) -> Option<(u8, Adjustment)> {
    let Fact::NodeTable { table, wanted, .. } = fact else {
        return None;
    };
    let change = match wanted {
        Some(rules) => Adjustment::Table(rules.clone()),
        None => Adjustment::RemoveTable {
            table: table.split(' ').next_back()?.to_owned(),
        },
    };
    Some((FIRST_SETTINGS, change))
}

/// The same for a setting.
fn of_setting(fact: &Fact) -> Option<(u8, Adjustment)> {
    Some(match fact {
        Fact::Setting {
            link,
            setting,
            wanted,
            ..
        } => {
            let (link, setting, value) = (link.clone(), *setting, *wanted);
            (
                setting_order(setting),
                Adjustment::Setting {
                    link,
                    setting,
                    value,
                },
            )
        }
        Fact::Sysctl { key, wanted, .. } => {
            let (key, value) = (key.clone(), wanted.clone());
            (SYSCTLS, Adjustment::Sysctl { key, value })
        }
        _ => return None,
    })
}
