//! The script that builds a network, and the commands of each step.

use hallway_plan::diff::Plan;
use hallway_plan::settled::Settled;
use hallway_plan::step::{Op, Step};

use super::{Script, adjust, filter, host, inside, programs};

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

impl Script<'_> {
    pub(super) fn step(&mut self, step: &Step) {
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
            Op::RemoveUplinks { .. } => {}
            Op::RemoveAccept { entry, pass, .. } => {
                host::remove_accept(self, entry, pass);
            }
            Op::LetThrough {
                entry,
                pass,
                project,
            } => host::accept_in_firewall(self, entry, pass, project),
            Op::RestoreUplinks { .. } => host::restore_uplinks(self),
            Op::Announce(new) => inside::announce(self, new),
            Op::FlushConnections(flows) => {
                filter::flush_connections(self, &flows.prefixes, &flows.ports)
            }
        }
    }
}
