//! The volumes of a service.

use super::common::{ANY_SCALAR, FLAG, PAIRS, TEXT};
use super::shape::{Keys, Map, Scalar, Shape, keys};

pub(super) static SERVICE_VOLUMES: Shape = Shape::list(
    &SERVICE_VOLUME,
    "a list of volumes, like [\"data:/var/lib/data\"]",
);
static SERVICE_VOLUME: Shape = keys!(
    "a text like data:/var/lib/data, or a mapping like { type: bind, source: ., target: /app }",
    "bind": BIND,
    "consistency": TEXT,
    "image": IMAGE,
    "read_only": FLAG,
    "source": TEXT,
    "target": TEXT,
    "tmpfs": TMPFS,
    "type": TEXT,
    "volume": VOLUME,
)
.or(Scalar::Text);
static BIND: Shape = keys!(
    "a mapping like { create_host_path: true }",
    "create_host_path": FLAG,
    "propagation": TEXT,
    "recursive": TEXT,
    "selinux": TEXT,
);
static VOLUME: Shape = keys!(
    "a mapping like { nocopy: true }",
    "labels": PAIRS,
    "nocopy": FLAG,
    "subpath": TEXT,
);
static TMPFS: Shape = keys!(
    "a mapping like { size: 64m }",
    "mode": ANY_SCALAR,
    "size": ANY_SCALAR,
);
static IMAGE: Shape = keys!(
    "a mapping like { subpath: DIRECTORY }",
    "subpath": TEXT,
);
