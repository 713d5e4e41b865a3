//! What the socket of an attempt needs and shows.

use std::net::IpAddr;
use std::time::Duration;

use hallway_kernel::Kernel;
use hallway_kernel::probe::Client;
use hallway_plan::reach::ListenerKind;
use rustix::io::Errno;

use super::aim::Aim;

/// The number of the interface by which it leaves, where its socket needs that.
pub(super) fn interface(aim: &Aim) -> u32 {
    let single = matches!(aim.to, IpAddr::V6(a) if a.is_unicast_link_local());
    let name = aim.interface.as_deref().filter(|_| single);
    let links = name.map(|_| Kernel::new().links().unwrap_or_default());
    let mut links = links.unwrap_or_default().into_iter();
    let found = links.find(|link| Some(link.name.as_str()) == name);
    found.map_or(0, |link| link.index)
}

pub(super) enum Progress {
    Connected,
    Answered,
}

pub(super) fn tcp(
    client: &Client,
    connected: Option<Duration>,
    listener: ListenerKind,
    text: &[u8],
) -> Result<Option<Progress>, Errno> {
    match client.error()? {
        // The program there has closed the connection, which had begun.
        Some(Errno::CONNRESET | Errno::PIPE) if connected.is_some() => {
            return Ok(Some(Progress::Answered));
        }
        Some(errno) => return Err(errno),
        None => {}
    }
    if connected.is_none() {
        // Nothing can be sent before the handshake is complete.
        return match client.send(if listener == ListenerKind::Temporary {
            text
        } else {
            b""
        }) {
            Err(Errno::AGAIN | Errno::NOTCONN | Errno::INPROGRESS) => Ok(None),
            Err(errno) => Err(errno),
            Ok(()) if listener == ListenerKind::Temporary => Ok(Some(Progress::Connected)),
            Ok(()) => {
                client.end()?;
                Ok(Some(Progress::Connected))
            }
        };
    }
    if listener != ListenerKind::Temporary {
        // The end of what this side sends is a packet after the handshake, and is acknowledged.
        return Ok(client.end_arrived().then_some(Progress::Answered));
    }
    let mut buffer = [0; 64];
    match client.receive(&mut buffer)? {
        Some(length) if buffer.get(..length) == Some(text) => Ok(Some(Progress::Answered)),
        _ => Ok(None),
    }
}

pub(super) fn datagram(client: &Client) -> Result<Option<Progress>, Errno> {
    let mut buffer = [0; 64];
    Ok(client.receive(&mut buffer)?.map(|_| Progress::Answered))
}
