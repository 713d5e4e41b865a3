//! The one-at-a-time verbs: each edits the project's file as it is on record, and applies it.

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Instant;

use hallway_engine::{Cancel, Caller, EditError};
use hallway_spec::{Action, Edit, Name};
use ipnet::IpNet;

use crate::args::{Common, FileArg, LinkVerb, NetworkVerb, NodeVerb, PolicyArgs, Verb};
use crate::diagnose::{Trouble, warn};
use crate::scope::{Scope, project};
use crate::progress::Reporter;
use crate::{interrupt, ui};

pub(crate) fn run(common: &Common, verb: Verb) -> Result<ExitCode, Trouble> {
    let started = Instant::now();
    let (change, done) = change(verb)?;
    let cancel = interrupt::watch();
    let scope = Scope::enter(common, true, &cancel)?;
    let project = project(common, &FileArg::default(), Some(&scope.engine))?;
    let outcome = apply(common, &scope, &project, &change, &cancel);
    match outcome {
        Ok(changed) => {
            let words = if changed { done.as_str() } else { "nothing to change" };
            let (place, time) = (scope.words(), ui::duration(started.elapsed()));
            ui::note(common, format!("{project}: {words} {place} ({time})"));
            Ok(ExitCode::SUCCESS)
        }
        Err(trouble) => {
            scope.leave(common)?;
            Err(trouble)
        }
    }
}

fn apply(
    common: &Common,
    scope: &Scope,
    project: &Name,
    change: &Edit,
    cancel: &Cancel,
) -> Result<bool, Trouble> {
    let mut reporter = Reporter::new(common);
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel,
    };
    let shown = format!("{project}.yaml");
    match scope.engine.edit(project, change, &mut caller) {
        Ok(edited) => {
            warn(&shown, &edited.text, &edited.warnings, common);
            Ok(edited.applied.changed)
        }
        Err(EditError::Refused(why)) => Err(Trouble::refused(&why)),
        Err(EditError::Invalid(problems)) => Err(Trouble::File(problems)),
        Err(EditError::Conflict { failure, text }) => Err(Trouble::Conflict(failure, shown, text)),
        Err(EditError::Failed(failure)) => Err(Trouble::Failed(failure)),
    }
}

/// What a verb changes, and what to say when it is done.
fn change(verb: Verb) -> Result<(Edit, String), Trouble> {
    Ok(match verb {
        Verb::Node {
            verb:
                NodeVerb::Add {
                    name,
                    network,
                    publish,
                    ready,
                    command,
                },
        } => {
            let said = format!("node {name} added");
            (
                Edit::NodeAdd {
                    name,
                    networks: attachments(&network)?,
                    ports: publish,
                    command,
                    ready,
                },
                said,
            )
        }
        Verb::Node {
            verb: NodeVerb::Rm { name },
        } => {
            let said = format!("node {name} removed");
            (Edit::NodeRemove(name), said)
        }
        Verb::Network {
            verb:
                NetworkVerb::Add {
                    name,
                    subnet,
                    gateway,
                    internal,
                    outside,
                    routed,
                    mtu,
                },
        } => {
            let said = format!("network {name} added");
            (
                Edit::NetworkAdd {
                    name,
                    subnets: subnet,
                    gateways: gateway,
                    internal,
                    outside,
                    routed,
                    mtu,
                },
                said,
            )
        }
        Verb::Network {
            verb: NetworkVerb::Rm { name },
        } => {
            let said = format!("network {name} removed");
            (Edit::NetworkRemove(name), said)
        }
        Verb::Link {
            verb: LinkVerb::Add { a, b },
        } => {
            let (a, b) = (end(&a)?, end(&b)?);
            let said = format!("{} and {} linked", a.0, b.0);
            (Edit::LinkAdd([a, b]), said)
        }
        Verb::Link {
            verb: LinkVerb::Rm { a, b },
        } => {
            let said = format!("link between {a} and {b} removed");
            (Edit::LinkRemove(a, b), said)
        }
        Verb::Connect {
            node,
            network,
            address,
        } => {
            let said = format!("{node} connected to {network}");
            (Edit::Connect(node, network, address), said)
        }
        Verb::Disconnect { node, network } => {
            let said = format!("{node} disconnected from {network}");
            (Edit::Disconnect(node, network), said)
        }
        Verb::Publish { node, port } => {
            let said = format!("{port} of {node} published");
            (Edit::Publish(node, port), said)
        }
        Verb::Unpublish { node, port } => {
            let said = format!("{port} of {node} withdrawn");
            (Edit::Unpublish(node, port), said)
        }
        Verb::Allow(PolicyArgs { from, to, port }) => {
            let said = format!("{from} may reach {to}");
            (
                Edit::Policy {
                    action: Action::Allow,
                    from,
                    to,
                    ports: port,
                },
                said,
            )
        }
        Verb::Deny(PolicyArgs { from, to, port }) => {
            let said = format!("{from} may not reach {to}");
            (
                Edit::Policy {
                    action: Action::Deny,
                    from,
                    to,
                    ports: port,
                },
                said,
            )
        }
        other => return Err(Trouble::usage(format!("{other:?} is no edit"), "")),
    })
}

/// `NETWORK` or `NETWORK=ADDRESS[,ADDRESS]`.
fn attachments(texts: &[String]) -> Result<Vec<(Name, Vec<IpAddr>)>, Trouble> {
    texts
        .iter()
        .map(|text| {
            let (network, addresses) = text.split_once('=').unwrap_or((text, ""));
            let help = "write --network NETWORK or --network NETWORK=ADDRESS";
            let network = network
                .parse()
                .map_err(|e: hallway_spec::InvalidName| Trouble::usage(e.to_string(), help))?;
            let addresses = addresses
                .split(',')
                .filter(|a| !a.is_empty())
                .map(|a| {
                    a.parse()
                        .ok()
                        .ok_or_else(|| Trouble::usage(format!("{a:?} is no address"), help))
                })
                .collect::<Result<_, _>>()?;
            Ok((network, addresses))
        })
        .collect()
}

/// `NODE` or `NODE:ADDRESS/LENGTH[,ADDRESS/LENGTH]`; a bare node name makes a cable without addresses.
fn end(text: &str) -> Result<(Name, Vec<IpNet>), Trouble> {
    let (node, addresses) = text.split_once(':').unwrap_or((text, ""));
    let help = "write NODE:ADDRESS/LENGTH, like left:10.0.9.1/24";
    let node = node
        .parse()
        .map_err(|e: hallway_spec::InvalidName| Trouble::usage(e.to_string(), help))?;
    let addresses = addresses
        .split(',')
        .filter(|a| !a.is_empty())
        .map(|a| {
            a.parse().ok().ok_or_else(|| {
                Trouble::usage(format!("{a:?} is no address with its prefix length"), help)
            })
        })
        .collect::<Result<_, _>>()?;
    Ok((node, addresses))
}
