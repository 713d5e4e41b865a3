//! Times in the form for users.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, now.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// How long ago, like `90s`, `10m` or `1h30m`, or a time like `2026-11-25T19:45:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// Milliseconds before now.
    Ago(u64),
    /// Milliseconds since 1970.
    At(u64),
}

impl Since {
    /// In milliseconds since 1970.
    pub(crate) fn time(self) -> u64 {
        match self {
            Self::Ago(ms) => now().saturating_sub(ms),
            Self::At(time) => time,
        }
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.contains('-') {
            true => parse_time(text).map(Self::At),
            false => period(text).map(Self::Ago),
        };
        parsed.ok_or(
            "write how long ago, like 90s, 10m or 1h30m, or a time like 2026-11-25T19:45:00Z",
        )
    }
}

/// How many lines: a number, or `all`.
pub(crate) fn lines(text: &str) -> Result<usize, &'static str> {
    match text {
        "all" => Ok(usize::MAX),
        number => number
            .parse()
            .map_err(|_not_one: std::num::ParseIntError| "write a number of lines, or all"),
    }
}

/// `1h30m` in milliseconds; a number without a unit means seconds.
fn period(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        let after = rest.get(digits..)?;
        let end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let unit = match after.get(..end)? {
            "ms" => 1,
            "s" | "" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = after.get(end..)?;
    }
    (!text.is_empty()).then_some(total)
}

/// RFC 3339 in UTC, in milliseconds since 1970; the time of day may be omitted.
fn parse_time(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut date = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let mut clock = clock.split(':');
    let hour: u64 = clock.next()?.parse().ok()?;
    let minute: u64 = clock.next()?.parse().ok()?;
    let second: f64 = clock.next().unwrap_or("0").parse().ok()?;
    if hour > 24 || minute > 59 || !(0.0..61.0).contains(&second) {
        return None;
    }
    // Howard Hinnant's days_from_civil: years begin in March, so that leap days come last.
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    let day = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let seconds = (day.checked_sub(719_468)? * 24 + hour) * 3600 + minute * 60;
    Some(seconds * 1000 + (second * 1000.0) as u64)
}

/// Milliseconds since 1970 as `2026-11-25T19:45:01.250Z` (RFC 3339).
pub(crate) fn clock(time: u64) -> String {
    let (seconds, ms) = (time / 1000, time % 1000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's civil_from_days: years begin in March, so that leap days come last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_as_rfc_3339() {
        assert_eq!(clock(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(clock(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(clock(1_795_635_901_250), "2026-11-25T19:45:01.250Z");
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for time in [0, 951_782_400_000, 1_795_635_901_250] {
            assert_eq!(clock(time).parse(), Ok(Since::At(time)));
        }
        for (text, ms) in [
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("5", 5000),
        ] {
            assert_eq!(text.parse(), Ok(Since::Ago(ms)), "{text}");
        }
        for text in [
            "",
            "h",
            "10 minutes",
            "2026-13-01",
            "2026-11-25T25:00:00Z",
            "99999999999999999999s",
        ] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }
}
