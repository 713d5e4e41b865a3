//! The project's file in a directory above the present one, as `docker compose` finds it there: only one that no other
//! user can have written or exchanged, as with `safe.directory` of git.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hallway_import::FileFormat;
use rustix::io::Errno;

use crate::environment::calling_user;

/// Names of hallway files in directories above; others are found in the present one only.
const OURS: [&str; 2] = ["hallway.yaml", "hallway.yml"];
/// The variables of a Compose file are read from here.
const VARIABLES: &str = ".env";
/// Every other user may write.
const BY_OTHERS: u32 = 0o002;
const BY_GROUP: u32 = 0o020;
/// Only the owner of a file may remove it from the directory.
const STICKY: u32 = 0o1000;

/// What is found above the present directory.
#[derive(Debug, Default)]
pub(crate) struct Above {
    /// The files; none, if there are none, or they are not used.
    pub(crate) paths: Vec<PathBuf>,
    /// Why the file that is there is not used.
    pub(crate) refused: Option<String>,
}

/// Found once, before a sandbox is entered: there the owners of files are no longer known.
pub(crate) fn above() -> &'static Above {
    static FOUND: OnceLock<Above> = OnceLock::new();
    FOUND.get_or_init(|| {
        let users = Users::of_process();
        match std::env::current_dir() {
            Ok(here) => search(&here, &users),
            Err(_removed) => Above::default(),
        }
    })
}

/// The users whose files are used: the one who runs hallway, the one who called with sudo, and root.
struct Users(Vec<u32>);

impl Users {
    fn of_process() -> Self {
        let own = rustix::process::geteuid().as_raw();
        let caller = calling_user().ok().flatten().map(|caller| caller.user);
        let unmapped = std::fs::read_to_string("/proc/sys/kernel/overflowuid");
        let unmapped = unmapped.ok().and_then(|text| text.trim().parse().ok());
        Self::new(own, caller, unmapped.unwrap_or(65534))
    }

    /// `unmapped` stands for every user without a number in this user namespace, so it is never one's own.
    fn new(own: u32, caller: Option<u32>, unmapped: u32) -> Self {
        let all = [0, own].into_iter().chain(caller);
        Self(all.filter(|user| *user != unmapped).collect())
    }

    fn own(&self, of: &Metadata) -> bool {
        self.0.contains(&of.uid())
    }
}

/// Whether users other than the owner may write. A group with the number of the owner is the owner's alone, as most
/// distributions make it. With an access control list, the bit is not that of the group alone: it is set if anybody
/// whom the list names may write.
fn writable(path: &Path, of: &Metadata) -> bool {
    let by_group = || of.mode() & BY_GROUP != 0 && (of.gid() != of.uid() || has_list(path));
    of.mode() & BY_OTHERS != 0 || by_group()
}

/// Whether a file has a POSIX access control list. If that cannot be known, it counts as having one.
fn has_list(path: &Path) -> bool {
    let mut no_value = [0; 0];
    let length = rustix::fs::getxattr(path, "system.posix_acl_access", &mut no_value);
    !matches!(length, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

fn search(here: &Path, users: &Users) -> Above {
    // Above one that is not used, a file is only searched for to say why it is not used.
    let mut refused: Option<String> = None;
    for directory in here.ancestors().skip(1) {
        let paths = files(directory);
        refused = refused.or_else(|| refusal(directory, users));
        let Some(first) = paths.first() else {
            continue;
        };
        let variables = variables(directory, first);
        let read = paths.iter().chain(&variables);
        let of_others = || read.into_iter().find_map(|path| of_others(path, users));
        return match refused.or_else(of_others) {
            None => Above {
                paths,
                refused: None,
            },
            Some(why) => Above {
                paths: Vec::new(),
                refused: Some(format!("{} is not used: {why}", first.display())),
            },
        };
    }
    Above::default()
}

/// The files of a directory: a hallway file, or a Compose file with its override file.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|e| {
            e.path()
                .metadata()
                .is_ok_and(|m| m.is_file() && m.len() > 0)
        })
        .filter_map(|e| e.file_name().into_string().ok())
        .collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let ours = OURS.into_iter().find(|name| all.contains(name));
    let found: Vec<&str> = match ours {
        Some(name) => vec![name],
        None => FileFormat::compose_files(&all)
            .map(|(main, changes)| std::iter::once(main).chain(changes).collect())
            .unwrap_or_default(),
    };
    found.into_iter().map(|name| directory.join(name)).collect()
}

/// The file of variables that is read with a Compose file, if there is one.
fn variables(directory: &Path, file: &Path) -> Option<PathBuf> {
    let ours = OURS.into_iter().any(|name| file.ends_with(name));
    let path = directory.join(VARIABLES);
    let absent = |e: std::io::Error| e.kind() == ErrorKind::NotFound;
    let is_absent = path.symlink_metadata().err().is_some_and(absent);
    (!ours && !is_absent).then_some(path)
}

/// Why other users decide which files a directory has.
fn refusal(directory: &Path, users: &Users) -> Option<String> {
    directory.ancestors().find_map(|path| {
        let shown = path.display();
        let Ok(of) = path.metadata() else {
            return Some(format!("{shown} cannot be examined"));
        };
        // Who may write above could exchange the directory, unless it is sticky.
        let kept = path != directory && of.mode() & STICKY != 0;
        // In a user namespace the owner of `/` may be unknown. No user can replace this directory.
        let known = users.own(&of) || path != directory && path.parent().is_none();
        match known {
            false => Some(format!("{shown} belongs to another user")),
            true if writable(path, &of) && !kept => {
                Some(format!("other users may write to {shown}"))
            }
            true => None,
        }
    })
}

/// Why a file may be another user's. Who may write to the directory of a link's target could exchange the target, so
/// a link is not used.
fn of_others(path: &Path, users: &Users) -> Option<String> {
    let shown = path.display();
    let Ok(of) = path.symlink_metadata() else {
        return Some(format!("{shown} cannot be examined"));
    };
    match users.own(&of) {
        false => Some(format!("{shown} belongs to another user")),
        true if of.is_symlink() => Some(format!("{shown} is a symbolic link")),
        true if writable(path, &of) => Some(format!("other users may write to {shown}")),
        true => None,
    }
}

#[cfg(test)]
#[path = "above_tests.rs"]
mod tests;
