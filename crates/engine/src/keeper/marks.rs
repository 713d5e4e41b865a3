//! Keepers and runners found by their marks, if there is no socket to connect to: their command
//! line, their user and their network namespace (proc(5)).

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hallway_kernel::private;
use hallway_spec::Name;
use rustix::process::{Pid, Signal};

use super::{KeeperError, wait};
use crate::Cancel;

/// A keeper or runner of this user.
struct Marked {
    pid: Pid,
    keeper: bool,
    project: String,
    /// The directory of the scope's state, as its own mounts have it.
    scope: PathBuf,
    /// The inode number of its network namespace.
    space: Option<u64>,
}

impl Marked {
    /// A file of the keeper's own mounts.
    fn reached(&self, path: &Path) -> PathBuf {
        let path = path.strip_prefix("/").unwrap_or(path);
        let pid = self.pid.as_raw_nonzero();
        Path::new(&format!("/proc/{pid}/root")).join(path)
    }

    /// Whether its scope has the state in that directory.
    fn is_of(&self, scope: &Path) -> bool {
        let place = |path: &Path| std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
        match (place(&self.reached(&self.scope)), place(scope)) {
            (Some(its), Some(ours)) => its == ours,
            _ => self.scope == scope,
        }
    }

    /// Whether its project is on record in its own directory. A directory that other users can change,
    /// or that is not one, has no record: no command uses it.
    fn is_on_record(&self) -> bool {
        let record = self.scope.join("projects").join(&self.project);
        private::is_there_for(self.pid.as_raw_nonzero().get(), &self.scope)
            && std::fs::metadata(self.reached(&record.join("record.json"))).is_ok()
    }
}

/// A project that is on record in another state directory, where its keeper runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The project.
    pub project: Name,
    /// The directory of its scope's state.
    pub scope: PathBuf,
}

impl Elsewhere {
    /// What `--state-dir` must be to reach it.
    #[must_use]
    pub fn state_directory(&self) -> &Path {
        state_directory(&self.scope)
    }
}

/// The state directory of a scope: `STATE/host` or `STATE/sandboxes/NAME`.
pub(crate) fn state_directory(scope: &Path) -> &Path {
    let parent = scope.parent().unwrap_or(scope);
    match parent.file_name().is_some_and(|name| name == "sandboxes") {
        true => parent.parent().unwrap_or(parent),
        false => parent,
    }
}

fn net(process: &str) -> Option<u64> {
    let path = format!("/proc/{process}/ns/net");
    std::fs::metadata(path).ok().map(|m| m.ino())
}

fn text(word: Option<&[u8]>) -> String {
    String::from_utf8_lossy(word.unwrap_or_default()).into_owned()
}

fn all() -> Vec<Marked> {
    let own = rustix::process::geteuid().as_raw();
    let mut out = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str() else {
            continue;
        };
        let Some(pid) = process.parse().ok().and_then(Pid::from_raw) else {
            continue;
        };
        let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let mut words = command.split(|b| *b == 0).skip(1);
        let keeper = match words.next() {
            Some(b"__keeper") => true,
            Some(b"__program") => false,
            _ => continue,
        };
        if entry.metadata().is_ok_and(|m| m.uid() == own) {
            out.push(Marked {
                pid,
                keeper,
                project: text(words.next()),
                // After the directory, the holder, the starter and the limit on open files.
                scope: text(words.nth(4)).into(),
                space: net(process),
            });
        }
    }
    out
}

/// The projects whose keepers run in the network namespace of this thread: their names, and those that
/// are on record in another state directory than that of `scope`.
pub(crate) fn projects(scope: &Path) -> (Vec<Name>, Vec<Elsewhere>) {
    let here = net("thread-self");
    let found = all().into_iter().filter(|m| m.keeper && m.space == here);
    let found: Vec<(Name, Marked)> = found
        .filter_map(|m| Some((m.project.parse().ok()?, m)))
        .collect();
    let ours = |project: &Name| found.iter().any(|(p, m)| p == project && m.is_of(scope));
    let others = found.iter().filter(|(p, m)| m.is_on_record() && !ours(p));
    let elsewhere = others.map(|(project, keeper)| Elsewhere {
        project: project.clone(),
        scope: keeper.scope.clone(),
    });
    let elsewhere = elsewhere.collect();
    (
        found.into_iter().map(|(project, _)| project).collect(),
        elsewhere,
    )
}

/// The keepers of a project in the network namespace of this thread.
pub(crate) fn keepers(project: &str) -> Vec<Pid> {
    find(project, &[]).0
}

/// The processes of a project: keepers in the network namespace of this thread, and runners there or
/// in one of `inodes`.
fn find(project: &str, inodes: &[u64]) -> (Vec<Pid>, Vec<Pid>) {
    let here = net("thread-self");
    let ours = |m: &Marked| {
        let there = m.space.is_some_and(|inode| inodes.contains(&inode));
        m.project == project && (m.space == here || (!m.keeper && there))
    };
    let (keepers, runners): (Vec<Marked>, Vec<Marked>) =
        all().into_iter().filter(ours).partition(|m| m.keeper);
    let pids = |all: Vec<Marked>| all.into_iter().map(|m| m.pid).collect();
    (pids(keepers), pids(runners))
}

/// Ends all of them; whether there was a keeper.
///
/// # Errors
/// When the caller cancels.
pub(crate) fn end(project: &str, inodes: &[u64], cancel: &Cancel) -> Result<bool, KeeperError> {
    let (keepers, runners) = find(project, inodes);
    for keeper in &keepers {
        wait::force(*keeper, cancel)?;
    }
    for runner in runners {
        // Without a keeper it ends itself, unless it is stopped; its program ends with it.
        rustix::process::kill_process(runner, Signal::KILL).ok();
        wait::ended(runner, cancel, wait::ANSWER_LIMIT)?;
    }
    Ok(!keepers.is_empty())
}
