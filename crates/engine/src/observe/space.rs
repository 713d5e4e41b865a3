//! One network namespace: links with their settings, addresses, routes, limits.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use hallway_kernel::addr::{AddressInfo, Scope};
use hallway_kernel::link::{
    AddressGeneration, BridgeInfo, LinkInfo, LinkSettings, OperationalState, PortState,
};
use hallway_kernel::qdisc::{Netem, QdiscInfo};
use hallway_kernel::route::{RouteInfo, RouteType};
use hallway_kernel::sysctl::SysctlReader;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::observed::{AddressFault, Dropping, SeenAddress, SeenLink, SeenRoute, SeenSpace};
use hallway_plan::rules::nf_version;
use hallway_plan::shaping::{Queueing, Shaping};
use hallway_plan::target::{BY_KERNEL, BridgeFlag, Initial, PortFlag, Setting};
use hallway_spec::{Bandwidth, Delay, Impairments, IpVersion, Share, SysctlKey};
use ipnet::IpNet;

/// Initial settings of new links in a namespace.
const DEFAULTS: [Setting; 2] = [Setting::AcceptRa, Setting::DisableIpv6];

/// The kernel's names of the queueing disciplines that hallway sets.
const OURS: [&str; 2] = ["tbf", "netem"];

/// Reads the namespace that the handle and the calling thread are in.
pub(super) fn read(
    kernel: &mut Kernel,
    sysctls: &mut SysctlReader,
    further: &[SysctlKey],
) -> Result<SeenSpace, KernelError> {
    let links = kernel.links()?;
    let shapings = shapings(kernel, &links)?;
    let mut links: Vec<SeenLink> = links.into_iter().map(link).collect();
    let up = links.iter().filter(|l| l.up).map(|l| l.index);
    let up: BTreeSet<u32> = up.collect();
    for link in &mut links {
        if let Some(found) = shapings.get(&link.index) {
            link.shaping = *found;
        }
        // A bridge that is down disables all its ports, and enables them when it is up again.
        if link.master.is_some_and(|bridge| !up.contains(&bridge)) {
            link.port.remove(&PortFlag::Forwarding);
        }
    }
    let routes = kernel.routes()?;
    let delivered = Delivered::new(&routes);
    let routes = routes.into_iter().map(|r| SeenRoute {
        to: r.to,
        interface: r.interface.or(r.multipath),
        multipath: r.multipath.is_some(),
        protocol: r.protocol,
        unreachable: r.is_unreachable(),
        drops: dropping(r.kind),
        limited: r.tos != 0,
        no_carrier: r.no_carrier,
        dead: r.dead,
        table: r.table,
        metric: r.metric,
        via: r.via,
        source: r.source.filter(|_| r.protocol == BY_KERNEL),
        further: further_of(&r),
    });
    let routes = routes.collect();
    let addresses = kernel.addresses()?.into_iter().map(|a| SeenAddress {
        secondary: a.is_secondary(),
        fault: fault(&a, &up, &delivered),
        interface: a.index,
        net: a.net,
        peer: a.peer,
    });
    Ok(SeenSpace {
        routes,
        addresses: addresses.collect(),
        settings: settings(kernel, sysctls)?,
        sysctls: self::further(kernel, sysctls, further)?,
        links,
        ..SeenSpace::default()
    })
}

/// How routes of a kind drop packets. One of the kind throw has the next routing rule tried.
pub(crate) fn dropping(kind: RouteType) -> Option<Dropping> {
    match kind {
        RouteType::Blackhole => Some(Dropping::Silently),
        RouteType::Prohibit => Some(Dropping::Prohibited),
        RouteType::Unreachable => Some(Dropping::Unreachable),
        _ => None,
    }
}

/// What a route has beside what hallway sets. The kernel notes the address that its own are made with.
fn further_of(route: &RouteInfo) -> Option<String> {
    let source = route.source.filter(|_| route.protocol != BY_KERNEL);
    let source = source.map(|source| format!("src {source}"));
    let metrics = Some(route.metrics).filter(|m| !m.is_empty());
    let words: Vec<String> = source
        .into_iter()
        .chain(metrics.map(|m| m.to_string()))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// How long the kernel may take to add the local route of an IPv6 address, which a work queue does.
const PENDING: Duration = Duration::from_secs(1);

/// Routes of the table local, by interface index.
struct Delivered {
    local: BTreeSet<(u32, IpNet)>,
    broadcast: BTreeSet<(u32, IpNet)>,
}

impl Delivered {
    fn new(routes: &[RouteInfo]) -> Self {
        let of = |kind| {
            let routes = routes.iter().filter(move |r| r.kind == kind);
            routes.filter_map(|r| Some((r.interface?, r.to))).collect()
        };
        Self {
            local: of(RouteType::Local),
            broadcast: of(RouteType::Broadcast),
        }
    }
}

/// What an address lacks. Only a link that is up has the routes of its addresses, and the kernel chooses
/// the scope of an IPv6 address.
fn fault(address: &AddressInfo, up: &BTreeSet<u32>, delivered: &Delivered) -> Option<AddressFault> {
    let own = address.net.addr();
    let (v4, special) = match own {
        IpAddr::V4(a) => (true, a.is_loopback() || a.is_link_local()),
        IpAddr::V6(a) => (false, a.is_loopback()),
    };
    if v4 && !special && address.scope != Scope::Universe {
        return Some(AddressFault::Scope);
    }
    if address.is_limited() {
        return Some(AddressFault::Lifetime);
    }
    if address.peer.is_some() && !special {
        return Some(AddressFault::Peer);
    }
    if v4
        && address
            .broadcast
            .is_some_and(|b| b != address.net.broadcast())
    {
        return Some(AddressFault::Broadcast);
    }
    if !up.contains(&address.index) {
        return None;
    }
    let has_local = delivered.local.contains(&(address.index, own.into()));
    if !has_local && (v4 || address.age() >= PENDING) {
        return Some(AddressFault::LocalRoute);
    }
    let subnet = matches!(address.net, IpNet::V4(net) if net.prefix_len() < 31) && !special;
    let broadcast = (address.index, address.net.broadcast().into());
    let lacks = subnet && !delivered.broadcast.contains(&broadcast);
    lacks.then_some(AddressFault::BroadcastRoute)
}

/// The discipline at the root of links, by interface index. A link's own message names its
/// discipline, but not the values.
fn shapings(
    kernel: &mut Kernel,
    links: &[LinkInfo],
) -> Result<BTreeMap<u32, Option<Shaping>>, KernelError> {
    let ours = |kind: &str| OURS.contains(&kind);
    if !links.iter().any(|l| l.qdisc.as_deref().is_some_and(ours)) {
        return Ok(BTreeMap::new());
    }
    let all = kernel.qdiscs()?;
    // The kernel does not list the one that it puts below such a discipline itself.
    let below = |root: &QdiscInfo| {
        let mut all = all.iter().filter(|q| q.interface == root.interface);
        all.any(|q| q.is_below(root))
    };
    let found = all.iter().filter(|q| q.is_root() && ours(&q.kind));
    let found = found.map(|q| (q.interface, shaping(q).filter(|_| !below(q))));
    Ok(found.collect())
}

/// What a queueing discipline does, if it is one that hallway could have set.
fn shaping(found: &QdiscInfo) -> Option<Shaping> {
    if let Some(bucket) = found.token_bucket {
        let shaping = Shaping::new(bandwidth(bucket.rate), &Impairments::default());
        let Queueing::TokenBucket(wanted) = shaping.queueing() else {
            return None;
        };
        let same = bucket.matches(wanted.rate, wanted.burst, wanted.queue);
        return same.then_some(shaping);
    }
    let netem = found.netem?;
    let shaping = of_netem(&netem)?;
    let packets = Queueing::Netem {
        packets: netem.packets,
    };
    (shaping.queueing() == packets).then_some(shaping)
}

fn of_netem(netem: &Netem) -> Option<Shaping> {
    let time = |value| Delay::new(value).ok();
    let share = |probability| Some(Share::of_probability(probability));
    let impairments = Impairments {
        delay: Some(time(netem.delay)?),
        jitter: Some(time(netem.jitter)?),
        loss: share(netem.loss),
        duplicate: share(netem.duplicate),
        corrupt: share(netem.corrupt),
        reorder: share(netem.reorder),
    };
    let limit = match netem.rate {
        0 => None,
        rate => Some(bandwidth(rate)?),
    };
    Some(Shaping::new(limit, &impairments))
}

/// A link, without what it does to the packets it sends.
pub(crate) fn link(info: LinkInfo) -> SeenLink {
    let port = port_flags(&info);
    SeenLink {
        other_names: info.other_names,
        index: info.index,
        name: info.name,
        kind: info.kind,
        alias: info.alias,
        group: info.group,
        master: info.master,
        up: info.up,
        no_arp: info.no_arp,
        no_multicast: !info.multicast,
        mac: info.mac,
        mtu: info.mtu,
        peer: info.peer,
        vlan: info.vlan,
        port,
        nf_call: info
            .bridge
            .map(|b| (b.nf_call_iptables, b.nf_call_ip6tables)),
        group_learning: info.bridge.and_then(|b| b.group_learning),
        ageing_time: info.bridge.map(|b| b.ageing_time),
        max_learned: info.bridge.and_then(|b| b.max_learned),
        bridge: info.bridge.map(bridge_flags).unwrap_or_default(),
        kernel_address: info
            .address_generation
            .map(|g| g != AddressGeneration::None),
        shaping: Some(Shaping::NONE),
        xdp: info.xdp,
        macvlan_mode: info.macvlan_mode,
        settings: link_settings(&info.settings),
    }
}

fn bridge_flags(found: BridgeInfo) -> BTreeMap<BridgeFlag, bool> {
    let mut out = BTreeMap::from([
        (BridgeFlag::VlanFiltering, found.vlan_filtering),
        (BridgeFlag::Stp, found.stp),
        (BridgeFlag::GroupForward, found.group_forward),
        (BridgeFlag::NfCallArp, found.nf_call_arptables),
    ]);
    out.extend(
        found
            .mcast_snooping
            .map(|on| (BridgeFlag::McastSnooping, on)),
    );
    out
}

fn port_flags(info: &LinkInfo) -> BTreeMap<PortFlag, bool> {
    let Some(found) = info.port else {
        return BTreeMap::new();
    };
    let mut out = BTreeMap::from([
        (PortFlag::Hairpin, found.hairpin),
        (PortFlag::Isolated, found.isolated),
        (PortFlag::Learning, found.learning),
        (PortFlag::Flood, found.unicast_flood),
        (PortFlag::McastFlood, found.mcast_flood),
        (PortFlag::BcastFlood, found.bcast_flood),
        (PortFlag::NeighSuppress, found.neigh_suppress),
        (PortFlag::Locked, found.locked),
        (PortFlag::GroupForward, found.group_forward),
        (PortFlag::Guard, found.guard),
        (PortFlag::RootBlock, found.root_block),
    ]);
    // Without a carrier the kernel disables the port, and enables it again with the carrier.
    if info.state == OperationalState::Up {
        let open = found.state == PortState::Forwarding;
        out.insert(PortFlag::Forwarding, open);
    }
    out
}

fn link_settings(found: &LinkSettings) -> BTreeMap<Setting, u32> {
    let all = [
        (Setting::Forwarding(IpVersion::V4), found.forwarding4),
        (Setting::Forwarding(IpVersion::V6), found.force_forwarding6),
        (Setting::AcceptRa, found.accept_ra),
        (Setting::Autoconf, found.autoconf),
        (Setting::DisableIpv6, found.disable_ipv6),
        (Setting::Initial(Initial::ArpIgnore), found.arp_ignore),
        (Setting::Initial(Initial::ArpFilter), found.arp_filter),
        (Setting::Initial(Initial::RpFilter), found.rp_filter),
        (Setting::Initial(Initial::AcceptLocal), found.accept_local),
        (Setting::Initial(Initial::HopLimit), found.hop_limit),
    ];
    all.into_iter()
        .filter_map(|(setting, value)| Some((setting, value?)))
        .collect()
}

fn settings(
    kernel: &mut Kernel,
    sysctls: &mut SysctlReader,
) -> Result<BTreeMap<Setting, u32>, KernelError> {
    let mut out = BTreeMap::new();
    for version in IpVersion::ALL {
        let Some(all) = kernel.settings_of_all(nf_version(version))? else {
            continue;
        };
        let forwarding = all.forwarding.map(u32::from);
        out.extend(forwarding.map(|on| (Setting::Forwarding(version), on)));
        let rp_filter = Setting::Initial(Initial::RpFilter);
        out.extend(all.rp_filter.map(|value| (rp_filter, value)));
    }
    let values = sysctls.read(kernel, DEFAULTS.iter().map(|s| s.key(None)))?;
    let pairs = DEFAULTS.into_iter().zip(values);
    out.extend(pairs.filter_map(|(setting, value)| Some((setting, value?.parse().ok()?))));
    Ok(out)
}

/// Settings that files specify, with one space between words as hallway writes them.
fn further(
    kernel: &Kernel,
    sysctls: &mut SysctlReader,
    keys: &[SysctlKey],
) -> Result<BTreeMap<SysctlKey, String>, KernelError> {
    let values = sysctls.read(kernel, keys.iter().map(SysctlKey::path))?;
    let words = |value: String| value.split_whitespace().collect::<Vec<_>>().join(" ");
    let pairs = keys.iter().cloned().zip(values);
    Ok(pairs
        .filter_map(|(key, value)| Some((key, words(value?))))
        .collect())
}

/// A rate of bytes per second.
fn bandwidth(rate: u64) -> Option<Bandwidth> {
    Bandwidth::new(rate.checked_mul(8)?).ok()
}
