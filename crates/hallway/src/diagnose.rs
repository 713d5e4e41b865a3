//! Errors for users: what is wrong, where, what to do. Only this module prints them and chooses
//! exit codes.

mod repeated;
mod snippet;

use std::collections::BTreeMap;

use hallway_engine::{Failure, Reason};
use hallway_spec::{Diagnostic, Label, Problems, Severity, Warning};
use hallway_view::style::{RED, YELLOW, styled};

use crate::args::Common;
use crate::failure::{CommandCode, CommandError};
use crate::{place_flags, ui};
pub(crate) use snippet::Source;

/// What is wrong with a command line, or with what it names.
#[derive(Debug)]
pub(crate) struct Usage {
    code: &'static str,
    pub(crate) message: String,
    /// What to do; may be empty.
    pub(crate) help: String,
}

impl Diagnostic for Usage {
    fn code(&self) -> &'static str {
        self.code
    }

    fn message(&self) -> String {
        self.message.clone()
    }

    fn help(&self) -> Option<String> {
        (!self.help.is_empty()).then(|| self.help.clone())
    }
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum VerbError {
    /// The file has problems.
    File(Problems),
    /// What a command requires is not possible in the project.
    Argument(Problems),
    /// The command line has an error.
    Usage(Usage),
    /// What exists already conflicts with the file: path and text for the places.
    Conflict(Failure, String, String),
    /// It could not be done.
    Failed(Failure),
    /// A command could not do it.
    Command(CommandError),
    /// It could not be done, and the exit code is special.
    Code(Box<Self>, u8),
}

impl From<CommandError> for VerbError {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

impl From<Failure> for VerbError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Problems> for VerbError {
    fn from(problems: Problems) -> Self {
        Self::File(problems)
    }
}

impl VerbError {
    pub(crate) fn usage(
        code: CommandCode,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self::Usage(Usage {
            code: code.text(),
            message: message.into(),
            help: help.into(),
        })
    }

    /// A valid command line that cannot be carried out.
    pub(crate) fn refused(diagnostic: &dyn Diagnostic) -> Self {
        Self::Usage(Usage {
            code: diagnostic.code(),
            message: diagnostic.message(),
            help: diagnostic.help().unwrap_or_default(),
        })
    }

    /// Whether it is that a project is not up, or that it is not clear which one is meant.
    pub(crate) fn is_about_project(&self) -> bool {
        let codes = [CommandCode::NotUp, CommandCode::SeveralProjects].map(CommandCode::text);
        matches!(self, Self::Usage(usage) if codes.contains(&usage.code))
    }

    /// The same with another help, if it is an error of the command line.
    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        match self {
            Self::Usage(usage) => Self::Usage(Usage {
                help: help.into(),
                ..usage
            }),
            other => other,
        }
    }

    /// A failure that the file causes has a place in the file; others have none.
    pub(crate) fn of(failure: Failure, path: &str, text: &str) -> Self {
        if failure.place.is_none() {
            return Self::Failed(failure);
        }
        let path = if path.is_empty() { "-" } else { path };
        Self::Conflict(failure, path.to_owned(), text.to_owned())
    }

    /// The same with another exit code.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Self::Code(Box::new(self), code)
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::File(_) | Self::Argument(_) | Self::Usage(_) | Self::Conflict(..) => 2,
            Self::Failed(failure) => match failure.reason {
                Reason::Interrupted { signal } => 128 + signal,
                _ => 1,
            },
            Self::Command(CommandError::NoSuchNode { .. }) => 2,
            Self::Command(_) => 1,
            Self::Code(_, code) => *code,
        }
    }
}

/// At most this many problems of a file are printed.
const SHOWN_MAX: usize = 50;

/// At most this many warnings of one code are printed with their lines of the file. Each costs time in
/// proportion to the file, and a file can have thousands.
const SHOWN_OF_A_CODE: usize = 10;

/// Prints it to stderr.
pub(crate) fn print(error: &VerbError, common: &Common) {
    match error {
        VerbError::File(problems) => file(problems, common),
        VerbError::Argument(problems) => {
            let shown = problems.problems.iter().take(SHOWN_MAX);
            shown.for_each(|problem| plain(problem, common));
        }
        VerbError::Usage(usage) => plain(usage, common),
        VerbError::Conflict(failure, path, text) => {
            let source = Source {
                path,
                text,
                more: &[],
            };
            let mut all: Vec<&Failure> = std::iter::once(failure).chain(&failure.also).collect();
            all.sort_by_key(|f| f.place.as_ref().map(|p| p.offset));
            for one in all {
                show(one, &source, common);
            }
        }
        VerbError::Failed(failure) => plain(failure, common),
        VerbError::Command(error) => plain(error, common),
        VerbError::Code(error, _) => print(error, common),
    }
}

fn file(problems: &Problems, common: &Common) {
    let source = Source {
        path: &problems.path,
        text: &problems.text,
        more: &problems.more,
    };
    let all = repeated::once(&problems.problems, &problems.path);
    for problem in all.iter().take(SHOWN_MAX) {
        show(problem, &source, common);
    }
    let count = all.len();
    if count > SHOWN_MAX {
        ui::err(&format!("… and {} more problems\n", count - SHOWN_MAX));
    }
    if count > 1 {
        ui::err(&format!(
            "{count} problems in {}; nothing was changed\n",
            problems.path
        ));
    }
}

/// Prints warnings about a file that can be used: of each code the first ones with their lines of the
/// file, the others counted, or in one line each with `-v`.
pub(crate) fn warn(source: &Source<'_>, warnings: &[Warning], common: &Common) {
    if common.quiet {
        return;
    }
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for warning in warnings {
        let count = counts.entry(warning.code()).or_default();
        *count += 1;
        if *count <= SHOWN_OF_A_CODE {
            show(warning, source, common);
        } else if common.verbose > 0 {
            in_one_line(warning, source);
        }
    }
    if common.verbose > 0 {
        return;
    }
    for (code, count) in counts {
        let more = match count.saturating_sub(SHOWN_OF_A_CODE) {
            0 => continue,
            1 => "1 more warning".to_owned(),
            more => format!("{more} more warnings"),
        };
        ui::complain(&format!("… and {more} of {code}; -v prints all"), 2);
    }
}

/// Prints a warning and its place, without lines of the file.
fn in_one_line(warning: &Warning, source: &Source<'_>) {
    let title = styled(YELLOW, "warning:");
    let place = match warning.labels().first() {
        Some(label) => {
            let place = &label.place;
            format!(
                " ({}:{}:{})",
                place.file(source.path),
                place.line,
                place.column
            )
        }
        None => String::new(),
    };
    ui::complain(&format!("{title} {}{place}", warning.message()), 4);
}

/// Prints a diagnostic, with the lines of the file it is about.
fn show(diagnostic: &dyn Diagnostic, source: &Source<'_>, common: &Common) {
    let placed = Placed { diagnostic, common };
    match snippet::render(&placed, source) {
        Some(text) => ui::err(&format!("{text}\n\n")),
        None => plain(diagnostic, common),
    }
}

/// Prints a diagnostic that has no place in a file.
pub(crate) fn plain(diagnostic: &dyn Diagnostic, common: &Common) {
    brief(&Placed { diagnostic, common });
    if common.verbose > 0 {
        ui::err(&format!("  code: {}\n", diagnostic.code()));
    }
}

/// A diagnostic whose help has the flags of the place where a command of it names a project.
struct Placed<'a> {
    diagnostic: &'a dyn Diagnostic,
    common: &'a Common,
}

impl Diagnostic for Placed<'_> {
    fn code(&self) -> &'static str {
        self.diagnostic.code()
    }

    fn message(&self) -> String {
        self.diagnostic.message()
    }

    fn severity(&self) -> Severity {
        self.diagnostic.severity()
    }

    fn help(&self) -> Option<String> {
        let hallway = place_flags::of_place(self.common);
        self.diagnostic.help_with(&hallway)
    }

    fn labels(&self) -> Vec<Label> {
        self.diagnostic.labels()
    }

    fn cause(&self) -> Option<String> {
        self.diagnostic.cause()
    }

    fn related(&self) -> Vec<&dyn Diagnostic> {
        self.diagnostic.related()
    }
}

/// The same, before the command line is known.
pub(crate) fn brief(diagnostic: &dyn Diagnostic) {
    let title = match diagnostic.severity() {
        Severity::Error => styled(RED, "error:"),
        Severity::Warning => styled(YELLOW, "warning:"),
    };
    ui::complain(&format!("{title} {}", diagnostic.message()), 4);
    if let Some(cause) = diagnostic.cause() {
        ui::complain(&format!("  cause: {cause}"), 4);
    }
    if let Some(help) = diagnostic.help() {
        ui::complain(&format!("  help: {help}"), 4);
    }
    for also in diagnostic.related() {
        let title = styled(YELLOW, "also:");
        ui::complain(&format!("  {title} {}", also.message()), 4);
        if let Some(cause) = also.cause() {
            ui::complain(&format!("    cause: {cause}"), 6);
        }
    }
}
