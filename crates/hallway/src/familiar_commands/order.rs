//! Words in the order of other programs: `web ping cache` (mininet), `publish 8080:80 web` (Docker).

use clap::error::{ContextKind, ErrorKind};
use hallway_spec::Name;
use hallway_view::shell::quote;

use super::{INSTEAD, verb};

/// Commands that begin with a node.
const OF_NODES: [&str; 14] = [
    "capture",
    "connect",
    "disconnect",
    "explain",
    "impair",
    "inspect",
    "logs",
    "publish",
    "reach",
    "restart",
    "start",
    "stop",
    "trace",
    "unpublish",
];

/// What is wrong, and the command with its words in the right order.
pub(crate) fn in_other_order(error: &clap::Error, words: &[String]) -> Option<(String, String)> {
    let ours: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    match error.kind() {
        ErrorKind::InvalidSubcommand => command(error, &ours),
        ErrorKind::ValueValidation => port(&ours),
        _ => None,
    }
}

/// A node before the command, or `ping` with two ends.
fn command(error: &clap::Error, words: &[&str]) -> Option<(String, String)> {
    let first = verb(error)?;
    let at = words.iter().position(|word| *word == first)?;
    let (flags, rest) = (words.get(..at)?, words.get(at + 1..)?);
    // Not below another command, like `network inspect`; values of flags may come before.
    let below =
        |word: &&str| ["network", "node", "link", "sandbox", "policy", "install"].contains(word);
    if flags.iter().any(below) || error.get(ContextKind::SuggestedSubcommand).is_some() {
        return None;
    }
    let help = match rest {
        [to] if first == "ping" && !to.starts_with('-') => return None,
        [from, to] if first == "ping" && is_name(from) && !to.starts_with('-') => {
            pinged(flags, from, to)
        }
        ["ping", to] if is_name(first) => pinged(flags, first, to),
        ["exec", "--", command @ ..] | ["exec", command @ ..] if is_name(first) => {
            format!("the command comes first: {}", inside(flags, first, command))
        }
        ["shell", ..] if is_name(first) => {
            format!(
                "the command comes first: {}",
                whole(flags, &["shell", first])
            )
        }
        [next, rest @ ..] if is_name(first) && OF_NODES.contains(next) => {
            let words = [&[*next, first], rest].concat();
            format!("the command comes first: {}", whole(flags, &words))
        }
        [program, ..] if is_name(first) && is_program(program) => {
            format!("programs run with exec: {}", inside(flags, first, rest))
        }
        _ => return None,
    };
    Some((format!("hallway has no command {first}"), help))
}

/// A command with the flags that were before the words, as a shell reads it.
fn whole(flags: &[&str], words: &[&str]) -> String {
    let words = ["hallway"].iter().chain(flags).chain(words);
    words.map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn pinged(flags: &[&str], from: &str, to: &str) -> String {
    let ping = whole(flags, &["exec", from, "--", "ping", to]);
    format!("{}, or {ping}", whole(flags, &["reach", from, to]))
}

fn inside(flags: &[&str], node: &str, command: &[&str]) -> String {
    let command = if command.is_empty() {
        &["COMMAND"]
    } else {
        command
    };
    whole(flags, &[&["exec", node, "--"], command].concat())
}

/// Ports before the node.
fn port(words: &[&str]) -> Option<(String, String)> {
    let at = words
        .iter()
        .position(|w| ["publish", "unpublish"].contains(w))?;
    let verb = words.get(at)?;
    let given: Vec<&&str> = words
        .iter()
        .skip(at + 1)
        .filter(|w| !w.starts_with('-'))
        .collect();
    let [port, node] = given.as_slice() else {
        return None;
    };
    (port.contains(':') && is_name(node)).then(|| {
        let flags = words.get(..at).unwrap_or_default();
        let help = format!(
            "the node comes first: {}",
            whole(flags, &[verb, node, port])
        );
        (format!("{port} is not the name of a node"), help)
    })
}

fn is_name(word: &str) -> bool {
    !INSTEAD.iter().any(|(verbs, _)| verbs.contains(&word)) && word.parse::<Name>().is_ok()
}

/// Whether the word is one that is typed in a node.
fn is_program(word: &str) -> bool {
    const OTHERS: [&str; 6] = ["cat", "dig", "ls", "nc", "python3", "traceroute"];
    OTHERS.contains(&word) || INSTEAD.iter().any(|(verbs, _)| verbs.contains(&word))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // what fails is the test

    use clap::Parser as _;

    use super::in_other_order;
    use crate::args::Args;

    #[test]
    fn the_right_command_is_named() {
        for (line, help) in [
            (
                "web ping cache",
                Some("hallway reach web cache, or hallway exec web -- ping cache"),
            ),
            (
                "ping web cache",
                Some("hallway reach web cache, or hallway exec web -- ping cache"),
            ),
            (
                "web exec ls",
                Some("the command comes first: hallway exec web -- ls"),
            ),
            (
                "web exec -- ls -l",
                Some("the command comes first: hallway exec web -- ls -l"),
            ),
            (
                "web shell",
                Some("the command comes first: hallway shell web"),
            ),
            (
                "web logs -f",
                Some("the command comes first: hallway logs web -f"),
            ),
            (
                "-p shop web ip addr",
                Some("programs run with exec: hallway -p shop exec web -- ip addr"),
            ),
            (
                "web exec sh -c $(id)",
                Some("the command comes first: hallway exec web -- sh -c '$(id)'"),
            ),
            (
                "publish 8080:80 web",
                Some("the node comes first: hallway publish web 8080:80"),
            ),
            (
                "unpublish 127.0.0.1:8080:80 web",
                Some("the node comes first: hallway unpublish web 127.0.0.1:8080:80"),
            ),
            ("web frobnicate", None),
            ("ping 10.0.0.1", None),
            ("network inspect front", None),
            ("publish a:b c:d", None),
        ] {
            let words: Vec<String> = ["hallway"]
                .into_iter()
                .chain(line.split(' '))
                .map(str::to_owned)
                .collect();
            let error = Args::try_parse_from(&words).unwrap_err();
            let said = in_other_order(&error, &words).map(|(_, help)| help);
            assert_eq!(said.as_deref(), help, "{line}");
        }
    }
}
