//! The verbs for single changes: each edits the project's file on record, and applies it.

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Instant;

use hallway_engine::{Caller, Cancel, EditError};
use hallway_spec::problem::{NameProblem, ProblemKind, ValueProblem};
use hallway_spec::{Action, Diagnostic as _, Edit, Name, Problems};
use hallway_view::tree::added_by;
use ipnet::IpNet;

use crate::args::{Common, FileArg, LinkVerb, NetworkVerb, NodeVerb, PolicyArgs, PolicyVerb, Verb};
use crate::diagnose::{VerbError, plain};
use crate::places;
use crate::progress::Reporter;
use crate::scope::{Scope, project};
use crate::{interrupt, ui};

pub(crate) fn run(common: &Common, verb: Verb) -> Result<ExitCode, VerbError> {
    let started = Instant::now();
    let (change, done) = change(verb)?;
    let cancel = interrupt::watch();
    let scope = Scope::enter(common, true, &cancel)?;
    let project = project(common, &FileArg::default(), Some(&scope.engine))?;
    let done = match change {
        Edit::PolicyRemove(number) => removed_policy(&scope, &project, number).unwrap_or(done),
        _ => done,
    };
    carry_out(
        common,
        scope,
        (&project, &change, &done),
        (started, &cancel),
    )
}

/// Applies a change, and prints that it is done.
pub(super) fn carry_out(
    common: &Common,
    scope: Scope,
    (project, change, done): (&Name, &Edit, &str),
    (started, cancel): (Instant, &Cancel),
) -> Result<ExitCode, VerbError> {
    let outcome = apply(common, &scope, project, change, cancel);
    match outcome {
        Ok(changed) => {
            let words = if changed { done } else { "nothing to change" };
            let (place, time) = (scope.words(), ui::duration(started.elapsed()));
            ui::note(common, format!("{project}: {words} {place} ({time})"));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            scope.leave(common)?;
            Err(error)
        }
    }
}

fn apply(
    common: &Common,
    scope: &Scope,
    project: &Name,
    change: &Edit,
    cancel: &Cancel,
) -> Result<bool, VerbError> {
    let mut reporter = Reporter::new(common);
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel,
    };
    // Places are those of the text on record, which the user has not written: they are not shown.
    match scope.engine.edit(project, change, &mut caller) {
        Ok(edited) => {
            let shown = edited.warnings.iter().filter(|_| !common.quiet);
            shown.for_each(|warning| plain(warning, common));
            Ok(edited.changed)
        }
        Err(EditError::Refused(why)) => Err(VerbError::refused(&why)),
        Err(EditError::Invalid(problems)) => Err(of_arguments(problems)),
        Err(EditError::Conflict(failure)) => Err(VerbError::Failed(failure).with_code(2)),
        Err(EditError::Failed(failure)) => Err(VerbError::Failed(failure)),
    }
}

/// Problems of the edited text, in words of the command line: the user has not written that text.
fn of_arguments(mut problems: Problems) -> VerbError {
    for problem in &mut problems.problems {
        if let ProblemKind::Name(NameProblem::UnknownNetwork {
            network,
            nearest: None,
            ..
        }) = &problem.kind
        {
            let help = format!(
                "hallway network add {network} adds it; hallway network ls lists the others"
            );
            return VerbError::usage(problem.message(), help);
        }
        if let ProblemKind::Value(ValueProblem::Unexpected { path, .. }) = &mut problem.kind
            && let Some((_, key)) = path.rsplit_once('.')
        {
            let option = match key.split('[').next().unwrap_or(key) {
                "ports" => "--port",
                "subnet" => "--subnet",
                "gateway" => "--gateway",
                "address" => "--address",
                "ready" => "--ready",
                "mtu" => "--mtu",
                "vlan" => "--vlan",
                "parent" => "--parent",
                _ => continue,
            };
            *path = option.to_owned();
        }
    }
    VerbError::Argument(problems)
}

/// The change of a verb, and the message to print when it is done.
fn change(verb: Verb) -> Result<(Edit, String), VerbError> {
    Ok(match verb {
        Verb::Node { verb } => return node(verb),
        Verb::Network { verb } => return network(verb),
        Verb::Link { verb } => return link(verb),
        Verb::Connect {
            node,
            network,
            address,
        } => {
            let message = format!("{node} connected to {network}");
            (Edit::Connect(node, network, address), message)
        }
        Verb::Disconnect { node, network } => {
            let message = format!("{node} disconnected from {network}");
            (Edit::Disconnect(node, network), message)
        }
        Verb::Publish { node, port } => {
            let message = format!("{port} of {node} published");
            (Edit::Publish(node, port), message)
        }
        Verb::Unpublish { node, port } => {
            let message = format!("{port} of {node} no longer published");
            (Edit::Unpublish(node, port), message)
        }
        Verb::Allow(policy) => {
            let message = format!("{} may reach {}", policy.from, policy.to);
            (policy_edit(Action::Allow, policy), message)
        }
        Verb::Deny(policy) => {
            let message = format!("{} may not reach {}", policy.from, policy.to);
            (policy_edit(Action::Deny, policy), message)
        }
        Verb::Policy {
            verb: PolicyVerb::Rm { number },
        } => {
            let message = format!("policy {number} removed");
            (Edit::PolicyRemove(number), message)
        }
        other => return Err(not_an_edit(&other)),
    })
}

/// Which policy is removed, and where it is from; `None` if there is none of this number.
fn removed_policy(scope: &Scope, project: &Name, number: usize) -> Option<String> {
    let record = scope.engine.record(project).ok()??;
    let mut settled = record.applied.clone()?;
    places::of_file(&mut settled, &record);
    let policy = settled.policies.iter().find(|p| p.number() == number)?;
    let from = match added_by(policy) {
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

fn policy_edit(action: Action, policy: PolicyArgs) -> Edit {
    let PolicyArgs { from, to, port } = policy;
    Edit::Policy {
        action,
        from,
        to,
        ports: port,
    }
}

fn node(verb: NodeVerb) -> Result<(Edit, String), VerbError> {
    Ok(match verb {
        NodeVerb::Add {
            name,
            network,
            publish,
            ready,
            command,
        } => {
            let message = format!("node {name} added");
            let edit = Edit::NodeAdd {
                name,
                networks: attachments(&network)?,
                ports: publish,
                command,
                ready,
            };
            (edit, message)
        }
        NodeVerb::Rm { name } => {
            let message = format!("node {name} removed");
            (Edit::NodeRemove(name), message)
        }
        other @ NodeVerb::Ls { .. } => return Err(not_an_edit(&other)),
    })
}

fn network(verb: NetworkVerb) -> Result<(Edit, String), VerbError> {
    Ok(match verb {
        NetworkVerb::Add {
            name,
            subnet,
            gateway,
            internal,
            outside,
            routed,
            parent,
            vlan,
            mtu,
        } => {
            let message = format!("network {name} added");
            let edit = Edit::NetworkAdd {
                name,
                subnets: subnet,
                gateways: gateway,
                internal,
                outside,
                routed,
                parent,
                vlan,
                mtu,
            };
            (edit, message)
        }
        NetworkVerb::Rm { name } => {
            let message = format!("network {name} removed");
            (Edit::NetworkRemove(name), message)
        }
        other @ NetworkVerb::Ls { .. } => return Err(not_an_edit(&other)),
    })
}

fn link(verb: LinkVerb) -> Result<(Edit, String), VerbError> {
    Ok(match verb {
        LinkVerb::Add { a, b } => {
            let (a, b) = (end(&a)?, end(&b)?);
            let message = format!("{} and {} linked", a.0, b.0);
            (Edit::LinkAdd([a, b]), message)
        }
        other @ (LinkVerb::Rm { .. } | LinkVerb::Ls { .. }) => return Err(not_an_edit(&other)),
    })
}

fn not_an_edit(verb: &impl std::fmt::Debug) -> VerbError {
    VerbError::usage(format!("{verb:?} does not edit a project"), "")
}

/// `NETWORK` or `NETWORK=ADDRESS[,ADDRESS]`.
fn attachments(texts: &[String]) -> Result<Vec<(Name, Vec<IpAddr>)>, VerbError> {
    texts
        .iter()
        .map(|text| {
            let (network, addresses) = text.split_once('=').unwrap_or((text, ""));
            let help = "write --network NETWORK or --network NETWORK=ADDRESS";
            let network = network
                .parse()
                .map_err(|e: hallway_spec::InvalidName| VerbError::usage(e.to_string(), help))?;
            let addresses = addresses
                .split(',')
                .filter(|a| !a.is_empty())
                .map(|a| {
                    a.parse()
                        .ok()
                        .ok_or_else(|| VerbError::usage(format!("{a:?} is not an address"), help))
                })
                .collect::<Result<_, _>>()?;
            Ok((network, addresses))
        })
        .collect()
}

/// `NODE` or `NODE:ADDRESS/LENGTH[,ADDRESS/LENGTH]`; a bare node name makes a cable without addresses.
fn end(text: &str) -> Result<(Name, Vec<IpNet>), VerbError> {
    let (node, addresses) = text.split_once(':').unwrap_or((text, ""));
    let help = "write NODE:ADDRESS/LENGTH, like left:10.0.9.1/24";
    let node = node
        .parse()
        .map_err(|e: hallway_spec::InvalidName| VerbError::usage(e.to_string(), help))?;
    let addresses = addresses
        .split(',')
        .filter(|a| !a.is_empty())
        .map(|a| {
            a.parse().ok().ok_or_else(|| {
                VerbError::usage(
                    format!("{a:?} is not an address with a prefix length"),
                    help,
                )
            })
        })
        .collect::<Result<_, _>>()?;
    Ok((node, addresses))
}
