//! Connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a node may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait if no descriptor is free for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Bytes for each direction of a connection; measurements show less time per byte than splice(2).
const BUFFER: usize = 128 * 1024;

/// Accepts connections and proxies them to the target, until aborted or the socket is closed. When
/// the target changes, connections to the former one are closed.
pub(super) async fn serve(
    listener: TcpListener,
    mut target: watch::Receiver<SocketAddr>,
    limit: Arc<Semaphore>,
) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            changed = target.changed() => match changed {
                Ok(()) => connections.shutdown().await,
                Err(_forwarder_gone) => return,
            },
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    // A connection beyond the limit is closed by dropping it.
                    if let Ok(permit) = Arc::clone(&limit).try_acquire_owned() {
                        let target = *target.borrow();
                        connections.spawn(pass(client, target, permit));
                    }
                }
                Err(error) => {
                    match Errno::from_io_error(&error) {
                        Some(Errno::MFILE | Errno::NFILE) => sleep(ACCEPT_PAUSE).await, // one may be free then
                        // Another program has closed the socket, as `ss -K` does.
                        Some(Errno::INVAL) => return,
                        // The client aborted the connection before it was accepted (accept(2)).
                        _ => {}
                    }
                }
            },
        }
    }
}

/// Copies data in both directions until both have ended. The end of one is passed on while the
/// other continues. A connection that one side resets, that the node does not accept or that is cut
/// by a change is reset on both sides: to the other side it does not look complete.
async fn pass(client: TcpStream, target: SocketAddr, _counted: OwnedSemaphorePermit) {
    let mut client = Reset::new(client);
    let Ok(Ok(node)) = timeout(CONNECT_LIMIT, TcpStream::connect(target)).await else {
        return;
    };
    let mut node = Reset::new(node);
    // Fails only for a broken socket, which the next read reports.
    client.0.set_nodelay(true).ok();
    node.0.set_nodelay(true).ok();
    let copied = copy_bidirectional_with_sizes(&mut client.0, &mut node.0, BUFFER, BUFFER).await;
    if copied.is_ok() {
        client.complete();
        node.complete();
    }
}

/// A connection that is reset when it is closed before it is complete. Setting the option fails only
/// for a broken socket, which is closed already.
struct Reset(TcpStream);

impl Reset {
    fn new(stream: TcpStream) -> Self {
        set_socket_linger(&stream, Some(Duration::ZERO)).ok();
        Self(stream)
    }

    fn complete(&self) {
        set_socket_linger(&self.0, None).ok();
    }
}
