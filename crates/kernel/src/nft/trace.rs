//! Tracing packets through the packet filter (NFT_MSG_TRACE).

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use hallway_nftables::message;
use hallway_nftables::trace::{MARKING_PREFIX, TraceEvent, Watched, event, marking_table};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_NETFILTER;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{COMMIT, SUBSYSTEM};
use crate::gate::{Operation, OperationKind};
use crate::socket::{Channel, open_socket};
use crate::wire::Messages;
use crate::{Kernel, KernelError};

/// NFNLGRP_NFTRACE.
const GROUP: u32 = 9;
/// Bytes of reports that may wait until they are read.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Marks packets and receives a report of every rule they match, in one network namespace. Its
/// table belongs to its socket (NFT_TABLE_F_OWNER): the kernel removes it when the socket is
/// closed, also when the process is killed.
#[derive(Debug)]
pub struct Trace {
    _owner: Channel,
    events: Socket,
    buffer: Vec<u8>,
}

impl Trace {
    /// Starts to trace, in the calling thread's namespace, with sockets of its own.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN; EOPNOTSUPP where the kernel has no owned tables.
    pub fn begin(kernel: &Kernel, watched: &[Watched]) -> Result<Self, KernelError> {
        let events = open_socket(NETLINK_NETFILTER)?;
        let failed = |e: std::io::Error| KernelError::io("receive nf_tables traces", "", &e);
        events.add_membership(GROUP).map_err(failed)?;
        events.set_non_blocking(true).map_err(failed)?;
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(&events, RECEIVE_BUFFER).is_err()
        {
            let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&events, RECEIVE_BUFFER);
        }
        let mut owner = Channel::open(NETLINK_NETFILTER)?;
        // No two sockets of a namespace have the same port: no other table has this name.
        let name = format!("{MARKING_PREFIX}{}", owner.port()?);
        let operation = Operation::new(OperationKind::NfTransaction, COMMIT, &name);
        kernel.perform(&operation, || {
            super::commit(&mut owner, &marking_table(&name, watched))
        })?;
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
            Ok(_) | Err(Errno::INTR) => {} // what has come is read in any case
            Err(e) => return Err(KernelError::new("receive nf_tables traces", "", e)),
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
                // More arrived than could be read: the rest is still there.
                Err(e) if e.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {}
                Err(e) => return Err(KernelError::io("receive nf_tables traces", "", &e)),
            }
        }
    }
}

impl AsFd for Trace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}
