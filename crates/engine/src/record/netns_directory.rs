//! What hallway made of the directory of named namespaces, so that it can be released again.

use std::path::{Path, PathBuf};

use hallway_kernel::netns::Made;

use super::{Store, store};
use crate::observe::NETNS_DIRECTORY;
use crate::{Failure, Reason};

fn note(scope: &Path) -> PathBuf {
    scope.join("netns-directory")
}

impl Store {
    /// Notes what was made.
    pub(crate) fn note_netns_directory(&self, made: Made) -> Result<(), Failure> {
        let text = format!("{} {}", u8::from(made.directory), u8::from(made.mount));
        self.replace(&note(self.scope()), text.as_bytes())
    }

    /// Releases the directory if hallway made it and it is empty.
    pub(crate) fn release_netns_directory(&self) -> Result<(), Failure> {
        let note = note(self.scope());
        let Some(text) = store::read(&note)? else {
            return Ok(());
        };
        let text = String::from_utf8_lossy(&text);
        let mut flags = text.split(' ').map(|f| f == "1");
        let made = Made {
            directory: flags.next().unwrap_or(false),
            mount: flags.next().unwrap_or(false),
        };
        let path = Path::new(NETNS_DIRECTORY);
        let released = self.kernel().release_netns_directory(path, made);
        released.map_err(|e| Failure::caused(Reason::NetnsDirectory { path: path.into() }, e))?;
        self.remove_file(&note)
    }
}
