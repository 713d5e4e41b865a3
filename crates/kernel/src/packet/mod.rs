//! Packets: received as they pass an interface (packet(7)), and parsed to the transport header.

mod headers;
mod parse;
mod socket;
mod summary;

pub use headers::{Arp, Ethernet, Icmp, Ip, Network, Sctp, Tcp, Transport, Udp};
pub use socket::{Direction, Frame, PacketSocket, To};
