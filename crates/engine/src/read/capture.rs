//! Packets as they pass the interfaces of a node, a network or the host.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use hallway_kernel::netns::{self, Netns};
pub use hallway_kernel::packet::Direction;
use hallway_kernel::packet::{Ethernet, Frame, Network, PacketSocket};
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::Settled;
use hallway_spec::Name;

use super::filter::{Filter, NetworkProtocol, PacketHeaders};
use crate::{Failure, Reason};

/// How long packets that the filter rejects may be read after the time limit.
const OVERTIME: Duration = Duration::from_millis(500);

/// Where packets are captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureTarget {
    /// All interfaces of the host (or the sandbox), or this one.
    Host(Option<String>),
    /// All interfaces of a node, or this one.
    Node(Name, Option<String>),
    /// The bridge of a network; all ports of a routed one.
    Network(Name),
}

/// A packet that passed an interface and the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// The kernel's time of the packet.
    pub time: SystemTime,
    /// The interface's name.
    pub interface: String,
    /// Its direction at that interface.
    pub direction: Direction,
    /// In one line.
    pub summary: String,
    /// Addresses, protocol and ports.
    pub headers: PacketHeaders,
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
    /// How long it was on the wire; more than `bytes` if it was cut.
    pub length: usize,
}

/// A running capture.
#[derive(Debug)]
pub struct Capture {
    socket: PacketSocket,
    kernel: Kernel,
    /// Names by index; interfaces may be added and removed.
    names: BTreeMap<u32, String>,
    /// Only interfaces of these names; all when empty.
    only: Vec<String>,
    filter: Filter,
}

impl Capture {
    /// Begins to capture; the kernel queues packets from here on.
    ///
    /// # Errors
    /// When the node or the interface does not exist, or the caller lacks the privilege.
    pub fn open(
        settled: &Settled,
        target: &CaptureTarget,
        filter: Filter,
    ) -> Result<Self, Failure> {
        let mut only = Vec::new();
        let opened = match target {
            CaptureTarget::Host(interface) => open(interface.as_deref(), false),
            CaptureTarget::Node(name, interface) => {
                let node = settled.node(name).ok_or_else(|| absent(name))?;
                let namespace = Netns::open(&node.netns.path()).map_err(|e| missing(name, e))?;
                let _inside = netns::enter(&namespace)?;
                open(interface.as_deref(), false)
            }
            CaptureTarget::Network(name) => {
                let network = settled.network(name);
                match network.and_then(|n| n.bridge.as_deref()) {
                    Some(bridge) => open(Some(bridge), true),
                    None => {
                        let ports = settled.nodes.iter().flat_map(|n| n.ports());
                        only.extend(
                            ports
                                .filter(|(_, of, _)| *of == name)
                                .map(|(_, _, link)| link.to_owned()),
                        );
                        open(None, false)
                    }
                }
            }
        };
        let (socket, kernel) = opened.map_err(|e| {
            if e.is_not_found() {
                return Failure::caused(Reason::NoInterface, e);
            }
            Failure::caused(Reason::Capture, e)
        })?;
        let mut capture = Self {
            socket,
            kernel,
            names: BTreeMap::new(),
            only,
            filter,
        };
        capture.learn_names()?;
        Ok(capture)
    }

    /// The next packet that passes the filter; `None` if none came in time. Without time, only one
    /// that has come already.
    ///
    /// # Errors
    /// When the only interface of the capture is set down or removed.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Captured>, Failure> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let frame = self
                .socket
                .recv(left)
                .map_err(|e| Failure::caused(Reason::CaptureEnded, e))?;
            let Some(frame) = frame else { return Ok(None) };
            let packet = self.filtered(frame)?;
            // Queued packets are read, but not without a limit.
            if packet.is_some() || Instant::now() > deadline + OVERTIME {
                return Ok(packet);
            }
        }
    }

    fn filtered(&mut self, frame: Frame) -> Result<Option<Captured>, Failure> {
        if !self.names.contains_key(&frame.interface) {
            self.learn_names()?;
        }
        let interface = self
            .names
            .entry(frame.interface)
            .or_insert_with(|| format!("#{}", frame.interface));
        let unwanted = !self.only.is_empty() && !self.only.contains(interface);
        // A loopback reports each packet twice: outgoing, and incoming.
        let again = interface == "lo" && frame.direction == Direction::Out;
        let frame_headers = Ethernet::parse(&frame.bytes);
        let headers = packet_headers(&frame_headers);
        if unwanted || again || !self.filter.matches(&headers) {
            return Ok(None);
        }
        Ok(Some(Captured {
            time: frame.time,
            interface: interface.clone(),
            direction: frame.direction,
            summary: frame_headers.summary(),
            headers,
            bytes: frame.bytes,
            length: frame.length,
        }))
    }

    fn learn_names(&mut self) -> Result<(), Failure> {
        let links = self.kernel.links()?;
        self.names = links.into_iter().map(|l| (l.index, l.name)).collect();
        Ok(())
    }

    /// How many packets the kernel dropped since the last call, because they were not read
    /// in time.
    ///
    /// # Errors
    /// When the kernel reports an error.
    pub fn dropped(&self) -> Result<u32, Failure> {
        Ok(self.socket.dropped()?)
    }
}

/// Both sockets stay in the present namespace of the thread.
fn open(interface: Option<&str>, promiscuous: bool) -> Result<(PacketSocket, Kernel), KernelError> {
    let mut kernel = Kernel::new();
    kernel.open_sockets()?;
    let socket = match interface {
        Some(name) if promiscuous => PacketSocket::open_promiscuous(kernel.link_index(name)?),
        Some(name) => PacketSocket::open_on(kernel.link_index(name)?),
        None => PacketSocket::open(),
    };
    Ok((socket?, kernel))
}

fn absent(node: &Name) -> Reason {
    Reason::NodeMissing { node: node.clone() }
}

fn missing(node: &Name, error: KernelError) -> Failure {
    Failure::caused(absent(node), error)
}

fn packet_headers(headers: &Ethernet) -> PacketHeaders {
    match &headers.network {
        Network::Ip(ip) => PacketHeaders {
            network: if ip.source.is_ipv4() {
                NetworkProtocol::Ip
            } else {
                NetworkProtocol::Ip6
            },
            protocol: Some(ip.protocol),
            addresses: Some((ip.source, ip.destination)),
            ports: ip.source_port().zip(ip.destination_port()),
        },
        Network::Arp(arp) => PacketHeaders {
            network: NetworkProtocol::Arp,
            addresses: Some((arp.sender.into(), arp.target.into())),
            ..PacketHeaders::default()
        },
        Network::Other(_) | Network::Short => PacketHeaders::default(),
    }
}
