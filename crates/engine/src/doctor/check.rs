//! One property of the machine, and the result of its check.

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Nothing is wrong.
    Ok,
    /// Works with restrictions.
    Warning,
    /// Does not work.
    Missing,
}

/// One property that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// The result.
    pub outcome: CheckOutcome,
    /// What was found.
    pub found: String,
    /// The effect, and what to do; empty if nothing is wrong.
    pub advice: String,
}

pub(super) fn check(
    name: &'static str,
    good: bool,
    otherwise: CheckOutcome,
    found: impl Into<String>,
    advice: &str,
) -> Check {
    let outcome = if good { CheckOutcome::Ok } else { otherwise };
    Check {
        name,
        outcome,
        found: found.into(),
        advice: if good {
            String::new()
        } else {
            advice.to_owned()
        },
    }
}
