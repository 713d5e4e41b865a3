//! The command line.

mod capture;
mod exec;
mod familiar_flags;
mod firewall_accepts;
mod format;
mod graph;
mod import;
mod install;
mod parts;
mod reachability;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args as ClapArgs, Parser, Subcommand};
use hallway_spec::{Name, PortProto};

use crate::time::{self, Since};

pub(crate) use capture::CaptureArgs;
pub(crate) use exec::{EnterArgs, ExecArgs};
pub(crate) use familiar_flags::{FamiliarDownFlags, FamiliarUpFlags};
pub(crate) use firewall_accepts::FirewallAcceptsArg;
pub(crate) use format::{Format, FormatArg, PlanFormat};
pub(crate) use graph::{GraphArgs, Picture};
pub(crate) use import::{ExportArgs, ExportFormat, FileArg, ImportArgs};
pub(crate) use install::InstallVerb;
pub(crate) use parts::{
    BenchVerb, LinkVerb, NetworkVerb, NodeVerb, PolicyArgs, PolicyVerb, SandboxVerb,
};
pub(crate) use reachability::{FileFlag, PairArgs, ReportFormat, TestArgs, Versions};

/// Container networks for Linux, from one file.
///
/// Without --host everything is built in a sandbox: a user, mount and network namespace of your
/// own. A sandbox needs no root and changes nothing on the machine.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "hallway",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// The project; without it that of the file in this directory, otherwise the only one that is up,
    /// otherwise `default`
    #[arg(
        short,
        long,
        global = true,
        env = "HALLWAY_PROJECT",
        value_name = "NAME"
    )]
    pub(crate) project: Option<Name>,
    /// Build on this machine itself instead of in a sandbox; needs root
    #[arg(long, global = true, env = "HALLWAY_HOST", value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(crate) host: bool,
    /// The sandbox to use
    #[arg(
        long,
        global = true,
        env = "HALLWAY_SANDBOX",
        default_value = "default",
        value_name = "NAME"
    )]
    pub(crate) sandbox: Name,
    /// Root of the sandbox is root of the machine, with its rights to the machine's files
    #[arg(long, global = true, env = "HALLWAY_MAP_ROOT", value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(crate) map_root: bool,
    /// The directory for hallway's state
    #[arg(long, global = true, env = "HALLWAY_STATE_DIR", value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Print errors only
    #[arg(short, long, global = true, env = "HALLWAY_QUIET", value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
    pub(crate) quiet: bool,
    /// Print more details
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Verb {
    /// Build the network that the file describes, or change it to match the file
    #[command(visible_alias = "apply")]
    Up {
        #[command(flatten)]
        file: FileArg,
        /// How many seconds programs may take to become ready
        #[arg(
            long,
            default_value_t = 60,
            env = "HALLWAY_WAIT_TIMEOUT",
            value_name = "SECONDS"
        )]
        wait_timeout: u64,
        /// Test the expectations of the file with real packets; if one fails, restore what was there before
        #[arg(long, env = "HALLWAY_TEST", value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
        test: bool,
        /// Do not repair changes by other programs until the next `up`; without this the project's
        /// keeper repairs it at once
        #[arg(long, env = "HALLWAY_NO_REPAIR", value_parser = clap::builder::FalseyValueParser::new(), action = ArgAction::SetTrue)]
        no_repair: bool,
        #[command(flatten)]
        through: FirewallAcceptsArg,
        /// Change a project that was built from another file, where only the path of the file gives the
        /// name; without this it is refused
        #[arg(long)]
        replace: bool,
        /// Stay, and print the output of all programs; Ctrl-C then removes the project
        #[arg(short, long, conflicts_with = "watch")]
        attach: bool,
        /// Return when all is built: `up` always does without --attach (for users of Compose)
        #[arg(short, long, hide = true, conflicts_with_all = ["attach", "watch"])]
        detach: bool,
        /// Stay, and print each repair; ends on Ctrl-C and leaves the project up
        #[arg(short, long, conflicts_with = "no_repair")]
        watch: bool,
        #[command(flatten)]
        familiar: FamiliarUpFlags,
    },
    /// Remove a project with everything it made
    Down {
        #[command(flatten)]
        file: FileArg,
        #[command(flatten)]
        familiar: FamiliarDownFlags,
    },
    /// Show what `up` would do
    Plan {
        #[command(flatten)]
        file: FileArg,
        /// How it is printed; the script builds the whole network from nothing, regardless of existing
        /// objects
        #[arg(long, value_enum, default_value_t, env = "HALLWAY_FORMAT")]
        format: PlanFormat,
        #[command(flatten)]
        through: FirewallAcceptsArg,
        /// With --format shell: the script that removes the network again
        #[arg(long)]
        remove: bool,
        /// Exit with 2 when there are changes
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Check a file without changing anything
    Validate {
        #[command(flatten)]
        file: FileArg,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Show a project: what runs, with addresses and ports, and what differs from what was built
    Status {
        #[command(flatten)]
        format: FormatArg,
        /// Exit with 3 when something differs or a program does not run
        #[arg(long)]
        exit_code: bool,
    },
    /// List projects and their nodes
    #[command(visible_alias = "ps")]
    Ls {
        /// Those of every sandbox and of the host, not only those where commands work now
        #[arg(short, long)]
        all: bool,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Show everything about one node or network, as JSON
    Inspect {
        /// The node or network
        name: Name,
    },
    /// Run a program inside a node
    Exec(ExecArgs),
    /// Open a shell inside a node
    Shell(EnterArgs),
    /// Print the output of nodes' programs
    Logs {
        /// Only the programs of these nodes
        #[arg(value_name = "NODE")]
        nodes: Vec<Name>,
        /// Continue to print new lines
        #[arg(short, long)]
        follow: bool,
        /// What happened without a command, like repairs, instead of output of programs
        #[arg(long, conflicts_with = "nodes")]
        events: bool,
        /// Only the last LINES lines of each program, or all
        #[arg(short = 'n', long, value_name = "LINES", value_parser = time::lines)]
        tail: Option<usize>,
        /// Only lines since then: how long ago, like 90s, 10m or 1h30m, or a time like 2026-11-25T19:45:00Z
        #[arg(long, value_name = "TIME", conflicts_with = "events")]
        since: Option<Since>,
        /// Print when each line was written; lines of several programs are then in this order
        #[arg(short, long, conflicts_with = "events")]
        timestamps: bool,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Start programs that were stopped or have ended
    Start {
        /// Only the programs of these nodes
        #[arg(value_name = "NODE")]
        nodes: Vec<Name>,
    },
    /// Stop programs, and leave the network as it is; `start` or `up` starts them again
    Stop {
        /// Only the programs of these nodes
        #[arg(value_name = "NODE")]
        nodes: Vec<Name>,
    },
    /// Stop programs and start them again
    Restart {
        /// Only the programs of these nodes
        #[arg(value_name = "NODE")]
        nodes: Vec<Name>,
    },
    /// Predict whether FROM can reach TO, and show why and the path; no packet is sent
    Explain {
        #[command(flatten)]
        pair: PairArgs,
        #[command(flatten)]
        file: FileFlag,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Test whether FROM reaches TO, with one real packet or connection
    Reach {
        #[command(flatten)]
        pair: PairArgs,
        /// How long the answer may take, in milliseconds
        #[arg(long, default_value_t = 2000, value_name = "MS", value_parser = clap::value_parser!(u64).range(50..=60_000))]
        timeout_ms: u64,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Follow a real packet hop by hop, there and back, to where it arrives or is dropped
    Trace {
        #[command(flatten)]
        pair: PairArgs,
        /// Explain each hop with a sentence
        #[arg(long)]
        explain: bool,
        /// Send no packet: wait for the same packets of other programs, and follow them
        #[arg(long)]
        follow: bool,
        /// With --follow, end after this many packets
        #[arg(short, long, value_name = "NUMBER", requires = "follow")]
        count: Option<usize>,
        /// How long the answer may take, in milliseconds
        #[arg(long, default_value_t = 2000, value_name = "MS", value_parser = clap::value_parser!(u64).range(50..=60_000))]
        timeout_ms: u64,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Test with real packets whether the expectations of the file are met
    Test(TestArgs),
    /// Show the packets that pass a node, a network or the host
    Capture(CaptureArgs),
    /// Draw a picture of a project: from the named file, otherwise of the running project
    Graph(GraphArgs),
    /// Print the project as a file that `up` takes
    Export(ExportArgs),
    /// Print the hallway file for a Compose file, a containerlab topology or a Kathara lab
    Import(FileArg),
    /// Print the JSON Schema of the file, for editors
    Schema,
    /// Show what this machine supports and what is missing
    Doctor {
        #[command(flatten)]
        format: FormatArg,
    },
    /// List objects of projects that are not on record, or remove them
    Gc {
        /// Remove it; without this it is only listed
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        format: FormatArg,
    },
    /// List, enter and end sandboxes
    Sandbox {
        #[command(subcommand)]
        verb: SandboxVerb,
    },
    /// Add, remove and list nodes
    Node {
        #[command(subcommand)]
        verb: NodeVerb,
    },
    /// Add, remove and list networks
    Network {
        #[command(subcommand)]
        verb: NetworkVerb,
    },
    /// Add, remove and list links (veth pairs between two nodes)
    Link {
        #[command(subcommand)]
        verb: LinkVerb,
    },
    /// List and remove policies; `allow` and `deny` add them
    Policy {
        #[command(subcommand)]
        verb: PolicyVerb,
    },
    /// Connect a node to a network
    Connect {
        /// The node
        node: Name,
        /// The network
        network: Name,
        /// A fixed address; may be given twice, for IPv4 and IPv6
        #[arg(long, value_parser = parts::address)]
        address: Vec<IpAddr>,
    },
    /// Disconnect a node from a network
    Disconnect {
        /// The node
        node: Name,
        /// The network
        network: Name,
    },
    /// Publish a port of a node on the host
    Publish {
        /// The node
        node: Name,
        /// HOST-PORT:NODE-PORT, like 8080:80, 127.0.0.1:8080:80 or 5000-5010:5000-5010/udp; a name for
        /// the port of the node comes before it: web=8080:80
        port: String,
    },
    /// Stop publishing a port
    Unpublish {
        /// The node
        node: Name,
        /// As it was published, or its name
        port: String,
    },
    /// Delay, drop or change what a node sends, on a running project; without settings, list what is set
    Impair {
        /// A node, or one of its interfaces; without it, all nodes
        #[arg(value_name = "NODE[:INTERFACE]")]
        target: Option<String>,
        /// delay, jitter (times like 50ms), loss, duplicate, corrupt, reorder (shares like 1%) or
        /// rate (like 10mbit); what is not named stays as it is
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Remove what was set before
        #[arg(long)]
        clear: bool,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Allow FROM to reach TO; is evaluated before the existing policies
    Allow(PolicyArgs),
    /// Deny FROM to reach TO; is evaluated before the existing policies
    Deny(PolicyArgs),
    /// Run a small server that answers with the client's address, to test networks
    Serve {
        /// A port to listen on, like 80 or 53/udp
        #[arg(required = true, value_name = "PORT")]
        ports: Vec<PortProto>,
    },
    /// Write files that other programs of this machine read
    Install {
        #[command(subcommand)]
        verb: InstallVerb,
    },
    /// Measure how long operations take
    Bench {
        #[command(subcommand)]
        verb: BenchVerb,
    },
    /// Print a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of hallway
    Man {
        /// Write a page for each command to this directory instead
        #[arg(long, value_name = "DIR")]
        output: Option<std::path::PathBuf>,
    },
    /// Print the version
    Version,
}
