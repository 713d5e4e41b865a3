//! The connections of clients: requests are read, carried out, and answered.

use std::os::fd::OwnedFd;

use hallway_engine::keeper::message::{Answer, Hello, Refusal, Request};
use hallway_engine::keeper::{BoundSocket, Listen, frame, open_files_limit};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::frames::{read_descriptors, read_frame, write_all};

/// Requests that wait to be carried out, of all clients.
const QUEUE: usize = 16;

/// A request, with its listeners.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) listeners: Vec<BoundSocket>,
    /// Links of removed nodes that the kernel has not removed yet.
    pub(crate) links: Vec<String>,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// The requests of all clients, in order of arrival.
pub(crate) fn accept(listener: UnixListener) -> mpsc::Receiver<Call> {
    let (calls, requests) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = calls.closed() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let calls = calls.clone();
                        tokio::spawn(async move {
                            let mut sockets = Vec::new();
                            // The client reads the end of the connection; there is no other place
                            // to report it.
                            converse(&stream, &calls, &mut sockets).await.ok();
                            // Not before: the client would wait for the kernel when it closes its own
                            // descriptors of them. In a thread: it waits here.
                            if !sockets.is_empty() {
                                tokio::task::spawn_blocking(move || drop(sockets));
                            }
                        });
                    }
                    // No descriptor is free; try again later.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                },
            }
        }
    });
    requests
}

/// Only the keeper's own user may connect. No other user can enter the socket's directory; this
/// check does not depend on that.
fn is_same_user(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream)
        .is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

/// Until the client closes the connection. `closed_last` gets the sockets that are to be closed after it.
async fn converse(
    stream: &UnixStream,
    calls: &mpsc::Sender<Call>,
    closed_last: &mut Vec<OwnedFd>,
) -> std::io::Result<()> {
    if !is_same_user(stream) {
        return Ok(());
    }
    let hello: Hello = read_frame(stream, frame::HELLO_MAX).await?;
    write_all(stream, &frame::encode(&Hello::own())?).await?;
    if !hello.matches() {
        return Ok(());
    }
    loop {
        let request: Request = read_frame(stream, frame::FRAME_MAX).await?;
        let announced: Vec<Listen> = match &request {
            Request::Sync { listeners, .. } | Request::Change { listeners, .. } => {
                listeners.iter().map(|l| (*l).into()).collect()
            }
            _ => Vec::new(),
        };
        let (links, closes) = match &request {
            Request::Change { links, socket, .. } => (links.clone(), *socket),
            _ => (Vec::new(), false),
        };
        let count = announced.len() + usize::from(closes);
        let answer = match read_descriptors(stream, count).await {
            Ok(mut sockets) => {
                closed_last.extend(sockets.pop_if(|_| closes));
                let listeners = announced
                    .into_iter()
                    .zip(sockets)
                    .map(|(listen, socket)| BoundSocket { listen, socket })
                    .collect();
                let (answer, answered) = oneshot::channel();
                let call = Call {
                    request,
                    listeners,
                    links,
                    answer,
                };
                let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
                calls.send(call).await.map_err(|e| gone(e.to_string()))?;
                answered.await.map_err(|e| gone(e.to_string()))?
            }
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
                Answer::Refused(Refusal::OpenFiles {
                    limit: open_files_limit(),
                })
            }
            Err(e) => return Err(e),
        };
        write_all(stream, &frame::encode(&answer)?).await?;
    }
}
