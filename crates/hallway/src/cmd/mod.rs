//! One file a verb.

pub(crate) mod bench;
mod doctor;
mod down;
mod edit;
pub(crate) mod exec;
mod gc;
mod list;
mod logs;
mod plan;
mod sandbox;
mod serve;
mod up;
mod workload;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Args, LinkVerb, NetworkVerb, NodeVerb, Verb};
use crate::diagnose::Trouble;
use crate::ui;

/// Runs a verb.
pub(crate) fn run(args: Args) -> Result<ExitCode, Trouble> {
    let common = &args.common;
    match args.verb {
        Verb::Up { file, wait_timeout } => up::run(common, &file, wait_timeout),
        Verb::Down { file } => down::run(common, &file),
        Verb::Plan {
            file,
            format,
            detailed_exitcode,
        } => plan::run(common, &file, format.format, detailed_exitcode),
        Verb::Validate { file, format } => plan::validate(common, &file, format.format),
        Verb::Status { format } => list::status(common, format.format),
        Verb::Ls { format } => list::projects(common, format.format),
        Verb::Inspect { name } => list::inspect(common, &name),
        Verb::Exec { node, command } => exec::run(common, &node, command),
        Verb::Shell { node } => exec::shell(common, &node),
        Verb::Logs {
            node,
            follow,
            tail,
            format,
        } => logs::run(common, node.as_ref(), (follow, tail), format.format),
        Verb::Restart { node } => logs::restart(common, node.as_ref()),
        Verb::Export => list::export(common),
        Verb::Schema => {
            ui::json(&hallway_spec::schema());
            Ok(ExitCode::SUCCESS)
        }
        Verb::Doctor { format } => doctor::run(common, format.format),
        Verb::Gc { yes, format } => gc::run(common, yes, format.format),
        Verb::Sandbox { verb } => sandbox::run(common, verb),
        Verb::Node {
            verb: NodeVerb::Ls { format },
        } => list::part(common, list::Part::Nodes, format.format),
        Verb::Network {
            verb: NetworkVerb::Ls { format },
        } => list::part(common, list::Part::Networks, format.format),
        Verb::Link {
            verb: LinkVerb::Ls { format },
        } => list::part(common, list::Part::Links, format.format),
        Verb::Serve { ports } => serve::run(&ports),
        Verb::Bench { verb } => bench::run(common, verb),
        Verb::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "hallway", &mut out);
            ui::out(&String::from_utf8_lossy(&out));
            Ok(ExitCode::SUCCESS)
        }
        Verb::Man => {
            let mut out = Vec::new();
            clap_mangen::Man::new(Args::command())
                .render(&mut out)
                .map_err(|e| Trouble::usage(e.to_string(), ""))?;
            ui::out(&String::from_utf8_lossy(&out));
            Ok(ExitCode::SUCCESS)
        }
        verb => edit::run(common, verb),
    }
}
