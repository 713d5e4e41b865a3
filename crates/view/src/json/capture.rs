//! Captured packets: `capture`.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;

use super::Version;

/// A captured packet; a line each.
#[derive(Debug, Serialize)]
pub struct CapturedPacket<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// The kernel's time of it, in seconds since 1970.
    pub time: f64,
    /// Its time, in seconds since the capture started.
    pub elapsed: f64,
    /// The interface it passed.
    pub interface: &'a str,
    /// `in`, `out` or `pass`, at that interface.
    pub direction: &'static str,
    /// Bytes on the wire.
    pub length: usize,
    /// As in [`protocol_name`].
    pub protocol: Cow<'static, str>,
    /// Source address; for ARP the sender's.
    pub source: Option<IpAddr>,
    /// Destination address; for ARP the requested address.
    pub destination: Option<IpAddr>,
    /// Of TCP and UDP.
    pub source_port: Option<u16>,
    /// Of TCP and UDP.
    pub destination_port: Option<u16>,
    /// The packet in one line.
    pub summary: &'a str,
}

/// The name of an IP protocol number (IANA's registry), the number if it has none here; `other`
/// without one.
#[must_use]
pub fn protocol_name(number: Option<u8>) -> Cow<'static, str> {
    match number {
        Some(1) => "icmp".into(),
        Some(6) => "tcp".into(),
        Some(17) => "udp".into(),
        Some(58) => "icmp6".into(),
        Some(132) => "sctp".into(),
        Some(number) => number.to_string().into(),
        None => "other".into(),
    }
}
