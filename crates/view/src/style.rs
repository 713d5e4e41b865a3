//! The styles of text for terminals. Text always contains them; the printer removes them if stdout
//! is not a terminal.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

/// Headings and names.
pub const BOLD: Style = Style::new().bold();
/// Less important text.
pub const DIM: Style = Style::new().dimmed();
/// Success.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// Something important.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Failure.
pub const RED: Style = AnsiColor::Red.on_default().bold();

/// Text in a style.
///
/// ```
/// use hallway_view::style::{BOLD, styled};
///
/// assert_eq!(styled(BOLD, "web"), "\u{1b}[1mweb\u{1b}[0m");
/// ```
#[must_use]
pub fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
