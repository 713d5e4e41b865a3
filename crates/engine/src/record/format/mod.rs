//! The files of a record: types of their own, separate from those of the planner, each file with a
//! version. A change of the planner's types changes the files only if this module is changed too.
//!
//! | version | written by | read by this program |
//! |---|---|---|
//! | 1 | hallway before 0.2 | yes: the same content, its files of settled values without a version of their own |
//! | 2 | hallway before 0.3 | yes: the text and the inode numbers in `record.json` |
//! | 3 | this program | yes |
//! | newer | a later hallway | refused with [`Reason::RecordVersion`] |

mod cable;
pub(super) mod endpoint;
mod joined;
mod settled;
mod sidecar;
pub(super) mod state;
mod workload;

use std::path::Path;

use hallway_plan::step::Uplink;
use hallway_spec::{IpVersion, NetnsName};
use serde::{Deserialize, Serialize};

use crate::{Failure, Reason};

/// The version that this program writes.
const VERSION: u64 = 3;
/// The oldest version that this program reads.
const OLDEST: u64 = 1;
/// The first version that has a line for each node, and its text and inode numbers elsewhere.
const FIRST_BY_NODE: u64 = 3;

/// The content of `record.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) path: Option<String>,
    pub(super) applied: Option<u64>,
    pub(super) pending: Option<u64>,
    pub(super) repair: bool,
    pub(super) generation: u64,
    pub(super) uplinks: Vec<Uplink>,
    pub(super) created: u64,
    /// Data that is in other files since version 3.
    pub(super) older: Option<Older>,
}

/// The text that a run builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    pub(crate) source: String,
    pub(crate) edited_from: Option<String>,
}

/// Data that versions 1 and 2 had in `record.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Older {
    pub(super) written: Written,
    pub(super) inodes: Vec<(NetnsName, u64)>,
}

#[derive(Serialize, Deserialize)]
struct HeadFile {
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    path: Option<String>,
    applied_number: Option<u64>,
    pending_number: Option<u64>,
    #[serde(default)]
    generation: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    inodes: Vec<(NetnsName, u64)>,
    #[serde(default = "yes")]
    repair: bool,
    #[serde(default)]
    uplinks: Vec<UplinkEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited_from: Option<String>,
    created: u64,
}

#[derive(Serialize, Deserialize)]
struct UplinkEntry {
    link: String,
    version: IpVersion,
}

/// The value for records that were written before the field was added.
fn yes() -> bool {
    true
}

/// Only the version, which every format has.
#[derive(Deserialize)]
struct AnyFile {
    version: Option<u64>,
}

impl UplinkEntry {
    fn of(uplink: &Uplink) -> Self {
        Self {
            link: uplink.link.clone(),
            version: uplink.version,
        }
    }
}

impl From<UplinkEntry> for Uplink {
    fn from(entry: UplinkEntry) -> Self {
        let UplinkEntry { link, version } = entry;
        Self { link, version }
    }
}

/// The content of `record.json` as text.
pub(super) fn write_record(head: &Head) -> Result<Vec<u8>, Failure> {
    text(&HeadFile {
        version: VERSION,
        source: None,
        path: head.path.clone(),
        applied_number: head.applied,
        pending_number: head.pending,
        generation: head.generation,
        inodes: Vec::new(),
        repair: head.repair,
        uplinks: head.uplinks.iter().map(UplinkEntry::of).collect(),
        edited_from: None,
        created: head.created,
    })
}

/// Reads `record.json`, of this version or an older one.
pub(super) fn read_record(path: &Path, text: &[u8]) -> Result<Head, Failure> {
    check_version(path, text, None)?;
    let file: HeadFile = parse(path, text)?;
    let older = match (file.version < FIRST_BY_NODE, file.source) {
        (false, _) => None,
        (true, Some(source)) => Some(Older {
            written: Written {
                source,
                edited_from: file.edited_from,
            },
            inodes: file.inodes,
        }),
        (true, None) => return Err(damaged(path, "it has no source")),
    };
    Ok(Head {
        path: file.path,
        applied: file.applied_number,
        pending: file.pending_number,
        repair: file.repair,
        generation: file.generation,
        uplinks: file.uplinks.into_iter().map(Uplink::from).collect(),
        created: file.created,
        older,
    })
}

/// `inodes`: the namespaces that were made, one a line: inode number and name.
pub(super) fn write_inodes(inodes: &[(NetnsName, u64)]) -> Vec<u8> {
    let lines = inodes
        .iter()
        .map(|(name, inode)| format!("{inode} {name}\n"));
    lines.collect::<String>().into_bytes()
}

/// Reads `inodes`.
pub(super) fn read_inodes(path: &Path, text: &[u8]) -> Result<Vec<(NetnsName, u64)>, Failure> {
    let text = String::from_utf8_lossy(text);
    let line = |line: &str| {
        let (inode, name) = line.split_once(' ')?;
        Some((name.parse().ok()?, inode.parse().ok()?))
    };
    let all: Option<Vec<_>> = text.lines().map(line).collect();
    all.ok_or_else(|| damaged(path, "a line is not an inode number and a name"))
}

/// The inode number of one namespace in `inodes`.
pub(super) fn inode_of(text: &[u8], netns: &NetnsName) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let of = |line: &str| {
        let (inode, name) = line.split_once(' ')?;
        (name == netns.as_ref()).then(|| inode.parse().ok())?
    };
    text.lines().find_map(of)
}

/// `unstated` is the version of a file that states none.
fn check_version(path: &Path, text: &[u8], unstated: Option<u64>) -> Result<(), Failure> {
    version(path, text, unstated).map(drop)
}

/// The version, if this program can read it.
fn version(path: &Path, text: &[u8], unstated: Option<u64>) -> Result<u64, Failure> {
    let stated = parse::<AnyFile>(path, text)?.version;
    match stated.or(unstated) {
        Some(version @ OLDEST..=VERSION) => Ok(version),
        Some(version) => Err(Reason::RecordVersion {
            path: path.to_owned(),
            version,
        }
        .into()),
        None => Err(damaged(path, "it has no version")),
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(text).map_err(|e| damaged(path, &e.to_string()))
}

fn damaged(path: &Path, error: &str) -> Failure {
    Reason::RecordDamaged {
        path: path.to_owned(),
        error: error.to_owned(),
    }
    .into()
}

fn text(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|_not_json| Reason::Bug("a record is not JSON").into())
}
