//! Every pair: a row for each client, a column for each server.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::IpVersion;
use hallway_view::style::{DIM, GREEN, RED, YELLOW, styled};

use super::classes;
use super::proof::{Proof, Row};
use super::words::{failure, heading};
use crate::ui::fold;

/// The answers for one pair.
#[derive(Default)]
struct Cell {
    /// Services with the IP versions by which they are reached, and those by which they are not.
    services: BTreeMap<String, (BTreeSet<IpVersion>, BTreeSet<IpVersion>)>,
    differs: bool,
}

impl Cell {
    fn add(&mut self, row: &Row) {
        let version = row.path.address.map_or(IpVersion::V4, IpVersion::of);
        let (yes, no) = self
            .services
            .entry(row.path.service.to_string())
            .or_default();
        if row.outcome().reachable() {
            yes.insert(version);
        } else {
            no.insert(version);
        }
        self.differs |= !row.agrees();
    }

    /// `all`, `-`, or the services that are reached.
    fn words(&self) -> String {
        let mut all = true;
        let mut parts = Vec::new();
        for (service, (yes, no)) in &self.services {
            all &= no.is_empty();
            match (yes.is_empty(), no.is_empty()) {
                (true, _) => {}
                (false, true) => parts.push(service.clone()),
                (false, false) => {
                    let versions: String = yes.iter().map(ToString::to_string).collect();
                    parts.push(format!("{service}(v{versions})"));
                }
            }
        }
        let mark = if self.differs { "!" } else { "" };
        if parts.is_empty() {
            return format!("-{mark}");
        }
        if all {
            return format!("all{mark}");
        }
        format!("{}{mark}", in_ranges(parts).join(","))
    }
}

/// Three and more successive ports of a protocol as one range.
fn in_ranges(parts: Vec<String>) -> Vec<String> {
    let number = |part: &String| {
        let (port, protocol) = part.split_once('/')?;
        Some((protocol.to_owned(), port.parse::<u16>().ok()?))
    };
    let mut ports: Vec<(String, u16)> = parts.iter().filter_map(number).collect();
    ports.sort();
    let next = |a: &(String, u16), b: &(String, u16)| a.0 == b.0 && a.1.checked_add(1) == Some(b.1);
    let long = ports.chunk_by(next).filter(|run| run.len() > 2);
    let mut out = parts.clone();
    for run in long {
        let ([(protocol, first), ..], [.., (_, last)]) = (run, run) else {
            continue;
        };
        let text = |port: &u16| format!("{port}/{protocol}");
        if let Some(at) = out.iter().position(|part| *part == text(first)) {
            out.insert(at, format!("{first}-{last}/{protocol}"));
        }
        out.retain(|part| !run.iter().any(|(_, port)| *part == text(port)));
    }
    out
}

/// The grid with its legend, and below it the differences to the prediction. If it would be wider than
/// `width`, each class of nodes is one row and column; if this is too wide, too, it is a list.
pub(super) fn text(proof: &Proof, width: usize) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut cells: BTreeMap<(&str, &str), Cell> = BTreeMap::new();
    for row in &proof.rows {
        let (from, to) = (row.path.from.as_str(), row.path.to.as_str());
        if !names.contains(&to) {
            names.push(to);
        }
        cells.entry((from, to)).or_default().add(row);
    }
    let words = |from: usize, to: usize| {
        let pair = names.get(from).zip(names.get(to));
        let cell = pair.and_then(|(from, to)| cells.get(&(*from, *to)));
        cell.map(Cell::words).unwrap_or_default()
    };
    let labels: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut out = grid(&labels, &words, width)
        .unwrap_or_else(|| grouped(&names, &words, &proof.networks, width));
    let services: BTreeSet<String> = (proof.rows.iter())
        .map(|r| r.path.service.to_string())
        .collect();
    let services: Vec<String> = services.into_iter().collect();
    let legend = format!(
        "all: every tested service ({}); -: none; otherwise those that are reached",
        in_ranges(services).join(", ")
    );
    out.push_str(&format!("{}\n", styled(DIM, legend)));
    let (without, differ): (Vec<&Row>, Vec<&Row>) = (proof.rows.iter())
        .filter(|r| !r.agrees())
        .partition(|r| r.is_without_result());
    if let Some(first) = without.first() {
        let words = format!(
            "! {}: {}\n",
            pairs(without.len()),
            failure(first, &proof.file)
        );
        out.push_str(&styled(YELLOW, words));
    }
    for row in differ {
        let words = format!(
            "! {} → {} {}: {}\n",
            row.path.from,
            row.path.to,
            row.path.service,
            failure(row, &proof.file)
        );
        out.push_str(&styled(YELLOW, words));
    }
    out
}

fn pairs(count: usize) -> String {
    match count {
        1 => "1 test".into(),
        _ => format!("{count} tests"),
    }
}

/// The text for a client and a server, by their numbers.
type Words<'a> = &'a dyn Fn(usize, usize) -> String;

fn grid(labels: &[String], words: Words<'_>, width: usize) -> Option<String> {
    let length = |text: &str| text.chars().count();
    let first = labels.iter().map(|n| length(n)).max().unwrap_or(0).max(4);
    let widths: Vec<usize> = (labels.iter().enumerate())
        .map(|(to, label)| {
            let below = (0..labels.len()).map(|from| length(&words(from, to)));
            below.max().unwrap_or(0).max(length(label))
        })
        .collect();
    if first + widths.iter().map(|w| w + 2).sum::<usize>() > width {
        return None;
    }
    let mut out = format!("{:first$}", "from");
    for (to, width) in labels.iter().zip(&widths) {
        out.push_str("  ");
        out.push_str(&heading(&format!("{to:width$}")));
    }
    out.push('\n');
    for (from, label) in labels.iter().enumerate() {
        let mut line = heading(&format!("{label:first$}"));
        for (to, width) in widths.iter().enumerate() {
            let text = words(from, to);
            let padded = format!("{text:width$}");
            line.push_str("  ");
            line.push_str(&colour(&text, &padded));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    Some(out)
}

/// The grid of classes, or their list, and the members of each.
fn grouped(
    names: &[&str],
    words: Words<'_>,
    networks: &[(String, Vec<String>)],
    width: usize,
) -> String {
    let classes = classes::of(names.len(), words);
    let labels: Vec<String> = (classes.iter())
        .map(|class| classes::label(class, names, networks))
        .collect();
    let between = |from: usize, to: usize| match (classes.get(from), classes.get(to)) {
        (Some(a), Some(_)) if from == to => match a.as_slice() {
            [one, other, ..] => words(*one, *other),
            _ => String::new(),
        },
        (Some(a), Some(b)) => match (a.first(), b.first()) {
            (Some(a), Some(b)) => words(*a, *b),
            _ => String::new(),
        },
        _ => String::new(),
    };
    let mut out = grid(&labels, &between, width).unwrap_or_else(|| lists(&labels, &between, width));
    for (class, label) in classes.iter().zip(&labels).filter(|(c, _)| c.len() > 1) {
        let members = class.iter().filter_map(|i| names.get(*i).copied());
        let members: Vec<&str> = members.collect();
        let line = format!("{label}: {}", members.join(", "));
        out.push_str(&format!("{}\n", styled(DIM, fold(&line, width, 2))));
    }
    out
}

fn colour(text: &str, padded: &str) -> String {
    match text {
        "" => padded.to_owned(),
        "all" => styled(GREEN, padded),
        "-" => styled(RED, padded),
        _ => styled(YELLOW, padded),
    }
}

/// For each client, the servers that it reaches.
fn lists(labels: &[String], words: Words<'_>, width: usize) -> String {
    let mut out = String::new();
    for (from, label) in labels.iter().enumerate() {
        let reached: Vec<String> = (labels.iter().enumerate())
            .filter_map(|(to, label)| match words(from, to).as_str() {
                "-" | "" => None,
                "all" => Some(label.clone()),
                words => Some(format!("{label} ({})", words.replace(',', ", "))),
            })
            .collect();
        let whom = match reached.is_empty() {
            true => "nothing".to_owned(),
            false => reached.join(", "),
        };
        out.push_str(&fold(
            &format!("{} reaches {whom}", heading(label)),
            width,
            2,
        ));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::in_ranges;

    #[test]
    fn successive_ports_are_one_range() {
        let parts = [
            "443/tcp", "8000/tcp", "8001/tcp", "8002/tcp", "8001/udp", "icmp",
        ];
        let parts = parts.map(str::to_owned).to_vec();
        let expected = ["443/tcp", "8000-8002/tcp", "8001/udp", "icmp"];
        assert_eq!(in_ranges(parts), expected);
    }
}
