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

#[cfg(test)]
mod tests {
    use crate::{Document, parse};

    /// What the parser takes, commands that change the project take too.
    #[test]
    fn flags_and_numbers_in_quotes_are_read_for_editing() {
        let text = |quote: &str| {
            let q = |value: &str| format!("{quote}{value}{quote}");
            format!(
                "networks: {{ n: {{ internal: {}, mtu: {} }} }}
nodes:
  a:
    networks: [n]
    command: sleep 9
    forwarding: {}
    healthcheck: {{ test: exit 0, retries: {} }}
    depends_on: {{ b: {{ required: {} }} }}
  b: {{ networks: [n], command: sleep 9, may_fail: {} }}
",
                q("yes"),
                q("1400"),
                q("true"),
                q("3"),
                q("no"),
                q("True")
            )
        };
        let (plain, quoted) = (text(""), text("\""));
        let nodes = |text: &str| parse("x.yaml", text).unwrap().topology.nodes;
        assert_eq!(nodes(&quoted).len(), nodes(&plain).len());
        let written = |text: &str| Document::read(text).unwrap().to_yaml();
        assert_eq!(written(&quoted), written(&plain));
        assert!(Document::read("nodes: { a: { forwarding: \"perhaps\" } }").is_none());
    }
}
