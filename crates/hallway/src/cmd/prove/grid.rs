//! Every pair: a row for each client, a column for each server.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::IpVersion;
use hallway_view::style::{DIM, GREEN, RED, YELLOW, styled};

use super::proof::{Proof, Row};
use super::words::{failure, heading};

/// The most columns of text; a wider grid is printed as lists.
const WIDTH: usize = 100;

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

    /// `all`, `-`, or what of it is reached.
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
        format!("{}{mark}", parts.join(","))
    }
}

/// The grid with its legend, and below it what is other than predicted.
pub(super) fn text(proof: &Proof) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut cells: BTreeMap<(&str, &str), Cell> = BTreeMap::new();
    for row in &proof.rows {
        let (from, to) = (row.path.from.as_str(), row.path.to.as_str());
        if !names.contains(&to) {
            names.push(to);
        }
        cells.entry((from, to)).or_default().add(row);
    }
    let mut out = grid(&names, &cells).unwrap_or_else(|| lists(&names, &cells));
    let services: BTreeSet<String> = (proof.rows.iter())
        .map(|r| r.path.service.to_string())
        .collect();
    let services: Vec<String> = services.into_iter().collect();
    let legend = format!(
        "all: every tested service ({}); -: none; otherwise those that are reached",
        services.join(", ")
    );
    out.push_str(&format!("{}\n", styled(DIM, legend)));
    for row in proof.rows.iter().filter(|r| !r.agrees()) {
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

fn grid(names: &[&str], cells: &BTreeMap<(&str, &str), Cell>) -> Option<String> {
    let words = |from: &str, to: &str| match cells.get(&(from, to)) {
        Some(cell) => cell.words(),
        None => String::new(),
    };
    let first = names
        .iter()
        .map(|n| n.chars().count())
        .max()
        .unwrap_or(0)
        .max(4);
    let widths: Vec<usize> = names
        .iter()
        .map(|to| {
            let below = names.iter().map(|from| words(from, to).chars().count());
            below.max().unwrap_or(0).max(to.chars().count())
        })
        .collect();
    if first + widths.iter().map(|w| w + 2).sum::<usize>() > WIDTH {
        return None;
    }
    let mut out = format!("{:first$}", "from");
    for (to, width) in names.iter().zip(&widths) {
        out.push_str("  ");
        out.push_str(&heading(&format!("{to:width$}")));
    }
    out.push('\n');
    for from in names {
        let mut line = heading(&format!("{from:first$}"));
        for (to, width) in names.iter().zip(&widths) {
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

fn colour(text: &str, padded: &str) -> String {
    match text {
        "" => padded.to_owned(),
        "all" => styled(GREEN, padded),
        "-" => styled(RED, padded),
        _ => styled(YELLOW, padded),
    }
}

/// For each client, which servers it reaches.
fn lists(names: &[&str], cells: &BTreeMap<(&str, &str), Cell>) -> String {
    let mut out = String::new();
    for from in names {
        let mut reached: Vec<String> = Vec::new();
        for to in names {
            let Some(cell) = cells.get(&(*from, *to)) else {
                continue;
            };
            match cell.words().as_str() {
                "-" => {}
                "all" => reached.push((*to).to_owned()),
                words => reached.push(format!("{to} ({words})")),
            }
        }
        let whom = if reached.is_empty() {
            "nothing".to_owned()
        } else {
            reached.join(", ")
        };
        out.push_str(&format!("{} reaches {whom}\n", heading(from)));
    }
    out
}
