//! The files of a record: their own types, apart from those the planner works with, each file with
//! a version. A change of the planner's types changes what is on disk only if this module is
//! changed too.
//!
//! | version | written by | read by this program |
//! |---|---|---|
//! | 1 | hallway before 0.2 | yes: the same content, its files of settled values without a version of their own |
//! | 2 | this program | yes |
//! | newer | a later hallway | refused with [`Reason::RecordVersion`] |

mod settled;

use std::path::Path;

use hallway_plan::Settled;
use hallway_plan::step::Uplink;
use hallway_spec::IpVersion;
use serde::{Deserialize, Serialize};

use crate::{Failure, Reason};

/// The version that this program writes.
const VERSION: u64 = 2;
/// The oldest version that this program reads.
const OLDEST: u64 = 1;

/// The content of `record.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) source: String,
    pub(super) path: Option<String>,
    pub(super) applied: Option<u64>,
    pub(super) pending: Option<u64>,
    pub(super) inodes: Vec<(String, u64)>,
    pub(super) repair: bool,
    pub(super) uplinks: Vec<Uplink>,
    pub(super) edited_from: Option<String>,
    pub(super) created: u64,
}

#[derive(Serialize, Deserialize)]
struct HeadFile {
    version: u64,
    source: String,
    path: Option<String>,
    applied_number: Option<u64>,
    pending_number: Option<u64>,
    inodes: Vec<(String, u64)>,
    #[serde(default = "yes")]
    repair: bool,
    #[serde(default)]
    uplinks: Vec<UplinkEntry>,
    #[serde(default)]
    edited_from: Option<String>,
    created: u64,
}

#[derive(Serialize, Deserialize)]
struct UplinkEntry {
    link: String,
    version: IpVersion,
}

/// What records have that were written before the field was.
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
        source: head.source.clone(),
        path: head.path.clone(),
        applied_number: head.applied,
        pending_number: head.pending,
        inodes: head.inodes.clone(),
        repair: head.repair,
        uplinks: head.uplinks.iter().map(UplinkEntry::of).collect(),
        edited_from: head.edited_from.clone(),
        created: head.created,
    })
}

/// Reads `record.json`, of this version or an older one.
pub(super) fn read_record(path: &Path, text: &[u8]) -> Result<Head, Failure> {
    check_version(path, text, None)?;
    let file: HeadFile = parse(path, text)?;
    Ok(Head {
        source: file.source,
        path: file.path,
        applied: file.applied_number,
        pending: file.pending_number,
        inodes: file.inodes,
        repair: file.repair,
        uplinks: file.uplinks.into_iter().map(Uplink::from).collect(),
        edited_from: file.edited_from,
        created: file.created,
    })
}

/// The content of `settled-N.json` as text.
pub(super) fn write_settled(settled: &Settled) -> Result<Vec<u8>, Failure> {
    text(&settled::SettledFile::of(VERSION, settled))
}

/// Reads `settled-N.json`; version 1 had no version in it.
pub(super) fn read_settled(path: &Path, text: &[u8]) -> Result<Settled, Failure> {
    check_version(path, text, Some(OLDEST))?;
    parse::<settled::SettledFile>(path, text).map(Settled::from)
}

/// `unstated` is the version of a file that states none.
fn check_version(path: &Path, text: &[u8], unstated: Option<u64>) -> Result<(), Failure> {
    let stated = parse::<AnyFile>(path, text)?.version;
    match stated.or(unstated) {
        Some(OLDEST..=VERSION) => Ok(()),
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
