//! What to do about each failure.

use hallway_kernel::{KernelError, calls};
use hallway_plan::Conflict;
use hallway_spec::Name;
use rustix::io::Errno;

use super::Reason;

/// What there is of the project after a run that waited in vain for a program.
fn not_ready(reason: &Reason, hallway: &str) -> Option<String> {
    let Reason::NotReady {
        node,
        not_in_force,
        unrecorded,
        left_up,
        ..
    } = reason
    else {
        return None;
    };
    Some(match left_up {
        Some(project) => format!(
            "the project stays up; {hallway} logs -p {project} {node} shows its output, {hallway} down -p {project} removes the project"
        ),
        None if *unrecorded => {
            "the former state is not on record, so it has been taken down; correct the command and run up again".into()
        }
        None => restored(not_in_force),
    })
}

/// What was restored, and what is therefore not in force.
fn restored(not_in_force: &[String]) -> String {
    let stricter = match not_in_force {
        [] => String::new(),
        policies => format!(
            ": {}. hallway deny FROM TO adds a deny policy at once",
            policies.join("; ")
        ),
    };
    format!("the former state has been restored{stricter}; correct the command and run up again")
}

/// What to do about a failure of this reason, which the kernel may have caused. Commands that concern a project
/// begin with `hallway`.
pub(super) fn help(reason: &Reason, cause: Option<&KernelError>, hallway: &str) -> Option<String> {
    let text = match reason {
        Reason::Interrupted { .. }
        | Reason::CaptureEnded
        | Reason::SandboxNotMade { .. }
        | Reason::SandboxNotEnded { .. } => return None,
        Reason::StateFile { .. }
        | Reason::StateUnsafe { .. }
        | Reason::StateLeft { .. }
        | Reason::NetnsCovered { .. }
        | Reason::RecordVersion { .. }
        | Reason::RecordDamaged { .. } => return of_state(reason),
        Reason::CallingUser { .. } | Reason::SetUserId | Reason::UserUnknown { .. } => {
            return of_user(reason);
        }
        Reason::NoStateDirectory { .. } => {
            "set XDG_RUNTIME_DIR, or make a directory with mkdir -m 700 and give it with --state-dir or HALLWAY_STATE_DIR".into()
        }
        Reason::Kernel
        | Reason::Step { .. }
        | Reason::NetnsDirectory { .. }
        | Reason::Capture => return cause.and_then(of_errno),
        Reason::NotKept { .. } | Reason::NodeNotKept { .. } => not_kept(reason).into(),
        Reason::Conflict(Conflict { help, other, .. }) => match other {
            Some(other) => format!("{help}, or {}", take_down(hallway, other)),
            None => help.clone(),
        },
        Reason::OtherFile { .. } => {
            "hallway up --replace changes that project to this file; to build it as a separate project, set another name: in the file".into()
        }
        Reason::NoBrNetfilter { .. } | Reason::NoLinkKind { .. } | Reason::NoNetem { .. } => {
            return of_module(reason);
        }
        Reason::AddressLeased { .. } => "give the node another address, or remove the other node".into(),
        Reason::PortPublished { project, .. } => {
            format!("publish another port, or {}", take_down(hallway, project))
        }
        Reason::PortInUse { port, .. } => format!(
            "find it with: ss -lnp 'sport = :{port}'; end it, or publish another port"
        ),
        Reason::PortTranslated { shown_by, .. } => format!(
            "{shown_by} shows the rule; remove it, or publish another port"
        ),
        Reason::NotBound(detail) | Reason::Setting(detail) | Reason::Keeper(detail) => {
            detail.help.clone()
        }
        Reason::NotReady { .. } => return not_ready(reason, hallway),
        Reason::ExpectationFailed => {
            "correct the file, or build it without --test and examine it with: hallway explain, hallway trace".into()
        }
        Reason::SourceUnreadable { .. } => "run hallway up FILE".into(),
        Reason::NoPrograms { .. } => "hallway up starts them".into(),
        Reason::NoProc
        | Reason::Chroot
        | Reason::CallRefused { .. }
        | Reason::NoUserNamespaces(_)
        | Reason::SandboxIds { .. }
        | Reason::SandboxNotReached { .. }
        | Reason::SandboxNotEntered { .. }
        | Reason::Porter { .. }
        | Reason::UserNotMapped { .. }
        | Reason::NodeMissing { .. } => return of_place(reason),
        Reason::NoInterface => "hallway inspect NODE lists the interfaces of a node".into(),
        Reason::Bug(_) => "please report it with the command and the file that led to it".into(),
    };
    Some(text)
}

/// To remove another project, which uses what this one needs.
fn take_down(hallway: &str, project: &Name) -> String {
    format!("take the other project down: {hallway} down -p {project}")
}

/// Something changes what was built at the same time.
fn not_kept(reason: &Reason) -> &'static str {
    match reason {
        Reason::NodeNotKept { .. } => {
            "a program with root's rights in the node changes it: stop that program, then run hallway up again"
        }
        _ => {
            "another program changes it at the same time: stop that program, or configure it not to change hallway's links, routes and tables"
        }
    }
}

/// What to do about something that the kernel does not have.
fn of_module(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::NoBrNetfilter { .. } => {
            "load it (modprobe br_netfilter), or give the network mode: routed".into()
        }
        Reason::NoLinkKind { kind, .. } => format!(
            "load them (modprobe {}) or use a kernel that has them",
            if *kind == "vlan" { "8021q" } else { kind }
        ),
        Reason::NoNetem { .. } => {
            "load it (modprobe sch_netem) or use a kernel that has it; or leave out delay, jitter, loss, duplicate, corrupt and reorder".into()
        }
        _ => return None,
    })
}

/// Failures about the user that a program runs as.
fn of_user(reason: &Reason) -> Option<String> {
    let text = match reason {
        Reason::CallingUser { .. } => {
            "programs of nodes run as that user: call hallway with sudo or pkexec, or unset the variable"
        }
        Reason::SetUserId => {
            "as root: chmod u-s,g-s FILE and setcap -r FILE; then run it as root with sudo, or in a sandbox without"
        }
        Reason::UserUnknown { .. } => {
            "name one of /etc/passwd, or give numbers of user and group: user: 1000:1000"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// What to do if the place where hallway runs does not allow the request.
fn of_place(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::NoUserNamespaces(refusal) => refusal.help().into(),
        Reason::NoProc => "mount it: mount -t proc proc /proc".into(),
        Reason::Chroot => {
            "run hallway outside of the chroot, or enter the directory with pivot_root, as systemd-nspawn, bwrap and containers do; with --host it is enough that the directory is a mount point: mount --bind DIR DIR; chroot DIR".into()
        }
        Reason::CallRefused { .. } => ALLOW_CALLS.into(),
        Reason::SandboxIds { .. } if rustix::process::geteuid().is_root() => {
            "root needs the capabilities SETUID and SETGID for this: run the container with --cap-add SETUID --cap-add SETGID, or build with --host".into()
        }
        Reason::SandboxIds { .. } => "run as root, or allow it: see hallway doctor".into(),
        Reason::SandboxNotEntered { .. } | Reason::SandboxNotReached { .. } => not_reached(),
        Reason::UserNotMapped { .. } => {
            "leave user out: programs in a sandbox have the rights of the user who made it; or build with --host as root".into()
        }
        Reason::NodeMissing { .. } => "hallway up builds it again".into(),
        Reason::Porter { .. } => "run hallway again, or without published ports".into(),
        _ => return None,
    })
}

/// What to do about a filter of system calls.
const ALLOW_CALLS: &str = "run the container or service with a profile that allows it (docker run --security-opt seccomp=unconfined), or hallway outside of it";

/// Why processes of a sandbox cannot be reached.
fn not_reached() -> String {
    match calls::refused() {
        Some(call) => format!("the system call {} is refused: {ALLOW_CALLS}", call.name),
        None => "a sandbox can be entered only by its user, from the user namespace in which it was made (not after unshare --user, not from a container)".into(),
    }
}

/// What to do about a well-known error of the kernel.
fn of_errno(error: &KernelError) -> Option<String> {
    if error.is_not_permitted() && rustix::process::geteuid().is_root() {
        return Some("this process is root but is not allowed to do it, as in a container or with a seccomp filter: run the container with --privileged, or with --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined; or build in a sandbox, without --host".into());
    }
    if error.is_not_permitted() {
        return Some("run as root, or without --host to build in a sandbox".into());
    }
    match Errno::from_raw_os_error(error.errno) {
        Errno::NOSPC => Some("a limit of the kernel is reached: see user.max_net_namespaces and user.max_mnt_namespaces".into()),
        Errno::MSGSIZE => Some("run hallway down, then hallway up: rules that are not in use yet are sent in several messages; or allow larger messages, as root: sysctl -w net.core.wmem_max=16777216".into()),
        Errno::ROFS => Some("/proc/sys is read-only, as in a container: run the container with --privileged, or as root: mount -o remount,rw,bind /proc/sys".into()),
        Errno::OPNOTSUPP => Some("this kernel lacks something that is needed: hallway doctor shows what".into()),
        _ => None,
    }
}

/// The same for files, directories and mounts.
fn of_state(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::RecordVersion { .. } => {
            "use the version of hallway that built the project; hallway down removes the project by its marks".into()
        }
        Reason::RecordDamaged { .. } => {
            "hallway up FILE builds the project again; hallway down removes it by its marks".into()
        }
        Reason::StateFile { .. } => "give another place with --state-dir or HALLWAY_STATE_DIR".into(),
        Reason::NetnsCovered { path, .. } => {
            format!("unmount it, then run this again: umount {}", path.display())
        }
        Reason::StateLeft { left } => {
            let verb = if left.is_mounted() { "umount" } else { "remove" };
            format!("{verb} {}; then run hallway down again", left.path.display())
        }
        Reason::StateUnsafe { .. } => {
            "use a directory that only you can change: make one with mkdir -m 700, and give it with --state-dir or HALLWAY_STATE_DIR; of a project that is up, hallway down removes the namespaces, links and rules in any case, and its files if the directory contains no files of other users".into()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use hallway_plan::ConflictCode;
    use hallway_spec::{Place, Protocol};

    use super::*;

    /// Commands that concern a project have the flags of the place. What a message quotes is not changed.
    #[test]
    fn commands_begin_with_the_flags_of_the_place() {
        let project: Name = "other".parse().unwrap();
        let conflict = |help: &str, other| {
            Reason::Conflict(Conflict {
                code: ConflictCode::SubnetInUse,
                message: String::new(),
                place: Place::default(),
                help: help.into(),
                other,
            })
        };
        let port = Reason::PortPublished {
            port: 80,
            protocol: Protocol::Tcp,
            project: project.clone(),
        };
        let quoted = "rename hallway down -p x";
        for (reason, says) in [
            (
                port,
                "publish another port, or take the other project down: hallway --host down -p other",
            ),
            (
                conflict("choose another subnet", Some(project)),
                "choose another subnet, or take the other project down: hallway --host down -p other",
            ),
            (conflict(quoted, None), quoted),
        ] {
            assert_eq!(help(&reason, None, "hallway --host").unwrap(), says);
        }
    }
}
