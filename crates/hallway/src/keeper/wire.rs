//! Messages over a local socket: a length, JSON, and descriptors beside single bytes.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Larger messages are refused: nothing we say comes near it.
const MESSAGE_MAX: u32 = 64 * 1024 * 1024;
/// Descriptors with one message; the kernel takes up to 253 (SCM_MAX_FD).
const FDS_MAX: usize = 64;

pub(super) fn send(mut to: &UnixStream, message: &impl Serialize) -> std::io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let length = u32::try_from(text.len()).map_err(std::io::Error::other)?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(&text)
}

pub(super) fn receive<T: DeserializeOwned>(mut from: &UnixStream) -> std::io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > MESSAGE_MAX {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length as usize];
    from.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

pub(super) fn send_fds(to: &UnixStream, fds: &[OwnedFd]) -> std::io::Result<()> {
    for some in fds.chunks(FDS_MAX) {
        let borrowed: Vec<BorrowedFd<'_>> = some.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        rustix::net::sendmsg(to, &[IoSlice::new(b"f")], &mut control, SendFlags::empty())?;
    }
    Ok(())
}

pub(super) fn receive_fds(from: &UnixStream, count: usize) -> std::io::Result<Vec<OwnedFd>> {
    let mut out = Vec::with_capacity(count);
    while out.len() < count {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let got = rustix::net::recvmsg(
            from,
            &mut [IoSliceMut::new(&mut byte)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let before = out.len();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                out.extend(fds);
            }
        }
        if got.bytes == 0 || out.len() == before {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(out)
}
