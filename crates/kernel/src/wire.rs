//! Netlink's wire format: messages with nested attributes (RFC 3549; linux/netlink.h).
//!
//! One small writer and reader serves rtnetlink, nf_tables and conntrack alike.

/// The flag of an attribute that holds attributes.
const NESTED: u16 = 1 << 15;
/// An attribute's number without its flags.
const TYPE_MASK: u16 = 0x3fff;

pub(crate) const ALIGN: usize = 4;
pub(crate) const HEADER: usize = 16;

/// Collects attributes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_header(header: &[u8]) -> Self {
        Self {
            bytes: header.to_vec(),
        }
    }

    pub(crate) fn attr(&mut self, kind: u16, value: &[u8]) {
        let length = (value.len() + 4) as u16;
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
    }

    pub(crate) fn pad(&mut self) {
        while !self.bytes.len().is_multiple_of(ALIGN) {
            self.bytes.push(0);
        }
    }

    pub(crate) fn u8(&mut self, kind: u16, value: u8) {
        self.attr(kind, &[value]);
    }

    pub(crate) fn u32(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_ne_bytes());
    }

    /// nf_tables' numbers are in network byte order.
    pub(crate) fn be32(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_be_bytes());
    }

    pub(crate) fn str(&mut self, kind: u16, value: &str) {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.attr(kind, &bytes);
    }

    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&(kind | NESTED).to_ne_bytes());
        fill(self);
        let length = (self.bytes.len() - start) as u16;
        if let Some(slot) = self.bytes.get_mut(start..start + 2) {
            slot.copy_from_slice(&length.to_ne_bytes());
        }
    }
}

/// Walks attributes; stops at the first that does not fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attrs<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Attrs<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16::from_ne_bytes(self.0.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(self.0.get(2..4)?.try_into().ok()?);
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(ALIGN)..).unwrap_or(&[]);
        Some((kind & TYPE_MASK, value))
    }
}

impl<'a> Attrs<'a> {
    pub(crate) fn find(self, kind: u16) -> Option<&'a [u8]> {
        let mut attrs = self;
        attrs.find_map(|(k, v)| (k == kind).then_some(v))
    }
}

pub(crate) fn u16_of(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?))
}

pub(crate) fn be16_of(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?))
}

pub(crate) fn be32_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?))
}

pub(crate) fn be64_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?))
}

pub(crate) fn u32_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}

pub(crate) fn u64_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(..8)?.try_into().ok()?))
}

pub(crate) fn string_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

pub(crate) fn address_of(bytes: &[u8]) -> Option<std::net::IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(Into::into),
        16 => <[u8; 16]>::try_from(bytes).ok().map(Into::into),
        _ => None,
    }
}

pub(crate) fn address_bytes(address: std::net::IpAddr) -> Vec<u8> {
    match address {
        std::net::IpAddr::V4(a) => a.octets().to_vec(),
        std::net::IpAddr::V6(a) => a.octets().to_vec(),
    }
}

/// A message as received.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) body: &'a [u8],
}

/// Walks the messages of one datagram.
pub(crate) struct Messages<'a>(pub(crate) &'a [u8]);

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
pub(crate) fn message(out: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32, body: &[u8]) {
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

/// NLMSG_ERROR's content: errno (positive; 0 is an acknowledgement) and the kernel's words.
pub(crate) fn answer(message: &Message<'_>) -> Option<(i32, Option<String>)> {
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
        let nested = Attrs(&w.bytes).find(5).unwrap();
        assert_eq!(string_of(Attrs(nested).find(1).unwrap()), "veth");
        assert_eq!(Attrs(nested).find(2).unwrap(), &[7]);
        assert_eq!(Attrs(&w.bytes).find(6).unwrap(), &[0, 0, 0, 9]);
    }

    #[test]
    fn truncated_input_ends_the_walk_and_does_not_panic() {
        let mut w = Writer::default();
        w.str(1, "abcdef");
        for end in 0..w.bytes.len() {
            let _ = Attrs(&w.bytes[..end]).count();
            let _ = Messages(&w.bytes[..end]).count();
        }
    }
}
