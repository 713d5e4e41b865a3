//! The firewalls of other programs that the project's packets are let through.

use clap::Args;
use hallway_plan::firewall_accepts::Firewall;

/// For `up` and `plan`.
#[derive(Debug, Clone, Args)]
pub(crate) struct FirewallAcceptsArg {
    /// Let the project's packets through these firewalls, if they are there: docker, ufw, firewalld.
    /// `down`, or `up` without this, removes the accepts from their rules
    #[arg(
        long,
        value_name = "FIREWALL",
        value_delimiter = ',',
        env = "HALLWAY_ALLOW_THROUGH"
    )]
    pub(crate) allow_through: Vec<Firewall>,
}
