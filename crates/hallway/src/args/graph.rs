//! Flags of `graph`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::FileArg;

/// What to draw, and how.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// How it is drawn; by default as the file's name ends (.svg, .dot, .mmd), otherwise as text
    #[arg(long, value_enum)]
    pub(crate) format: Option<Picture>,
    /// Mark what exists and what is missing, and show byte counters; the project must be up
    #[arg(long)]
    pub(crate) live: bool,
    /// Write it to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

impl GraphArgs {
    /// The ending of the file's name, if that is a kind of picture which is not drawn.
    pub(crate) fn unknown_ending(&self) -> Option<&str> {
        const OTHERS: [&str; 7] = ["png", "jpg", "jpeg", "gif", "webp", "pdf", "html"];
        let ending = self.ending().filter(|_| self.format.is_none());
        ending.filter(|ending| OTHERS.contains(ending))
    }

    fn ending(&self) -> Option<&str> {
        self.output.as_ref()?.extension()?.to_str()
    }

    /// How it is drawn.
    pub(crate) fn picture(&self) -> Picture {
        let by_name = || match self.ending() {
            Some("svg") => Picture::Svg,
            Some("dot" | "gv") => Picture::Dot,
            Some("mmd" | "mermaid") => Picture::Mermaid,
            _ => Picture::Text,
        };
        self.format.unwrap_or_else(by_name)
    }
}

/// How a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Picture {
    /// A tree for the terminal
    Text,
    /// A flowchart that Git hosting sites and wikis can show
    Mermaid,
    /// For Graphviz
    Dot,
    /// A drawing for browsers
    Svg,
}
