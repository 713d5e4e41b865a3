//! The data of a connection, passed on without a buffer of its own: what the other side cannot take yet stays
//! in the kernel. So a connection takes no memory while it is idle, and none is left when it is closed.

use std::cell::RefCell;
use std::io::{Error, ErrorKind, Result};

use rustix::net::{RecvFlags, Shutdown};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::share::ConnectionPermit;

/// The most bytes that are passed on at once; measurements show less time per byte than splice(2).
const LENGTH: usize = 128 * 1024;
/// After so many times in a row, other connections have their turn.
const IN_A_ROW: u8 = 8;

thread_local! {
    /// Used by one connection after the other, never while one waits.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; LENGTH]);
}

/// What could be passed on.
enum Passed {
    Data,
    /// The other side takes nothing now.
    Nothing,
    /// There is no more.
    End,
}

/// Passes data in both directions until both have ended. The end of one is passed on while the other
/// continues.
pub(super) async fn both_ways(
    one: &TcpStream,
    other: &TcpStream,
    place: &ConnectionPermit,
) -> Result<()> {
    tokio::try_join!(one_way(one, other, place), one_way(other, one, place))?;
    Ok(())
}

async fn one_way(from: &TcpStream, to: &TcpStream, place: &ConnectionPermit) -> Result<()> {
    let mut in_a_row = 0;
    loop {
        match pass(from, to) {
            Ok(Passed::Data) => {
                place.used();
                in_a_row += 1;
                if in_a_row == IN_A_ROW {
                    in_a_row = 0;
                    tokio::task::yield_now().await;
                }
            }
            Ok(Passed::Nothing) => tokio::select! {
                writable = to.writable() => writable?,
                broken = from.ready(Interest::ERROR) => {
                    broken?;
                    return Err(ErrorKind::ConnectionReset.into());
                }
            },
            Ok(Passed::End) => {
                rustix::net::shutdown(to, Shutdown::Write)?;
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                in_a_row = 0;
                from.readable().await?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Passes on what the other side takes, and removes only that from the kernel's queue.
fn pass(from: &TcpStream, to: &TcpStream) -> Result<Passed> {
    BUFFER.with_borrow_mut(|buffer| {
        let seen = from.try_io(Interest::READABLE, || {
            let (_, length) = rustix::net::recv(from, &mut buffer[..], RecvFlags::PEEK)?;
            Ok(length)
        })?;
        let data = buffer.get(..seen).unwrap_or_default();
        if data.is_empty() {
            return Ok(Passed::End);
        }
        let mut left = match to.try_write(data) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Passed::Nothing),
            written => written?,
        };
        // They are there: with this flag the kernel discards them (tcp(7)).
        while let Some(passed) = buffer.get_mut(..left).filter(|passed| !passed.is_empty()) {
            let (_, gone) = rustix::net::recv(from, passed, RecvFlags::TRUNC)?;
            if gone == 0 {
                return Err(Error::from(ErrorKind::UnexpectedEof));
            }
            left = left.saturating_sub(gone);
        }
        Ok(Passed::Data)
    })
}
