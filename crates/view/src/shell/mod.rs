//! A plan as a shell script: the plain commands that build the same network by hand, each step with
//! its action and cause, and the script that removes it.

mod adjust;
mod build;
mod entering;
mod filter;
mod host;
mod inside;
mod programs;
mod quote;

pub use quote::quote;
mod shaping;

use std::collections::BTreeSet;

use hallway_plan::built::built;
use hallway_plan::diff::{Recorded, diff};
use hallway_plan::observed::SeenLink;
use hallway_plan::settled::Settled;
use hallway_plan::target::Setting;
use hallway_spec::{IpVersion, Name};

pub use build::build;

/// The script that removes what the script of [`build()`] made.
#[must_use]
pub fn removal(settled: &Settled) -> String {
    let (mut observed, inodes) = built(settled);
    // The uplinks are known only when the script runs; here it only matters that any may have been
    // changed.
    let uplink = SeenLink {
        name: "uplink".into(),
        settings: [(Setting::Forwarding(IpVersion::V4), 1)].into(),
        ..SeenLink::default()
    };
    observed.host.links.push(uplink);
    for table in observed.tables.iter_mut().filter(|t| !t.bridge_family) {
        table.forwarding4.push("uplink".into());
    }
    let recorded = Recorded {
        applied: Some(settled),
        pending: None,
        inodes: &inodes,
        uplinks: &[],
    };
    let plan = diff(&settled.project, recorded, None, &observed);
    let mut script = Script::new(settled);
    script.head(&format!(
        "Removes the network {} again, as hallway down removes it.",
        settled.project
    ));
    let changed = |n: &&hallway_plan::settled::Node| {
        n.joined.is_some() && (n.forwarding || !n.sysctls.is_empty())
    };
    if settled.nodes.iter().any(|n| changed(&n)) {
        script.comment("Settings that were changed in namespaces of other programs stay: what they were before is known only");
        script.comment("to hallway, where it built the network.");
    }
    for step in &plan.steps {
        script.step(step);
    }
    script.out
}

/// A script being written.
struct Script<'a> {
    out: String,
    settled: &'a Settled,
    /// Explanations that have been printed already.
    told: BTreeSet<&'static str>,
}

impl<'a> Script<'a> {
    fn new(settled: &'a Settled) -> Self {
        Self {
            out: String::new(),
            settled,
            told: BTreeSet::new(),
        }
    }

    fn project(&self) -> &'a Name {
        &self.settled.project
    }

    fn head(&mut self, what: &str) {
        self.out.push_str("#!/usr/bin/env bash\n");
        self.comment(what);
        self.comment("For root; each command can be typed by hand as well.");
        self.line("set -eu");
    }

    /// One command or a line of one.
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn comment(&mut self, text: &str) {
        self.line(&format!("# {}", quote::one_line(text)));
    }

    /// A heading.
    fn section(&mut self, text: &str) {
        self.out.push('\n');
        self.comment(text);
    }

    /// An explanation, printed only the first time.
    fn explain(&mut self, text: &'static [&'static str]) {
        if let Some(first) = text.first()
            && self.told.insert(first)
        {
            for line in text {
                self.comment(line);
            }
        }
    }
}
