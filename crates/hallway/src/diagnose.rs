//! Errors for people: what is wrong, where, what to do. The only place that prints them and picks
//! exit codes.

mod snippet;

use hallway_engine::{Failure, interrupt};
use hallway_spec::{Diagnostic, Problem, Problems, Severity, Warning};

use crate::args::Common;
use crate::scope::Input;
use crate::ui::{RED, YELLOW, styled};
use snippet::Source;

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The file is wrong.
    File(Problems),
    /// The command line is wrong: what, and what to do.
    Usage(String, String),
    /// What exists already conflicts with the file: path and text for the places.
    Conflict(Failure, String, String),
    /// It could not be done.
    Failed(Failure),
    /// It could not be done, and the exit code is special.
    Code(Failure, u8),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Problems> for Trouble {
    fn from(problems: Problems) -> Self {
        Self::File(problems)
    }
}

impl Trouble {
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage(message.into(), help.into())
    }

    /// A command line that asks for something that is not possible.
    pub(crate) fn refused(diagnostic: &dyn Diagnostic) -> Self {
        Self::Usage(diagnostic.message(), diagnostic.help().unwrap_or_default())
    }

    /// A failure that the file causes points into the file; others have no place.
    pub(crate) fn of(failure: Failure, input: &Input) -> Self {
        if failure.place.is_some() {
            let path = match input.path.as_str() {
                "" => "-".to_owned(),
                path => path.to_owned(),
            };
            return Self::Conflict(failure, path, input.text.clone());
        }
        Self::Failed(failure)
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) | Self::Usage(..) | Self::Conflict(..) => 2,
            Self::Failed(failure) if failure.code == interrupt::CODE => {
                128 + interrupt::came().unwrap_or(2)
            }
            Self::Failed(_) => 1,
            Self::Code(_, code) => *code,
        }
    }
}

/// At most this many problems of a file are printed.
const SHOWN_MAX: usize = 50;

/// Prints it to stderr.
pub(crate) fn print(trouble: &Trouble, common: &Common) {
    match trouble {
        Trouble::File(problems) => file(problems, common),
        Trouble::Usage(message, help) => {
            anstream::eprintln!("{} {message}", styled(RED, "error:"));
            if !help.is_empty() {
                anstream::eprintln!("  help: {help}");
            }
        }
        Trouble::Conflict(failure, path, text) => {
            let source = Source { path, text };
            let mut all: Vec<&Failure> = std::iter::once(failure).chain(&failure.also).collect();
            all.sort_by_key(|f| f.place.as_ref().map(|p| p.offset));
            for one in all {
                show(one, &source, common);
            }
        }
        Trouble::Failed(failure) | Trouble::Code(failure, _) => plain(failure, common),
    }
}

fn file(problems: &Problems, common: &Common) {
    let source = Source {
        path: &problems.path,
        text: &problems.text,
    };
    let all: &[Problem] = &problems.problems;
    for problem in all.iter().take(SHOWN_MAX) {
        show(problem, &source, common);
    }
    let count = all.len();
    if count > SHOWN_MAX {
        anstream::eprintln!("… and {} more problems", count - SHOWN_MAX);
    }
    if count > 1 {
        anstream::eprintln!("{count} problems in {}; nothing was touched", problems.path);
    }
}

/// Prints warnings about a file that can be used.
pub(crate) fn warn(path: &str, text: &str, warnings: &[Warning], common: &Common) {
    if common.quiet {
        return;
    }
    for warning in warnings {
        show(warning, &Source { path, text }, common);
    }
}

/// Prints a diagnostic, with the lines of the file it is about.
fn show(diagnostic: &dyn Diagnostic, source: &Source<'_>, common: &Common) {
    match snippet::render(diagnostic, source) {
        Some(text) => anstream::eprintln!("{text}\n"),
        None => plain(diagnostic, common),
    }
}

/// Prints a diagnostic that has no place in a file.
fn plain(diagnostic: &dyn Diagnostic, common: &Common) {
    let title = match diagnostic.severity() {
        Severity::Error => styled(RED, "error:"),
        Severity::Warning => styled(YELLOW, "warning:"),
    };
    anstream::eprintln!("{title} {}", diagnostic.message());
    if let Some(cause) = diagnostic.cause() {
        anstream::eprintln!("  cause: {cause}");
    }
    if let Some(help) = diagnostic.help() {
        anstream::eprintln!("  help: {help}");
    }
    for also in diagnostic.related() {
        anstream::eprintln!("  {} {}", styled(YELLOW, "also:"), also.message());
        if let Some(cause) = also.cause() {
            anstream::eprintln!("    cause: {cause}");
        }
    }
    if common.verbose > 0 {
        anstream::eprintln!("  code: {}", diagnostic.code());
    }
}
