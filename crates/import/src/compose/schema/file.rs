//! The keys of a Compose file.

use hallway_spec::problem::Required;

use super::common::{EXTERNAL, FLAG, OPTIONS, PAIRS, PATHS, TEXT, TEXTS, WHOLE};
use super::service::SERVICE;
use super::shape::{Keys, Map, Scalar, Shape, keys};

pub(crate) static FILE: Shape = keys!(
    "a mapping",
    "name": TEXT,
    "version": VERSION,
    "services": SERVICES,
    "networks": NETWORKS,
    "volumes": VOLUMES,
    "secrets": SECRETS,
    "configs": CONFIGS,
    "models": MODELS,
    "include": INCLUDES,
);
/// It has no meaning any more.
static VERSION: Shape = Shape::scalar(Scalar::Any, "a text");
static SERVICES: Shape = Shape::names(
    &SERVICE,
    "a mapping of services, like { web: { image: nginx } }",
);
static NETWORKS: Shape = Shape::names(
    &NETWORK,
    "a mapping of networks, like { back: { internal: true } }",
);
static VOLUMES: Shape = Shape::names(&VOLUME, "a mapping of volumes, like { data: { } }");
static SECRETS: Shape = Shape::names(
    &SECRET,
    "a mapping of secrets, like { key: { file: key.pem } }",
);
static CONFIGS: Shape = Shape::names(
    &CONFIG,
    "a mapping of configs, like { main: { file: main.conf } }",
);
static MODELS: Shape = Shape::names(
    &MODEL,
    "a mapping of models, like { small: { model: NAME } }",
);

static NETWORK: Shape = keys!(
    "a mapping like { internal: true }",
    "attachable": FLAG,
    "driver": TEXT,
    "driver_opts": OPTIONS,
    "enable_ipv4": FLAG,
    "enable_ipv6": FLAG,
    "external": EXTERNAL,
    "internal": FLAG,
    "ipam": IPAM,
    "labels": PAIRS,
    "name": TEXT,
);
static IPAM: Shape = keys!(
    "a mapping like { config: [{ subnet: 10.10.0.0/24 }] }",
    "config": IPAM_CONFIGS,
    "driver": TEXT,
    "options": OPTIONS,
);
static IPAM_CONFIGS: Shape = Shape::list(&IPAM_CONFIG, "a list like [{ subnet: 10.10.0.0/24 }]");
static IPAM_CONFIG: Shape = keys!(
    "a mapping like { subnet: 10.10.0.0/24 }",
    "aux_addresses": OPTIONS,
    "gateway": TEXT,
    "ip_range": TEXT,
    "subnet": TEXT,
);
static VOLUME: Shape = keys!(
    "a mapping like { driver: local }",
    "driver": TEXT,
    "driver_opts": OPTIONS,
    "external": EXTERNAL,
    "labels": PAIRS,
    "name": TEXT,
);
static SECRET: Shape = keys!(
    "a mapping like { file: key.pem }",
    "driver": TEXT,
    "driver_opts": OPTIONS,
    "environment": TEXT,
    "external": EXTERNAL,
    "file": TEXT,
    "labels": PAIRS,
    "name": TEXT,
    "template_driver": TEXT,
);
static CONFIG: Shape = keys!(
    "a mapping like { file: main.conf }",
    "content": TEXT,
    "environment": TEXT,
    "external": EXTERNAL,
    "file": TEXT,
    "labels": PAIRS,
    "name": TEXT,
    "template_driver": TEXT,
);
static MODEL: Shape = keys!(
    "a mapping like { model: NAME }",
    "context_size": WHOLE,
    "model": TEXT,
    "name": TEXT,
    "runtime_flags": TEXTS,
);

pub(crate) static INCLUDES: Shape = Shape::list(&INCLUDE, "a list of files, like [db.yaml]");
static INCLUDE: Shape = keys!(
    "the path of a file, or a mapping like { path: db.yaml }",
    "env_file": PATHS,
    "path": PATHS,
    "project_directory": TEXT,
)
.needs("path", Required::PathOfInclude)
.or(Scalar::Text);
/// Of a service.
pub(crate) static EXTENDS: Shape = keys!(
    "the name of a service, or a mapping like { service: web, file: base.yaml }",
    "file": TEXT,
    "service": TEXT,
)
.needs("service", Required::ServiceOfExtends)
.or(Scalar::Text);
