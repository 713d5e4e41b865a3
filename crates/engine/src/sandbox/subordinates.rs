//! Ids that the machine has given to an ordinary user (subuid(5)): with them programs in a sandbox may
//! become other users, as tcpdump and su do. Only newuidmap(1) and newgidmap(1) have the right to map
//! them.

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

/// Which maps have been written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Given {
    pub(super) users: bool,
    pub(super) groups: bool,
}

/// Maps the user to root in a process's user namespace, and the ids that the user has to all others,
/// as far as that can be done.
pub(super) fn map(pid: i32, user: u32, group: u32) -> Given {
    let name = name_of(user).unwrap_or_default();
    let first = |kind: Kind| {
        let program = Path::new(DIRECTORY).join(kind.program);
        let bytes = std::fs::read(kind.file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        program
            .exists()
            .then(|| range(&text, &name, user))
            .flatten()
    };
    let (Some(users), Some(groups)) = (first(USERS), first(GROUPS)) else {
        return Given::default();
    };
    let groups = give(GROUPS, pid, group, groups);
    Given {
        users: groups && give(USERS, pid, user, users),
        groups,
    }
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

/// The first ids of a range that is long enough, of that user by name or number.
fn range(text: &str, name: &str, user: u32) -> Option<u32> {
    let number = user.to_string();
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let owner = fields.next()?;
        let first: u32 = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        let of_user = owner == number || (!name.is_empty() && owner == name);
        (of_user && count >= COUNT && first.checked_add(COUNT).is_some()).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_user() {
        let text = "root:100000:65536\nalice:165536:65536\nbob:231072:100\n1003:300000:65536\n";
        assert_eq!(range(text, "alice", 1000), Some(165_536));
        assert_eq!(range(text, "bob", 1001), None);
        assert_eq!(range(text, "", 1003), Some(300_000));
        assert_eq!(range(text, "", 1004), None);
        assert_eq!(range(":1:65536", "", 1004), None);
    }
}
