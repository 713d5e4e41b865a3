//! Users that programs run as: their numbers and groups, from /etc/passwd and /etc/group.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use hallway_plan::Settled;
use hallway_plan::settled::Node;
use hallway_spec::{Name, SysctlKey, User};

use crate::{Failure, Reason, Rights};

/// The user who called hallway, if that is not the user it runs as: sudo or pkexec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallingUser {
    /// The user's number.
    pub user: u32,
    /// The group's number; the user's own group if not known.
    pub group: Option<u32>,
}

/// The rights of a program, and the variables that name its user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// None: those of the process that starts it.
    pub rights: Option<Rights>,
    /// The variables.
    pub environment: BTreeMap<String, String>,
}

/// A line of /etc/passwd (passwd(5)).
struct Entry<'a> {
    name: &'a str,
    user: u32,
    group: u32,
    home: &'a str,
    shell: &'a str,
}

fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    text.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, user, group, _, home, shell] = fields.as_slice() else {
            return None;
        };
        Some(Entry {
            name,
            user: user.parse().ok()?,
            group: group.parse().ok()?,
            home,
            shell,
        })
    })
}

/// The home directory that /etc/passwd has for a user.
#[must_use]
pub fn home_of(user: u32) -> Option<PathBuf> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let entry = entries(&passwd).find(|entry| entry.user == user)?;
    Some(entry.home.into())
}

/// The name that /etc/passwd has for a user.
pub(crate) fn name_of(user: u32) -> Option<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let entry = entries(&passwd).find(|entry| entry.user == user)?;
    Some(entry.name.to_owned())
}

/// The groups that list a user as a member (group(5)).
fn memberships(text: &str, name: &str) -> Vec<u32> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [_, _, group, members] = fields.as_slice() else {
                return None;
            };
            let is_member = members.split(',').any(|member| member == name);
            group.parse().ok().filter(|_| is_member)
        })
        .collect()
}

/// Whether this user namespace has that user or group (user_namespaces(7)).
fn is_mapped(map: &str, number: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/self/{map}")).unwrap_or_default();
    text.lines().any(|line| {
        let fields: Vec<u64> = line
            .split_ascii_whitespace()
            .filter_map(|f| f.parse().ok())
            .collect();
        let number = u64::from(number);
        matches!(fields.as_slice(), [first, _, count] if (*first..first + count).contains(&number))
    })
}

/// The settings that programs without capabilities need, in this user namespace.
fn for_programs() -> [(SysctlKey, &'static str); 2] {
    SysctlKey::for_programs(is_mapped("gid_map", i32::MAX as u32))
}

/// The settings that a program without capabilities needs in a node, and that it does not have: of files
/// below /proc/sys. A namespace that the node joins stays as it is.
#[must_use]
pub fn settings(node: &Node) -> Vec<(String, String)> {
    let missing = for_programs()
        .into_iter()
        .filter(|(key, _)| node.joined.is_none() && !node.sysctls.contains_key(key));
    missing
        .map(|(key, value)| (key.path(), value.to_owned()))
        .collect()
}

/// Adds the settings that programs without capabilities need to the nodes that have such, but none that
/// the file gives another value. A namespace that a node joins stays as it is.
pub(crate) fn allow_programs(settled: &mut Settled, caller: Option<CallingUser>) {
    // Mostly all programs have the same user.
    let mut known: Option<(Option<User>, bool)> = None;
    // Read only where there is such a program.
    let settings = LazyCell::new(for_programs);
    for node in settled.nodes.iter_mut().filter(|n| n.joined.is_none()) {
        let limited = node.programs().any(|program| {
            let user = &program.service.user;
            if known.as_ref().is_none_or(|(of, _)| of != user) {
                // A user that does not exist is reported when the program is to be started.
                let account = of(program.name, user.as_ref(), caller);
                let limited = account.is_ok_and(|a| a.rights.is_some());
                known = Some((user.clone(), limited));
            }
            known.as_ref().is_some_and(|(_, limited)| *limited)
        });
        if limited {
            for (key, value) in settings.iter() {
                let given = node.sysctls.entry(key.clone());
                given.or_insert_with(|| (*value).to_owned());
            }
        }
    }
}

/// The account of a node's program: that of the file, else that of the calling user; otherwise
/// nothing is changed.
///
/// # Errors
/// [`Reason::UserUnknown`], [`Reason::UserNotMapped`].
pub fn of(
    node: &Name,
    wanted: Option<&User>,
    caller: Option<CallingUser>,
) -> Result<Account, Failure> {
    let from_caller = wanted.is_none();
    let wanted = match (wanted, caller) {
        (Some(user), _) => user.clone(),
        (None, Some(caller)) => User::Number {
            user: caller.user,
            group: caller.group,
        },
        (None, None) => return Ok(Account::default()),
    };
    // A machine without such a file has users by number only.
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (passwd, groups) = (read("/etc/passwd"), read("/etc/group"));
    let known = entries(&passwd).find(|entry| match &wanted {
        User::Name(name) => entry.name == name,
        User::Number { user, .. } => entry.user == *user,
    });
    let (user, group) = match (&wanted, &known) {
        (User::Name(name), None) => {
            return Err(Reason::UserUnknown {
                node: node.clone(),
                user: name.clone(),
            }
            .into());
        }
        (User::Number { user, group }, entry) => {
            let own = entry.as_ref().map_or(*user, |e| e.group);
            (*user, group.unwrap_or(own))
        }
        (User::Name(_), Some(entry)) => (entry.user, entry.group),
    };
    if user == 0 && group == 0 {
        return Ok(Account::default());
    }
    if !is_mapped("uid_map", user) || !is_mapped("gid_map", group) {
        if from_caller {
            return Ok(Account::default());
        }
        let user = wanted.to_string();
        let node = node.clone();
        return Err(Reason::UserNotMapped { node, user }.into());
    }
    let mut environment = BTreeMap::new();
    let mut more = vec![group];
    if let Some(entry) = known {
        for (name, value) in [
            ("HOME", entry.home),
            ("LOGNAME", entry.name),
            ("SHELL", entry.shell),
            ("USER", entry.name),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        more.extend(memberships(&groups, entry.name));
    }
    more.sort_unstable();
    more.dedup();
    Ok(Account {
        rights: Some(Rights {
            user,
            group,
            groups: more,
        }),
        environment,
    })
}
