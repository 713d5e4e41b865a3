//! Watching packets pass the packet filter (NFT_MSG_TRACE).

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use hallway_nftables::message;
use hallway_nftables::trace::{TraceEvent, Watched, event, marking_table};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt;

use super::{Nft, SUBSYSTEM};
use crate::KernelError;
use crate::rtnl::open_socket;
use crate::wire::Messages;

/// The operation, in errors.
const WATCH: &str = "listen for nf_tables traces";
/// NFNLGRP_NFTRACE.
const GROUP: u32 = 9;
/// Bytes of reports that may wait until they are read.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Marks packets and receives reports about them, in one network namespace, until it is dropped:
/// its table belongs to its socket (NFT_TABLE_F_OWNER), and is removed with it, even when the process is killed.
#[derive(Debug)]
pub struct Trace {
    _owner: Nft,
    events: Socket,
    buffer: Vec<u8>,
}

impl Trace {
    /// Begins to watch, in the calling thread's namespace.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN; EOPNOTSUPP where a kernel does not know of owned tables.
    pub fn begin(watched: &[Watched]) -> Result<Self, KernelError> {
        let events = open_socket(NETLINK_NETFILTER)?;
        let failed = |e: std::io::Error| KernelError::io(WATCH, "", &e);
        events.add_membership(GROUP).map_err(failed)?;
        events.set_non_blocking(true).map_err(failed)?;
        // Beyond the limit of the machine only with CAP_NET_ADMIN; else up to it.
        if sockopt::set_socket_recv_buffer_size_force(&events, RECEIVE_BUFFER).is_err() {
            sockopt::set_socket_recv_buffer_size(&events, RECEIVE_BUFFER)
                .map_err(|errno| KernelError::new(WATCH, "", errno))?;
        }
        let mut owner = Nft::open()?;
        // No two sockets of a namespace have the same port: the table's name is unique.
        let name = format!("{PREFIX}{}", owner.port()?);
        owner.commit(&marking_table(&name, watched))?;
        Ok(Self {
            _owner: owner,
            events,
            buffer: vec![0; 64 * 1024],
        })
    }

    /// The next reports; none when none came in time.
    ///
    /// # Errors
    /// When the socket cannot be read.
    pub fn events(&mut self, timeout: Duration) -> Result<Vec<TraceEvent>, KernelError> {
        let limit = Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&self.events, PollFlags::IN)];
        match poll(&mut fds, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => {} // what has come is read all the same
            Err(errno) => return Err(KernelError::new(WATCH, "", errno)),
        }
        let mut out = Vec::new();
        loop {
            match self.events.recv(&mut self.buffer.as_mut_slice(), 0) {
                Ok(length) => {
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    out.extend(
                        Messages(bytes)
                            .filter(|m| m.kind == SUBSYSTEM | message::TRACE)
                            .filter_map(|m| event(m.body)),
                    );
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Ok(out),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                // More came than could be read: the rest is there.
                Err(e) if e.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {}
                Err(e) => return Err(KernelError::io(WATCH, "", &e)),
            }
        }
    }
}

impl AsFd for Trace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

/// Whether a table is one that watches: the kernel reports its rules, too.
#[must_use]
pub fn is_watching(table: &str) -> bool {
    table.starts_with(PREFIX)
}

/// No project's table is called like that: names have no colon.
const PREFIX: &str = "hallway:trace:";
