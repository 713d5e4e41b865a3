//! The command line together with the environment: each flag is also a variable, named HALLWAY_ and
//! its name. The command line takes precedence; an empty variable is ignored.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::builder::{FalseyValueParser, Resettable};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, CommandFactory as _, FromArgMatches};

use crate::args::Args;
use crate::command_line;

/// The arguments of this run.
pub(crate) fn arguments() -> Result<Args, clap::Error> {
    let present = flags_in_environment();
    let parse = |command: Command, variables: &dyn Fn(&str) -> bool| {
        let mut command = match present.is_empty() {
            true => command,
            false => with_variables(command, &present, variables),
        };
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Args::from_arg_matches(&matches).map_err(|e| e.format(&mut command))
    };
    let words: Vec<OsString> = std::env::args_os()
        .skip(1)
        .take_while(|w| w != "--")
        .collect();
    let asks = |word: &OsString| word == "-h" || word == "--help";
    // What only help needs is made only for help: making it takes longer than many commands.
    let help = words.first().is_none_or(|word| word == "help") || words.iter().any(asks);
    let made = match help {
        true => command_line::command,
        false => Args::command,
    };
    // Not freed one by one: all of it ends with the process.
    let all = ManuallyDrop::new(made());
    if let (false, Some(args)) = (help, of_verb(&all, &words, &present)) {
        return Ok(args);
    }
    match parse(ManuallyDrop::into_inner(all), &is_set) {
        // A file on the command line takes precedence over the variable's.
        Err(error) if error.kind() == ErrorKind::ArgumentConflict && is_set("HALLWAY_FILE") => {
            let other = |name: &str| name != "HALLWAY_FILE" && is_set(name);
            parse(made(), &other)
        }
        Err(error) if !help && HELP.contains(&error.kind()) => {
            parse(command_line::command(), &is_set)
        }
        Err(error) => Err(without_variables(error.kind()).unwrap_or(error)),
        outcome => outcome,
    }
}

/// The same error without the variables: the usage in its message shows options that have a value, but
/// a value from a variable is not an option on the command line.
fn without_variables(kind: ErrorKind) -> Option<clap::Error> {
    let mut command = unset(Args::command());
    let error = command
        .try_get_matches_from_mut(std::env::args_os())
        .err()?;
    (error.kind() == kind).then_some(error)
}

fn unset(command: Command) -> Command {
    let reset = |arg: Arg| match arg.get_env() {
        Some(_) => arg.env(Resettable::Reset),
        None => arg,
    };
    command.mut_args(reset).mut_subcommands(unset)
}

/// The arguments, with only the verb prepared that is meant: the others take longer than many a
/// command. `None` where that fails: what is wrong is said with all verbs known, also where the value
/// of an option was taken for the verb.
fn of_verb(all: &Command, words: &[OsString], present: &BTreeSet<String>) -> Option<Args> {
    let verb = words.iter().find_map(|word| all.find_subcommand(word))?;
    let own = all.get_arguments().cloned();
    let mut command = clap::Command::new("hallway")
        .args(own)
        .subcommand(verb.clone());
    if !present.is_empty() {
        command = with_variables(command, present, &is_set);
    }
    let mut command = ManuallyDrop::new(command);
    let matches = command.try_get_matches_from_mut(std::env::args_os()).ok()?;
    Args::from_arg_matches(&matches).ok()
}

const HELP: [ErrorKind; 2] = [
    ErrorKind::DisplayHelp,
    ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
];

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// The flags whose variable exists, even if it is empty. Most commands have none or one, and checking
/// every flag of every verb takes longer than many commands.
fn flags_in_environment() -> BTreeSet<String> {
    std::env::vars_os()
        .filter_map(|(name, _)| {
            let flag = name.to_str()?.strip_prefix("HALLWAY_")?;
            Some(flag.to_lowercase().replace('_', "-"))
        })
        .collect()
}

fn with_variables(
    command: Command,
    present: &BTreeSet<String>,
    set: &dyn Fn(&str) -> bool,
) -> Command {
    command
        .mut_args(|arg| with_variable(arg, present, set))
        .mut_subcommands(|verb| with_variables(verb, present, set))
}

fn with_variable(arg: Arg, present: &BTreeSet<String>, set: &dyn Fn(&str) -> bool) -> Arg {
    let Some(long) = arg.get_long().filter(|long| present.contains(*long)) else {
        return arg;
    };
    let name = format!("HALLWAY_{}", long.replace('-', "_").to_uppercase());
    let shown = arg.get_env().is_some();
    match arg.get_action() {
        // An empty variable would be an invalid value.
        _ if shown && !set(&name) && std::env::var_os(&name).is_some() => {
            arg.env(Resettable::Reset)
        }
        _ if shown => arg,
        // Help shows the variables of every verb only.
        ArgAction::SetTrue if set(&name) => arg
            .value_parser(FalseyValueParser::new())
            .env(name)
            .hide_env(true),
        ArgAction::Set | ArgAction::Append | ArgAction::Count if set(&name) => {
            arg.env(name).hide_env(true)
        }
        _ => arg,
    }
}
