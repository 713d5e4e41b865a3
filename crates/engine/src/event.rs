//! The events that the engine reports to its caller during a run. The engine prints nothing itself.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use hallway_plan::compare::{Difference, Fact};
use hallway_plan::step::Described;
use hallway_spec::{Name, Protocol};

use crate::Failure;
use crate::failure::{WarningCode, first_of};
use crate::keeper::{AwaitedProgram, NotRequired, ProgramEnd};

/// Something that happened during a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Another process is changing this scope; the run waits for it.
    WaitingForLock,
    /// The plan has been made.
    Planned {
        /// How many steps it has.
        steps: usize,
    },
    /// A step starts.
    StepStarted {
        /// The step's position, from 0.
        position: usize,
        /// How many steps the plan has.
        steps: usize,
    },
    /// Every step has been carried out.
    StepsDone,
    /// Programs are not ready yet. Reported when the run starts to wait for one, and once a second while it still
    /// waits.
    WaitingFor {
        /// These.
        programs: Vec<AwaitedProgram>,
        /// How long the run has waited for the one that it has waited for the longest.
        waited: Duration,
    },
    /// The run failed, and what was there before is being restored.
    Restoring,
    /// What a project had in the kernel has been removed.
    Removed {
        /// Every step.
        steps: Vec<Described>,
    },
    /// A warning; the run continues.
    Warning(Warning),
}

/// A message for the user that does not stop a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Ports of the real host's localhost that this user may not listen on.
    #[error(
        "{}: not on this machine's localhost, where only root may listen on ports below 1024; inside the sandbox they are served",
        list(ports)
    )]
    PrivilegedPorts {
        /// Port and protocol of each.
        ports: BTreeSet<(u16, Protocol)>,
    },
    /// Something is published on an address that the host does not have.
    #[error(
        "the host does not have the address {address}: ports published on it cannot be reached until the host has it{}",
        if *in_sandbox { " and hallway up runs again" } else { "" }
    )]
    AddressMissing {
        /// The address.
        address: IpAddr,
        /// Whether the project is in a sandbox, whose listeners on the host are bound by `up` alone.
        in_sandbox: bool,
    },
    /// A rule of another program drops packets of the project.
    #[error("blocked by another program: {}: {by}", what.join(", "))]
    Blocked {
        /// What is blocked.
        what: Vec<String>,
        /// The rule.
        by: String,
        /// What lets it pass.
        help: String,
    },
    /// Replies of published ports take another path than the requests, and rp_filter drops these.
    #[error("cannot be reached: {}: {by}", what.join(", "))]
    ReversePathFilter {
        /// What is not reached.
        what: Vec<String>,
        /// Why.
        by: String,
        /// What lets it pass.
        help: String,
    },
    /// IPv6 is turned off on every link of the host, and the project has IPv6.
    #[error(
        "IPv6 is turned off on this host: the project's nodes reach one another by IPv6, but not the outside, and no port is published on it"
    )]
    Ipv6Off,
    /// The host's name servers are on its own localhost or have link-local addresses, and no others are configured.
    #[error(
        "the host's name servers ({}) are on its localhost or have link-local addresses, which nodes cannot reach: nodes cannot resolve names of hosts outside", servers.join(", ")
    )]
    NameServers {
        /// The servers.
        servers: Vec<String>,
    },
    /// The host's list of name servers cannot be read.
    #[error("{file} cannot be read: {why}: nodes get no name servers from it")]
    UnreadNameServers {
        /// The file.
        file: &'static str,
        /// The error.
        why: String,
    },
    /// The host's name servers are its own addresses, and no policy allows nodes to reach them.
    #[error(
        "the host's name servers ({}) are addresses of the host itself, which nodes may not reach: nodes cannot resolve names of hosts outside", servers.join(", ")
    )]
    OwnNameServers {
        /// The servers.
        servers: Vec<String>,
        /// The project is in a sandbox, where such an address is the sandbox's.
        in_sandbox: bool,
    },
    /// This machine has no such file, so nodes cannot have theirs.
    #[error("this machine has no file {file}, so nodes have none: {lost}")]
    NoFile {
        /// Its name.
        file: &'static str,
        /// What programs of nodes lack.
        lost: &'static str,
    },
    /// A program failed that the programs which depend on it do not require.
    #[error("{0}")]
    NotRequired(NotRequired),
    /// Programs have ended, and an edit does not start them again.
    #[error("{} not running: {}", match programs.len() { 1 => "a program is", _ => "programs are" }, ended(programs))]
    NotRunning {
        /// Each with the reason, in words.
        programs: Vec<(Name, String)>,
    },
    /// Something that other programs made keeps the project from working; hallway does not change it.
    #[error("{difference}")]
    LeftToOthers {
        /// What.
        difference: Box<Difference>,
    },
    /// Something inside nodes is not as it must be; everything else is.
    #[error("{0}")]
    NodeNotKept(Box<Failure>),
    /// A record could not be used; the plan is made from what the kernel shows.
    #[error("{0}")]
    Record(Box<Failure>),
}

impl Warning {
    /// The stable code, explained in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::PrivilegedPorts { .. } => WarningCode::PrivilegedPort.text(),
            Self::AddressMissing { .. } => WarningCode::AddressMissing.text(),
            Self::Ipv6Off => WarningCode::Ipv6Off.text(),
            Self::NameServers { .. }
            | Self::OwnNameServers { .. }
            | Self::UnreadNameServers { .. } => WarningCode::NameServers.text(),
            Self::NoFile { .. } => WarningCode::NoFile.text(),
            Self::NotRequired(_) => WarningCode::NotRequired.text(),
            Self::NotRunning { .. } => WarningCode::NotRunning.text(),
            Self::LeftToOthers { difference } => match difference.fact {
                Fact::PortTaken { .. } => WarningCode::PortTaken.text(),
                _ => WarningCode::AddressElsewhere.text(),
            },
            Self::Blocked { .. } => WarningCode::Blocked.text(),
            Self::ReversePathFilter { .. } => WarningCode::ReversePathFilter.text(),
            Self::Record(failure) | Self::NodeNotKept(failure) => failure.code(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::PrivilegedPorts { .. } => {
                "publish a port from 1024 up, or lower net.ipv4.ip_unprivileged_port_start".into()
            }
            Self::AddressMissing { in_sandbox, .. } => match in_sandbox {
                true => "give the host the address, then: hallway up; or publish on another one".into(),
                false => "give the host the address, or publish on another one; no new up is needed".into(),
            },
            Self::Ipv6Off => {
                "turn it on: sysctl -w net.ipv6.conf.all.disable_ipv6=0; or leave out the IPv6 subnets".into()
            }
            Self::NameServers { .. } => {
                "name servers that they can reach: dns: [ADDRESS] of the nodes".into()
            }
            Self::UnreadNameServers { file, .. } => {
                format!("make {file} a regular file that can be read, or give the nodes servers: dns: [ADDRESS]")
            }
            Self::OwnNameServers { in_sandbox, .. } => match in_sandbox {
                true => "name other servers: dns: [ADDRESS] of the nodes".into(),
                false => "allow queries to them: hallway allow any host --port 53/udp,53/tcp; or name other servers: dns: [ADDRESS] of the nodes".into(),
            },
            Self::NoFile { file, .. } => format!("make {file} a regular file, as root: touch {file} if nothing has that name"),
            Self::NotRequired(program) => match program.end {
                ProgramEnd::Blocked => "hallway up starts it when that program works".into(),
                _ => format!("see what it wrote: hallway logs {}", program.node),
            },
            Self::NotRunning { .. } => "hallway start NODE or hallway up starts it; hallway logs NODE shows why it ended".into(),
            Self::LeftToOthers { difference } => difference.remedy().unwrap_or_default(),
            Self::Blocked { help, .. } | Self::ReversePathFilter { help, .. } => help.clone(),
            Self::Record(failure) | Self::NodeNotKept(failure) => {
                failure.help().unwrap_or_default()
            }
        }
    }
}

fn ended(programs: &[(Name, String)]) -> String {
    let words = programs.iter().map(|(node, why)| format!("{node} ({why})"));
    first_of(words, ", ")
}

fn list(ports: &BTreeSet<(u16, Protocol)>) -> String {
    let names: Vec<String> = ports
        .iter()
        .map(|(port, p)| format!("{port}/{p}"))
        .collect();
    names.join(", ")
}

/// Receives the events of a run.
///
/// ```
/// use hallway_engine::{Event, Reporter};
/// struct Count(usize);
/// impl Reporter for Count {
///     fn report(&mut self, event: Event) {
///         self.0 += usize::from(matches!(event, Event::StepStarted { .. }));
///     }
/// }
/// ```
pub trait Reporter {
    /// Called with each event, in order, on the thread that does the work.
    fn report(&mut self, event: Event);
}

/// A reporter that ignores every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&mut self, _event: Event) {}
}

impl<F: FnMut(Event)> Reporter for F {
    fn report(&mut self, event: Event) {
        self(event);
    }
}
