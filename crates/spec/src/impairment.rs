//! Impairments: what a link does to the packets that it sends, as in `tc netem`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The time by which packets are delayed, up to one minute. Stored in nanoseconds.
///
/// ```
/// use hallway_spec::Delay;
///
/// let delay: Delay = "1.5ms".parse()?;
/// assert_eq!(delay.nanoseconds(), 1_500_000);
/// assert_eq!(delay.to_string(), "1500us");
/// # Ok::<(), hallway_spec::InvalidImpairment>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Delay(u64);

/// A share of packets, in steps of 0.0001 %.
///
/// ```
/// use hallway_spec::Share;
///
/// let share: Share = "0.5%".parse()?;
/// assert_eq!(share.to_string(), "0.5%");
/// # Ok::<(), hallway_spec::InvalidImpairment>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Share(u32);

/// Why an impairment was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidImpairment {
    /// It is not a number with a unit of time.
    #[error("invalid time {0:?}; write it like 50ms, 1.5ms, 200us or 1s")]
    Time(String),
    /// It is longer than the kernel's netem supports.
    #[error("a delay is at most 60s, not {0}")]
    TooLong(String),
    /// The kernel stores it as a 32 bit number of nanoseconds.
    #[error("a jitter is at most 2s, not {0}")]
    JitterTooLong(Delay),
    /// It is not a percentage.
    #[error("invalid share {0:?}; write it like 1%, 0.5% or 100%")]
    Share(String),
}

/// The units of time with their nanoseconds, largest first.
const UNITS: [(&str, u64); 4] = [
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The number of digits after the point: down to a nanosecond of a second.
const FRACTION: usize = 9;

impl Delay {
    /// The longest delay, in nanoseconds.
    pub const MAX: u64 = 60_000_000_000;
    /// The largest jitter, in nanoseconds.
    pub const MAX_JITTER: u64 = 2_000_000_000;

    /// A delay in nanoseconds.
    ///
    /// # Errors
    /// When it is above [`Delay::MAX`].
    pub fn new(nanoseconds: u64) -> Result<Self, InvalidImpairment> {
        if nanoseconds <= Self::MAX {
            Ok(Self(nanoseconds))
        } else {
            Err(InvalidImpairment::TooLong(Self(nanoseconds).to_string()))
        }
    }

    /// In nanoseconds.
    #[must_use]
    pub const fn nanoseconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Delay {
    type Err = InvalidImpairment;

    fn from_str(text: &str) -> Result<Self, InvalidImpairment> {
        let syntax = || InvalidImpairment::Time(text.to_owned());
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.get(digits.len()..).unwrap_or_default();
        let unit = unit.to_ascii_lowercase();
        let factor = UNITS.iter().find(|(name, _)| *name == unit);
        let factor = match factor {
            Some((_, factor)) => *factor,
            None if digits == "0" && unit.is_empty() => 0,
            None => return Err(syntax()),
        };
        let scaled = decimal(digits, FRACTION).ok_or_else(syntax)?;
        let nanoseconds = scaled * u128::from(factor) / 10_u128.pow(FRACTION as u32);
        let too_long = || InvalidImpairment::TooLong(text.to_owned());
        let nanoseconds = u64::try_from(nanoseconds).map_err(|_too_large| too_long())?;
        Self::new(nanoseconds).map_err(|_too_long| too_long())
    }
}

impl fmt::Display for Delay {
    /// In the largest unit that gives a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, n)| self.0.is_multiple_of(*n));
        match unit {
            Some((unit, factor)) if self.0 > 0 => write!(f, "{}{unit}", self.0 / factor),
            _ => f.write_str("0ms"),
        }
    }
}

impl TryFrom<u64> for Delay {
    type Error = InvalidImpairment;

    fn try_from(nanoseconds: u64) -> Result<Self, InvalidImpairment> {
        Self::new(nanoseconds)
    }
}

impl From<Delay> for u64 {
    fn from(delay: Delay) -> Self {
        delay.0
    }
}

impl Share {
    /// All packets.
    pub const ALL: Self = Self(1_000_000);

    /// The probability in the kernel: a part of `u32::MAX`.
    #[must_use]
    pub fn probability(self) -> u32 {
        let all = u64::from(Self::ALL.0);
        let scaled = (u64::from(self.0) * u64::from(u32::MAX) + all / 2) / all;
        u32::try_from(scaled).unwrap_or(u32::MAX)
    }

    /// The share nearest to a probability in the kernel.
    #[must_use]
    pub fn of_probability(probability: u32) -> Self {
        let most = u64::from(u32::MAX);
        let parts = (u64::from(probability) * u64::from(Self::ALL.0) + most / 2) / most;
        Self(u32::try_from(parts).unwrap_or(Self::ALL.0))
    }
}

impl FromStr for Share {
    type Err = InvalidImpairment;

    fn from_str(text: &str) -> Result<Self, InvalidImpairment> {
        let syntax = || InvalidImpairment::Share(text.to_owned());
        let number = text.strip_suffix('%').unwrap_or(text).trim_end();
        let parts = decimal(number, 4).ok_or_else(syntax)?;
        match u32::try_from(parts) {
            Ok(parts) if parts <= Self::ALL.0 => Ok(Self(parts)),
            _ => Err(syntax()),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        if rest == 0 {
            return write!(f, "{whole}%");
        }
        let digits = format!("{rest:04}");
        write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
    }
}

impl TryFrom<u32> for Share {
    type Error = InvalidImpairment;

    fn try_from(parts: u32) -> Result<Self, InvalidImpairment> {
        if parts <= Self::ALL.0 {
            Ok(Self(parts))
        } else {
            Err(InvalidImpairment::Share(parts.to_string()))
        }
    }
}

impl From<Share> for u32 {
    fn from(share: Share) -> Self {
        share.0
    }
}

/// A decimal number times ten to the power of `places`; further digits must be zero.
fn decimal(text: &str, places: usize) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || fraction.len() > places {
        return None;
    }
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

/// What a link does to the packets that it sends. An impairment without a value is not applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Impairments {
    /// How much later each packet leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// By how much the delay differs from packet to packet, up and down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Delay>,
    /// How many are dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Share>,
    /// How many are sent twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<Share>,
    /// How many have one bit changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<Share>,
    /// How many are sent at once, before those that are delayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder: Option<Share>,
}

impl Impairments {
    /// The names of the keys in a file.
    pub const KEYS: [&'static str; 6] =
        ["delay", "jitter", "loss", "duplicate", "corrupt", "reorder"];

    /// Whether there are none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.effective() == Self::default()
    }

    /// Without those that are zero, which have no effect.
    #[must_use]
    pub fn effective(&self) -> Self {
        let time = |value: Option<Delay>| value.filter(|d| d.0 > 0);
        let share = |value: Option<Share>| value.filter(|s| s.0 > 0);
        Self {
            delay: time(self.delay),
            jitter: time(self.jitter),
            loss: share(self.loss),
            duplicate: share(self.duplicate),
            corrupt: share(self.corrupt),
            reorder: share(self.reorder),
        }
    }

    /// These; those without a value come from `other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            delay: self.delay.or(other.delay),
            jitter: self.jitter.or(other.jitter),
            loss: self.loss.or(other.loss),
            duplicate: self.duplicate.or(other.duplicate),
            corrupt: self.corrupt.or(other.corrupt),
            reorder: self.reorder.or(other.reorder),
        }
    }

    /// The impairment that needs a delay if none is given.
    #[must_use]
    pub fn without_delay(&self) -> Option<&'static str> {
        let these = self.effective();
        if these.delay.is_some() {
            return None;
        }
        let jitter = these.jitter.map(|_| "jitter");
        jitter.or_else(|| these.reorder.map(|_| "reorder"))
    }

    /// Each impairment with a value, with its key, as in a file.
    #[must_use]
    pub fn given(&self) -> Vec<(&'static str, String)> {
        let words = [
            self.delay.map(|v| v.to_string()),
            self.jitter.map(|v| v.to_string()),
            self.loss.map(|v| v.to_string()),
            self.duplicate.map(|v| v.to_string()),
            self.corrupt.map(|v| v.to_string()),
            self.reorder.map(|v| v.to_string()),
        ];
        let pairs = Self::KEYS.into_iter().zip(words);
        pairs.filter_map(|(key, text)| Some((key, text?))).collect()
    }
}

impl fmt::Display for Impairments {
    /// Like `delay 50ms jitter 5ms loss 1%`; empty if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.effective().given();
        let words: Vec<String> = given.iter().map(|(k, v)| format!("{k} {v}")).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_printed() {
        for (text, nanoseconds, printed) in [
            ("50ms", 50_000_000, "50ms"),
            ("1.5ms", 1_500_000, "1500us"),
            ("200us", 200_000, "200us"),
            ("1s", 1_000_000_000, "1s"),
            ("0", 0, "0ms"),
            ("7ns", 7, "7ns"),
            ("60S", Delay::MAX, "60s"),
        ] {
            let read: Delay = text.parse().unwrap();
            assert_eq!(read.nanoseconds(), nanoseconds, "{text}");
            assert_eq!(read.to_string(), printed);
        }
        for text in [
            "",
            "ms",
            "50",
            "-1ms",
            "1.ms.",
            "61s",
            "1h",
            "9999999999999s",
        ] {
            assert!(text.parse::<Delay>().is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_read_and_printed() {
        for (text, probability, printed) in [
            ("1%", 42_949_673, "1%"),
            ("0.5%", 21_474_836, "0.5%"),
            ("0.0001%", 4_295, "0.0001%"),
            ("100%", u32::MAX, "100%"),
            ("12.50", 536_870_912, "12.5%"),
            ("0", 0, "0%"),
        ] {
            let read: Share = text.parse().unwrap();
            assert_eq!(read.probability(), probability, "{text}");
            assert_eq!(Share::of_probability(probability), read, "{text}");
            assert_eq!(read.to_string(), printed);
        }
        for text in ["", "%", "101%", "-1%", "1%%", "0.00001%", "one"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
