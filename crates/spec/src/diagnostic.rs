//! The interface of every kind of problem that is shown to users.

use crate::Place;

/// How serious a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something is allowed, but probably not intended.
    Warning,
    /// Something was not done.
    Error,
}

/// A place in a file with a short text about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub place: Place,
    /// The text.
    pub text: String,
}

impl Label {
    /// A label at a place.
    pub fn new(place: &Place, text: impl Into<String>) -> Self {
        Self {
            place: place.clone(),
            text: text.into(),
        }
    }
}

/// A problem, for users, with a code for programs.
///
/// ```
/// use hallway_spec::{Diagnostic, parse};
///
/// let problems = parse("test.yaml", "nodse: {}").unwrap_err();
/// let problem = &problems.problems[0];
/// assert_eq!(problem.code(), "unknown-key");
/// assert_eq!(problem.message(), "unknown key `nodse`");
/// assert_eq!(problem.labels()[0].place.column, 1);
/// ```
pub trait Diagnostic {
    /// A stable code in kebab case. It is documented in `docs/errors.md`.
    fn code(&self) -> &'static str;

    /// What is wrong, in one sentence without a full stop.
    fn message(&self) -> String;

    /// How serious it is.
    fn severity(&self) -> Severity {
        Severity::Error
    }

    /// What to do about it.
    fn help(&self) -> Option<String> {
        None
    }

    /// The same, where a command of it concerns a project: `hallway` is how that command begins, the program
    /// with the flags of the place where the project is.
    fn help_with(&self, hallway: &str) -> Option<String> {
        let _ = hallway;
        self.help()
    }

    /// Places in the file: first where it is wrong, then other places that explain why.
    fn labels(&self) -> Vec<Label> {
        Vec::new()
    }

    /// The error that caused this one, like the kernel's error.
    fn cause(&self) -> Option<String> {
        None
    }

    /// More problems of the same run: further ones, or what could not be undone.
    fn related(&self) -> Vec<&dyn Diagnostic> {
        Vec::new()
    }
}

/// Declares an enum of stable codes. The first line of documentation of each variant is its
/// meaning, which `docs/errors.md` contains.
///
/// ```
/// hallway_spec::codes! {
///     /// Codes of an example.
///     pub enum ExampleCode {
///         /// The cable is unplugged.
///         Unplugged = "unplugged",
///     }
/// }
/// assert_eq!(ExampleCode::Unplugged.text(), "unplugged");
/// assert_eq!(ExampleCode::Unplugged.meaning(), "The cable is unplugged.");
/// assert_eq!(ExampleCode::all(), [ExampleCode::Unplugged]);
/// ```
#[macro_export]
macro_rules! codes {
    (
        $(#[doc = $about:literal])+
        $visibility:vis enum $name:ident {
            $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// Every code, in the order of the documentation.
            #[must_use]
            pub const fn all() -> &'static [Self] {
                &[$(Self::$variant,)+]
            }

            /// The code in kebab case.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// What it means, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii_start(),)+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.text())
            }
        }
    };
}
