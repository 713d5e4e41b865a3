//! The netlink wire format: messages with nested attributes (RFC 3549; linux/netlink.h).
//!
//! One writer and one reader serve rtnetlink, nf_tables and conntrack.
//!
//! ```
//! use hallway_nftables::wire::{Attrs, Writer, string_of};
//!
//! let mut writer = Writer::default();
//! writer.nest(5, |w| w.str(1, "veth"));
//! let bytes = writer.finish()?;
//! let nested = Attrs(&bytes).find(5).unwrap_or_default();
//! assert_eq!(Attrs(nested).find(1).map(string_of).as_deref(), Some("veth"));
//! # Ok::<(), hallway_nftables::wire::AttributeTooLong>(())
//! ```

use std::net::IpAddr;

/// The flag of an attribute that contains attributes (NLA_F_NESTED).
const NESTED: u16 = 1 << 15;
/// An attribute's number without its flags (NLA_TYPE_MASK).
const TYPE_MASK: u16 = 0x3fff;

/// Messages and attributes start at multiples of this many bytes (NLMSG_ALIGNTO).
pub const ALIGN: usize = 4;
/// Bytes of a message header (struct nlmsghdr).
pub const HEADER: usize = 16;
/// Bytes of an attribute header (struct nlattr).
const ATTRIBUTE_HEADER: usize = 4;

/// An attribute is too long: its length is a 16-bit number, so it can have 65,531 bytes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("netlink attribute {kind} is longer than 65,531 bytes")]
pub struct AttributeTooLong {
    /// The attribute's number.
    pub kind: u16,
}

/// Collects attributes.
///
/// An attribute that is too long is reported by [`Writer::finish`]; later attributes are then
/// ignored.
#[derive(Debug, Default, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
    too_long: Option<AttributeTooLong>,
}

impl Writer {
    /// A writer whose bytes begin with the header of a message family.
    #[must_use]
    pub fn with_header(header: &[u8]) -> Self {
        Self {
            bytes: header.to_vec(),
            too_long: None,
        }
    }

    /// How many bytes have been written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Removes everything after the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    /// Everything that was written.
    ///
    /// # Errors
    /// When an attribute was too long.
    pub fn finish(self) -> Result<Vec<u8>, AttributeTooLong> {
        match self.too_long {
            None => Ok(self.bytes),
            Some(error) => Err(error),
        }
    }

    /// The same, without consuming the writer.
    ///
    /// # Errors
    /// When an attribute was too long.
    pub fn as_bytes(&self) -> Result<&[u8], AttributeTooLong> {
        match self.too_long {
            None => Ok(&self.bytes),
            Some(error) => Err(error),
        }
    }

    /// Appends bytes unchanged.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends zeros up to a multiple of [`ALIGN`].
    pub fn pad(&mut self) {
        let length = self.bytes.len().next_multiple_of(ALIGN);
        self.bytes.resize(length, 0);
    }

    /// Appends an attribute with this value.
    pub fn attr(&mut self, kind: u16, value: &[u8]) {
        self.attr_with(kind, |w| w.raw(value));
    }

    /// Appends an attribute whose value `fill` writes.
    pub fn attr_with(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        fill(self);
        let length = self.bytes.len() - start;
        self.pad();
        match (u16::try_from(length), self.bytes.get_mut(start..start + 2)) {
            (Ok(length), Some(slot)) => slot.copy_from_slice(&length.to_ne_bytes()),
            _ => {
                let kind = kind & TYPE_MASK;
                self.too_long.get_or_insert(AttributeTooLong { kind });
            }
        }
    }

    /// Appends an 8-bit number.
    pub fn u8(&mut self, kind: u16, value: u8) {
        self.attr(kind, &[value]);
    }

    /// Appends a 32-bit number in the byte order of the machine.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_ne_bytes());
    }

    /// Appends a 32-bit number in network byte order, as in nf_tables.
    pub fn be32(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_be_bytes());
    }

    /// Appends a string with its terminator.
    pub fn str(&mut self, kind: u16, value: &str) {
        self.attr_with(kind, |w| {
            w.raw(value.as_bytes());
            w.raw(&[0]);
        });
    }

    /// Appends an attribute that contains the attributes written by `fill`.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        self.attr_with(kind | NESTED, fill);
    }
}

/// Attributes one after the other; ends at the first incomplete one.
#[derive(Debug, Clone, Copy)]
pub struct Attrs<'a>(pub &'a [u8]);

impl<'a> Iterator for Attrs<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16_of(self.0)?);
        let kind = u16_of(self.0.get(2..)?)?;
        let value = self.0.get(ATTRIBUTE_HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(ALIGN)..).unwrap_or(&[]);
        Some((kind & TYPE_MASK, value))
    }
}

impl<'a> Attrs<'a> {
    /// The value of the first attribute of that number.
    #[must_use]
    pub fn find(self, kind: u16) -> Option<&'a [u8]> {
        let mut attrs = self;
        attrs.find_map(|(k, v)| (k == kind).then_some(v))
    }
}

/// The first 16 bits as a number in the byte order of the machine.
#[must_use]
pub fn u16_of(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?))
}

/// The first 16 bits as a number in network byte order.
#[must_use]
pub fn be16_of(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?))
}

/// The first 32 bits as a number in network byte order.
#[must_use]
pub fn be32_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?))
}

/// The first 64 bits as a number in network byte order.
#[must_use]
pub fn be64_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?))
}

/// The first 32 bits as a number in the byte order of the machine.
#[must_use]
pub fn u32_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}

/// The first 64 bits as a number in the byte order of the machine.
#[must_use]
pub fn u64_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(..8)?.try_into().ok()?))
}

/// A string up to its terminator; bytes that are not UTF-8 are replaced.
#[must_use]
pub fn string_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// An address of 4 or 16 bytes.
#[must_use]
pub fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(Into::into),
        16 => <[u8; 16]>::try_from(bytes).ok().map(Into::into),
        _ => None,
    }
}

/// The bytes of an address.
#[must_use]
pub fn address_bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

/// A message as received.
#[derive(Debug)]
pub struct Message<'a> {
    /// The message's type.
    pub kind: u16,
    /// NLM_F_*.
    pub flags: u16,
    /// The sequence number of the request it answers.
    pub sequence: u32,
    /// The part after the header.
    pub body: &'a [u8],
}

/// The messages of one datagram; ends at the first incomplete one.
#[derive(Debug, Clone, Copy)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = u32_of(self.0)? as usize;
        let kind = u16_of(self.0.get(4..)?)?;
        let flags = u16_of(self.0.get(6..)?)?;
        let sequence = u32_of(self.0.get(8..)?)?;
        let body = self.0.get(HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(ALIGN)..).unwrap_or(&[]);
        Some(Message {
            kind,
            flags,
            sequence,
            body,
        })
    }
}

/// Appends a message with its header.
pub fn message(out: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32, body: &[u8]) {
    let length = (HEADER + body.len()) as u32;
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&sequence.to_ne_bytes());
    out.extend_from_slice(&0_u32.to_ne_bytes());
    out.extend_from_slice(body);
    while !out.len().is_multiple_of(ALIGN) {
        out.push(0);
    }
}

/// The content of NLMSG_ERROR: errno (positive; 0 is an acknowledgement) and the kernel's text.
#[must_use]
pub fn answer(message: &Message<'_>) -> Option<(i32, Option<String>)> {
    let errno = i32::from_ne_bytes(message.body.get(..4)?.try_into().ok()?).saturating_neg();
    const ACK_TLVS: u16 = 0x200;
    const CAPPED: u16 = 0x100;
    let detail = (message.flags & ACK_TLVS != 0)
        .then(|| {
            let echoed = if message.flags & CAPPED != 0 {
                HEADER
            } else {
                u32_of(message.body.get(4..)?)? as usize
            };
            let attrs = message.body.get((4 + echoed).next_multiple_of(ALIGN)..)?;
            Attrs(attrs).find(1).map(string_of)
        })
        .flatten();
    Some((errno, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_attributes_read_back() {
        let mut w = Writer::default();
        w.nest(5, |w| {
            w.str(1, "veth");
            w.u8(2, 7);
        });
        w.be32(6, 9);
        let bytes = w.finish().unwrap();
        let nested = Attrs(&bytes).find(5).unwrap();
        assert_eq!(string_of(Attrs(nested).find(1).unwrap()), "veth");
        assert_eq!(Attrs(nested).find(2).unwrap(), &[7]);
        assert_eq!(Attrs(&bytes).find(6).unwrap(), &[0, 0, 0, 9]);
    }

    #[test]
    fn a_value_longer_than_an_attribute_holds_is_an_error() {
        let most = usize::from(u16::MAX) - ATTRIBUTE_HEADER;
        let mut w = Writer::default();
        w.attr(7, &vec![1; most]);
        let bytes = w.finish().unwrap();
        assert_eq!(Attrs(&bytes).find(7).unwrap().len(), most);
        let mut w = Writer::default();
        w.attr(7, &vec![1; most + 1]);
        w.u8(8, 1);
        assert_eq!(w.finish(), Err(AttributeTooLong { kind: 7 }));
        let mut w = Writer::default();
        w.nest(9, |w| {
            w.attr(1, &vec![1; most - 1000]);
            w.attr(2, &vec![1; 1000]);
        });
        assert_eq!(w.finish(), Err(AttributeTooLong { kind: 9 }));
    }

    #[test]
    fn truncated_input_ends_the_iteration_and_does_not_panic() {
        let mut w = Writer::default();
        w.str(1, "abcdef");
        let bytes = w.finish().unwrap();
        for end in 0..bytes.len() {
            assert!(Attrs(&bytes[..end]).count() <= 1);
            assert_eq!(Messages(&bytes[..end]).count(), 0);
        }
    }
}
