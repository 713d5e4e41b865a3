//! The kinds of values that a key of a Compose file can have.

use hallway_spec::problem::Required;

use crate::findings::truth;

/// What a value can be: a scalar, a list or a mapping, or one of several of these. No value is always
/// possible.
pub(crate) struct Shape {
    /// The kinds in words.
    pub(crate) expected: &'static str,
    pub(crate) scalar: Option<Scalar>,
    /// The items of a list.
    pub(crate) list: Option<&'static Shape>,
    pub(crate) map: Option<Map>,
}

/// A kind of scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// Any.
    Any,
    /// A text: numbers and truth values are in quotes.
    Text,
    /// A truth value.
    Flag,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// A time with its unit.
    Time,
    /// A port or a range, with a protocol or not.
    Expose,
}

/// The keys of a mapping.
pub(crate) enum Map {
    /// Any names, each with this value.
    Names(&'static Shape),
    /// These keys.
    Keys(Keys),
    /// These keys, and others, which are not checked.
    Open(Keys),
}

/// Known keys, each with its value.
pub(crate) struct Keys {
    pub(crate) names: &'static [&'static str],
    pub(crate) shapes: &'static [&'static Shape],
    /// A key that must be there.
    pub(crate) required: Option<(&'static str, Required)>,
}

impl Keys {
    /// The value of a key.
    pub(crate) fn shape(&self, key: &str) -> Option<&'static Shape> {
        let at = self.names.iter().position(|name| *name == key)?;
        self.shapes.get(at).copied()
    }
}

impl Shape {
    /// Its known keys.
    pub(crate) const fn keys(&self) -> &'static [&'static str] {
        match &self.map {
            Some(Map::Keys(keys)) => keys.names,
            _ => &[],
        }
    }

    pub(crate) const fn scalar(kind: Scalar, expected: &'static str) -> Self {
        Self {
            expected,
            scalar: Some(kind),
            list: None,
            map: None,
        }
    }

    pub(crate) const fn list(items: &'static Self, expected: &'static str) -> Self {
        Self {
            expected,
            scalar: None,
            list: Some(items),
            map: None,
        }
    }

    pub(crate) const fn names(each: &'static Self, expected: &'static str) -> Self {
        Self {
            expected,
            scalar: None,
            list: None,
            map: Some(Map::Names(each)),
        }
    }

    /// Also with other keys, which are not checked.
    pub(crate) const fn open(self) -> Self {
        let map = match self.map {
            Some(Map::Keys(keys)) => Some(Map::Open(keys)),
            map => map,
        };
        Self { map, ..self }
    }

    /// Also a scalar.
    pub(crate) const fn or(self, kind: Scalar) -> Self {
        Self {
            scalar: Some(kind),
            ..self
        }
    }

    /// Also a list.
    pub(crate) const fn or_list(self, items: &'static Self) -> Self {
        Self {
            list: Some(items),
            ..self
        }
    }

    /// With a key that must be there.
    pub(crate) const fn needs(self, key: &'static str, missing: Required) -> Self {
        let map = match self.map {
            Some(Map::Keys(Keys { names, shapes, .. })) => Some(Map::Keys(Keys {
                names,
                shapes,
                required: Some((key, missing)),
            })),
            map => map,
        };
        Self { map, ..self }
    }
}

/// A mapping with known keys.
macro_rules! keys {
    ($expected:literal, $($key:literal: $shape:expr),+ $(,)?) => {
        Shape {
            expected: $expected,
            scalar: None,
            list: None,
            map: Some(Map::Keys(Keys {
                names: &[$($key),+],
                shapes: &[$(&$shape),+],
                required: None,
            })),
        }
    };
}
pub(crate) use keys;

impl Scalar {
    /// Whether a text is of this kind; `typed`: whether YAML reads it as a number or a truth value if it is
    /// one.
    pub(crate) fn fits(self, text: &str, typed: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Text => !typed || !(is_number(text) || is_flag(text)),
            Self::Flag => truth(text).is_some(),
            Self::Whole => is_whole(text),
            Self::Number => is_whole(text) || text.parse::<f64>().is_ok(),
            Self::Time => is_time(text),
            Self::Expose => is_exposed(text),
        }
    }
}

/// Whether it is a truth value of YAML.
pub(crate) fn is_flag(text: &str) -> bool {
    ["true", "True", "TRUE", "false", "False", "FALSE"].contains(&text)
}

/// Whether YAML reads it as a number.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let begins = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let number = text.replace('_', "");
    begins && digits.len() + 1 >= text.len() && (is_whole(&number) || number.parse::<f64>().is_ok())
}

fn is_whole(text: &str) -> bool {
    let based = [("0x", 16), ("0o", 8), ("0b", 2)]
        .iter()
        .any(|(begin, base)| {
            let digits = text.strip_prefix(begin);
            digits.is_some_and(|d| u64::from_str_radix(d, *base).is_ok())
        });
    based || text.parse::<i64>().is_ok()
}

/// Whether it is a time as Compose reads it: numbers, each with a unit; 0 needs none.
fn is_time(text: &str) -> bool {
    const UNITS: [&str; 8] = ["ns", "us", "ms", "s", "m", "h", "d", "w"];
    let mut rest = text.trim();
    if rest == "0" {
        return true;
    }
    while !rest.is_empty() {
        let digits = |c: char| c.is_ascii_digit() || c == '.';
        let number = rest.find(|c: char| !digits(c)).unwrap_or(rest.len());
        let (number, after) = rest.split_at(number);
        let unit = after.find(digits).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        if number.parse::<f64>().is_err() || !UNITS.contains(&unit) {
            return false;
        }
        rest = after;
    }
    !text.trim().is_empty()
}

/// `3000`, `8000-8010`, with `/tcp` or another protocol.
fn is_exposed(text: &str) -> bool {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let known = ["tcp", "udp", "sctp"].contains(&protocol.to_ascii_lowercase().as_str());
    known && port(first).zip(port(last)).is_some_and(|(a, b)| a <= b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_yaml_reads_as_numbers_need_quotes() {
        for text in [
            "5", "-1", "1.5", ".5", "1e3", "0x1f", "1_000", "true", "False",
        ] {
            assert!(!Scalar::Text.fits(text, true), "{text}");
            assert!(Scalar::Text.fits(text, false), "{text}");
        }
        for text in [
            "a", "1.2.3", "10s", "yes", "no", "1:30", "--1", "-", ".", "nan", "0755a",
        ] {
            assert!(Scalar::Text.fits(text, true), "{text}");
        }
    }

    #[test]
    fn ports_that_can_be_exposed() {
        for text in ["3000", "8000-8010", "53/udp", "80-81/TCP"] {
            assert!(Scalar::Expose.fits(text, true), "{text}");
        }
        for text in ["x", "80/", "81-80", "0", "80:80", "70000", "80/xyz"] {
            assert!(!Scalar::Expose.fits(text, true), "{text}");
        }
    }
}
