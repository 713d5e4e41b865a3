//! Which user and group ids a sandbox has (user_namespaces(7)).
//!
//! Root's sandbox has 65536 ids that no other user of the machine has: its root is not the
//! machine's root. The user who called with sudo or pkexec has the same id in it.

use std::cell::Cell;
use std::fs::File;
use std::io::Write as _;

use super::subordinates::{self, MappedIds};
use crate::account::CallingUser;

/// How many ids a sandbox of root has.
const COUNT: u32 = 65536;
/// The first of them if root has none in /etc/subuid: the last range that systemd reserves for
/// containers (systemd.io/UIDS-GIDS).
const FIRST: u32 = 0x6fff_0000;
/// Lower ids belong to the machine.
const LOWEST: u32 = 65536;

/// In the command line of a holder whose ids are not those of the sandbox; its ids follow.
const APART: &str = "apart";

/// Ids of the machine that a sandbox of root has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Ids {
    /// The ids for a sandbox that this process makes; none if it is not root of the machine: root
    /// in a user namespace is not.
    pub(crate) fn choose() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let one = |ids: &str, map: &str| {
            let first = subordinate(&read(ids)).unwrap_or(FIRST);
            covers(&read(map), first).then_some(first)
        };
        Some(Self {
            user: one("/etc/subuid", "/proc/self/uid_map")?,
            group: one("/etc/subgid", "/proc/self/gid_map")?,
        })
    }

    /// For the command line of the holder.
    pub(super) fn words(self) -> [String; 3] {
        [
            APART.to_owned(),
            self.user.to_string(),
            self.group.to_string(),
        ]
    }

    /// From the command line of the holder.
    pub(super) fn of(arguments: &[String]) -> Option<Self> {
        let mut rest = arguments.iter().skip_while(|word| *word != APART).skip(1);
        let mut number = || rest.next()?.parse().ok();
        Some(Self {
            user: number()?,
            group: number()?,
        })
    }

    /// Maps these ids, and the caller's, into the process's user namespace.
    pub(super) fn map(self, pid: i32, caller: Option<CallingUser>) -> std::io::Result<()> {
        let user = caller.map(|c| c.user);
        let group = caller.map(|c| c.group.unwrap_or(c.user));
        write(pid, "gid_map", &lines(self.group, group))?;
        write(pid, "uid_map", &lines(self.user, user))
    }
}

/// Root maps all its own ids into the sandbox. Another user is mapped to root inside; the ids that the
/// machine has given to that user are the others inside, if there are any.
/// `further`: whether to try those; it becomes false if they could be mapped only for groups, which
/// another process has to be made for.
pub(super) fn map_own(pid: i32, further: &Cell<bool>) -> std::io::Result<()> {
    if rustix::process::geteuid().is_root() {
        let all = |file: &str| -> std::io::Result<String> {
            let text = std::fs::read_to_string(format!("/proc/self/{file}"))?;
            let ranges = text.lines().filter_map(range);
            let line = |(inside, count)| format!("{inside} {inside} {count}\n");
            Ok(ranges.map(line).collect())
        };
        let (users, groups) = (all("uid_map")?, all("gid_map")?);
        if write(pid, "gid_map", &groups).is_err() {
            write(pid, "setgroups", "deny")?;
            write(pid, "gid_map", &groups)?;
        }
        return write(pid, "uid_map", &users);
    }
    let (user, group) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let given = match further.get() {
        true => subordinates::map(pid, user, group),
        false => MappedIds::default(),
    };
    match (given.users, given.groups) {
        (Some(_), _) => Ok(()),
        (None, Some(_)) => {
            further.set(false);
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
        (None, None) => {
            write(pid, "setgroups", "deny")?;
            write(pid, "gid_map", &format!("0 {group} 1"))?;
            write(pid, "uid_map", &format!("0 {user} 1"))
        }
    }
}

fn write(pid: i32, file: &str, text: &str) -> std::io::Result<()> {
    File::options()
        .write(true)
        .open(format!("/proc/{pid}/{file}"))
        .and_then(|mut f| f.write_all(text.as_bytes()))
}

/// The first id of a range in a map, and the number of ids.
fn range(line: &str) -> Option<(u32, u32)> {
    let mut fields = line.split_ascii_whitespace();
    let first = fields.next()?.parse().ok()?;
    Some((first, fields.nth(1)?.parse().ok()?))
}

/// Whether a map has all the ids from `first` on.
fn covers(map: &str, first: u32) -> bool {
    let last = u64::from(first) + u64::from(COUNT);
    map.lines()
        .filter_map(range)
        .any(|(begin, count)| begin <= first && last <= u64::from(begin) + u64::from(count))
}

/// The first ids that root has in subuid(5), if they are enough.
fn subordinate(text: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let first: u32 = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        let usable = first >= LOWEST && first.checked_add(COUNT).is_some() && count >= COUNT;
        (["root", "0"].contains(&owner) && usable).then_some(first)
    })
}

/// The lines of a map from 0 to `first`, in which the caller's id is mapped to itself.
fn lines(first: u32, caller: Option<u32>) -> String {
    let Some(caller) = caller.filter(|id| (1..COUNT).contains(id)) else {
        return format!("0 {first} {COUNT}\n");
    };
    let mut out = format!("0 {first} {caller}\n{caller} {caller} 1\n");
    let next = caller + 1;
    if next < COUNT {
        out.push_str(&format!("{next} {} {}\n", first + next, COUNT - next));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_root_in_subuid() {
        assert_eq!(subordinate(""), None);
        assert_eq!(subordinate("alice:100000:65536\n"), None);
        assert_eq!(subordinate("root:100000:1000\n"), None);
        assert_eq!(subordinate("root:0:65536\n"), None);
        assert_eq!(
            subordinate("root:x:65536\nroot:165536:65536\n"),
            Some(165_536)
        );
        assert_eq!(subordinate("0:4294967295:65536\n"), None);
    }

    #[test]
    fn a_map_that_has_them() {
        assert!(covers("         0          0 4294967295\n", FIRST));
        assert!(!covers("0 100000 65536\n", FIRST));
        assert!(covers("0 100000 65536\n65536 200000 65536\n", 65536));
    }

    #[test]
    fn the_caller_is_himself() {
        assert_eq!(lines(100_000, None), "0 100000 65536\n");
        assert_eq!(
            lines(100_000, Some(1500)),
            "0 100000 1500\n1500 1500 1\n1501 101501 64035\n"
        );
        assert_eq!(
            lines(100_000, Some(65535)),
            "0 100000 65535\n65535 65535 1\n"
        );
        assert_eq!(lines(100_000, Some(70_000)), "0 100000 65536\n");
    }
}
