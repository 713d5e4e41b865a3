//! Internet access for a sandbox, through `pasta` if it is installed: it connects the sandbox's
//! network to the real one with ordinary sockets, and so needs no privilege.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::Internet;
use super::process::start_time;
use super::uplink::{NO_PASTA, has_default_route, no_default_route, open_tun, tun_closed};
use crate::record::{Store, store::read};

/// PATH is not searched.
const PROGRAMS: [&str; 2] = ["/usr/bin/pasta", "/usr/local/bin/pasta"];
const START_LIMIT: Duration = Duration::from_secs(5);

/// The installed program.
pub(crate) fn program() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|p| Path::new(p).exists())
}

/// Starts pasta for the holder's namespaces. Without pasta the sandbox has no internet access.
pub(super) fn start(holder: i32, store: &Store) -> Internet {
    let Some(program) = program() else {
        return Internet::None(NO_PASTA.into());
    };
    if let Err(error) = open_tun() {
        return Internet::None(tun_closed(&error));
    }
    // pasta makes it; a file of an earlier sandbox with this name must not prevent that.
    let pid_file = store.scope().join("pasta.pid");
    if let Err(failure) = store.remove_file(&pid_file) {
        return Internet::None(failure.to_string());
    }
    let mut command = Command::new(program);
    hallway_kernel::sys::inherit_nothing(&mut command);
    let child = command
        .args([
            "--config-net",
            "--quiet",
            "--tcp-ports",
            "none",
            "--udp-ports",
            "none",
        ])
        .args([
            "--tcp-ns",
            "none",
            "--udp-ns",
            "none",
            "--no-map-gw",
            "--pid",
        ])
        .arg(&pid_file)
        .args(rustix::process::geteuid().is_root().then_some("--runas=0"))
        .arg(holder.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(e) => return Internet::None(format!("pasta cannot be started: {e}")),
    };
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(Some(_)) => {
                let error = last_error(&mut child);
                return Internet::None(match has_default_route() {
                    true => format!("pasta failed: {error}"),
                    false => no_default_route(&error),
                });
            }
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            _ => {
                child.kill().ok();
                child.wait().ok();
                return Internet::None("pasta did not start in time".into());
            }
        }
    }
    let pid = read(&pid_file)
        .ok()
        .flatten()
        .and_then(|text| String::from_utf8(text).ok()?.trim().parse().ok());
    pid.map_or_else(
        || Internet::None("pasta wrote no process id".into()),
        Internet::Pasta,
    )
}

fn last_error(child: &mut std::process::Child) -> String {
    use std::io::Read as _;
    let mut text = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut text).ok();
    }
    text.lines()
        .last()
        .unwrap_or("no reason given")
        .trim()
        .to_owned()
}

/// Whether a process is the pasta of that holder, by its command line.
fn is_of(pid: i32, holder: i32) -> bool {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = command.split(|b| *b == 0);
    let program = words.next().unwrap_or_default();
    program.windows(5).any(|part| part == b"pasta")
        && words.any(|word| word == holder.to_string().as_bytes())
}

/// The pasta of that holder, if one runs.
pub(super) fn of(holder: i32) -> Option<i32> {
    let mut entries = std::fs::read_dir("/proc").ok()?.flatten();
    entries.find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        is_of(pid, holder).then_some(pid)
    })
}

/// Ends the pasta process that hallway started, if that pid is still one.
pub(super) fn stop(pid: i32, holder: i32) {
    let ours = is_of(pid, holder);
    if let (true, Some(_), Some(pid)) = (ours, start_time(pid), Pid::from_raw(pid)) {
        rustix::process::kill_process(pid, Signal::TERM).ok();
        rustix::process::kill_process(pid, Signal::CONT).ok(); // a stopped process receives it only then
    }
}
