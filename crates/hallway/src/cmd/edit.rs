//! The verbs for single changes: each edits the project's file on record, and applies it.

mod change;
mod errors;

use std::process::ExitCode;
use std::time::Instant;

use hallway_engine::{Caller, Cancel, EditError};
use hallway_plan::Settled;
use hallway_spec::{Action, Edit, Name, NewNetwork, NewNode, listed};

use crate::again::Commands;
use crate::args::{Common, FileArg, Verb};
use crate::diagnose::{VerbError, plain};
use crate::failure::CommandCode;
use crate::places;
use crate::progress::ProgressReporter;
use crate::scope::{self, Scope, built, not_here, not_up, project};
use crate::{interrupt, named, ui};

pub(crate) fn run(common: &Common, verb: Verb) -> Result<ExitCode, VerbError> {
    let started = Instant::now();
    let change = change::of(verb)?;
    let cancel = interrupt::watch();
    let texts = texts(&change);
    if !makes_project(&change) && !scope::exists(common)? {
        return Err(named::located(common, None, &texts, not_here(common)));
    }
    let scope = Scope::enter(common, true, &cancel)?;
    let project = match project_of(common, &scope, &change) {
        Ok(project) => project,
        Err(error) => {
            let error = named::located(common, Some(&scope), &texts, error);
            // The first error is the one to report.
            let _left = scope.leave(common);
            return Err(error);
        }
    };
    if let Edit::PolicyRemove(number) = change {
        let done = removed_policy(&scope, &project, number).unwrap_or_else(|| done(&change));
        let run = Run {
            project: &project,
            change: &change,
            done: &done,
            started,
            cancel: &cancel,
        };
        return carry_out(common, scope, &run);
    }
    let outcome = match &change {
        // Without reading the other nodes, which may be many: a node is removed by its own name, and
        // the other changes have no names of existing nodes.
        Edit::NodeRemove(_)
        | Edit::NodeAdd { .. }
        | Edit::NetworkAdd { .. }
        | Edit::NetworkRemove(_) => Ok(change.clone()),
        change => meant(common, &scope, &project, change),
    };
    let outcome = outcome.and_then(|change| apply(common, &scope, &project, &change, &cancel));
    finish(common, scope, &project, outcome, started)
}

/// Whether a change builds a project where none is up.
fn makes_project(change: &Edit) -> bool {
    matches!(
        change,
        Edit::NodeAdd(_) | Edit::NetworkAdd(_) | Edit::LinkAdd(_)
    )
}

/// The project that is changed. Only some changes make one.
fn project_of(common: &Common, scope: &Scope, change: &Edit) -> Result<Name, VerbError> {
    let name = project(common, &FileArg::default(), Some(&scope.engine))?;
    match makes_project(change) || scope.engine.projects().contains(&name) {
        true => Ok(name),
        false => Err(not_up(&scope.engine, &name)),
    }
}

/// The nodes and networks that a change names.
fn texts(change: &Edit) -> Vec<&str> {
    match change {
        Edit::NodeRemove(name)
        | Edit::NetworkRemove(name)
        | Edit::Publish(name, _)
        | Edit::Unpublish(name, _) => vec![name.as_ref()],
        Edit::Connect(node, network, _) | Edit::Disconnect(node, network) => {
            vec![node.as_ref(), network.as_ref()]
        }
        Edit::Policy { from, to, .. } => from.iter().chain(to).map(String::as_str).collect(),
        Edit::NodeAdd(new) => new
            .networks
            .iter()
            .map(|(network, _)| network.as_ref())
            .collect(),
        Edit::NetworkAdd(_)
        | Edit::LinkAdd(_)
        | Edit::LinkRemove { .. }
        | Edit::Impair(_)
        | Edit::PolicyRemove(_) => Vec::new(),
    }
}

/// A change by a command.
pub(super) struct Run<'a> {
    pub(super) project: &'a Name,
    /// With the own names of nodes.
    pub(super) change: &'a Edit,
    /// What is printed when it is made.
    pub(super) done: &'a str,
    /// When the command started.
    pub(super) started: Instant,
    pub(super) cancel: &'a Cancel,
}

/// Applies a change, and prints that it is done.
pub(super) fn carry_out(
    common: &Common,
    scope: Scope,
    run: &Run<'_>,
) -> Result<ExitCode, VerbError> {
    let outcome = apply(common, &scope, run.project, run.change, run.cancel);
    let outcome = outcome.map(|words| words.map(|_| run.done.to_owned()));
    finish(common, scope, run.project, outcome, run.started)
}

fn finish(
    common: &Common,
    scope: Scope,
    project: &Name,
    outcome: Result<Option<String>, VerbError>,
    started: Instant,
) -> Result<ExitCode, VerbError> {
    match outcome {
        Ok(done) => {
            let words = done.as_deref().unwrap_or("nothing to change");
            let (place, time) = (scope.words(), ui::duration(started.elapsed()));
            ui::note(common, format!("{project}: {words} {place} ({time})"));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            // The first error is the one to report.
            let _left = scope.leave(common);
            Err(error)
        }
    }
}

/// Applies a change. Returns what has been done, or nothing if nothing had to be changed.
fn apply(
    common: &Common,
    scope: &Scope,
    project: &Name,
    change: &Edit,
    cancel: &Cancel,
) -> Result<Option<String>, VerbError> {
    let mut reporter = ProgressReporter::new(common);
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel,
    };
    // Places are those of the text on record, which the user has not written: they are not shown.
    match scope.engine.edit(project, change, &mut caller) {
        Ok(edited) => {
            let shown = edited.warnings.iter().filter(|_| !common.quiet);
            shown.for_each(|warning| plain(warning, common));
            Ok(edited.changed.then(|| done(change)))
        }
        Err(EditError::Refused(hallway_spec::EditError::NoNode(name))) => {
            let meant = meant(common, scope, project, change)?;
            match meant == *change {
                true => Err(VerbError::refused(&hallway_spec::EditError::NoNode(name))),
                false => apply(common, scope, project, &meant, cancel),
            }
        }
        Err(EditError::Refused(why)) => {
            let places = |network: &Name| named::network_elsewhere(common, scope, project, network);
            Err(errors::refused(&why, places))
        }
        Err(EditError::Invalid(problems)) => {
            let places = |network: &Name| named::network_elsewhere(common, scope, project, network);
            Err(errors::of_arguments(problems, places))
        }
        Err(EditError::Conflict(failure)) => Err(VerbError::Failed(failure).with_code(2)),
        Err(EditError::Failed(failure)) => Err(VerbError::Failed(failure)),
    }
}

/// The same change with the own names of nodes instead of further names.
fn meant(common: &Common, scope: &Scope, project: &Name, change: &Edit) -> Result<Edit, VerbError> {
    let record = scope.engine.record(project)?;
    let Some(settled) = record.as_ref().and_then(built) else {
        return Ok(change.clone());
    };
    let commands = Commands::new(common, scope, project);
    check_order(&settled, change, &commands)?;
    let node = |name: &Name| -> Result<Name, VerbError> {
        Ok(named::node(common, scope, &settled, name)?.name.clone())
    };
    Ok(match change.clone() {
        Edit::NodeRemove(name) => Edit::NodeRemove(node(&name)?),
        Edit::Connect(name, network, addresses) => Edit::Connect(node(&name)?, network, addresses),
        Edit::Disconnect(name, network) => Edit::Disconnect(node(&name)?, network),
        Edit::Publish(name, port) => Edit::Publish(node(&name)?, port),
        Edit::Unpublish(name, port) => Edit::Unpublish(node(&name)?, port),
        Edit::LinkAdd([(a, of_a), (b, of_b)]) => {
            // One that does not exist is made.
            let end = |name: Name| match settled.named(&name).is_empty() {
                true => Ok(name),
                false => node(&name),
            };
            Edit::LinkAdd([(end(a)?, of_a), (end(b)?, of_b)])
        }
        Edit::Policy {
            action,
            from,
            to,
            ports,
        } => Edit::Policy {
            action,
            from: endpoints(common, scope, &settled, &from)?,
            to: endpoints(common, scope, &settled, &to)?,
            ports,
        },
        other => other,
    })
}

/// Refuses a network before the node, as Docker has them.
fn check_order(settled: &Settled, change: &Edit, commands: &Commands<'_>) -> Result<(), VerbError> {
    let (verb, node, network, addresses) = match change {
        Edit::Connect(node, network, addresses) => ("connect", node, network, addresses.as_slice()),
        Edit::Disconnect(node, network) => ("disconnect", node, network, &[][..]),
        _ => return Ok(()),
    };
    let is_node = |name: &Name| !settled.named(name).is_empty();
    if is_node(node) || settled.network(node).is_none() || !is_node(network) {
        return Ok(());
    }
    let command = commands.of_project(verb);
    let flags = addresses.iter().map(|a| format!(" --address {a}"));
    let flags: String = flags.collect();
    Err(VerbError::usage(
        CommandCode::NoSuchNode,
        format!("{node} is a network, and {network} a node"),
        format!("the node comes first: {command} {network} {node}{flags}"),
    ))
}

fn endpoints(
    common: &Common,
    scope: &Scope,
    settled: &Settled,
    texts: &[String],
) -> Result<Vec<String>, VerbError> {
    let mut all = Vec::new();
    for text in texts {
        all.extend(named::endpoints(common, scope, settled, text)?);
    }
    Ok(all)
}

/// What has been done.
fn done(change: &Edit) -> String {
    match change {
        Edit::NodeAdd(NewNode { name, .. }) => format!("node {name} added"),
        Edit::NodeRemove(name) => format!("node {name} removed"),
        Edit::NetworkAdd(NewNetwork { name, .. }) => format!("network {name} added"),
        Edit::NetworkRemove(name) => format!("network {name} removed"),
        Edit::LinkAdd([(a, _), (b, _)]) => format!("{a} and {b} linked"),
        Edit::LinkRemove { ends: [a, b], .. } => format!("link between {a} and {b} removed"),
        Edit::Connect(node, network, _) => format!("{node} connected to {network}"),
        Edit::Disconnect(node, network) => format!("{node} disconnected from {network}"),
        Edit::Impair(_) => "impairments changed".to_owned(),
        Edit::Publish(node, port) => format!("{port} of {node} published"),
        Edit::Unpublish(node, port) => format!("{port} of {node} no longer published"),
        Edit::Policy {
            action, from, to, ..
        } => {
            let may = match action {
                Action::Allow => "may",
                Action::Deny => "may not",
            };
            format!("{} {may} reach {}", listed(from), listed(to))
        }
        Edit::PolicyRemove(number) => format!("policy {number} removed"),
    }
}

/// Which policy is removed, and where it is from; `None` if there is none of this number.
fn removed_policy(scope: &Scope, project: &Name, number: usize) -> Option<String> {
    let record = scope.engine.record(project).ok()??;
    let mut settled = record.applied.clone()?;
    places::of_file(&mut settled, &record);
    let policy = settled.policies.iter().find(|p| p.number() == number)?;
    let from = match policy.added_by() {
        Some(command) => format!("added by {command}"),
        None => format!(
            "line {} of the file, which is not changed",
            policy.place.line
        ),
    };
    Some(format!(
        "policy {number} removed ({}; {from})",
        policy.words
    ))
}
