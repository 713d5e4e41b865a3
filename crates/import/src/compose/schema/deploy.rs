//! The keys of `deploy` and `gpus`.

use super::common::{ANY_SCALAR, PAIRS, TEXT, TEXTS, TIME};
use super::shape::{Keys, Map, Scalar, Shape, keys};

pub(super) static DEPLOY: Shape = keys!(
    "a mapping like { replicas: 2 }",
    "endpoint_mode": TEXT,
    "labels": PAIRS,
    "mode": TEXT,
    "placement": PLACEMENT,
    "replicas": REPLICAS,
    "resources": RESOURCES,
    "restart_policy": RESTART_POLICY,
    "rollback_config": UPDATE,
    "update_config": UPDATE,
);
static REPLICAS: Shape = Shape::scalar(Scalar::Any, "a number of replicas from 0 to 10000");
static UPDATE: Shape = keys!(
    "a mapping like { parallelism: 2 }",
    "delay": TIME,
    "failure_action": TEXT,
    "max_failure_ratio": ANY_SCALAR,
    "monitor": TIME,
    "order": TEXT,
    "parallelism": ANY_SCALAR,
);
static RESTART_POLICY: Shape = keys!(
    "a mapping like { condition: any }",
    "condition": TEXT,
    "delay": TIME,
    "max_attempts": ANY_SCALAR,
    "window": TIME,
);
static PLACEMENT: Shape = keys!(
    "a mapping like { constraints: [node.role == manager] }",
    "constraints": TEXTS,
    "max_replicas_per_node": ANY_SCALAR,
    "preferences": PREFERENCES,
);
static PREFERENCES: Shape = Shape::list(&PREFERENCE, "a list like [{ spread: node.labels.zone }]");
static PREFERENCE: Shape = keys!(
    "a mapping like { spread: node.labels.zone }",
    "spread": TEXT,
);
static RESOURCES: Shape = keys!(
    "a mapping like { limits: { memory: 50M } }",
    "limits": LIMITS,
    "reservations": RESERVATIONS,
);
static LIMITS: Shape = keys!(
    "a mapping like { memory: 50M }",
    "cpus": ANY_SCALAR,
    "memory": ANY_SCALAR,
    "pids": ANY_SCALAR,
);
static RESERVATIONS: Shape = keys!(
    "a mapping like { memory: 50M }",
    "cpus": ANY_SCALAR,
    "devices": RESERVED_DEVICES,
    "generic_resources": GENERIC_RESOURCES,
    "memory": ANY_SCALAR,
);
static GENERIC_RESOURCES: Shape = Shape::list(
    &GENERIC_RESOURCE,
    "a list like [{ discrete_resource_spec: { kind: gpu, value: 2 } }]",
);
static GENERIC_RESOURCE: Shape = keys!(
    "a mapping like { discrete_resource_spec: { kind: gpu, value: 2 } }",
    "discrete_resource_spec": DISCRETE_RESOURCE,
);
static DISCRETE_RESOURCE: Shape = keys!(
    "a mapping like { kind: gpu, value: 2 }",
    "kind": TEXT,
    "value": ANY_SCALAR,
);
static RESERVED_DEVICES: Shape = Shape::list(&RESERVED, "a list like [{ capabilities: [gpu] }]");
static RESERVED: Shape = keys!(
    "a mapping like { capabilities: [gpu] }",
    "capabilities": TEXTS,
    "count": ANY_SCALAR,
    "device_ids": TEXTS,
    "driver": TEXT,
    "options": PAIRS,
);
pub(super) static GPUS: Shape = Shape::list(
    &RESERVED,
    "all, or a list like [{ driver: nvidia, count: 2 }]",
)
.or(Scalar::Text);
