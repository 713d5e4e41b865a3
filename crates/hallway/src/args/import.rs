//! Flags for files of other formats.

use std::path::PathBuf;

use clap::{ArgAction, ValueEnum};

/// The heading of options that other files do not have. A heading of all options of a struct would be
/// that of a verb's own options after it, too.
const COMPOSE: &str = "Options for Compose files";

/// Which file.
#[derive(Debug, Clone, clap::Args, Default)]
pub(crate) struct FileArg {
    /// The project's file, or its directory; without it the file of this directory: hallway.yaml, the
    /// only NAME.hallway.yaml, compose.yaml, the only NAME.clab.yml, or lab.conf
    #[arg(value_name = "FILE")]
    pub(crate) positional: Option<PathBuf>,
    /// The project's file, given as a flag; for Compose files it may be given more than once, and later
    /// files change the first one
    #[arg(
        short,
        long = "file",
        env = "HALLWAY_FILE",
        value_name = "FILE",
        conflicts_with = "positional"
    )]
    pub(crate) file: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
}

impl FileArg {
    pub(crate) fn path(&self) -> Option<&PathBuf> {
        self.positional.as_ref().or(self.file.first())
    }

    /// All files.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.positional.iter().chain(&self.file).cloned().collect()
    }
}

/// How a file of another format is read.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ImportArgs {
    /// Give each service that has an image a small server on its exposed and published ports
    #[arg(help_heading = COMPOSE, long, env = "HALLWAY_STUB", hide_env = true, value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(crate) stub: bool,
    /// Each service whose container runs in Docker or Podman joins the namespace of that container;
    /// needs --host
    #[arg(help_heading = COMPOSE, long, env = "HALLWAY_JOIN", hide_env = true, value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(crate) join: bool,
    /// A profile whose services are built too; `*` is all of them; without it those of
    /// COMPOSE_PROFILES
    #[arg(help_heading = COMPOSE, long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) profile: Vec<String>,
    /// How many nodes (replicas) a service has
    #[arg(help_heading = COMPOSE, long, value_name = "SERVICE=NUMBER", value_parser = scale)]
    pub(crate) scale: Vec<(String, u32)>,
    /// A file with variables, instead of .env beside the file; relative to the current directory
    #[arg(help_heading = COMPOSE, long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,
}

impl ImportArgs {
    /// A flag that files of another format than Compose do not know, if one was given; a variable of the
    /// environment is meant for any file. Topologies of containerlab have variables, too.
    pub(crate) fn without_effect(&self, variables: bool) -> Option<&'static str> {
        let by_flag = |set: bool, variable: &str| set && std::env::var_os(variable).is_none();
        let all = [
            (by_flag(self.stub, "HALLWAY_STUB"), "--stub"),
            (by_flag(self.join, "HALLWAY_JOIN"), "--join"),
            (!self.profile.is_empty(), "--profile"),
            (!self.scale.is_empty(), "--scale"),
            (!variables && !self.env_file.is_empty(), "--env-file"),
        ];
        all.into_iter().find_map(|(set, flag)| set.then_some(flag))
    }
}

/// What is exported.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct ExportArgs {
    /// The format of the file
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ExportFormat,
}

/// The format of an exported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum ExportFormat {
    /// A hallway file
    #[default]
    Hallway,
    /// A Compose file; what Compose has no key for is under x-hallway
    Compose,
}

fn scale(text: &str) -> Result<(String, u32), String> {
    let read = text.split_once('=').and_then(|(name, count)| {
        let count = count.parse().ok().filter(|count| *count <= 10_000)?;
        Some((name.to_owned(), count))
    });
    read.ok_or_else(|| "write SERVICE=NUMBER, like web=3".to_owned())
}
