//! A separate process and namespaces for every test.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hallway_kernel::Kernel;
use hallway_kernel::link::{LinkChange, change_link};
use hallway_kernel::mount::Propagation;
use hallway_kernel::sys::NamespaceKind;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::patience::patience;

/// The environment variable with the stage and the name of the test, for a process of the test binary.
const STAGE: &str = "HALLWAY_TEST_STAGE";
/// The limit after which a test that hangs is ended.
const LIMIT: Duration = Duration::from_secs(600);
/// The exit code of a test that is skipped.
const SKIPPED: i32 = 77;

/// One test.
#[derive(Debug, Clone, Copy)]
pub struct Test {
    /// Its name.
    pub name: &'static str,
    /// Its function; a panic is a failure.
    pub run: fn(),
}

/// The `main` of a test file.
pub fn main(tests: &[Test]) {
    if let Ok(stage) = std::env::var(STAGE) {
        let (stage, name) = stage.split_once(' ').unwrap();
        let test = tests.iter().find(|t| t.name == name).unwrap();
        match stage {
            "outer" => outer(name),
            _ => inner(*test),
        }
        return;
    }
    let trials = tests
        .iter()
        .map(|t| Trial::ignorable_test(t.name, || isolated(t.name)))
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn myself(stage: &str, name: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .env(STAGE, format!("{stage} {name}"))
        .stdin(Stdio::null());
    command
}

/// Ends the calling test as skipped, for a reason of this machine.
pub fn skip(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(SKIPPED);
}

/// Runs the test in a separate process; its output is shown if it fails.
fn isolated(name: &str) -> Result<Completion, Failed> {
    let mut child = myself("outer", name)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        err.read_to_end(&mut text).ok();
        text
    });
    let printer = std::thread::spawn(move || {
        let mut text = Vec::new();
        out.read_to_end(&mut text).ok();
        text
    });
    let limit = LIMIT * patience();
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?; // ends the first process of its namespaces, and that one ends all others
            child.wait()?;
            return Err(format!("not done after {} s", limit.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    if status.success() {
        return Ok(Completion::Completed);
    }
    let text = [
        printer.join().unwrap_or_default(),
        reader.join().unwrap_or_default(),
    ]
    .concat();
    if status.code() == Some(SKIPPED) {
        let text = String::from_utf8_lossy(&text);
        return Ok(Completion::ignored_with(text.trim()));
    }
    Err(format!("{status}\n{}", String::from_utf8_lossy(&text)).into())
}

/// Makes the namespaces; the next process is the first one in them.
fn outer(name: &str) {
    let mut kernel = Kernel::new();
    kernel.end_with_parent().unwrap();
    let (user, group) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    if rustix::process::geteuid().is_root() {
        kernel
            .unshare(&[NamespaceKind::Mount, NamespaceKind::Net, NamespaceKind::Pid])
            .unwrap();
    } else {
        kernel
            .unshare(&[
                NamespaceKind::User,
                NamespaceKind::Mount,
                NamespaceKind::Net,
                NamespaceKind::Pid,
            ])
            .expect("tests need root or unprivileged user namespaces");
        std::fs::write("/proc/self/setgroups", "deny").unwrap();
        std::fs::write("/proc/self/gid_map", format!("0 {group} 1")).unwrap();
        std::fs::write("/proc/self/uid_map", format!("0 {user} 1")).unwrap();
    }
    let status = myself("inner", name).status().unwrap();
    std::process::exit(status.code().unwrap_or(1));
}

/// The test's own /run and /proc, so that nothing of the machine can be changed.
fn inner(test: Test) {
    let mut kernel = Kernel::new();
    kernel.end_with_parent().unwrap();
    kernel
        .make_private(Path::new("/"), Propagation::Private)
        .unwrap();
    kernel
        .mount_proc(Path::new("/proc"))
        .expect("tests need a /proc of which nothing is covered, as it is outside of containers");
    kernel.mount_tmpfs(Path::new("/run")).unwrap();
    // No test needs its own /sys, and if the machine's is read-only none is allowed.
    if let Err(why) = kernel.mount_sysfs(Path::new("/sys")) {
        eprintln!("{why}");
    }
    let up = LinkChange {
        up: Some(true),
        ..LinkChange::default()
    };
    kernel.run(change_link("lo", &up)).unwrap();
    (test.run)();
}
