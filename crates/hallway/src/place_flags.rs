//! The flags that say in which place a project is, for commands that a message advises.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap::builder::{FalseyValueParser, TypedValueParser as _};
use hallway_view::shell::quote;

use crate::args::{Args, Common};

/// What the environment says already: a flag that says the same is left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Variables {
    pub(crate) host: bool,
    pub(crate) sandbox: Option<String>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) project: Option<String>,
    /// Whether it names a file.
    pub(crate) file: bool,
    pub(crate) no_repair: bool,
    pub(crate) allow_through: Vec<String>,
}

impl Variables {
    /// `get` is the environment. An empty variable is ignored.
    pub(crate) fn of(get: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let value = |name: &str| get(name).filter(|value| !value.is_empty());
        let text = |name: &str| value(name).and_then(|value| value.into_string().ok());
        let command = Args::command();
        let is_true = |name: &str| {
            value(name).is_some_and(|value| {
                let parsed = FalseyValueParser::new().parse_ref(&command, None, &value);
                parsed.unwrap_or(false)
            })
        };
        let through = text("HALLWAY_ALLOW_THROUGH").unwrap_or_default();
        Self {
            host: is_true("HALLWAY_HOST"),
            sandbox: text("HALLWAY_SANDBOX"),
            state_dir: value("HALLWAY_STATE_DIR").map(PathBuf::from),
            project: text("HALLWAY_PROJECT"),
            file: value("HALLWAY_FILE").is_some(),
            no_repair: is_true("HALLWAY_NO_REPAIR"),
            allow_through: through.split_terminator(',').map(str::to_owned).collect(),
        }
    }

    /// Those of this process.
    pub(crate) fn of_environment() -> Self {
        Self::of(&|name| std::env::var_os(name))
    }
}

/// `hallway` with the flags of a command line's place.
pub(crate) fn of_place(common: &Common) -> String {
    let variables = Variables::of_environment();
    let sandbox = (!common.host).then(|| common.sandbox.as_ref());
    let flags = place(sandbox, common.state_dir.as_deref(), &variables);
    let words = std::iter::once("hallway".to_owned()).chain(flags);
    words.collect::<Vec<_>>().join(" ")
}

/// The flags that say where the project is.
pub(crate) fn place(
    sandbox: Option<&str>,
    state_dir: Option<&Path>,
    variables: &Variables,
) -> Vec<String> {
    let mut words = Vec::new();
    match sandbox {
        None if !variables.host => words.push("--host".to_owned()),
        Some(name) if name != variables.sandbox.as_deref().unwrap_or("default") => {
            words.extend(["--sandbox".to_owned(), name.to_owned()]);
        }
        _ => {}
    }
    if let Some(directory) = state_dir.filter(|d| Some(*d) != variables.state_dir.as_deref()) {
        let directory = quote(&directory.display().to_string());
        words.extend(["--state-dir".to_owned(), directory]);
    }
    words
}
