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
    /// A bash script of plain ip, nft and sysctl commands, with comments
    Shell,
}

#[derive(Debug, Clone, Copy, ClapArgs)]
pub(crate) struct FormatArg {
    /// How it is printed
    #[arg(long, value_enum, default_value_t, env = "HALLWAY_FORMAT")]
    pub(crate) format: Format,
}
