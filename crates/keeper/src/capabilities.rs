//! The capabilities of the keeper.

use hallway_engine::enter::is_outsider;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// Keeps the capabilities that this process itself needs: to examine and end processes that it did
/// not start; and for the guard and repair, to change links, rules, namespaces and mounts, to get
/// notifications of other namespaces, to announce addresses, and to write the state directory of
/// another user. Runners of root get all capabilities again: they enter nodes.
pub(crate) fn drop_others() -> std::io::Result<()> {
    let kept = CapabilitySet::KILL
        | CapabilitySet::SYS_PTRACE
        | CapabilitySet::NET_ADMIN
        | CapabilitySet::NET_RAW
        | CapabilitySet::NET_BROADCAST
        | CapabilitySet::SYS_ADMIN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::CHOWN
        | CapabilitySet::FOWNER
        | for_runners();
    let permitted = capabilities(None)?.permitted & kept;
    let sets = CapabilitySets {
        effective: permitted,
        permitted,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, sets)?)
}

/// The capabilities that runners need to enter nodes, if they get no more than this process has:
/// with an id that the sandbox does not have.
fn for_runners() -> CapabilitySet {
    match is_outsider() {
        true => {
            CapabilitySet::SETUID
                | CapabilitySet::SETGID
                | CapabilitySet::SETPCAP
                | CapabilitySet::SYS_CHROOT
        }
        false => CapabilitySet::empty(),
    }
}
