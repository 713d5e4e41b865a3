//! A log has a size limit: the output of a program must not fill the file system, which is often in
//! memory.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use hallway_engine::state;

/// Bytes above which a log is shortened.
const LIMIT: u64 = 16 << 20;
/// Bytes of its end that are kept.
const KEPT: usize = 1 << 20;

/// Keeps only the end of a log that is too long.
pub(super) fn keep(path: &Path, log: &File) -> std::io::Result<()> {
    match log.metadata()?.len() > LIMIT {
        true => shorten(path),
        false => Ok(()),
    }
}

/// Keeps only the end of a log.
fn shorten(path: &Path) -> std::io::Result<()> {
    let Ok(Some(log)) = state::read_log(path) else {
        return Ok(());
    };
    let length = log.metadata()?.len();
    let tail = tail(&log, length)?;
    let mut log = state::append_to_log(path)?;
    log.set_len(0)?;
    let removed = length.saturating_sub(tail.len() as u64);
    writeln!(
        log,
        "hallway: a log holds {LIMIT} bytes: {removed} bytes before this were removed"
    )?;
    log.write_all(&tail)
}

/// The last complete lines.
fn tail(log: &File, length: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; KEPT];
    let read = log.read_at(&mut bytes, length.saturating_sub(KEPT as u64))?;
    bytes.truncate(read);
    let begin = bytes
        .iter()
        .position(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    Ok(bytes.split_off(begin))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failing helper is a failing test

    use super::*;

    #[test]
    fn the_end_stays() {
        use std::os::unix::fs::DirBuilderExt as _;
        let name = format!("hallway-log-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .unwrap();
        let path = directory.join("log");
        let lines: String = (0..400_000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&path, &lines).unwrap();
        shorten(&path).unwrap();
        let left = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        let (note, tail) = left.split_once('\n').unwrap();
        assert!(note.ends_with("bytes before this were removed"), "{note}");
        assert!(tail.len() <= KEPT && lines.ends_with(tail) && tail.starts_with("line "));
    }
}
