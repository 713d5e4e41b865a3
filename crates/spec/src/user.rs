//! Users that programs run as.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A user of this machine: by name, by number, or by numbers of user and group.
///
/// ```
/// use hallway_spec::User;
///
/// let user: User = "1000:100".parse()?;
/// assert_eq!(user, User::Number { user: 1000, group: Some(100) });
/// assert_eq!("www-data".parse(), Ok(User::Name("www-data".to_owned())));
/// assert!("1000:users".parse::<User>().is_err());
/// # Ok::<(), hallway_spec::InvalidUser>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum User {
    /// As in /etc/passwd.
    Name(String),
    /// A number.
    Number {
        /// The user's.
        user: u32,
        /// The group's; the user's own group if not given.
        group: Option<u32>,
    },
}

/// Why a user was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid user {0:?}; write a name, a number, or numbers of user and group like 1000:1000")]
pub struct InvalidUser(String);

impl FromStr for User {
    type Err = InvalidUser;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidUser(text.to_owned());
        // The kernel uses the highest number for "none".
        let number = |text: &str| text.parse().ok().filter(|n| *n != u32::MAX);
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let (user, group) = match text.split_once(':') {
                Some((user, group)) => (user, Some(number(group).ok_or_else(invalid)?)),
                None => (text, None),
            };
            let user = number(user).ok_or_else(invalid)?;
            return Ok(Self::Number { user, group });
        }
        let is_name = !text.is_empty()
            && text.len() <= 256
            && !text.starts_with('-')
            && text
                .chars()
                .all(|c| c.is_alphanumeric() || "._-@$+".contains(c));
        is_name
            .then(|| Self::Name(text.to_owned()))
            .ok_or_else(invalid)
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number { user, group: None } => write!(f, "{user}"),
            Self::Number {
                user,
                group: Some(group),
            } => write!(f, "{user}:{group}"),
        }
    }
}

impl TryFrom<String> for User {
    type Error = InvalidUser;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<User> for String {
    fn from(user: User) -> Self {
        user.to_string()
    }
}
