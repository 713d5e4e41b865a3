//! Files that grow line by line, read in pieces: a log can be larger than the memory.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use hallway_engine::failure::FileAction;
use hallway_engine::{Failure, state};

/// How much is read at once, and the length of the longest line. What is longer becomes several lines.
const PIECE: u64 = 1024 * 1024;
/// How much is read at once from the end, to find the last lines.
const BLOCK: u64 = 64 * 1024;

/// A file and how far it has been read.
#[derive(Debug)]
pub(super) struct Growing {
    path: PathBuf,
    position: u64,
    /// Whether the last line is read although its end is not written yet.
    pub(super) unfinished: bool,
}

/// Complete lines.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) file: File,
    pub(super) bytes: Vec<u8>,
    /// Where they begin.
    pub(super) start: u64,
    /// Whether the file had more than these.
    pub(super) more: bool,
}

impl Growing {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            position: 0,
            unfinished: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self) -> impl Fn(std::io::Error) -> Failure {
        |e| Failure::file(FileAction::Read, &self.path, &e)
    }

    /// Leaves out everything before the last lines.
    pub(super) fn skip_to_last(&mut self, lines: usize) -> Result<(), Failure> {
        let Some(mut file) = state::read_log(&self.path)? else {
            return Ok(());
        };
        let length = file.metadata().map_err(self.failed())?.len();
        let unfinished = self.unfinished && is_unfinished(&mut file).map_err(self.failed())?;
        let complete = lines.saturating_sub(usize::from(unfinished));
        self.position = match unfinished && lines == 0 {
            true => length,
            false => last_lines(&mut file, length, complete).map_err(self.failed())?,
        };
        Ok(())
    }

    /// The complete lines after the last piece, at most [`PIECE`]; `None` if there is no file.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, Failure> {
        let Some(mut file) = state::read_log(&self.path)? else {
            return Ok(None);
        };
        let length = file.metadata().map_err(self.failed())?.len();
        // A smaller file is a new one.
        if length < self.position {
            self.position = 0;
        }
        let start = self.position;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(start)).map_err(self.failed())?;
        let mut part = (&file).take(PIECE);
        part.read_to_end(&mut bytes).map_err(self.failed())?;
        let whole = match bytes.iter().rposition(|b| *b == b'\n') {
            Some(end) => end + 1,
            None if bytes.len() as u64 == PIECE => bytes.len(),
            None => 0,
        };
        let at_end = start + bytes.len() as u64 >= length;
        let whole = if self.unfinished && at_end {
            bytes.len()
        } else {
            whole
        };
        bytes.truncate(whole);
        self.position += whole as u64;
        let more = whole > 0 && self.position < length;
        Ok(Some(Piece {
            file,
            bytes,
            start,
            more,
        }))
    }
}

/// Whether something follows the last end of a line.
fn is_unfinished(file: &mut File) -> std::io::Result<bool> {
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    Ok(last != *b"\n")
}

/// Where the last complete lines begin.
fn last_lines(file: &mut File, length: u64, lines: usize) -> std::io::Result<u64> {
    let mut at = length;
    let mut ends = 0;
    // The start of what is known to belong to a line, or to be incomplete.
    let mut line = length;
    while at > 0 {
        let start = at.saturating_sub(BLOCK);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        (&*file).take(at - start).read_to_end(&mut block)?;
        for (offset, _) in block.iter().enumerate().rev().filter(|(_, b)| **b == b'\n') {
            line = start + offset as u64 + 1;
            if ends == lines {
                return Ok(line);
            }
            ends += 1;
        }
        if line - start > PIECE {
            return Ok(line.saturating_sub(PIECE));
        }
        at = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failing helper is a failing test

    use std::io::Write as _;

    use super::*;

    fn file(content: &[u8]) -> (File, u64) {
        let mut path = std::env::temp_dir();
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default().replace(':', "-");
        path.push(format!("hallway-growing-{}-{name}", std::process::id()));
        let mut file = File::options();
        let file = file.read(true).write(true).create(true).truncate(true);
        let mut file = file.open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file.write_all(content).unwrap();
        (file, content.len() as u64)
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        let (mut short, length) = file(b"one\ntwo\nthree\nincomplete");
        for (lines, start) in [(0, 14), (1, 8), (2, 4), (3, 0), (9, 0)] {
            assert_eq!(last_lines(&mut short, length, lines).unwrap(), start);
        }
        let line = [b"x".repeat(99), b"\n".to_vec()].concat();
        let (mut long, length) = file(&line.repeat(10_000));
        for lines in [0, 1, 655, 656, 9_999, 10_000, 10_001] {
            let start = length.saturating_sub(100 * lines as u64);
            assert_eq!(last_lines(&mut long, length, lines).unwrap(), start);
        }
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let (mut sparse, _) = file(b"first\n");
        let length = 3 * 1024 * 1024 * 1024;
        sparse.set_len(length).unwrap();
        assert_eq!(last_lines(&mut sparse, length, 3).unwrap(), length - PIECE);
    }
}
