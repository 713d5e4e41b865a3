//! Flags of `graph`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::FileArg;

/// What to draw, and how.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// How it is drawn
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Picture,
    /// Mark what exists and what is missing, and show byte counters; the project must be up
    #[arg(long)]
    pub(crate) live: bool,
    /// Write it to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// How a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Picture {
    /// A tree for the terminal
    #[default]
    Text,
    /// A flowchart that Git hosting sites and wikis can show
    Mermaid,
    /// For Graphviz
    Dot,
    /// A drawing for browsers
    Svg,
}
