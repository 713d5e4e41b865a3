//! Text that is checked once and valid from then on.

/// Implements for checked text: `Display`, `AsRef<str>`, and both conversions for
/// serde. The type is a tuple struct of one `String` and implements `FromStr`.
macro_rules! text_type {
    ($type:ty, $error:ty) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0
            }
        }
        impl TryFrom<String> for $type {
            type Error = $error;
            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }
    };
}

pub(crate) use text_type;
