//! The places of a translation's parts in the original file, kept in a comment of the text, so that
//! a reader of the text alone can refer to that file.

use std::collections::BTreeMap;

use hallway_spec::{Place, Topology};
use serde::{Deserialize, Serialize};

/// The beginning of the comment, which is the last line of the text.
const MARK: &str = "# places in the file this was made from: ";

/// Line, column, offset, length, key, and the file if it is not the first.
#[derive(Serialize, Deserialize)]
struct Written(u32, u32, usize, usize, String, #[serde(default)] String);

/// The comment: places by the key paths of the text, as in `text`, with those of `original`.
pub(crate) fn comment(text: &Topology, original: &Topology) -> String {
    let (mut text, mut original) = (text.clone(), original.clone());
    let keys = places(&mut text).into_iter().map(|p| p.key.clone());
    let there = places(&mut original).into_iter().map(|p| {
        Written(
            p.line,
            p.column,
            p.offset,
            p.length,
            p.key.clone(),
            p.file.clone(),
        )
    });
    let all: BTreeMap<String, Written> = keys.zip(there).collect();
    let json = serde_json::to_string(&all).unwrap_or_default();
    format!("{MARK}{json}\n")
}

/// A text without the comment and what follows it.
#[must_use]
pub fn without_places(text: &str) -> &str {
    text.rfind(MARK)
        .and_then(|at| text.get(..at))
        .unwrap_or(text)
}

/// Replaces the places of a translation by those of the original file. A text that is not a
/// translation is not changed.
pub fn restore_places(topology: &mut Topology, text: &str) {
    let Some((_, json)) = text.rsplit_once(MARK) else {
        return;
    };
    let line = json.lines().next().unwrap_or_default();
    let known: BTreeMap<String, Written> = serde_json::from_str(line).unwrap_or_default();
    for place in places(topology) {
        *place = match known.get(&place.key) {
            Some(Written(line, column, offset, length, key, file)) => Place {
                file: file.clone(),
                line: *line,
                column: *column,
                offset: *offset,
                length: *length,
                key: key.clone(),
            },
            None => Place::default(),
        };
    }
}

/// Every place of a project that is shown to users.
fn places(topology: &mut Topology) -> Vec<&mut Place> {
    let mut out = Vec::new();
    out.extend(topology.networks.iter_mut().map(|n| &mut n.place));
    for node in &mut topology.nodes {
        out.push(&mut node.place);
        out.extend(node.attachments.iter_mut().map(|a| &mut a.place));
        out.extend(node.ports.iter_mut().map(|p| &mut p.place));
        out.extend(node.routes.iter_mut().map(|r| &mut r.place));
    }
    out.extend(topology.links.iter_mut().map(|l| &mut l.place));
    out.extend(topology.policies.iter_mut().map(|p| &mut p.place));
    out.extend(topology.expects.iter_mut().map(|e| &mut e.place));
    out
}
