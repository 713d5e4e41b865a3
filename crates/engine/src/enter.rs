//! Running a program inside a node.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hallway_kernel::mount::Propagation;
use hallway_kernel::netns::Netns;
use hallway_kernel::sys::NamespaceKind;
use hallway_kernel::{Kernel, KernelError};
use rustix::pipe::PipeFlags;
use serde::{Deserialize, Serialize};

use crate::etc::EtcFiles;
use crate::{Failure, Reason, Rights};

pub use hallway_kernel::sys::{become_its_root, is_outsider, keep_capabilities};

/// What to run, and in which surroundings.
///
/// ```no_run
/// use hallway_engine::enter::Enter;
///
/// let enter = Enter {
///     netns: "/run/netns/web".into(),
///     hostname: "web".to_owned(),
///     hosts: None,
///     resolv_conf: None,
///     environment: [("COLOUR".to_owned(), "red".to_owned())].into(),
///     rights: None,
///     settings: Vec::new(),
///     working_dir: None,
///     command: vec!["ip".to_owned(), "address".to_owned()],
/// };
/// let error = enter.exec(); // does not return if the program could be started
/// eprintln!("{error}");
/// std::process::exit(error.exit_code().into());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enter {
    /// The path of the node's network namespace.
    pub netns: PathBuf,
    /// The host name for the program.
    pub hostname: String,
    /// Mounted over /etc/hosts, read-only; the machine's own if there is none.
    pub hosts: Option<PathBuf>,
    /// Mounted over /etc/resolv.conf, read-only; the machine's own if there is none.
    pub resolv_conf: Option<PathBuf>,
    /// Added to the environment of this process.
    pub environment: BTreeMap<String, String>,
    /// The user it runs as, without capabilities; none: that of this process, unchanged.
    pub rights: Option<Rights>,
    /// Settings of the namespace, as files below /proc/sys, that are made if it has no capabilities.
    pub settings: Vec<(String, String)>,
    /// The directory it runs in; that of this process if not given.
    pub working_dir: Option<PathBuf>,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// Why a program did not run.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// The command is empty.
    #[error("no program to run")]
    Empty,
    /// The node could not be entered.
    #[error("the node could not be entered: {0}")]
    Namespace(#[from] KernelError),
    /// The directory does not exist.
    #[error("cannot change to the directory {0}: {1}")]
    Directory(String, std::io::Error),
    /// The file for its output could not be opened.
    #[error("cannot open the log {0}: {1}")]
    Log(String, std::io::Error),
    /// No directory of PATH has the program.
    #[error("there is no program {0} in PATH")]
    NotInPath(String),
    /// The program could not be started.
    #[error("cannot run {0}: {1}")]
    Program(String, std::io::Error),
}

impl EnterError {
    /// Why a program was not executed. The kernel refuses a program that is nowhere, too, if it may not
    /// search a directory of PATH; `path` is that variable, if the program got one of its own.
    #[must_use]
    pub fn of_program(name: &str, path: Option<&String>, error: std::io::Error) -> Self {
        let there = |directory: PathBuf| directory.join(name).exists();
        let path = path.map_or_else(search_path, Into::into);
        if !name.contains('/') && !std::env::split_paths(&path).any(there) {
            return Self::NotInPath(name.to_owned());
        }
        Self::Program(name.to_owned(), error)
    }

    /// With the numbers that shells and containers use: 127 not found, 126 not executable, 125 any
    /// other failure before the program runs.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotInPath(_) => 127,
            Self::Program(_, e) if e.kind() == std::io::ErrorKind::NotFound => 127,
            Self::Program(..) => 126,
            Self::Empty | Self::Namespace(_) | Self::Directory(..) | Self::Log(..) => 125,
        }
    }
}

/// Refuses to continue if this program has rights that its caller does not have: the caller's
/// environment and arguments would be used with these rights.
///
/// # Errors
/// [`Reason::SetUserId`].
pub fn check_rights() -> Result<(), Failure> {
    match hallway_kernel::sys::has_rights_of_its_file() {
        true => Err(Reason::SetUserId.into()),
        false => Ok(()),
    }
}

impl Enter {
    /// Replaces this process by the program; returns only if that fails. The process must have
    /// one thread.
    pub fn exec(self) -> EnterError {
        match self.enter() {
            Ok(mut command) => {
                let error = command.exec();
                self.of_program(self.name(), error)
            }
            Err(error) => error,
        }
    }

    /// Starts the program as a child of this process, which moves into the node and stays there.
    /// The child is killed when the calling thread ends. `configure` may change the child; by
    /// default it has the standard streams of this process. The process must have one thread.
    ///
    /// # Errors
    /// As [`EnterError`] lists them; an error of executing the program is reported here too.
    pub fn spawn(
        &self,
        configure: impl FnOnce(&mut Command),
    ) -> Result<std::process::Child, EnterError> {
        let mut command = self.enter()?;
        hallway_kernel::sys::kill_with_parent(&mut command);
        configure(&mut command);
        command.spawn().map_err(|e| self.of_program(self.name(), e))
    }

    /// Starts another program beside the one that [`Self::spawn`] has started, in the node that
    /// this process has entered by then.
    ///
    /// # Errors
    /// When it cannot be executed.
    pub fn spawn_beside(
        &self,
        words: &[String],
        configure: impl FnOnce(&mut Command),
    ) -> Result<std::process::Child, EnterError> {
        let mut command = self.command(words)?;
        hallway_kernel::sys::kill_with_parent(&mut command);
        configure(&mut command);
        let name = words.first().map_or("", String::as_str);
        command.spawn().map_err(|e| self.of_program(name, e))
    }

    fn of_program(&self, name: &str, error: std::io::Error) -> EnterError {
        EnterError::of_program(name, self.environment.get("PATH"), error)
    }

    fn name(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    /// Moves this process into the node: its network, and a mount and UTS namespace of its own.
    /// The command is ready to be started there.
    fn enter(&self) -> Result<Command, EnterError> {
        let mut kernel = Kernel::new();
        let namespace = Netns::open(&self.netns)?;
        kernel.join(&namespace, NamespaceKind::Net)?;
        let working_dir = self
            .working_dir
            .clone()
            .or_else(|| std::env::current_dir().ok());
        kernel.unshare(&[NamespaceKind::Mount, NamespaceKind::Uts])?;
        kernel.set_hostname(&self.hostname)?;
        self.mount(&kernel)?;
        for (file, value) in self.settings.iter().filter(|_| self.rights.is_some()) {
            match kernel.write_sysctl(file, value) {
                Err(e) if e.is_not_found() => {}
                other => other?,
            }
        }
        if let Some(directory) = &working_dir {
            std::env::set_current_dir(directory)
                .map_err(|e| EnterError::Directory(directory.display().to_string(), e))?;
        }
        self.command(&self.command)
    }

    /// A program of this node, ready to be started.
    fn command(&self, words: &[String]) -> Result<Command, EnterError> {
        let (program, arguments) = words.split_first().ok_or(EnterError::Empty)?;
        // `hallway` is this program, the one that built the network, also if PATH finds another.
        let found = match program.as_str() {
            "hallway" => "/proc/self/exe",
            program => program,
        };
        let mut command = Command::new(found);
        command
            .arg0(program)
            .args(arguments)
            .env("PATH", search_path())
            .envs(&self.environment);
        // Before anything that a change of the user would undo.
        match &self.rights {
            Some(Rights {
                user,
                group,
                groups,
            }) => hallway_kernel::sys::run_as(&mut command, *user, *group, groups),
            None => hallway_kernel::sys::become_its_root(&mut command),
        }
        Ok(command)
    }

    fn mount(&self, kernel: &Kernel) -> Result<(), KernelError> {
        kernel.make_private(Path::new("/"), Propagation::Slave)?;
        // Refused in containers that hide parts of /sys; then /sys/class/net shows the links of the
        // host, and everything else works.
        kernel.mount_sysfs_as_allowed(Path::new("/sys")).ok();
        self.etc().mount_first()
    }

    /// A pipe for what the program prints: its end to read, and the one to write. It belongs to the user of
    /// the program, who may then open /dev/stdout and /dev/stderr by name; a pipe cannot be emptied that way.
    ///
    /// # Errors
    /// EMFILE, EPERM.
    pub fn output_pipe(&self) -> Result<(OwnedFd, OwnedFd), EnterError> {
        let user = self.rights.as_ref().map(|r| (r.user, r.group));
        let pipe = || {
            let made = rustix::pipe::pipe_with(PipeFlags::CLOEXEC);
            made.map_err(|e| KernelError::new("create a pipe", "", e))
        };
        Ok(hallway_kernel::sys::as_user(user, pipe)?)
    }

    /// The files of the node that are mounted for the program.
    #[must_use]
    pub fn etc(&self) -> EtcFiles {
        EtcFiles {
            hosts: self.hosts.clone(),
            resolv_conf: self.resolv_conf.clone(),
        }
    }
}

/// Where `ip`, `tcpdump` and similar programs are; an ordinary user's PATH lacks them on Debian.
const SYSTEM_PROGRAMS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// PATH, followed by the directories of programs for administrators (within nodes and sandboxes the
/// user is one) and by that of this program: scripts in nodes may use `hallway` too.
#[must_use]
pub fn search_path() -> std::ffi::OsString {
    let given = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let mut directories: Vec<PathBuf> = std::env::split_paths(&given).collect();
    let own = std::env::current_exe().ok();
    let own = own.as_deref().and_then(Path::parent).map(PathBuf::from);
    for directory in SYSTEM_PROGRAMS.map(PathBuf::from).into_iter().chain(own) {
        if !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    // A directory with a colon in its name cannot be one of PATH.
    std::env::join_paths(directories).unwrap_or(given)
}
