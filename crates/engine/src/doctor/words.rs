//! The words for what was tried.

use super::check::{Check, CheckOutcome, check};
use super::place::TrialPlace;
use crate::{Failure, Reason};

/// What is tried, in this order: each needs those before.
pub(super) const CALLS: &str = "system calls";
pub(super) const USER: &str = "user namespaces";
pub(super) const NET: &str = "network namespaces";
pub(super) const LINKS: &str = "bridges";
pub(super) const SETTINGS: &str = "settings of links";
pub(super) const RULES: &str = "nf_tables";
pub(super) const NETEM: &str = "netem";
pub(super) const MACVLAN: &str = "macvlan";
pub(super) const VLAN: &str = "VLANs";
pub(super) const WHOLE: &str = "a project";

/// The message of a failure with its cause, and what to do.
pub(super) fn of(failure: &Failure) -> (String, String) {
    let cause = failure.cause.as_ref();
    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
    let help = match &failure.reason {
        Reason::NotReady { .. } => {
            "programs of nodes do not start here; the message has the reason".to_owned()
        }
        _ => failure.help().unwrap_or_default(),
    };
    (format!("{failure}{cause}"), help)
}

/// What was tried, the error if it failed, and what to do if the error itself shows that.
pub(super) fn of_line(what: &str, error: &str, help: &str, place: &TrialPlace) -> Check {
    let (name, good, outcome, advice) = known(what, place);
    let found = if error.is_empty() { good } else { error };
    let advice = if help.is_empty() { advice } else { help };
    check(name, error.is_empty(), outcome, found, advice)
}

/// The name, what is found if it works, what its absence means, and what to do then.
fn known(
    what: &str,
    place: &TrialPlace,
) -> (&'static str, &'static str, CheckOutcome, &'static str) {
    use CheckOutcome::{Missing, Warning};
    match what {
        CALLS => (CALLS, "allowed", Missing, ""),
        USER => (USER, "allowed: a sandbox was made", Missing, ""),
        NET => (
            NET,
            "allowed: one was made",
            Missing,
            "hallway cannot build a project without network namespaces: run it as root, or the container with a profile that allows unshare (docker run --security-opt seccomp=unconfined --cap-add SYS_ADMIN)",
        ),
        LINKS => (
            LINKS,
            "one was made",
            Missing,
            "bridged networks need them: modprobe bridge veth, or mode: routed",
        ),
        SETTINGS => (
            SETTINGS,
            "one was changed",
            Missing,
            "hallway cannot build a project without changing settings: /proc/sys is read-only, as in a container: run it with --privileged, or as root: mount -o remount,rw,bind /proc/sys",
        ),
        NETEM => (
            NETEM,
            "available",
            Warning,
            "delay, loss and other impairments need it: modprobe sch_netem; bandwidth does not need it",
        ),
        MACVLAN => (
            MACVLAN,
            "available",
            Warning,
            "networks with parent need it: modprobe macvlan",
        ),
        VLAN => (
            VLAN,
            "available",
            Warning,
            "networks with vlan need them, unless the VLAN's link is there already: modprobe 8021q",
        ),
        RULES => (
            RULES,
            "rules of every kind were loaded",
            Missing,
            "load what they need: modprobe -a nf_tables nft_ct nft_nat nft_masq nft_fib_inet nft_reject_inet",
        ),
        _ => (
            WHOLE,
            match place {
                TrialPlace::Host => "built as on this host, with a program, and removed",
                TrialPlace::Sandbox { .. } => "built in a sandbox, with a program, and removed",
            },
            Missing,
            "",
        ),
    }
}
