//! Flags of `exec` and `shell`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use hallway_spec::{Name, User};

/// The node that is entered.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct EnterArgs {
    /// The node, or a further name of it; where several nodes have that name, the first
    pub(crate) node: Name,
    /// Where several nodes have that name, like the replicas of a service: which one, from 1
    #[arg(long, value_name = "NUMBER")]
    pub(crate) index: Option<NonZeroUsize>,
}

/// What runs there, and how.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) at: EnterArgs,
    /// The user that it runs as: a name, a number, or numbers of user and group like 1000:1000
    #[arg(short, long)]
    pub(crate) user: Option<User>,
    /// A variable for its environment; may be given more than once
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// The directory that it runs in
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<PathBuf>,
    /// Without effect: a command has the terminal and the input that hallway has (for users of Docker)
    #[arg(short, long, hide = true)]
    pub(crate) interactive: bool,
    /// As --interactive
    #[arg(short, long, hide = true)]
    pub(crate) tty: bool,
    /// As --interactive
    #[arg(short = 'T', long, hide = true)]
    pub(crate) no_tty: bool,
    /// The program with its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}
