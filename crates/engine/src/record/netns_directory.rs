//! What hallway made of the directory of named namespaces, so that it can be removed again.

use std::path::{Path, PathBuf};

use hallway_kernel::netns::{self, Made};

use super::{Store, store};
use crate::{Failure, Reason};
use hallway_spec::{NETNS_DIRECTORY, NetnsName};

fn note(scope: &Path) -> PathBuf {
    scope.join("netns-directory")
}

/// The content of a note; `None` for one that is damaged.
fn parse(text: &[u8]) -> Option<Made> {
    let flag = |byte: &u8| match byte {
        b'0' => Some(false),
        b'1' => Some(true),
        _ => None,
    };
    match text {
        [directory, b' ', mount] => Some(Made {
            directory: flag(directory)?,
            mount: flag(mount)?,
        }),
        _ => None,
    }
}

impl Store {
    /// Whether these namespaces can be reached: nothing may be mounted over them.
    pub(crate) fn check_netns_directory(&self, made: &[(NetnsName, u64)]) -> Result<(), Failure> {
        let path = Path::new(NETNS_DIRECTORY);
        let Some(cover) = netns::cover(path)? else {
            return Ok(());
        };
        let hidden = made.iter().any(|(_, inode)| cover.hidden.contains(inode));
        match hidden {
            true => Err(Reason::NetnsCovered {
                path: path.into(),
                kind: cover.kind,
            }
            .into()),
            false => Ok(()),
        }
    }

    /// Notes what was made.
    pub(crate) fn note_netns_directory(&self, made: Made) -> Result<(), Failure> {
        let text = format!("{} {}", u8::from(made.directory), u8::from(made.mount));
        self.replace(&note(self.scope()), text.as_bytes())
    }

    /// Removes the directory if hallway made it and it is empty.
    pub(crate) fn release_netns_directory(&self) -> Result<(), Failure> {
        let note = note(self.scope());
        let path = Path::new(NETNS_DIRECTORY);
        let failed = |e| Failure::caused(Reason::NetnsDirectory { path: path.into() }, e);
        let marked = self.kernel().netns_directory_made(path).map_err(failed)?;
        // What is in its place says nothing.
        let text = store::read(&note).ok().flatten();
        let noted = text.as_deref().and_then(parse);
        let made = Made {
            directory: marked.directory || noted.is_some_and(|n| n.directory),
            mount: marked.mount || noted.is_some_and(|n| n.mount),
        };
        let released = self.kernel().release_netns_directory(path, made);
        released.map_err(failed)?;
        match store::is_there(&note) {
            true => self.remove_tree(&note),
            false => Ok(()),
        }
    }
}
