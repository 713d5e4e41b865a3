//! The forwarder on the loopback interface of a private network namespace.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use hallway_engine::Occurrence;
use hallway_engine::keeper::{
    BindCause, BindError, BoundSocket, Forward, Listen, Namespace, bind, open_files_limit,
};
use hallway_keeper::forward::Forwarder;
use hallway_spec::Protocol;
use rustix::process::{Resource, Rlimit, setrlimit};

mod shares;

use shares::{
    connections_beyond_the_limit_are_closed, datagrams_of_many_senders_leave_room_for_others,
    idle_connections_take_no_memory, one_user_leaves_room_for_others,
    several_users_leave_room_for_another,
};

const LIMIT: Duration = Duration::from_secs(60);

fn listen(address: &str, protocol: Protocol) -> Listen {
    Listen {
        address: address.parse().unwrap(),
        protocol,
        namespace: Namespace::Project,
    }
}

fn forward(listen: Listen, target: &str) -> Forward {
    Forward {
        listen,
        target: target.parse().unwrap(),
    }
}

fn bound(listen: Listen) -> Vec<BoundSocket> {
    vec![bind(listen).unwrap()]
}

/// Runs the forwarder on this thread, and blocking clients on others.
fn run(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().unwrap();
    runtime.block_on(test);
}

/// Runs a blocking client.
async fn client<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// A node: answers every byte with its name, and ends after the client does.
fn node(address: &str, name: u8) {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut byte = [0];
                while stream.read(&mut byte).is_ok_and(|n| n > 0) {
                    stream.write_all(&[name]).unwrap();
                }
            });
        }
    });
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

fn exchange(mut stream: &TcpStream) -> std::io::Result<u8> {
    let mut byte = [0];
    stream.write_all(b"x")?;
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn a_change_of_target_cuts_only_what_went_to_the_former_one() {
    node("127.0.0.2:80", b'a');
    node("127.0.0.3:80", b'b');
    let one = listen("127.0.0.1:8001", Protocol::Tcp);
    let two = listen("127.0.0.1:8002", Protocol::Tcp);
    run(async move {
        let mut forwarder = Forwarder::default();
        let wanted = vec![forward(one, "127.0.0.2:80"), forward(two, "127.0.0.3:80")];
        let fresh = [bound(one), bound(two)].into_iter().flatten().collect();
        assert_eq!(forwarder.sync(wanted.clone(), fresh).await.unwrap(), 2);
        let (first, second) = client(move || {
            let (first, second) = (connect(one.address), connect(two.address));
            assert_eq!(exchange(&first).unwrap(), b'a');
            assert_eq!(exchange(&second).unwrap(), b'b');
            (first, second)
        })
        .await;
        // The order has no effect.
        let reversed = wanted.into_iter().rev().collect();
        assert_eq!(forwarder.sync(reversed, Vec::new()).await.unwrap(), 0);
        let first = client(move || {
            assert_eq!(exchange(&first).unwrap(), b'a');
            first
        })
        .await;
        let moved = vec![forward(two, "127.0.0.3:80"), forward(one, "127.0.0.3:80")];
        assert_eq!(forwarder.sync(moved, Vec::new()).await.unwrap(), 1);
        client(move || {
            let cut = exchange(&first).map_err(|e| e.kind());
            let kinds = [
                ErrorKind::UnexpectedEof,
                ErrorKind::ConnectionReset,
                ErrorKind::BrokenPipe,
            ];
            assert!(cut.is_err_and(|kind| kinds.contains(&kind)), "{cut:?}");
            assert_eq!(
                exchange(&second).unwrap(),
                b'b',
                "that of another target continues"
            );
            assert_eq!(exchange(&connect(one.address)).unwrap(), b'b');
            assert!(TcpListener::bind(one.address).is_err());
        })
        .await;
    });
}

fn a_removed_listener_is_closed_immediately() {
    let one = listen("127.0.0.1:8001", Protocol::Tcp);
    run(async move {
        let mut forwarder = Forwarder::default();
        let wanted = vec![forward(one, "127.0.0.2:80")];
        forwarder.sync(wanted, bound(one)).await.unwrap();
        assert_eq!(forwarder.held().count(), 1);
        assert_eq!(forwarder.sync(Vec::new(), Vec::new()).await.unwrap(), 1);
        bind(one).unwrap();
        assert_eq!(forwarder.held().count(), 0);
    });
}

/// Large transfers, half-closed connections, and a node that does not listen.
fn connections_are_passed_on_unchanged() {
    let node = TcpListener::bind("127.0.0.2:80").unwrap();
    std::thread::spawn(move || {
        for mut stream in node.incoming().flatten() {
            // Answers only after the client has ended its direction.
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            stream.write_all(&all).unwrap();
        }
    });
    let one = listen("[::1]:8001", Protocol::Tcp);
    let none = listen("127.0.0.1:8002", Protocol::Tcp);
    run(async move {
        let mut forwarder = Forwarder::default();
        let wanted = vec![forward(one, "127.0.0.2:80"), forward(none, "127.0.0.2:81")];
        let fresh = [bound(one), bound(none)].into_iter().flatten().collect();
        forwarder.sync(wanted, fresh).await.unwrap();
        client(move || {
            let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
            let mut stream = connect(one.address);
            stream.write_all(&data).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut back = Vec::new();
            stream.read_to_end(&mut back).unwrap();
            assert!(back == data);
            let refused = connect(none.address).read(&mut [0]);
            assert!(refused.is_err_and(|e| e.kind() == ErrorKind::ConnectionReset));
        })
        .await;
    });
}

fn reset(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
}

/// A connection that one side resets is reset for the other side, too, and one that is cut by a
/// change: what was transferred is not complete.
fn resets_are_passed_on() {
    let node = TcpListener::bind("127.0.0.2:80").unwrap();
    let (send, seen) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in node.incoming().flatten() {
            let mut byte = [0];
            match stream.read_exact(&mut byte) {
                // Resets the connection in the middle of its answer.
                Ok(()) if byte == *b"r" => {
                    stream.write_all(b"part").unwrap();
                    assert_eq!(stream.read(&mut byte).unwrap(), 1, "the client has it");
                    reset(&stream);
                }
                // Until the client ends the connection.
                Ok(()) => {
                    stream.write_all(b"x").unwrap();
                    send.send(stream.read(&mut byte).map_err(|e| e.kind()))
                        .unwrap();
                }
                Err(error) => send.send(Err(error.kind())).unwrap(),
            }
        }
    });
    let one = listen("127.0.0.1:8001", Protocol::Tcp);
    run(async move {
        let mut forwarder = Forwarder::default();
        let wanted = vec![forward(one, "127.0.0.2:80")];
        forwarder.sync(wanted, bound(one)).await.unwrap();
        let (stream, seen) = client(move || {
            let mut stream = connect(one.address);
            stream.write_all(b"r").unwrap();
            stream.read_exact(&mut [0; 4]).unwrap();
            stream.write_all(b"!").unwrap();
            let end = stream.read(&mut [0]).map_err(|e| e.kind());
            assert_eq!(end, Err(ErrorKind::ConnectionReset), "of the node");
            let mut stream = connect(one.address);
            stream.write_all(b"w").unwrap();
            stream.read_exact(&mut [0]).unwrap();
            reset(&stream);
            drop(stream);
            let end = seen.recv_timeout(LIMIT).unwrap();
            assert_eq!(end, Err(ErrorKind::ConnectionReset), "of the client");
            let mut stream = connect(one.address);
            stream.write_all(b"w").unwrap();
            stream.read_exact(&mut [0]).unwrap();
            drop(stream);
            assert_eq!(seen.recv_timeout(LIMIT).unwrap(), Ok(0), "closed");
            let mut stream = connect(one.address);
            stream.write_all(b"w").unwrap();
            stream.read_exact(&mut [0]).unwrap();
            (stream, seen)
        })
        .await;
        forwarder.close().await;
        client(move || {
            let end = { stream }.read(&mut [0]).map_err(|e| e.kind());
            assert_eq!(end, Err(ErrorKind::ConnectionReset), "cut");
            let end = seen.recv_timeout(LIMIT).unwrap();
            assert_eq!(end, Err(ErrorKind::ConnectionReset), "cut");
        })
        .await;
    });
}

fn answers_reach_the_sender_and_datagrams_follow_the_target() {
    for (address, name) in [("127.0.0.2:53", b'a'), ("127.0.0.3:53", b'b')] {
        let node = UdpSocket::bind(address).unwrap();
        std::thread::spawn(move || {
            let mut datagram = [0; 2048];
            while let Ok((length, from)) = node.recv_from(&mut datagram) {
                datagram[0] = name;
                node.send_to(&datagram[..length], from).unwrap();
            }
        });
    }
    let one = listen("127.0.0.1:5353", Protocol::Udp);
    let ask = move |socket: &UdpSocket, mark: u8| {
        socket.send_to(&[b'?', mark], one.address).unwrap();
        let mut answer = [0; 9];
        let length = socket.recv(&mut answer).unwrap();
        assert_eq!((length, answer[1]), (2, mark), "of another sender");
        answer[0]
    };
    run(async move {
        let mut forwarder = Forwarder::default();
        let wanted = vec![forward(one, "127.0.0.2:53")];
        forwarder.sync(wanted, bound(one)).await.unwrap();
        let senders = client(move || {
            let senders: Vec<UdpSocket> = (0..20)
                .map(|_| {
                    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                    socket.set_read_timeout(Some(LIMIT)).unwrap();
                    socket
                })
                .collect();
            for (mark, sender) in (0..).zip(&senders) {
                assert_eq!(ask(sender, mark), b'a');
            }
            senders
        })
        .await;
        let moved = vec![forward(one, "127.0.0.3:53")];
        forwarder.sync(moved, Vec::new()).await.unwrap();
        client(move || {
            for (mark, sender) in (0..).zip(&senders) {
                assert_eq!(ask(sender, mark), b'b');
            }
        })
        .await;
    });
}

/// As `ss -K` does it. The same socket listens again, and the next connection is served.
fn a_socket_that_another_program_closed_listens_again() {
    node("127.0.0.2:80", b'a');
    let one = listen("127.0.0.1:8001", Protocol::Tcp);
    run(async move {
        let (sender, told) = std::sync::mpsc::channel();
        let mut forwarder = Forwarder::new(Arc::new(move |event: Occurrence| {
            sender.send(event.message).unwrap();
        }));
        let wanted = vec![forward(one, "127.0.0.2:80")];
        forwarder.sync(wanted.clone(), bound(one)).await.unwrap();
        for _ in 0..3 {
            client(move || {
                assert_eq!(exchange(&connect(one.address)).unwrap(), b'a');
                hallway_testkit::sh("ss -K -lt sport = 8001");
                hallway_testkit::wait_for("a listener", || {
                    TcpStream::connect(one.address).is_ok_and(|s| exchange(&s).is_ok())
                });
            })
            .await;
            let event = client_of(&told);
            assert_eq!(event, "repaired: listener 127.0.0.1:8001/tcp is missing");
            assert_eq!(forwarder.held().count(), 1);
        }
    });
}

fn client_of(told: &std::sync::mpsc::Receiver<String>) -> String {
    told.recv_timeout(LIMIT).unwrap()
}

/// The limit is reported before the last descriptor is used, so that later operations do not fail.
fn too_many_listeners_name_the_limit() {
    let limit = 256;
    let rlimit = Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    setrlimit(Resource::Nofile, rlimit).unwrap();
    assert_eq!(open_files_limit(), limit);
    let mut held = Vec::new();
    let error: BindError = loop {
        let port = 8000 + held.len();
        match bind(listen(&format!("127.0.0.1:{port}"), Protocol::Tcp)) {
            Ok(listener) => held.push(listener),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error.cause, BindCause::OpenFiles { limit: 256 }),
        "{error:?}"
    );
    assert_eq!(error.code().text(), "open-files");
    assert!(error.help().contains("ulimit -n"));
    let more: Vec<_> = (0..60).map(|_| std::fs::File::open("/dev/null")).collect();
    assert!(more.iter().all(Result::is_ok));
    drop((more, held));
    let taken = TcpListener::bind("127.0.0.1:8000").unwrap();
    let error = bind(listen("127.0.0.1:8000", Protocol::Tcp)).unwrap_err();
    assert!(matches!(error.cause, BindCause::InUse));
    drop(taken);
    let error = bind(listen("192.0.2.1:8000", Protocol::Udp)).unwrap_err();
    assert!(matches!(error.cause, BindCause::NoSuchAddress));
}

hallway_testkit::tests![
    a_change_of_target_cuts_only_what_went_to_the_former_one,
    a_removed_listener_is_closed_immediately,
    connections_are_passed_on_unchanged,
    resets_are_passed_on,
    answers_reach_the_sender_and_datagrams_follow_the_target,
    connections_beyond_the_limit_are_closed,
    datagrams_of_many_senders_leave_room_for_others,
    idle_connections_take_no_memory,
    several_users_leave_room_for_another,
    a_socket_that_another_program_closed_listens_again,
    one_user_leaves_room_for_others,
    too_many_listeners_name_the_limit,
];
