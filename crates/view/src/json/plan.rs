//! What would be done, and whether a file is valid: `plan` and `validate`.

use hallway_plan::step::Described;
use hallway_spec::{Name, Problem};
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
}

/// Whether a file is valid.
#[derive(Debug, Serialize)]
pub struct Validation<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// The project; none when the file is not valid.
    pub project: Option<&'a Name>,
    /// All of them.
    pub problems: Vec<ProblemEntry<'a>>,
}

/// A problem of a file.
#[derive(Debug, Serialize)]
pub struct ProblemEntry<'a> {
    /// A stable code.
    pub code: &'static str,
    /// What is wrong.
    pub message: &'a str,
    /// Where.
    pub line: Option<u32>,
    /// Where in the line.
    pub column: Option<u32>,
    /// What to do.
    pub help: Option<&'a str>,
}

impl<'a> From<&'a Problem> for ProblemEntry<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self {
            code: problem.code.text(),
            message: &problem.message,
            line: problem.place.as_ref().map(|p| p.line),
            column: problem.place.as_ref().map(|p| p.column),
            help: problem.help.as_deref(),
        }
    }
}
