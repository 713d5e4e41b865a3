//! How many connections there can be, who gets them, and what they cost.

use std::io::Read as _;
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;

use hallway_engine::Occurrence;
use hallway_keeper::forward::Forwarder;
use hallway_spec::Protocol;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{bound, client, client_of, connect, exchange, forward, listen, node, run};

pub(super) fn connections_beyond_the_limit_are_closed() {
    node("127.0.0.2:80", b'a');
    let one = listen("127.0.0.1:8001", Protocol::Tcp);
    hallway_engine::keeper::raise_open_files();
    run(async move {
        let mut forwarder = Forwarder::default();
        let wanted = vec![forward(one, "127.0.0.2:80")];
        forwarder.sync(wanted, bound(one)).await.unwrap();
        client(move || {
            let mut open: Vec<TcpStream> = Vec::new();
            for _ in 0..1024 {
                let stream = connect(one.address);
                assert_eq!(exchange(&stream).unwrap(), b'a');
                open.push(stream);
            }
            assert!(exchange(&connect(one.address)).is_err());
            open.truncate(512);
            hallway_testkit::wait_for("room for one", || exchange(&connect(one.address)).is_ok());
        })
        .await;
    });
}

/// Connections that have passed on data and are idle take no memory, and leave none behind.
pub(super) fn idle_connections_take_no_memory() {
    const COUNT: usize = 500;
    const MORE_KIB: u64 = 8 * 1024;
    node("127.0.0.2:80", b'a');
    let one = listen("127.0.0.1:8001", Protocol::Tcp);
    hallway_engine::keeper::raise_open_files();
    run(async move {
        let mut forwarder = Forwarder::default();
        let wanted = vec![forward(one, "127.0.0.2:80")];
        forwarder.sync(wanted, bound(one)).await.unwrap();
        client(move || {
            let fill = || -> Vec<TcpStream> {
                let open = (0..COUNT).map(|_| connect(one.address));
                let open: Vec<TcpStream> = open.collect();
                for stream in &open {
                    assert_eq!(exchange(stream).unwrap(), b'a');
                }
                open
            };
            let before = resident_kib();
            let open = fill();
            let during = resident_kib();
            assert!(
                during < before + MORE_KIB,
                "{before} KiB, open {during} KiB"
            );
            drop(open);
            let second = fill();
            drop(second);
            let after = resident_kib();
            assert!(
                after < before + MORE_KIB,
                "{before} KiB, closed {after} KiB"
            );
        })
        .await;
    });
}

/// The memory of this process.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Waits for the word `full` of a client program.
fn wait_until_full(client: &mut std::process::Child) {
    let mut said = [0; 4];
    let out = client.stdout.as_mut().unwrap();
    out.read_exact(&mut said).unwrap();
}

/// One user fills one port, and then every other port as far as it may: others are still served.
pub(super) fn one_user_leaves_room_for_others() {
    if hallway_testkit::try_sh("setpriv --reuid 1001 true").is_err() {
        hallway_testkit::skip("needs root, to act as two users");
    }
    node("127.0.0.2:80", b'a');
    let ports = [8001, 8002].map(|port| listen(&format!("127.0.0.1:{port}"), Protocol::Tcp));
    hallway_engine::keeper::raise_open_files();
    run(async move {
        let (sender, told) = std::sync::mpsc::channel();
        let mut forwarder = Forwarder::new(Arc::new(move |event: Occurrence| {
            sender.send(event.message).unwrap();
        }));
        let wanted = ports.map(|port| forward(port, "127.0.0.2:80")).to_vec();
        let fresh = ports.into_iter().flat_map(bound).collect();
        forwarder.sync(wanted, fresh).await.unwrap();
        client(move || {
            let fill = "import socket,sys
held=[]
for n in range(1400):
    s=socket.create_connection(('127.0.0.1',8001+n%2)); held.append(s)
print('full',flush=True); sys.stdin.read()";
            std::fs::write("/run/fill.py", fill).unwrap();
            let mut other = std::process::Command::new("setpriv")
                .args([
                    "--reuid",
                    "1001",
                    "--regid",
                    "1001",
                    "--clear-groups",
                    "prlimit",
                    "--nofile=4096:4096",
                ])
                .args(["python3", "/run/fill.py"])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            wait_until_full(&mut other);
            for port in ports {
                for _ in 0..50 {
                    assert_eq!(exchange(&connect(port.address)).unwrap(), b'a');
                }
            }
            drop(other.stdin.take());
            other.wait().unwrap();
        })
        .await;
        let event = client_of(&told);
        assert!(
            event.starts_with("further connections to 127.0.0.1:800"),
            "{event}"
        );
    });
}

/// Users together fill every port: another one still gets the places of longest idle connections, which are
/// reset.
pub(super) fn several_users_leave_room_for_another() {
    if hallway_testkit::try_sh("setpriv --reuid 1001 true").is_err() {
        hallway_testkit::skip("needs root, to act as several users");
    }
    node("127.0.0.2:80", b'a');
    let one = listen("127.0.0.1:8001", Protocol::Tcp);
    // A quarter of the files: 64 connections.
    let files = Rlimit {
        current: Some(256),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    setrlimit(Resource::Nofile, files).unwrap();
    run(async move {
        let (sender, told) = std::sync::mpsc::channel();
        let mut forwarder = Forwarder::new(Arc::new(move |event: Occurrence| {
            sender.send(event.message).unwrap();
        }));
        hallway_engine::keeper::raise_open_files();
        let wanted = vec![forward(one, "127.0.0.2:80")];
        forwarder.sync(wanted, bound(one)).await.unwrap();
        client(move || {
            let fill = "import encodings.idna,os,socket,sys
held=[]
for user in range(1001,1012):
    os.seteuid(user)
    for n in range(40): held.append(socket.create_connection(('127.0.0.1',8001)))
    os.seteuid(0)
print('full',flush=True); sys.stdin.read()";
            std::fs::write("/run/fill.py", fill).unwrap();
            let mut others = std::process::Command::new("python3")
                .arg("/run/fill.py")
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            wait_until_full(&mut others);
            assert_eq!(exchange(&connect(one.address)).unwrap(), b'a');
            drop(others.stdin.take());
            others.wait().unwrap();
        })
        .await;
        let event = client_of(&told);
        assert!(
            event.starts_with("connections of user 10") || event.starts_with("further connections"),
            "{event}"
        );
    });
}

/// Very many senders of single datagrams: others are still answered, a sender that goes on keeps its socket
/// to the node, and the files are limited.
pub(super) fn datagrams_of_many_senders_leave_room_for_others() {
    const FILES: u64 = 512;
    let node = UdpSocket::bind("127.0.0.2:53").unwrap();
    // Answers with the port from which the node was asked.
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        loop {
            let (_, from) = node.recv_from(&mut buffer).unwrap();
            node.send_to(&from.port().to_be_bytes(), from).unwrap();
        }
    });
    let one = listen("127.0.0.1:8001", Protocol::Udp);
    let files = Rlimit {
        current: Some(FILES),
        maximum: Some(FILES),
    };
    setrlimit(Resource::Nofile, files).unwrap();
    let sender = move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(super::LIMIT)).unwrap();
        socket.connect(one.address).unwrap();
        socket
    };
    let ask = |socket: &UdpSocket| {
        let mut answer = [0; 2];
        socket.send(b"x").unwrap();
        socket.recv(&mut answer).unwrap();
        u16::from_be_bytes(answer)
    };
    run(async move {
        let mut forwarder = Forwarder::default();
        let wanted = vec![forward(one, "127.0.0.2:53")];
        forwarder.sync(wanted, bound(one)).await.unwrap();
        client(move || {
            let goes_on = sender();
            let port = ask(&goes_on);
            assert_eq!(ask(&goes_on), port);
            for _ in 0..20 {
                for _ in 0..100 {
                    sender().send(b"x").unwrap();
                }
                assert_eq!(ask(&goes_on), port);
                ask(&sender());
                let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
                assert!(open < FILES / 2, "{open} files");
            }
        })
        .await;
    });
}
