//! `settled-N.json`: what a run builds and the text it was read from, one JSON value a line. The
//! first line is all but the nodes, the last line the text; each line between is one node. So one
//! node is found by a search for its line, without reading the others.

use std::path::Path;

use hallway_plan::Settled;
use hallway_spec::{Name, PortRange, Protocol};
use serde::{Deserialize, Serialize};

use super::Written;
use super::settled::{FrameFile, MemberFile, SettledFile};
use super::{FIRST_BY_NODE, OLDEST, VERSION, damaged, parse, text, version};
use crate::Failure;
use crate::record::member::Member;

/// What a change of one node needs to know of all the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rest {
    /// The text without the nodes that nothing else in it names.
    pub(crate) text: String,
    /// The nodes that it does name.
    pub(crate) named: Vec<Name>,
    /// Published ports that are ranges, or are on one address of the host alone.
    pub(crate) special_ports: Vec<(Protocol, PortRange)>,
}

#[derive(Serialize, Deserialize)]
struct FirstLine {
    #[serde(flatten)]
    frame: FrameFile,
    rest: Option<Rest>,
}

/// The first line, read.
#[derive(Debug)]
pub(in crate::record) struct Frame {
    /// Without nodes and published ports.
    pub(in crate::record) settled: Settled,
    pub(in crate::record) rest: Option<Rest>,
}

/// The file as text.
pub(in crate::record) fn write(
    settled: &Settled,
    written: &Written,
    rest: Option<Rest>,
) -> Result<Vec<u8>, Failure> {
    let first = FirstLine {
        frame: FrameFile::of(VERSION, settled),
        rest,
    };
    let mut out = text(&first)?;
    for member in Member::all(settled) {
        out.push(b'\n');
        out.extend(text(&MemberFile::from(&member))?);
    }
    out.push(b'\n');
    out.extend(text(written)?);
    Ok(out)
}

/// Reads it; the text is `None` in versions that had it in another file.
pub(in crate::record) fn read(
    path: &Path,
    bytes: &[u8],
) -> Result<(Settled, Option<Written>), Failure> {
    let mut lines = bytes.split(|b| *b == b'\n');
    let first = lines.next().unwrap_or_default();
    if version(path, first, Some(OLDEST))? < FIRST_BY_NODE {
        return Ok((parse::<SettledFile>(path, bytes)?.into(), None));
    }
    let mut settled = frame(path, bytes)?.settled;
    let rest: Vec<&[u8]> = lines.collect();
    let Some((written, members)) = rest.split_last() else {
        return Err(damaged(path, "its last line is missing"));
    };
    for line in members {
        let member = Member::from(parse::<MemberFile>(path, line)?);
        settled.nodes.push(member.node);
        settled.publishes.extend(member.publishes);
    }
    Ok((settled, Some(parse(path, written)?)))
}

/// Reads only the first line.
pub(in crate::record) fn frame(path: &Path, bytes: &[u8]) -> Result<Frame, Failure> {
    let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let first: FirstLine = parse(path, first)?;
    Ok(Frame {
        settled: first.frame.into(),
        rest: first.rest,
    })
}

/// Reads only the line of one node.
pub(in crate::record) fn member(
    path: &Path,
    bytes: &[u8],
    name: &Name,
) -> Result<Option<Member>, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|e| damaged(path, &e.to_string()))?;
    let begin = format!("{{\"node\":{{\"name\":\"{name}\",");
    let line = text.split('\n').find(|line| line.starts_with(&begin));
    line.map(|line| parse::<MemberFile>(path, line.as_bytes()).map(Member::from))
        .transpose()
}
