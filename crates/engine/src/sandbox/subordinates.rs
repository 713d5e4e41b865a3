//! Ids that the machine has given to an ordinary user (subuid(5)): with them programs in a sandbox may
//! become other users, as tcpdump and su do. Only newuidmap(1) and newgidmap(1) have the right to map
//! them.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::account::name_of;

/// Where the two programs are. They are never searched for.
const DIRECTORY: &str = "/usr/bin";
/// How many ids a user namespace has besides the user's own.
const COUNT: u32 = 65_535;

/// Which of the two kinds.
#[derive(Debug, Clone, Copy)]
struct Kind {
    program: &'static str,
    file: &'static str,
}

const USERS: Kind = Kind {
    program: "newuidmap",
    file: "/etc/subuid",
};
const GROUPS: Kind = Kind {
    program: "newgidmap",
    file: "/etc/subgid",
};

/// The first ids of the maps that have been written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MappedIds {
    pub(crate) users: Option<u32>,
    pub(crate) groups: Option<u32>,
}

/// Maps the user to root in a process's user namespace, and the ids that the user has to all others,
/// as far as that can be done: the first range that the two programs take.
pub(crate) fn map(pid: i32, user: u32, group: u32) -> MappedIds {
    let Ok([users, groups]) = candidates(user, group) else {
        return MappedIds::default();
    };
    let first =
        |kind, own, all: Vec<u32>| all.into_iter().find(|first| give(kind, pid, own, *first));
    let groups = first(GROUPS, group, groups);
    MappedIds {
        users: groups.and_then(|_| first(USERS, user, users)),
        groups,
    }
}

/// The ranges of users and of groups that may be mapped, or why there are none.
pub(crate) fn candidates(user: u32, group: u32) -> Result<[Vec<u32>; 2], String> {
    let name = name_of(user).unwrap_or_default();
    let of = |kind: Kind, own: u32| {
        let program = Path::new(DIRECTORY).join(kind.program);
        let shown = program.display();
        match std::fs::metadata(&program) {
            Err(_) => return Err(format!("{shown} is not installed")),
            Ok(data) if data.mode() & SETUID == 0 && !has_capabilities(&program) => {
                return Err(format!("{shown} is not setuid root, so it cannot map ids"));
            }
            Ok(_) => {}
        }
        let bytes = std::fs::read(kind.file).unwrap_or_default();
        let all: Vec<u32> = ranges(&String::from_utf8_lossy(&bytes), &name, user, own).collect();
        match all.is_empty() {
            true => Err(format!(
                "{} has no range of at least {COUNT} ids for you that your own id is not in",
                kind.file
            )),
            false => Ok(all),
        }
    };
    Ok([of(USERS, user)?, of(GROUPS, group)?])
}

/// The mode of a program that runs with the rights of its owner.
const SETUID: u32 = 0o4000;

/// Some distributions give the programs a capability instead.
fn has_capabilities(program: &Path) -> bool {
    let mut buffer = [0_u8; 64];
    rustix::fs::getxattr(program, "security.capability", &mut buffer).is_ok_and(|n| n > 0)
}

fn give(kind: Kind, pid: i32, own: u32, first: u32) -> bool {
    let map = [0, own, 1, 1, first, COUNT].map(|number| number.to_string());
    let program = Path::new(DIRECTORY).join(kind.program);
    let status = Command::new(program)
        .arg(pid.to_string())
        .args(map)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The first ids of the ranges that are long enough, of that user by name or number. One with the own
/// id cannot be mapped: that is root already.
fn ranges(text: &str, name: &str, user: u32, own: u32) -> impl Iterator<Item = u32> {
    let number = user.to_string();
    text.lines().filter_map(move |line| {
        let mut fields = line.split(':');
        let owner = fields.next()?;
        let first: u32 = fields.next()?.trim().parse().ok()?;
        let count: u32 = fields.next()?.trim().parse().ok()?;
        let of_user = owner == number || (!name.is_empty() && owner == name);
        let end = first.checked_add(COUNT)?;
        (of_user && count >= COUNT && !(first..end).contains(&own)).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_user() {
        let text = "root:100000:65536\nalice:900:65536\nalice:165536:65536\nbob:231072:100\n1003:300000:65536\nalice:365536:65536\n";
        let of = |name, user| ranges(text, name, user, user).collect::<Vec<_>>();
        assert_eq!(of("alice", 1000), [165_536, 365_536]);
        assert!(of("bob", 1001).is_empty());
        assert_eq!(of("", 1003), [300_000]);
        assert!(of("", 1004).is_empty());
        assert_eq!(ranges(":1:65536", "", 1004, 1004).count(), 0);
    }
}
