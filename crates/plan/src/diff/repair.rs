//! Steps that change in place what exists and differs.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{Name, SysctlKey};
use ipnet::IpNet;

use super::Plan;
use super::adjustment::{LINKS, SYSCTLS, adjustment};
use super::again::{NO_KERNEL_ADDRESS, Planned, again, no_kernel_address, starts_ipv6, wanted};
use super::created::Created;
use crate::compare::{Attribute, Comparison, Difference, Fact, ObjectPlace};
use crate::settled::{InterfaceRef, Settled};
use crate::step::{Adjustment, Announcement, Cause, Op};
use crate::target::{NodeTarget, RouteKind, Target};

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
            ObjectPlace::Host => "networks".into(),
            ObjectPlace::Node { node, .. } => {
                let node = self.wanted.node(node);
                node.map_or_else(|| "nodes".into(), |n| n.place.key.clone())
            }
        })
    }

    /// Why an object is created again: the drift that removed it, else `otherwise`. `links` are
    /// the names of both ends, none for a namespace.
    pub(super) fn cause_of_loss(
        &self,
        place: &ObjectPlace,
        links: &[&str],
        otherwise: Cause,
    ) -> Cause {
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
            let ObjectPlace::Node { node, .. } = place else {
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
        let mut steps: Vec<Planned> = Vec::new();
        let mut links: BTreeMap<(&ObjectPlace, &str), (Vec<Attribute>, Cause)> = BTreeMap::new();
        for difference in self
            .found
            .iter()
            .filter(|d| !is_created(d, created) && !is_of_namespace(d))
            .filter(|d| !is_of_others(d, target))
        {
            let place = &difference.place;
            if let Fact::Attribute { link, wanted, .. } = &difference.fact {
                let (attributes, _) = links
                    .entry((place, link))
                    .or_insert_with(|| (Vec::new(), self.cause(difference)));
                attributes.push(wanted.clone());
                if starts_ipv6(&difference.fact) && !attributes.contains(&NO_KERNEL_ADDRESS) {
                    attributes.extend(no_kernel_address(target, place, link));
                }
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
        // A missing object has a step that adds it already.
        for new in self.again(target) {
            if steps.iter().all(|s| (s.0, &s.1) != (new.0, &new.1)) {
                steps.push(new);
            }
        }
        steps.extend(self.new_sysctls(created, target));
        steps.sort_by_key(|(order, ..)| *order);
        for (_, op, cause) in steps {
            plan.push(op, cause);
        }
        self.announce(plan, created, target);
    }

    /// Settings of created namespaces: some belong to interfaces, which exist at that point.
    fn new_sysctls(&self, created: &Created, target: &Target) -> Vec<Planned> {
        let nodes = target.nodes.iter();
        let nodes = nodes.filter(|n| created.nodes.contains(&n.node));
        let all = nodes.flat_map(|n| n.space.sysctls.iter().map(move |setting| (n, setting)));
        let all = all.filter(|(_, (key, value))| !key.is_for_programs(value));
        let step = |(node, (key, value)): (&NodeTarget, (&SysctlKey, &String))| {
            let place = ObjectPlace::Node {
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

    /// Steps that follow from others: see [`again`].
    fn again(&self, target: &Target) -> Vec<Planned> {
        let mut out: Vec<Planned> = Vec::new();
        for difference in self.found {
            let ops = again(target, difference);
            let cause = self.cause(difference);
            out.extend(
                ops.into_iter()
                    .map(|(order, op)| (order, op, cause.clone())),
            );
        }
        out
    }

    /// Neighbours have noted the MAC address that another program gave a link.
    fn announce(&self, plan: &mut Plan, created: &Created, target: &Target) {
        for difference in self.found.iter().filter(|d| !is_created(d, created)) {
            let Fact::Attribute {
                link,
                wanted: Attribute::Mac(_),
                ..
            } = &difference.fact
            else {
                continue;
            };
            let place = &difference.place;
            let Some((wanted, _)) = wanted(target, place, link) else {
                continue;
            };
            let addresses = wanted.addresses.iter().map(IpNet::addr);
            let addresses: Vec<_> = addresses.collect();
            if !addresses.is_empty() {
                let op = Op::Announce(Announcement {
                    place: place.clone(),
                    interface: link.clone(),
                    addresses,
                });
                plan.push(op, self.cause(difference));
            }
        }
    }
}

/// Whether a difference is a setting of a node's whole namespace, or its table.
fn is_of_namespace(difference: &Difference) -> bool {
    let whole = match &difference.fact {
        Fact::Setting { link, .. } => link.is_none(),
        Fact::NodeTable { .. } => true,
        _ => false,
    };
    whole && matches!(difference.place, ObjectPlace::Node { .. })
}

/// Whether it is an address of a bridge that others made: that is in no target.
fn is_of_others(difference: &Difference, target: &Target) -> bool {
    let Fact::AddressMissing { link, .. } = &difference.fact else {
        return false;
    };
    difference.place == ObjectPlace::Host && target.host.links.iter().all(|l| l.name != *link)
}

/// Whether the object that differs is created completely in this run.
fn is_created(difference: &Difference, created: &Created) -> bool {
    let link = match &difference.fact {
        Fact::Attribute { link, .. }
        | Fact::AddressMissing { link, .. }
        | Fact::AddressLeft { link, .. }
        | Fact::AddressFaulty { link, .. }
        | Fact::AddressElsewhere { link, .. }
        | Fact::Shaping { link, .. }
        | Fact::Neighbour { link, .. }
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
        ObjectPlace::Host => created.host.contains(link),
        ObjectPlace::Node { node, .. } => {
            let interface = InterfaceRef {
                node: node.clone(),
                interface: link.clone(),
            };
            created.nodes.contains(node) || created.inside.contains(&interface)
        }
    }
}
