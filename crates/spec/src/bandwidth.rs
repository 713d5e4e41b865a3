//! Bandwidth limits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A bandwidth limit, from 8 kbit/s to 1 Tbit/s. Stored as a number of bits per second.
///
/// ```
/// use hallway_spec::Bandwidth;
///
/// let limit: Bandwidth = "10mbit".parse()?;
/// assert_eq!(limit.bits_per_second(), 10_000_000);
/// assert_eq!(limit.to_string(), "10mbit");
/// # Ok::<(), hallway_spec::InvalidBandwidth>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Bandwidth(u64);

/// Why a bandwidth was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBandwidth {
    /// It is not a number with a unit.
    #[error("invalid bandwidth {0:?}; write it like 10mbit, 500kbit or 1gbit")]
    Syntax(String),
    /// It is too low or too high.
    #[error("a bandwidth is from 8kbit to 1000gbit, not {0} bits per second")]
    OutOfRange(u64),
}

/// The units with their factors, largest first. They are the decimal units of `tc` (tc(8)).
const UNITS: [(&str, u64); 4] = [
    ("gbit", 1_000_000_000),
    ("mbit", 1_000_000),
    ("kbit", 1_000),
    ("bit", 1),
];

impl Bandwidth {
    /// The lowest limit, in bits per second: 1,000 bytes per second.
    pub const MIN: u64 = 8_000;
    /// The highest limit, in bits per second.
    pub const MAX: u64 = 1_000_000_000_000;

    /// A limit in bits per second.
    ///
    /// # Errors
    /// When it is below [`Bandwidth::MIN`] or above [`Bandwidth::MAX`].
    pub fn new(bits_per_second: u64) -> Result<Self, InvalidBandwidth> {
        if (Self::MIN..=Self::MAX).contains(&bits_per_second) {
            Ok(Self(bits_per_second))
        } else {
            Err(InvalidBandwidth::OutOfRange(bits_per_second))
        }
    }

    /// The limit in bits per second.
    #[must_use]
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }

    /// The limit in bytes per second, rounded down.
    #[must_use]
    pub const fn bytes_per_second(self) -> u64 {
        self.0 / 8
    }
}

impl FromStr for Bandwidth {
    type Err = InvalidBandwidth;

    /// Reads `10mbit`, `10m`, `1gbit`, `500kbit`, `8000bit` or a plain number of bits per second.
    fn from_str(text: &str) -> Result<Self, InvalidBandwidth> {
        let syntax = || InvalidBandwidth::Syntax(text.to_owned());
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text
            .get(digits.len()..)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let factor = match unit.as_str() {
            "" | "bit" => 1,
            "k" | "kbit" => 1_000,
            "m" | "mbit" => 1_000_000,
            "g" | "gbit" => 1_000_000_000,
            _ => return Err(syntax()),
        };
        let number: u64 = digits.parse().map_err(|_not_a_number| syntax())?;
        Self::new(number.saturating_mul(factor))
    }
}

impl fmt::Display for Bandwidth {
    /// In the largest unit that gives a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS
            .iter()
            .find(|(_, factor)| self.0.is_multiple_of(*factor))
        {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}bit", self.0),
        }
    }
}

impl TryFrom<u64> for Bandwidth {
    type Error = InvalidBandwidth;

    fn try_from(bits_per_second: u64) -> Result<Self, InvalidBandwidth> {
        Self::new(bits_per_second)
    }
}

impl From<Bandwidth> for u64 {
    fn from(bandwidth: Bandwidth) -> Self {
        bandwidth.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bandwidths_are_read_and_printed() {
        for (text, bits, printed) in [
            ("10mbit", 10_000_000, "10mbit"),
            ("10M", 10_000_000, "10mbit"),
            ("1500k", 1_500_000, "1500kbit"),
            ("8000", 8_000, "8kbit"),
            ("8001bit", 8_001, "8001bit"),
            ("1000gbit", 1_000_000_000_000, "1000gbit"),
        ] {
            let read: Bandwidth = text.parse().unwrap();
            assert_eq!(read.bits_per_second(), bits, "{text}");
            assert_eq!(read.to_string(), printed);
        }
    }

    #[test]
    fn invalid_bandwidths_are_refused() {
        for text in [
            "",
            "mbit",
            "7999",
            "1001gbit",
            "10mb",
            "-1mbit",
            "1.5mbit",
            "99999999999999999999g",
            "9999999999999999g",
        ] {
            assert!(text.parse::<Bandwidth>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Bandwidth>("1").is_err());
    }
}
