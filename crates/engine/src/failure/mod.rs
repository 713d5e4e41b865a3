//! Why something could not be done: what failed, the kernel's error, what to do.

mod action;
mod code;
mod codes;
mod detail;
mod diagnostic;
mod help;
mod not_ready;
mod reason;
mod refusal;
mod words;

use hallway_kernel::KernelError;
use hallway_spec::Place;

pub use action::FileAction;
pub use codes::{FailureCode, WarningCode};
pub use detail::Detail;
pub use not_ready::NotReady;
pub use reason::Reason;
pub use refusal::UserNamespaceRefusal;
pub(crate) use words::first_of;

/// Something that could not be done: what, why, where, and what to do.
///
/// The message, the code and the help follow from [`Reason`]; nothing here is decided by text.
///
/// ```
/// use hallway_engine::{Failure, Reason};
/// let failure = Failure::from(Reason::Interrupted { signal: 2 });
/// assert_eq!(failure.code(), "interrupted");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What failed.
    pub reason: Reason,
    /// The kernel's error, if the kernel refused.
    pub cause: Option<KernelError>,
    /// The place in the project's file that this is about.
    pub place: Option<Place>,
    /// Further failures of the same run: more conflicts, or what could not be undone.
    pub also: Vec<Self>,
}

impl Failure {
    /// A failure that an error of the kernel caused.
    #[must_use]
    pub fn caused(reason: Reason, cause: KernelError) -> Self {
        Self {
            cause: Some(cause),
            ..Self::from(reason)
        }
    }

    /// The same failure, about this place in the project's file.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The first failure, with the others attached; `None` for an empty list.
    #[must_use]
    pub fn of_many(failures: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut failures = failures.into_iter();
        let mut first = failures.next()?;
        first.also.extend(failures);
        Some(first)
    }

    /// The stable code, like `step-failed`. All codes are explained in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// What to do about it, if there is anything to do.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        self.help_with("hallway")
    }

    /// The same, with `hallway` as the beginning of commands that concern a project: the program and the flags
    /// of the place where the project is.
    #[must_use]
    pub fn help_with(&self, hallway: &str) -> Option<String> {
        help::help(&self.reason, self.cause.as_ref(), hallway)
    }

    /// Whether the run left the project up, without a program that is not ready.
    pub(crate) fn leaves_project_up(&self) -> bool {
        matches!(&self.reason, Reason::NotReady { left_up, .. } if left_up.is_some())
    }

    /// Whether `up` replaces the record that cannot be used: a damaged one, but neither one of another
    /// version nor one that others could have written.
    #[must_use]
    pub fn is_replaced_by_up(&self) -> bool {
        let kept =
            |r: &Reason| matches!(r, Reason::RecordVersion { .. } | Reason::StateUnsafe { .. });
        !kept(&self.reason)
    }

    /// A thread could not be started.
    #[must_use]
    pub fn of_thread(error: &std::io::Error) -> Self {
        KernelError::io("start a thread", "", error).into()
    }

    /// A file of the state directory could not be used.
    #[must_use]
    pub fn file(action: FileAction, path: &std::path::Path, error: &std::io::Error) -> Self {
        Reason::StateFile {
            action,
            path: path.to_owned(),
            error: error.to_string(),
        }
        .into()
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            cause: None,
            place: None,
            also: Vec::new(),
        }
    }
}

impl From<KernelError> for Failure {
    fn from(error: KernelError) -> Self {
        Self::caused(Reason::Kernel, error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|c| c as _)
    }
}
