//! `hallway`: container networks for Linux, from one file.

mod above;
mod again;
mod args;
mod arguments;
mod chosen;
mod cmd;
mod command_line;
mod complete;
mod diagnose;
#[cfg(test)]
mod doc_pages;
mod environment;
mod failure;
mod familiar_commands;
mod imported;
mod input;
mod interrupt;
mod named;
mod other_scopes;
mod place_flags;
mod places;
mod progress;
mod scope;
mod source;
mod state_dir;
mod subject;
mod suggestions;
mod time;
mod ui;
mod unusable;

use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ErrorKind};

fn main() -> ExitCode {
    if let Err(failure) = hallway_engine::enter::check_rights() {
        diagnose::brief(&failure);
        return ExitCode::FAILURE;
    }
    if let Err(low) = hallway_engine::stack::grow() {
        return stack_too_small(low);
    }
    // Parts of hallway that run as separate processes; not for users.
    let mut words = environment::words().skip(1);
    match words.next().as_deref() {
        Some("version" | "--version" | "-V") => {
            ui::version();
            return ExitCode::SUCCESS;
        }
        Some("__hold") => {
            let arguments: Vec<String> = words.skip(1).collect();
            return internal(hallway_engine::sandbox::hold(&arguments).map_err(|f| f.to_string()));
        }
        Some("__porter") => {
            return internal(hallway_engine::keeper::serve_porter().map_err(|e| e.to_string()));
        }
        Some("__keeper") => return internal(serve_keeper(words).map_err(|e| e.to_string())),
        Some("__program") => {
            return internal(hallway_keeper::run_program().map_err(|e| e.to_string()));
        }
        Some("__ids") => {
            if hallway_engine::doctor::user_namespace() {
                ui::line("");
                std::io::stdin().read_line(&mut String::new()).ok();
            }
            return ExitCode::SUCCESS;
        }
        Some("__try") => {
            return internal(cmd::doctor::attempt(words).map_err(|f| f.to_string()));
        }
        Some("__bare") => {
            let nodes = words.next().unwrap_or_default();
            return internal(cmd::bench::bare(&nodes).map_err(|f| f.to_string()));
        }
        Some("__endpoints") => {
            let mut word = || words.next().unwrap_or_default();
            let (directory, nodes) = (word(), word());
            let printed = cmd::bench::endpoints::print(&directory, &nodes);
            return internal(printed.map_err(|error| error.to_string()));
        }
        _ => {}
    }
    clap_complete::CompleteEnv::with_factory(command_line::command)
        .var(complete::VARIABLE)
        .complete();
    let args = match arguments::arguments() {
        Ok(args) => args,
        Err(error) => return wrong_usage(error),
    };
    let common = args.common.clone();
    done(cmd::run(args), &common)
}

fn stack_too_small(low: hallway_engine::stack::StackLimit) -> ExitCode {
    let (limit, needed) = (low.limit / 1024, low.needed / 1024);
    ui::err(&format!(
        "error: the stack of a process is limited to {limit} KiB here, and hallway needs {needed} KiB\n  help: allow more in the shell or service that starts it: ulimit -s {needed}, or LimitSTACK={needed}K of systemd\n"
    ));
    ExitCode::FAILURE
}

/// The exit code of a verb; data that could not be printed is a failure.
fn done(result: Result<ExitCode, diagnose::VerbError>, common: &args::Common) -> ExitCode {
    match result {
        Ok(code) => match ui::output_error() {
            None => code,
            Some(error) => {
                ui::err(&format!(
                    "error: cannot write to standard output: {error}\n"
                ));
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            diagnose::print(&error, common);
            ExitCode::from(error.exit_code())
        }
    }
}

/// clap's message, or a better one where what was meant is clear.
fn wrong_usage(mut error: clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::UnknownArgument {
        // The tip that the flag can be passed as a value after `--` does not help here.
        error.remove(ContextKind::Suggested);
    }
    suggestions::keep_similar(&mut error);
    let error = &error;
    let verb = familiar_commands::verb(error).unwrap_or_default();
    if familiar_commands::asks_for_version(error) {
        ui::version();
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = environment::words().collect();
    let before = words.windows(2).find_map(|pair| match pair {
        [before, word] => (word == verb).then_some(before.as_str()),
        _ => None,
    });
    let instead = familiar_commands::instead(error, before.unwrap_or_default());
    // A word may also be the value of a flag.
    let known = args::Args::command();
    let mut ours = words.iter().skip(1).map(String::as_str);
    let ours = ours.find(|w| known.find_subcommand(w).is_some());
    let ours = ours.unwrap_or_default();
    let flag = familiar_commands::instead_of_flag(error, ours);
    if let Some((text, help)) = familiar_commands::in_other_order(error, &words) {
        ui::complain(&format!("error: {text}"), 4);
        ui::complain(&format!("  help: {help}"), 4);
        return ExitCode::from(2);
    }
    let said = match (instead, flag) {
        (Some((verb, instead)), _) => {
            (format!("hallway has no command {verb}"), instead.to_owned())
        }
        (None, Some((flag, instead))) => (format!("there is no argument {flag} here"), instead),
        (None, None) => {
            if error.kind() == ErrorKind::MissingSubcommand && ours.is_empty() {
                ui::err("error: no command is given\n");
                let help = "  help: hallway help lists them; hallway -V prints the version";
                ui::complain(help, 4);
                return ExitCode::from(2);
            }
            if let Some((text, help)) = suggestions::no_number(error) {
                ui::complain(&format!("error: {text}"), 4);
                ui::complain(&format!("  help: {help}"), 4);
                return ExitCode::from(2);
            }
            print_usage(error);
            let help = familiar_commands::instead_of_words(error, ours);
            let help = help.or_else(|| familiar_commands::instead_of_value(error));
            if let Some(help) = help {
                ui::complain(&format!("  help: {help}"), 4);
            }
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    ui::complain(&format!("error: {}", said.0), 4);
    ui::complain(&format!("  help: {}", said.1), 4);
    ExitCode::from(2)
}

/// clap's message; on a terminal its lines are broken at spaces. Help has the width of the terminal already.
fn print_usage(error: &clap::Error) {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.print().ok();
        return;
    }
    for line in error.render().ansi().to_string().lines() {
        ui::complain(line, 4);
    }
}

/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// The arguments are those of `engine::keeper::Client::start`.
fn serve_keeper(mut words: impl Iterator<Item = String>) -> std::io::Result<()> {
    let project = words.next().unwrap_or_default();
    let directory = words.next().unwrap_or_default().into();
    let mut number = || words.next().and_then(|w| w.parse::<u64>().ok());
    let (holder, starter, open_files) = (number(), number(), number());
    let pid = |number: u64| i32::try_from(number).ok();
    hallway_keeper::serve(&hallway_keeper::Options {
        program: "/proc/self/exe".into(),
        project,
        directory,
        scope: words.next().unwrap_or_default().into(),
        holder: holder.and_then(pid),
        starter: starter.and_then(pid),
        grace: GRACE,
        open_files,
    })
}

fn internal(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            ui::err(&format!("hallway: {message}\n"));
            ExitCode::FAILURE
        }
    }
}
