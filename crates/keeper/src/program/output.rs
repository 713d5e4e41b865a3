//! What a program prints, copied to its log. The program has a pipe that belongs to its user, not the log:
//! it may open /dev/stdout and /dev/stderr by name, and does not empty the log that way.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use tokio::net::unix::pipe::Receiver;

use super::log_limit;

/// The most that is copied before other events are handled, in bytes.
const TURN: usize = 1 << 20;
/// The length of the log is checked each time that this much was written, in bytes.
const CHECKED: usize = 1 << 20;

/// The reading end of the pipe.
#[derive(Debug)]
pub(super) struct Output {
    pipe: Receiver,
    /// Every end to write is closed.
    ended: bool,
    buffer: Vec<u8>,
    log: Log,
}

#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    /// Bytes that were written since its length was checked.
    unchecked: usize,
    /// Bytes that could not be written, and are not told of in the log yet.
    lost: usize,
}

impl Output {
    pub(super) fn new(pipe: OwnedFd, path: PathBuf, file: File) -> std::io::Result<Self> {
        Ok(Self {
            pipe: Receiver::from_owned_fd(pipe)?,
            ended: false,
            buffer: vec![0; 64 * 1024],
            log: Log {
                path,
                file,
                unchecked: CHECKED,
                lost: 0,
            },
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
                    self.log
                        .append(self.buffer.get(..length).unwrap_or_default());
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_cannot_be_read) => self.ended = true,
            }
        }
    }
}

impl Log {
    /// Appends to it. A log that cannot be written, on a full disk, must not stop the program: how much is
    /// missing is written before what follows.
    fn append(&mut self, bytes: &[u8]) {
        if self.lost > 0 {
            let note = format!(
                "\nhallway: {} bytes of output could not be written here\n",
                self.lost
            );
            if self.file.write_all(note.as_bytes()).is_err() {
                self.lost += bytes.len();
                return;
            }
            self.lost = 0;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_no_space) => {
                    self.lost += rest.len();
                    return;
                }
            }
        }
        self.unchecked += bytes.len();
        // One that cannot be shortened is tried again.
        if self.unchecked > CHECKED && log_limit::keep(&self.path, &self.file).is_ok() {
            self.unchecked = 0;
        }
    }
}
