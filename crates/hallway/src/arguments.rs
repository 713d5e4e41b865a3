//! The command line together with the environment: each flag is also a variable, named HALLWAY_ and
//! its name. The command line takes precedence; an empty variable is ignored.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::builder::{FalseyValueParser, Resettable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{
    Arg, ArgAction, ArgMatches, Args as _, Command, CommandFactory as _, FromArgMatches, Subcommand,
};

use crate::args::{Args, Common, LinkVerb, NetworkVerb, NodeVerb, PolicyVerb, Verb};
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
    if let (false, Some(args)) = (help, of_part(std::env::args_os(), &words, &present)) {
        return Ok(args);
    }
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
        Err(error) if HELP.contains(&error.kind()) => match help {
            true => Err(error),
            false => parse(command_line::command(), &is_set),
        },
        Err(error) => Err(match without_variables(error.kind()) {
            Some(of_the_line) => of_the_line,
            None => of_variable(error),
        }),
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

/// Names the variable that a value comes from, in place of the flag, which was not typed.
fn of_variable(mut error: clap::Error) -> clap::Error {
    let name = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => flag.split(' ').next(),
        _ => None,
    };
    let name = name.and_then(|flag| flag.strip_prefix("--"));
    if let Some(name) = name.map(variable).filter(|name| is_set(name)) {
        error.insert(ContextKind::InvalidArg, ContextValue::String(name));
    }
    error
}

/// The variable of a flag.
fn variable(flag: &str) -> String {
    format!("HALLWAY_{}", flag.replace('-', "_").to_uppercase())
}

/// Whether a value that a flag does not take is one of a flag of the same name, of another verb: a variable
/// is for all of them.
fn is_of_others(arg: &Arg, name: &str) -> bool {
    let Some(value) = std::env::var(name).ok() else {
        return false;
    };
    let takes = |arg: &Arg| {
        let all = arg.get_possible_values();
        all.iter().any(|possible| possible.matches(&value, false))
    };
    let same = |other: &&Arg| other.get_long() == arg.get_long();
    let of_verb = |verb: &Command| verb.get_arguments().filter(same).any(takes);
    let all = !arg.get_possible_values().is_empty() && !takes(arg);
    all && Args::command().get_subcommands().any(of_verb)
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
    let command = clap::Command::new("hallway")
        .args(own)
        .subcommand(verb.clone());
    Args::from_arg_matches(&matches(command, std::env::args_os(), present)?).ok()
}

fn matches(
    mut command: Command,
    line: impl IntoIterator<Item = OsString>,
    present: &BTreeSet<String>,
) -> Option<ArgMatches> {
    if !present.is_empty() {
        command = with_variables(command, present, &is_set);
    }
    let mut command = ManuallyDrop::new(command);
    command.try_get_matches_from_mut(line).ok()
}

/// A verb that changes one part of a project: its name, what defines its verbs, and what reads them.
type Part = (
    &'static str,
    fn(Command) -> Command,
    fn(&ArgMatches) -> Result<Verb, clap::Error>,
);

const PARTS: [Part; 4] = [
    ("node", NodeVerb::augment_subcommands, |found| {
        NodeVerb::from_arg_matches(found).map(|verb| Verb::Node { verb })
    }),
    ("network", NetworkVerb::augment_subcommands, |found| {
        NetworkVerb::from_arg_matches(found).map(|verb| Verb::Network { verb })
    }),
    ("link", LinkVerb::augment_subcommands, |found| {
        LinkVerb::from_arg_matches(found).map(|verb| Verb::Link { verb })
    }),
    ("policy", PolicyVerb::augment_subcommands, |found| {
        PolicyVerb::from_arg_matches(found).map(|verb| Verb::Policy { verb })
    }),
];

/// As [`of_verb`], for the verbs that change one part, without the definitions of all others: to
/// make those takes a tenth of the time in which a node is added.
fn of_part(
    line: impl IntoIterator<Item = OsString>,
    words: &[OsString],
    present: &BTreeSet<String>,
) -> Option<Args> {
    let (name, define, read) = words
        .iter()
        .find_map(|word| PARTS.iter().find(|(name, ..)| word == name))?;
    let command =
        Common::augment_args(Command::new("hallway")).subcommand(define(Command::new(*name)));
    let found = matches(command, line, present)?;
    Some(Args {
        common: Common::from_arg_matches(&found).ok()?,
        verb: read(found.subcommand_matches(name)?).ok()?,
    })
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
    let name = variable(long);
    let shown = arg.get_env().is_some();
    match arg.get_action() {
        // An empty variable would be an invalid value.
        _ if shown && !set(&name) && std::env::var_os(&name).is_some() => {
            arg.env(Resettable::Reset)
        }
        _ if set(&name) && is_of_others(&arg, &name) => arg.env(Resettable::Reset),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_as_with_all_verbs_known() {
        for line in [
            "hallway node add a --network n --publish 8080:80",
            "hallway -p node node add a --network n",
            "hallway --host --state-dir /x node rm a -q",
            "hallway node ls -p shop --format json",
            "hallway network add n --subnet 10.1.0.0/24",
            "hallway link add a b",
            "hallway link rm a b",
            "hallway policy ls",
        ] {
            let line: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let alone = of_part(line.clone(), &line, &BTreeSet::new());
            let all = Args::from_arg_matches(&Args::command().try_get_matches_from(&line).unwrap());
            assert_eq!(
                format!("{:?}", alone.unwrap()),
                format!("{:?}", all.unwrap())
            );
        }
        for line in [
            "hallway up node",
            "hallway exec node ls",
            "hallway node",
            "hallway node add",
        ] {
            let line: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(
                of_part(line.clone(), &line, &BTreeSet::new()).is_none(),
                "{line:?}"
            );
        }
    }
}
