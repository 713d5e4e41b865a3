//! When the lines of logs were written. Beside each log is a file with the lengths of the log at certain times,
//! from which `logs` computes the time of each line.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use hallway_engine::{state, times_file};

use crate::options::eprint;

/// Notes the present length of a log.
pub(crate) fn note(log: &Path, lengths: &mut BTreeMap<PathBuf, u64>) {
    let Ok(length) = std::fs::metadata(log).map(|m| m.len()) else {
        return; // its node has been removed
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis());
    if lengths.insert(log.to_owned(), length) != Some(length) {
        let times = state::append_to_log(&times_file(log));
        if let Err(error) = times.and_then(|mut file| writeln!(file, "{length} {now}")) {
            eprint(&format!("{}: {error}", log.display()));
        }
    }
}
