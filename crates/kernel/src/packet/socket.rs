//! The packet socket: every frame of a network namespace, or of one interface, as it passes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt;

use crate::{KernelError, sys};

/// Frames wait here until they are read; the kernel drops frames for which there is no room.
const RECEIVE_BUFFER: usize = 8 << 20;
/// The largest possible frame: a 64 KiB packet before segmentation, with its headers.
const FRAME_MAX: usize = 1 << 18;

/// The direction of a frame at the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Received: for this interface, broadcast or multicast.
    In,
    /// Sent.
    Out,
    /// Received, for another MAC address.
    Other,
}

/// The receiver of a frame (PACKET_*, linux/if_packet.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// This interface (PACKET_HOST).
    Host,
    /// Every interface (PACKET_BROADCAST).
    Broadcast,
    /// A multicast group (PACKET_MULTICAST).
    Multicast,
    /// Another MAC address (PACKET_OTHERHOST).
    OtherHost,
    /// Not known: the frame is being sent (PACKET_OUTGOING).
    Outgoing,
}

/// A frame that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The interface's index.
    pub interface: u32,
    /// Its direction.
    pub direction: Direction,
    /// Its receiver.
    pub to: To,
    /// The kernel's time of the frame.
    pub time: SystemTime,
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
    /// Its length; more than `bytes` if that was too small.
    pub length: usize,
}

/// A socket of the family AF_PACKET.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl PacketSocket {
    /// Receives from every interface of the calling thread's network namespace, also later ones.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW there.
    pub fn open() -> Result<Self, KernelError> {
        Self::open_on(0)
    }

    /// Receives from one interface.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW; ENODEV when there is no such interface.
    pub fn open_on(interface: u32) -> Result<Self, KernelError> {
        let fd = sys::packet_socket(interface)?;
        // Beyond the sysctl's limit only with CAP_NET_ADMIN over the first user namespace.
        if sockopt::set_socket_recv_buffer_size_force(&fd, RECEIVE_BUFFER).is_err() {
            let _ = sockopt::set_socket_recv_buffer_size(&fd, RECEIVE_BUFFER);
        }
        Ok(Self {
            fd,
            buffer: vec![0; FRAME_MAX],
        })
    }

    /// Receives from one interface, which is promiscuous while the socket is open: it receives
    /// frames for other MAC addresses, too, such as those a bridge forwards between its ports.
    ///
    /// # Errors
    /// As [`Self::open_on`].
    pub fn open_promiscuous(interface: u32) -> Result<Self, KernelError> {
        let socket = Self::open_on(interface)?;
        sys::packet_promiscuous(socket.fd.as_fd(), interface)?;
        Ok(socket)
    }

    /// The next frame; `None` when none came in time or a signal arrived.
    ///
    /// # Errors
    /// ENETDOWN when its interface went down or was removed.
    pub fn recv(&mut self, timeout: Duration) -> Result<Option<Frame>, KernelError> {
        if let Some(frame) = self.take()? {
            return Ok(Some(frame));
        }
        let limit = Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&limit)) {
            Ok(0) | Err(Errno::INTR) => Ok(None),
            Ok(_) => self.take(),
            Err(e) => Err(KernelError::new("wait for packets", "", e)),
        }
    }

    /// A frame that has been received.
    fn take(&mut self) -> Result<Option<Frame>, KernelError> {
        let Some(received) = sys::packet_receive(self.fd.as_fd(), &mut self.buffer)? else {
            return Ok(None);
        };
        let (direction, to) = match received.kind {
            libc::PACKET_HOST => (Direction::In, To::Host),
            libc::PACKET_BROADCAST => (Direction::In, To::Broadcast),
            libc::PACKET_MULTICAST => (Direction::In, To::Multicast),
            libc::PACKET_OUTGOING => (Direction::Out, To::Outgoing),
            _ => (Direction::Other, To::OtherHost),
        };
        let kept = received.length.min(self.buffer.len());
        Ok(Some(Frame {
            interface: received.interface,
            direction,
            to,
            time: received.time,
            bytes: self.buffer.get(..kept).unwrap_or_default().to_vec(),
            length: received.length,
        }))
    }

    /// How many frames the kernel dropped since the last call, because they were not read in time.
    ///
    /// # Errors
    /// EBADF and its like: none while the socket is open.
    pub fn dropped(&self) -> Result<u32, KernelError> {
        sys::packet_drops(self.fd.as_fd())
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
