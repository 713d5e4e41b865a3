//! Announcements of addresses: a gratuitous ARP request (RFC 5227, section 3) and an unsolicited
//! neighbour advertisement (RFC 4861, section 7.2.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

use crate::gate::{Operation, OperationKind};
use crate::{Kernel, KernelError, sys};

/// Ethernet broadcast address, and the group address of every node with IPv6 (ff02::1).
const EVERYBODY: [u8; 6] = [0xff; 6];
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// IPPROTO_ICMPV6.
const ICMP6: u8 = 58;

const ANNOUNCE: &str = "announce the address";

impl Kernel {
    /// Sends the announcement of an address from an interface of the calling thread's namespace:
    /// neighbours with another MAC address for this address use this one from now on.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW; ENETDOWN where the interface is down.
    pub fn announce(
        &self,
        interface: u32,
        mac: [u8; 6],
        address: IpAddr,
    ) -> Result<(), KernelError> {
        let object = address.to_string();
        let operation = Operation::new(OperationKind::Neighbour, ANNOUNCE, &object);
        self.perform(&operation, || {
            let frame = match address {
                IpAddr::V4(address) => request(mac, address),
                IpAddr::V6(address) => advertisement(mac, address),
            };
            let socket = sys::packet_socket(interface)?;
            rustix::net::send(socket.as_fd(), &frame, rustix::net::SendFlags::empty())
                .map(drop)
                .map_err(|e| KernelError::new(ANNOUNCE, &object, e))
        })
    }
}

fn ethernet(to: [u8; 6], from: [u8; 6], kind: [u8; 2]) -> Vec<u8> {
    [to.as_slice(), &from, &kind].concat()
}

/// A request of an address for itself.
fn request(mac: [u8; 6], address: Ipv4Addr) -> Vec<u8> {
    let mut out = ethernet(EVERYBODY, mac, [0x08, 0x06]);
    // Ethernet, IPv4, their lengths, and the operation: a request.
    out.extend([0, 1, 0x08, 0, 6, 4, 0, 1]);
    out.extend(mac);
    out.extend(address.octets());
    out.extend([0; 6]);
    out.extend(address.octets());
    out
}

fn advertisement(mac: [u8; 6], address: Ipv6Addr) -> Vec<u8> {
    // Type, code, no checksum yet, and the flag to override existing entries.
    let mut body = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    body.extend(address.octets());
    body.extend([2, 1]);
    body.extend(mac);
    let sum = checksum(address, ALL_NODES, &body).to_be_bytes();
    for (slot, byte) in body.iter_mut().skip(2).zip(sum) {
        *slot = byte;
    }
    let mut out = ethernet(ALL_NODES_MAC, mac, [0x86, 0xdd]);
    // A hop limit of 255 shows that no router has forwarded it.
    out.extend([0x60, 0, 0, 0, 0, body.len() as u8, ICMP6, 255]);
    out.extend(address.octets());
    out.extend(ALL_NODES.octets());
    out.extend(body);
    out
}

/// The checksum over the body and the pseudo-header (RFC 8200, section 8.1).
fn checksum(from: Ipv6Addr, to: Ipv6Addr, body: &[u8]) -> u16 {
    let head = [from.octets(), to.octets()].concat();
    let words = head.chunks(2).chain(body.chunks(2));
    let mut sum = body.len() as u32 + u32::from(ICMP6);
    for word in words {
        let high = u32::from(word.first().copied().unwrap_or_default());
        let low = u32::from(word.get(1).copied().unwrap_or_default());
        sum += (high << 8) | low;
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum over everything, the checksum included, is all ones.
    #[test]
    fn the_checksum_fits_the_message() {
        let address: Ipv6Addr = "fd00::10".parse().unwrap();
        let frame = advertisement([2, 0, 0, 0, 0, 1], address);
        assert_eq!(frame.len(), 14 + 40 + 32);
        assert_eq!(checksum(address, ALL_NODES, &frame[54..]), 0);
    }

    #[test]
    fn a_request_names_the_address_twice() {
        let frame = request([2, 0, 0, 0, 0, 1], [10, 0, 0, 1].into());
        assert_eq!(frame.len(), 42);
        assert_eq!(frame[28..32], frame[38..42]);
    }
}
