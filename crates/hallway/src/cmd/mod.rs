//! The verbs, one file each.

pub(crate) mod bench;
pub(crate) mod capture;
mod convert;
pub(crate) mod doctor;
mod down;
mod edit;
mod ends;
mod events;
pub(crate) mod exec;
mod gc;
pub(crate) mod graph;
mod growing;
mod impair;
mod install;
mod list;
mod logs;
mod ls;
mod man;
mod plan;
mod programs;
mod prove;
mod reachability;
mod sandbox;
mod serve;
mod status;
mod test;
mod trace;
mod unlink;
mod up;

use std::process::ExitCode;
use std::time::Duration;

use crate::args::{Args, Common, LinkVerb, NetworkVerb, NodeVerb, PlanFormat, PolicyVerb, Verb};
use crate::diagnose::VerbError;
use crate::failure::CommandCode;
use crate::{complete, ui};

/// Runs a verb. Each of the functions below runs one group of verbs and calls the next for others.
pub(crate) fn run(args: Args) -> Result<ExitCode, VerbError> {
    let common = &args.common;
    match args.verb {
        Verb::Up {
            file,
            wait_timeout,
            test,
            no_repair,
            through,
            watch,
            replace,
            attach,
            detach: _, // as without it
            familiar,
        } => {
            let options = up::UpOptions {
                wait_limit: Duration::from_secs(wait_timeout),
                all_ready: familiar.wait,
                test,
                repair: !no_repair,
                allow_through: through.allow_through,
                watch,
                replace,
                attach,
            };
            up::run(common, &file, &options)
        }
        Verb::Down { file, familiar: _ } => down::run(common, &file),
        Verb::Plan {
            file,
            format: PlanFormat::Shell,
            through,
            remove,
            ..
        } => plan::script(common, &file, &through.allow_through, remove),
        Verb::Plan { remove: true, .. } => Err(VerbError::usage(
            CommandCode::WrongFlag,
            "--remove needs --format shell",
            "add --format shell",
        )),
        Verb::Plan {
            file,
            format,
            through,
            detailed_exitcode,
            ..
        } => {
            let json = format == PlanFormat::Json;
            plan::run(
                common,
                &file,
                &through.allow_through,
                json,
                detailed_exitcode,
            )
        }
        Verb::Validate { file, format } => plan::validate(common, &file, format.format),
        Verb::Exec(args) => exec::run(common, args),
        Verb::Shell(at) => exec::shell(common, &at),
        verb @ Verb::Logs { .. } => logged(common, verb),
        Verb::Start { nodes } => programs::run(common, programs::ProgramChange::Start, &nodes),
        Verb::Stop { nodes } => programs::run(common, programs::ProgramChange::Stop, &nodes),
        Verb::Restart { nodes } => programs::run(common, programs::ProgramChange::Restart, &nodes),
        verb => show(common, verb),
    }
}

/// `logs`: of programs, or of events.
fn logged(common: &Common, verb: Verb) -> Result<ExitCode, VerbError> {
    match verb {
        Verb::Logs {
            follow,
            tail,
            events: true,
            format,
            ..
        } => events::run(common, follow, tail, format.format),
        Verb::Logs {
            nodes,
            follow,
            tail,
            since,
            timestamps,
            format,
            ..
        } => {
            let lines = logs::Lines {
                tail,
                since,
                timestamps,
                format: format.format,
            };
            logs::run(common, &nodes, follow, &lines)
        }
        verb => show(common, verb),
    }
}

/// Runs the verbs that show the present state.
fn show(common: &Common, verb: Verb) -> Result<ExitCode, VerbError> {
    match verb {
        Verb::Status { format, exit_code } => status::status(common, format.format, exit_code),
        Verb::Ls { all, format } => ls::projects(common, all, format.format),
        Verb::Inspect { name } => list::inspect(common, &name),
        Verb::Node {
            verb: NodeVerb::Ls { format },
        } => list::list(common, list::Listing::Nodes, format.format),
        Verb::Network {
            verb: NetworkVerb::Ls { format },
        } => list::list(common, list::Listing::Networks, format.format),
        Verb::Link {
            verb: LinkVerb::Rm { a, b },
        } => unlink::run(common, [&a, &b]),
        Verb::Link {
            verb: LinkVerb::Ls { format },
        } => list::list(common, list::Listing::Links, format.format),
        Verb::Policy {
            verb: PolicyVerb::Ls { format },
        } => list::list(common, list::Listing::Policies, format.format),
        Verb::Impair {
            target,
            settings,
            clear,
            format,
        } => impair::run(common, target.as_deref(), &settings, clear, format.format),
        Verb::Export(args) => convert::write_out(common, args.format),
        Verb::Import(file) => convert::read_in(common, &file),
        Verb::Graph(args) => graph::run(common, &args),
        Verb::Capture(args) => capture::run(common, &args),
        verb => predict_and_test(common, verb),
    }
}

/// Runs the verbs that predict and test reachability.
fn predict_and_test(common: &Common, verb: Verb) -> Result<ExitCode, VerbError> {
    match verb {
        Verb::Explain { pair, file, format } => {
            reachability::explain(common, &file.into(), &pair, format.format)
        }
        Verb::Reach {
            pair,
            timeout_ms,
            format,
        } => reachability::reach(
            common,
            &pair,
            Duration::from_millis(timeout_ms),
            format.format,
        ),
        Verb::Trace {
            pair,
            explain,
            follow,
            count,
            timeout_ms,
            format,
        } => trace::run(
            common,
            &pair,
            &trace::TraceOptions {
                explain,
                follow: follow.then(|| count.unwrap_or(usize::MAX)),
                timeout: Duration::from_millis(timeout_ms),
                format: format.format,
            },
        ),
        Verb::Test(args) => test::run(common, &args),
        verb => machine(common, verb),
    }
}

/// Runs the verbs that concern the machine and the program; all remaining verbs are edits.
fn machine(common: &Common, verb: Verb) -> Result<ExitCode, VerbError> {
    match verb {
        Verb::Schema => {
            ui::json(&hallway_spec::schema());
            Ok(ExitCode::SUCCESS)
        }
        Verb::Doctor { format } => doctor::run(common, format.format),
        Verb::Gc { yes, format } => gc::run(common, yes, format.format),
        Verb::Sandbox { verb } => sandbox::run(common, verb),
        Verb::Install { verb } => install::run(verb),
        Verb::Serve { ports } => serve::run(&ports),
        Verb::Bench { verb } => bench::run(common, verb),
        Verb::Completions { shell } => {
            let script = complete::script(shell);
            let script = script
                .map_err(|e| VerbError::usage(CommandCode::BadArgument, e.to_string(), ""))?;
            ui::out(&script);
            Ok(ExitCode::SUCCESS)
        }
        Verb::Man { output } => man::run(output.as_deref()),
        Verb::Version => {
            ui::version();
            Ok(ExitCode::SUCCESS)
        }
        verb => edit::run(common, verb),
    }
}
