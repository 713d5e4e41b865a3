//! Changes of one object in place, in the namespace of the handle.

use hallway_kernel::link::{self, Ipv4Setting, LinkChange};
use hallway_kernel::neighbour::{self, Solicitations, set_solicitations};
use hallway_kernel::qdisc::Netem;
use hallway_kernel::route::{RouteSpec, RouteType};
use hallway_kernel::{Batch, Kernel, KernelError, Request, addr, forwarding, qdisc, route, rule};
use hallway_nftables::{Family, Ruleset, Transaction};
use hallway_plan::compare::Attribute;
use hallway_plan::observed::AssignedAddress;
use hallway_plan::rules::nf_version;
use hallway_plan::shaping::{Queueing, Shaping};
use hallway_plan::step::Adjustment;
use hallway_plan::target::{
    BY_KERNEL, BridgeFlag, Initial, Link, LinkRole, PortFlag, Route, RouteKind, RouteOrigin,
    RoutingRule, Setting,
};
use hallway_spec::{Bandwidth, Delay, Impairments, Share};

use super::outcome::absent_is_done;

/// Carries out a change.
pub(super) fn adjust(kernel: &mut Kernel, change: &Adjustment) -> Result<(), KernelError> {
    match change {
        Adjustment::Link { link, attributes } => change_link(kernel, link, attributes),
        Adjustment::AddAddress { link, address } => {
            let index = kernel.link_index(link)?;
            match kernel.run(addr::add_address(index, *address)) {
                Err(e) if e.is_exists() => Ok(()),
                other => other,
            }
        }
        Adjustment::RemoveAddress { link, address } => {
            absent_is_done(remove_address(kernel, link, *address))
        }
        Adjustment::AddRoute(route) => match spec(kernel, route)? {
            Some(spec) => match kernel.run(route::add_route(&spec)) {
                Err(e) if e.is_exists() => Ok(()),
                other => other,
            },
            None => Ok(()),
        },
        Adjustment::ReplaceRoute(route) => match spec(kernel, route)? {
            Some(spec) => kernel.run(route::replace_route(&spec)),
            None => Ok(()),
        },
        // An earlier step may have removed the link, and with it the route.
        Adjustment::RemoveRoute(route) => absent_is_done(match spec(kernel, route) {
            Ok(Some(spec)) => kernel.run(route::delete_route(&spec)),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        }),
        Adjustment::Setting {
            link,
            setting,
            value,
        } => change_setting(kernel, link.as_deref(), *setting, *value),
        Adjustment::Table(rules) => load_tables(kernel, rules),
        Adjustment::RemoveTable { table } => remove_table(kernel, table),
        Adjustment::Sysctl { key, value } => kernel.write_sysctl(&key.path(), value),
        Adjustment::RemoveForwarding { bridge, port, mac } => {
            let (bridge, port) = (kernel.link_index(bridge)?, kernel.link_index(port)?);
            absent_is_done(kernel.run(forwarding::delete_forwarding(bridge, port, *mac)))
        }
        Adjustment::RemoveNeighbour { link, address } => absent_is_done(
            kernel
                .link_index(link)
                .and_then(|i| kernel.run(neighbour::delete_neighbour(i, *address))),
        ),
        Adjustment::AddRoutingRule(rule) => match kernel.run(rule::add_rule(&rule_spec(rule))) {
            Err(e) if e.is_exists() => Ok(()),
            other => other,
        },
        Adjustment::Shape {
            link,
            shaping,
            replace,
        } => {
            let index = kernel.link_index(link)?;
            let request = shape(index, shaping);
            if request.is_none() || shaping.needs_netem() || *replace {
                // One of other programs would keep the settings that are not specified here.
                absent_is_done(kernel.run(qdisc::remove_root(index)))?;
            }
            request.map_or(Ok(()), |request| kernel.run(request))
        }
    }
}

fn remove_table(kernel: &mut Kernel, table: &str) -> Result<(), KernelError> {
    let mut transaction = Transaction::new();
    transaction.delete_table(Family::Inet, table);
    absent_is_done(kernel.commit(&transaction))
}

/// In a sandbox, older kernels do not show the settings of neighbours below /proc/sys.
fn change_setting(
    kernel: &mut Kernel,
    link: Option<&str>,
    setting: Setting,
    value: u32,
) -> Result<(), KernelError> {
    if let (Setting::Initial(Initial::Solicitations(version)), Some(link)) = (setting, link) {
        let new = |interface| Solicitations {
            interface,
            version: nf_version(version),
            count: value,
        };
        let index = kernel.link_index(link);
        return absent_is_done(index.and_then(|i| kernel.run(set_solicitations(new(i)))));
    }
    absent_is_done(kernel.write_sysctl(&setting.key(link), &value.to_string()))
}

/// The IPv4 settings that a link gets in the message that brings it up. The host gives its own links
/// their reverse path filter.
pub(super) fn ipv4(link: &Link) -> Vec<(Ipv4Setting, u32)> {
    let on_host = matches!(link.role, LinkRole::Bridge | LinkRole::Port);
    let set = |(setting, value): &(Setting, u32)| {
        let Setting::Initial(initial) = setting else {
            return None;
        };
        let setting = match initial {
            Initial::ArpIgnore => Ipv4Setting::ArpIgnore,
            Initial::ArpFilter => Ipv4Setting::ArpFilter,
            Initial::RpFilter if !on_host => Ipv4Setting::RpFilter,
            Initial::AcceptLocal => Ipv4Setting::AcceptLocal,
            Initial::RpFilter
            | Initial::HopLimit
            | Initial::DefaultTtl
            | Initial::Solicitations(_) => {
                return None;
            }
        };
        Some((setting, *value))
    };
    link.settings.iter().filter_map(set).collect()
}

/// As the kernel makes it in a new namespace.
fn rule_spec(rule: &RoutingRule) -> rule::RoutingRule {
    let version = nf_version(rule.version);
    rule::RoutingRule {
        protocol: BY_KERNEL,
        ..rule::RoutingRule::to_table(version, rule.priority, rule.table)
    }
}

/// The settings of a link, without those of [`ipv4`]; those that this kernel does not have are left out.
pub(super) fn settings(kernel: &Kernel, link: &Link) -> Result<(), KernelError> {
    let initial = |setting: &Setting| matches!(setting, Setting::Initial(_));
    for (setting, value) in link.settings.iter().filter(|(s, _)| !initial(s)) {
        let key = setting.key(Some(&link.name));
        absent_is_done(kernel.write_sysctl(&key, &value.to_string()))?;
    }
    Ok(())
}

/// Sets what a link does to the packets it sends; `None` where nothing is to be done.
pub(super) fn shape(index: u32, shaping: &Shaping) -> Option<Request> {
    match shaping.queueing() {
        Queueing::Default => None,
        Queueing::TokenBucket(bucket) => {
            Some(qdisc::limit(index, bucket.rate, bucket.burst, bucket.queue))
        }
        Queueing::Netem { packets } => Some(qdisc::impair(index, &netem(shaping, packets))),
    }
}

fn netem(shaping: &Shaping, packets: u32) -> Netem {
    let Impairments {
        delay,
        jitter,
        loss,
        duplicate,
        corrupt,
        reorder,
    } = shaping.impairments;
    let time = |value: Option<Delay>| value.map_or(0, Delay::nanoseconds);
    let share = |value: Option<Share>| value.map_or(0, Share::probability);
    Netem {
        delay: time(delay),
        jitter: time(jitter),
        loss: share(loss),
        duplicate: share(duplicate),
        corrupt: share(corrupt),
        reorder: share(reorder),
        rate: shaping.limit.map_or(0, Bandwidth::bytes_per_second),
        packets,
    }
}

/// Loads tables in the place of those that are there.
pub(super) fn load_tables(kernel: &mut Kernel, rules: &Ruleset) -> Result<(), KernelError> {
    let mut transaction = Transaction::new();
    for table in &rules.tables {
        transaction.replace(table);
    }
    kernel.commit(&transaction)
}

fn remove_address(
    kernel: &mut Kernel,
    link: &str,
    address: AssignedAddress,
) -> Result<(), KernelError> {
    let index = kernel.link_index(link)?;
    kernel.run(addr::delete_address(index, address.net, address.peer))
}

fn change_link(
    kernel: &mut Kernel,
    name: &str,
    attributes: &[Attribute],
) -> Result<(), KernelError> {
    let mut batch = Batch::new();
    for attribute in attributes {
        let bridge = match attribute {
            Attribute::NfCall(on) => Some(link::change_nf_call(name, *on)),
            Attribute::GroupLearning(on) => Some(link::change_group_learning(name, *on)),
            Attribute::AgeingTime(time) => Some(link::change_bridge_number(
                name,
                link::BridgeNumber::AgeingTime,
                *time,
            )),
            Attribute::MaxLearned(count) => Some(link::change_bridge_number(
                name,
                link::BridgeNumber::MaxLearned,
                *count,
            )),
            Attribute::MacvlanMode(mode) => Some(link::change_macvlan_mode(name, *mode)),
            Attribute::Bridge(flag, on) => {
                Some(link::change_bridge_flag(name, bridge_flag(*flag), *on))
            }
            _ => None,
        };
        if let Some(request) = bridge {
            batch.push(request);
            continue;
        }
        let port;
        let mut change = LinkChange::default();
        match attribute {
            Attribute::Up(up) => change.up = Some(*up),
            Attribute::Arp(on) => change.no_arp = Some(!on),
            Attribute::Multicast(on) => change.multicast = Some(*on),
            Attribute::Mtu(mtu) => change.mtu = Some(*mtu),
            Attribute::Mac(mac) => change.mac = Some(*mac),
            Attribute::Group(group) => change.group = Some(*group),
            Attribute::Alias(alias) => change.alias = Some(alias.as_deref().unwrap_or_default()),
            Attribute::Master(Some(bridge)) => change.master = Some(kernel.link_index(bridge)?),
            Attribute::Master(None) => change.master = Some(0),
            Attribute::Port(flag, on) => {
                port = [(port_flag(*flag), *on)];
                change.port = &port;
            }
            Attribute::KernelAddress(made) => change.no_link_local = !made,
            Attribute::NfCall(_)
            | Attribute::GroupLearning(_)
            | Attribute::AgeingTime(_)
            | Attribute::MaxLearned(_)
            | Attribute::MacvlanMode(_)
            | Attribute::Bridge(..) => {}
        }
        batch.push(link::change_link(name, &change));
    }
    kernel.submit_all(&batch)
}

fn bridge_flag(flag: BridgeFlag) -> link::BridgeFlag {
    match flag {
        BridgeFlag::VlanFiltering => link::BridgeFlag::VlanFiltering,
        BridgeFlag::Stp => link::BridgeFlag::Stp,
        BridgeFlag::McastSnooping => link::BridgeFlag::McastSnooping,
        BridgeFlag::GroupForward => link::BridgeFlag::GroupForward,
        BridgeFlag::NfCallArp => link::BridgeFlag::NfCallArp,
    }
}

/// The kernel's attribute of that name.
pub(super) fn port_flag(flag: PortFlag) -> link::PortFlag {
    match flag {
        PortFlag::Hairpin => link::PortFlag::Hairpin,
        PortFlag::Isolated => link::PortFlag::Isolated,
        PortFlag::Learning => link::PortFlag::Learning,
        PortFlag::Flood => link::PortFlag::UnicastFlood,
        PortFlag::McastFlood => link::PortFlag::McastFlood,
        PortFlag::BcastFlood => link::PortFlag::BcastFlood,
        PortFlag::NeighSuppress => link::PortFlag::NeighSuppress,
        PortFlag::Locked => link::PortFlag::Locked,
        PortFlag::GroupForward => link::PortFlag::GroupForward,
        PortFlag::Forwarding => link::PortFlag::Forwarding,
        PortFlag::Guard => link::PortFlag::Guard,
        PortFlag::RootBlock => link::PortFlag::RootBlock,
    }
}

fn spec(kernel: &Kernel, route: &Route) -> Result<Option<RouteSpec>, KernelError> {
    let index = match &route.kind {
        RouteKind::Link { link, .. } => Some(kernel.link_index(link)?),
        RouteKind::Unreachable => None,
    };
    Ok(route_spec(route, index))
}

/// A route that leaves by the link of that index; `None` for an unreachable one, which has steps of
/// its own.
pub(super) fn route_spec(route: &Route, index: Option<u32>) -> Option<RouteSpec> {
    let RouteKind::Link { via, origin, .. } = &route.kind else {
        return None;
    };
    // As in the kernel: only IPv4 routes contain the address, only IPv6 routes have a metric.
    let (kind, source, metric) = match origin {
        RouteOrigin::Static | RouteOrigin::Hallway => (RouteType::Unicast, None, None),
        RouteOrigin::Multicast => (RouteType::Multicast, None, Some(route.metric())),
        RouteOrigin::Connected(v4) if v4.is_ipv4() => (RouteType::Unicast, Some(*v4), None),
        RouteOrigin::Connected(_v6) => (RouteType::Unicast, None, Some(route.metric())),
    };
    Some(RouteSpec {
        to: route.to,
        via: *via,
        interface: index,
        kind,
        metric,
        protocol: origin.protocol(),
        source,
    })
}
