//! Settings of a node's network namespace, by the names of sysctl(8).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The key of a setting below `net.`, like `net.ipv4.tcp_syncookies`.
///
/// ```
/// use hallway_spec::SysctlKey;
///
/// let key: SysctlKey = "net.ipv4.conf.eth0/7.rp_filter".parse()?;
/// assert_eq!(key.path(), "net/ipv4/conf/eth0.7/rp_filter");
/// assert_eq!(key.to_string(), "net.ipv4.conf.eth0/7.rp_filter");
/// # Ok::<(), hallway_spec::InvalidSysctl>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SysctlKey(String);

/// Why a setting was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSysctl {
    /// It cannot be a key.
    #[error("{0:?} is not a setting; write one like net.ipv4.tcp_syncookies")]
    Syntax(String),
    /// It is not of a network namespace.
    #[error("{0} is a setting of the whole machine, not of a node: only those below net. are")]
    OfMachine(String),
    /// Forwarding has a key of its own.
    #[error("{0} is set by forwarding: true, since the rules of the networks depend on it")]
    Forwarding(String),
    /// Hallway sets it itself.
    #[error("{0} is set by hallway itself, as the addresses of the node need it")]
    Own(String),
}

/// The last parts of keys that hallway sets itself.
const OWN: [&str; 3] = ["accept_ra", "autoconf", "disable_ipv6"];

/// Settings of a node in which a program without capabilities runs: it may listen on every port, and
/// ping. The other range of groups is for a user namespace that has no more.
const FOR_PROGRAMS: [(&str, [&str; 2]); 2] = [
    ("net.ipv4.ip_unprivileged_port_start", ["0", "0"]),
    ("net.ipv4.ping_group_range", ["0 2147483647", "0 65535"]),
];

/// The settings of a whole namespace that turn IPv6 off, with slashes.
const DISABLE_IPV6: [&str; 2] = [
    "net/ipv6/conf/all/disable_ipv6",
    "net/ipv6/conf/default/disable_ipv6",
];

/// Whether a setting says that IPv6 is on in a node, whatever addresses it has. Hallway sets this itself, so
/// such a setting is no [`SysctlKey`].
///
/// ```
/// assert!(hallway_spec::turns_ipv6_on("net.ipv6.conf.all.disable_ipv6", "0"));
/// assert!(!hallway_spec::turns_ipv6_on("net.ipv6.conf.all.disable_ipv6", "1"));
/// ```
#[must_use]
pub fn turns_ipv6_on(name: &str, value: &str) -> bool {
    value.trim() == "0" && DISABLE_IPV6.contains(&name.replace('.', "/").as_str())
}

impl SysctlKey {
    /// The settings that a program without capabilities needs, where there are all groups or 65536.
    #[must_use]
    pub fn for_programs(all_groups: bool) -> [(Self, &'static str); 2] {
        let other = usize::from(!all_groups);
        FOR_PROGRAMS.map(|(key, values)| (Self(key.to_owned()), values[other]))
    }

    /// Whether it is such a setting, with that value.
    #[must_use]
    pub fn is_for_programs(&self, value: &str) -> bool {
        let mut all = FOR_PROGRAMS.iter();
        all.any(|(key, values)| *key == self.0 && values.contains(&value))
    }

    /// The file below /proc/sys.
    #[must_use]
    pub fn path(&self) -> String {
        swapped(&self.0)
    }
}

/// Dots and slashes exchanged: names of interfaces may have dots.
fn swapped(text: &str) -> String {
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    text.chars().map(swap).collect()
}

impl FromStr for SysctlKey {
    type Err = InvalidSysctl;

    /// With dots or with slashes: the first of them is the separator.
    fn from_str(text: &str) -> Result<Self, InvalidSysctl> {
        let separator = text.find(['.', '/']).and_then(|at| text.chars().nth(at));
        let key = match separator {
            Some('/') => swapped(text),
            _ => text.to_owned(),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let parts: Vec<&str> = key.split('.').collect();
        let sound = parts.len() > 1
            && key.chars().all(allowed)
            && parts
                .iter()
                .all(|p| !p.is_empty() && *p != "/" && *p != "//");
        if !sound {
            return Err(InvalidSysctl::Syntax(text.to_owned()));
        }
        let last = parts.last().copied().unwrap_or_default();
        match parts.first().copied() {
            Some("net") => {}
            _ => return Err(InvalidSysctl::OfMachine(text.to_owned())),
        }
        if last == "ip_forward" || last == "forwarding" || last == "force_forwarding" {
            return Err(InvalidSysctl::Forwarding(text.to_owned()));
        }
        if OWN.contains(&last) && parts.contains(&"conf") {
            return Err(InvalidSysctl::Own(text.to_owned()));
        }
        Ok(Self(key))
    }
}

impl fmt::Display for SysctlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<SysctlKey> for String {
    fn from(key: SysctlKey) -> Self {
        key.0
    }
}

impl TryFrom<String> for SysctlKey {
    type Error = InvalidSysctl;

    fn try_from(text: String) -> Result<Self, InvalidSysctl> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_network_namespace_only() {
        for (text, path) in [
            ("net.ipv4.tcp_syncookies", "net/ipv4/tcp_syncookies"),
            ("net/core/somaxconn", "net/core/somaxconn"),
            ("net.ipv4.conf.all.rp_filter", "net/ipv4/conf/all/rp_filter"),
        ] {
            assert_eq!(text.parse::<SysctlKey>().unwrap().path(), path);
        }
        for text in [
            "",
            "net",
            "net..x",
            "net.ipv4./.x",
            "net.//.x",
            "kernel.hostname",
            "net.ipv4.ip_forward",
            "net.ipv6.conf.all.forwarding",
            "net.ipv6.conf.eth0.accept_ra",
            "net.ipv4.x y",
        ] {
            assert!(text.parse::<SysctlKey>().is_err(), "{text}");
        }
    }
}
