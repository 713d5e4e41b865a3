//! Notifications that the machine's /etc/hosts or /etc/resolv.conf were replaced. Programs that replace a
//! file of the same name (rename(2)) make the kernel remove what is mounted over it, in every mount
//! namespace: then the programs of nodes would read the machine's file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{Event, ReadFlags, WatchFlags, add_watch};
use rustix::io::Errno;

const FILES: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];

/// The kernel follows no more (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// The names to notice, each in a directory that is watched.
#[derive(Debug, Default)]
pub(crate) struct EtcFiles {
    names: BTreeSet<(i32, OsString)>,
}

impl EtcFiles {
    /// Watches the directories of both files and, of a symbolic link, those of each file it leads to, as far
    /// as they exist.
    pub(crate) fn watch(notifications: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        let mut names = BTreeSet::new();
        for file in FILES.map(PathBuf::from) {
            let end = std::fs::canonicalize(&file).ok();
            let links = std::iter::successors(Some(file), |at| {
                Some(at.parent()?.join(std::fs::read_link(at).ok()?))
            });
            for path in links.take(LINKS_MAX).chain(end) {
                for part in path.ancestors() {
                    names.extend(watch(notifications, part)?);
                }
            }
        }
        Ok(Self { names })
    }

    /// Whether one of them is concerned; or notifications were lost, since the queue was full.
    pub(crate) fn concerns(&self, event: &Event<'_>) -> bool {
        if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
            return true;
        }
        let name = event.file_name().map(|n| n.to_bytes().to_vec());
        name.is_some_and(|name| self.names.contains(&(event.wd(), OsString::from_vec(name))))
    }
}

/// Watches the directory that has this name; nothing if there is no such directory.
fn watch(
    notifications: BorrowedFd<'_>,
    path: &Path,
) -> rustix::io::Result<Option<(i32, OsString)>> {
    let Some((directory, name)) = path.parent().zip(path.file_name()) else {
        return Ok(None);
    };
    let flags = WatchFlags::MOVED_TO | WatchFlags::CREATE | WatchFlags::ONLYDIR;
    match add_watch(notifications, directory, flags) {
        Ok(watch) => Ok(Some((watch, name.to_owned()))),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(None),
        Err(other) => Err(other),
    }
}
