//! Flags of Compose, most of them for what hallway does in any case: these are accepted and not listed.

use clap::Args as ClapArgs;

/// Those of `docker compose up`.
#[derive(Debug, Clone, ClapArgs)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of another program
pub(crate) struct FamiliarUpFlags {
    /// There are no images to build
    #[arg(long, hide = true)]
    build: bool,
    /// There are no images to build
    #[arg(long, hide = true)]
    no_build: bool,
    /// There are no images to pull
    #[arg(long, hide = true, value_name = "WHEN")]
    pull: Option<String>,
    /// There are no images to pull
    #[arg(long, hide = true)]
    quiet_pull: bool,
    /// What the file does not have is removed
    #[arg(long, hide = true)]
    remove_orphans: bool,
    /// What does not differ from the file is not changed
    #[arg(long, hide = true)]
    no_recreate: bool,
    /// Fail also when a program ends with an error, or its health check fails, that no other one waits for and that may
    /// fail, like a service of a Compose file. What was built stays up then
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Those of `docker compose down`.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct FamiliarDownFlags {
    /// The whole project is removed
    #[arg(long, hide = true)]
    remove_orphans: bool,
    /// No volumes are made
    #[arg(long, hide = true)]
    volumes: bool,
    /// No images are made
    #[arg(long, hide = true, value_name = "WHICH")]
    rmi: Option<String>,
}
