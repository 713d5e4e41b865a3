//! Frames on a local stream socket: a length (u32, big endian), then that many bytes of JSON; and
//! descriptors beside single bytes (SCM_RIGHTS, unix(7)).
//!
//! Descriptors are sent in chunks, and the next chunk is sent only after the receiver has
//! acknowledged the last: the kernel limits both the number in one message (253, SCM_MAX_FD) and
//! the number that are in transit (RLIMIT_NOFILE of the sender).

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The size of the length before a frame, in bytes.
pub const HEADER: usize = 4;
/// The largest frame, in bytes. 65,535 published ports need about half of it.
pub const FRAME_MAX: usize = 64 * 1024 * 1024;
/// The largest first frame of a connection, in bytes.
pub const HELLO_MAX: usize = 4 * 1024;
/// Descriptors in one chunk; the kernel takes up to 253 (SCM_MAX_FD, net/scm.h).
pub const CHUNK: usize = 250;
/// The byte that acknowledges a chunk.
pub const TAKEN: u8 = b'.';
/// The byte that rejects further descriptors; a frame with the reason follows.
pub const REFUSED: u8 = b'!';

/// A message as a frame.
///
/// ```
/// let frame = hallway_engine::keeper::frame::encode(&7)?;
/// assert_eq!(frame, [0, 0, 0, 1, b'7']);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// `InvalidInput` when it would be larger than [`FRAME_MAX`] or has a path that is not UTF-8.
pub fn encode(message: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let invalid = |why: String| std::io::Error::new(std::io::ErrorKind::InvalidInput, why);
    let mut frame = vec![0; HEADER];
    serde_json::to_writer(&mut frame, message).map_err(|e| invalid(e.to_string()))?;
    let length = frame.len() - HEADER;
    let header = u32::try_from(length)
        .ok()
        .filter(|_| length <= FRAME_MAX)
        .ok_or_else(|| invalid(format!("a message of {length} bytes is too large")))?;
    for (place, byte) in frame.iter_mut().zip(header.to_be_bytes()) {
        *place = byte;
    }
    Ok(frame)
}

/// The length in a header.
///
/// # Errors
/// `InvalidData` when it is more than `limit`.
pub fn length(header: [u8; HEADER], limit: usize) -> std::io::Result<usize> {
    let length = u32::from_be_bytes(header) as usize;
    if length > limit {
        let why = format!("a message of {length} bytes, where {limit} is the limit");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
    }
    Ok(length)
}

/// The message of a frame's body.
///
/// # Errors
/// `InvalidData` when it is not such a message.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> std::io::Result<T> {
    serde_json::from_slice(body)
        .map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidData, e.to_string()))
}

/// Sends a message.
///
/// # Errors
/// As [`encode`], and those of the socket.
pub fn send(mut to: &UnixStream, message: &impl Serialize) -> std::io::Result<()> {
    to.write_all(&encode(message)?)
}

/// Receives a message of at most `limit` bytes.
///
/// # Errors
/// As [`length`] and [`decode`], and those of the socket.
pub fn receive<T: DeserializeOwned>(mut from: &UnixStream, limit: usize) -> std::io::Result<T> {
    let mut header = [0; HEADER];
    from.read_exact(&mut header)?;
    let expected = length(header, limit)?;
    // Grows with the received data, not with the announced length.
    let mut body = Vec::new();
    from.take(expected as u64).read_to_end(&mut body)?;
    if body.len() < expected {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    decode(&body)
}

/// Sends descriptors in chunks, waiting for an acknowledgement after each but the last; whether one is
/// still to be read, by [`acknowledged`]. It is not if there are no descriptors, or if the receiver
/// rejects further ones and a frame with the reason follows.
///
/// # Errors
/// Those of the socket.
pub fn send_descriptors(to: &UnixStream, fds: &[OwnedFd]) -> std::io::Result<bool> {
    for (number, chunk) in fds.chunks(CHUNK).enumerate() {
        if number > 0 && !acknowledged(to)? {
            return Ok(false);
        }
        send_chunk(to, chunk)?;
    }
    Ok(!fds.is_empty())
}

/// Reads the acknowledgement of a chunk; false when the receiver rejects it, and a frame with the
/// reason follows.
///
/// # Errors
/// Those of the socket.
pub fn acknowledged(mut from: &UnixStream) -> std::io::Result<bool> {
    let mut acknowledgement = [0];
    from.read_exact(&mut acknowledgement)?;
    Ok(acknowledgement != [REFUSED])
}

/// Sends up to [`CHUNK`] descriptors, with no acknowledgement.
///
/// # Errors
/// Those of sendmsg(2).
pub fn send_chunk(to: &UnixStream, fds: &[OwnedFd]) -> std::io::Result<()> {
    let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(CHUNK))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    rustix::net::sendmsg(to, &[IoSlice::new(b"f")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives one chunk of descriptors; they are not passed on to programs (CLOEXEC).
///
/// EMFILE when this process may not open as many files; `UnexpectedEof` when the sender has closed
/// the socket; `WouldBlock` on a non-blocking socket.
pub fn receive_chunk(from: impl AsFd) -> std::io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(CHUNK))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received = rustix::net::recvmsg(
        from,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    // The kernel omits descriptors if the table has no room for them (scm_detach_fds).
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(Errno::MFILE.into());
    }
    if received.bytes == 0 || fds.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(fds)
}
