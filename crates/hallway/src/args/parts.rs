//! Flags of the verbs that have verbs of their own.

use std::net::IpAddr;

use clap::{Args as ClapArgs, Subcommand};
use hallway_spec::{Name, PortProto};
use ipnet::IpNet;

use super::FormatArg;

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct PolicyArgs {
    /// A node, a network, host, outside, any or a prefix
    pub(crate) from: String,
    /// The same
    pub(crate) to: String,
    /// Only these, like 3306/tcp, 8000-8010/udp or icmp
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    pub(crate) port: Vec<String>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SandboxVerb {
    /// List sandboxes
    Ls {
        #[command(flatten)]
        format: FormatArg,
    },
    /// Open a shell in the sandbox, or run a program there
    Shell {
        /// The program with its arguments
        #[arg(last = true, value_name = "CMD")]
        command: Vec<String>,
    },
    /// End a sandbox with everything in it
    Rm {
        /// Which
        name: Option<Name>,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum NodeVerb {
    /// A new node
    Add {
        /// Its name
        name: Name,
        /// A network, or NETWORK=ADDRESS; may be given more than once
        #[arg(long, value_name = "NETWORK[=ADDRESS]")]
        network: Vec<String>,
        /// A port to publish; may be given more than once
        #[arg(long, value_name = "PORT")]
        publish: Vec<String>,
        /// What must listen before the node counts as up, like 80/tcp; may be given more than once
        #[arg(long, value_name = "PORT", requires = "command")]
        ready: Vec<PortProto>,
        /// What runs inside
        #[arg(last = true, value_name = "CMD")]
        command: Vec<String>,
    },
    /// Remove a node
    Rm {
        /// Its name
        name: Name,
    },
    /// List nodes
    Ls {
        #[command(flatten)]
        format: FormatArg,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum NetworkVerb {
    /// A new network
    Add {
        /// Its name
        name: Name,
        /// Its prefix; twice for IPv4 and IPv6; chosen when absent
        #[arg(long)]
        subnet: Vec<IpNet>,
        /// The host's address in it
        #[arg(long)]
        gateway: Vec<IpAddr>,
        /// No way out
        #[arg(long)]
        internal: bool,
        /// Its nodes stand for the outside world
        #[arg(long)]
        outside: bool,
        /// Routed instead of bridged
        #[arg(long)]
        routed: bool,
        /// Bytes
        #[arg(long)]
        mtu: Option<u32>,
    },
    /// Remove a network
    Rm {
        /// Its name
        name: Name,
    },
    /// List networks
    Ls {
        #[command(flatten)]
        format: FormatArg,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LinkVerb {
    /// A new cable between two nodes, which are made if they do not exist
    Add {
        /// NODE:ADDRESS/LENGTH, like left:10.0.9.1/24
        a: String,
        /// The other end
        b: String,
    },
    /// Remove the cable between two nodes
    Rm {
        /// One node
        a: Name,
        /// The other
        b: Name,
    },
    /// List cables
    Ls {
        #[command(flatten)]
        format: FormatArg,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BenchVerb {
    /// Attach and detach nodes, beside a script of ip commands and the barest netlink loop
    Attach {
        /// How many nodes; several numbers with commas
        #[arg(short, default_value = "10,100", value_delimiter = ',')]
        n: Vec<usize>,
        #[command(flatten)]
        format: FormatArg,
    },
}
