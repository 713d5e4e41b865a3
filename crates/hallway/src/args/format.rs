//! How results are printed.

use clap::{Args as ClapArgs, ValueEnum};

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// A commented bash script of plain commands
    Shell,
}

#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct FormatArg {
    /// For people or for programs
    #[arg(long, value_enum, default_value_t, env = "HALLWAY_FORMAT")]
    pub(crate) format: Format,
}
