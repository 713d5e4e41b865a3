//! Verbs of other programs: what to type instead.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The verbs of other programs (Docker, Compose, containerlab, ip, Vagrant), and of hallway.
const INSTEAD: &[(&[&str], &str)] = &[
    (
        &["config", "convert"],
        "hallway validate checks the file; hallway import prints the translation of a Compose file",
    ),
    (
        &[
            "create", "deploy", "build", "pull", "push", "images", "image",
        ],
        "hallway up builds everything; programs are those of this machine, so there are no images to build or pull",
    ),
    (
        &["destroy", "delete", "remove", "clean", "prune"],
        "hallway down removes the project; hallway gc lists what is left of projects that are not on record",
    ),
    (
        &["rm"],
        "hallway node rm NODE, or hallway down for the whole project",
    ),
    (
        &["run"],
        "hallway exec NODE -- COMMAND, or hallway node add NAME --network NETWORK -- COMMAND",
    ),
    (
        &["kill", "pause", "unpause"],
        "hallway stop NODE, and hallway start NODE",
    ),
    (
        &["compose"],
        "hallway up reads a Compose file itself: hallway up compose.yaml",
    ),
    (
        &["cp", "volume", "volumes"],
        "nodes have the files of this machine: nothing has to be copied to them or mounted",
    ),
    (
        &["save"],
        "hallway export prints the running project as a file",
    ),
    (&["attach"], "hallway up --attach, or hallway logs -f"),
    (&["events", "watch"], "hallway logs --events -f"),
    (
        &["port", "list", "show", "top", "stats"],
        "hallway status, or hallway ls",
    ),
    (&["wait"], "hallway up returns when all programs are ready"),
    (&["scale"], "hallway up --scale SERVICE=NUMBER"),
    (
        &["ip", "netns", "addr", "route", "nft"],
        "hallway exec NODE -- ip addr",
    ),
    (
        &["ping", "curl"],
        "hallway reach A B, or hallway exec NODE -- ping ADDRESS",
    ),
    (&["tcpdump", "tshark", "dump"], "hallway capture NODE"),
    (&["enter", "ssh", "bash", "sh"], "hallway shell NODE"),
    (&["check", "lint"], "hallway validate"),
    (&["diff"], "hallway plan"),
    (
        &["init", "new"],
        "write a file as docs/file.md describes it, or begin with hallway network add NAME",
    ),
];

/// Arguments of other programs, and what to type instead.
const INSTEAD_OF_FLAGS: &[(&[&str], &str)] = &[
    (
        &["--build", "--no-build", "--pull"],
        "leave it out: there are no images to build or pull",
    ),
    (
        &["--force-recreate", "--no-recreate", "--remove-orphans"],
        "leave it out: up changes what runs to match the file, and removes what the file does not have",
    ),
    (
        &["--wait"],
        "leave it out: up waits until all programs are ready",
    ),
    (
        &["--no-deps"],
        "hallway start NODE starts the program of one node",
    ),
    (
        &["--volumes", "--rmi"],
        "leave it out: nothing of it is made",
    ),
    (
        &["-i", "-t", "-T", "--tty", "--interactive"],
        "leave it out: a command has the terminal that hallway has; a file is named with -f FILE",
    ),
    (
        &["-u", "--user", "-e", "--env", "-w", "--workdir"],
        "the file has user, environment and working_dir for a node's program; here they are part of the command: exec NODE -- env NAME=VALUE COMMAND",
    ),
    (
        &["-f", "--file", "--topo"],
        "a file is named after the verb: hallway up -f FILE",
    ),
    (&["--project-name"], "-p NAME, or --project NAME"),
];

/// What to type instead of an unknown argument.
pub(crate) fn instead_of_flag(error: &clap::Error) -> Option<(String, &'static str)> {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let known = |(flags, _): &&(&[&str], &str)| flags.contains(&flag.as_str());
    let found = INSTEAD_OF_FLAGS.iter().find(known);
    let (_, text) = found.filter(|_| error.kind() == ErrorKind::UnknownArgument)?;
    Some((flag.clone(), text))
}

/// The verb of a command line, if it is none of hallway.
pub(crate) fn verb(error: &clap::Error) -> Option<&str> {
    let found = error.get(ContextKind::InvalidSubcommand);
    match (error.kind(), found) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(verb))) => Some(verb),
        _ => None,
    }
}

/// Verbs below a verb.
const INSTEAD_BELOW: &[(&str, &str, &str)] = &[
    ("network", "create", "hallway network add NAME"),
    ("network", "inspect", "hallway inspect NAME"),
    ("network", "connect", "hallway connect NODE NETWORK"),
    ("network", "disconnect", "hallway disconnect NODE NETWORK"),
    ("node", "create", "hallway node add NAME --network NETWORK"),
    ("node", "inspect", "hallway inspect NAME"),
    ("link", "create", "hallway link add A:ADDRESS B:ADDRESS"),
];

/// What to type instead of a command line's verb, which comes after `before`.
pub(crate) fn instead(error: &clap::Error, before: &str) -> Option<(String, &'static str)> {
    let verb = verb(error)?;
    if ["network", "node", "link", "sandbox", "policy"].contains(&before) {
        let below = |(parent, below, _): &&(&str, &str, &str)| *parent == before && *below == verb;
        let (.., text) = INSTEAD_BELOW.iter().find(below)?;
        return Some((format!("{before} {verb}"), text));
    }
    let (_, text) = INSTEAD.iter().find(|(verbs, _)| verbs.contains(&verb))?;
    Some((verb.to_owned(), text))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::args::Args;

    #[test]
    #[allow(clippy::unwrap_used)] // what fails is the test
    fn arguments_of_other_programs() {
        for words in [
            &["up", "--build"][..],
            &["up", "--wait"],
            &["exec", "-it", "web", "sh"],
            &["exec", "-u", "nobody", "web", "id"],
            &["-f", "compose.yaml", "up"],
            &["down", "--volumes"],
        ] {
            let words = ["hallway"].iter().chain(words);
            let error = Args::try_parse_from(words.clone()).unwrap_err();
            assert!(instead_of_flag(&error).is_some(), "{words:?}: {error}");
        }
    }

    #[test]
    #[allow(clippy::unwrap_used)] // what fails is the test
    fn no_verb_of_ours_is_among_them_and_those_named_exist() {
        let ours = Args::command();
        for (verbs, text) in INSTEAD {
            for verb in *verbs {
                let error = Args::try_parse_from(["hallway", verb]).unwrap_err();
                assert_eq!(instead(&error, ""), Some(((*verb).to_owned(), *text)));
            }
            for (_, after) in text
                .match_indices("hallway ")
                .map(|(at, w)| text.split_at(at + w.len()))
            {
                let verb: String = after
                    .chars()
                    .take_while(char::is_ascii_alphabetic)
                    .collect();
                let known = ours.find_subcommand(&verb).is_some() || verb == "makes";
                assert!(known, "{verb}");
            }
        }
    }
}
