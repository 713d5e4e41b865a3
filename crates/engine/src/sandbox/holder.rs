//! The holder: the process whose namespaces are the sandbox.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use hallway_kernel::link::{self, LinkChange};
use hallway_kernel::mount::Propagation;
use hallway_kernel::sys::NamespaceKind;
use hallway_kernel::{Kernel, KernelError};

use rustix::process::Pid;

use super::marks::{IMPLICIT, READY};
use super::{Making, refusal};
use crate::keeper::KeeperError;
use crate::keeper::wait::{self, ANSWER_LIMIT};
use crate::observe::NETNS_DIRECTORY;
use crate::{Cancel, Failure, Reason};

/// A holder that has been started and waits for its release.
pub(super) struct Held {
    pub(super) pid: i32,
    pub(super) user_namespace: bool,
    input: ChildStdin,
}

impl Held {
    /// From here on the holder continues without this process; before, it ends with it.
    pub(super) fn release(mut self) {
        self.input.write_all(b"go\n").ok();
    }
}

/// Starts a holder and gives it its user id maps.
pub(super) fn start(
    making: &Making<'_>,
    directory: &Path,
    cancel: &Cancel,
) -> Result<Held, Failure> {
    let spawn_failed = |e: std::io::Error| not_made(format!("its holder cannot be started: {e}"));
    let program = making.program;
    let mut command = Command::new(program);
    hallway_kernel::sys::inherit_nothing(&mut command);
    let mut child = command
        .arg("__hold")
        .arg(directory)
        .args(making.implicit.then_some(IMPLICIT))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(spawn_failed)?;
    let outcome = handshake(&mut child, cancel);
    if outcome.is_err() {
        child.kill().ok();
        child.wait().ok();
    }
    outcome
}

fn handshake(child: &mut Child, cancel: &Cancel) -> Result<Held, Failure> {
    let broken = || not_made("its holder ended before it was ready".into());
    let mut input = child.stdin.take().ok_or_else(broken)?;
    let mut output = BufReader::new(child.stdout.take().ok_or_else(broken)?);
    let pid = child.id() as i32;
    let holder = Pid::from_child(child);
    // It answers line by line, so that nothing is left in the buffer.
    let mut answer = || match wait::readable(output.get_ref(), holder, cancel, ANSWER_LIMIT) {
        Ok(true) => line(&mut output).ok_or_else(broken),
        Err(KeeperError::Cancelled(failure)) => Err(*failure),
        Ok(false) | Err(_) => Err(not_made("its holder does not answer".into())),
    };
    let mut user_namespace = true;
    match answer()?.as_str() {
        "user" => map_ids(pid).map_err(|e| Reason::SandboxIds {
            error: e.to_string(),
        })?,
        "no-user" => user_namespace = false,
        other => {
            let errno = other
                .strip_prefix("refused ")
                .and_then(|e| e.parse().ok())
                .unwrap_or(1);
            return Err(refusal::explain(errno));
        }
    }
    input.write_all(b"mapped\n").map_err(|_gone| broken())?;
    match answer()?.as_str() {
        "ready" => Ok(Held {
            pid,
            user_namespace,
            input,
        }),
        other => Err(not_made(other.to_owned())),
    }
}

fn not_made(error: String) -> Failure {
    Reason::SandboxNotMade { error }.into()
}

fn line(from: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    from.read_line(&mut text).ok().filter(|n| *n > 0)?;
    Some(text.trim_end().to_owned())
}

/// Root maps all its own ids into the sandbox. Another user is mapped to root inside, and no other
/// id is mapped (user_namespaces(7)).
fn map_ids(pid: i32) -> std::io::Result<()> {
    let write = |file: &str, text: &str| {
        File::options()
            .write(true)
            .open(format!("/proc/{pid}/{file}"))
            .and_then(|mut f| f.write_all(text.as_bytes()))
    };
    if rustix::process::geteuid().is_root() {
        let all = |file: &str| -> std::io::Result<String> {
            let text = std::fs::read_to_string(format!("/proc/self/{file}"))?;
            let mut out = String::new();
            for range in text.lines() {
                let fields: Vec<&str> = range.split_ascii_whitespace().collect();
                if let [inside, _, count] = fields.as_slice() {
                    out.push_str(&format!("{inside} {inside} {count}\n"));
                }
            }
            Ok(out)
        };
        let (users, groups) = (all("uid_map")?, all("gid_map")?);
        if write("gid_map", &groups).is_err() {
            write("setgroups", "deny")?;
            write("gid_map", &groups)?;
        }
        return write("uid_map", &users);
    }
    let (user, group) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    write("setgroups", "deny")?;
    write("gid_map", &format!("0 {group} 1"))?;
    write("uid_map", &format!("0 {user} 1"))
}

/// What the holder does: makes the namespaces, reports it, and sleeps until it is ended.
///
/// # Errors
/// When the other side of the handshake is gone, or the sandbox cannot be set up.
pub fn hold() -> Result<(), Failure> {
    rustix::process::setsid().ok();
    let mut out = std::io::stdout();
    let mut report = move |text: &str| {
        out.write_all(format!("{text}\n").as_bytes())
            .and_then(|()| out.flush())
    };
    let gone = |_| not_made("the process that started it has ended".into());
    let mut kernel = Kernel::new();
    match kernel.unshare(&[NamespaceKind::User]) {
        Ok(()) => report("user").map_err(gone)?,
        Err(_) if rustix::process::geteuid().is_root() => report("no-user").map_err(gone)?,
        Err(e) => {
            report(&format!("refused {}", e.errno)).map_err(gone)?;
            return Ok(());
        }
    }
    let mut input = BufReader::new(std::io::stdin());
    if line(&mut input).as_deref() != Some("mapped") {
        return Ok(());
    }
    if let Err(e) = set_up(&mut kernel) {
        report(&e.to_string()).map_err(gone)?;
        return Ok(());
    }
    report("ready").map_err(gone)?;
    if line(&mut input).as_deref() != Some("go") {
        return Ok(()); // the starter ended before this process was on record
    }
    silence();
    if let Ok(name) = std::ffi::CString::new(READY) {
        // Without it the sandbox is found by its record only.
        rustix::thread::set_name(&name).ok();
    }
    // Ended by a signal; with stdin at /dev/null there is nothing else to wait for.
    loop {
        std::thread::park();
    }
}

/// Closes the terminal and pipes of the process that started this one.
fn silence() {
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        rustix::stdio::dup2_stdin(&null).ok();
        rustix::stdio::dup2_stdout(&null).ok();
        rustix::stdio::dup2_stderr(&null).ok();
    }
    std::env::set_current_dir("/").ok();
}

fn set_up(kernel: &mut Kernel) -> Result<(), KernelError> {
    kernel.unshare(&[NamespaceKind::Mount, NamespaceKind::Net])?;
    kernel.make_private(Path::new("/"), Propagation::Private)?;
    own_run(kernel)?;
    // Not allowed in every container; without it /sys/class/net shows the real host's links.
    kernel.mount_sysfs(Path::new("/sys")).ok();
    kernel.run(link::change_link(
        "lo",
        &LinkChange {
            up: Some(true),
            ..LinkChange::default()
        },
    ))
}

/// A /run of the sandbox's own, which contains everything of the old one except the named
/// namespaces.
fn own_run(kernel: &Kernel) -> Result<(), KernelError> {
    let run = Path::new("/run");
    let old = File::open(run).map_err(|e| KernelError::io("open", "/run", &e))?;
    let entries: Vec<_> = std::fs::read_dir(run)
        .map_err(|e| KernelError::io("list", "/run", &e))?
        .flatten()
        .filter(|e| e.path() != Path::new(NETNS_DIRECTORY))
        .collect();
    kernel.mount_tmpfs(run)?;
    for entry in entries {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let old_path = format!("/proc/self/fd/{}", old.as_raw_fd());
        let old_path = Path::new(&old_path).join(entry.file_name());
        let path = entry.path();
        if kind.is_symlink() {
            if let Ok(target) = std::fs::read_link(&old_path) {
                kernel.make_symlink(&target, &path).ok();
            }
            continue;
        }
        let made = if kind.is_dir() {
            kernel.make_directory(&path, 0o755)
        } else {
            kernel.write_file(&path, b"")
        };
        // What cannot be bound (a socket of another user) is left out.
        if made.is_ok() && kernel.bind_mount(&old_path, &path).is_err() {
            if kind.is_dir() {
                kernel.remove_directory(&path).ok()
            } else {
                kernel.remove_file(&path).ok()
            };
        }
    }
    kernel
        .ensure_netns_directory(Path::new(NETNS_DIRECTORY))
        .map(|_| ())
}
