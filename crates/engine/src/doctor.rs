//! What this machine can do, what is missing, and what that costs. Looks only; changes nothing.

use std::path::Path;

use hallway_kernel::Rtnl;
use hallway_kernel::nft::Nft;
use serde::Serialize;

use crate::sandbox::{forbidden, pasta_program};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Works, with something less.
    Warning,
    /// Does not work.
    Missing,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it came out.
    pub outcome: Outcome,
    /// What was found.
    pub found: String,
    /// What it costs and what to do; empty when all is well.
    pub advice: String,
}

fn check(
    name: &'static str,
    good: bool,
    otherwise: Outcome,
    found: impl Into<String>,
    advice: &str,
) -> Check {
    let outcome = if good { Outcome::Ok } else { otherwise };
    Check {
        name,
        outcome,
        found: found.into(),
        advice: if good {
            String::new()
        } else {
            advice.to_owned()
        },
    }
}

/// Looks at the machine.
#[must_use]
pub fn checks() -> Vec<Check> {
    vec![
        kernel(),
        user_namespaces(),
        netlink(),
        nf_tables(),
        br_netfilter(),
        ipv6(),
        force_forwarding(),
        pasta(),
        firewalls(),
    ]
}

fn kernel() -> Check {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(['.', '-'])
        .map(|n| n.trim().parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    check(
        "kernel",
        version >= (5, 10),
        Outcome::Warning,
        format!("Linux {}", release.trim()),
        "hallway is made for Linux 5.10 and newer",
    )
}

fn user_namespaces() -> Check {
    match forbidden() {
        None => check("user namespaces", true, Outcome::Missing, "allowed", ""),
        Some(failure) => check(
            "user namespaces",
            false,
            Outcome::Missing,
            failure.message,
            &failure.help.unwrap_or_default(),
        ),
    }
}

fn netlink() -> Check {
    let links = Rtnl::open().and_then(|mut r| r.links());
    let found = links
        .as_ref()
        .map_or_else(ToString::to_string, |l| format!("{} links here", l.len()));
    check(
        "rtnetlink",
        links.is_ok(),
        Outcome::Missing,
        found,
        "nothing can be built without it",
    )
}

fn nf_tables() -> Check {
    let tables = Nft::open().and_then(|mut n| n.tables());
    match tables {
        Ok(tables) => check(
            "nf_tables",
            true,
            Outcome::Missing,
            format!("{} tables here", tables.len()),
            "",
        ),
        Err(e) if e.is_not_permitted() => check(
            "nf_tables",
            true,
            Outcome::Missing,
            "available (in a sandbox)",
            "",
        ),
        Err(e) => check(
            "nf_tables",
            false,
            Outcome::Missing,
            e.to_string(),
            "load it: modprobe nf_tables",
        ),
    }
}

fn br_netfilter() -> Check {
    check(
        "br_netfilter",
        Path::new("/proc/sys/net/bridge").exists(),
        Outcome::Warning,
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
    check(
        "IPv6",
        there,
        Outcome::Warning,
        if there {
            "available"
        } else {
            "not in this kernel"
        },
        "networks with IPv6 subnets cannot be built",
    )
}

fn force_forwarding() -> Check {
    let there = Path::new("/proc/sys/net/ipv6/conf/all/force_forwarding").exists();
    check(
        "IPv6 forwarding per interface",
        there,
        Outcome::Warning,
        if there {
            "available"
        } else {
            "not in this kernel (Linux 6.17 has it)"
        },
        "with --host, IPv6 forwarding is turned on for all interfaces while a project with IPv6 is up, and the host then ignores router advertisements",
    )
}

fn pasta() -> Check {
    match pasta_program() {
        Some(program) => check("pasta", true, Outcome::Warning, program, ""),
        None => check(
            "pasta",
            false,
            Outcome::Warning,
            "not installed",
            "sandboxes have no internet without it; everything else works: apt-get install passt",
        ),
    }
}

/// Firewalls of others may refuse what ours lets pass: a drop anywhere is final.
fn firewalls() -> Check {
    let tables = Nft::open().and_then(|mut n| n.tables()).unwrap_or_default();
    let mut others: Vec<String> = tables
        .iter()
        .filter(|t| !t.name.starts_with("hallway-"))
        .map(|t| t.name.clone())
        .collect();
    others.dedup();
    let found = if others.is_empty() {
        "none here".to_owned()
    } else {
        format!("tables {}", others.join(", "))
    };
    check(
        "other firewalls",
        others.is_empty(),
        Outcome::Warning,
        found,
        "with --host, a drop in one of these is final even where hallway accepts; published ports do not pass their input rules",
    )
}
