//! Internet for a sandbox, through `pasta` where it is installed: it joins the sandbox's network to
//! the real one with ordinary sockets, and so needs no privilege.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::{Internet, start_time};

/// PATH is not searched.
const PROGRAMS: [&str; 2] = ["/usr/bin/pasta", "/usr/local/bin/pasta"];
const START_LIMIT: Duration = Duration::from_secs(5);

/// The installed program.
pub(crate) fn program() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|p| Path::new(p).exists())
}

/// Starts pasta for the holder's namespaces. Without pasta the sandbox has no internet access.
pub(super) fn start(holder: i32, directory: &Path) -> Internet {
    let Some(program) = program() else {
        return Internet::None("pasta is not installed (package passt)".into());
    };
    let pid_file = directory.join("pasta.pid");
    let child = Command::new(program)
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
                return Internet::None(format!("pasta failed: {}", last_error(&mut child)));
            }
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            _ => {
                child.kill().ok();
                child.wait().ok();
                return Internet::None("pasta did not start in time".into());
            }
        }
    }
    let pid = std::fs::read_to_string(&pid_file)
        .ok()
        .and_then(|t| t.trim().parse().ok());
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

/// Ends the pasta process we started, if that pid is still one.
pub(super) fn stop(pid: i32, holder: i32) {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let ours = command
        .split(|b| *b == 0)
        .any(|word| word == holder.to_string().as_bytes());
    if let (true, Some(_), Some(pid)) = (ours, start_time(pid), Pid::from_raw(pid)) {
        rustix::process::kill_process(pid, Signal::TERM).ok();
    }
}
