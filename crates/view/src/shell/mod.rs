//! A plan as a shell script: the plain commands that build the same network by hand, each step with
//! its action and cause, and the script that removes it.

mod adjust;
mod filter;
mod host;
mod inside;
mod programs;
mod quote;
mod shaping;

use std::collections::BTreeSet;

use hallway_plan::built::built;
use hallway_plan::diff::{Plan, Recorded, diff};
use hallway_plan::observed::SeenLink;
use hallway_plan::settled::Settled;
use hallway_plan::step::{Op, Step};
use hallway_plan::target::Setting;
use hallway_spec::{IpVersion, Name};

/// The script that builds a network from nothing; `plan` is the plan for that.
#[must_use]
pub fn build(plan: &Plan, settled: &Settled) -> String {
    let mut script = Script::new(settled);
    script.head(&format!(
        "Builds the network {} by hand, as hallway up builds it.",
        settled.project
    ));
    for step in &plan.steps {
        script.step(step);
    }
    programs::guard(&mut script);
    programs::listeners(&mut script, settled);
    programs::names(&mut script, settled);
    programs::programs(&mut script, settled);
    script.out
}

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
        script.comment("Settings that were changed in namespaces of others stay: what they were before is known only");
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

    fn step(&mut self, step: &Step) {
        let words = step.describe();
        let detail = if words.detail.is_empty() {
            String::new()
        } else {
            format!(" ({})", words.detail)
        };
        let cause = match words.cause.as_str() {
            "down" => String::new(),
            cause => format!(": {cause}"),
        };
        self.section(&format!(
            "{} {} {}{detail}{cause}",
            words.action, words.kind, words.name
        ));
        self.op(&step.op);
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::AddUnreachable { to } => host::add_unreachable(self, to),
            Op::RemoveUnreachable { to } => host::remove_unreachable(self, to),
            Op::ReplaceRules(new) => filter::replace(self, &new.rules),
            Op::ChangeRules { table, delta } => filter::change(self, table, delta),
            Op::Unpublish { table } => filter::unpublish(self, table),
            Op::RemoveRules { table } => filter::remove(self, table),
            Op::CreateBridge(bridge) => match &bridge.vlan {
                Some(vlan) => host::create_vlan(self, &bridge.link, vlan),
                None => host::create_bridge(self, &bridge.link),
            },
            Op::RemoveGroup { group, .. } => host::remove_group(self, *group),
            Op::RemoveLink { name } => host::remove_link(self, name),
            Op::CreateNamespace(new) => inside::create_namespace(self, new),
            Op::RemoveNamespace { netns, .. } => inside::remove_namespace(self, netns),
            Op::CreatePort(port) => inside::create_port(self, port),
            Op::CreateMacvlan(new) => inside::create_macvlan(self, new),
            Op::CreateCable(cable) => inside::create_cable(self, &cable.a, &cable.b),
            Op::RemoveInterface { netns, name } => inside::remove_interface(self, netns, name),
            Op::Adjust { place, change } => adjust::adjust(self, place, change),
            Op::ForwardUplinks {
                table, versions, ..
            } => {
                host::forward_uplinks(self, table, versions);
            }
            // The script is for a host without any object of the project.
            Op::ForgetUplinks { .. } => {}
            Op::RemoveAccept { entry, pass, .. } => {
                host::remove_accept(self, entry, pass);
            }
            Op::LetThrough {
                entry,
                pass,
                project,
            } => host::let_through(self, entry, pass, project),
            Op::RestoreUplinks { .. } => host::restore_uplinks(self),
            Op::Announce(new) => inside::announce(self, new),
            Op::ForgetFlows(flows) => filter::forget_flows(self, &flows.prefixes, &flows.ports),
        }
    }
}
