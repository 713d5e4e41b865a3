//! What is known about a rule and a packet.

use super::packet::Translation;
use super::reject::DropReply;
use crate::expr::Verdict;

/// Whether a packet matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matches {
    Yes,
    No,
    Maybe,
}

impl Matches {
    pub(super) fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
        }
    }

    /// The opposite, if that is asked.
    pub(super) fn inverted(self, invert: bool) -> Self {
        if invert { self.not() } else { self }
    }

    /// Whether both hold.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Maybe,
        }
    }
}

/// The action of a rule for packets that it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Verdict(Verdict),
    /// One of these, and perhaps none of them: of a verdict map, for a key that is not known exactly.
    AnyOf(Vec<Verdict>),
    Drop(DropReply),
    Translate(Translation),
    /// Anything.
    Unknown,
    Nothing,
}

/// What an expression does to a rule.
pub(super) enum Step {
    /// The rule continues, if that holds.
    Goes(Matches),
    /// The rule ends with this.
    Ends(Act),
}

impl From<Matches> for Step {
    fn from(answer: Matches) -> Self {
        Self::Goes(answer)
    }
}
