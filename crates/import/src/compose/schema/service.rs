//! The keys of a service of a Compose file.

use hallway_spec::problem::Required;

use super::build::{BUILD, DEVELOP};
use super::common::{
    ANY_SCALAR, COMMAND, FLAG, GRANTS, HOSTS, NUMBER, OPTIONS, PAIRS, TEXT, TEXT_OR_TEXTS, TEXTS,
    TIME, ULIMITS, WHOLE,
};
use super::deploy::{DEPLOY, GPUS};
use super::shape::{Keys, Map, Scalar, Shape, keys};
use super::volumes::SERVICE_VOLUMES;

pub(super) static SERVICE: Shape = keys!(
    "a mapping like { image: nginx }",
    "annotations": PAIRS,
    "attach": FLAG,
    "blkio_config": BLKIO,
    "build": BUILD,
    "cap_add": TEXTS,
    "cap_drop": TEXTS,
    "cgroup": TEXT,
    "cgroup_parent": TEXT,
    "command": COMMAND,
    "configs": GRANTS,
    "container_name": TEXT,
    "cpu_count": ANY_SCALAR,
    "cpu_percent": ANY_SCALAR,
    "cpu_period": ANY_SCALAR,
    "cpu_quota": ANY_SCALAR,
    "cpu_rt_period": ANY_SCALAR,
    "cpu_rt_runtime": ANY_SCALAR,
    "cpu_shares": ANY_SCALAR,
    "cpus": ANY_SCALAR,
    "cpuset": TEXT,
    "credential_spec": CREDENTIALS,
    "depends_on": DEPENDS,
    "deploy": DEPLOY,
    "develop": DEVELOP,
    "device_cgroup_rules": TEXTS,
    "devices": DEVICES,
    "dns": TEXT_OR_TEXTS,
    "dns_opt": TEXTS,
    "dns_search": TEXT_OR_TEXTS,
    "domainname": TEXT,
    "entrypoint": COMMAND,
    "env_file": ENV_FILES,
    "environment": PAIRS,
    "expose": EXPOSED,
    "extends": TEXT,
    "external_links": TEXTS,
    "extra_hosts": HOSTS,
    "gpus": GPUS,
    "group_add": GROUPS,
    "healthcheck": HEALTHCHECK,
    "hostname": TEXT,
    "image": TEXT,
    "init": FLAG,
    "ipc": TEXT,
    "isolation": TEXT,
    "label_file": TEXT_OR_TEXTS,
    "labels": PAIRS,
    "links": TEXTS,
    "logging": LOGGING,
    "mac_address": TEXT,
    "mem_limit": ANY_SCALAR,
    "mem_reservation": ANY_SCALAR,
    "mem_swappiness": ANY_SCALAR,
    "memswap_limit": ANY_SCALAR,
    "models": MODELS,
    "network_mode": TEXT,
    "networks": NETWORKS,
    "oom_kill_disable": FLAG,
    "oom_score_adj": WHOLE,
    "pid": TEXT,
    "pids_limit": ANY_SCALAR,
    "platform": TEXT,
    "ports": PORTS,
    "post_start": HOOKS,
    "pre_stop": HOOKS,
    "privileged": FLAG,
    "profiles": TEXTS,
    "provider": PROVIDER,
    "pull_policy": TEXT,
    "pull_refresh_after": TEXT,
    "read_only": FLAG,
    "restart": TEXT,
    "runtime": TEXT,
    "scale": REPLICAS,
    "secrets": GRANTS,
    "security_opt": TEXTS,
    "shm_size": ANY_SCALAR,
    "stdin_open": FLAG,
    "stop_grace_period": TIME,
    "stop_signal": TEXT,
    "storage_opt": OPTIONS,
    "sysctls": PAIRS,
    "tmpfs": TEXT_OR_TEXTS,
    "tty": FLAG,
    "ulimits": ULIMITS,
    "use_api_socket": FLAG,
    "user": TEXT,
    "userns_mode": TEXT,
    "uts": TEXT,
    "volumes": SERVICE_VOLUMES,
    "volumes_from": TEXTS,
    "working_dir": TEXT,
);

static NETWORKS: Shape = Shape::names(&ATTACHMENT, "a list or a mapping of networks, like [front]")
    .or_list(&NETWORK_NAME);
static NETWORK_NAME: Shape = Shape::scalar(Scalar::Text, "the name of a network alone");
static ATTACHMENT: Shape = keys!(
    "a mapping like { ipv4_address: 10.10.0.5 }",
    "aliases": ALIASES,
    "driver_opts": OPTIONS,
    "gw_priority": WHOLE,
    "interface_name": TEXT,
    "ipv4_address": TEXT,
    "ipv6_address": TEXT,
    "link_local_ips": TEXTS,
    "mac_address": TEXT,
    "priority": WHOLE,
);
static ALIASES: Shape = Shape::list(&TEXT, "a list of names, like [web]");

static PORTS: Shape = Shape::list(&PORT, "a list of ports, like [\"8080:80\"]");
/// Numbers and short forms are read with the ports.
static PORT: Shape = keys!(
    "a port like \"8080:80\", or a mapping like { target: 80, published: 8080 }",
    "app_protocol": TEXT,
    "host_ip": TEXT,
    "mode": TEXT,
    "name": TEXT,
    "protocol": TEXT,
    "published": ANY_SCALAR,
    "target": ANY_SCALAR,
)
.needs("target", Required::Target)
.or(Scalar::Any);
static EXPOSED: Shape = Shape::list(&EXPOSE, "a list of ports, like [\"3000\"]");
static EXPOSE: Shape = Shape::scalar(Scalar::Expose, "a port like \"3000\" or \"8000-8010/tcp\"");

static DEPENDS: Shape =
    Shape::names(&DEPENDENCY, "a list or a mapping of services").or_list(&SERVICE_NAME);
static SERVICE_NAME: Shape = Shape::scalar(Scalar::Text, "the name of a service alone");
static DEPENDENCY: Shape = keys!(
    "a mapping with condition",
    "condition": TEXT,
    "required": FLAG,
    "restart": FLAG,
)
.needs("condition", Required::Condition);

static HEALTHCHECK: Shape = keys!(
    "a mapping with test",
    "disable": FLAG,
    "interval": TIME,
    "retries": RETRIES,
    "start_interval": TIME,
    "start_period": TIME,
    "test": TEST,
    "timeout": TIME,
);
static RETRIES: Shape = Shape::scalar(Scalar::Whole, "a number of failures");
/// Its first word is read with the health check.
static TEST: Shape = Shape::list(
    &TEXT,
    "a line for a shell, or a list that begins with CMD, CMD-SHELL or NONE",
)
.or(Scalar::Text);

static ENV_FILES: Shape =
    Shape::list(&ENV_FILE, "the path of a file, or a list of paths").or(Scalar::Text);
static ENV_FILE: Shape = keys!(
    "the path of a file, or a mapping like { path: app.env }",
    "format": TEXT,
    "path": TEXT,
    "required": FLAG,
)
.needs("path", Required::PathOfEnvFile)
.or(Scalar::Text);

pub(super) static REPLICAS: Shape =
    Shape::scalar(Scalar::Any, "a number of replicas from 0 to 10000");
static GROUPS: Shape = Shape::list(&ANY_SCALAR, "a list of groups");
static LOGGING: Shape = keys!(
    "a mapping like { driver: local }",
    "driver": TEXT,
    "options": OPTIONS,
);
static MODELS: Shape = Shape::names(&MODEL, "a list or a mapping of models").or_list(&TEXT);
static MODEL: Shape = keys!(
    "a mapping like { endpoint_var: URL }",
    "endpoint_var": TEXT,
    "model_var": TEXT,
);
static HOOKS: Shape = Shape::list(&super::build::HOOK, "a list like [{ command: … }]");
static PROVIDER: Shape = keys!(
    "a mapping like { type: NAME }",
    "options": PROVIDER_OPTIONS,
    "type": TEXT,
);
static PROVIDER_OPTIONS: Shape = Shape::names(&PROVIDER_OPTION, "a mapping from names to texts");
static PROVIDER_OPTION: Shape =
    Shape::list(&ANY_SCALAR, "a text or a list of texts").or(Scalar::Any);
static CREDENTIALS: Shape = keys!(
    "a mapping like { file: spec.json }",
    "config": TEXT,
    "file": TEXT,
    "registry": TEXT,
);
static DEVICES: Shape = Shape::list(&DEVICE, "a list of devices, like [/dev/net/tun]");
static DEVICE: Shape = keys!(
    "a device, or a mapping like { source: /dev/net/tun }",
    "permissions": TEXT,
    "source": TEXT,
    "target": TEXT,
)
.or(Scalar::Text);
static BLKIO: Shape = keys!(
    "a mapping like { weight: 300 }",
    "device_read_bps": RATES,
    "device_read_iops": RATES,
    "device_write_bps": RATES,
    "device_write_iops": RATES,
    "weight": NUMBER,
    "weight_device": WEIGHTS,
);
static RATES: Shape = Shape::list(&RATE, "a list like [{ path: /dev/sda, rate: 12mb }]");
static RATE: Shape = keys!(
    "a mapping like { path: /dev/sda, rate: 12mb }",
    "path": TEXT,
    "rate": ANY_SCALAR,
);
static WEIGHTS: Shape = Shape::list(&WEIGHT, "a list like [{ path: /dev/sda, weight: 400 }]");
static WEIGHT: Shape = keys!(
    "a mapping like { path: /dev/sda, weight: 400 }",
    "path": TEXT,
    "weight": NUMBER,
);
