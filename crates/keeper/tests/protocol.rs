//! Client and keeper of equal and of different versions, and invalid messages.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hallway_engine::keeper::message::{Answer, Hello, PROTOCOL, Refusal, Request};
use hallway_engine::keeper::{
    Client, Desired, Forward, KeeperError, Listen, Namespace, bind, frame, socket,
};
use hallway_engine::{Cancel, Failure};
use hallway_keeper::Options;
use hallway_spec::Protocol;
use hallway_testkit::wait_for;

const PROJECT: &str = "shop";
const LIMIT: Duration = Duration::from_secs(60);

fn directory() -> &'static Path {
    Path::new("/run/state/shop")
}

fn address() -> PathBuf {
    hallway_engine::state::make_directory(directory()).unwrap();
    socket(directory())
}

fn client() -> Result<Option<Client>, KeeperError> {
    Client::connect(directory(), &Cancel::default())
}

/// A keeper in a thread of this process.
fn keeper() {
    address();
    std::thread::spawn(|| {
        hallway_keeper::serve(&Options {
            program: "/proc/self/exe".into(),
            project: PROJECT.to_owned(),
            directory: directory().to_owned(),
            scope: "/run/state/host".into(),
            holder: None,
            starter: None,
            grace: LIMIT,
            open_files: None,
        })
        .unwrap();
    });
    wait_for("the keeper", || UnixStream::connect(address()).is_ok());
}

fn connect() -> UnixStream {
    let stream = UnixStream::connect(address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// A connection after the exchange of `Hello`.
fn handshake() -> UnixStream {
    let stream = connect();
    frame::send(&stream, &Hello::own()).unwrap();
    let hello: Hello = frame::receive(&stream, frame::HELLO_MAX).unwrap();
    assert_eq!(hello.protocol, PROTOCOL);
    stream
}

fn is_closed(mut stream: &UnixStream) -> bool {
    stream.read(&mut [0]).map_or(true, |length| length == 0)
}

fn a_keeper_sends_its_version_to_another_version_and_closes() {
    keeper();
    for hello in [
        r#"{"protocol":99,"version":"9.9"}"#,
        r#"{"protocol":99,"version":"9.9","what_is_not_known_yet":[1]}"#,
    ] {
        let mut stream = connect();
        let length = u32::try_from(hello.len()).unwrap().to_be_bytes();
        stream
            .write_all(&[&length[..], hello.as_bytes()].concat())
            .unwrap();
        let answer: Hello = frame::receive(&stream, frame::HELLO_MAX).unwrap();
        assert_eq!(answer, Hello::own());
        assert!(is_closed(&stream));
    }
}

fn a_client_names_the_version_of_another_keeper() {
    let listener = UnixListener::bind(address()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            drop(frame::receive::<Hello>(&stream, frame::HELLO_MAX).unwrap());
            let hello = Hello {
                protocol: 99,
                version: "9.9".to_owned(),
            };
            frame::send(&stream, &hello).unwrap();
        }
    });
    let error = client().unwrap_err();
    let own = std::process::id().cast_signed();
    assert!(
        matches!(&error, KeeperError::OtherVersion { pid, protocol: 99, .. } if *pid == own),
        "{error:?}"
    );
    let failure = Failure::from(error);
    assert_eq!(failure.code(), "keeper-version");
    assert!(failure.to_string().contains("hallway 9.9"), "{failure}");
    assert!(failure.help().unwrap().contains("hallway down"));
}

fn invalid_messages_close_the_connection_only() {
    keeper();
    for body in [
        &br#"{"sync":{}}"#[..],
        br#"{"stop":{"at_once":true}}"#,
        b"\xff\xfe",
        br#"{"unknown":{}}"#,
    ] {
        let mut stream = handshake();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length[..], body].concat()).unwrap();
        assert!(is_closed(&stream), "{body:?}");
    }
    let mut stream = handshake();
    stream.write_all(&u32::MAX.to_be_bytes()).unwrap();
    assert!(is_closed(&stream), "larger than any message may be");
    let mut stream = connect();
    stream.write_all(&8000_u32.to_be_bytes()).unwrap();
    assert!(is_closed(&stream), "larger than a first message may be");
    let client = client().unwrap().unwrap();
    assert_eq!(client.programs().unwrap(), []);
}

/// More descriptors than one message of the kernel can have.
fn many_listeners_are_sent() {
    keeper();
    let wanted: Vec<Forward> = (0..600)
        .map(|n| Forward {
            listen: Listen {
                address: ([127, 0, 0, 1], 7000 + n).into(),
                protocol: Protocol::Tcp,
                namespace: Namespace::Project,
            },
            target: ([127, 0, 0, 2], 80).into(),
        })
        .collect();
    hallway_engine::keeper::raise_open_files();
    let fresh = wanted.iter().map(|f| bind(f.listen).unwrap()).collect();
    let desired = Desired {
        programs: Vec::new(),
        forwards: wanted.clone(),
        ..Desired::default()
    };
    let client = client().unwrap().unwrap();
    // With the guard, which is loaded the first time.
    assert_eq!(client.sync(&desired, fresh).unwrap(), 601);
    assert_eq!(client.forwards().unwrap(), wanted);
    assert_eq!(client.sync(&desired, Vec::new()).unwrap(), 0);
    let error = client.restart("web").unwrap_err();
    assert!(matches!(
        error,
        KeeperError::Refused(Refusal::NoProgram { node }) if node == "web"
    ));
    assert_eq!(client.sync(&Desired::default(), Vec::new()).unwrap(), 600);
    bind(wanted[0].listen).unwrap();
}

fn after_stop_no_client_can_connect() {
    keeper();
    let stream = handshake();
    frame::send(&stream, &Request::Stop {}).unwrap();
    let answer: Answer = frame::receive(&stream, frame::HELLO_MAX).unwrap();
    assert_eq!(answer, Answer::Done { changed: 0 });
    wait_for("its end", || client().unwrap().is_none());
    assert!(!Client::end(directory(), PROJECT, &[], &Cancel::default()).unwrap());
}

hallway_testkit::tests![
    a_keeper_sends_its_version_to_another_version_and_closes,
    a_client_names_the_version_of_another_keeper,
    invalid_messages_close_the_connection_only,
    many_listeners_are_sent,
    after_stop_no_client_can_connect,
];
