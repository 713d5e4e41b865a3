//! Everything that can fail in the engine, one variant each, with its stable code.

use std::path::PathBuf;

use hallway_kernel::files;
use hallway_plan::Conflict;
use hallway_plan::compare::Difference;
use hallway_spec::{Name, Protocol};

use super::words::{named, quoted};
use super::{Detail, FileAction, NotReady, UserNamespaceRefusal};

/// What failed. `Display` is the message; [`Reason::code`] the stable code.
///
/// ```
/// use hallway_engine::Reason;
///
/// let reason = Reason::Interrupted { signal: 2 };
/// assert_eq!(reason.to_string(), "interrupted; the former state has been restored");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A signal or a caller cancelled the run.
    #[error("interrupted; the former state has been restored")]
    Interrupted {
        /// The number of the signal.
        signal: u8,
    },
    /// A file of the state directory could not be used.
    #[error("cannot {action} {}: {error}", path.display())]
    StateFile {
        /// What was attempted.
        action: FileAction,
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        error: String,
    },
    /// Something of a project is left, although the project is down.
    #[error("the project is down, but {} cannot be removed: {}", left.path.display(), left.why())]
    StateLeft {
        /// What is left.
        left: files::Left,
    },
    /// A file or directory is not safe: using it could change or show something else.
    #[error("{} cannot be used for state: {why}", path.display())]
    StateUnsafe {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// This program has rights that its caller does not have.
    #[error(
        "hallway is installed so that it has more rights than its caller (set-user-ID, set-group-ID or file capabilities), so it refuses to run"
    )]
    SetUserId,
    /// A variable of sudo or pkexec does not name a user or group.
    #[error("{variable} is not the number of a user or group: {value:?}")]
    CallingUser {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// There is no directory that only this user can write to.
    #[error("there is no directory for the state of user {user}: XDG_RUNTIME_DIR is not set")]
    NoStateDirectory {
        /// The user's number.
        user: u32,
    },
    /// A record has a version that this program cannot read.
    #[error("{} was written by another version of hallway (format {version})", path.display())]
    RecordVersion {
        /// The file.
        path: PathBuf,
        /// Its format's number.
        version: u64,
    },
    /// A record cannot be read.
    #[error("{} is damaged: {error}", path.display())]
    RecordDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// The kernel's state could not be read.
    #[error("the state of the kernel could not be read")]
    Kernel,
    /// A step of a plan failed.
    #[error("could not {action} {kind} {name} (step {position} of {count})")]
    Step {
        /// What the step does, like `create`.
        action: String,
        /// What it does it to, like `bridge`.
        kind: String,
        /// The name of that object.
        name: String,
        /// The step's number, from 1.
        position: usize,
        /// How many steps the plan has.
        count: usize,
    },
    /// All steps succeeded, but objects that they built are missing or changed.
    #[error(
        "objects that were built are missing or changed: {}",
        named(differences)
    )]
    NotKept {
        /// What differs.
        differences: Vec<Difference>,
    },
    /// The same, inside nodes alone: everything else is as requested.
    #[error(
        "not as it must be: {}; everything else is as requested",
        named(differences)
    )]
    NodeNotKept {
        /// What differs.
        differences: Vec<Difference>,
    },
    /// The directory of named namespaces cannot be used.
    #[error("{} cannot be used for namespaces", path.display())]
    NetnsDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// Something is mounted over the directory of named namespaces.
    #[error("{kind} is mounted over {}: the namespaces of the project are below it", path.display())]
    NetnsCovered {
        /// The directory.
        path: PathBuf,
        /// What is mounted, like `tmpfs`.
        kind: String,
    },
    /// The file conflicts with what is on the host already.
    #[error("{0}")]
    Conflict(Conflict),
    /// The project was built from another file.
    #[error("project {project} is up from {built_from}, which is another file than {given}")]
    OtherFile {
        /// The project.
        project: Name,
        /// The file it was built from.
        built_from: String,
        /// The file that was given now.
        given: String,
    },
    /// Impairments need netem.
    #[error("interface {interface} of node {node} has impairments, but this kernel has no netem")]
    NoNetem {
        /// The node.
        node: Name,
        /// The interface.
        interface: String,
    },
    /// A network with a parent needs links of that kind.
    #[error("network {network} has parent, but this kernel has no {kind} interfaces")]
    NoLinkKind {
        /// The network.
        network: Name,
        /// `macvlan` or `vlan`.
        kind: &'static str,
    },
    /// A policy between members of one network needs br_netfilter.
    #[error(
        "a policy denies traffic between members of network {network}, but the kernel module br_netfilter is not loaded"
    )]
    NoBrNetfilter {
        /// The network.
        network: Name,
    },
    /// Another process has allocated the address to another node.
    #[error("address {address} is in use by node {node}")]
    AddressLeased {
        /// The address.
        address: std::net::IpAddr,
        /// The node that has it.
        node: Name,
    },
    /// Another project publishes the port.
    #[error("port {port}/{protocol} is published by project {project} already")]
    PortPublished {
        /// The port.
        port: u16,
        /// tcp or udp.
        protocol: Protocol,
        /// The other project.
        project: Name,
    },
    /// Another program listens on the port.
    #[error(
        "port {port}/{protocol}{}{} is in use by {}",
        address.map_or_else(String::new, |a| format!(" of {a}")),
        if *of_machine { " of this machine" } else { "" },
        by.as_deref().unwrap_or("another program")
    )]
    PortInUse {
        /// The port.
        port: u16,
        /// tcp or udp.
        protocol: Protocol,
        /// The one address it listens on.
        address: Option<std::net::IpAddr>,
        /// On the real host, for a project in a sandbox.
        of_machine: bool,
        /// The program, if its name can be read.
        by: Option<String>,
    },
    /// A rule of another program sends the packets to the port elsewhere.
    #[error(
        "port {port}/{protocol} of {address} is in use by {rule}, which is not hallway's and changes the destination of packets"
    )]
    PortTranslated {
        /// The port.
        port: u16,
        /// tcp, udp or sctp.
        protocol: Protocol,
        /// The address of the host.
        address: std::net::IpAddr,
        /// The rule.
        rule: String,
        /// The command that shows it.
        shown_by: String,
    },
    /// A port cannot be listened on, for a reason of [`BindError`](crate::keeper::BindError).
    #[error("{}", .0.message)]
    NotBound(Detail),
    /// The kernel does not have or change a setting of the file.
    #[error("{}", .0.message)]
    Setting(Detail),
    /// A node's program ended, or did not become ready in time.
    #[error("node {node}: {why}{}", quoted(last_lines))]
    NotReady {
        /// The node.
        node: String,
        /// What happened.
        why: NotReady,
        /// The last lines of its log.
        last_lines: Vec<String>,
        /// By which policies the file is stricter than the restored state, each as a sentence.
        not_in_force: Vec<String>,
        /// The project was up without a record: there was no former state to restore.
        unrecorded: bool,
        /// The project, if it was left up without this program (`up --wait`).
        left_up: Option<Name>,
    },
    /// What the file expects is not true of the network that was built.
    #[error("an expectation of the file is not met; the former state has been restored")]
    ExpectationFailed,
    /// The text on record cannot be edited.
    #[error("the file {project} was built from cannot be read again")]
    SourceUnreadable {
        /// The project.
        project: Name,
    },
    /// The keeper cannot be used, for a reason of [`KeeperError`](crate::keeper::KeeperError).
    #[error("{}", .0.message)]
    Keeper(Detail),
    /// A program is to run as a user that does not exist.
    #[error("node {node}: there is no user {user} on this machine")]
    UserUnknown {
        /// The node.
        node: Name,
        /// The user.
        user: String,
    },
    /// A program is to run as a user that the sandbox does not have.
    #[error("node {node}: user {user} does not exist in this sandbox, which has one user only")]
    UserNotMapped {
        /// The node.
        node: Name,
        /// The user.
        user: String,
    },
    /// A node has no program.
    #[error("no programs of {project} run")]
    NoPrograms {
        /// The project.
        project: Name,
    },
    /// The process that binds ports on the real host cannot be started.
    #[error("ports of this machine cannot be served: {error}")]
    Porter {
        /// The operating system's answer.
        error: String,
    },
    /// /proc is not mounted.
    #[error(
        "/proc is not mounted here: without it hallway can read neither namespaces nor settings"
    )]
    NoProc,
    /// The root directory is that of a chroot.
    #[error(
        "this is a chroot, in which the kernel allows neither sandboxes nor separate mounts for programs"
    )]
    Chroot,
    /// A filter of system calls refuses one that hallway needs.
    #[error(
        "this process may not use the system call {name} ({error}), which hallway needs: a filter of system calls (seccomp) forbids it"
    )]
    CallRefused {
        /// The system call.
        name: &'static str,
        /// The error.
        error: String,
    },
    /// The machine does not allow user namespaces.
    #[error("this machine does not allow a sandbox: {0}")]
    NoUserNamespaces(UserNamespaceRefusal),
    /// The sandbox could not be made.
    #[error("the sandbox cannot be set up: {error}")]
    SandboxNotMade {
        /// What happened.
        error: String,
    },
    /// The sandbox's user ids could not be mapped.
    #[error("the sandbox's user ids cannot be mapped: {error}")]
    SandboxIds {
        /// The operating system's answer.
        error: String,
    },
    /// The sandbox cannot be entered.
    #[error("the sandbox {name} cannot be entered")]
    SandboxNotEntered {
        /// Its name.
        name: String,
    },
    /// Processes of a sandbox run, but cannot be examined.
    #[error("the sandbox {name} cannot be ended from here: its processes cannot be examined")]
    SandboxNotReached {
        /// Its name.
        name: String,
    },
    /// Processes of a sandbox cannot be ended.
    #[error("processes of the sandbox {name} do not end")]
    SandboxNotEnded {
        /// Its name.
        name: String,
    },
    /// The interface to capture on does not exist.
    #[error("the interface does not exist")]
    NoInterface,
    /// Packets cannot be captured.
    #[error("packets cannot be captured")]
    Capture,
    /// The interface was removed or set down during a capture.
    #[error("the interface was set down or removed")]
    CaptureEnded,
    /// The node's namespace does not exist.
    #[error("the namespace of node {node} does not exist")]
    NodeMissing {
        /// The node.
        node: Name,
    },
    /// A defect of hallway.
    #[error("a defect of hallway: {0}")]
    Bug(&'static str),
}
