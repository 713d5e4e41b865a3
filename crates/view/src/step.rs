//! The steps of a plan as text.

use hallway_plan::step::{Described, StepAction};

use crate::style::{DIM, GREEN, RED, YELLOW, styled};

/// The line of one step, as in `+ create interface web-0  mtu 1500  # node web`.
///
/// ```
/// use hallway_plan::step::{Described, StepAction};
/// let step = Described {
///     action: StepAction::Remove,
///     kind: "namespace",
///     name: "web".into(),
///     detail: String::new(),
///     cause: "node web".into(),
/// };
/// let line = hallway_view::step::line(&step); // with the styles of a terminal
/// assert!(line.contains(" remove namespace web") && line.contains("# node web"));
/// ```
#[must_use]
pub fn line(step: &Described) -> String {
    let (style, sign) = match step.action {
        StepAction::Create | StepAction::Start => (GREEN, "+"),
        StepAction::Remove | StepAction::Stop => (RED, "-"),
        StepAction::Change | StepAction::Restart => (YELLOW, "~"),
    };
    let detail = if step.detail.is_empty() {
        String::new()
    } else {
        format!("  {}", step.detail)
    };
    // A policy and a published port are printed as in the file.
    let object = match step.kind {
        "policy" => step.name.clone(),
        "publish" => format!("publish {}", step.name),
        kind => format!("{} {kind} {}", step.action, step.name),
    };
    format!(
        "{} {object}{detail}{}",
        styled(style, sign),
        styled(DIM, format!("  # {}", step.cause))
    )
}
