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

/// What to type instead of a command line's verb.
pub(crate) fn instead(error: &clap::Error) -> Option<(String, &'static str)> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(verb)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let (_, text) = INSTEAD
        .iter()
        .find(|(verbs, _)| verbs.contains(&verb.as_str()))?;
    Some((verb.clone(), text))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::args::Args;

    #[test]
    #[allow(clippy::unwrap_used)] // what fails is the test
    fn no_verb_of_ours_is_among_them_and_those_named_exist() {
        let ours = Args::command();
        for (verbs, text) in INSTEAD {
            for verb in *verbs {
                let error = Args::try_parse_from(["hallway", verb]).unwrap_err();
                assert_eq!(instead(&error), Some(((*verb).to_owned(), *text)));
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
