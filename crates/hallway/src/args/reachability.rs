//! Flags of `explain`, `reach`, `trace` and `test`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use hallway_spec::IpVersion;

use super::{FileArg, ImportArgs};

/// Which IP versions.
#[derive(Debug, Clone, Copy, ClapArgs, Default)]
pub(crate) struct Versions {
    /// Only IPv4
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long)]
    ipv6: bool,
}

impl Versions {
    /// Whether that version is included; without a flag both are.
    pub(crate) fn include(self, version: IpVersion) -> bool {
        match version {
            IpVersion::V4 => !self.ipv6,
            IpVersion::V6 => !self.ipv4,
        }
    }
}

/// The file, where positional arguments are something else.
#[derive(Debug, Clone, ClapArgs, Default)]
pub(crate) struct FileFlag {
    /// The project's file; by default the running project, otherwise the file of this directory
    #[arg(short, long = "file", env = "HALLWAY_FILE", value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
}

impl From<FileFlag> for FileArg {
    fn from(flag: FileFlag) -> Self {
        Self {
            positional: None,
            file: flag.file,
            import: flag.import,
        }
    }
}

/// Client and server.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct PairArgs {
    /// The client: a node, host, outside or an address
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// The server, with its port if it is not a ping: db, db:5432, db:53/udp, or db:http with the name
    /// of a port
    #[arg(value_name = "TO[:PORT[/PROTOCOL]]")]
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) versions: Versions,
}

/// How test results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// Test Anything Protocol
    Tap,
    /// JUnit's XML, which CI systems read
    Junit,
}

/// What `test` does.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) file: FileArg,
    /// Every ordered pair of nodes, the host and outside, not only what the file expects
    #[arg(long)]
    pub(crate) matrix: bool,
    /// With --matrix, only this service: a port like 80/tcp, the name of a port, or icmp
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<String>,
    /// Only predict every pair: no packet is sent, and the project need not be up
    #[arg(long, conflicts_with = "ephemeral")]
    pub(crate) predict: bool,
    /// Build the file in a sandbox of its own, test, and remove it
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Where an answer is expected of a node with a command, its program must run and listen.
    /// Otherwise the network is tested: where no program listens, a listener is opened for the attempt
    #[arg(long, conflicts_with_all = ["matrix", "predict"])]
    pub(crate) service: bool,
    /// How long an answer may take, in milliseconds
    #[arg(long, default_value_t = 1000, value_name = "MS", value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub(crate) timeout_ms: u64,
    /// How results are printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
}
