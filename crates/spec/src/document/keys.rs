//! How a mapping of the file is declared: once, for its type, its schema and its parser.

use indexmap::IndexMap;

use super::values::{OneOrMany, Scalar};

/// Declares a mapping of the file: a struct that can be written and described by a schema, and a
/// second one with the place of each key in a text. The parser can only use keys that are declared
/// here, and the compiler warns about a key that the parser does not use.
///
/// `with impairments` adds the keys of impairments, which are declared here alone.
macro_rules! mapping {
    (
        $(#[$about:meta])*
        pub struct $name:ident read as $keys:ident with impairments {
            $($(#[$meta:meta])* $key:ident: $type:ty,)+
        }
    ) => {
        crate::document::keys::mapping! {
            $(#[$about])*
            pub struct $name read as $keys {
                $($(#[$meta])* $key: $type,)+
                /// How much later packets leave, like `50ms`.
                delay: Option<Scalar>,
                /// By how much the delay differs from packet to packet, like `5ms`.
                jitter: Option<Scalar>,
                /// How many packets are dropped, like `1%`.
                loss: Option<Scalar>,
                /// How many packets are sent twice, like `1%`.
                duplicate: Option<Scalar>,
                /// How many packets have one bit changed, like `0.1%`.
                corrupt: Option<Scalar>,
                /// How many packets are not delayed, and so come before others, like `25%`.
                reorder: Option<Scalar>,
            }
        }

        impl $keys {
            /// Where the text has the keys of impairments.
            pub(crate) fn impairments(&self) -> crate::document::ImpairmentKeys<'_> {
                let Self { delay, jitter, loss, duplicate, corrupt, reorder, .. } = self;
                [delay, jitter, loss, duplicate, corrupt, reorder].map(Option::as_ref)
            }
        }
    };
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

/// Where a text has the keys of impairments, in the order of `Impairments::KEYS`.
pub(crate) type ImpairmentKeys<'k> =
    [Option<&'k crate::reader::At>; crate::Impairments::KEYS.len()];

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
