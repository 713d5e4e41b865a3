//! What this machine can do, what is missing, and the effect of that. What `up` needs is tried where `up` works;
//! nothing of the machine is changed.

mod attempt;
mod check;
mod ids;
mod place;
mod words;

use std::path::Path;

use hallway_kernel::Kernel;
use hallway_nftables::decode::ListedChain;
use hallway_nftables::{ChainPolicy, Family, Hook};
use hallway_plan::mark;

pub use attempt::attempt;
pub use check::{Check, CheckOutcome};
pub use ids::user_namespace;
pub use place::TrialPlace;

use check::check;

use crate::etc::RESOLV_CONF;
use crate::sandbox::{pasta_program, uplink};
use crate::{Failure, Reason, place as surroundings};

/// Checks the machine. `place`: where `up` works, or why it has no place.
#[must_use]
pub fn checks(place: &Result<TrialPlace, Failure>) -> Vec<Check> {
    if !surroundings::has_proc() {
        let advice =
            "without it hallway can neither build nor examine a project: mount -t proc proc /proc";
        return vec![check(
            "/proc",
            false,
            CheckOutcome::Missing,
            "not mounted",
            advice,
        )];
    }
    let mut out = vec![kernel()];
    out.extend(chroot());
    match place {
        Ok(place) => out.extend(attempt::checks(place)),
        Err(failure) => {
            let (error, help) = words::of(failure);
            out.push(check("state", false, CheckOutcome::Missing, error, &help));
        }
    }
    out.extend(place.as_ref().ok().and_then(arp_replies));
    if matches!(place, Ok(TrialPlace::Sandbox { .. })) {
        out.extend(ids::of_sandboxes());
    }
    out.extend([
        netlink(),
        br_netfilter(),
        conntrack(),
        namespaces(),
        open_files(),
        forwarding(),
        ipv6(),
        force_forwarding(),
        name_servers(),
        pasta(),
        firewalls(),
    ]);
    out
}

fn kernel() -> Check {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(['.', '-'])
        .map(|n| n.trim().parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    check(
        "kernel",
        version >= (5, 14),
        CheckOutcome::Warning,
        format!("Linux {}", release.trim()),
        "hallway needs Linux 5.14 or newer",
    )
}

/// A root directory that is not a mount point.
fn chroot() -> Option<Check> {
    let reason = Reason::Chroot;
    surroundings::is_chroot().then(|| {
        let help = Failure::from(Reason::Chroot).help().unwrap_or_default();
        check(
            "root directory",
            false,
            CheckOutcome::Missing,
            reason.to_string(),
            &help,
        )
    })
}

/// Each port on localhost needs one or two descriptors.
fn open_files() -> Check {
    const FEW: u64 = 1024;
    let most = crate::keeper::most_open_files();
    check(
        "open files",
        most >= FEW,
        CheckOutcome::Warning,
        format!("at most {most} for each process"),
        "each port that is published takes one for IPv4 and one for IPv6, in a sandbox twice that, and 64 stay free: raise the limit (ulimit -n 65536, as root)",
    )
}

fn netlink() -> Check {
    let links = Kernel::new().links();
    let found = links
        .as_ref()
        .map_or_else(ToString::to_string, |l| format!("{} links here", l.len()));
    check(
        "rtnetlink",
        links.is_ok(),
        CheckOutcome::Missing,
        found,
        "without it hallway can neither build nor examine a project",
    )
}

fn br_netfilter() -> Check {
    check(
        "br_netfilter",
        Path::new("/proc/sys/net/bridge").exists(),
        CheckOutcome::Warning,
        if Path::new("/proc/sys/net/bridge").exists() {
            "loaded"
        } else {
            "not loaded"
        },
        "policies between members of one bridged network need it: modprobe br_netfilter, or mode: routed",
    )
}

fn ipv6() -> Check {
    let there = Path::new("/proc/sys/net/ipv6").exists();
    let off = setting("net/ipv6/conf/all/disable_ipv6") == Some(1);
    let (found, advice) = match (there, off) {
        (false, _) => (
            "not in this kernel",
            "networks with IPv6 subnets cannot be built",
        ),
        (_, true) => (
            "turned off here (net.ipv6.conf.all.disable_ipv6 = 1)",
            "with --host, nodes reach nothing outside by IPv6, and nothing is published on it; sandboxes have their own IPv6 setting",
        ),
        _ => ("available", ""),
    };
    check("IPv6", there && !off, CheckOutcome::Warning, found, advice)
}

fn force_forwarding() -> Check {
    let there = Path::new("/proc/sys/net/ipv6/conf/all/force_forwarding").exists();
    check(
        "IPv6 forwarding per interface",
        there,
        CheckOutcome::Warning,
        if there {
            "available"
        } else {
            "not in this kernel (Linux 6.17 has it)"
        },
        "with --host, IPv6 forwarding is turned on for all interfaces while a project with IPv6 is up, and the host then ignores router advertisements",
    )
}

fn name_servers() -> Check {
    let found = crate::names::of_host();
    if let Some(why) = &found.unread {
        return check(
            "name servers",
            false,
            CheckOutcome::Warning,
            format!("{RESOLV_CONF} cannot be read: {why}"),
            "nodes get none: make it a regular file that can be read, or give the nodes servers with dns: [ADDRESS]",
        );
    }
    let host = Kernel::new().addresses().unwrap_or_default();
    let host: Vec<_> = host.iter().map(|a| a.net.addr()).collect();
    let own = found.of_own_addresses(&host);
    if found.unreachable.is_empty() && !own.is_empty() {
        return check(
            "name servers",
            false,
            CheckOutcome::Warning,
            format!("{}, addresses of this host", own.join(", ")),
            "nodes may not reach them: with --host, hallway allow any host --port 53/udp,53/tcp allows it; in a sandbox, give the nodes servers with dns: [ADDRESS]",
        );
    }
    let good = found.unreachable.is_empty();
    check(
        "name servers",
        good,
        CheckOutcome::Warning,
        match good {
            true => "those of the host, for nodes without servers of their own".to_owned(),
            false => format!(
                "{}, on localhost or link-local",
                found.unreachable.join(", ")
            ),
        },
        "nodes cannot reach them: give the nodes servers with dns: [ADDRESS]",
    )
}

/// What sandboxes need for internet access.
fn pasta() -> Check {
    let (found, remedy) = match (pasta_program(), uplink::open_tun()) {
        (None, _) => ("not installed".to_owned(), uplink::INSTALL),
        (Some(_), Err(error)) => {
            let closed = uplink::tun_closed(&error);
            (format!("installed, but {closed}"), uplink::OPEN_TUN)
        }
        (Some(_), Ok(_tun)) if !uplink::has_default_route() => {
            let found = format!("installed, but {}", uplink::NO_ROUTE);
            (found, uplink::ADD_ROUTE)
        }
        (Some(program), Ok(_tun)) => {
            return check("pasta", true, CheckOutcome::Warning, program, "");
        }
    };
    let advice = format!("sandboxes have no internet without it; everything else works: {remedy}");
    check("pasta", false, CheckOutcome::Warning, found, &advice)
}

/// Firewalls of other programs may drop what hallway's rules accept: a drop in any of them is final.
fn firewalls() -> Check {
    let name = "other firewalls";
    let mut kernel = Kernel::new();
    let tables = kernel.tables();
    let chains = match tables.and_then(|tables| Ok((tables, kernel.chains()?))) {
        Ok((tables, chains)) => {
            let mut tables: Vec<String> = tables.into_iter().map(|t| t.name).collect();
            tables.retain(|t| mark::is_foreign(t));
            tables.sort();
            tables.dedup();
            let chains = chains
                .into_iter()
                .filter(|c| is_ip(c.family) && mark::is_foreign(&c.table))
                .collect();
            Firewalls { tables, chains }
        }
        Err(e) if e.is_not_permitted() => {
            return check(name, true, CheckOutcome::Ok, "only root can read it", "");
        }
        Err(e) if e.is_unsupported() || e.is_not_found() => Firewalls::default(),
        Err(e) => {
            let found = format!("cannot be read: {e}");
            let advice =
                "a drop of another firewall is final: see what it drops with nft list ruleset";
            return check(name, false, CheckOutcome::Warning, found, advice);
        }
    };
    let (found, advice) = chains.words();
    check(
        name,
        found.is_empty(),
        CheckOutcome::Warning,
        if found.is_empty() {
            "none here".into()
        } else {
            found
        },
        &advice,
    )
}

/// Families of tables that routed packets pass.
fn is_ip(family: Family) -> bool {
    matches!(family, Family::Inet | Family::Ip | Family::Ip6)
}

/// What other programs have loaded into nf_tables.
#[derive(Default)]
struct Firewalls {
    tables: Vec<String>,
    chains: Vec<ListedChain>,
}

impl Firewalls {
    /// What was found, and what to do about it; empty if there is nothing.
    fn words(&self) -> (String, String) {
        if self.tables.is_empty() {
            return (String::new(), String::new());
        }
        let named = |begin: &str| self.chains.iter().any(|c| c.chain.name.starts_with(begin));
        let closed = self.chains.iter().find(|c| {
            let base = c.chain.base;
            base.is_some_and(|b| b.hook == Hook::Forward && b.policy == ChainPolicy::Drop)
        });
        let mut found = Vec::new();
        let mut advice = vec![
            "with --host, a drop in one of these is final even where hallway accepts; published ports do not pass their input rules".to_owned(),
        ];
        if named("DOCKER") {
            found.push("Docker".to_owned());
            if closed.is_some() {
                advice.push("for each bridge: iptables -I DOCKER-USER -i br-NAME -j ACCEPT; iptables -I DOCKER-USER -o br-NAME -j ACCEPT".to_owned());
            }
        }
        if named("ufw-") {
            found.push("ufw".to_owned());
            advice.push(
                "for each bridge: ufw route allow in on br-NAME; ufw route allow out on br-NAME"
                    .to_owned(),
            );
        }
        if self.tables.iter().any(|t| t == "firewalld") {
            found.push("firewalld".to_owned());
            advice.push(
                "for each bridge: firewall-cmd --zone=trusted --add-interface=br-NAME".to_owned(),
            );
        }
        found.push(format!("tables {}", self.tables.join(", ")));
        if let Some(closed) = closed {
            found.push(format!(
                "chain {} of {} drops packets that no rule of it matches",
                closed.chain.name, closed.table
            ));
        }
        (found.join("; "), advice.join("\n"))
    }
}

fn setting(path: &str) -> Option<u64> {
    let text = std::fs::read_to_string(Path::new("/proc/sys").join(path)).ok()?;
    text.trim().parse().ok()
}

/// Masquerade, published ports and replies to allowed connections need conntrack.
fn conntrack() -> Check {
    let count = setting("net/netfilter/nf_conntrack_count");
    let most = setting("net/netfilter/nf_conntrack_max");
    let (Some(count), Some(most)) = (count, most) else {
        return check(
            "conntrack",
            false,
            CheckOutcome::Warning,
            "not loaded",
            "loaded with the first rules; if it is not, nothing is masqueraded or published: modprobe nf_conntrack",
        );
    };
    check(
        "conntrack",
        count < most - most / 10,
        CheckOutcome::Warning,
        format!("{count} connections of at most {most}"),
        "new connections are dropped when it is full: raise net.netfilter.nf_conntrack_max",
    )
}

fn forwarding() -> Check {
    let found = match setting("net/ipv4/ip_forward") {
        Some(0) => {
            "off; with --host hallway turns it on for its bridges and the uplink, and off again"
        }
        _ => "on for all interfaces, not set by hallway, which does not change it",
    };
    check("IPv4 forwarding", true, CheckOutcome::Warning, found, "")
}

/// Without them nodes of the host's networks do not find their gateway.
fn arp_replies(place: &TrialPlace) -> Option<Check> {
    let of_host = !matches!(place, TrialPlace::Sandbox { .. });
    let ignored = of_host && crate::arp::is_ignored(&Kernel::new()).unwrap_or(false);
    ignored.then(|| {
        let warning = CheckOutcome::Warning;
        check("ARP", false, warning, crate::arp::FOUND, crate::arp::HELP)
    })
}

/// Each node needs one.
fn namespaces() -> Check {
    let most = setting("user/max_net_namespaces").unwrap_or(0);
    check(
        "network namespaces",
        most >= 100,
        CheckOutcome::Warning,
        format!("at most {most} for each user"),
        "each node needs one network namespace: raise user.max_net_namespaces and user.max_mnt_namespaces",
    )
}
