//! Sockets that receive packets to a port (linux/sock_diag.h, linux/inet_diag.h; sock_diag(7)).
//!
//! The kernel reads only listening TCP sockets. /proc/net/tcp walks the table of every connection,
//! which takes 2 ms for the 262,144 buckets of a machine with 24 GB, and four times that to read
//! both IP versions once.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use rustix::io::Errno;

use crate::KernelError;
use crate::gate::OperationKind;
use crate::request::Request;
use crate::socket::Channel;
use crate::wire::{Attrs, address_bytes, be16_of, u32_of};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// The length of struct inet_diag_msg, and an attribute after it.
const MESSAGE: usize = 72;
const INET_DIAG_SKV6ONLY: u16 = 11;
const FAMILIES: [u8; 2] = [libc::AF_INET as u8, libc::AF_INET6 as u8];
const TCP: u8 = 6;
const UDP: u8 = 17;
/// TCP_ESTABLISHED.
const ESTABLISHED: u8 = 1;
/// TCP_LISTEN.
const LISTENS: u8 = 10;
/// TCP_CLOSE: of UDP, a socket without a peer.
const HAS_NO_PEER: u8 = 7;

/// A socket that listens (TCP), or is bound (UDP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenPort {
    /// IP protocol number.
    pub protocol: u8,
    /// Where it is bound.
    pub address: SocketAddr,
    /// It receives no IPv4 packets, although it is an IPv6 socket (IPV6_V6ONLY).
    pub only_v6: bool,
    /// The link that its packets come in by (SO_BINDTODEVICE); none for every link.
    pub link: Option<u32>,
    /// Inode number of the socket.
    pub inode: u64,
}

/// Every UDP socket of the calling thread's network namespace that has a peer.
///
/// # Errors
/// As [`open_ports`].
pub fn udp_ports_with_peers() -> Result<Vec<OpenPort>, KernelError> {
    list(&mut Channel::open(NETLINK_SOCK_DIAG)?, UDP, ESTABLISHED)
}

/// Every such socket of the calling thread's network namespace, of the protocols with these
/// numbers; TCP and UDP have such sockets. For UDP, the kernel walks the table of all UDP ports.
///
/// # Errors
/// ENOENT on a kernel without CONFIG_INET_DIAG or CONFIG_INET_UDP_DIAG.
pub fn open_ports(protocols: &[u8]) -> Result<Vec<OpenPort>, KernelError> {
    let mut channel = Channel::open(NETLINK_SOCK_DIAG)?;
    let mut out = Vec::new();
    let of_protocols = |(protocol, _): &(u8, u8)| protocols.contains(protocol);
    let states = [(TCP, LISTENS), (UDP, HAS_NO_PEER)];
    for (protocol, state) in states.into_iter().filter(of_protocols) {
        out.extend(list(&mut channel, protocol, state)?);
    }
    Ok(out)
}

/// The sockets of a protocol in a state, of both IP versions.
fn list(channel: &mut Channel, protocol: u8, state: u8) -> Result<Vec<OpenPort>, KernelError> {
    let mut out = Vec::new();
    for family in FAMILIES {
        let request = request(family, protocol, state);
        let (sockets, _whole) =
            channel.dump_once(SOCK_DIAG_BY_FAMILY, &request, "list the open ports")?;
        out.extend(sockets.iter().filter_map(|(_, body)| parse(protocol, body)));
    }
    Ok(out)
}

/// A socket with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectedSocket {
    /// The address of this machine.
    pub own: IpAddr,
    /// The address of the peer.
    pub peer: IpAddr,
}

/// The addresses of established TCP connections and UDP sockets with a peer, of the calling thread's network
/// namespace, each pair once.
///
/// # Errors
/// ENOENT on a kernel without CONFIG_INET_DIAG or CONFIG_INET_UDP_DIAG.
pub fn connections() -> Result<BTreeSet<ConnectedSocket>, KernelError> {
    let mut channel = Channel::open(NETLINK_SOCK_DIAG)?;
    let mut out = BTreeSet::new();
    for protocol in [TCP, UDP] {
        for family in FAMILIES {
            let request = request(family, protocol, ESTABLISHED);
            let (sockets, _whole) =
                channel.dump_once(SOCK_DIAG_BY_FAMILY, &request, "list the connections")?;
            out.extend(sockets.iter().filter_map(|(_, body)| connection(body)));
        }
    }
    Ok(out)
}

/// The addresses of struct inet_diag_msg.
fn connection(body: &[u8]) -> Option<ConnectedSocket> {
    let family = body.first().copied()?;
    Some(ConnectedSocket {
        own: address(family, body.get(8..24)?)?.to_canonical(),
        peer: address(family, body.get(24..40)?)?.to_canonical(),
    })
}

/// An address in struct inet_diag_sockid.
fn address(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    if family == FAMILIES[0] {
        let bytes: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        return Some(IpAddr::V4(Ipv4Addr::from(bytes)));
    }
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(bytes)))
}

/// The user of the TCP socket of the calling thread's network namespace with these two addresses, as the
/// caller's user namespace numbers it.
///
/// # Errors
/// ENOENT if there is none, and on a kernel without CONFIG_INET_DIAG.
pub fn user_of(own: SocketAddr, peer: SocketAddr) -> Result<u32, KernelError> {
    let mut body = request(FAMILIES[usize::from(own.is_ipv6())], TCP, 0);
    body[4..8].fill(0xff);
    body[8..10].copy_from_slice(&own.port().to_be_bytes());
    body[10..12].copy_from_slice(&peer.port().to_be_bytes());
    for (at, address) in [(12, own.ip()), (28, peer.ip())] {
        let bytes = address_bytes(address);
        body[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    body[48..56].fill(0xff); // INET_DIAG_NOCOOKIE
    let request = Request {
        acts_on: OperationKind::Process,
        kind: SOCK_DIAG_BY_FAMILY,
        flags: 0,
        body: Ok(body.to_vec()),
        operation: "find the socket",
        object: own.to_string(),
    };
    let answer = Channel::open(NETLINK_SOCK_DIAG)?.query(&request)?;
    let user = answer.get(64..).and_then(u32_of);
    user.ok_or_else(|| KernelError::new(request.operation, request.object, Errno::NODATA))
}

/// struct inet_diag_req_v2, for sockets of any address.
fn request(family: u8, protocol: u8, state: u8) -> [u8; 56] {
    let mut out = [0; 56];
    out[0] = family;
    out[1] = protocol;
    out[4..8].copy_from_slice(&(1_u32 << state).to_ne_bytes());
    out
}

/// struct inet_diag_msg.
fn parse(protocol: u8, body: &[u8]) -> Option<OpenPort> {
    let port = be16_of(body.get(4..6)?)?;
    let address = address(body.first().copied()?, body.get(8..24)?)?;
    let attributes = Attrs(body.get(MESSAGE..).unwrap_or_default());
    let only_v6 = attributes.find(INET_DIAG_SKV6ONLY);
    Some(OpenPort {
        protocol,
        address: SocketAddr::new(address, port),
        only_v6: only_v6.is_some_and(|v| v.first().is_some_and(|v| *v != 0)),
        link: u32_of(body.get(40..)?).filter(|index| *index != 0),
        inode: u32_of(body.get(68..)?)?.into(),
    })
}
