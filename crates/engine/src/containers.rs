//! Containers of Docker and Podman: which process one of them runs, read from their API by HTTP on a
//! unix socket. No program is run.

use std::io::{self, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use hallway_spec::Joined;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use serde::Deserialize;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(3);
/// The same for a container whose namespace is known from before.
const LIMIT_OF_KNOWN: Duration = Duration::from_secs(1);
/// A longer answer is not read.
const ANSWER_MAX: usize = 4 << 20;

/// The number of users without one in a user namespace (/proc/sys/kernel/overflowuid).
const NOBODY: u32 = 65534;

/// What listens on a socket.
struct Runtime {
    name: &'static str,
    socket: String,
}

/// Those of the machine, and of the user of this process.
fn runtimes() -> Vec<Runtime> {
    let runtime = |name, socket: String| Runtime { name, socket };
    let mut out = vec![
        runtime("Docker", "/run/docker.sock".into()),
        runtime("Podman", "/run/podman/podman.sock".into()),
    ];
    let user = rustix::process::geteuid();
    // A user that is not mapped into the user namespace of a sandbox has the overflow uid there (65534).
    if !user.is_root() && user.as_raw() != NOBODY {
        let directory = format!("/run/user/{}", user.as_raw());
        out.push(runtime("Podman", format!("{directory}/podman/podman.sock")));
        out.push(runtime("Docker", format!("{directory}/docker.sock")));
    }
    out
}

/// What is read of Docker's and Podman's description of a container.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    #[serde(default)]
    pid: u32,
}

/// The answer of one runtime.
enum Answer {
    /// A process of the container.
    Runs(u32),
    /// It is there and does not run.
    Stopped,
    /// There is no such container.
    Unknown,
}

/// Whether a container runs.
///
/// # Errors
/// Why it does not, for people.
pub fn runs(container: &str) -> Result<(), String> {
    let sound = format!("container:{container}").parse::<Joined>();
    sound.map_err(|error| error.to_string())?;
    let found = SilentRuntimes::default().process_of(container, false);
    found.map(drop).map_err(|unfound| unfound.why)
}

/// Why a container has no process.
#[derive(Debug)]
pub(crate) struct Unfound {
    /// For people.
    pub(crate) why: String,
    /// Whether a runtime has reported it; otherwise none answered.
    pub(crate) answered: bool,
}

/// The runtimes that did not answer: no further request is sent to them.
#[derive(Debug, Default)]
pub(crate) struct SilentRuntimes(Vec<(String, String)>);

impl SilentRuntimes {
    /// The first process of a running container. `known`: the earlier one can be used if no
    /// runtime answers.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn process_of(&mut self, container: &str, known: bool) -> Result<u32, Unfound> {
        let limit = if known { LIMIT_OF_KNOWN } else { LIMIT };
        process_of(container, &mut |socket| {
            if let Some((_, error)) = self.0.iter().find(|(silent, _)| silent == socket) {
                return Err(error.clone());
            }
            ask(socket, container, Instant::now() + limit).map_err(|error| {
                let text = match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                        format!("nothing came within {} s", limit.as_secs())
                    }
                    _ => error.to_string(),
                };
                self.0.push((socket.to_owned(), text.clone()));
                text
            })
        })
    }
}

fn process_of(
    container: &str,
    ask: &mut dyn FnMut(&str) -> Result<Option<Answer>, String>,
) -> Result<u32, Unfound> {
    let unfound = |answered: bool, why: String| Err(Unfound { why, answered });
    let mut asked = Vec::new();
    let mut stopped = None;
    let mut running: Vec<(&str, u32)> = Vec::new();
    let runtimes = runtimes();
    for Runtime { name, socket } in &runtimes {
        match ask(socket) {
            Ok(None) => continue,
            Ok(Some(Answer::Runs(pid))) => running.push((name, pid)),
            Ok(Some(Answer::Stopped)) => stopped = Some(*name),
            Ok(Some(Answer::Unknown)) => {}
            Err(error) => {
                return unfound(
                    false,
                    format!("{name} does not answer on {socket}: {error}"),
                );
            }
        }
        asked.push(*name);
    }
    let sockets: Vec<&str> = runtimes.iter().map(|r| r.socket.as_str()).collect();
    match (running.as_slice(), stopped) {
        ([(_, pid)], _) => Ok(*pid),
        ([(one, _), (other, _), ..], _) => unfound(
            true,
            format!("{one} and {other} both run a container {container}"),
        ),
        ([], Some(name)) => unfound(
            true,
            format!("{name} has the container {container}, which does not run"),
        ),
        ([], None) if asked.is_empty() => unfound(
            false,
            format!(
                "neither Docker nor Podman answers: nothing listens on {} (for Podman: systemctl start podman.socket)",
                sockets.join(", ")
            ),
        ),
        ([], None) => unfound(
            true,
            format!("{} has no container {container}", asked.join(" and ")),
        ),
    }
}

/// Asks one runtime; `None` when nothing listens there.
fn ask(socket: &str, container: &str, until: Instant) -> io::Result<Option<Answer>> {
    let Some(mut stream) = connect(socket)? else {
        return Ok(None);
    };
    // Zero is not a valid limit.
    let left = || Some(until.saturating_duration_since(Instant::now()) + Duration::from_millis(1));
    stream.set_write_timeout(left())?;
    // The answer to HTTP/1.0 is not in chunks, and ends with the connection.
    let request = format!("GET /containers/{container}/json HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut text, mut part) = (Vec::new(), [0_u8; 16 << 10]);
    while text.len() < ANSWER_MAX {
        if Instant::now() >= until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(left())?;
        let length = stream.read(&mut part)?;
        if length == 0 {
            break;
        }
        text.extend_from_slice(part.get(..length).unwrap_or_default());
    }
    read(&text).map(Some)
}

fn connect(socket: &str) -> io::Result<Option<UnixStream>> {
    let address = SocketAddrUnix::new(socket)?;
    // A listener that accepts nothing would block the caller.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let made = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&made, &address).map_err(io::Error::from) {
        Ok(()) => {}
        Err(e) if is_absent(&e) => return Ok(None),
        Err(e) => return Err(e),
    }
    let stream = UnixStream::from(made);
    stream.set_nonblocking(false)?;
    Ok(Some(stream))
}

fn is_absent(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::NotFound || kind == io::ErrorKind::ConnectionRefused
}

/// Reads an answer: its status line, and its body where there is such a container.
fn read(text: &[u8]) -> io::Result<Answer> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let head_end = text.windows(4).position(|w| w == b"\r\n\r\n");
    let (head, body) = match head_end {
        Some(at) => (text.get(..at), text.get(at + 4..)),
        None => (None, None),
    };
    let (Some(head), Some(body)) = (head, body) else {
        return Err(invalid("the answer is not HTTP"));
    };
    let head = String::from_utf8_lossy(head);
    match head.split(' ').nth(1) {
        Some("200") => {}
        Some("404") => return Ok(Answer::Unknown),
        _ => return Err(invalid(head.lines().next().unwrap_or_default())),
    }
    let container: Container = serde_json::from_slice(body)
        .map_err(|e| invalid(&format!("the answer cannot be read: {e}")))?;
    Ok(match container.state {
        State { running: true, pid } if pid > 0 => Answer::Runs(pid),
        _ => Answer::Stopped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        match read(text.as_bytes()) {
            Ok(Answer::Runs(pid)) => format!("runs {pid}"),
            Ok(Answer::Stopped) => "stopped".into(),
            Ok(Answer::Unknown) => "unknown".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn answers_of_the_api() {
        let ok = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";
        let runs = r#"{"Id":"a","State":{"Status":"running","Running":true,"Pid":71}}"#;
        assert_eq!(words(&format!("{ok}{runs}")), "runs 71");
        let ended = r#"{"State":{"Running":false,"Pid":0}}"#;
        assert_eq!(words(&format!("{ok}{ended}")), "stopped");
        let missing = "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"No such container: x\"}";
        assert_eq!(words(missing), "unknown");
        assert_eq!(words("HTTP/1.0 500 Oh\r\n\r\n"), "HTTP/1.0 500 Oh");
        assert_eq!(words("hello"), "the answer is not HTTP");
        assert!(words(&format!("{ok}[]")).starts_with("the answer cannot be read"));
    }
}
