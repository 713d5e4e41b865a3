//! Flags of the verbs that have subcommands.

use std::net::IpAddr;

use clap::{Args as ClapArgs, Subcommand};
use hallway_spec::{Name, PortProto};
use ipnet::IpNet;

use super::FormatArg;

/// A prefix, as IP address and length.
pub(super) fn prefix(text: &str) -> Result<IpNet, String> {
    text.parse()
        .map_err(|_invalid| match text.parse::<IpAddr>() {
            Ok(address) => format!(
                "it has no length: write it like {address}/{}",
                if address.is_ipv4() { 24 } else { 64 }
            ),
            Err(_) => "it is not an IP address with a length, like 10.9.0.0/24".to_owned(),
        })
}

/// An address alone.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_invalid| match text.parse::<IpNet>() {
            Ok(net) => format!("leave out the length: {}", net.addr()),
            Err(_) => "it is not an IP address, like 10.9.0.5".to_owned(),
        })
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct PolicyArgs {
    /// The client: a node, a network, host, outside, any, an address or a prefix
    pub(crate) from: String,
    /// The server, written like FROM
    pub(crate) to: String,
    /// Only these ports or protocols, like 3306/tcp, 8000-8010/udp, icmp or the name of a port; without
    /// it, everything
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    pub(crate) port: Vec<String>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SandboxVerb {
    /// List sandboxes
    #[command(alias = "list")]
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
    /// End a sandbox, with all projects in it
    #[command(aliases = ["remove", "delete"])]
    Rm {
        /// The sandbox; without it the one of --sandbox
        name: Option<Name>,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum NodeVerb {
    /// Add a node
    #[command(alias = "create")]
    Add {
        /// The name of the node
        name: Name,
        /// A network to connect it to, with an address as in backend=10.0.0.5; may be given more than once
        #[arg(long, value_name = "NETWORK[=ADDRESS]")]
        network: Vec<String>,
        /// A port to publish, like 8080:80 or web=8080:80; may be given more than once
        #[arg(long, value_name = "PORT")]
        publish: Vec<String>,
        /// A port that must listen before the node counts as ready, like 80/tcp; may be given more than once
        #[arg(long, value_name = "PORT", requires = "command")]
        ready: Vec<PortProto>,
        /// The program that runs in the node, with its arguments
        #[arg(last = true, value_name = "CMD")]
        command: Vec<String>,
    },
    /// Remove a node
    #[command(aliases = ["remove", "delete"])]
    Rm {
        /// The node
        name: Name,
    },
    /// List nodes
    #[command(alias = "list")]
    Ls {
        #[command(flatten)]
        format: FormatArg,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum NetworkVerb {
    /// Add a network
    #[command(alias = "create")]
    Add {
        /// The name of the network
        name: Name,
        /// Its prefix; may be given twice, for IPv4 and IPv6; without it a free one is chosen
        #[arg(long, value_parser = prefix)]
        subnet: Vec<IpNet>,
        /// The host's address in the network; without it the first one of the prefix
        #[arg(long, value_parser = address)]
        gateway: Vec<IpAddr>,
        /// No route to other networks and no published ports
        #[arg(long)]
        internal: bool,
        /// Its nodes represent the outside
        #[arg(long)]
        outside: bool,
        /// Without a bridge: the host routes to each of its nodes
        #[arg(long)]
        routed: bool,
        /// The interface of the host of which its nodes get macvlan interfaces
        #[arg(long, value_name = "INTERFACE")]
        parent: Option<String>,
        /// The VLAN of that interface
        #[arg(long, requires = "parent", value_name = "NUMBER")]
        vlan: Option<u16>,
        /// The MTU in bytes
        #[arg(long)]
        mtu: Option<u32>,
    },
    /// Remove a network that has no nodes
    #[command(aliases = ["remove", "delete"])]
    Rm {
        /// The network
        name: Name,
    },
    /// List networks
    #[command(alias = "list")]
    Ls {
        #[command(flatten)]
        format: FormatArg,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LinkVerb {
    /// Add a link between two nodes; nodes that do not exist are made
    #[command(alias = "create")]
    Add {
        /// One end: a node, with an address as in left:10.0.9.1/24
        #[arg(value_name = "NODE[:ADDRESS/LENGTH]")]
        a: String,
        /// The other end
        #[arg(value_name = "NODE[:ADDRESS/LENGTH]")]
        b: String,
    },
    /// Remove the link between two nodes
    #[command(aliases = ["remove", "delete"])]
    Rm {
        /// One end: NODE, or NODE:INTERFACE if there are several links
        #[arg(value_name = "NODE[:INTERFACE]")]
        a: String,
        /// The other end
        #[arg(value_name = "NODE[:INTERFACE]")]
        b: String,
    },
    /// List links
    #[command(alias = "list")]
    Ls {
        #[command(flatten)]
        format: FormatArg,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PolicyVerb {
    /// List policies in evaluation order, numbered from 1
    #[command(alias = "list")]
    Ls {
        #[command(flatten)]
        format: FormatArg,
    },
    /// Remove a policy
    #[command(aliases = ["remove", "delete"])]
    Rm {
        /// Its number, as `policy ls` prints it
        #[arg(value_parser = number)]
        number: usize,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BenchVerb {
    /// Attach and detach nodes, compared with a script of ip commands and with plain netlink requests
    Attach {
        /// How many nodes; several numbers have commas between them
        #[arg(short, default_value = "10,100", value_delimiter = ',')]
        n: Vec<usize>,
        #[command(flatten)]
        format: FormatArg,
    },
}

/// The number of a policy.
fn number(text: &str) -> Result<usize, String> {
    let words = |_| "write a number, as hallway policy ls prints them".to_owned();
    text.parse().map_err(words)
}
