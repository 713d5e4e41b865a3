//! The files that programs in nodes find below /etc: their content, compared with what it must be.

use std::collections::BTreeMap;

use super::{Difference, Fact, ObjectPlace, place};
use crate::observed::{FileAccess, Observed, Seen, SeenFile};
use crate::settled::{Node, Settled};
use crate::{hosts, resolv};

/// At most this many nodes are named with a file.
const NAMED_MAX: usize = 3;

/// Every difference; none when the files were not examined.
pub(crate) fn differences(wanted: &Settled, seen: &Observed) -> Vec<Difference> {
    let Seen::Present(files) = &seen.files else {
        return Vec::new();
    };
    let hosts = hosts::files(wanted);
    let resolv = resolv::files(wanted, &files.of_host);
    let views = [
        (
            "/etc/hosts",
            hosts,
            &files.hosts,
            viewers(wanted, hosts::file_name),
        ),
        (
            "/etc/resolv.conf",
            resolv,
            &files.resolv,
            viewers(wanted, |n| resolv::file_name(n).to_owned()),
        ),
    ];
    let mut out = Vec::new();
    for (path, wanted, found, viewers) in views {
        for (name, text) in wanted {
            // A file that no node uses has no effect.
            let Some(nodes) = viewers.get(&name) else {
                continue;
            };
            let found = found.get(&name);
            out.extend(difference(path, nodes, &text, files.access, found));
        }
    }
    out
}

/// The nodes that use each file.
fn viewers(wanted: &Settled, name: impl Fn(&Node) -> String) -> BTreeMap<String, Vec<&Node>> {
    let mut out: BTreeMap<String, Vec<&Node>> = BTreeMap::new();
    for node in &wanted.nodes {
        out.entry(name(node)).or_default().push(node);
    }
    out
}

fn difference(
    path: &str,
    nodes: &[&Node],
    wanted: &str,
    access: FileAccess,
    found: Option<&SeenFile>,
) -> Option<Difference> {
    let (place, file) = match nodes {
        [only] => (place(only), path.to_owned()),
        several => (ObjectPlace::Host, format!("{path} of {}", named(several))),
    };
    let fact = match found {
        None => Fact::FileMissing { file },
        Some(found) if found.access != access => Fact::FileAccess {
            file,
            wanted: access,
            found: found.access,
        },
        Some(found) => {
            let (wanted, found) = (by_name(wanted), by_name(&found.text));
            if wanted == found {
                return None;
            }
            Fact::FileChanged {
                missing: without(&wanted, &found),
                extra: without(&found, &wanted),
                file,
            }
        }
    };
    Some(Difference { place, fact })
}

fn named(nodes: &[&Node]) -> String {
    let names = nodes.iter().take(NAMED_MAX).map(|n| n.name.as_ref());
    let names = names.collect::<Vec<&str>>().join(", ");
    match nodes.len().saturating_sub(NAMED_MAX) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// The lines sorted by name; lines with the same name stay in the order of the file. The order of
/// the names has no effect.
fn by_name(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_by_key(|line| line.split_ascii_whitespace().nth(1));
    lines
}

/// The lines of the first text that the second lacks, for messages.
fn without(lines: &[&str], others: &[&str]) -> Vec<String> {
    let lacking = lines.iter().filter(|line| !others.contains(line));
    lacking.map(|line| line.replace('\t', " ")).collect()
}
