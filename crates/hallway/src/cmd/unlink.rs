//! `link rm`: removes one cable.

use std::process::ExitCode;
use std::time::Instant;

use hallway_plan::Settled;
use hallway_plan::settled::{Cable, InterfaceRef};
use hallway_spec::{Edit, EditError, Name};

use super::edit;
use crate::args::Common;
use crate::diagnose::VerbError;
use crate::failure::CommandCode;
use crate::{interrupt, named};

/// An end as it is written: the node, and its interface if given.
struct End {
    node: Name,
    interface: Option<String>,
}

pub(crate) fn run(common: &Common, ends: [&str; 2]) -> Result<ExitCode, VerbError> {
    let started = Instant::now();
    let cancel = interrupt::watch();
    let [mut a, mut b] = [end(ends[0])?, end(ends[1])?];
    let scope = named::here(common, &ends)?;
    let (project, settled) = named::present(common, &scope, &ends)?;
    for end in [&mut a, &mut b] {
        let node = named::node(common, &scope, &settled, &end.node)?;
        end.node = node.name.clone();
    }
    let link = only(&settled, &a, &b)?;
    let cable = settled.cables.get(link);
    let done = cable.map(|cable| format!("link between {} removed", words(cable, &a.node)));
    let ends = [a.node, b.node];
    let change = Edit::LinkRemove { ends, link };
    let run = edit::Run {
        project: &project,
        change: &change,
        done: &done.unwrap_or_default(),
        started,
        cancel: &cancel,
    };
    edit::carry_out(common, scope, &run)
}

fn end(text: &str) -> Result<End, VerbError> {
    let (node, interface) = match text.split_once(':') {
        Some((node, interface)) => (node, Some(interface.to_owned())),
        None => (text, None),
    };
    let node = node.parse().map_err(|e: hallway_spec::InvalidName| {
        VerbError::usage(
            CommandCode::BadArgument,
            e.to_string(),
            "write NODE or NODE:INTERFACE, like left:eth0",
        )
    })?;
    Ok(End { node, interface })
}

/// The position of the one cable between two ends.
fn only(settled: &Settled, a: &End, b: &End) -> Result<usize, VerbError> {
    let is = |of: &InterfaceRef, end: &End| {
        of.node == end.node && end.interface.as_ref().is_none_or(|i| *i == of.interface)
    };
    let joins = |c: &Cable| is(&c.a, a) && is(&c.b, b) || is(&c.a, b) && is(&c.b, a);
    let cables = settled.cables.iter().enumerate();
    let found: Vec<(usize, &Cable)> = cables.filter(|(_, c)| joins(c)).collect();
    match found.as_slice() {
        [] => {
            let (a, b) = (a.node.clone(), b.node.clone());
            Err(VerbError::refused(&EditError::NoLink(a, b)))
        }
        [(position, _)] => Ok(*position),
        several => {
            let commands = several.iter().map(|(_, cable)| {
                let (one, other) = sides(cable, &a.node);
                format!("hallway link rm {one} {other}")
            });
            let commands: Vec<String> = commands.collect();
            Err(VerbError::usage(
                CommandCode::SeveralLinks,
                format!(
                    "there are {} links between {} and {}",
                    several.len(),
                    a.node,
                    b.node
                ),
                format!("name the interfaces: {}", commands.join(", or ")),
            ))
        }
    }
}

/// The ends of a cable, that of `first` before the other.
fn sides(cable: &Cable, first: &Name) -> (String, String) {
    match cable.a.node == *first {
        true => (cable.a.to_string(), cable.b.to_string()),
        false => (cable.b.to_string(), cable.a.to_string()),
    }
}

fn words(cable: &Cable, first: &Name) -> String {
    let (one, other) = sides(cable, first);
    format!("{one} and {other}")
}
