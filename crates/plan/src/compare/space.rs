//! One network namespace: the objects it must hold, compared with those it holds.

use std::collections::BTreeMap;

use super::addresses::Owned;
use super::index::{Before, Index};
use super::rules::node_table;
use super::{Attribute, Difference, Fact, ObjectPlace, addresses, routes};
use crate::observed::{Seen, SeenLink};
use crate::shaping::Shaping;
use crate::target::{Initial, Link, LinkRole, Setting, Space};

/// How long a new bridge keeps what it has learned (BR_DEFAULT_AGEING_TIME), in hundredths of a second.
const AGEING_TIME: u32 = 300 * 100;
/// The MTU of a bridge or veth without one in the file, in bytes.
const DEFAULT_MTU: u32 = 1500;

/// Differences of the links that exist; the caller handles missing links, since it creates them.
/// `owned` are the addresses that no other link may have, `before` is what earlier runs wanted here.
pub(super) fn compare(
    place: &ObjectPlace,
    wanted: &Space,
    owned: &Owned,
    before: &Before<'_>,
    seen: &Index<'_>,
) -> Vec<Difference> {
    let mut facts = Vec::new();
    for (setting, value) in &wanted.settings {
        compare_setting(None, *setting, *value, &seen.seen.settings, &mut facts);
    }
    for (key, value) in &wanted.sysctls {
        let found = seen.seen.sysctls.get(key);
        if found != Some(value) {
            facts.push(Fact::Sysctl {
                key: key.clone(),
                wanted: value.clone(),
                found: found.cloned(),
            });
        }
    }
    facts.extend(node_table(wanted.rules.as_ref(), &seen.seen.rules));
    for link in &wanted.links {
        let Some(found) = seen.link(&link.name) else {
            continue;
        };
        attributes(link, found, seen, &mut facts);
        for (setting, value) in &link.settings {
            let value = given(*setting, *value, seen);
            compare_setting(
                Some(&link.name),
                *setting,
                value,
                &found.settings,
                &mut facts,
            );
        }
        addresses::of_link(link, found, before.link(&link.name), seen, &mut facts);
        let as_wanted = found.shaping.is_some_and(|s| s.same(&link.shaping));
        if !as_wanted && shaping_is_ours(link, before.link(&link.name)) {
            facts.push(Fact::Shaping {
                link: link.name.clone(),
                wanted: link.shaping,
                found: found.shaping,
            });
        }
    }
    addresses::elsewhere(owned, wanted, before, seen, &mut facts);
    routes::compare(wanted, before, seen, &mut facts);
    if let Seen::Present(found) = &seen.seen.routing_rules {
        let missing = wanted.routing_rules.iter().filter(|r| !found.contains(*r));
        facts.extend(missing.map(|rule| Fact::RoutingRuleMissing { rule: *rule }));
    }
    let differ = |fact| Difference {
        place: place.clone(),
        fact,
    };
    facts.into_iter().map(differ).collect()
}

/// Links of the host have the reverse path filter that the host gives new ones: it decides itself how
/// strict it is. The source of some answers is an address of the host.
fn given(setting: Setting, wanted: u32, seen: &Index<'_>) -> u32 {
    match setting {
        Setting::Initial(Initial::RpFilter) => seen.seen.new_rp_filter.unwrap_or(wanted),
        Setting::Initial(Initial::AcceptLocal) if seen.seen.source_routing.own_sources() => 1,
        _ => wanted,
    }
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
        && !setting.accepts(*found, wanted)
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
    let all = all.chain(learning(wanted, found));
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

/// How a bridge learns, as wanted and as found. If it removes them at once, frames go to every port.
fn learning(wanted: &Link, found: &SeenLink) -> impl Iterator<Item = (Attribute, Attribute)> {
    let is_bridge = wanted.role == LinkRole::Bridge;
    let ageing = found.ageing_time.filter(|_| is_bridge);
    let ageing = ageing.map(|f| (Attribute::AgeingTime(AGEING_TIME), Attribute::AgeingTime(f)));
    let learned = found.max_learned.filter(|_| is_bridge);
    let learned = learned.map(|f| (Attribute::MaxLearned(0), Attribute::MaxLearned(f)));
    ageing.into_iter().chain(learned)
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

/// A link on another has the MTU of that.
fn mtu(wanted: &Link) -> Option<u32> {
    match wanted.role {
        LinkRole::Vlan | LinkRole::Macvlan => wanted.mtu,
        _ => Some(wanted.mtu.unwrap_or(DEFAULT_MTU)),
    }
}

/// A queueing discipline that hallway neither needs nor set belongs to another program.
fn shaping_is_ours(wanted: &Link, before: &[&Link]) -> bool {
    let some = |link: &Link| link.shaping != Shaping::NONE;
    some(wanted) || before.iter().any(|l| some(l))
}
