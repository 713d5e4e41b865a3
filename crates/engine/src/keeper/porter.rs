//! The porter: a process that stays outside when its parent moves into a sandbox, and binds ports
//! there for it. A socket belongs to the network namespace it was made in, not to that of the process
//! that uses it.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hallway_kernel::sys;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::wait::ANSWER_LIMIT;
use super::{BindError, BoundSocket, Listen, frame, listener, message};
use crate::sockets;

/// A running porter; it ends when this is dropped.
#[derive(Debug)]
pub struct Porter {
    socket: UnixStream,
    child: Child,
}

/// An order to bind a socket. Parent and porter are the same program, so there is no version.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    address: SocketAddr,
    protocol: message::Protocol,
}

/// The result; a descriptor follows if there is no `errno`.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    errno: Option<i32>,
    /// The program that has the port.
    by: Option<String>,
}

impl Porter {
    /// Starts one in the present network namespace of this process: `program` with the argument
    /// `__porter`, which must call [`serve_porter`]. It inherits no descriptor of this process.
    ///
    /// # Errors
    /// Those of fork(2), execve(2) and socketpair(2).
    pub fn start(program: &Path) -> std::io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(ANSWER_LIMIT))?;
        ours.set_write_timeout(Some(ANSWER_LIMIT))?;
        let mut command = Command::new(program);
        sys::inherit_nothing(&mut command);
        let child = command
            .arg("__porter")
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            socket: ours,
            child,
        })
    }

    /// Binds a port in the porter's network namespace.
    ///
    /// # Errors
    /// As [`super::bind`]; `Other` when the porter has ended.
    pub fn bind(&self, listen: Listen) -> Result<BoundSocket, BindError> {
        let mut by = None;
        self.exchange(listen, &mut by)
            .and_then(listener::with_reserve)
            .map(|socket| BoundSocket { listen, socket })
            .map_err(|e| BindError {
                by,
                ..BindError::new(listen, e)
            })
    }

    fn exchange(&self, listen: Listen, by: &mut Option<String>) -> std::io::Result<OwnedFd> {
        let order = Order {
            address: listen.address,
            protocol: listen.protocol.into(),
        };
        frame::send(&self.socket, &order)?;
        let outcome: Outcome = frame::receive(&self.socket, frame::HELLO_MAX)?;
        if let Some(errno) = outcome.errno {
            *by = outcome.by;
            return Err(std::io::Error::from_raw_os_error(errno));
        }
        frame::receive_chunk(&self.socket)?
            .pop()
            .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

impl Drop for Porter {
    fn drop(&mut self) {
        // Even if it is stopped, or has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The porter's work: it reads orders from standard input until its parent closes the other end.
///
/// # Errors
/// Those of the socket to the parent.
pub fn serve_porter() -> std::io::Result<()> {
    listener::raise_open_files();
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    while let Ok(order) = frame::receive::<Order>(&socket, frame::HELLO_MAX) {
        match listener::bind_socket(order.address, order.protocol.into()) {
            Ok(fd) => {
                let outcome = Outcome {
                    errno: None,
                    by: None,
                };
                frame::send(&socket, &outcome)?;
                frame::send_chunk(&socket, &[fd])?;
            }
            Err(e) => {
                let errno = e.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
                let taken = errno == Errno::ADDRINUSE.raw_os_error();
                let holder = || sockets::holder(order.address, order.protocol.into());
                let outcome = Outcome {
                    errno: Some(errno),
                    by: taken.then(holder).flatten(),
                };
                frame::send(&socket, &outcome)?;
            }
        }
    }
    Ok(())
}
