//! `settled-N.json`: what a run builds and the text it was read from, one JSON value a line. The
//! first line is all but the nodes, with an index of these; the last line is the text; each line
//! between is one node. So one node is read without reading the others.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use hallway_plan::Settled;
use hallway_spec::{Name, PortRange, Protocol};
use serde::{Deserialize, Serialize};

use super::Written;
use super::settled::{FrameFile, MemberFile, SettledFile};
use super::{FIRST_BY_NODE, OLDEST, VERSION, damaged, parse, text, version};
use crate::failure::FileAction;
use crate::record::member::Member;
use crate::record::store;
use crate::{Failure, Reason};

/// What a change of one node needs of all the others.
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
    /// Where each node is: ` NAME:OFFSET:LENGTH`, counted from the end of this line. Files of earlier
    /// builds have none.
    #[serde(default)]
    lines: Option<String>,
}

/// How much is read of a file at first.
const HEAD: usize = 64 * 1024;

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
    let (mut members, mut lines) = (Vec::new(), String::new());
    for member in Member::all(settled) {
        let line = text(&MemberFile::from(&member))?;
        let (name, offset, length) = (&member.node.name, members.len(), line.len());
        write!(lines, " {name}:{offset}:{length}")
            .map_err(|_no_memory| Reason::Bug("an index cannot be written"))?;
        members.extend(line);
        members.push(b'\n');
    }
    let mut out = text(&FirstLine {
        frame: FrameFile::of(VERSION, settled),
        rest,
        lines: Some(lines),
    })?;
    out.push(b'\n');
    out.extend(members);
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
    let mut settled: Settled = parse::<FirstLine>(path, first)?.frame.into();
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

/// The lines of the nodes, read one by one.
#[derive(Debug)]
pub(in crate::record) struct Lines {
    path: PathBuf,
    file: File,
    /// Where the first of them begins.
    begin: u64,
    index: String,
}

/// Reads only the first line; `None` if there is no such file, or it has no index.
pub(in crate::record) fn open(path: &Path) -> Result<Option<(Frame, Lines)>, Failure> {
    let Some(file) = store::open(path)? else {
        return Ok(None);
    };
    let line = first_line(&file).map_err(|e| Failure::file(FileAction::Read, path, &e))?;
    let first: FirstLine = parse(path, &line)?;
    let frame = Frame {
        settled: first.frame.into(),
        rest: first.rest,
    };
    let lines = first.lines.map(|index| Lines {
        path: path.to_owned(),
        file,
        begin: line.len() as u64 + 1,
        index,
    });
    Ok(lines.map(|lines| (frame, lines)))
}

fn first_line(file: &File) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let known = out.len();
        out.resize(known + HEAD, 0);
        let read = file.read_at(out.get_mut(known..).unwrap_or_default(), known as u64)?;
        out.truncate(known + read);
        let fresh = out.get(known..).unwrap_or_default();
        if let Some(end) = fresh.iter().position(|b| *b == b'\n') {
            out.truncate(known + end);
            return Ok(out);
        }
        if read == 0 || out.len() as u64 > store::READ_MAX {
            return Ok(out);
        }
    }
}

impl Lines {
    /// One node, if it exists.
    pub(in crate::record) fn member(&self, name: &Name) -> Result<Option<Member>, Failure> {
        let Some(place) = self.place(name) else {
            return Ok(None);
        };
        let wrong = || damaged(&self.path, &format!("its index leads to no node {name}"));
        let (offset, length) = place.ok_or_else(wrong)?;
        let mut line = vec![0; length];
        self.file
            .read_exact_at(&mut line, self.begin + offset)
            .map_err(|e| Failure::file(FileAction::Read, &self.path, &e))?;
        let member = Member::from(parse::<MemberFile>(&self.path, &line)?);
        match member.node.name == *name {
            true => Ok(Some(member)),
            false => Err(wrong()),
        }
    }

    /// Whether it exists.
    pub(in crate::record) fn has(&self, name: &Name) -> bool {
        self.place(name).is_some()
    }

    /// Offset and length, if the node is in the index; the inner `None` if they cannot be right.
    fn place(&self, name: &Name) -> Option<Option<(u64, usize)>> {
        let (_, rest) = self.index.split_once(&format!(" {name}:"))?;
        let numbers = rest.split(' ').next().and_then(|p| p.split_once(':'));
        let numbers = numbers.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        Some(numbers.filter(|(_, length)| (*length as u64) <= store::READ_MAX))
    }
}
