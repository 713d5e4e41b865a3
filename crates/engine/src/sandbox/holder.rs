//! The holder: the process whose namespaces are the sandbox.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use hallway_kernel::link::{self, LinkChange};
use hallway_kernel::mount::Propagation;
use hallway_kernel::sys::NamespaceKind;
use hallway_kernel::{Kernel, KernelError};
use hallway_spec::NETNS_DIRECTORY;

use rustix::process::Pid;

use super::ids::{self, Ids};
use super::marks::{self, IMPLICIT, READY};
use super::orphans::RUN_MARK;
use super::{Making, refusal};
use crate::keeper::KeeperError;
use crate::keeper::wait::{self, ANSWER_LIMIT};
use crate::{Cancel, Failure, Reason};

/// A holder that has been started and waits for its release.
pub(super) struct Held {
    pub(super) pid: i32,
    pub(super) user_namespace: bool,
    input: ChildStdin,
}

impl Held {
    /// After this the holder continues without this process; before, it ends with it.
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
    let further = Cell::new(true);
    match attempt(making, directory, cancel, &further) {
        Err(_) if !further.get() => attempt(making, directory, cancel, &further),
        outcome => outcome,
    }
}

/// See [`ids::map_own`] for `further`.
fn attempt(
    making: &Making<'_>,
    directory: &Path,
    cancel: &Cancel,
    further: &Cell<bool>,
) -> Result<Held, Failure> {
    let spawn_failed = |e: std::io::Error| not_made(format!("its holder cannot be started: {e}"));
    let program = making.program;
    let ids = match making.map_root {
        true => None,
        false => Ids::choose(),
    };
    let mut command = Command::new(program);
    hallway_kernel::sys::inherit_nothing(&mut command);
    let mut child = command
        .arg("__hold")
        .arg(directory)
        .arg(marks::mounts().unwrap_or_default())
        .args(making.implicit.then_some(IMPLICIT))
        .args(ids.into_iter().flat_map(Ids::words))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(spawn_failed)?;
    let map = |pid| match ids {
        Some(ids) => ids.map(pid, making.caller),
        None => ids::map_own(pid, further),
    };
    let outcome = handshake(&mut child, map, cancel);
    if outcome.is_err() {
        child.kill().ok();
        child.wait().ok();
    }
    outcome
}

fn handshake(
    child: &mut Child,
    map: impl Fn(i32) -> std::io::Result<()>,
    cancel: &Cancel,
) -> Result<Held, Failure> {
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
        "user" => map(pid).map_err(|e| Reason::SandboxIds {
            error: e.to_string(),
        })?,
        "no-user" => user_namespace = false,
        other => {
            return Err(match other.strip_prefix("refused ") {
                Some(errno) => refusal::explain(errno.parse().unwrap_or(1)),
                None => step_failed(other),
            });
        }
    }
    input.write_all(b"mapped\n").map_err(|_gone| broken())?;
    match answer()?.as_str() {
        "ready" => Ok(Held {
            pid,
            user_namespace,
            input,
        }),
        other => Err(step_failed(other)),
    }
}

/// Before the error of a step that the machine does not allow this process.
const FORBIDDEN: &str = "forbidden ";

/// What the holder reports when a step failed.
fn answer_to(error: &KernelError) -> String {
    match error.is_not_permitted() {
        true => format!("{FORBIDDEN}{error}"),
        false => error.to_string(),
    }
}

fn step_failed(answer: &str) -> Failure {
    match answer.strip_prefix(FORBIDDEN) {
        Some(error) => Reason::NoUserNamespaces(refusal::of_step(error)).into(),
        None => not_made(answer.to_owned()),
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

/// The holder's work: it makes the namespaces, reports this, and sleeps until it is ended.
/// `arguments` are those after the sandbox's directory.
///
/// # Errors
/// When the other side of the handshake has ended, or the sandbox cannot be set up.
pub fn hold(arguments: &[String]) -> Result<(), Failure> {
    rustix::process::setsid().ok();
    let mut out = std::io::stdout();
    let mut report = move |text: &str| {
        out.write_all(format!("{text}\n").as_bytes())
            .and_then(|()| out.flush())
    };
    let gone = |_| not_made("the process that started it has ended".into());
    let mut kernel = Kernel::new();
    let ids = Ids::of(arguments);
    if ids.is_some()
        && let Err(e) = own_mounts(&mut kernel, ids)
    {
        report(&answer_to(&e)).map_err(gone)?;
        return Ok(());
    }
    match kernel.unshare(&[NamespaceKind::User]) {
        Ok(()) => report("user").map_err(gone)?,
        // With ids of its own, root of the sandbox is another user than root of this process.
        Err(_) if ids.is_none() && rustix::process::geteuid().is_root() => {
            report("no-user").map_err(gone)?
        }
        Err(e) => {
            report(&format!("refused {}", e.errno)).map_err(gone)?;
            return Ok(());
        }
    }
    let mut input = BufReader::new(std::io::stdin());
    if line(&mut input).as_deref() != Some("mapped") {
        return Ok(());
    }
    if let Err(e) = set_up(&mut kernel, ids.is_some()) {
        report(&answer_to(&e)).map_err(gone)?;
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
    // A signal ends it; with stdin at /dev/null there is nothing else to wait for.
    loop {
        std::thread::park();
    }
}

/// Closes the terminal and the pipes of the process that started this one.
fn silence() {
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        rustix::stdio::dup2_stdin(&null).ok();
        rustix::stdio::dup2_stdout(&null).ok();
        rustix::stdio::dup2_stderr(&null).ok();
    }
    std::env::set_current_dir("/").ok();
}

/// A mount namespace with its own /run. With ids, their root may make named namespaces there.
fn own_mounts(kernel: &mut Kernel, ids: Option<Ids>) -> Result<(), KernelError> {
    kernel.unshare(&[NamespaceKind::Mount])?;
    kernel.make_private(Path::new("/"), Propagation::Private)?;
    own_run(kernel)?;
    let named = Path::new(NETNS_DIRECTORY);
    let Some(Ids { user, group }) = ids else {
        return kernel.ensure_netns_directory(named).map(drop);
    };
    // Without the mark for unmounting with the last project: the sandbox may not unmount it.
    kernel.make_directory(named, 0o755)?;
    kernel.mount_tmpfs_of(named, user, group)
}

/// If the ids of this process are not those of the sandbox (`apart`), /run was made before: the
/// kernel refuses to create a file on a tmpfs whose user namespace does not map the ids of the
/// caller. The sandbox gets a copy of those mounts that shares nothing.
fn set_up(kernel: &mut Kernel, apart: bool) -> Result<(), KernelError> {
    match apart {
        true => {
            kernel.unshare(&[NamespaceKind::Mount])?;
            kernel.ensure_netns_directory(Path::new(NETNS_DIRECTORY))?;
        }
        false => own_mounts(kernel, None)?,
    }
    kernel.unshare(&[NamespaceKind::Net])?;
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

/// The sandbox's own /run, which contains everything of the old one except the named namespaces.
fn own_run(kernel: &Kernel) -> Result<(), KernelError> {
    let run = Path::new("/run");
    let old = File::open(run).map_err(|e| KernelError::io("open", "/run", &e))?;
    let entries: Vec<_> = std::fs::read_dir(run)
        .map_err(|e| KernelError::io("list", "/run", &e))?
        .flatten()
        .filter(|e| e.path() != Path::new(NETNS_DIRECTORY))
        .collect();
    kernel.mount_tmpfs_named(RUN_MARK, run)?;
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
    Ok(())
}
