//! Files of single nodes: `nodes/NAME.json` and `endpoint.json`.

use std::path::Path;

use hallway_spec::Name;
use serde::{Deserialize, Serialize};

use super::settled::MemberFile;
use super::{VERSION, check_version, parse, text};
use crate::Failure;
use crate::record::change::{EndpointChange, NodeChange, NodeText};

#[derive(Serialize, Deserialize)]
struct EndpointFile {
    version: u64,
    generation: u64,
    at: u64,
    name: Name,
    change: ChangeFile,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChangeFile {
    Added {
        member: Box<MemberFile>,
        inode: u64,
        text: NodeText,
    },
    Removed,
}

pub(in crate::record) fn write(change: &EndpointChange) -> Result<Vec<u8>, Failure> {
    let file = match &change.change {
        NodeChange::Removed => ChangeFile::Removed,
        NodeChange::Added {
            member,
            inode,
            text,
        } => ChangeFile::Added {
            member: Box::new(member.as_ref().into()),
            inode: *inode,
            text: text.clone(),
        },
    };
    text(&EndpointFile {
        version: VERSION,
        generation: change.generation,
        at: change.at,
        name: change.name.clone(),
        change: file,
    })
}

pub(in crate::record) fn read(path: &Path, bytes: &[u8]) -> Result<EndpointChange, Failure> {
    check_version(path, bytes, None)?;
    let file: EndpointFile = parse(path, bytes)?;
    let change = match file.change {
        ChangeFile::Removed => NodeChange::Removed,
        ChangeFile::Added {
            member,
            inode,
            text,
        } => NodeChange::Added {
            member: Box::new((*member).into()),
            inode,
            text,
        },
    };
    Ok(EndpointChange {
        generation: file.generation,
        at: file.at,
        name: file.name,
        change,
    })
}
