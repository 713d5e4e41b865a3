//! docs/flags.md has the content of the command line's help, and command lines within the text of
//! pages are valid. (Commands in blocks are run by the test `pages`.)

use clap::{Arg, Command, Parser as _};

use crate::args::Args;
use crate::command_line::command;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/flags.md");
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
/// Pages whose text contains commands.
const TYPED: [&str; 5] = [
    "cheat-sheet.md",
    "coming-from.md",
    "install.md",
    "sandboxes.md",
    "troubleshooting.md",
];
const TOP: &str = "# Every flag of every command

This page is made from the program, and a test compares it with the program: after a change of the
command line, `HALLWAY_PAGES=write cargo test -p hallway doc_pages` writes it again. [The
commands](commands.md) describes what the commands do.

";

#[test]
fn the_page_is_what_the_program_says() {
    let page = page();
    if std::env::var("HALLWAY_PAGES").is_ok_and(|v| v == "write") {
        std::fs::write(PAGE, &page).unwrap();
    }
    let there = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        there == page,
        "docs/flags.md differs from the program's help; HALLWAY_PAGES=write writes it"
    );
}

#[test]
fn commands_within_text_are_valid() {
    let mut count = 0;
    for page in TYPED {
        let text = std::fs::read_to_string(format!("{DOCS}/{page}")).unwrap();
        for code in text.split('`').filter(|c| c.starts_with("hallway ")) {
            let command = hallway_spec::Command::split(code).unwrap();
            let parsed = Args::try_parse_from(command.words());
            assert!(parsed.is_ok(), "{page}: {code}: {}", parsed.unwrap_err());
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

fn page() -> String {
    let mut out = TOP.to_owned();
    let mut command = command();
    command.build();
    let (global, own): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().partition(|a| a.is_global_set());
    section(&mut out, "Flags of every command", "", &global);
    section(&mut out, "hallway", "", &own);
    verbs(&mut out, "hallway", &command);
    // Lists of values end with an empty line of their own.
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn verbs(out: &mut String, path: &str, command: &Command) {
    for verb in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        if verb.get_name() == "help" {
            continue;
        }
        let path = format!("{path} {}", verb.get_name());
        let own = verb
            .get_arguments()
            .filter(|a| !a.is_global_set() && !a.is_hide_set() && a.get_id() != "help");
        let about = verb.get_about().map(ToString::to_string);
        let mut about = about.unwrap_or_default();
        let aliases: Vec<String> = verb
            .get_visible_aliases()
            .map(|a| format!("`{a}`"))
            .collect();
        if !aliases.is_empty() {
            about.push_str(&format!(". Also called {}", aliases.join(", ")));
        }
        section(out, &path, &about, &own.collect::<Vec<_>>());
        verbs(out, &path, verb);
    }
}

fn section(out: &mut String, title: &str, about: &str, args: &[&Arg]) {
    out.push_str(&format!("## {title}\n\n"));
    if !about.is_empty() {
        out.push_str(&format!("{}.\n\n", cell(about)));
    }
    if args.is_empty() {
        return;
    }
    out.push_str("| flag | meaning |\n| --- | --- |\n");
    for arg in args {
        out.push_str(&format!("| `{}` | {} |\n", cell(&name(arg)), meaning(arg)));
    }
    out.push('\n');
}

fn name(arg: &Arg) -> String {
    let values: Vec<String> = arg
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(|v| v.to_string())
        .collect();
    let takes = arg.get_action().takes_values();
    let value = values.join(" ");
    let names: Vec<String> = arg
        .get_short()
        .map(|s| format!("-{s}"))
        .into_iter()
        .chain(arg.get_long().map(|l| format!("--{l}")))
        .collect();
    match (names.is_empty(), takes) {
        (true, _) if arg.is_last_set() => format!("-- {value}"),
        (true, _) => value,
        (false, true) => format!("{} {value}", names.join(", ")),
        (false, false) => names.join(", "),
    }
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let mut out = vec![cell(&help)];
    if arg.get_action().takes_values() {
        let values: Vec<String> = arg
            .get_possible_values()
            .iter()
            .filter(|v| !v.is_hide_set())
            .map(|v| format!("`{}`", v.get_name()))
            .collect();
        if !values.is_empty() {
            out.push(format!("one of {}", values.join(", ")));
        }
        let defaults = arg.get_default_values().iter();
        let defaults: Vec<String> = defaults
            .map(|v| format!("`{}`", v.to_string_lossy()))
            .collect();
        if !defaults.is_empty() {
            out.push(format!("default {}", defaults.join(", ")));
        }
    }
    out.join("; ")
}

/// Text for one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
