//! What `up` needs of the kernel, tried in namespaces of a process that are removed with it.

use std::process::{Command, Stdio};

use hallway_kernel::link::{self, BridgeSpec};
use hallway_kernel::sys::NamespaceKind;
use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::Transaction;
use hallway_plan::rules::ruleset;
use hallway_plan::{Surroundings, settle};

use super::check::{Check, CheckOutcome, check};
use crate::failure::Refusal;
use crate::sandbox::{forbidden, refused};

/// What is tried, in this order: each needs those before.
const USER: &str = "user namespaces";
const NET: &str = "network namespaces";
const LINKS: &str = "bridges";
const SETTINGS: &str = "settings of links";
const RULES: &str = "nf_tables";
const NETEM: &str = "netem";
const MACVLAN: &str = "macvlan";
const VLAN: &str = "VLANs";

/// A project with rules of every kind.
const PROJECT: &str = "
networks: { a: { subnet: 10.0.0.0/24 }, b: { subnet: 10.0.1.0/24, internal: true } }
nodes: { x: { networks: [a], ports: [\"8080:80\"] }, y: { networks: [b] } }
policies: [{ from: x, to: y, ports: [80/tcp] }]
";

/// Tries everything in this process, which has one thread and ends afterwards. One line for each:
/// what was tried, a tab, and the error, which is empty if it worked.
#[must_use]
pub fn attempt() -> Vec<String> {
    let mut out = Vec::new();
    let mut kernel = Kernel::new();
    let mut note = |what: &str, result: Result<(), String>| {
        let failed = result.is_err();
        out.push(format!("{what}\t{}", result.err().unwrap_or_default()));
        failed
    };
    let user = kernel.unshare(&[NamespaceKind::User]);
    let failed = note(USER, user.map_err(|e| e.errno.to_string()));
    // Root does not need this.
    if failed && !rustix::process::geteuid().is_root() {
        return out;
    }
    let words = |e: KernelError| e.to_string();
    let made = kernel.unshare(&[NamespaceKind::Mount, NamespaceKind::Net]);
    if note(NET, made.map_err(words)) {
        return out;
    }
    let bridge = link::create_bridge(&BridgeSpec {
        name: "br-try",
        group: 0,
        mac: [2, 0, 0, 0, 0, 1],
        mtu: None,
        nf_call: false,
    });
    note(LINKS, kernel.run(bridge).map_err(words));
    let setting = kernel.write_sysctl("net/ipv4/conf/br-try/forwarding", "1");
    note(SETTINGS, setting.map_err(words));
    note(RULES, load(&mut kernel));
    let netem = kernel.has_netem().map_err(words);
    let there = |has: bool| {
        has.then_some(())
            .ok_or_else(|| "not in this kernel".to_owned())
    };
    note(NETEM, netem.and_then(there));
    for (what, kind) in [(MACVLAN, "macvlan"), (VLAN, "vlan")] {
        let has = kernel.has_link_kind(kind).map_err(words);
        note(what, has.and_then(there));
    }
    out
}

fn load(kernel: &mut Kernel) -> Result<(), String> {
    let project = hallway_spec::parse("try.yaml", PROJECT).map_err(|e| format!("{e:?}"))?;
    let settled =
        settle(&project.topology, None, &Surroundings::default()).map_err(|e| format!("{e:?}"))?;
    let mut transaction = Transaction::new();
    for table in &ruleset(&settled).tables {
        transaction.replace(table);
    }
    kernel.commit(&transaction).map_err(|e| e.to_string())
}

/// Runs this program in a separate process that tries it, and reads the results.
pub(super) fn checks() -> Vec<Check> {
    let ran = Command::new("/proc/self/exe")
        .arg("__try")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = match ran {
        Ok(ran) => String::from_utf8_lossy(&ran.stdout).into_owned(),
        Err(error) => {
            return vec![check(
                "processes",
                false,
                CheckOutcome::Missing,
                format!("/proc/self/exe: {error}"),
                "hallway starts itself by /proc: mount it (mount -t proc proc /proc)",
            )];
        }
    };
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    let root = rustix::process::geteuid().is_root();
    lines
        .map(|(what, error)| of_line(what, error, if root { None } else { forbidden() }))
        .collect()
}

/// `refusal`: the setting that forbids this user to make namespaces, if there is one.
fn of_line(what: &str, error: &str, refusal: Option<Refusal>) -> Check {
    let good = error.is_empty();
    let found = |good_words: &str| match good {
        true => good_words.to_owned(),
        false => error.to_owned(),
    };
    match what {
        USER => {
            let refusal = refused(error.parse().unwrap_or(1));
            let words = match good {
                true => "allowed: one was made".to_owned(),
                false => refusal.to_string(),
            };
            // Root builds sandboxes without them.
            let root = rustix::process::geteuid().is_root();
            let otherwise = if root {
                CheckOutcome::Warning
            } else {
                CheckOutcome::Missing
            };
            check(USER, good, otherwise, words, refusal.help())
        }
        // AppArmor allows the user namespace, but refuses what needs rights in it.
        NET if !good && refusal.is_some() => {
            let refusal = refusal.as_ref();
            let words = refusal.map(ToString::to_string).unwrap_or_default();
            let help = refusal.map_or("", Refusal::help);
            check(NET, good, CheckOutcome::Missing, words, help)
        }
        NET => check(
            NET,
            good,
            CheckOutcome::Missing,
            found("allowed: one was made"),
            "nothing can be built without: run hallway as root, or the container with a profile that allows unshare (docker run --security-opt seccomp=unconfined --cap-add SYS_ADMIN)",
        ),
        LINKS => check(
            LINKS,
            good,
            CheckOutcome::Missing,
            found("one was made"),
            "bridged networks need them: modprobe bridge veth, or mode: routed",
        ),
        SETTINGS => check(
            SETTINGS,
            good,
            CheckOutcome::Missing,
            found("one was changed"),
            "nothing can be built without: /proc/sys is read-only, as in a container: run it with --privileged, or as root: mount -o remount,rw,bind /proc/sys",
        ),
        NETEM | MACVLAN | VLAN => optional(what, error),
        _ => check(
            RULES,
            good,
            CheckOutcome::Missing,
            found("rules of every kind were loaded"),
            "load what they need: modprobe -a nf_tables nft_ct nft_nat nft_masq nft_fib_inet nft_reject_inet",
        ),
    }
}

/// What only some files need.
fn optional(what: &str, error: &str) -> Check {
    let (name, advice) = match what {
        NETEM => (
            NETEM,
            "delay, loss and other impairments need it: modprobe sch_netem; bandwidth needs none",
        ),
        MACVLAN => (MACVLAN, "networks with parent need it: modprobe macvlan"),
        _ => (
            VLAN,
            "networks with vlan need them, unless the VLAN's link is there already: modprobe 8021q",
        ),
    };
    let found = if error.is_empty() { "available" } else { error };
    check(name, error.is_empty(), CheckOutcome::Warning, found, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apparmor_is_named_where_it_refuses() {
        let found = of_line(NET, "Operation not permitted", Some(Refusal::AppArmor));
        assert!(
            found
                .found
                .contains("apparmor_restrict_unprivileged_userns = 1")
        );
        assert!(found.advice.contains("hallway install apparmor"));
        let found = of_line(NET, "", Some(Refusal::AppArmor));
        assert_eq!(found.outcome, CheckOutcome::Ok);
        let found = of_line(NET, "Operation not permitted", None);
        assert!(found.advice.contains("docker run"));
    }
}
