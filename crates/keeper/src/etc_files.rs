//! Notifications that the machine's /etc/hosts or /etc/resolv.conf were replaced. Programs that replace a
//! file of the same name (rename(2)) make the kernel remove what is mounted over it, in every mount
//! namespace: then the programs of nodes would read the machine's file.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use hallway_engine::etc::{HOSTS, RESOLV_CONF};
use rustix::fs::inotify::{Event, WatchFlags, add_watch};
use rustix::io::Errno;

/// The kernel follows no more (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// The names to notice, each in a directory that is watched.
#[derive(Debug, Default)]
pub(crate) struct EtcWatch {
    names: BTreeSet<(i32, OsString)>,
}

impl EtcWatch {
    /// Watches every directory on the way to both files, through all symbolic links, as far as they exist.
    pub(crate) fn watch(notifications: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        let mut names = BTreeSet::new();
        for (directory, name) in [HOSTS, RESOLV_CONF].into_iter().flat_map(way) {
            let watch = watch(notifications, &directory)?;
            names.extend(watch.map(|watch| (watch, name)));
        }
        Ok(Self { names })
    }

    /// Whether one of them is concerned.
    pub(crate) fn concerns(&self, event: &Event<'_>) -> bool {
        let name = event.file_name().map(|n| n.to_bytes().to_vec());
        name.is_some_and(|name| self.names.contains(&(event.wd(), OsString::from_vec(name))))
    }
}

/// The names that the kernel looks up to find a file, each with its directory.
fn way(file: &str) -> Vec<(PathBuf, OsString)> {
    let mut out = Vec::new();
    let (mut at, mut links) = (PathBuf::from("/"), 0);
    let mut rest: VecDeque<PathBuf> = parts(Path::new(file)).collect();
    while let Some(part) = rest.pop_front() {
        let Some(name) = part.file_name() else {
            at.push(part); // of `/` and `..`
            continue;
        };
        out.push((at.clone(), name.to_owned()));
        match std::fs::read_link(at.join(name)) {
            Ok(target) if links < LINKS_MAX => {
                links += 1;
                for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                    rest.push_front(part);
                }
            }
            _ => at.push(name),
        }
    }
    out
}

fn parts(path: &Path) -> impl Iterator<Item = PathBuf> {
    path.components()
        .map(|part| PathBuf::from(part.as_os_str()))
}

/// Watches a directory; nothing if it does not exist or may not be read.
fn watch(notifications: BorrowedFd<'_>, directory: &Path) -> rustix::io::Result<Option<i32>> {
    let flags = WatchFlags::MOVED_TO | WatchFlags::CREATE | WatchFlags::ONLYDIR;
    match add_watch(notifications, directory, flags) {
        Ok(watch) => Ok(Some(watch)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP) => Ok(None),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_is_followed() {
        let directory = std::env::temp_dir().join(format!("hallway-way-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("v1")).unwrap();
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, directory.join(name)).unwrap();
        };
        link("v1", "second");
        link("second", "first");
        link("../first/file", "v1/link");
        link("loop", "loop");
        let found = |name: &str| way(directory.join(name).to_str().unwrap());
        let names: Vec<_> = found("first/link")
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        let own = directory.file_name().unwrap();
        let after = names.iter().skip_while(|name| *name != own).skip(1);
        let wanted = [
            "first", "second", "v1", "link", "first", "second", "v1", "file",
        ];
        assert_eq!(after.collect::<Vec<_>>(), wanted);
        assert!(found("loop").len() > LINKS_MAX);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
