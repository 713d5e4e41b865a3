//! What a program prints, copied to its log. The program has a pipe that belongs to its user, not the log:
//! it may open /dev/stdout and /dev/stderr by name, and does not empty the log that way.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe::Receiver;

/// The most that is copied before other events are handled, in bytes.
const TURN: usize = 1 << 20;

/// The reading end of the pipe.
#[derive(Debug)]
pub(super) struct Output {
    pipe: Receiver,
    log: File,
    /// Every end to write is closed.
    ended: bool,
    buffer: Vec<u8>,
}

impl Output {
    pub(super) fn new(pipe: OwnedFd, log: File) -> std::io::Result<Self> {
        Ok(Self {
            pipe: Receiver::from_owned_fd(pipe)?,
            log,
            ended: false,
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Waits until there is something to copy.
    pub(super) async fn wait(&self) {
        // An error is seen again by the next read.
        match self.ended {
            true => std::future::pending().await,
            false => self.pipe.readable().await.unwrap_or_default(),
        }
    }

    /// Copies what there is.
    pub(super) fn copy(&mut self) {
        let mut copied = 0;
        while !self.ended && copied < TURN {
            match self.pipe.try_read(&mut self.buffer) {
                Ok(0) => self.ended = true,
                Ok(length) => {
                    copied += length;
                    // A log that cannot be written, on a full disk, must not stop the program.
                    let read = self.buffer.get(..length).unwrap_or_default();
                    self.log.write_all(read).ok();
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_cannot_be_read) => self.ended = true,
            }
        }
    }
}
