//! The keeper's side of the socket.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::client::await_end;
use super::forward::Forwarder;
use super::supervisor::Supervisor;
use super::{Request, Response, socket_name, wire};

type Call = (Request, Vec<std::os::fd::OwnedFd>, Sender<Response>);

/// Runs until told to stop, or until the sandbox it is in ends with its holder. Until it has been
/// told what to do it ends with who started it: nobody else knows of it yet.
pub(crate) fn serve(
    project: &str,
    holder: Option<i32>,
    starter: Option<i32>,
) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = rustix::process::getppid().map(|p| p.as_raw_nonzero().get());
    if starter.is_some() && parent != starter {
        return Ok(()); // it ended before the line above
    }
    rustix::process::setsid().ok();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).ok();
    std::env::set_current_dir("/").ok();
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(socket_name(project))?)?;
    let (calls, receiver) = channel();
    if let Some(holder) = holder.and_then(Pid::from_raw) {
        let calls = calls.clone();
        std::thread::spawn(move || {
            await_end(holder, None);
            calls.send((Request::Stop, Vec::new(), channel().0)).ok();
        });
    }
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let calls = calls.clone();
            std::thread::spawn(move || talk(&stream, &calls));
        }
    });
    work(project, &receiver)
}

/// Only its own user may speak to a keeper; abstract names have no permissions of their own.
fn same_user(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream)
        .is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

fn talk(stream: &UnixStream, calls: &Sender<Call>) {
    if !same_user(stream) {
        return;
    }
    while let Ok(request) = wire::receive::<Request>(stream) {
        let count = match &request {
            Request::Sync { handed, .. } => handed.len(),
            _ => 0,
        };
        let Ok(fds) = wire::receive_fds(stream, count) else {
            return;
        };
        let (answer, answered) = channel();
        if calls.send((request, fds, answer)).is_err() {
            return;
        }
        let Ok(response) = answered.recv() else {
            return;
        };
        if wire::send(stream, &response).is_err() {
            return;
        }
    }
}

fn work(project: &str, calls: &Receiver<Call>) -> std::io::Result<()> {
    let mut supervisor = Supervisor::new(project);
    let mut forwarder = Forwarder::start()?;
    let mut wait = Duration::from_millis(5);
    loop {
        if let Ok((request, fds, answer)) = calls.recv_timeout(wait) {
            let response = match request {
                Request::Sync { desired, handed } => {
                    rustix::process::set_parent_process_death_signal(None)?;
                    let fresh = handed.into_iter().zip(fds).collect();
                    let mut changed = forwarder.sync(&desired.forwards, fresh);
                    changed += supervisor.sync(desired.services);
                    Response::Done { changed }
                }
                Request::Status => {
                    supervisor.tick();
                    Response::Status {
                        services: supervisor.status(),
                        forwards: forwarder.held(),
                    }
                }
                Request::Restart { node } => match supervisor.restart(&node) {
                    Ok(()) => Response::Done { changed: 1 },
                    Err(message) => Response::Failed { message },
                },
                Request::Stop => {
                    forwarder.sync(&[], Vec::new());
                    supervisor.stop_all();
                    answer.send(Response::Done { changed: 0 }).ok();
                    // The answer is written by another thread; the caller hangs up once it has it.
                    std::thread::sleep(Duration::from_millis(20));
                    return Ok(());
                }
            };
            answer.send(response).ok();
        }
        wait = supervisor.tick();
    }
}
