//! Why something could not be done: which step, what the kernel said, what to do.

use hallway_kernel::KernelError;
use hallway_spec::{Diagnostic, Label};

/// A failure that is not the file's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A stable code, like `step-failed`.
    pub code: &'static str,
    /// In one sentence.
    pub message: String,
    /// The kernel's answer, where it has to do with it.
    pub cause: Option<KernelError>,
    /// What to do.
    pub help: Option<String>,
    /// Where the file says so, for conflicts with what is there.
    pub place: Option<hallway_spec::Place>,
    /// More of the same: further conflicts, or what could not be undone.
    pub also: Vec<Self>,
}

impl Failure {
    /// A failure without a kernel error.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            cause: None,
            help: None,
            place: None,
            also: Vec::new(),
        }
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A kernel error with its context and, where it is well known, what to do about it.
    #[must_use]
    pub fn kernel(code: &'static str, message: impl Into<String>, error: KernelError) -> Self {
        let help = if error.is_not_permitted() {
            Some("run as root, or without --host to build in a sandbox".to_owned())
        } else if error.errno == rustix::io::Errno::NOSPC.raw_os_error() {
            Some("a limit of the kernel is reached: see user.max_net_namespaces and user.max_mnt_namespaces".into())
        } else if error.errno == rustix::io::Errno::OPNOTSUPP.raw_os_error() {
            Some("this kernel lacks something that is needed: hallway doctor tells what".into())
        } else {
            None
        };
        Self {
            cause: Some(error),
            help,
            ..Self::new(code, message)
        }
    }

    /// A failure with a file of the state directory.
    #[must_use]
    pub fn file(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(
            "state-directory",
            format!("cannot {what} {}: {error}", path.display()),
        )
        .help("give another place with --state-dir or HALLWAY_STATE_DIR")
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|c| c as _)
    }
}

impl From<KernelError> for Failure {
    fn from(error: KernelError) -> Self {
        Self::kernel("kernel", "the kernel could not be asked", error)
    }
}

impl Diagnostic for Failure {
    fn code(&self) -> &'static str {
        self.code
    }

    fn message(&self) -> String {
        self.message.clone()
    }

    fn help(&self) -> Option<String> {
        self.help.clone()
    }

    fn labels(&self) -> Vec<Label> {
        self.place.iter().map(|p| Label::new(p, "here")).collect()
    }

    fn cause(&self) -> Option<String> {
        self.cause.as_ref().map(ToString::to_string)
    }

    fn related(&self) -> Vec<&dyn Diagnostic> {
        self.also.iter().map(|f| f as _).collect()
    }
}
