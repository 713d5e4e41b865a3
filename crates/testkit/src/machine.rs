//! The state of a machine, in the output of other programs.

use std::collections::BTreeSet;

use crate::oracle::sh;
use crate::patience::wait_for;

/// Everything that `down` must restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(Vec<(&'static str, String)>);

/// Each without values that change on their own.
const ASKED: [(&str, &str); 10] = [
    ("links", "ip -d -o link | sed 's/ promiscuity.*//'"),
    ("addresses", "ip -o addr | sed 's/valid_lft.*//'"),
    (
        "routes",
        "ip route show table all; ip -6 route show table all; ip rule; ip -6 rule",
    ),
    ("neighbours", "ip neigh show nud permanent"),
    (
        "nftables",
        "nft list ruleset 2>/dev/null | sed 's, # progname.*,,; s/packets [0-9]* bytes [0-9]*//; /set counted/,/^\t}/d; /set ended/,/^\t}/d'",
    ),
    (
        "iptables",
        "iptables-save 2>/dev/null | grep -v '^#' | sed 's/\\[[0-9:]*\\]//'",
    ),
    (
        "namespaces",
        "ls -lA /run/netns 2>/dev/null | sed 's/ [A-Z][a-z][a-z] .*:[0-9]* / /'",
    ),
    ("mounts", "cat /proc/self/mounts"),
    (
        "sysctls",
        "sysctl -a 2>/dev/null | grep -E '^net\\.' | grep -v -E 'neigh|stable_secret|conntrack_count|netfilter.nf_conntrack_buckets|netfilter.nf_log' | sort -u",
    ),
    (
        "files",
        "find /run -path /run/up.hallway.yaml -prune -o -path /run/keep -prune -o -print | sort",
    ),
];

/// Waits until the kernel has finished with all links and addresses of this namespace: it reports the
/// state of a link up to a second later, probes new IPv6 addresses first, and removes a link of a
/// removed node (`hw-gone`) a moment after its namespace.
#[track_caller]
pub fn settle() {
    wait_for("links and addresses to settle", || {
        let links = sh("ip -o link");
        links.lines().all(|link| is_settled(link, &links))
            && !links.contains(": hw-gone")
            && !sh("ip -o addr").contains("tentative")
    });
}

/// Whether the state of a link is that of its carrier. A link that is neither one end of a pair nor
/// a bridge with ports may stay UNKNOWN.
fn is_settled(link: &str, links: &str) -> bool {
    let after = |mark: &str, end: char| {
        let rest = link.split_once(mark).map_or("", |(_, rest)| rest);
        rest.split(end).next().unwrap_or_default()
    };
    let flags: Vec<&str> = after("<", '>').split(',').collect();
    let name = after(": ", ':');
    let state = after(" state ", ' ');
    let alone = !name.contains('@') && !links.contains(&format!(" master {name} "));
    match (flags.contains(&"UP"), flags.contains(&"LOWER_UP")) {
        (false, _) => true,
        (true, true) => state == "UP" || alone && state == "UNKNOWN",
        (true, false) => state.ends_with("DOWN"),
    }
}

impl Snapshot {
    /// The present state, when links and addresses have settled.
    #[must_use]
    #[track_caller]
    pub fn take() -> Self {
        settle();
        let mut parts: Vec<(&'static str, String)> = ASKED
            .iter()
            .map(|(what, script)| (*what, sh(script)))
            .collect();
        parts.push(("processes", processes().join("\n")));
        Self(parts)
    }

    /// Must be as before. Settings of a module that the kernel loads when it is first needed are no
    /// difference, nor is which module writes the log of a family (`net.netfilter.nf_log`).
    #[track_caller]
    pub fn unchanged(&self) {
        let now = Self::take();
        for ((what, before), (_, after)) in self.0.iter().zip(now.0) {
            let after = match *what {
                "sysctls" => known_settings(before, &after),
                _ => after,
            };
            let gone: Vec<&str> = before
                .lines()
                .filter(|l| !after.lines().any(|a| a == *l))
                .collect();
            let come: Vec<&str> = after
                .lines()
                .filter(|l| !before.lines().any(|b| b == *l))
                .collect();
            assert!(
                *before == after,
                "{what} differ:\n- {}\n+ {}",
                gone.join("\n- "),
                come.join("\n+ ")
            );
        }
    }
}

/// The lines of `after` whose setting is in `before` too.
fn known_settings(before: &str, after: &str) -> String {
    let key = |line: &str| line.split(" = ").next().unwrap_or_default().to_owned();
    let known: BTreeSet<String> = before.lines().map(key).collect();
    let lines = after.lines().filter(|line| known.contains(&key(line)));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The command lines of all processes except the test's own.
#[must_use]
pub fn processes() -> Vec<String> {
    let own = std::process::id();
    let mut out: Vec<String> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own)
        .filter_map(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| !line.is_empty())
        .collect();
    out.sort();
    out
}
