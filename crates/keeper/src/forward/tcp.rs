//! Connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hallway_engine::keeper::{Listen, Namespace, listen_again, user_of};
use hallway_engine::{Occurrence, OccurrenceKind};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::copy;
use super::share::{ConnectionPermit, Connections, EventSink};

/// How long a node may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait if no descriptor is free for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// How long to wait before trying again to listen on a socket that another program closed.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);
/// Closed connections are reported at most this often.
const FULL_INTERVAL: Duration = Duration::from_secs(60);

/// One listener.
pub(super) struct TcpListenerTask {
    pub(super) listen: Listen,
    /// Whether its socket listens.
    pub(super) listens: Arc<AtomicBool>,
    pub(super) connections: Arc<Connections>,
    pub(super) events: EventSink,
}

impl TcpListenerTask {
    /// Accepts connections and proxies them to the target, until aborted. When the target changes,
    /// connections to the former one are closed.
    pub(super) async fn serve(
        self,
        mut listener: TcpListener,
        mut target: watch::Receiver<SocketAddr>,
    ) {
        // Dropped with this task, and all connections with it.
        let mut open = JoinSet::new();
        let mut full: Option<Instant> = None;
        loop {
            tokio::select! {
                changed = target.changed() => match changed {
                    Ok(()) => open.shutdown().await,
                    Err(_forwarder_gone) => return,
                },
                Some(_ended) = open.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((client, from)) => match self.place(from) {
                        Some(place) => {
                            if let Some(user) = place.instead_of {
                                self.report(&mut full, &format!("connections of user {user} are closed, the longest idle first"), &self.connections.words());
                            }
                            let target = *target.borrow();
                            open.spawn(pass(client, target, place));
                        }
                        None => self.report(&mut full, &format!("further connections to {} are closed", self.name()), &format!("{} are open, and the others are reserved for other ports and users", open.len())),
                    },
                    Err(error) => match Errno::from_io_error(&error) {
                        Some(Errno::MFILE | Errno::NFILE) => sleep(ACCEPT_PAUSE).await, // one may be free then
                        // Another program has closed the socket, as `ss -K` does. It is still bound.
                        Some(Errno::INVAL) => match self.listen_again(listener).await {
                            Some(again) => listener = again,
                            None => return,
                        },
                        // The client aborted the connection before it was accepted (accept(2)).
                        _ => {}
                    },
                },
            }
        }
    }

    /// A connection beyond the share of its listener or user is closed by dropping it.
    fn place(&self, from: SocketAddr) -> Option<ConnectionPermit> {
        let user = match self.listen.namespace {
            Namespace::Project => user_of(from, self.listen.address),
            // Clients are in another network namespace than this process.
            Namespace::Machine => None,
        };
        self.connections.acquire(self.listen, user)
    }

    /// Says what is closed and why, not for each connection.
    fn report(&self, last: &mut Option<Instant>, closed: &str, why: &str) {
        if last.is_some_and(|last| last.elapsed() < FULL_INTERVAL) {
            return;
        }
        *last = Some(Instant::now());
        (self.events)(Occurrence {
            object: format!("listener {}", self.name()),
            ..Occurrence::of(OccurrenceKind::ListenerFull, format!("{closed}: {why}"))
        });
    }

    /// Listens again on the same socket; with a new registration, since that of a closed socket stays
    /// readable.
    async fn listen_again(&self, listener: TcpListener) -> Option<TcpListener> {
        self.listens.store(false, Ordering::Relaxed);
        let socket = listener.into_std().ok()?;
        while listen_again(&socket).is_err() {
            sleep(LISTEN_PAUSE).await;
        }
        let again = TcpListener::from_std(socket).ok()?;
        self.listens.store(true, Ordering::Relaxed);
        let object = format!("listener {}", self.name());
        (self.events)(Occurrence {
            object: object.clone(),
            ..Occurrence::of(
                OccurrenceKind::Repaired,
                format!("repaired: {object} is missing"),
            )
        });
        Some(again)
    }

    fn name(&self) -> String {
        format!("{}/{}", self.listen.address, self.listen.protocol)
    }
}

/// Passes data in both directions until both have ended, or the place is needed for another user. A
/// connection that one side resets, that the node does not accept or that is cut is reset on both sides: to the
/// other side it does not look complete.
async fn pass(client: TcpStream, target: SocketAddr, place: ConnectionPermit) {
    let passed = async {
        let client = Reset::new(client);
        let Ok(Ok(node)) = timeout(CONNECT_LIMIT, TcpStream::connect(target)).await else {
            return;
        };
        let node = Reset::new(node);
        // Fails only for a broken socket, which the next read reports.
        client.0.set_nodelay(true).ok();
        node.0.set_nodelay(true).ok();
        if copy::both_ways(&client.0, &node.0, &place).await.is_ok() {
            client.complete();
            node.complete();
        }
    };
    tokio::select! {
        () = passed => {}
        () = place.lost() => {}
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
