//! Flags of `capture`.

use std::path::PathBuf;
use std::time::Duration;

use super::Format;

/// What to capture, and how to show it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct CaptureArgs {
    /// A node, one of its interfaces (NODE:INTERFACE), a network, or host
    pub(crate) target: String,
    /// Write a pcap file that tcpdump and Wireshark read; - is stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// End after this many packets
    #[arg(short, long, value_name = "COUNT")]
    pub(crate) count: Option<u64>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// How packets are printed; json is one object per packet
    #[arg(long, value_enum, default_value_t, env = "HALLWAY_FORMAT")]
    pub(crate) format: Format,
    /// Only these packets, like: host web and not tcp port 22
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok().filter(|s| *s > 0.0);
    number
        .and_then(|s| Duration::try_from_secs_f64(s).ok())
        .ok_or_else(|| "write a number of seconds, like 2.5".into())
}
