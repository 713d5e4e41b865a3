//! The addresses that stand for unknown ones: of a machine outside, and of the host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hallway_spec::IpVersion;
use ipnet::IpNet;

use super::environment::Environment;
use super::host_rules::Looks;
use crate::settled::{PolicySide, Settled};

/// The addresses that stand for unknown ones, for IPv4 and IPv6. They are from prefixes for documentation, for tests
/// and for packets that are discarded (RFC 5737, RFC 2544, RFC 6666, RFC 3849, RFC 9637): the first of these that no
/// network, route, policy or address that is known has, default routes apart; if all are in use, the one with the least
/// specific use.
#[derive(Debug)]
pub(super) struct StandIns {
    /// Machines outside.
    outside: [IpAddr; 2],
    /// The host.
    host: [IpAddr; 2],
}

impl StandIns {
    pub(super) fn outside(&self, version: IpVersion) -> IpAddr {
        of_version(&self.outside, version)
    }

    pub(super) fn host(&self, version: IpVersion) -> IpAddr {
        of_version(&self.host, version)
    }

    pub(super) fn new(settled: &Settled, environment: &Environment) -> Self {
        let used = used(settled, environment);
        let pair = |base: &IpAddr| [1, 2].map(|last| with_last(*base, last));
        // A default route has every address; one of a longer prefix is about these in particular.
        let longest = |base: &IpAddr| {
            let known = |net: &&IpNet| pair(base).iter().any(|a| net.contains(a));
            let lengths = used.iter().filter(known).map(IpNet::prefix_len);
            lengths.max().unwrap_or_default()
        };
        let chosen = |all: &mut dyn Iterator<Item = IpAddr>| {
            let mut best: Option<(u8, IpAddr)> = None;
            for base in all {
                let length = longest(&base);
                if best.is_none_or(|(of_best, _)| length < of_best) {
                    best = Some((length, base));
                }
                if length == 0 {
                    break;
                }
            }
            pair(&best.map_or(Ipv4Addr::UNSPECIFIED.into(), |(_, base)| base))
        };
        let [v4, v6] = [chosen(&mut bases_v4()), chosen(&mut bases_v6())];
        Self {
            outside: [v4[0], v6[0]],
            host: [v4[1], v6[1]],
        }
    }
}

fn bases_v4() -> impl Iterator<Item = IpAddr> {
    let listed = [[192, 0, 2], [198, 51, 100], [203, 0, 113]];
    let tests = (18..20).flat_map(|b| (0..=255).map(move |c| [198, b, c]));
    let all = listed.into_iter().chain(tests);
    all.map(|[a, b, c]| Ipv4Addr::new(a, b, c, 0).into())
}

fn bases_v6() -> impl Iterator<Item = IpAddr> {
    let listed = [[0x100, 0, 0], [0x2001, 0xdb8, 0], [0x3fff, 0, 0]];
    let more = (1..=255).map(|c| [0x2001, 0xdb8, c]);
    let all = listed.into_iter().chain(more);
    all.map(|[a, b, c]| Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into())
}

fn with_last(base: IpAddr, last: u8) -> IpAddr {
    match base {
        IpAddr::V4(a) => Ipv4Addr::from_bits(a.to_bits() | u32::from(last)).into(),
        IpAddr::V6(a) => Ipv6Addr::from_bits(a.to_bits() | u128::from(last)).into(),
    }
}

/// The prefixes and addresses of the project, the host and the namespaces of nodes.
fn used(settled: &Settled, environment: &Environment) -> Vec<IpNet> {
    let mut out: Vec<IpNet> = Vec::new();
    out.extend(
        settled
            .networks
            .iter()
            .flat_map(|n| &n.subnets)
            .map(|s| s.net),
    );
    for node in &settled.nodes {
        out.extend(node.routes.iter().map(|r| r.to));
        for interface in &node.interfaces {
            out.extend(&interface.addresses);
            out.extend(&interface.sources);
            out.extend(&interface.behind);
        }
    }
    let pairs = settled.policies.iter().flat_map(|p| &p.pairs);
    for side in pairs.flat_map(|(from, to)| [from, to]) {
        if let PolicySide::Prefixes(nets) = side {
            out.extend(nets);
        }
    }
    out.extend(environment.routes.iter().map(|r| r.to));
    out.extend(environment.host_addresses.iter().copied().map(IpNet::from));
    out.extend(&environment.policy_routed);
    for rule in &environment.rules {
        out.extend(rule.from.iter().chain(&rule.to));
        if let Looks::Table(_, routes) = &rule.looks {
            out.extend(routes.iter().map(|route| route.to));
        }
    }
    let own = environment.own_routes.values().flatten();
    out.extend(own.map(|(to, _)| to));
    let inside = environment.inside.values().flat_map(|i| &i.addresses);
    out.extend(inside.copied().map(IpNet::from));
    out
}

fn of_version(all: &[IpAddr; 2], version: IpVersion) -> IpAddr {
    match version {
        IpVersion::V4 => all[0],
        IpVersion::V6 => all[1],
    }
}
