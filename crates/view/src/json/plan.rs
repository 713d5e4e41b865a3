//! The steps of a plan, and whether a file is valid: `plan` and `validate`.

use hallway_plan::step::Described;
use hallway_spec::{Diagnostic as _, Name, Problem};
use serde::Serialize;

use super::Version;

/// A plan.
#[derive(Debug, Serialize)]
pub struct PlannedSteps<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// The project.
    pub project: &'a Name,
    /// Where it is built, like `in sandbox default`.
    pub place: String,
    /// In the order they are carried out.
    pub steps: &'a [Described],
    /// What is removed although it was added by single commands, because the file does not have it.
    pub dropped: &'a [String],
}

/// Whether a file is valid.
#[derive(Debug, Serialize)]
pub struct Validation<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// The project; none when the file is not valid.
    pub project: Option<&'a Name>,
    /// All of them.
    pub problems: Vec<ProblemEntry>,
}

/// A problem of a file.
#[derive(Debug, Serialize)]
pub struct ProblemEntry {
    /// A stable code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// What to do.
    pub help: Option<String>,
}

impl From<&Problem> for ProblemEntry {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code(),
            message: problem.message(),
            line: problem.place.line,
            column: problem.place.column,
            help: problem.help(),
        }
    }
}
