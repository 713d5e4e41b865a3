//! Parts that are not of the network: names, listeners and programs, as comments.

use hallway_plan::hosts;
use hallway_plan::settled::Settled;
use hallway_spec::{Condition, User};

use super::Script;
use super::entering::run_in;
use super::quote::quote;

/// Published ports on localhost.
pub(super) fn listeners(script: &mut Script<'_>, settled: &Settled) {
    if settled.publishes.is_empty() {
        return;
    }
    script.section("published ports on localhost");
    script.comment("The host's addresses answer, but 127.0.0.1 and ::1 do not: there hallway listens itself and");
    script.comment("passes connections on, which no command above can do.");
}

/// The guard, which no script can load.
pub(super) fn guard(script: &mut Script<'_>) {
    script.section("the guard");
    script.comment("hallway's keeper holds two more tables on a socket of its own (flag owner), which close these");
    script.comment(
        "networks when another program flushes all rules. They would end with the command that",
    );
    script.comment("loads them, so they are not part of this script.");
}

/// The names of nodes for other nodes.
pub(super) fn names(script: &mut Script<'_>, settled: &Settled) {
    let files = hosts::files(settled);
    if files.is_empty() {
        return;
    }
    script.section("names of nodes");
    script.comment("hallway gives each program the names of the nodes it can reach as /etc/hosts. To have the same");
    script.comment("by hand, write them to /etc/netns/NODE/hosts, where ip netns exec finds them:");
    for (file, text) in files {
        let nodes: Vec<String> = settled
            .nodes
            .iter()
            .filter(|n| hosts::file_name(n) == file)
            .map(|n| n.netns.to_string())
            .collect();
        script.comment(&format!("  {}:", nodes.join(", ")));
        for line in text
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            script.comment(&format!("    {line}"));
        }
    }
}

/// The programs of nodes, with their arguments.
pub(super) fn programs(script: &mut Script<'_>, settled: &Settled) {
    if settled.programs().next().is_none() {
        return;
    }
    script.section("programs");
    script.comment("The network is there now. What the file runs in it can be started like this:");
    for program in settled.programs() {
        let (node, workload) = (program.node, program.service);
        let mut words = vec![run_in(&node.netns).trim_end().to_owned()];
        if let Some(directory) = &workload.working_dir {
            words.push(format!("env -C {}", quote(directory)));
        } else if !program.environment.is_empty() {
            words.push("env".into());
        }
        words.extend(
            program
                .environment
                .iter()
                .map(|(name, value)| quote(&format!("{name}={value}"))),
        );
        if let Some(user) = &workload.user {
            words.extend(as_user(user));
        }
        words.extend(workload.command.iter().map(|w| quote(w)));
        for dependency in &workload.depends_on {
            let node = &dependency.node;
            let when = match dependency.condition {
                Condition::ServiceStarted => continue,
                Condition::ServiceHealthy => format!("when {node} is healthy"),
                Condition::ServiceCompletedSuccessfully => format!("when {node} has ended"),
            };
            let or = if dependency.required {
                ""
            } else {
                ", or has failed"
            };
            script.comment(&format!("{when}{or}:"));
        }
        script.comment(&format!("{} &", words.join(" ")));
    }
}

/// The words for running a program as that user (setpriv(1)).
fn as_user(user: &User) -> Vec<String> {
    let (user, group) = match user {
        User::Name(name) => (quote(name), None),
        User::Number { user, group } => (user.to_string(), group.map(|g| g.to_string())),
    };
    let groups = match group {
        Some(group) => format!("--regid {group} --clear-groups"),
        None => format!("--regid $(id -g {user}) --init-groups"),
    };
    vec![format!("setpriv --reuid {user} {groups} --no-new-privs")]
}
