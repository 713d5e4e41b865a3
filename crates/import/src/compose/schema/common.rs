//! Kinds of values that several keys of a Compose file have.

use super::shape::{Keys, Map, Scalar, Shape, keys};

pub(crate) static ANY_SCALAR: Shape = Shape::scalar(Scalar::Any, "a text or a number");
pub(crate) static TEXT: Shape = Shape::scalar(Scalar::Text, "a text");
pub(crate) static FLAG: Shape = Shape::scalar(Scalar::Flag, "true or false");
pub(crate) static WHOLE: Shape = Shape::scalar(Scalar::Whole, "a number");
pub(crate) static NUMBER: Shape = Shape::scalar(Scalar::Number, "a number");
pub(crate) static TIME: Shape = Shape::scalar(
    Scalar::Time,
    "a time with its unit, like 10s, 1m30s or 500ms",
);
pub(crate) static TEXTS: Shape = Shape::list(&TEXT, "a list of texts, like [a, b]");
pub(crate) static TEXT_OR_TEXTS: Shape =
    Shape::list(&TEXT, "a text or a list of texts").or(Scalar::Text);
pub(crate) static COMMAND: Shape = Shape::list(&TEXT, "a text or a list of words").or(Scalar::Text);
pub(crate) static PATHS: Shape =
    Shape::list(&TEXT, "the path of a file, or a list of paths").or(Scalar::Text);
static PAIR: Shape = Shape::scalar(Scalar::Text, "a text like NAME=value");
/// Names with texts, numbers or truth values.
pub(crate) static PAIRS: Shape = Shape::names(
    &ANY_SCALAR,
    "a mapping from names to texts, or a list like [NAME=value]",
)
.or_list(&PAIR);
/// The same without the form of a list.
pub(crate) static OPTIONS: Shape = Shape::names(&ANY_SCALAR, "a mapping from names to texts");
pub(crate) static HOSTS: Shape = Shape::names(
    &ADDRESSES,
    "a mapping from names to addresses, or a list like [\"api=10.0.0.9\"]",
)
.or_list(&TEXT);
static ADDRESSES: Shape = Shape::list(&TEXT, "an address, or a list of them").or(Scalar::Text);
/// Something that exists already.
pub(crate) static EXTERNAL: Shape = keys!(
    "true, false or a mapping like { name: NAME }",
    "name": TEXT,
)
.or(Scalar::Flag);
pub(crate) static ULIMITS: Shape = Shape::names(&ULIMIT, "a mapping like { nofile: 1024 }");
static ULIMIT: Shape = keys!(
    "a number, or a mapping like { soft: 1024, hard: 2048 }",
    "hard": WHOLE,
    "soft": WHOLE,
)
.or(Scalar::Whole);
/// Secrets and configs that a service or a build gets.
pub(crate) static GRANTS: Shape = Shape::list(&GRANT, "a list of names or mappings");
static GRANT: Shape = keys!(
    "a name, or a mapping like { source: NAME }",
    "gid": TEXT,
    "mode": ANY_SCALAR,
    "source": TEXT,
    "target": TEXT,
    "uid": TEXT,
)
.or(Scalar::Text);
