//! One running attempt.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use hallway_kernel::packet::{Direction, Ethernet, Frame, Ip, Transport};
use hallway_kernel::probe::{
    Client, IcmpError, IcmpSocket, RawAnswer, RawProbe, RawSocket, socket_address,
};
use hallway_plan::reach::{ListenerKind, Location, Measured, Outcome};
use hallway_spec::IpVersion;
use rustix::io::Errno;

use super::aim::{Aim, AimTransport};
use super::progress::{Progress, datagram, interface, tcp};

/// A packet without an answer is sent again after this time; TCP does that itself.
const AGAIN: Duration = Duration::from_millis(350);

/// An acknowledgement mostly comes within this time.
const SOON: Duration = Duration::from_millis(100);

/// One attempt.
pub(super) struct Attempt<'a> {
    pub(super) aim: &'a Aim,
    /// The number of the interface of a destination that is on a single link; else 0.
    interface: u32,
    pub(super) listener: ListenerKind,
    /// Its number among all: the identifier of its echo requests and the text it sends.
    number: u16,
    socket: Socket,
    started: Instant,
    sent: Instant,
    connected: Option<Duration>,
    /// The client as the program there sees it.
    asked_by: Option<SocketAddr>,
    /// The address from which the program there has sent an answer.
    answered: Option<IpAddr>,
    /// The ICMP error about it.
    note: Option<IcmpError>,
    /// The error of its socket; the ICMP error that caused it may come a moment later.
    error: Option<Errno>,
    pub(super) done: Option<Measured>,
}

enum Socket {
    None,
    Tcp(Client),
    Udp(Client),
    Icmp,
    Raw {
        socket: RawSocket,
        probe: RawProbe,
        /// Keeps the source port reserved, if there is one.
        _port: Option<Client>,
    },
}

impl<'a> Attempt<'a> {
    /// Starts it; must be called inside the place where it starts.
    pub(super) fn begin(
        aim: &'a Aim,
        listener: ListenerKind,
        number: u16,
        icmp: Option<&IcmpSocket>,
    ) -> Self {
        let now = Instant::now();
        let mut out = Self {
            aim,
            interface: interface(aim),
            listener,
            number,
            socket: Socket::None,
            started: now,
            sent: now,
            connected: None,
            asked_by: None,
            answered: None,
            note: None,
            error: None,
            done: None,
        };
        let begun = match aim.transport() {
            AimTransport::Icmp => {
                out.socket = Socket::Icmp;
                icmp.map_or(Err(Errno::AFNOSUPPORT), |socket| {
                    socket.send_echo(out.to(0), number, 0)
                })
            }
            AimTransport::Raw(protocol) => out.begin_raw(protocol),
            transport => {
                let tcp = transport == AimTransport::Tcp;
                Client::open(tcp, aim.to).and_then(|client| {
                    client.connect(out.to(aim.service.port()))?;
                    if tcp {
                        out.socket = Socket::Tcp(client);
                    } else {
                        client.send(&out.text())?;
                        out.socket = Socket::Udp(client);
                    }
                    Ok(())
                })
            }
        };
        if let Err(errno) = begun {
            out.failed(errno);
        }
        out
    }

    fn begin_raw(&mut self, protocol: u8) -> Result<(), Errno> {
        let socket = RawSocket::open(protocol, self.aim.to)?;
        let port = self.aim.service.port();
        // A bound socket keeps the source port reserved.
        let bound = (port != 0)
            .then(|| Client::open(false, self.aim.to))
            .transpose()?;
        let probe = RawProbe {
            source: bound.as_ref().map_or(0, |b| b.port),
            port,
            number: self.number,
        };
        socket.send(self.to(0), probe)?;
        self.socket = Socket::Raw {
            socket,
            probe,
            _port: bound,
        };
        Ok(())
    }

    /// Its destination, for a socket.
    fn to(&self, port: u16) -> SocketAddr {
        socket_address(self.aim.to, port, self.interface)
    }

    /// The text that it sends, by which it is recognised.
    pub(super) fn text(&self) -> Vec<u8> {
        format!("hallway probe {:05}", self.number).into_bytes()
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.socket {
            _ if self.done.is_some() => None,
            Socket::Tcp(client) | Socket::Udp(client) => Some(client.as_fd()),
            Socket::Raw { socket, .. } => Some(socket.as_fd()),
            Socket::None | Socket::Icmp => None,
        }
    }

    /// Whether to wait until its socket can be written to.
    pub(super) fn connecting(&self) -> bool {
        matches!(self.socket, Socket::Tcp(_)) && self.connected.is_none()
    }

    /// Whether it waits for what makes no socket readable: the acknowledgement of its last packet. After a
    /// moment it is only polled now and then.
    pub(super) fn ending(&self) -> bool {
        let recent = |after: Duration| self.started.elapsed() < after + SOON;
        matches!(self.socket, Socket::Tcp(_))
            && self.done.is_none()
            && self.listener != ListenerKind::Temporary
            && self.connected.is_some_and(recent)
    }

    fn finish(&mut self, outcome: Outcome, latency: Option<Duration>, detail: impl Into<String>) {
        let key = match &self.socket {
            Socket::None => None,
            Socket::Tcp(client) | Socket::Udp(client) => Some(client.port),
            Socket::Icmp => Some(self.number),
            Socket::Raw { probe, .. } => Some(probe.source).filter(|p| *p != 0),
        };
        self.done.get_or_insert(Measured {
            key,
            outcome,
            latency_us: latency.map(|l| l.as_micros() as u64),
            detail: detail.into(),
            listener: self.listener,
        });
    }

    fn failed(&mut self, errno: Errno) {
        if errno == Errno::CONNREFUSED {
            return self.finish(Outcome::Refused, Some(self.started.elapsed()), "");
        }
        if [Errno::PERM, Errno::ACCESS].contains(&errno) {
            return self.finish(Outcome::Filtered, None, "sending it is not permitted there");
        }
        match self.note.take() {
            Some(note) => self.noted(note),
            None if self.error.is_none() => self.error = Some(errno),
            None => {
                let why = std::io::Error::from(errno).to_string();
                let why = why.split(" (").next().unwrap_or_default().to_lowercase();
                self.finish(Outcome::Unreachable, None, why);
            }
        }
    }

    fn noted(&mut self, note: IcmpError) {
        let by = note
            .from
            .map_or(String::new(), |from| format!(" by {from}"));
        if note.prohibited {
            self.finish(Outcome::Filtered, None, format!("prohibited{by}"));
        } else if note.port {
            self.finish(Outcome::Refused, Some(self.started.elapsed()), "");
        } else {
            self.finish(
                Outcome::Unreachable,
                None,
                format!("reported unreachable{by}"),
            );
        }
    }

    /// An ICMP error has come to its place; it may be about this attempt.
    pub(super) fn icmp_error(&mut self, error: &IcmpError) {
        if self.done.is_some() || error.about.destination != self.aim.to {
            return;
        }
        let same = match (&error.about.transport, &self.socket) {
            (Transport::Tcp(tcp), Socket::Tcp(client)) => tcp.source == client.port,
            (Transport::Udp(udp), Socket::Udp(client)) => udp.source == client.port,
            (Transport::Icmp(icmp), Socket::Icmp) => icmp
                .echo
                .is_some_and(|(identifier, _)| identifier == self.number),
            (Transport::Sctp(sctp), Socket::Raw { probe, .. }) => sctp.source == probe.source,
            (Transport::Other, Socket::Raw { .. }) => {
                let version = IpVersion::of(self.aim.to);
                error.about.protocol == self.aim.service.protocol(version)
            }
            _ => false,
        };
        if same && matches!(self.socket, Socket::Icmp | Socket::Raw { .. }) {
            self.noted(error.clone());
        } else if same {
            self.note = Some(error.clone());
        }
    }

    /// An echo reply has come to its place.
    pub(super) fn echoed(&mut self, identifier: u16) {
        if identifier == self.number && matches!(self.socket, Socket::Icmp) {
            self.finish(Outcome::Open, Some(self.started.elapsed()), "");
        }
    }

    /// A frame has come to a place or left it; only reported where a program listens.
    pub(super) fn seen(&mut self, at: &Location, frame: &Frame) {
        let (place, target) = match &self.aim.target {
            Some((place, target)) => (place, target),
            None => return,
        };
        if place != at || self.listener != ListenerKind::Service || self.done.is_some() {
            return;
        }
        if frame.direction == Direction::Out {
            let sent = Ethernet::parse(&frame.bytes);
            let answer = sent
                .ip()
                .filter(|ip| ip.source_port() == Some(target.port()));
            let to = |ip: &Ip| Some(SocketAddr::new(ip.destination, ip.destination_port()?));
            if let Some(ip) = answer.filter(|ip| to(ip).is_some() && to(ip) == self.asked_by) {
                self.answered = Some(ip.source);
            }
            return;
        }
        let text = self.text();
        if frame.bytes.windows(text.len()).any(|part| part == text) {
            let came = Ethernet::parse(&frame.bytes);
            let by = came
                .ip()
                .and_then(|ip| Some(SocketAddr::new(ip.source, ip.source_port()?)));
            self.asked_by = by.or(self.asked_by);
            if !self.aim.one_way {
                // An answer during this wave still has priority.
                self.connected.get_or_insert(self.started.elapsed());
            }
        }
    }

    /// The program there has answered, and no answer has come. One from another address is not the
    /// network's fault.
    fn unanswered(&mut self, arrived_after: Duration) {
        let asked = self.aim.target.as_ref().map(|(_, target)| target.ip());
        match self
            .answered
            .filter(|from| asked.is_some_and(|to| to != *from))
        {
            Some(from) => {
                let detail = format!("it arrives; the program there answers from {from}");
                self.finish(Outcome::Open, Some(arrived_after), detail);
            }
            None => {
                let detail = "it arrives and is answered; the answer does not come back";
                self.finish(Outcome::Filtered, None, detail);
            }
        }
    }

    /// Reads its socket, and sends again if there was no answer.
    pub(super) fn poll(&mut self, icmp: Option<&IcmpSocket>) {
        if self.done.is_some() {
            return;
        }
        if let Some(errno) = self.error {
            return self.failed(errno);
        }
        let result = match &self.socket {
            Socket::None => Ok(None),
            Socket::Tcp(client) => tcp(client, self.connected, self.listener, &self.text()),
            Socket::Udp(client) => datagram(client),
            Socket::Icmp => Ok(None),
            Socket::Raw { socket, probe, .. } => match socket.answer(*probe, self.aim.to) {
                Ok(Some(RawAnswer::Accepted)) => Ok(Some(Progress::Answered)),
                Ok(Some(RawAnswer::Refused)) => Err(Errno::CONNREFUSED),
                Ok(None) => Ok(None),
                Err(errno) => Err(errno),
            },
        };
        match result {
            Err(errno) => return self.failed(errno),
            Ok(Some(Progress::Connected)) => {
                self.connected.get_or_insert(self.started.elapsed());
            }
            Ok(Some(Progress::Answered)) => {
                let latency = self.connected.unwrap_or_else(|| self.started.elapsed());
                return self.finish(Outcome::Open, Some(latency), "");
            }
            Ok(None) => {}
        }
        if self.sent.elapsed() > AGAIN {
            self.sent = Instant::now();
            let again = match &self.socket {
                Socket::Udp(client) => client.send(&self.text()),
                Socket::Icmp => icmp.map_or(Ok(()), |s| s.send_echo(self.to(0), self.number, 1)),
                Socket::Raw { socket, probe, .. } => socket.send(self.to(0), *probe),
                Socket::None | Socket::Tcp(_) => Ok(()),
            };
            if let Err(errno) = again {
                self.failed(errno);
            }
        }
    }

    /// Ends it without an answer. `silent` finds a neighbour that did not answer.
    pub(super) fn time_out(&mut self, silent: impl FnOnce(&Aim) -> Option<(Location, IpAddr)>) {
        if self.done.is_some() {
            return;
        }
        match (&self.socket, self.connected) {
            (Socket::Udp(_), Some(after)) if self.answered.is_some() => self.unanswered(after),
            (Socket::Udp(_), Some(after)) => self.finish(
                Outcome::Open,
                Some(after),
                "it arrives; the program there does not answer",
            ),
            (Socket::Tcp(_), Some(_)) => self.finish(
                Outcome::Filtered,
                None,
                "the connection begins and no data passes",
            ),
            _ => match self.note.take() {
                Some(note) => self.noted(note),
                None => match silent(self.aim) {
                    Some((at, next)) => self.finish(
                        Outcome::Unreachable,
                        None,
                        format!("{at} requests the MAC address of {next}, and no answer comes"),
                    ),
                    None => self.finish(Outcome::Filtered, None, "no answer"),
                },
            },
        }
    }
}
