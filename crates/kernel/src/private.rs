//! Directories that no other user can change, and paths to them that no other user can redirect.
//!
//! A path is walked from `/`, one component at a time, by descriptors (openat(2) with O_NOFOLLOW):
//!
//! - no component is a symbolic link, `.` or `..`;
//! - every directory belongs to root or to this user; others may write to it only if it is sticky
//!   (like /tmp), and then what follows belongs to root or to this user;
//! - the last directory belongs to this user, and no other user may write to it, sticky or not.
//!
//! In a user namespace that does not map every user, root of the machine and all other users have
//! one id, that of the overflow user (user_namespaces(7)); above the last directory it counts as
//! root. A command checks its state directory before it enters such a namespace. For root of the
//! machine in a sandbox with another root ([`sys::is_outsider`]), files of that root count as its
//! own: it made the sandbox.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::{KernelError, sys};

const USE: &str = "use";
/// The kernel follows the same number of links in one path (path_resolution(7)).
const LINKS_MAX: usize = 40;

fn failed(path: &Path, error: Errno) -> KernelError {
    KernelError::new(USE, path.to_string_lossy(), error)
}

/// The file at `path` is refused, although the kernel would allow it.
pub(crate) fn refuse(path: &Path, errno: Errno, why: impl Into<String>) -> KernelError {
    KernelError {
        detail: Some(why.into()),
        ..failed(path, errno)
    }
}

fn link_refused(path: &Path) -> KernelError {
    refuse(path, Errno::LOOP, "it is a symbolic link")
}

/// The id of the machine's root in this user namespace, if it is not mapped.
fn unmapped_root() -> Option<u32> {
    let map = std::fs::read_to_string("/proc/self/uid_map").ok()?;
    let mapped: u64 = map
        .lines()
        .filter_map(|line| line.split_ascii_whitespace().nth(2)?.parse::<u64>().ok())
        .sum();
    if mapped >= u64::from(u32::MAX) {
        return None;
    }
    let overflow = std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok();
    Some(overflow.map_or(65534, |text| text.trim().parse().unwrap_or(65534)))
}

fn is_writable_by_others(stat: &Stat) -> bool {
    stat.st_mode & 0o022 != 0
}

fn own() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn foreign(path: &Path, owner: u32) -> KernelError {
    let why = format!("it belongs to user {owner}, not to user {}", own());
    refuse(path, Errno::PERM, why)
}

/// A directory above the last one.
fn check_above(stat: &Stat, path: &Path) -> Result<(), KernelError> {
    let owner = stat.st_uid;
    let trusted = owner == 0 || owner == own() || unmapped_root().is_some_and(|u| owner == u);
    if !trusted {
        return Err(foreign(path, owner));
    }
    if is_writable_by_others(stat) && stat.st_mode & 0o1000 == 0 {
        let why = "other users can write to it";
        return Err(refuse(path, Errno::PERM, why));
    }
    Ok(())
}

/// The last directory.
fn check_last(stat: &Stat, path: &Path) -> Result<(), KernelError> {
    let of_its_sandbox = stat.st_uid == 0 && sys::is_outsider();
    if stat.st_uid != own() && !of_its_sandbox {
        return Err(foreign(path, stat.st_uid));
    }
    if is_writable_by_others(stat) {
        let why = "other users can write to it";
        return Err(refuse(path, Errno::PERM, why));
    }
    Ok(())
}

fn open(directory: impl AsFd, name: &OsStr, path: &Path) -> Result<OwnedFd, KernelError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(&directory, name, flags, Mode::empty()).map_err(|error| {
        let kind = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)
            .map(|stat| FileType::from_raw_mode(stat.st_mode));
        match (error, kind) {
            (Errno::NOTDIR | Errno::LOOP, Ok(FileType::Symlink)) => link_refused(path),
            (Errno::NOTDIR, Ok(_)) => refuse(path, error, "it is not a directory"),
            _ => failed(path, error),
        }
    })
}

fn top() -> Result<OwnedFd, KernelError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let path = Path::new("/");
    rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(path, e))
}

/// The names of an absolute path.
fn names(path: &Path) -> Result<Vec<&OsStr>, KernelError> {
    let invalid = || refuse(path, Errno::INVAL, "it is not an absolute path without ..");
    if !path.is_absolute() {
        return Err(invalid());
    }
    path.components()
        .filter(|c| *c != Component::RootDir)
        .map(|c| match c {
            Component::Normal(name) => Ok(name),
            _ => Err(invalid()),
        })
        .collect()
}

/// Opens a directory as the module describes; with `make`, missing components of the path are made
/// with that mode.
///
/// # Errors
/// ENOENT; a refusal has the reason as its detail.
pub(crate) fn directory(path: &Path, make: Option<Mode>) -> Result<OwnedFd, KernelError> {
    if let Some(known) = known(path) {
        return Ok(known);
    }
    let (directory, stat) = walk(path, make)?;
    if let Ok(mut known) = KNOWN.lock() {
        if known.len() == KNOWN_MAX {
            known.clear();
        }
        known.insert(path.to_owned(), (stat.st_dev, stat.st_ino));
    }
    Ok(directory)
}

/// How many directories are remembered.
const KNOWN_MAX: usize = 64;

/// The device and inode of directories that were walked to. A command opens some directories a dozen
/// times, and one system call takes less time than a walk.
static KNOWN: Mutex<BTreeMap<PathBuf, (u64, u64)>> = Mutex::new(BTreeMap::new());

/// A directory that was walked to before, if the path leads to the same inode now, without a symbolic
/// link. Then no other user has redirected the path. The last directory is checked again.
fn known(path: &Path) -> Option<OwnedFd> {
    let identity = *KNOWN.lock().ok()?.get(path)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS;
    let opened = rustix::fs::openat2(CWD, path, flags, Mode::empty(), resolve).ok()?;
    let stat = rustix::fs::fstat(&opened).ok()?;
    let same = (stat.st_dev, stat.st_ino) == identity;
    (same && check_last(&stat, path).is_ok()).then_some(opened)
}

fn walk(path: &Path, make: Option<Mode>) -> Result<(OwnedFd, Stat), KernelError> {
    walk_from(top()?, path, make)
}

/// As [`walk`], from another root directory.
fn walk_from(
    root: OwnedFd,
    path: &Path,
    make: Option<Mode>,
) -> Result<(OwnedFd, Stat), KernelError> {
    let stat = |fd: &OwnedFd, path: &Path| rustix::fs::fstat(fd).map_err(|e| failed(path, e));
    let mut here = PathBuf::from("/");
    let mut fd = root;
    let mut last = stat(&fd, &here)?;
    for name in names(path)? {
        check_above(&last, &here)?;
        here.push(name);
        let next = match (open(&fd, name, &here), make) {
            (Err(e), Some(mode)) if e.errno == Errno::NOENT.raw_os_error() => {
                match rustix::fs::mkdirat(&fd, name, mode) {
                    Ok(()) | Err(Errno::EXIST) => open(&fd, name, &here)?,
                    Err(e) => return Err(failed(&here, e)),
                }
            }
            (next, _) => next?,
        };
        last = stat(&next, &here)?;
        fd = next;
    }
    check_last(&last, &here)?;
    Ok((fd, last))
}

/// The same path without symbolic links. Links above its last component are followed if only root
/// or this user can have made them; the last component must not be one. Components that do not
/// exist are kept unchanged.
///
/// # Errors
/// A refusal has the reason as its detail.
pub fn physical(path: &Path) -> Result<PathBuf, KernelError> {
    let mut ahead: VecDeque<OsString> = names(path)?.into_iter().map(OsStr::to_owned).collect();
    let mut here = PathBuf::from("/");
    let mut fd = top()?;
    let mut links = 0;
    while let Some(name) = ahead.pop_front() {
        let at = here.join(&name);
        let stat = match rustix::fs::statat(&fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {
                return Ok(ahead.iter().fold(at, |path, name| path.join(name)));
            }
            other => other.map_err(|e| failed(&at, e))?,
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            if ahead.is_empty() {
                return Ok(at);
            }
            fd = open(&fd, &name, &at)?;
            here = at;
            continue;
        }
        links += 1;
        let holder = rustix::fs::fstat(&fd).map_err(|e| failed(&here, e))?;
        if ahead.is_empty() || links > LINKS_MAX || is_writable_by_others(&holder) {
            return Err(link_refused(&at));
        }
        check_above(&stat_of_link(stat), &at)?;
        let target = rustix::fs::readlinkat(&fd, &name, Vec::new()).map_err(|e| failed(&at, e))?;
        let target = here.join(OsString::from_vec(target.into_bytes()));
        let mut whole = without_dots(&target);
        whole.extend(ahead);
        ahead = whole;
        here = PathBuf::from("/");
        fd = top()?;
    }
    Ok(here)
}

/// The mode of a link has no meaning: every user may read a link, and none can write to it.
fn stat_of_link(mut stat: Stat) -> Stat {
    stat.st_mode = 0;
    stat
}

/// The names of a path; everything before its last link has been followed already.
fn without_dots(path: &Path) -> VecDeque<OsString> {
    let mut out = VecDeque::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push_back(name.to_owned()),
            Component::ParentDir => drop(out.pop_back()),
            _ => {}
        }
    }
    out
}

/// Whether the state of a user may be kept in this directory: it does not exist, or only this user
/// can change it.
///
/// # Errors
/// A refusal has the reason as its detail.
pub fn check(path: &Path) -> Result<(), KernelError> {
    is_there(path).map(drop)
}

/// Whether a directory exists in the mounts of another process, and only this user can change it.
#[must_use]
pub fn is_there_for(process: i32, path: &Path) -> bool {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(format!("/proc/{process}/root"), flags, Mode::empty());
    root.is_ok_and(|root| walk_from(root, path, None).is_ok())
}

/// Whether such a directory exists.
///
/// # Errors
/// A refusal has the reason as its detail.
pub fn is_there(path: &Path) -> Result<bool, KernelError> {
    match directory(path, None) {
        Err(e) if e.errno == Errno::NOENT.raw_os_error() => Ok(false),
        other => other.map(|_| true),
    }
}
