//! Steps that concern traffic as a whole: what the host forwards, and which connections end.

use std::collections::BTreeSet;

use hallway_spec::{IpVersion, Name};

use super::{Plan, Recorded, RulesChange, moved};
use crate::compare::{Difference, Fact, Place};
use crate::mark;
use crate::observed::Observed;
use crate::settled::{Publish, Settled};
use crate::step::{Cause, Flows, Op, PublishedPorts, Uplink};
use crate::target::Setting;

/// The name that stands for every link, where IPv6 can only be forwarded everywhere or nowhere.
const ALL: &str = "all";

/// Forwarding on the uplinks, where something of ours may leave the host.
pub(super) fn forward_uplinks(
    plan: &mut Plan,
    recorded: Recorded<'_>,
    wanted: &Settled,
    seen: &Observed,
) {
    let versions = versions(wanted);
    let needed = needed(wanted, seen);
    let (_, others) = noted(&wanted.project, seen);
    let ours = ours(recorded, &wanted.project, seen);
    let uplinks: Vec<Uplink> = needed
        .into_iter()
        .filter(|u| match forwards(u, seen) {
            None => false,
            Some(false) => true,
            // On because of another project alone, which will turn it off again.
            Some(true) => others.contains(u) && !ours.contains(u),
        })
        .collect();
    let planned_blind = seen.tables.is_empty() && seen.host.links.is_empty();
    if uplinks.is_empty() && (versions.is_empty() || !planned_blind) {
        return;
    }
    let drifted = uplinks
        .iter()
        .find(|u| ours.contains(u) && recorded.applied.is_some());
    let cause = match drifted {
        Some(uplink) => Cause::Drift(Box::new(Difference {
            place: Place::Host,
            fact: Fact::UplinkForwarding {
                link: uplink.link.clone(),
                version: uplink.version,
            },
        })),
        None => Cause::File("networks".into()),
    };
    let op = Op::ForwardUplinks {
        table: mark::table(&wanted.project),
        versions: versions.into_iter().collect(),
        uplinks,
    };
    plan.push(op, cause);
}

/// Uplinks that hallway turned forwarding on for and that no longer forward.
pub(super) fn uplink_drift(
    recorded: Recorded<'_>,
    wanted: &Settled,
    seen: &Observed,
) -> Vec<Difference> {
    let ours = ours(recorded, &wanted.project, seen);
    let off = needed(wanted, seen)
        .into_iter()
        .filter(|u| forwards(u, seen) == Some(false));
    let off = off.filter(|u| ours.contains(u));
    off.map(|Uplink { link, version }| Difference {
        place: Place::Host,
        fact: Fact::UplinkForwarding { link, version },
    })
    .collect()
}

/// The interfaces that must forward so that packets of the project leave the host and come back.
fn needed(wanted: &Settled, seen: &Observed) -> BTreeSet<Uplink> {
    let versions = versions(wanted);
    let mut out = BTreeSet::new();
    let by_link = seen.host.link("lo").is_some_and(|lo| {
        lo.settings
            .contains_key(&Setting::Forwarding(IpVersion::V6))
    });
    if versions.contains(&IpVersion::V6) && !by_link {
        out.insert(Uplink {
            link: ALL.into(),
            version: IpVersion::V6,
        });
    }
    if !wanted.inner_networks().any(|n| !n.internal) {
        return out;
    }
    for route in seen
        .host
        .routes
        .iter()
        .filter(|r| r.to.prefix_len() == 0 && !r.unreachable)
    {
        let version = IpVersion::of_net(&route.to);
        let link = seen
            .host
            .links
            .iter()
            .find(|l| Some(l.index) == route.interface);
        if let (true, Some(link)) = (versions.contains(&version), link) {
            out.insert(Uplink {
                link: link.name.clone(),
                version,
            });
        }
    }
    out
}

/// Whether it forwards; `None` where the kernel has no such setting.
fn forwards(uplink: &Uplink, seen: &Observed) -> Option<bool> {
    let setting = Setting::Forwarding(uplink.version);
    let value = match uplink.link.as_str() {
        ALL => seen.host.settings.get(&setting),
        link => seen.host.link(link)?.settings.get(&setting),
    };
    value.map(|v| *v != 0)
}

/// The uplinks that this project, and that other projects turned forwarding on for.
fn noted(project: &Name, seen: &Observed) -> (BTreeSet<Uplink>, BTreeSet<Uplink>) {
    let (mut ours, mut others) = (BTreeSet::new(), BTreeSet::new());
    for table in &seen.tables {
        let notes = if table.project == *project {
            &mut ours
        } else {
            &mut others
        };
        for (version, links) in [
            (IpVersion::V4, &table.forwarding4),
            (IpVersion::V6, &table.forwarding6),
        ] {
            notes.extend(links.iter().map(|l| Uplink {
                link: l.clone(),
                version,
            }));
        }
    }
    for note in &seen.noted {
        let alive = |p: &&Name| *p != project && !seen.marks(p).is_empty();
        if note.projects.iter().any(|p| alive(&p)) {
            others.insert(note.uplink.clone());
        }
    }
    (ours, others)
}

/// The uplinks that forward because of this project, by its table or, where that is gone, by the
/// record.
pub(super) fn ours(recorded: Recorded<'_>, project: &Name, seen: &Observed) -> BTreeSet<Uplink> {
    let (mut ours, _) = noted(project, seen);
    // After a reboot nothing of the project is left, and what forwards then does so by itself.
    if seen.marks(project).is_empty() {
        return ours;
    }
    let exists = |u: &&Uplink| u.link == ALL || seen.host.link(&u.link).is_some();
    let noted = seen.noted.iter().filter(|n| n.projects.contains(project));
    let noted = noted.map(|n| &n.uplink);
    let known = recorded.uplinks.iter().chain(noted);
    ours.extend(known.filter(exists).cloned());
    ours
}

/// Whether another program has turned forwarding on for every link, or for new links, since hallway
/// turned it on for this one. Then it stays on.
///
/// Not known where hallway itself turned it on for every link: the kernel then turns it on for new
/// links as well (`addrconf_fixup_forwarding`), and what another program writes changes nothing.
fn taken_over(uplink: &Uplink, seen: &Observed) -> bool {
    if uplink.link == ALL {
        return false;
    }
    let note = seen.noted.iter().find(|n| n.uplink == *uplink);
    let turned_on = |setting| {
        let now = seen.host.settings.get(&setting).copied().unwrap_or(0);
        let before = note.map(|n| n.before.get(&setting).copied().unwrap_or(0));
        now != 0 && before != Some(now)
    };
    let of_all = Setting::Forwarding(uplink.version);
    let of_new = Setting::NewForwarding(uplink.version);
    // Without a note, what new links start with says nothing about this one.
    turned_on(of_all) || (note.is_some() && turned_on(of_new))
}

/// Uplinks that forward because of this project alone do so no longer.
pub(super) fn restore_uplinks(
    plan: &mut Plan,
    recorded: Recorded<'_>,
    project: &Name,
    seen: &Observed,
) {
    let (_, others) = noted(project, seen);
    let ours = ours(recorded, project, seen);
    let uplinks: Vec<Uplink> = ours
        .into_iter()
        .filter(|u| !others.contains(u) && forwards(u, seen) == Some(true))
        .filter(|u| !taken_over(u, seen))
        .collect();
    if !uplinks.is_empty() {
        plan.push(Op::RestoreUplinks { uplinks }, Cause::Down);
    }
}

/// The IP versions of a project's networks.
fn versions(settled: &Settled) -> BTreeSet<IpVersion> {
    let gateways = settled.networks.iter().flat_map(|n| n.gateways());
    gateways.map(IpVersion::of).collect()
}

/// Connections that the change ends.
pub(super) fn end_connections(
    plan: &mut Plan,
    recorded: Recorded<'_>,
    wanted: &Settled,
    change: RulesChange,
    seen: &Observed,
) {
    let Some(before) = recorded.applied else {
        let ports: Vec<_> = wanted.publishes.iter().map(published_ports).collect();
        push_flows(
            plan,
            Flows {
                ports,
                ..Flows::default()
            },
            seen,
        );
        return;
    };
    if change == RulesChange::None {
        return;
    }
    let prefixes = moved::left(before, wanted);
    let mut ports = changed_ports(before, wanted);
    ports.extend(changed_ports(wanted, before));
    ports.sort_unstable();
    ports.dedup();
    // While the rules were not in place, connections may have begun that they deny.
    let judged = before.policies != wanted.policies
        || bounds(before) != bounds(wanted)
        || change == RulesChange::Drifted;
    let denied = judged.then(|| wanted.clone());
    push_flows(
        plan,
        Flows {
            prefixes,
            ports,
            denied,
            ..Flows::default()
        },
        seen,
    );
}

/// What networks are allowed and refused without a policy.
fn bounds(settled: &Settled) -> Vec<(&Name, [bool; 3])> {
    let networks = settled.networks.iter();
    networks
        .map(|n| (&n.name, [n.internal, n.outside, n.nat]))
        .collect()
}

fn push_flows(plan: &mut Plan, flows: Flows, seen: &Observed) {
    if flows != Flows::default() {
        let host = seen.host.addresses.iter().map(|a| a.net.addr()).collect();
        let flows = Flows { host, ..flows };
        plan.push(Op::ForgetFlows(Box::new(flows)), Cause::Connections);
    }
}

/// Published ports of `from` that `to` does not have in the same way.
pub(super) fn changed_ports(from: &Settled, to: &Settled) -> Vec<PublishedPorts> {
    let same = |a: &Publish, b: &Publish| {
        published_ports(a) == published_ports(b)
            && a.targets == b.targets
            && a.node_ports == b.node_ports
            && a.host_address == b.host_address
    };
    let gone = from
        .publishes
        .iter()
        .filter(|p| !to.publishes.iter().any(|q| same(p, q)));
    gone.map(published_ports).collect()
}

fn published_ports(publish: &Publish) -> PublishedPorts {
    PublishedPorts {
        protocol: publish.protocol,
        ports: publish.host_ports,
    }
}
