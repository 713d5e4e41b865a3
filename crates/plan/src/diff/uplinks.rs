//! What the host forwards: packets that come in by links of other programs.
//!
//! A packet is forwarded if the link it comes in by forwards. So every link of the host must
//! forward for published ports to answer and for nodes to get replies, also one that comes up
//! later. What hallway turns on is noted in the project's table, whose rules drop what comes in by
//! such a link and is not for a project: without hallway it would not be forwarded.

use std::collections::BTreeSet;

use hallway_spec::{IpVersion, Name};

use super::{Plan, Recorded};
use crate::compare::{Difference, Fact, ObjectPlace};
use crate::mark;
use crate::observed::{Observed, SeenLink};
use crate::settled::Settled;
use crate::step::{Cause, Op, Uplink};
use crate::target::Setting;

/// The name for every link, on kernels that can forward IPv6 by all links or by none.
const ALL: &str = "all";

/// Turns on forwarding for other links by which packets of the project may leave the host.
pub(super) fn forward(plan: &mut Plan, recorded: Recorded<'_>, wanted: &Settled, seen: &Observed) {
    let versions = versions(wanted);
    let stale = stale(&wanted.project, seen);
    if !stale.is_empty() {
        let cause = match stale.first() {
            Some(uplink) => Cause::Drift(Box::new(left(uplink.clone()))),
            None => Cause::File("networks".into()),
        };
        let op = Op::RemoveUplinks {
            table: mark::table(&wanted.project),
            bridges: bridges(&stale, seen),
            uplinks: stale,
        };
        plan.push(op, cause);
    }
    let notes = Notes::new(recorded, &wanted.project, seen);
    let mut uplinks: Vec<Uplink> = needed(wanted, seen)
        .into_iter()
        .filter(|u| notes.must_forward(u, seen))
        .collect();
    // Packets of other machines are dropped at each link before all links forward at once.
    uplinks.sort_by_key(|u| u.link == ALL);
    let planned_blind = seen.tables.is_empty() && seen.host.links.is_empty();
    if uplinks.is_empty() && (versions.is_empty() || !planned_blind) {
        return;
    }
    let cause = match uplinks.first().filter(|_| recorded.applied.is_some()) {
        Some(uplink) if notes.is_open(uplink) => Cause::Drift(Box::new(open(uplink.clone()))),
        Some(uplink) => Cause::Drift(Box::new(off(uplink.clone()))),
        None => Cause::File("networks".into()),
    };
    let op = Op::ForwardUplinks {
        table: mark::table(&wanted.project),
        versions: versions.into_iter().collect(),
        bridges: bridges(&uplinks, seen),
        uplinks,
    };
    plan.push(op, cause);
}

/// Links that do not forward and must, and notes of links that do not exist any more or that
/// another program makes forward.
pub(super) fn drift(recorded: Recorded<'_>, wanted: &Settled, seen: &Observed) -> Vec<Difference> {
    let notes = Notes::new(recorded, &wanted.project, seen);
    let missing = needed(wanted, seen)
        .into_iter()
        .filter(|u| notes.must_forward(u, seen))
        .map(|u| match notes.is_open(&u) {
            true => open(u),
            false => off(u),
        });
    let stale = stale(&wanted.project, seen).into_iter().map(left);
    missing.chain(stale).collect()
}

fn off(uplink: Uplink) -> Difference {
    let Uplink { link, version } = uplink;
    Difference {
        place: ObjectPlace::Host,
        fact: Fact::UplinkForwarding { link, version },
    }
}

fn open(uplink: Uplink) -> Difference {
    let Uplink { link, version } = uplink;
    Difference {
        place: ObjectPlace::Host,
        fact: Fact::UplinkNoteMissing { link, version },
    }
}

fn left(uplink: Uplink) -> Difference {
    let Uplink { link, version } = uplink;
    Difference {
        place: ObjectPlace::Host,
        fact: Fact::UplinkNoteLeft { link, version },
    }
}

/// The bridges among uplinks. With the module br_netfilter their own frames pass the rules too, from
/// the bridge to the bridge.
pub(super) fn bridges(uplinks: &[Uplink], seen: &Observed) -> Vec<String> {
    let links: BTreeSet<&str> = uplinks.iter().map(|u| u.link.as_str()).collect();
    links
        .into_iter()
        .filter(|name| seen.is_bridge(name))
        .map(str::to_owned)
        .collect()
}

/// Whether the kernel can forward IPv6 by link (force_forwarding, since Linux 6.17).
fn by_link(seen: &Observed) -> bool {
    let has = Setting::Forwarding(IpVersion::V6);
    seen.host
        .links
        .iter()
        .any(|l| l.settings.contains_key(&has))
}

/// Whether packets can come in by a link that is not of a project. A port of a bridge and a member
/// of a bond do not count: the bridge and the bond do. A link that is down may still be renamed.
fn may_be_uplink(link: &SeenLink) -> bool {
    let ours = link.alias.as_deref().and_then(mark::parse_alias).is_some()
        || mark::slot_of(link.group).is_some();
    link.up && link.master.is_none() && link.name != "lo" && !ours
}

/// The links that must forward so that packets of the project leave the host and come back.
fn needed(wanted: &Settled, seen: &Observed) -> BTreeSet<Uplink> {
    let versions = versions(wanted);
    let mut out = BTreeSet::new();
    let everywhere = versions.contains(&IpVersion::V6) && !by_link(seen);
    if everywhere && !seen.host.links.is_empty() {
        out.insert(Uplink {
            link: ALL.into(),
            version: IpVersion::V6,
        });
    }
    let reaches_outside = wanted.inner_networks().any(|n| !n.internal);
    for link in seen.host.links.iter().filter(|l| may_be_uplink(l)) {
        for version in &versions {
            if reaches_outside || (everywhere && *version == IpVersion::V6) {
                out.insert(Uplink {
                    link: link.name.clone(),
                    version: *version,
                });
            }
        }
    }
    out
}

/// The value of the link's own setting; `None` where the kernel has no such setting.
fn turned_on(uplink: &Uplink, seen: &Observed) -> Option<bool> {
    value(uplink, seen).map(|value| value != 0)
}

fn value(uplink: &Uplink, seen: &Observed) -> Option<u32> {
    let setting = Setting::Forwarding(uplink.version);
    let value = match uplink.link.as_str() {
        ALL => seen.host.settings.get(&setting),
        link => seen.host.link(link)?.settings.get(&setting),
    };
    value.copied()
}

fn all_forward6(seen: &Observed) -> Option<bool> {
    let all = seen
        .host
        .settings
        .get(&Setting::Forwarding(IpVersion::V6))?;
    Some(*all != 0)
}

/// For whom forwarding was turned on.
struct Notes {
    ours: BTreeSet<Uplink>,
    others: BTreeSet<Uplink>,
    /// Those in the project's own table.
    table: BTreeSet<Uplink>,
    /// Whether that table exists.
    is_table: bool,
}

impl Notes {
    fn new(recorded: Recorded<'_>, project: &Name, seen: &Observed) -> Self {
        let (table, others) = noted(project, seen);
        Self {
            ours: ours(recorded, project, seen),
            others,
            table,
            is_table: seen
                .tables
                .iter()
                .any(|t| t.project == *project && !t.bridge_family),
        }
    }

    /// It forwards because of the project, and others' packets could be forwarded by it too.
    fn is_open(&self, uplink: &Uplink) -> bool {
        self.is_table && self.ours.contains(uplink) && !self.table.contains(uplink)
    }

    /// Whether a link that is needed has to be turned on, or noted.
    fn must_forward(&self, uplink: &Uplink, seen: &Observed) -> bool {
        let on = if uplink.version == IpVersion::V6 && uplink.link != ALL {
            match (by_link(seen), all_forward6(seen)) {
                // A kernel without IPv6.
                (_, None) => return false,
                // Every link forwards because of another program.
                (true, Some(true)) => true,
                (true, Some(false)) => turned_on(uplink, seen) != Some(false),
                // Every link forwards, or will forward: because of hallway only if it is noted.
                (false, Some(all)) => {
                    let of_all = Uplink {
                        link: ALL.into(),
                        version: IpVersion::V6,
                    };
                    let because_of_us =
                        !all || self.ours.contains(&of_all) || self.others.contains(&of_all);
                    return because_of_us && !self.table.contains(uplink);
                }
            }
        } else {
            match turned_on(uplink, seen) {
                None => return false,
                Some(on) => on,
            }
        };
        // On because of another project alone, which will turn it off again itself.
        let of_other = self.others.contains(uplink) && !self.ours.contains(uplink);
        !on || of_other || self.is_open(uplink)
    }
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
    others.retain(|u| holds(u, seen));
    (ours, others)
}

/// Whether a note is still valid: its link exists, and forwards because of hallway alone.
fn holds(uplink: &Uplink, seen: &Observed) -> bool {
    let exists = uplink.link == ALL || seen.host.link(&uplink.link).is_some();
    exists && !taken_over(uplink, seen)
}

/// The links of the host that forward because of another program, as far as it is known.
#[must_use]
pub fn forwards_for_others(project: &Name, seen: &Observed) -> BTreeSet<(IpVersion, String)> {
    let (mut noted, others) = self::noted(project, seen);
    noted.extend(others);
    noted.retain(|uplink| holds(uplink, seen));
    let forwards = |uplink: &Uplink| {
        let of_all = Uplink {
            link: ALL.into(),
            version: uplink.version,
        };
        let by_all = uplink.version == IpVersion::V6
            && all_forward6(seen) == Some(true)
            && !noted.contains(&of_all);
        by_all || turned_on(uplink, seen) == Some(true) && !noted.contains(uplink)
    };
    let links = seen.host.links.iter().filter(|l| may_be_uplink(l));
    let all = links.flat_map(|l| {
        IpVersion::ALL.map(|version| Uplink {
            link: l.name.clone(),
            version,
        })
    });
    all.filter(forwards).map(|u| (u.version, u.link)).collect()
}

/// The uplinks that forward because of this project, by its table or, where that is gone, by the
/// record.
pub(super) fn ours(recorded: Recorded<'_>, project: &Name, seen: &Observed) -> BTreeSet<Uplink> {
    let (mut ours, _) = noted(project, seen);
    // After a reboot nothing of the project exists, and no link forwards because of it.
    if !seen.marks(project).is_empty() {
        let noted = seen.noted.iter().filter(|n| n.projects.contains(project));
        let known = recorded.uplinks.iter().chain(noted.map(|n| &n.uplink));
        ours.extend(known.cloned());
    }
    ours.retain(|u| holds(u, seen));
    ours
}

/// Notes of the project that are not valid any more.
fn stale(project: &Name, seen: &Observed) -> Vec<Uplink> {
    let (mut all, _) = noted(project, seen);
    let filed = seen.noted.iter().filter(|n| n.projects.contains(project));
    all.extend(filed.map(|n| n.uplink.clone()));
    all.into_iter().filter(|u| !holds(u, seen)).collect()
}

/// Whether another program has turned forwarding on for every link since hallway turned it on for this
/// one, or has given this one a value that hallway never writes. Then it stays on. The setting for new links changes nothing of one that exists.
///
/// Not known where hallway itself turned it on for every link: the kernel then turns it on for new
/// links as well (`addrconf_fixup_forwarding`), and what another program writes changes nothing.
fn taken_over(uplink: &Uplink, seen: &Observed) -> bool {
    if value(uplink, seen).is_some_and(|value| value > 1) {
        return true;
    }
    if uplink.link == ALL || (uplink.version == IpVersion::V6 && !by_link(seen)) {
        return false;
    }
    let note = seen.noted.iter().find(|n| n.uplink == *uplink);
    let since = |of_all: Setting| {
        let now = seen.host.settings.get(&of_all).copied().unwrap_or(0);
        let before = note.map(|n| n.before.get(&of_all).copied().unwrap_or(0));
        now != 0 && before != Some(now)
    };
    let forced = uplink.version == IpVersion::V6 && since(Setting::ForcedForwarding);
    forced || since(Setting::Forwarding(uplink.version))
}

/// Turns off forwarding for uplinks that forward because of this project alone.
pub(super) fn restore(plan: &mut Plan, recorded: Recorded<'_>, project: &Name, seen: &Observed) {
    let (_, others) = noted(project, seen);
    let ours = ours(recorded, project, seen);
    let uplinks: Vec<Uplink> = ours
        .into_iter()
        .filter(|u| !others.contains(u) && turned_on(u, seen) == Some(true))
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

impl Plan {
    /// The uplinks that forward because of the project once the plan has been carried out.
    #[must_use]
    pub fn uplinks(&self, recorded: Recorded<'_>, project: &Name, seen: &Observed) -> Vec<Uplink> {
        let mut all = ours(recorded, project, seen);
        all.extend(self.turned_on().cloned());
        all.into_iter().collect()
    }
}
