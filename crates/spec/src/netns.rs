//! References to network namespaces.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Name;
use crate::text_type::text_type;

/// Where named network namespaces are mounted (ip-netns(8)).
pub const NETNS_DIRECTORY: &str = "/run/netns";

/// The longest file name (NAME_MAX, linux/limits.h), in bytes.
const FILE_NAME_MAX: usize = 255;

/// Why a namespace reference was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetns {
    /// The name cannot be a file name in [`NETNS_DIRECTORY`].
    #[error("{0:?} cannot be the name of a network namespace")]
    Name(String),
    /// The path is relative, or has a NUL character.
    #[error("the path of a network namespace must be absolute: {0:?}")]
    Path(String),
    /// The namespace of the process that opens it.
    #[error("{0} is a namespace of hallway's own process")]
    Own(String),
    /// It has none of the forms of a reference.
    #[error("{0:?} is not a reference to a network namespace")]
    Reference(String),
}

/// The name of a file in [`NETNS_DIRECTORY`], as `ip netns` shows it: 1 to 255 bytes, without `/`
/// and NUL, neither `.` nor `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetnsName(String);

text_type!(NetnsName, InvalidNetns);

impl FromStr for NetnsName {
    type Err = InvalidNetns;

    fn from_str(text: &str) -> Result<Self, InvalidNetns> {
        let length = 1..=FILE_NAME_MAX;
        if length.contains(&text.len())
            && !text.contains(['/', '\0'])
            && text != "."
            && text != ".."
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidNetns::Name(text.to_owned()))
        }
    }
}

impl From<Name> for NetnsName {
    fn from(name: Name) -> Self {
        Self(name.into())
    }
}

impl NetnsName {
    /// The file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(NETNS_DIRECTORY).join(&self.0)
    }

    /// The name of a node's namespace where another project has the node's own name.
    #[must_use]
    pub fn in_project(project: &Name, node: &Name) -> Self {
        // Shorter than a file name may be, and of the characters of names.
        Self(format!("{project}-{node}"))
    }
}

/// What the text of a container's reference begins with.
const CONTAINER: &str = "container:";

/// A network namespace: by its name in [`NETNS_DIRECTORY`], by the path of a file that refers to it,
/// like `/proc/1234/ns/net`, or by a container whose process is not known. Written and stored as
/// text; a path is recognised by its `/`.
///
/// ```
/// use std::path::Path;
/// use hallway_spec::NetnsRef;
///
/// let named: NetnsRef = "web".parse()?;
/// assert_eq!(named.path(), Path::new("/run/netns/web"));
/// let of_a_process: NetnsRef = "/proc/1234/ns/net".parse()?;
/// assert_eq!(of_a_process, NetnsRef::of_process(1234));
/// assert_eq!(of_a_process.path(), Path::new("/proc/1234/ns/net"));
/// let unfound: NetnsRef = "container:db".parse()?;
/// assert_eq!(unfound, NetnsRef::Container("db".into()));
/// # Ok::<(), hallway_spec::InvalidNetns>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NetnsRef {
    /// A file of this name in [`NETNS_DIRECTORY`].
    Named(NetnsName),
    /// An absolute path.
    Path(PathBuf),
    /// The namespace of a container, by its name or id, that was not found: no file is known.
    Container(String),
}

impl NetnsRef {
    /// The namespace of a process.
    #[must_use]
    pub fn of_process(pid: u32) -> Self {
        Self::Path(format!("/proc/{pid}/ns/net").into())
    }

    /// The file to open. Of a container that was not found, one that does not exist: to open it
    /// fails as for a namespace that was removed.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Named(name) => name.path(),
            Self::Path(path) => path.clone(),
            Self::Container(_) => Path::new(NETNS_DIRECTORY).join(self.to_string()),
        }
    }

    /// The name, when the namespace has one.
    #[must_use]
    pub fn name(&self) -> Option<&NetnsName> {
        match self {
            Self::Named(name) => Some(name),
            Self::Path(_) | Self::Container(_) => None,
        }
    }
}

impl From<NetnsName> for NetnsRef {
    fn from(name: NetnsName) -> Self {
        Self::Named(name)
    }
}

impl PartialEq<NetnsName> for NetnsRef {
    fn eq(&self, name: &NetnsName) -> bool {
        self.name() == Some(name)
    }
}

impl FromStr for NetnsRef {
    type Err = InvalidNetns;

    fn from_str(text: &str) -> Result<Self, InvalidNetns> {
        if let Some(path) = text.strip_prefix('/') {
            return match path.contains('\0') {
                false => Ok(Self::Path(PathBuf::from(text))),
                true => Err(InvalidNetns::Path(text.to_owned())),
            };
        }
        if text.contains('/') {
            return Err(InvalidNetns::Path(text.to_owned()));
        }
        match text.strip_prefix(CONTAINER) {
            Some(name) => Ok(Self::Container(name.to_owned())),
            None => text.parse().map(Self::Named),
        }
    }
}

impl TryFrom<String> for NetnsRef {
    type Error = InvalidNetns;

    fn try_from(text: String) -> Result<Self, InvalidNetns> {
        text.parse()
    }
}

impl From<NetnsRef> for String {
    fn from(reference: NetnsRef) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for NetnsRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::Path(path) => path.display().fmt(f),
            Self::Container(name) => write!(f, "{CONTAINER}{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_names_or_absolute_paths() {
        for text in [
            "web",
            "a b",
            "/run/netns/web",
            "/proc/1/ns/net",
            "container:db",
        ] {
            let read: NetnsRef = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
            let stored = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<NetnsRef>(&stored).unwrap(), read);
        }
        for text in [
            "",
            ".",
            "..",
            "a/b",
            "./a",
            "/a\0b",
            "a\0b",
            &"a".repeat(256),
        ] {
            assert!(text.parse::<NetnsRef>().is_err(), "{text:?}");
        }
    }
}
