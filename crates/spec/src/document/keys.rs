//! How a mapping of the file is declared: once, for its type, its schema and its parser.

use indexmap::IndexMap;

use super::values::{OneOrMany, Scalar};

/// Declares a mapping of the file: a struct that can be written and described by a schema, and a
/// second one with the place of each key in a text. The parser can only use keys that are declared
/// here, and the compiler warns about a key that the parser does not use.
macro_rules! mapping {
    (
        $(#[$about:meta])*
        pub struct $name:ident read as $keys:ident {
            $($(#[$meta:meta])* $key:ident: $type:ty,)+
        }
    ) => {
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$about])*
        pub struct $name {
            $(
                $(#[$meta])*
                #[serde(skip_serializing_if = "crate::document::keys::Omit::omit")]
                pub $key: $type,
            )+
        }

        /// Where the text has each key.
        #[derive(Debug)]
        pub(crate) struct $keys {
            $(pub(crate) $key: Option<crate::reader::At>,)+
        }

        impl $keys {
            const KNOWN: &'static [&'static str] = &[$(stringify!($key),)+];

            /// Reads the mapping at `at`; other keys are problems, except those that begin with
            /// `x-`.
            pub(crate) fn read(
                r: &mut crate::reader::Reader<'_>,
                at: &crate::reader::At,
                expected: &'static str,
            ) -> Self {
                let fields = r.fields(at, Some(Self::KNOWN), expected);
                Self { $($key: fields.at(stringify!($key), at),)+ }
            }
        }
    };
}

pub(super) use mapping;

/// Whether a key is left out of a written file.
pub(crate) trait Omit {
    /// Whether this value is the same as no key at all.
    fn omit(&self) -> bool {
        false
    }
}

impl Omit for String {}

impl Omit for Scalar {}

impl<T> Omit for OneOrMany<T> {}

impl<T> Omit for Option<T> {
    fn omit(&self) -> bool {
        self.is_none()
    }
}

impl<T> Omit for Vec<T> {
    fn omit(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Omit for IndexMap<K, V> {
    fn omit(&self) -> bool {
        self.is_empty()
    }
}
