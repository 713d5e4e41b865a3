//! Probes of IP protocols for which the kernel has no socket, or not always: made and answered by
//! raw sockets. For SCTP they are the first two messages of an association (RFC 9260), for other
//! protocols a text.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use hallway_nftables::IpVersion;
use rustix::io::Errno;
use rustix::net::{
    Protocol, RawProtocol, RecvFlags, SendFlags, SocketType, bind, recvfrom, sendto, socket_with,
};

use super::{FLAGS, family, nothing_yet};

/// IPPROTO_SCTP.
const SCTP: u8 = 132;
/// Chunk types (RFC 9260, section 3.2).
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const ABORT: u8 = 6;
/// Bytes before the text: zeros, so that connection tracking does not take it for a header.
const BEFORE: usize = 8;
const PROBE: &[u8] = b"hallway probe";
const REPLY: &[u8] = b"hallway reply";

/// A raw socket of one IP protocol.
#[derive(Debug)]
pub struct RawSocket {
    fd: OwnedFd,
    protocol: u8,
    version: IpVersion,
}

/// What identifies a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawProbe {
    /// The client's port, of protocols that have ports.
    pub source: u16,
    /// The server's port, likewise.
    pub port: u16,
    /// Its number.
    pub number: u16,
}

/// The answer to a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawAnswer {
    /// The answer of a server.
    Accepted,
    /// The host there has no such service.
    Refused,
}

impl RawSocket {
    /// Opens a socket for packets to an address.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW.
    pub fn open(protocol: u8, address: IpAddr) -> Result<Self, Errno> {
        let number = RawProtocol::new(u32::from(protocol)).ok_or(Errno::INVAL)?;
        let number = Some(Protocol::from_raw(number));
        let fd = socket_with(family(address), SocketType::RAW, FLAGS, number)?;
        let version = IpVersion::of(address);
        Ok(Self {
            fd,
            protocol,
            version,
        })
    }

    /// Opens a socket for packets to this address of this machine; one of a single link has the number of
    /// its interface.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW, EADDRNOTAVAIL when no interface has the address.
    pub fn listen(protocol: u8, mut address: SocketAddr) -> Result<Self, Errno> {
        let socket = Self::open(protocol, address.ip())?;
        address.set_port(0);
        bind(&socket.fd, &address)?;
        Ok(socket)
    }

    /// Sends a probe.
    ///
    /// # Errors
    /// ENETUNREACH without a route, EPERM where the packet filter drops it in the output hook.
    pub fn send(&self, to: SocketAddr, probe: RawProbe) -> Result<(), Errno> {
        let bytes = match self.protocol {
            SCTP => association(
                INIT,
                probe.source,
                probe.port,
                0,
                u32::from(probe.number) + 1,
            ),
            _ => text(PROBE, format!(" {:05}", probe.number).as_bytes()),
        };
        self.write(to, &bytes)
    }

    fn write(&self, to: SocketAddr, bytes: &[u8]) -> Result<(), Errno> {
        sendto(&self.fd, bytes, SendFlags::empty(), &to).map(|_| ())
    }

    /// The answer to a probe, if one of the packets that have come is it. One from another address than
    /// `asked` is none: a program would not accept it as one.
    ///
    /// # Errors
    /// The errno.
    pub fn answer(&self, probe: RawProbe, asked: IpAddr) -> Result<Option<RawAnswer>, Errno> {
        while let Some((from, bytes)) = self.receive()? {
            if from.ip() != asked {
                continue;
            }
            let found = match self.protocol {
                SCTP => match chunk(&bytes) {
                    Some((_, to, INIT_ACK)) if to == probe.source => Some(RawAnswer::Accepted),
                    Some((_, to, ABORT)) if to == probe.source => Some(RawAnswer::Refused),
                    _ => None,
                },
                _ => {
                    let expected = text(REPLY, format!(" {:05}", probe.number).as_bytes());
                    (bytes == expected).then_some(RawAnswer::Accepted)
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Answers a probe; false if none has arrived. `port` is the server's.
    ///
    /// # Errors
    /// The errno.
    pub fn serve(&self, port: u16) -> Result<bool, Errno> {
        let Some((from, bytes)) = self.receive()? else {
            return Ok(false);
        };
        let reply = match self.protocol {
            SCTP => match chunk(&bytes) {
                Some((source, to, INIT)) if to == port => {
                    let tag = bytes.get(16..20).and_then(|b| b.try_into().ok());
                    let tag = u32::from_be_bytes(tag.unwrap_or_default());
                    Some(association(INIT_ACK, port, source, tag, 1))
                }
                _ => None,
            },
            _ => {
                let number = bytes.get(BEFORE..).and_then(|b| b.strip_prefix(PROBE));
                number.map(|number| text(REPLY, number))
            }
        };
        if let Some(reply) = reply {
            self.write(from, &reply)?;
        }
        Ok(true)
    }

    /// The next packet: its source, and the payload of its IP header.
    fn receive(&self) -> Result<Option<(SocketAddr, Vec<u8>)>, Errno> {
        let mut buffer = [0; 512];
        let got = nothing_yet(recvfrom(&self.fd, &mut buffer, RecvFlags::empty()))?;
        let Some((length, _, Some(from))) = got else {
            return Ok(None);
        };
        let mut from = SocketAddr::try_from(from)?;
        from.set_port(0);
        let bytes = buffer.get(..length).unwrap_or_default();
        // With its header in IPv4, without it in IPv6 (raw(7), RFC 3542).
        let header = match bytes.first() {
            Some(first) if self.version == IpVersion::V4 => usize::from(first & 0xf) * 4,
            _ => 0,
        };
        Ok(Some((
            from,
            bytes.get(header..).unwrap_or_default().to_vec(),
        )))
    }
}

impl AsFd for RawSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn text(kind: &[u8], number: &[u8]) -> Vec<u8> {
    [&[0; BEFORE], kind, number].concat()
}

/// Source port, destination port and the type of the first chunk of an SCTP packet.
fn chunk(bytes: &[u8]) -> Option<(u16, u16, u8)> {
    let number = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    Some((number(0)?, number(2)?, *bytes.get(12)?))
}

/// An INIT or INIT ACK chunk in a packet (RFC 9260, sections 3.1 and 3.3.2). `tag` verifies the
/// packet, `own` is the sender's.
fn association(kind: u8, source: u16, port: u16, tag: u32, own: u32) -> Vec<u8> {
    const WINDOW: u32 = 65_535;
    let mut out = Vec::with_capacity(32);
    out.extend_from_slice(&source.to_be_bytes());
    out.extend_from_slice(&port.to_be_bytes());
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&[kind, 0, 0, 20]);
    out.extend_from_slice(&own.to_be_bytes());
    out.extend_from_slice(&WINDOW.to_be_bytes());
    out.extend_from_slice(&[0, 1, 0, 1]);
    out.extend_from_slice(&own.to_be_bytes());
    let sum = crc32c(&out);
    out.splice(8..12, sum.to_le_bytes());
    out
}

/// The checksum of SCTP (RFC 9260, appendix A).
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ POLYNOMIAL
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
