//! The project's file in a directory above the present one, as `docker compose` finds it there: only one that no other
//! user can have written or exchanged, as with `safe.directory` of git.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hallway_import::Format;

use crate::environment::calling_user;

/// Names of hallway files in directories above; others are found in the present one only.
const OURS: [&str; 2] = ["hallway.yaml", "hallway.yml"];
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
        Self([0, own].into_iter().chain(caller).collect())
    }

    fn own(&self, of: &Metadata) -> bool {
        self.0.contains(&of.uid())
    }
}

/// Whether users other than the owner may write. A group with the number of the owner is the owner's alone, as most
/// distributions make it.
fn writable(of: &Metadata) -> bool {
    of.mode() & BY_OTHERS != 0 || of.mode() & BY_GROUP != 0 && of.gid() != of.uid()
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
        let of_others = || paths.iter().find_map(|path| of_others(path, users));
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
        None => Format::compose_files(&all)
            .map(|(main, changes)| std::iter::once(main).chain(changes).collect())
            .unwrap_or_default(),
    };
    found.into_iter().map(|name| directory.join(name)).collect()
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
        // In a user namespace the owner of `/` may be unknown; nobody can exchange it.
        let known = users.own(&of) || path != directory && path.parent().is_none();
        match known {
            false => Some(format!("{shown} belongs to another user")),
            true if writable(&of) && !kept => Some(format!("other users may write to {shown}")),
            true => None,
        }
    })
}

/// Why a file may be another user's.
fn of_others(path: &Path, users: &Users) -> Option<String> {
    let (Ok(link), Ok(of)) = (path.symlink_metadata(), path.metadata()) else {
        return Some(format!("{} cannot be examined", path.display()));
    };
    match users.own(&link) && users.own(&of) {
        false => Some(format!("{} belongs to another user", path.display())),
        true if writable(&of) => Some(format!("other users may write to {}", path.display())),
        true => None,
    }
}
