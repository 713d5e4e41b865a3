//! The text of failures and warnings for users.

use hallway_spec::{Diagnostic, Label, Severity};

use super::Failure;
use crate::Warning;

impl Diagnostic for Failure {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn message(&self) -> String {
        self.to_string()
    }

    fn help(&self) -> Option<String> {
        Self::help(self)
    }

    fn help_with(&self, hallway: &str) -> Option<String> {
        Self::help_with(self, hallway)
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

impl Diagnostic for Warning {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn message(&self) -> String {
        self.to_string()
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn help(&self) -> Option<String> {
        Some(Self::help(self))
    }
}
