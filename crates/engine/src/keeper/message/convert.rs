//! Conversions between the types of messages and those of the client and the keeper.

use std::time::Duration;

use hallway_spec as spec;

use super::super::{ProgramState, ProgramStatus, desired, message};
use super::{
    Condition, Dependency, Forward, Health, Healthcheck, Listen, Port, Program, Protocol, Restart,
    State,
};

impl From<&desired::Program> for Program {
    fn from(p: &desired::Program) -> Self {
        Self {
            node: p.node.clone(),
            hostname: p.hostname.clone(),
            netns: p.netns.clone(),
            inode: p.inode,
            command: p.command.clone(),
            environment: p.environment.clone(),
            working_dir: p.working_dir.clone(),
            rights: p.rights.clone(),
            hosts: p.hosts.clone(),
            resolv_conf: p.resolv_conf.clone(),
            etc_inodes: p.etc_inodes,
            log: p.log.clone(),
            ready: p.ready.iter().map(|r| (*r).into()).collect(),
            restart: p.restart.into(),
            healthcheck: p.healthcheck.as_ref().map(Into::into),
            depends_on: p.depends_on.iter().map(Into::into).collect(),
        }
    }
}

impl From<Program> for desired::Program {
    fn from(p: Program) -> Self {
        Self {
            node: p.node,
            hostname: p.hostname,
            netns: p.netns,
            inode: p.inode,
            command: p.command,
            environment: p.environment,
            working_dir: p.working_dir,
            rights: p.rights,
            hosts: p.hosts,
            resolv_conf: p.resolv_conf,
            etc_inodes: p.etc_inodes,
            log: p.log,
            ready: p.ready.into_iter().map(Into::into).collect(),
            restart: p.restart.into(),
            may_fail: false, // of no concern to a keeper
            healthcheck: p.healthcheck.map(Into::into),
            depends_on: p.depends_on.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<&spec::Healthcheck> for Healthcheck {
    fn from(check: &spec::Healthcheck) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            test: check.test.clone(),
            interval: millis(check.interval),
            timeout: millis(check.timeout),
            retries: check.retries,
            start_period: millis(check.start_period),
            start_interval: millis(check.start_interval),
        }
    }
}

impl From<Healthcheck> for spec::Healthcheck {
    fn from(check: Healthcheck) -> Self {
        Self {
            test: check.test,
            interval: Duration::from_millis(check.interval),
            timeout: Duration::from_millis(check.timeout),
            retries: check.retries,
            start_period: Duration::from_millis(check.start_period),
            start_interval: Duration::from_millis(check.start_interval),
        }
    }
}

impl From<&spec::Dependency> for Dependency {
    fn from(dependency: &spec::Dependency) -> Self {
        Self {
            node: dependency.node.clone(),
            condition: dependency.condition.into(),
            required: dependency.required,
        }
    }
}

impl From<Dependency> for spec::Dependency {
    fn from(dependency: Dependency) -> Self {
        Self {
            node: dependency.node,
            condition: dependency.condition.into(),
            required: dependency.required,
        }
    }
}

impl From<desired::Listen> for Listen {
    fn from(l: desired::Listen) -> Self {
        Self {
            address: l.address,
            protocol: l.protocol.into(),
            on_machine: l.namespace == desired::Namespace::Machine,
        }
    }
}

impl From<Listen> for desired::Listen {
    fn from(l: Listen) -> Self {
        Self {
            address: l.address,
            protocol: l.protocol.into(),
            namespace: match l.on_machine {
                true => desired::Namespace::Machine,
                false => desired::Namespace::Project,
            },
        }
    }
}

impl From<desired::Forward> for Forward {
    fn from(f: desired::Forward) -> Self {
        Self {
            listen: f.listen.into(),
            target: f.target,
        }
    }
}

impl From<Forward> for desired::Forward {
    fn from(f: Forward) -> Self {
        Self {
            listen: f.listen.into(),
            target: f.target,
        }
    }
}

impl From<spec::PortProto> for Port {
    fn from(p: spec::PortProto) -> Self {
        Self {
            port: p.port,
            protocol: p.protocol.into(),
        }
    }
}

impl From<Port> for spec::PortProto {
    fn from(p: Port) -> Self {
        Self {
            port: p.port,
            protocol: p.protocol.into(),
        }
    }
}

impl From<ProgramStatus> for message::ProgramStatus {
    fn from(s: ProgramStatus) -> Self {
        Self {
            node: s.node,
            state: s.state.into(),
            pid: s.pid,
            restarts: s.restarts,
            health: s.health.map(Into::into),
            exit: s.exit,
            ended_ms: s.ended_ms,
        }
    }
}

impl From<message::ProgramStatus> for ProgramStatus {
    fn from(s: message::ProgramStatus) -> Self {
        Self {
            node: s.node,
            state: s.state.into(),
            pid: s.pid,
            restarts: s.restarts,
            health: s.health.map(Into::into),
            exit: s.exit,
            ended_ms: s.ended_ms,
        }
    }
}

/// Conversions in both directions between two enums with the same variants.
macro_rules! same_variants {
    ($message:ty, $domain:ty: $($variant:ident),*) => {
        impl From<$domain> for $message {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => Self::$variant),* }
            }
        }
        impl From<$message> for $domain {
            fn from(value: $message) -> Self {
                match value { $(<$message>::$variant => Self::$variant),* }
            }
        }
    };
}

same_variants!(Protocol, spec::Protocol: Tcp, Udp, Sctp);
same_variants!(Restart, spec::Restart: No, OnFailure, Always, UnlessStopped);
same_variants!(Condition, spec::Condition: ServiceStarted, ServiceHealthy, ServiceCompletedSuccessfully);
same_variants!(Health, spec::Health: Starting, Healthy, Unhealthy);
same_variants!(State, ProgramState: Waiting, Starting, Running, Restarting, Exited);
