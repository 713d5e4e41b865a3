//! Steps that change in place what exists and differs.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{Name, SysctlKey};

use super::Plan;
use super::created::Created;
use crate::compare::{Attribute, Comparison, Difference, Fact, Place};
use crate::settled::Settled;
use crate::step::{Adjustment, Cause, Op};
use crate::target::{Link, NodeTarget, Route, RouteKind, Setting, Space, Target};

/// The differences of one comparison, and which of them are drift.
pub(super) struct Repairs<'a> {
    found: &'a [Difference],
    drift: &'a [Difference],
    wanted: &'a Settled,
    before: Option<&'a Settled>,
}

impl<'a> Repairs<'a> {
    pub(super) fn new(
        found: &'a Comparison,
        drift: &'a [Difference],
        wanted: &'a Settled,
        before: Option<&'a Settled>,
    ) -> Self {
        Self {
            found: &found.differences,
            drift,
            wanted,
            before,
        }
    }

    /// The name under which a network's bridge was built.
    pub(super) fn bridge_before(&self, network: &Name) -> Option<&str> {
        self.before?.network(network)?.bridge.as_deref()
    }

    /// A difference to what was built is drift; any other comes from the file.
    fn cause(&self, difference: &Difference) -> Cause {
        if self.drift.contains(difference) {
            return Cause::Drift(Box::new(difference.clone()));
        }
        Cause::File(match &difference.place {
            Place::Host => "networks".into(),
            Place::Node { node, .. } => {
                let node = self.wanted.node(node);
                node.map_or_else(|| "nodes".into(), |n| n.place.key.clone())
            }
        })
    }

    /// Why an object is created again: the drift that removed it, else `otherwise`. `links` are
    /// the names of both ends, none for a namespace.
    pub(super) fn cause_of_loss(&self, place: &Place, links: &[&str], otherwise: Cause) -> Cause {
        let lost = self.drift.iter().find(|d| {
            d.place == *place
                && match &d.fact {
                    Fact::LinkMissing { link, .. } | Fact::LinkDetached { link, .. } => {
                        links.contains(&link.as_str())
                    }
                    Fact::NamespaceMissing
                    | Fact::NamespaceReplaced
                    | Fact::JoinedReplaced { .. } => true,
                    _ => false,
                }
        });
        lost.map_or(otherwise, |d| Cause::Drift(Box::new(d.clone())))
    }

    /// Unreachable routes, before anything else.
    pub(super) fn unreachable_missing(&self, plan: &mut Plan) {
        for difference in self.found {
            if let Fact::RouteMissing { route, .. } = &difference.fact
                && route.kind == RouteKind::Unreachable
            {
                let cause = match self.drift.contains(difference) {
                    true => self.cause(difference),
                    false => Cause::Unreachable,
                };
                plan.push(Op::AddUnreachable { to: route.to }, cause);
            }
        }
    }

    /// Unreachable routes that are no longer wanted, after everything else.
    pub(super) fn unreachable_left(&self, plan: &mut Plan) {
        for difference in self.found {
            if let Fact::RouteLeft { route } = &difference.fact
                && route.kind == RouteKind::Unreachable
            {
                plan.push(Op::RemoveUnreachable { to: route.to }, Cause::NotInFile);
            }
        }
    }

    /// Settings of namespaces that exist. An interface that is created starts with them, so they
    /// are changed first: an IPv6 address cannot be added while IPv6 is off.
    pub(super) fn namespace_settings(&self, plan: &mut Plan, created: &BTreeSet<Name>) {
        for difference in self.found.iter().filter(|d| is_of_namespace(d)) {
            let place = &difference.place;
            let Place::Node { node, .. } = place else {
                continue;
            };
            if !created.contains(node)
                && let Some((_, change)) = adjustment(&difference.fact)
            {
                let op = Op::Adjust {
                    place: place.clone(),
                    change,
                };
                plan.push(op, self.cause(difference));
            }
        }
    }

    /// Everything else, in an order in which a later step does not undo an earlier one: what is
    /// left over first, then links, then settings, addresses and routes, which need the link up.
    pub(super) fn plan(&self, plan: &mut Plan, created: &Created, target: &Target) {
        let mut steps: Vec<(u8, Op, Cause)> = Vec::new();
        let mut links: BTreeMap<(&Place, &str), (Vec<Attribute>, Cause)> = BTreeMap::new();
        for difference in self
            .found
            .iter()
            .filter(|d| !is_created(d, created) && !is_of_namespace(d))
        {
            let place = &difference.place;
            if let Fact::Attribute { link, wanted, .. } = &difference.fact {
                let (attributes, _) = links
                    .entry((place, link))
                    .or_insert_with(|| (Vec::new(), self.cause(difference)));
                attributes.push(wanted.clone());
                continue;
            }
            if let Some((order, change)) = adjustment(&difference.fact) {
                let op = Op::Adjust {
                    place: place.clone(),
                    change,
                };
                steps.push((order, op, self.cause(difference)));
            }
        }
        for ((place, link), (attributes, cause)) in links {
            let change = Adjustment::Link {
                link: link.to_owned(),
                attributes,
            };
            let op = Op::Adjust {
                place: place.clone(),
                change,
            };
            steps.push((LINKS, op, cause));
        }
        let mut again = self.again(target);
        // A missing object has a step that adds it already.
        again.retain(|new| steps.iter().all(|s| (s.0, &s.1) != (new.0, &new.1)));
        steps.extend(again);
        steps.extend(self.new_sysctls(created, target));
        steps.sort_by_key(|(order, ..)| *order);
        for (_, op, cause) in steps {
            plan.push(op, cause);
        }
    }

    /// Settings of created namespaces: some belong to interfaces, which exist at that point.
    fn new_sysctls(&self, created: &Created, target: &Target) -> Vec<(u8, Op, Cause)> {
        let nodes = target.nodes.iter();
        let nodes = nodes.filter(|n| created.nodes.contains(&n.node));
        let all = nodes.flat_map(|n| n.space.sysctls.iter().map(move |setting| (n, setting)));
        let step = |(node, (key, value)): (&NodeTarget, (&SysctlKey, &String))| {
            let place = Place::Node {
                node: node.node.clone(),
                netns: node.netns.clone(),
            };
            let (key, value) = (key.clone(), value.clone());
            let change = Adjustment::Sysctl { key, value };
            let named = self.wanted.node(&node.node).map(|n| n.place.key.clone());
            let cause = Cause::File(named.unwrap_or_default());
            (SYSCTLS, Op::Adjust { place, change }, cause)
        };
        all.map(step).collect()
    }

    /// The kernel removes routes, and addresses of the same subnet, with an address: all that
    /// belong to that link are added again.
    fn again(&self, target: &Target) -> Vec<(u8, Op, Cause)> {
        let mut out = Vec::new();
        let mut done = BTreeSet::new();
        for difference in self.found {
            let Fact::AddressLeft { link, .. } = &difference.fact else {
                continue;
            };
            if !done.insert((&difference.place, link)) {
                continue;
            }
            let Some((wanted, routes)) = wanted(target, &difference.place, link) else {
                continue;
            };
            let cause = self.cause(difference);
            let mut push = |order, change| {
                let op = Op::Adjust {
                    place: difference.place.clone(),
                    change,
                };
                out.push((order, op, cause.clone()));
            };
            for address in &wanted.addresses {
                push(
                    ADDRESSES,
                    Adjustment::AddAddress {
                        link: link.clone(),
                        address: *address,
                    },
                );
            }
            for route in routes {
                push(ROUTES, Adjustment::AddRoute(route.clone()));
            }
        }
        out
    }
}

const LEFT_ROUTES: u8 = 0;
const LEFT_ADDRESSES: u8 = 1;
const FIRST_SETTINGS: u8 = 2;
const LINKS: u8 = 3;
const SETTINGS: u8 = 4;
const ADDRESSES: u8 = 5;
const ROUTES: u8 = 6;
const LIMITS: u8 = 7;
const SYSCTLS: u8 = 8;

/// IPv6 must be on before an IPv6 address can be added.
fn setting_order(setting: Setting) -> u8 {
    match setting {
        Setting::DisableIpv6 => FIRST_SETTINGS,
        Setting::Forwarding(_)
        | Setting::NewForwarding(_)
        | Setting::AcceptRa
        | Setting::Autoconf => SETTINGS,
    }
}

/// The change that repairs a difference, with its place in the order; `None` if something is
/// created instead, or if the difference has steps of its own.
fn adjustment(fact: &Fact) -> Option<(u8, Adjustment)> {
    Some(match fact {
        Fact::AddressMissing { link, address } => {
            let (link, address) = (link.clone(), *address);
            (ADDRESSES, Adjustment::AddAddress { link, address })
        }
        Fact::AddressLeft { link, address } => {
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
        Fact::Shaping { link, wanted, .. } => (
            LIMITS,
            Adjustment::Shape {
                link: link.clone(),
                shaping: *wanted,
            },
        ),
        Fact::NamespaceMissing
        | Fact::NamespaceReplaced
        | Fact::NamespaceUnseen
        | Fact::JoinedMissing { .. }
        | Fact::JoinedReplaced { .. }
        | Fact::LinkMissing { .. }
        | Fact::LinkDetached { .. }
        | Fact::Attribute { .. }
        | Fact::RouteMissing { .. }
        | Fact::RouteLeft { .. }
        | Fact::UplinkForwarding { .. }
        | Fact::UplinkNoteLeft { .. }
        | Fact::UplinkNoteMissing { .. }
        | Fact::AcceptMissing { .. }
        | Fact::TableMissing { .. }
        | Fact::TableChanged { .. }
        | Fact::Elements { .. }
        | Fact::ProgramStopped { .. }
        | Fact::GuardMissing { .. }
        | Fact::GuardChanged { .. }
        | Fact::ListenerMissing { .. }
        | Fact::FileMissing { .. }
        | Fact::FileChanged { .. } => return None,
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

/// Whether a difference is a setting of a node's whole namespace, or its table.
fn is_of_namespace(difference: &Difference) -> bool {
    let whole = match &difference.fact {
        Fact::Setting { link, .. } => link.is_none(),
        Fact::NodeTable { .. } => true,
        _ => false,
    };
    whole && matches!(difference.place, Place::Node { .. })
}

/// Whether the object that differs is created completely in this run.
fn is_created(difference: &Difference, created: &Created) -> bool {
    let link = match &difference.fact {
        Fact::Attribute { link, .. }
        | Fact::AddressMissing { link, .. }
        | Fact::AddressLeft { link, .. }
        | Fact::Shaping { link, .. }
        | Fact::Setting {
            link: Some(link), ..
        } => link,
        Fact::RouteMissing { route, .. } | Fact::RouteLeft { route } => match &route.kind {
            RouteKind::Link { link, .. } => link,
            RouteKind::Unreachable => return false,
        },
        _ => return false,
    };
    match &difference.place {
        Place::Host => created.host.contains(link),
        Place::Node { node, .. } => {
            created.nodes.contains(node) || created.inside.contains(&(node.clone(), link.clone()))
        }
    }
}

fn wanted<'t>(target: &'t Target, place: &Place, link: &str) -> Option<(&'t Link, Vec<&'t Route>)> {
    let space: &Space = match place {
        Place::Host => &target.host,
        Place::Node { node, .. } => &target.nodes.iter().find(|n| n.node == *node)?.space,
    };
    let leaves =
        |route: &&Route| matches!(&route.kind, RouteKind::Link { link: by, .. } if by == link);
    let found = space.links.iter().find(|l| l.name == link)?;
    Some((found, space.routes.iter().filter(leaves).collect()))
}
