//! Health checks, and the conditions for starting a node that depends on another.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Command, Name};

/// A command that checks whether a node's program works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthcheck {
    /// Run in the node; exit code 0 means healthy.
    pub test: Command,
    /// The pause between two checks.
    pub interval: Duration,
    /// A check that takes longer has failed.
    pub timeout: Duration,
    /// This number of failures in a row means unhealthy.
    pub retries: u32,
    /// Failures within this time of the program's start do not count. Never shorter than `interval`.
    pub start_period: Duration,
    /// The pause between two checks in that time, until one has succeeded.
    pub start_interval: Duration,
}

impl Healthcheck {
    /// With the default values of Compose.
    #[must_use]
    pub fn new(test: Command) -> Self {
        let interval = Duration::from_secs(30);
        Self {
            test,
            interval,
            timeout: Duration::from_secs(30),
            retries: 3,
            start_period: interval,
            start_interval: Duration::from_secs(1),
        }
    }

    /// How long after its start a program that is never healthy is reported as unhealthy.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let counted = self.interval.saturating_add(self.timeout);
        self.start_period
            .saturating_add(self.timeout)
            .saturating_add(counted.saturating_mul(self.retries))
    }
}

/// The condition of another node that must be true before a node's program is started.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its program runs, and its `ready` ports listen.
    #[default]
    ServiceStarted,
    /// Its `healthcheck` succeeds; without one, its `ready` ports listen.
    ServiceHealthy,
    /// Its program has ended with exit code 0.
    ServiceCompletedSuccessfully,
}

/// A node that is started before another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// The node.
    pub node: Name,
    /// The condition.
    pub condition: Condition,
    /// Whether it must come true. If not, the program is also started once the other has failed.
    #[serde(default = "required", skip_serializing_if = "is_required")]
    pub required: bool,
}

fn required() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_required(required: &bool) -> bool {
    *required
}

/// A text that is not a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid condition; write service_started, service_healthy or service_completed_successfully"
)]
pub struct InvalidCondition;

impl FromStr for Condition {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        match text {
            "service_started" => Ok(Self::ServiceStarted),
            "service_healthy" => Ok(Self::ServiceHealthy),
            "service_completed_successfully" => Ok(Self::ServiceCompletedSuccessfully),
            _ => Err(InvalidCondition),
        }
    }
}

impl fmt::Display for Condition {
    /// As in a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ServiceStarted => "service_started",
            Self::ServiceHealthy => "service_healthy",
            Self::ServiceCompletedSuccessfully => "service_completed_successfully",
        })
    }
}

/// Whether a program works, by its health check.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// No check has succeeded yet.
    Starting,
    /// The last check succeeded, or fewer than `retries` in a row failed since.
    Healthy,
    /// `retries` checks in a row failed.
    Unhealthy,
}

/// A time as Compose writes it: numbers with the units us, ms, s, m and h, like `1m30s`; without a
/// unit, seconds.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 5] = [
        ("us", 1),
        ("ms", 1_000),
        ("s", 1_000_000),
        ("m", 60_000_000),
        ("h", 3_600_000_000),
    ];
    let mut rest = text.trim();
    if rest.is_empty() || rest.len() > 32 {
        return None;
    }
    let mut micros = 0_u64;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, after) = rest.split_at(number.unwrap_or(rest.len()));
        let unit = after.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, after) = after.split_at(unit.unwrap_or(after.len()));
        let factor = match unit {
            "" if number.len() == text.trim().len() => 1_000_000,
            unit => UNITS.iter().find(|(name, _)| *name == unit)?.1,
        };
        micros = micros.checked_add(scaled(number, factor)?)?;
        rest = after;
    }
    Some(Duration::from_micros(micros))
}

/// A decimal number times a whole one.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if part.len() > 9 || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let digits = |text: &str| match text {
        "" => Some(0),
        text => text.parse::<u64>().ok(),
    };
    let parts = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part = u128::from(digits(part)?) * u128::from(factor) / u128::from(parts);
    digits(whole)?
        .checked_mul(factor)?
        .checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_compose_writes_them() {
        for (text, millis) in [
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            ("500ms", 500),
            ("1h", 3_600_000),
            ("5", 5_000),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(
                duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "1x",
            "1m30",
            "-1s",
            "1 s",
            "1.2.3s",
            "99999999999999999999s",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
