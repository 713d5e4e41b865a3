//! Words after a verb that it does not take, or that are missing: what to type instead.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What to type instead of a word that a verb does not take, or where it needs one: the verbs, and the text.
const INSTEAD_OF_WORDS: &[(&[&str], ErrorKind, &str)] = &[
    (
        &["ls", "ps", "status"],
        ErrorKind::UnknownArgument,
        "hallway inspect NAME shows one node or network, hallway logs NODE the output of its program",
    ),
    (
        &["network", "node"],
        ErrorKind::UnknownArgument,
        "one name at a time: hallway network rm NAME, hallway node rm NAME",
    ),
    (
        &["allow", "deny"],
        ErrorKind::UnknownArgument,
        "a port is a flag, and one name is on each side: hallway allow FROM TO --port 80; the file may have lists",
    ),
    (
        &["allow", "deny"],
        ErrorKind::MissingRequiredArgument,
        "each end is a word of its own: hallway allow FROM TO, hallway deny FROM TO",
    ),
    (
        &["reach", "explain", "trace"],
        ErrorKind::MissingRequiredArgument,
        "each end is a word of its own: hallway reach FROM TO",
    ),
    (
        &["test"],
        ErrorKind::UnknownArgument,
        "hallway reach A B tests one pair; hallway test tests what the file expects, hallway test --matrix all pairs",
    ),
    (
        &["reach", "explain", "trace"],
        ErrorKind::UnknownArgument,
        "a port is a flag: hallway reach A B --port 80",
    ),
    (
        &["up"],
        ErrorKind::UnknownArgument,
        "one file at a time; hallway start NODE starts the program of one node, and --profile NAME adds services of a profile",
    ),
    (
        &["capture"],
        ErrorKind::UnknownArgument,
        "an interface belongs to the name: hallway capture NODE:eth0",
    ),
    (
        &["inspect"],
        ErrorKind::MissingRequiredArgument,
        "hallway inspect NAME shows one node or network, hallway status the whole project",
    ),
    (
        &["exec"],
        ErrorKind::MissingRequiredArgument,
        "hallway exec NODE -- COMMAND, or hallway shell NODE for a shell",
    ),
];

/// What to add to a message about the words after a verb.
pub(crate) fn instead_of_words(error: &clap::Error, verb: &str) -> Option<&'static str> {
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) => word.starts_with('-'),
        _ => false,
    };
    let known = |(verbs, kind, _): &&(&[&str], ErrorKind, &str)| {
        verbs.contains(&verb) && *kind == error.kind()
    };
    let found = INSTEAD_OF_WORDS.iter().find(known);
    found.filter(|_| !flag).map(|(.., text)| *text)
}
