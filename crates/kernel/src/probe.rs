//! Sockets that test whether an address can be reached. Each belongs to the network namespace of
//! its thread when it was opened.

mod raw;

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use hallway_nftables::IpVersion;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, connect,
    ipproto, listen, recv, recvfrom, send, sendto, socket_with, sockopt,
};

use crate::KernelError;
use crate::packet::{Ip, Transport};

pub use raw::{RawAnswer, RawProbe, RawSocket};

const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    }
}

fn stream(address: IpAddr) -> Result<OwnedFd, Errno> {
    socket_with(family(address), SocketType::STREAM, FLAGS, None)
}

fn datagram(address: IpAddr) -> Result<OwnedFd, Errno> {
    socket_with(family(address), SocketType::DGRAM, FLAGS, None)
}

fn any(address: IpAddr) -> SocketAddr {
    let unspecified: IpAddr = if address.is_ipv4() {
        std::net::Ipv4Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    };
    SocketAddr::new(unspecified, 0)
}

/// An address for a socket. One of a single link is used with the number of its interface; 0 for any
/// other address.
#[must_use]
pub fn socket_address(address: IpAddr, port: u16, interface: u32) -> SocketAddr {
    match address {
        IpAddr::V6(a) if a.is_unicast_link_local() => {
            std::net::SocketAddrV6::new(a, port, 0, interface).into()
        }
        other => SocketAddr::new(other, port),
    }
}

/// A client's socket, bound to a port before it is connected: the addresses and ports of its
/// packets are known before they are sent.
#[derive(Debug)]
pub struct Client {
    fd: OwnedFd,
    /// The local port.
    pub port: u16,
}

/// States of a TCP socket that has sent the end of its data, of which nothing has come back
/// (TCP_ESTABLISHED, TCP_FIN_WAIT1 in net/tcp_states.h).
const ESTABLISHED: u8 = 1;
const FIN_WAIT1: u8 = 4;

impl Client {
    /// A TCP socket (`tcp`) or a UDP socket for an address.
    ///
    /// # Errors
    /// The errno; EAFNOSUPPORT where there is no IPv6.
    pub fn open(tcp: bool, to: IpAddr) -> Result<Self, Errno> {
        let fd = if tcp { stream(to)? } else { datagram(to)? };
        bind(&fd, &any(to))?;
        let port = local_port(&fd)?;
        Ok(Self { fd, port })
    }

    /// Starts to connect; a TCP handshake continues in the kernel.
    ///
    /// # Errors
    /// ENETUNREACH without a route, EPERM where the packet filter drops it in the output hook.
    pub fn connect(&self, to: SocketAddr) -> Result<(), Errno> {
        match connect(&self.fd, &to) {
            Err(Errno::INPROGRESS) => Ok(()),
            other => other,
        }
    }

    /// The error that has been reported since the last call (SO_ERROR), if there is one.
    ///
    /// # Errors
    /// EBADF and its like: none while the socket is open.
    pub fn error(&self) -> Result<Option<Errno>, Errno> {
        Ok(sockopt::socket_error(&self.fd)?.err())
    }

    /// Sends.
    ///
    /// # Errors
    /// The errno, of an earlier packet too.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        send(&self.fd, bytes, SendFlags::NOSIGNAL).map(|_| ())
    }

    /// Ends what this side of a TCP connection sends.
    ///
    /// # Errors
    /// ENOTCONN before it is connected.
    pub fn end(&self) -> Result<(), Errno> {
        rustix::net::shutdown(&self.fd, rustix::net::Shutdown::Write)
    }

    /// Whether the other side has acknowledged that end, or has ended the connection itself.
    #[must_use]
    pub fn end_arrived(&self) -> bool {
        let state = crate::sys::tcp_state(self.fd.as_fd());
        state.is_some_and(|state| ![ESTABLISHED, FIN_WAIT1].contains(&state))
    }

    /// Receives; `None` if nothing has arrived.
    ///
    /// # Errors
    /// The errno, of an earlier packet too.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
        nothing_yet(recv(&self.fd, buffer, RecvFlags::empty()).map(|(length, _)| length))
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn nothing_yet<T>(result: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(e) => Err(e),
    }
}

fn local_port(fd: &OwnedFd) -> Result<u16, Errno> {
    let address = rustix::net::getsockname(fd)?;
    SocketAddr::try_from(address).map(|a| a.port())
}

/// A server's socket that returns what it receives.
#[derive(Debug)]
pub struct Echo {
    fd: OwnedFd,
    tcp: bool,
}

impl Echo {
    /// Listens on one address and port.
    ///
    /// # Errors
    /// EADDRINUSE when another socket does; EADDRNOTAVAIL when no interface has the address.
    pub fn listen(tcp: bool, at: SocketAddr) -> Result<Self, Errno> {
        let fd = if tcp {
            stream(at.ip())?
        } else {
            datagram(at.ip())?
        };
        if at.is_ipv6() {
            sockopt::set_ipv6_v6only(&fd, true)?;
        }
        if tcp {
            // A connection of an earlier probe, in TIME_WAIT, does not block the port.
            sockopt::set_socket_reuseaddr(&fd, true)?;
        }
        bind(&fd, &at)?;
        if tcp {
            listen(&fd, 128)?;
        }
        Ok(Self { fd, tcp })
    }

    /// Answers a datagram, or returns the socket of a new connection for [`echo`].
    ///
    /// # Errors
    /// The errno.
    pub fn serve(&self) -> Result<Option<OwnedFd>, Errno> {
        if self.tcp {
            return nothing_yet(accept_with(&self.fd, FLAGS));
        }
        let mut buffer = [0; 512];
        let got = nothing_yet(recvfrom(&self.fd, &mut buffer, RecvFlags::empty()))?;
        if let Some((length, _, Some(from))) = got {
            let text = buffer.get(..length).unwrap_or_default();
            sendto(&self.fd, text, SendFlags::NOSIGNAL, &from)?;
        }
        Ok(None)
    }
}

impl AsFd for Echo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Returns the data that a connection has sent; false when it has ended.
#[must_use]
pub fn echo(connection: &OwnedFd) -> bool {
    let mut buffer = [0; 512];
    match nothing_yet(recv(connection, &mut buffer, RecvFlags::empty())) {
        Ok(None) => true,
        Ok(Some((0, _))) | Err(_) => false,
        Ok(Some((length, _))) => {
            let text = buffer.get(..length).unwrap_or_default();
            send(connection, text, SendFlags::NOSIGNAL).is_ok()
        }
    }
}

/// A raw ICMP socket of one IP version: sends echo requests, receives every ICMP message.
#[derive(Debug)]
pub struct IcmpSocket {
    fd: OwnedFd,
    version: IpVersion,
}

/// An ICMP message that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IcmpNote {
    /// An echo reply with this identifier.
    Reply(u16),
    /// An error about a sent packet.
    Error(IcmpError),
}

/// An ICMP error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcmpError {
    /// The sender; unknown for ICMPv6.
    pub from: Option<IpAddr>,
    /// The packet is not allowed (administratively prohibited, or by policy).
    pub prohibited: bool,
    /// The port is unreachable: no socket listens on it.
    pub port: bool,
    /// The packet it is about.
    pub about: Ip,
}

impl IcmpSocket {
    /// Opens a raw socket.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW.
    pub fn open(version: IpVersion) -> Result<Self, KernelError> {
        let (family, protocol) = if version == IpVersion::V4 {
            (AddressFamily::INET, ipproto::ICMP)
        } else {
            (AddressFamily::INET6, ipproto::ICMPV6)
        };
        let fd = socket_with(family, SocketType::RAW, FLAGS, Some(protocol))
            .map_err(|e| KernelError::new("open a raw socket", "", e))?;
        Ok(Self { fd, version })
    }

    /// Sends an echo request (RFC 792, RFC 4443).
    ///
    /// # Errors
    /// ENETUNREACH without a route, EPERM where the packet filter drops it in the output hook.
    pub fn send_echo(&self, to: SocketAddr, identifier: u16, number: u16) -> Result<(), Errno> {
        let mut message = vec![
            if self.version == IpVersion::V4 {
                8
            } else {
                128
            },
            0,
            0,
            0,
        ];
        message.extend_from_slice(&identifier.to_be_bytes());
        message.extend_from_slice(&number.to_be_bytes());
        message.extend_from_slice(b"hallway echo....");
        if self.version == IpVersion::V4 {
            let sum = checksum(&message);
            message.splice(2..4, sum.to_be_bytes());
        }
        sendto(&self.fd, &message, SendFlags::empty(), &to).map(|_| ())
    }

    /// The next echo reply or destination-unreachable message.
    ///
    /// # Errors
    /// The errno.
    pub fn receive(&self) -> Result<Option<IcmpNote>, Errno> {
        let mut buffer = [0; 2048];
        loop {
            let got = nothing_yet(recv(&self.fd, &mut buffer, RecvFlags::empty()))?;
            let Some((length, _)) = got else {
                return Ok(None);
            };
            if let Some(note) = self.read(buffer.get(..length).unwrap_or_default()) {
                return Ok(Some(note));
            }
        }
    }

    fn read(&self, bytes: &[u8]) -> Option<IcmpNote> {
        if self.version == IpVersion::V6 {
            // Without an IP header.
            let number =
                |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
            return match (*bytes.first()?, *bytes.get(1)?) {
                (129, _) => number(4).map(IcmpNote::Reply),
                (1, code) => Some(IcmpNote::Error(IcmpError {
                    from: None,
                    prohibited: matches!(code, 1 | 5 | 6),
                    port: code == 4,
                    about: Ip::parse(bytes.get(8..)?)?,
                })),
                _ => None,
            };
        }
        let ip = Ip::parse(bytes)?;
        let Transport::Icmp(icmp) = ip.transport else {
            return None;
        };
        match (icmp.kind, icmp.code) {
            (0, _) => icmp.echo.map(|(identifier, _)| IcmpNote::Reply(identifier)),
            (3, code) => Some(IcmpNote::Error(IcmpError {
                from: Some(ip.source),
                prohibited: matches!(code, 9 | 10 | 13),
                port: code == 3,
                about: *icmp.embedded?,
            })),
            _ => None,
        }
    }
}

impl AsFd for IcmpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| match pair {
            [a, b] => u32::from(u16::from_be_bytes([*a, *b])),
            [a] => u32::from(u16::from_be_bytes([*a, 0])),
            _ => 0,
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
