//! The keys of `build`, `develop` and of commands that run in a container.

use super::common::{
    ANY_SCALAR, COMMAND, FLAG, GRANTS, HOSTS, PAIRS, TEXT, TEXT_OR_TEXTS, TEXTS, ULIMITS,
};
use super::shape::{Keys, Map, Scalar, Shape, keys};

pub(super) static BUILD: Shape = keys!(
    "the path of a directory, or a mapping like { context: . }",
    "additional_contexts": PAIRS,
    "args": PAIRS,
    "cache_from": TEXTS,
    "cache_to": TEXTS,
    "context": TEXT,
    "dockerfile": TEXT,
    "dockerfile_inline": TEXT,
    "entitlements": TEXTS,
    "extra_hosts": HOSTS,
    "isolation": TEXT,
    "labels": PAIRS,
    "network": TEXT,
    "no_cache": FLAG,
    "no_cache_filter": TEXT_OR_TEXTS,
    "platforms": TEXTS,
    "privileged": FLAG,
    "provenance": ANY_SCALAR,
    "pull": FLAG,
    "sbom": ANY_SCALAR,
    "secrets": GRANTS,
    "shm_size": ANY_SCALAR,
    "ssh": PAIRS,
    "tags": TEXTS,
    "target": TEXT,
    "ulimits": ULIMITS,
)
.or(Scalar::Text);

pub(super) static DEVELOP: Shape = keys!(
    "a mapping like { watch: [{ path: ., action: sync }] }",
    "watch": WATCHES,
);
static WATCHES: Shape = Shape::list(&WATCH, "a list like [{ path: ., action: sync }]");
static WATCH: Shape = keys!(
    "a mapping like { path: ., action: sync }",
    "action": TEXT,
    "exec": HOOK,
    "ignore": TEXT_OR_TEXTS,
    "include": TEXT_OR_TEXTS,
    "initial_sync": FLAG,
    "path": TEXT,
    "target": TEXT,
);

/// A command that is run in the container of a service.
pub(super) static HOOK: Shape = keys!(
    "a mapping like { command: … }",
    "command": COMMAND,
    "environment": PAIRS,
    "privileged": FLAG,
    "user": TEXT,
    "working_dir": TEXT,
);
