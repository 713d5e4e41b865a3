//! Errors for people: what was wrong, where, what to do. The one place that prints them and picks
//! exit codes.

use std::io::IsTerminal as _;

use hallway_engine::{Failure, interrupt};
use hallway_spec::{Place, Problem, Problems};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Severity,
    SourceSpan,
};

use crate::args::Common;
use crate::scope::Input;
use hallway_view::style::{RED, YELLOW, styled};

/// Why a verb did not succeed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The file is wrong.
    File(Problems),
    /// The command line is wrong: what, and what to do.
    Usage(String, String),
    /// What is there already conflicts with the file: path and text for the places.
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

    /// A failure the file can be blamed for points into it; others stand alone.
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

/// More problems than this nobody reads at once.
const SHOWN_MAX: usize = 50;
/// Longer lines are not shown whole.
const LINE_MAX: usize = 400;

/// Prints it to stderr.
pub(crate) fn print(trouble: &Trouble, common: &Common) {
    match trouble {
        Trouble::File(problems) => {
            for problem in problems.problems.iter().take(SHOWN_MAX) {
                report(&problems.path, &problems.text, problem, Severity::Error);
            }
            let count = problems.problems.len();
            if count > SHOWN_MAX {
                anstream::eprintln!("… and {} more like these", count - SHOWN_MAX);
            }
            if count > 1 {
                anstream::eprintln!("{count} problems in {}; nothing was touched", problems.path);
            }
        }
        Trouble::Usage(message, help) => {
            anstream::eprintln!("{} {message}", styled(RED, "error:"));
            anstream::eprintln!("  help: {help}");
        }
        Trouble::Conflict(failure, path, text) => {
            let mut all: Vec<&Failure> = std::iter::once(failure).chain(&failure.also).collect();
            all.sort_by_key(|f| f.place.as_ref().map(|p| p.offset));
            for one in all {
                let place = one.place.as_ref().filter(|p| p.line > 0);
                match place {
                    Some(place) => located(
                        path,
                        text,
                        (one.code, &one.message),
                        place,
                        one.help.as_deref(),
                    ),
                    None => plain(one, common),
                }
            }
        }
        Trouble::Failed(failure) | Trouble::Code(failure, _) => plain(failure, common),
    }
}

/// Prints warnings about a file that is otherwise fine.
pub(crate) fn warn(path: &str, text: &str, warnings: &[Problem], common: &Common) {
    for warning in warnings.iter().filter(|_| !common.quiet) {
        report(path, text, warning, Severity::Warning);
    }
}

fn plain(failure: &Failure, common: &Common) {
    anstream::eprintln!("{} {}", styled(RED, "error:"), failure.message);
    if let Some(cause) = &failure.cause {
        anstream::eprintln!("  cause: {cause}");
    }
    if let Some(help) = &failure.help {
        anstream::eprintln!("  help: {help}");
    }
    for also in &failure.also {
        anstream::eprintln!("  {} {}", styled(YELLOW, "also:"), also.message);
        if let Some(cause) = &also.cause {
            anstream::eprintln!("    cause: {cause}");
        }
    }
    if common.verbose > 0 {
        anstream::eprintln!("  code: {}", failure.code);
    }
}

fn report(path: &str, text: &str, problem: &Problem, severity: Severity) {
    let Some(place) = &problem.place else {
        anstream::eprintln!("{} {path}: {}", styled(RED, "error:"), problem.message);
        return;
    };
    let mut labels = vec![LabeledSpan::new_primary_with_span(
        Some(problem.label.clone()),
        span(text, place),
    )];
    labels.extend(
        problem.others.iter().map(|(place, label)| {
            LabeledSpan::new_with_span(Some(label.clone()), span(text, place))
        }),
    );
    render(
        path,
        text,
        diagnostic(
            problem.code.text(),
            &problem.message,
            problem.help.as_deref(),
            severity,
        ),
        labels,
        place,
    );
}

fn located(
    path: &str,
    text: &str,
    (code, message): (&str, &str),
    place: &Place,
    help: Option<&str>,
) {
    let labels = vec![LabeledSpan::new_primary_with_span(
        Some("here".into()),
        span(text, place),
    )];
    render(
        path,
        text,
        diagnostic(code, message, help, Severity::Error),
        labels,
        place,
    );
}

fn diagnostic(
    code: &str,
    message: &str,
    help: Option<&str>,
    severity: Severity,
) -> MietteDiagnostic {
    let mut out = MietteDiagnostic::new(message)
        .with_code(code)
        .with_severity(severity);
    if let Some(help) = help {
        out = out.with_help(help);
    }
    out
}

/// What is pointed at: no more than one line, so that a whole block is not underlined.
fn span(text: &str, place: &Place) -> SourceSpan {
    let start = place.offset.min(text.len());
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.find('\n').unwrap_or(rest.len());
    SourceSpan::from((
        start,
        place.length.min(end).max(usize::from(!rest.is_empty())),
    ))
}

fn render(
    path: &str,
    text: &str,
    diagnostic: MietteDiagnostic,
    labels: Vec<LabeledSpan>,
    place: &Place,
) {
    if let Some(cut) = cut(text, place) {
        anstream::eprintln!("{path}:{}:{}:", place.line, place.column);
        anstream::eprintln!("{} {diagnostic}\n{cut}", styled(RED, "error:"));
        if let Some(help) = &diagnostic.help {
            anstream::eprintln!("  help: {help}\n");
        }
        return;
    }
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let theme = if colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(width());
    let report = miette::Report::new(diagnostic.with_labels(labels))
        .with_source_code(NamedSource::new(path, text.to_owned()));
    let mut out = String::new();
    if handler.render_report(&mut out, report.as_ref()).is_ok() && !text.is_empty() {
        anstream::eprintln!("{path}:{}:{}:\n{out}", place.line, place.column);
    } else {
        anstream::eprintln!(
            "{} {path}:{}:{}: {report}",
            styled(RED, "error:"),
            place.line,
            place.column
        );
    }
}

/// As wide as the terminal, within what can be read.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    match size.map_or(0, |s| s.ws_col) {
        0 => 100,
        columns => usize::from(columns).clamp(40, 100),
    }
}

/// The part of a very long line that is pointed at, and the caret below it.
fn cut(text: &str, place: &Place) -> Option<String> {
    let offset = place.offset.min(text.len());
    let (before, after) = text.split_at_checked(offset)?;
    let head = before.rsplit('\n').next().unwrap_or_default();
    let tail = after.split('\n').next().unwrap_or_default();
    // The lines next to it are shown too, where there is no need to cut.
    let above = before.rsplit('\n').nth(1).map_or(0, str::len);
    let below = after.split('\n').nth(1).map_or(0, str::len);
    if (head.len() + tail.len()).max(above).max(below) <= LINE_MAX {
        return None;
    }
    let head: Vec<char> = head.chars().rev().take(40).collect();
    let start: String = head.iter().rev().collect();
    let end: String = tail.chars().take(60).collect();
    let pointed = tail.get(..place.length.min(tail.len())).unwrap_or("x");
    let carets = "^".repeat(pointed.chars().count().clamp(1, 60));
    let indent = " ".repeat(head.len());
    Some(format!("    … {start}{end} …\n      {indent}{carets}"))
}
