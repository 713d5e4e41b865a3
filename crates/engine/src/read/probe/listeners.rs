//! Listeners put where no program listens, so that reachability shows whether or not a service
//! runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use hallway_kernel::KernelError;
use hallway_kernel::packet::PacketSocket;
use hallway_kernel::probe::{self, Echo};
use hallway_plan::reach::{Listener, Location};
use hallway_plan::settled::Settled;
use rustix::io::Errno;

use super::{Aim, inside};

type Key = (Location, SocketAddr, bool);

/// Every listener of a wave, with the connections they have taken.
#[derive(Default)]
pub(super) struct Listeners {
    there: BTreeMap<Key, Listener>,
    echoes: Vec<Echo>,
    connections: Vec<OwnedFd>,
    /// Watch datagrams come in where a program listens that may not answer.
    watchers: BTreeMap<Location, PacketSocket>,
}

impl Listeners {
    /// Opens a listener at each place where an attempt should arrive and none listens.
    pub(super) fn new(settled: &Settled, aims: &[Aim]) -> Result<Self, KernelError> {
        let mut out = Self::default();
        for aim in aims {
            if let Some((at, address)) = &aim.target {
                out.ensure(settled, (at.clone(), *address, aim.is_tcp()))?;
            }
        }
        Ok(out)
    }

    fn ensure(&mut self, settled: &Settled, key: Key) -> Result<(), KernelError> {
        if self.there.contains_key(&key) {
            return Ok(());
        }
        let (at, address, tcp) = &key;
        let made = inside(settled, at, || Ok(Echo::listen(*tcp, *address)))?;
        let listener = match made {
            Ok(echo) => {
                self.echoes.push(echo);
                Listener::Temporary
            }
            Err(Errno::ADDRINUSE) => {
                if !tcp && !self.watchers.contains_key(at) {
                    let watcher = inside(settled, at, PacketSocket::open)?;
                    self.watchers.insert(at.clone(), watcher);
                }
                Listener::Service
            }
            Err(_) => Listener::None,
        };
        self.there.insert(key, listener);
        Ok(())
    }

    /// What listens where an attempt should arrive.
    pub(super) fn of(&self, aim: &Aim) -> Listener {
        if aim.service == hallway_plan::reach::Service::Icmp {
            return Listener::Kernel;
        }
        let key = aim
            .target
            .as_ref()
            .map(|(at, a)| (at.clone(), *a, aim.is_tcp()));
        let known = key.and_then(|key| self.there.get(&key).copied());
        known.unwrap_or(Listener::None)
    }

    /// What to wait for.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let echoes = self.echoes.iter().map(AsFd::as_fd);
        let watchers = self.watchers.values().map(AsFd::as_fd);
        echoes
            .chain(self.connections.iter().map(AsFd::as_fd))
            .chain(watchers)
    }

    /// Answers clients. Datagrams that a program's place has received are handed to `seen`.
    pub(super) fn serve(&mut self, mut seen: impl FnMut(&[u8])) {
        for echo in &self.echoes {
            for _ in 0..64 {
                match echo.serve() {
                    Ok(Some(connection)) => self.connections.push(connection),
                    Ok(None) | Err(_) => break,
                }
            }
        }
        self.connections.retain(probe::echo);
        for watcher in self.watchers.values_mut() {
            while let Ok(Some(frame)) = watcher.recv(std::time::Duration::ZERO) {
                seen(&frame.bytes);
            }
        }
    }
}
