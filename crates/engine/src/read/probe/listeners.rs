//! Listeners for ports without a program, so that reachability is shown whether or not a service
//! runs.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use hallway_kernel::packet::{Frame, PacketSocket};
use hallway_kernel::probe::{self, Echo, RawSocket};
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::reach::{ListenerKind, Location};
use hallway_plan::settled::Settled;
use rustix::io::Errno;

use super::aim::{Aim, AimTransport};
use super::place::inside;

type Key = (Location, SocketAddr, AimTransport);

/// Every listener of a wave, with the connections they have taken.
#[derive(Default)]
pub(super) struct Listeners {
    there: BTreeMap<Key, ListenerKind>,
    echoes: Vec<Echo>,
    connections: Vec<OwnedFd>,
    /// The listeners of protocols without sockets of their own, with their ports.
    raw: Vec<(RawSocket, u16)>,
    /// Watch incoming datagrams for programs that may not answer.
    watchers: BTreeMap<Location, PacketSocket>,
}

/// What is known of a place where no listener could be opened.
fn without(error: Errno) -> ListenerKind {
    match error {
        // Nothing can listen at an address that does not exist there, or for a protocol that this kernel lacks.
        Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT => ListenerKind::None,
        _ => ListenerKind::Unknown,
    }
}

impl Listeners {
    /// Opens a listener at each place where an attempt should arrive and no program listens.
    pub(super) fn new(settled: &Settled, aims: &[Aim]) -> Result<Self, KernelError> {
        let mut out = Self::default();
        for aim in aims {
            if let Some((at, address)) = &aim.target {
                out.ensure(settled, (at.clone(), *address, aim.transport()))?;
            }
        }
        Ok(out)
    }

    fn ensure(&mut self, settled: &Settled, key: Key) -> Result<(), KernelError> {
        if self.there.contains_key(&key) {
            return Ok(());
        }
        let (at, address, transport) = &key;
        let tcp = *transport == AimTransport::Tcp;
        if let AimTransport::Raw(protocol) = *transport {
            let made = inside(settled, at, || {
                Ok(RawSocket::listen(protocol, on_its_link(*address)?))
            })?;
            let listener = match made {
                Ok(socket) => {
                    self.raw.push((socket, address.port()));
                    ListenerKind::Temporary
                }
                Err(error) => without(error),
            };
            self.there.insert(key, listener);
            return Ok(());
        }
        let made = inside(settled, at, || {
            Ok(Echo::listen(tcp, on_its_link(*address)?))
        })?;
        let listener = match made {
            Ok(echo) => {
                self.echoes.push(echo);
                ListenerKind::Temporary
            }
            Err(Errno::ADDRINUSE) => {
                if !tcp && !self.watchers.contains_key(at) {
                    let watcher = inside(settled, at, PacketSocket::open)?;
                    self.watchers.insert(at.clone(), watcher);
                }
                ListenerKind::Service
            }
            Err(error) => without(error),
        };
        self.there.insert(key, listener);
        Ok(())
    }

    /// The kind of listener where an attempt should arrive.
    pub(super) fn of(&self, aim: &Aim) -> ListenerKind {
        if aim.service == hallway_plan::reach::Service::Icmp {
            return ListenerKind::Kernel;
        }
        let key = aim
            .target
            .as_ref()
            .map(|(at, a)| (at.clone(), *a, aim.transport()));
        let known = key.and_then(|key| self.there.get(&key).copied());
        known.unwrap_or(ListenerKind::None)
    }

    /// The descriptors to poll.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let echoes = self.echoes.iter().map(AsFd::as_fd);
        let watchers = self.watchers.values().map(AsFd::as_fd);
        let raw = self.raw.iter().map(|(socket, _)| socket.as_fd());
        echoes
            .chain(self.connections.iter().map(AsFd::as_fd))
            .chain(raw)
            .chain(watchers)
    }

    /// Answers clients. Frames that a program's place has received or sent are handed to `seen`, with
    /// the place.
    pub(super) fn serve(&mut self, mut seen: impl FnMut(&Location, &Frame)) {
        for echo in &self.echoes {
            for _ in 0..64 {
                match echo.serve() {
                    Ok(Some(connection)) => self.connections.push(connection),
                    Ok(None) | Err(_) => break,
                }
            }
        }
        for (socket, port) in &self.raw {
            // A reply that cannot be sent counts as no reply.
            while matches!(socket.serve(*port), Ok(true)) {}
        }
        self.connections.retain(probe::echo);
        for (at, watcher) in &mut self.watchers {
            while let Ok(Some(frame)) = watcher.recv(std::time::Duration::ZERO) {
                seen(at, &frame);
            }
        }
    }
}

/// An address of a single link, with the number of the interface that has it.
fn on_its_link(address: SocketAddr) -> Result<SocketAddr, KernelError> {
    let ip = address.ip();
    if !matches!(ip, IpAddr::V6(a) if a.is_unicast_link_local()) {
        return Ok(address);
    }
    let all = Kernel::new().addresses()?;
    let own = all.iter().find(|a| a.net.addr() == ip);
    let interface = own.map_or(0, |a| a.index);
    Ok(probe::socket_address(ip, address.port(), interface))
}
