//! The ids that a sandbox of this user has: mapped into a process that ends afterwards.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use hallway_kernel::Kernel;
use hallway_kernel::sys::NamespaceKind;

use super::check::{Check, CheckOutcome, check};
use crate::sandbox::{Ids, MappedIds, candidates, map_further_ids};

const NAME: &str = "users of a sandbox";
const ADVICE: &str = "su, tcpdump and other programs that change their user do not work in a sandbox: install the package uidmap, and as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER (with ids that no user has)";

/// Makes a user namespace for this process, which has one thread: whether that worked.
#[must_use]
pub fn user_namespace() -> bool {
    Kernel::new().unshare(&[NamespaceKind::User]).is_ok()
}

/// None where sandboxes have no user namespace.
pub(super) fn of_sandboxes() -> Option<Check> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    if user.is_root() {
        return Ids::choose().map(|ids| {
            let found = format!("65536, from {} on (groups from {})", ids.user, ids.group);
            check(NAME, true, CheckOutcome::Ok, found, "")
        });
    }
    let mut child = Command::new("/proc/self/exe")
        .arg("__ids")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut line = String::new();
    let out = child.stdout.take().map(BufReader::new);
    let made = out.is_some_and(|mut out| out.read_line(&mut line).is_ok_and(|n| n > 0));
    let (user, group) = (user.as_raw(), group.as_raw());
    let given = made.then(|| map_further_ids(child.id() as i32, user, group));
    drop(child.stdin.take());
    child.wait().ok();
    let found = match (given?, candidates(user, group)) {
        (
            MappedIds {
                users: Some(first),
                groups: Some(groups),
            },
            _,
        ) => {
            let found = format!("you, and 65535 more from {first} on (groups from {groups})");
            return Some(check(NAME, true, CheckOutcome::Ok, found, ""));
        }
        (_, Err(why)) => format!("only you: {why}"),
        (_, Ok(_)) => {
            "only you: newuidmap or newgidmap refuses the ranges of /etc/subuid and /etc/subgid"
                .to_owned()
        }
    };
    Some(check(NAME, false, CheckOutcome::Warning, found, ADVICE))
}
