//! Values that may be written in several forms.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::reader::truth;

/// One or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// Several; tried first, because a struct can be read from a list too.
    Many(Vec<T>),
    /// One.
    One(T),
}

impl<T> OneOrMany<T> {
    /// The shortest form of these.
    pub(crate) fn of(mut items: Vec<T>) -> Self {
        match items.pop() {
            Some(only) if items.is_empty() => Self::One(only),
            Some(last) => {
                items.push(last);
                Self::Many(items)
            }
            None => Self::Many(items),
        }
    }

    pub(crate) fn items(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A number or a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// A number.
    Number(i64),
    /// A truth value.
    Flag(bool),
    /// A text.
    Text(String),
    /// Nothing.
    Nothing(()),
}

impl Scalar {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Flag(b) => b.to_string(),
            Self::Text(t) => t.clone(),
            Self::Nothing(()) => String::new(),
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A truth value; as for the parser, also one in quotes.
///
/// # Errors
/// When it is another value.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    typed(from, truth)
}

/// A number; as for the parser, also one in quotes.
///
/// # Errors
/// When it is another value.
pub(super) fn number<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
{
    typed(from, |text| text.parse().ok())
}

fn typed<'de, D: Deserializer<'de>, T>(
    from: D,
    of_text: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, D::Error> {
    let value = match Scalar::deserialize(from)? {
        Scalar::Nothing(()) => return Ok(None),
        value => value.text(),
    };
    let other = || D::Error::custom(format!("unexpected value {value}"));
    of_text(&value).map(Some).ok_or_else(other)
}
