//! Frames (`hallway_engine::keeper::frame`) on a non-blocking socket.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;

use hallway_engine::keeper::frame;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Writes all of it.
pub(crate) async fn write_all(to: &UnixStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Reads a message of at most `limit` bytes.
pub(crate) async fn read_frame<T: DeserializeOwned>(
    from: &UnixStream,
    limit: usize,
) -> std::io::Result<T> {
    let header = read_exact(from, frame::HEADER).await?;
    let header = header.try_into().unwrap_or([0; frame::HEADER]);
    let length = frame::length(header, limit)?;
    frame::decode(&read_exact(from, length).await?)
}

/// Reads exactly this number of bytes: descriptors may come with the next one.
async fn read_exact(from: &UnixStream, count: usize) -> std::io::Result<Vec<u8>> {
    // Grows with the received data, not with the announced length.
    const STEP: usize = 64 * 1024;
    let mut bytes = Vec::new();
    while bytes.len() < count {
        from.readable().await?;
        let filled = bytes.len();
        bytes.resize(count.min(filled + STEP), 0);
        let read = from.try_read(bytes.get_mut(filled..).unwrap_or_default());
        bytes.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    Ok(bytes)
}

/// Reads this number of descriptors, acknowledging every chunk.
pub(crate) async fn read_descriptors(
    from: &UnixStream,
    count: usize,
) -> std::io::Result<Vec<OwnedFd>> {
    let mut fds = Vec::new();
    while fds.len() < count {
        let received = from
            .async_io(Interest::READABLE, || frame::receive_chunk(from))
            .await;
        match received {
            Ok(chunk) => fds.extend(chunk),
            Err(error) => {
                write_all(from, &[frame::REFUSED]).await?;
                return Err(error);
            }
        }
        write_all(from, &[frame::TAKEN]).await?;
    }
    Ok(fds)
}
