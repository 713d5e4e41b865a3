//! Which of clap's suggestions for a misspelt flag or command are shown: only what is really similar, and no
//! flag that is not listed in help.

use std::num::{IntErrorKind, ParseIntError};

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue};
use hallway_spec::nearest;

/// Removes the others.
pub(crate) fn keep_similar(error: &mut clap::Error) {
    let pairs = [
        (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        (
            ContextKind::InvalidSubcommand,
            ContextKind::SuggestedSubcommand,
        ),
    ];
    for (invalid, suggested) in pairs {
        let Some(ContextValue::String(typed)) = error.get(invalid) else {
            continue;
        };
        let kept: Vec<String> = match error.get(suggested) {
            Some(ContextValue::String(one)) => vec![one.clone()],
            Some(ContextValue::Strings(all)) => all.clone(),
            _ => continue,
        };
        let several = matches!(error.get(suggested), Some(ContextValue::Strings(_)));
        let kept: Vec<String> = (kept.into_iter())
            .filter(|word| is_similar(typed, word) && !is_hidden(word))
            .collect();
        match kept.first() {
            None => {
                error.remove(suggested);
            }
            Some(_) if several => {
                error.insert(suggested, ContextValue::Strings(kept));
            }
            Some(_) => {}
        }
    }
}

/// Whether one was probably meant by the other.
fn is_similar(typed: &str, word: &str) -> bool {
    let name = |text: &str| {
        let text = text.trim_start_matches('-');
        let end = text.find(['=', ' ']).unwrap_or(text.len());
        text.get(..end).unwrap_or(text).to_owned()
    };
    let (typed, word) = (name(typed), name(word));
    let begins = typed.len() > 2 && word.starts_with(&typed);
    begins || nearest(&typed, [word.as_str()].into_iter()).is_some()
}

/// Whether a flag of that name is shown in no help.
fn is_hidden(word: &str) -> bool {
    let Some(name) = word.strip_prefix("--") else {
        return false;
    };
    let name = name.split(['=', ' ']).next().unwrap_or(name);
    let command = crate::args::Args::command();
    let all = std::iter::once(&command).chain(command.get_subcommands());
    let same = all
        .flat_map(|c| c.get_arguments())
        .filter(|a| a.get_long() == Some(name));
    let shown: Vec<bool> = same.map(|a| !a.is_hide_set()).collect();
    !shown.is_empty() && shown.iter().all(|shown| !shown)
}

/// What is wrong with a value that is not a number, and what is expected.
pub(crate) fn no_number(error: &clap::Error) -> Option<(String, String)> {
    let source = std::error::Error::source(error)?;
    let kind = source.downcast_ref::<ParseIntError>()?.kind();
    // Out of range: clap's message says so.
    if matches!(kind, IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) {
        return None;
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (value, arg) = (
        text(ContextKind::InvalidValue)?,
        text(ContextKind::InvalidArg)?,
    );
    let unit = match arg.split(['<', '>']).nth(1) {
        Some("SECONDS" | "S") => "of seconds, ",
        Some("MS" | "MILLISECONDS") => "of milliseconds, ",
        Some("BYTES") => "of bytes, ",
        _ => "",
    };
    let text = format!("{arg} needs a whole number, but {value:?} is not one");
    Some((
        text,
        format!("write a number {unit}without a unit, like 60"),
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    #[allow(clippy::unwrap_used)] // what fails is the test
    fn values_that_are_no_numbers() {
        let words = ["hallway", "up", "--wait-timeout", "5m"];
        let error = crate::args::Args::try_parse_from(words).unwrap_err();
        let (text, help) = no_number(&error).unwrap();
        assert!(
            text.ends_with("needs a whole number, but \"5m\" is not one"),
            "{text}"
        );
        assert!(help.starts_with("write a number of seconds"), "{help}");
        // Too large, but a number.
        let words = ["hallway", "up", "--wait-timeout", "99999999999999999999"];
        let error = crate::args::Args::try_parse_from(words).unwrap_err();
        assert!(no_number(&error).is_none());
    }

    #[test]
    fn only_what_is_similar_is_suggested() {
        for (typed, word) in [
            ("--cleanup", "--scale"),
            ("--reconfigure", "--profile"),
            ("--node-filter", "--env-file"),
            ("--parallel", "--pull"),
            ("--jsn", "--join"),
            ("--port", "--format"),
            ("topo", "stop"),
            ("netstat", "test"),
            ("del", "help"),
        ] {
            let shown = is_similar(typed, word) && !is_hidden(word);
            assert!(!shown, "{typed}: {word}");
        }
        for (typed, word) in [
            ("--forma", "--format"),
            ("--formt=x", "--format"),
            ("stats", "status"),
            ("staus", "status"),
        ] {
            assert!(is_similar(typed, word), "{typed}: {word}");
        }
    }
}
