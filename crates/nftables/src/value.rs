//! Values of fields, with their bytes in keys and comparisons.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::DataType;
use crate::expr::Verdict;
use crate::wire::string_of;

/// nftables' own limit on comments in bytes, less the terminator (NFTNL_UDATA_COMMENT_MAXLEN).
const COMMENT_MAX: usize = 127;
/// Bytes of the name of an interface, with its terminator (IFNAMSIZ).
const NAME_SIZE: usize = 16;

/// A value of one field, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// The name of an interface, 15 bytes at most.
    Ifname(String),
    /// A device group.
    Group(u32),
    /// An IP protocol.
    Proto(u8),
    /// A port.
    Port(u16),
    /// Ports from the first to the last.
    Ports(u16, u16),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv4 prefix.
    V4Net(Ipv4Net),
    /// An IPv6 address.
    V6(Ipv6Addr),
    /// An IPv6 prefix.
    V6Net(Ipv6Net),
    /// A MAC address.
    Ether([u8; 6]),
    /// An ethertype.
    EtherType(u16),
    /// A number of one byte, such as a type of ICMP.
    Byte(u8),
    /// The verdict of a verdict map; it has a separate attribute in messages of elements.
    Verdict(Verdict),
    /// A value without another variant: the bytes of the first and of the last value.
    Raw(Vec<u8>, Vec<u8>),
}

/// How values are written in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Form {
    /// Each is padded to four bytes: one of several fields.
    pub(crate) padded: bool,
    /// Numbers are in network byte order, also those in the machine's own byte order: keys of
    /// intervals are compared byte by byte.
    pub(crate) network_order: bool,
}

impl Value {
    /// Bytes of a packet without a type.
    #[must_use]
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::Raw(bytes.to_vec(), bytes.to_vec())
    }

    /// The prefix of a network as a value.
    #[must_use]
    pub fn net(net: ipnet::IpNet) -> Self {
        match net {
            ipnet::IpNet::V4(net) => Self::V4Net(net),
            ipnet::IpNet::V6(net) => Self::V6Net(net),
        }
    }

    /// An address as a value.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }

    /// Appends the bytes of its first value to `low` and those of its last to `high`.
    pub(crate) fn write(&self, low: &mut Vec<u8>, high: &mut Vec<u8>, form: Form) {
        let mut both = |first: &[u8], last: &[u8]| {
            low.extend_from_slice(first);
            high.extend_from_slice(last);
            if form.padded {
                low.resize(low.len().next_multiple_of(4), 0);
                high.resize(high.len().next_multiple_of(4), 0);
            }
        };
        let mut one = |bytes: &[u8]| both(bytes, bytes);
        match self {
            Self::Ifname(name) => {
                let mut bytes = [0_u8; NAME_SIZE];
                for (slot, byte) in bytes.iter_mut().zip(name.bytes().take(NAME_SIZE - 1)) {
                    *slot = byte;
                }
                one(&bytes);
            }
            Self::Group(group) if form.network_order => one(&group.to_be_bytes()),
            Self::Group(group) => one(&group.to_ne_bytes()),
            Self::Proto(byte) | Self::Byte(byte) => one(&[*byte]),
            Self::Port(number) | Self::EtherType(number) => one(&number.to_be_bytes()),
            Self::Ports(first, last) => both(&first.to_be_bytes(), &last.to_be_bytes()),
            Self::V4(a) => one(&a.octets()),
            Self::V6(a) => one(&a.octets()),
            Self::V4Net(n) => both(&n.network().octets(), &n.broadcast().octets()),
            Self::V6Net(n) => both(&n.network().octets(), &n.broadcast().octets()),
            Self::Ether(mac) => one(mac),
            Self::Raw(first, last) => both(first, last),
            Self::Verdict(_) => {}
        }
    }

    /// The value of a type from the bytes of its first and last value.
    pub(crate) fn read(kind: DataType, first: &[u8], last: &[u8], form: Form) -> Self {
        let raw = || Self::Raw(first.to_vec(), last.to_vec());
        if first != last {
            return range(kind, first, last).unwrap_or_else(raw);
        }
        single(kind, first, form).unwrap_or_else(raw)
    }

    /// The same prefix beginning at its first address.
    #[must_use]
    pub fn truncated(&self) -> Self {
        match self {
            Self::V4Net(net) => Self::V4Net(net.trunc()),
            Self::V6Net(net) => Self::V6Net(net.trunc()),
            other => other.clone(),
        }
    }

    /// The single form of a value that has several: a range of one value is that value.
    #[must_use]
    pub fn canonical(&self) -> Self {
        match self {
            Self::V4Net(net) if net.prefix_len() == 32 => Self::V4(net.addr()),
            Self::V6Net(net) if net.prefix_len() == 128 => Self::V6(net.addr()),
            Self::Ports(first, last) if first == last => Self::Port(*first),
            other => other.truncated(),
        }
    }
}

fn single(kind: DataType, bytes: &[u8], form: Form) -> Option<Value> {
    Some(match kind {
        DataType::IfName if bytes.len() == NAME_SIZE => {
            let name = string_of(bytes);
            let rest = bytes.get(name.len()..)?;
            if rest.is_empty() || rest.iter().any(|b| *b != 0) {
                return None;
            }
            Value::Ifname(name)
        }
        DataType::DevGroup => {
            let bytes = bytes.try_into().ok()?;
            Value::Group(match form.network_order {
                true => u32::from_be_bytes(bytes),
                false => u32::from_ne_bytes(bytes),
            })
        }
        DataType::InetProto => Value::Proto(*one_byte(bytes)?),
        DataType::IcmpType | DataType::Icmpv6Type | DataType::PacketType => {
            Value::Byte(*one_byte(bytes)?)
        }
        DataType::Service => Value::Port(u16::from_be_bytes(bytes.try_into().ok()?)),
        DataType::EtherType => Value::EtherType(u16::from_be_bytes(bytes.try_into().ok()?)),
        DataType::Ipv4 => Value::V4(<[u8; 4]>::try_from(bytes).ok()?.into()),
        DataType::Ipv6 => Value::V6(<[u8; 16]>::try_from(bytes).ok()?.into()),
        DataType::Ether => Value::Ether(bytes.try_into().ok()?),
        _ => return None,
    })
}

fn one_byte(bytes: &[u8]) -> Option<&u8> {
    match bytes {
        [byte] => Some(byte),
        _ => None,
    }
}

fn range(kind: DataType, first: &[u8], last: &[u8]) -> Option<Value> {
    match kind {
        DataType::Service => Some(Value::Ports(
            u16::from_be_bytes(first.try_into().ok()?),
            u16::from_be_bytes(last.try_into().ok()?),
        )),
        DataType::Ipv4 => {
            let first: Ipv4Addr = <[u8; 4]>::try_from(first).ok()?.into();
            let last: Ipv4Addr = <[u8; 4]>::try_from(last).ok()?.into();
            let bits = (first.to_bits() ^ last.to_bits()).leading_zeros();
            let net = Ipv4Net::new(first, u8::try_from(bits).ok()?).ok()?;
            (net.network() == first && net.broadcast() == last).then_some(Value::V4Net(net))
        }
        DataType::Ipv6 => {
            let first: Ipv6Addr = <[u8; 16]>::try_from(first).ok()?.into();
            let last: Ipv6Addr = <[u8; 16]>::try_from(last).ok()?.into();
            let bits = (first.to_bits() ^ last.to_bits()).leading_zeros();
            let net = Ipv6Net::new(first, u8::try_from(bits).ok()?).ok()?;
            (net.network() == first && net.broadcast() == last).then_some(Value::V6Net(net))
        }
        _ => None,
    }
}

/// The part of a comment that nf_tables keeps.
pub(crate) fn comment(text: &str) -> &str {
    let text = text.split('\0').next().unwrap_or_default();
    let mut end = text.len().min(COMMENT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_are_prefixes_are_read_as_such() {
        let read = |first: &str, last: &str| {
            let bytes = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
            let (first, last) = (bytes(first), bytes(last));
            Value::read(DataType::Ipv4, &first, &last, Form::default())
        };
        let net = |text: &str| Value::V4Net(text.parse().unwrap());
        assert_eq!(read("10.0.0.0", "10.0.0.255"), net("10.0.0.0/24"));
        assert_eq!(read("0.0.0.0", "255.255.255.255"), net("0.0.0.0/0"));
        assert_eq!(
            read("10.0.0.1", "10.0.0.1"),
            Value::V4([10, 0, 0, 1].into())
        );
        let odd = Value::Raw(vec![10, 0, 0, 1], vec![10, 0, 0, 4]);
        assert_eq!(read("10.0.0.1", "10.0.0.4"), odd);
    }

    #[test]
    fn long_comments_are_cut_between_characters() {
        assert_eq!(comment(&"ä".repeat(100)), "ä".repeat(63));
        assert_eq!(comment("a\0b"), "a");
    }
}
