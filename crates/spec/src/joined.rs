//! Network namespaces of other programs that nodes join.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::netns::{InvalidNetns, NETNS_DIRECTORY, NetnsName, NetnsRef};

/// The longest name of a container that is looked for, in bytes.
const CONTAINER_NAME_MAX: usize = 255;

/// A network namespace that hallway does not make: it is joined, and never removed. Written and
/// stored as text.
///
/// ```
/// use hallway_spec::Joined;
///
/// for text in ["netns:blue", "pid:1234", "container:web", "/run/lab/blue"] {
///     let joined: Joined = text.parse()?;
///     assert_eq!(joined.to_string(), text);
/// }
/// assert_eq!("/var/run/netns/blue".parse::<Joined>()?.to_string(), "netns:blue");
/// assert_eq!("/proc/1234/ns/net".parse::<Joined>()?.to_string(), "pid:1234");
/// # Ok::<(), hallway_spec::InvalidNetns>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Joined {
    /// A name of `ip netns`: a file in [`NETNS_DIRECTORY`].
    Named(NetnsName),
    /// Another file that stands for a namespace: an absolute path.
    Path(PathBuf),
    /// The namespace of a process.
    Process(u32),
    /// The namespace of a container that Docker or Podman runs, by its name or id.
    Container(String),
}

/// The namespace, as far as it is known without asking anyone: of a container, no file is known.
impl From<&Joined> for NetnsRef {
    fn from(joined: &Joined) -> Self {
        match joined {
            Joined::Named(name) => Self::Named(name.clone()),
            Joined::Path(path) => Self::Path(path.clone()),
            Joined::Process(pid) => Self::of_process(*pid),
            Joined::Container(name) => Self::Container(name.clone()),
        }
    }
}

/// The process whose namespace a path stands for.
fn process(path: &Path) -> Option<u32> {
    let text = path.to_str()?.strip_prefix("/proc/")?;
    text.strip_suffix("/ns/net")?.parse().ok()
}

fn of_path(text: &str) -> Result<Joined, InvalidNetns> {
    let invalid = || InvalidNetns::Path(text.to_owned());
    if !text.starts_with('/') || text.contains('\0') || text.ends_with('/') {
        return Err(invalid());
    }
    let path = Path::new(text);
    let own = ["/proc/self", "/proc/thread-self"];
    if own.iter().any(|own| path.starts_with(own)) {
        return Err(InvalidNetns::Own(text.to_owned()));
    }
    if let Some(pid) = process(path) {
        return of_process(pid).ok_or_else(invalid);
    }
    let directory = path.parent().and_then(Path::to_str);
    match (directory, path.file_name().and_then(|n| n.to_str())) {
        (Some(NETNS_DIRECTORY | "/var/run/netns"), Some(name)) => name.parse().map(Joined::Named),
        _ => Ok(Joined::Path(path.to_owned())),
    }
}

fn of_process(pid: u32) -> Option<Joined> {
    (pid > 0 && i32::try_from(pid).is_ok()).then_some(Joined::Process(pid))
}

fn of_container(name: &str) -> Option<Joined> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let sound = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(allowed)
        && name.len() <= CONTAINER_NAME_MAX;
    sound.then(|| Joined::Container(name.to_owned()))
}

impl FromStr for Joined {
    type Err = InvalidNetns;

    fn from_str(text: &str) -> Result<Self, InvalidNetns> {
        if text.contains('/') {
            return of_path(text);
        }
        let unknown = || InvalidNetns::Reference(text.to_owned());
        let (kind, value) = text.split_once(':').ok_or_else(unknown)?;
        match kind {
            "netns" => value.parse().map(Self::Named),
            "pid" => value.parse().ok().and_then(of_process).ok_or_else(unknown),
            "container" => of_container(value).ok_or_else(unknown),
            _ => Err(unknown()),
        }
    }
}

impl TryFrom<String> for Joined {
    type Error = InvalidNetns;

    fn try_from(text: String) -> Result<Self, InvalidNetns> {
        text.parse()
    }
}

impl From<Joined> for String {
    fn from(joined: Joined) -> Self {
        joined.to_string()
    }
}

impl fmt::Display for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "netns:{name}"),
            Self::Path(path) => path.display().fmt(f),
            Self::Process(pid) => write!(f, "pid:{pid}"),
            Self::Container(name) => write!(f, "container:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_namespace_is_refused() {
        for text in [
            "",
            "blue",
            "netns:",
            "netns:..",
            "pid:0",
            "pid:-1",
            "pid:4294967295",
            "pid:x",
            "container:",
            "container:-f",
            "container:a b",
            "docker:web",
            "run/netns/blue",
            "/run/netns/",
            "/a\0b",
        ] {
            assert!(text.parse::<Joined>().is_err(), "{text:?}");
        }
        assert_eq!(
            "/run/netns/web".parse::<Joined>().unwrap().to_string(),
            "netns:web"
        );
        assert_eq!("/proc/7/ns/net".parse(), Ok(Joined::Process(7)));
        let own = "/proc/self/ns/net".parse::<Joined>().unwrap_err();
        assert!(own.to_string().contains("hallway's own process"));
    }
}
