//! What the keeper may do.

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// Keeps what this process itself needs: to look at processes that it did not start and to end
/// them; and for the guard and repair, to change links, rules, namespaces and mounts, to be told
/// of changes in other namespaces, to announce addresses, and to write the state directory of
/// another user. Runners are started with all capabilities again where the user is root: they enter nodes.
pub(crate) fn drop_others() -> std::io::Result<()> {
    let kept = CapabilitySet::KILL
        | CapabilitySet::SYS_PTRACE
        | CapabilitySet::NET_ADMIN
        | CapabilitySet::NET_RAW
        | CapabilitySet::NET_BROADCAST
        | CapabilitySet::SYS_ADMIN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::CHOWN
        | CapabilitySet::FOWNER;
    let permitted = capabilities(None)?.permitted & kept;
    let sets = CapabilitySets {
        effective: permitted,
        permitted,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, sets)?)
}
