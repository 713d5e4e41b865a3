//! The keys of Compose files that are omitted, and those that concern a network.

/// Keys of the file that are omitted.
pub(super) const FILE_IGNORED: &[&str] = &["volumes", "secrets", "configs", "models"];

/// Keys of a service that the translation uses, each with its own code.
pub(super) const SERVICE_USED: &[&str] = &[
    "command",
    "container_name",
    "depends_on",
    "dns",
    "dns_search",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "extra_hosts",
    "healthcheck",
    "hostname",
    "links",
    "mac_address",
    "network_mode",
    "networks",
    "ports",
    "profiles",
    "restart",
    "scale",
    "sysctls",
    "working_dir",
];
