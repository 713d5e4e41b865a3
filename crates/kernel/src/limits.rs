//! Limits of programs that are started.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The caller's limits, from a shell's `ulimit`, are not for what runs after it.
pub(crate) fn raise_limits() {
    for resource in [Resource::Fsize, Resource::Cpu, Resource::As, Resource::Data] {
        let maximum = getrlimit(resource).maximum;
        let none = Rlimit {
            current: None,
            maximum: None,
        };
        // Only with CAP_SYS_RESOURCE above the hard limit, and always up to it.
        if setrlimit(resource, none).is_err() {
            let current = maximum;
            setrlimit(resource, Rlimit { current, maximum }).ok();
        }
    }
}
