//! Flags of `install`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum InstallVerb {
    /// Write the AppArmor profile that lets users make sandboxes where Ubuntu 23.10 and newer
    /// restrict user namespaces; needs root
    Apparmor {
        /// Print the profile instead of writing it
        #[arg(long)]
        print: bool,
        /// The program that the profile is for; by default this one
        #[arg(long, value_name = "PATH")]
        program: Option<PathBuf>,
        /// The directory of profiles
        #[arg(long, value_name = "DIR", default_value = "/etc/apparmor.d")]
        directory: PathBuf,
    },
}
