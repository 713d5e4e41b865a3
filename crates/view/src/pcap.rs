//! The file format of packet captures (draft-ietf-opsawg-pcap), with nanoseconds. A file is the header and then
//! the records; numbers are little-endian, lengths are in bytes.
//!
//! ```
//! use std::time::SystemTime;
//!
//! use hallway_view::pcap::{header, record};
//!
//! let frame = [0_u8; 60];
//! let file = [header(), record(SystemTime::UNIX_EPOCH, &frame, frame.len())].concat();
//! assert_eq!(file.len(), 24 + 16 + 60);
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

/// The magic number of files with nanoseconds; it also shows the byte order.
const MAGIC: u32 = 0xa1b2_3c4d;
/// More bytes than any frame has.
const SNAP_LENGTH: u32 = 1 << 18;
const LINKTYPE_ETHERNET: u32 = 1;

/// The beginning of a file.
pub fn header() -> Vec<u8> {
    let mut out = MAGIC.to_le_bytes().to_vec();
    out.extend([2, 0, 4, 0]); // version 2.4
    out.extend([0; 8]); // time zone and precision, always 0
    out.extend(SNAP_LENGTH.to_le_bytes());
    out.extend(LINKTYPE_ETHERNET.to_le_bytes());
    out
}

/// A packet.
pub fn record(time: SystemTime, bytes: &[u8], length: usize) -> Vec<u8> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = Vec::with_capacity(16 + bytes.len());
    out.extend(((since.as_secs() & 0xffff_ffff) as u32).to_le_bytes());
    out.extend(since.subsec_nanos().to_le_bytes());
    out.extend(number(bytes.len()));
    out.extend(number(length));
    out.extend(bytes);
    out
}
