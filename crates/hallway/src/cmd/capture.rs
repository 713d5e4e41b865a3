//! `capture`: the packets of a node, a network or the host, as lines or as a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hallway_engine::read::capture::{Capture, CaptureTarget, Captured, Direction};
use hallway_engine::read::filter::{Filter, FilterError, NetworkProtocol};
use hallway_plan::Settled;
use hallway_view::json::{CapturedPacket, Version, protocol_name};
use hallway_view::pcap;
use hallway_view::style::{DIM, styled};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::args::{CaptureArgs, Common, Format};
use crate::diagnose::VerbError;
use crate::failure::{CommandCode, CommandError};
use crate::named::{self, NodeOrNetwork};
use crate::scope::Scope;
use crate::ui;

/// How often to check whether to end.
const TICK: Duration = Duration::from_millis(200);

pub(crate) fn run(common: &Common, args: &CaptureArgs) -> Result<ExitCode, VerbError> {
    // As the user, before a sandbox is entered; emptied only when everything else is valid.
    let file = match &args.write {
        Some(path) if path.as_os_str() != "-" => Some(create(path)?),
        _ => None,
    };
    let scope = named::here(common, &[&args.target])?;
    let (_, settled) = named::present(common, &scope, &[&args.target])?;
    let target = target(common, &scope, &settled, &args.target)?;
    let text = args.filter.join(" ");
    let filter = Filter::parse(&text, &settled).map_err(|e| wrong_filter(&text, &e))?;
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended)).map_err(CommandError::Signals)?;
    }
    let mut capture = Capture::open(&settled, &target, filter)?;
    ui::note(
        common,
        format!("capturing on {} {}", args.target, scope.words()),
    );
    let mut sink = Sink::new(args, file);
    let count = watch(&mut capture, &mut sink, args, &ended)?;
    let dropped = match capture.dropped()? {
        0 => String::new(),
        n => format!(", {n} more were not read in time"),
    };
    let packets = if count == 1 { "packet" } else { "packets" };
    ui::note(common, format!("{count} {packets}{dropped}"));
    Ok(ExitCode::SUCCESS)
}

/// Until there are enough packets, the time has passed, a signal comes, or the reader has closed the pipe.
fn watch(
    capture: &mut Capture,
    sink: &mut Sink,
    args: &CaptureArgs,
    ended: &AtomicBool,
) -> Result<u64, VerbError> {
    let begun = Instant::now();
    let limit = args.count.unwrap_or(u64::MAX);
    let mut count = 0;
    if let Err(error) = sink.begin() {
        return over(count, args, &error);
    }
    while count < limit && !ended.load(Ordering::Relaxed) {
        let left = args
            .duration
            .map_or(TICK, |d| d.saturating_sub(begun.elapsed()));
        if left.is_zero() {
            break;
        }
        match capture.next(left.min(TICK))? {
            Some(packet) => {
                if let Err(error) = sink.packet(&packet) {
                    return over(count, args, &error);
                }
                count += 1;
            }
            None if sink.abandoned() => break,
            None => {}
        }
    }
    // Packets that passed before the end are shown, even if they were not read yet.
    let end = SystemTime::now();
    while count < limit
        && let Some(packet) = capture.next(Duration::ZERO)?
        && packet.time <= end
    {
        if let Err(error) = sink.packet(&packet) {
            return over(count, args, &error);
        }
        count += 1;
    }
    Ok(count)
}

/// A reader that closes the pipe ends the capture, which is not a failure; a full disk is one.
fn over(count: u64, args: &CaptureArgs, error: &io::Error) -> Result<u64, VerbError> {
    match (&args.write, error.kind()) {
        (_, io::ErrorKind::BrokenPipe) => Ok(count),
        (Some(path), _) => Err(CommandError::write(path, error).into()),
        (None, _) => Err(CommandError::write(Path::new("stdout"), error).into()),
    }
}

fn create(path: &Path) -> Result<File, VerbError> {
    let mut options = OpenOptions::new();
    // Not truncated: the file of an earlier capture is kept if this one cannot start.
    let opened = options.write(true).create(true).truncate(false).open(path);
    opened.map_err(|e| CommandError::write(path, &e).into())
}

fn target(
    common: &Common,
    scope: &Scope,
    settled: &Settled,
    text: &str,
) -> Result<CaptureTarget, VerbError> {
    let (name, interface) = match text.split_once(':') {
        Some((name, interface)) => (name, Some(interface.to_owned())),
        None => (text, None),
    };
    if name == "host" {
        return Ok(CaptureTarget::Host(interface));
    }
    let node = match named::part(common, scope, settled, name, &["host"])? {
        NodeOrNetwork::Node(node) => node,
        NodeOrNetwork::Network(network) if interface.is_none() => {
            return Ok(CaptureTarget::Network(network.name.clone()));
        }
        NodeOrNetwork::Network(_) => {
            return Err(VerbError::usage(
                CommandCode::NoInterface,
                format!("{name} is a network, which has no interfaces to choose from"),
                format!("leave out what follows the colon: hallway capture {name}"),
            ));
        }
    };
    let known: Vec<&str> = node.interfaces.iter().map(|i| i.name.as_str()).collect();
    match interface {
        Some(i) if i != "lo" && !known.contains(&i.as_str()) => Err(VerbError::usage(
            CommandCode::NoInterface,
            format!("node {name} has no interface {i}"),
            format!(
                "its interfaces: {}",
                [known, vec!["lo"]].concat().join(", ")
            ),
        )),
        interface => Ok(CaptureTarget::Node(node.name.clone(), interface)),
    }
}

/// The filter with the place underlined.
fn wrong_filter(text: &str, error: &FilterError) -> VerbError {
    let before = text.get(..error.offset).unwrap_or(text);
    let place = text.get(error.offset..).unwrap_or_default();
    let marked = place.get(..error.length).unwrap_or(place);
    let (indent, width) = (before.chars().count(), marked.chars().count().max(1));
    VerbError::usage(
        CommandCode::BadArgument,
        format!(
            "{error}\n  | {text}\n  | {}{}",
            " ".repeat(indent),
            "^".repeat(width)
        ),
        &error.help,
    )
}

/// Where packets are written.
struct Sink {
    file: Option<File>,
    pcap: bool,
    format: Format,
    begun: SystemTime,
}

impl Sink {
    fn new(args: &CaptureArgs, file: Option<File>) -> Self {
        Self {
            file,
            pcap: args.write.is_some(),
            format: args.format,
            begun: SystemTime::now(),
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.set_len(0).ok(); // a pipe has no length
        }
        if self.pcap {
            self.write(&pcap::header())?;
        }
        Ok(())
    }

    fn packet(&mut self, packet: &Captured) -> io::Result<()> {
        if self.pcap {
            return self.write(&pcap::record(packet.time, &packet.bytes, packet.length));
        }
        let since = packet.time.duration_since(self.begun).unwrap_or_default();
        let line = match self.format {
            Format::Text => text(packet, since),
            Format::Json => format!("{}\n", serde_json::to_string(&shape(packet, since))?),
        };
        self.write(line.as_bytes())
    }

    /// Writes everything without buffering.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(bytes),
            None if self.pcap => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
            None => {
                let mut out = anstream::stdout();
                out.write_all(bytes)?;
                out.flush()
            }
        }
    }

    /// Whether stdout's reader has closed the pipe; a write would fail only with the next packet.
    fn abandoned(&self) -> bool {
        let stdout = io::stdout();
        let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        self.file.is_none()
            && poll(&mut polled, Some(&at_once)).is_ok_and(|n| n > 0)
            && polled.iter().any(|p| p.revents().contains(PollFlags::ERR))
    }
}

fn direction(packet: &Captured) -> &'static str {
    match packet.direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Other => "pass",
    }
}

fn text(packet: &Captured, since: Duration) -> String {
    format!(
        "{} {:<6} {:<4} {}\n",
        styled(DIM, format!("{:>11.6}", since.as_secs_f64())),
        packet.interface,
        direction(packet),
        packet.summary
    )
}

fn shape<'a>(packet: &'a Captured, since: Duration) -> CapturedPacket<'a> {
    let unix = packet.time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let headers = &packet.headers;
    CapturedPacket {
        schema_version: Version,
        time: unix.as_secs_f64(),
        elapsed: since.as_secs_f64(),
        interface: &packet.interface,
        direction: direction(packet),
        length: packet.length,
        protocol: match headers.network {
            NetworkProtocol::Arp => "arp".into(),
            _ => protocol_name(headers.protocol),
        },
        source: headers.addresses.map(|a| a.0),
        destination: headers.addresses.map(|a| a.1),
        source_port: headers.ports.map(|p| p.0),
        destination_port: headers.ports.map(|p| p.1),
        summary: &packet.summary,
    }
}
