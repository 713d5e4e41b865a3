//! `impair`: changes what interfaces do to the packets they send, or lists it.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use hallway_plan::Settled;
use hallway_plan::settled::{Interface, Node};
use hallway_plan::shaping::Shaping;
use hallway_spec::{
    Bandwidth, Edit, Impaired, ImpairmentChange, Impairments, InvalidName, Name, nearest,
};
use hallway_view::json;

use super::edit;
use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::failure::CommandCode;
use crate::scope::Scope;
use crate::{interrupt, named, ui};

const EXAMPLE: &str = "write it like: hallway impair web:eth0 delay=50ms loss=1%";

pub(crate) fn run(
    common: &Common,
    target: Option<&str>,
    settings: &[String],
    clear: bool,
    format: Format,
) -> Result<ExitCode, VerbError> {
    let started = Instant::now();
    let cancel = interrupt::watch();
    let set = read(target, settings)?;
    let texts: Vec<&str> = target.into_iter().collect();
    let scope = named::here(common, &texts)?;
    let (project, settled) = named::present(common, &scope, &texts)?;
    let chosen = chosen(common, &scope, &settled, target)?;
    if settings.is_empty() && !clear {
        list(&chosen, format);
        return Ok(ExitCode::SUCCESS);
    }
    let names: Vec<String> = chosen
        .iter()
        .map(|(node, interface)| format!("{}:{}", node.name, interface.name))
        .collect();
    let done = match settings {
        [] => format!("{}: impairments removed", names.join(", ")),
        settings => format!("{}: {}", names.join(", "), settings.join(" ")),
    };
    let change = Edit::Impair(ImpairmentChange {
        at: chosen
            .iter()
            .filter_map(|(node, interface)| place(&settled, node, interface))
            .collect(),
        clear,
        set: set.impairments,
        rate: set.limit,
    });
    let run = edit::Run {
        project: &project,
        change: &change,
        done: &done,
        started,
        cancel: &cancel,
    };
    edit::carry_out(common, scope, &run)
}

/// The place of an interface in the file.
fn place(settled: &Settled, node: &Node, interface: &Interface) -> Option<Impaired> {
    let name = node.name.clone();
    if let Some(network) = interface.plug.network() {
        return Some(Impaired::Attachment {
            node: name,
            network: network.clone(),
        });
    }
    let end = node.interface_ref(&interface.name);
    let mut cables = settled.cables.iter();
    let link = cables.position(|c| c.a == end || c.b == end)?;
    Some(Impaired::CableEnd { node: name, link })
}

/// The interfaces that match a target: of every node that its name means.
fn chosen<'s>(
    common: &Common,
    scope: &Scope,
    settled: &'s Settled,
    target: Option<&str>,
) -> Result<Vec<(&'s Node, &'s Interface)>, VerbError> {
    let pairs = |node: &'s Node| node.interfaces.iter().map(move |i| (node, i));
    let Some(target) = target else {
        return Ok(settled.nodes.iter().flat_map(pairs).collect());
    };
    let (name, interface) = match target.split_once(':') {
        Some((name, interface)) => (name, Some(interface)),
        None => (target, None),
    };
    let name: Name = name.parse().map_err(|e: InvalidName| {
        VerbError::usage(CommandCode::BadArgument, e.to_string(), EXAMPLE)
    })?;
    let nodes = named::nodes(common, scope, settled, &name)?;
    let found: Vec<_> = nodes
        .iter()
        .flat_map(|node| pairs(node))
        .filter(|(_, i)| interface.is_none_or(|wanted| i.name == wanted))
        .collect();
    if found.is_empty() {
        let all = nodes.iter().flat_map(|n| &n.interfaces);
        let known: Vec<&str> = all.map(|i| i.name.as_str()).collect();
        return Err(VerbError::usage(
            CommandCode::NoInterface,
            format!(
                "node {name} has no interface {}",
                interface.unwrap_or_default()
            ),
            format!("its interfaces: {}", known.join(", ")),
        ));
    }
    Ok(found)
}

/// The settings of the command line.
fn read(target: Option<&str>, settings: &[String]) -> Result<Shaping, VerbError> {
    if target.is_some_and(|t| t.contains('=')) {
        return Err(VerbError::usage(
            CommandCode::BadArgument,
            "no node is named",
            EXAMPLE,
        ));
    }
    let mut out = Shaping::NONE;
    for setting in settings {
        let (key, text) = setting.split_once('=').ok_or_else(|| {
            VerbError::usage(
                CommandCode::BadArgument,
                format!("{setting:?} is not KEY=VALUE"),
                EXAMPLE,
            )
        })?;
        let to: &mut Impairments = &mut out.impairments;
        match key {
            "delay" => to.delay = Some(value(text)?),
            "jitter" => to.jitter = Some(value(text)?),
            "loss" => to.loss = Some(value(text)?),
            "duplicate" => to.duplicate = Some(value(text)?),
            "corrupt" => to.corrupt = Some(value(text)?),
            "reorder" => to.reorder = Some(value(text)?),
            "rate" => out.limit = Some(value::<Bandwidth>(text)?),
            other => return Err(unknown(other)),
        }
    }
    Ok(out)
}

fn unknown(key: &str) -> VerbError {
    let known = Impairments::KEYS.into_iter().chain(["rate"]);
    let words: Vec<&str> = known.clone().collect();
    let help = match nearest(key, known) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("one of {}", words.join(", ")),
    };
    VerbError::usage(
        CommandCode::BadArgument,
        format!("{key:?} is not an impairment"),
        help,
    )
}

fn value<T: FromStr>(text: &str) -> Result<T, VerbError>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|why: T::Err| VerbError::usage(CommandCode::BadArgument, why.to_string(), EXAMPLE))
}

fn list(chosen: &[(&Node, &Interface)], format: Format) {
    if format == Format::Json {
        ui::json(&json::impairments(chosen));
        return;
    }
    let head = ["NODE", "INTERFACE", "NETWORK", "SENDS WITH"].map(str::to_owned);
    let mut rows = vec![head.to_vec()];
    for (node, interface) in chosen {
        let shaping = Shaping::new(interface.bandwidth, &interface.impairments);
        let words = match (shaping.needs_netem(), shaping.limit) {
            (false, Some(limit)) => format!("rate {limit}"),
            _ => shaping.to_string(),
        };
        let network = interface.plug.network();
        let network = network.map_or_else(|| "(link)".to_owned(), ToString::to_string);
        if shaping != Shaping::NONE {
            rows.push(vec![
                node.name.to_string(),
                interface.name.clone(),
                network,
                words,
            ]);
        }
    }
    ui::table(&rows);
}
