//! What a project's keeper is to do: programs, and listeners on localhost.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use hallway_engine::keeper::{
    BindCause, Desired, Forward, Listen, Listener, Namespace, Program, bind as bind_here,
};
use hallway_engine::{Engine, Failure, Record, Settled, settled};
use hallway_spec::Protocol;

use crate::scope::Scope;

/// Where named namespaces are.
pub(super) const NETNS: &str = "/run/netns";

/// Everything the keeper of a project does.
pub(crate) fn desired(scope: &Scope, settled: &Settled, record: &Record) -> Desired {
    let base = record
        .path
        .as_deref()
        .and_then(|p| Path::new(p).parent())
        .map(Path::to_owned);
    Desired {
        programs: settled
            .nodes
            .iter()
            .filter_map(|node| service(&scope.engine, settled, node, record, base.as_deref()))
            .collect(),
        forwards: forwards(settled, scope.porter.is_some()),
    }
}

fn service(
    engine: &Engine,
    settled: &Settled,
    node: &settled::Node,
    record: &Record,
    base: Option<&Path>,
) -> Option<Program> {
    let workload = node.service.as_ref()?;
    let working_dir = workload.working_dir.as_ref().map(PathBuf::from);
    Some(Program {
        node: node.name.to_string(),
        netns: Path::new(NETNS).join(&node.netns),
        inode: record
            .inodes
            .iter()
            .find(|(n, _)| *n == node.netns)
            .map_or(0, |(_, i)| *i),
        command: workload.command.clone(),
        environment: node.environment.clone(),
        working_dir: working_dir.map_or_else(
            || base.map(Path::to_owned),
            |d| Some(base.map_or(d.clone(), |b| b.join(&d))),
        ),
        hosts: Some(engine.hosts_file(&settled.project, node)),
        resolv_conf: engine.resolv_file(&settled.project, node),
        log: log_file(engine, settled, node),
        ready: workload.ready.clone(),
        restart: workload.restart,
        depends_on: workload
            .depends_on
            .iter()
            .map(ToString::to_string)
            .collect(),
    })
}

/// Where a node's program writes.
pub(crate) fn log_file(engine: &Engine, settled: &Settled, node: &settled::Node) -> PathBuf {
    engine
        .directory(&settled.project)
        .join("logs")
        .join(format!("{}.log", node.name))
}

/// Listeners on localhost for every published port that is not for another address alone: in the
/// namespace the project is in, and for a sandbox on the real host too.
fn forwards(settled: &Settled, sandboxed: bool) -> Vec<Forward> {
    let mut out = Vec::new();
    for publish in &settled.publishes {
        let listens: Vec<IpAddr> = match publish.host_address {
            None => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            Some(address) if address.is_loopback() => vec![address],
            Some(_) => continue,
        };
        for listen in listens {
            let same = publish
                .targets
                .iter()
                .find(|t| t.is_ipv4() == listen.is_ipv4());
            let Some(target) = same.or(publish.targets.first()) else {
                continue;
            };
            for (host, node) in publish.host_ports.iter().zip(publish.node_ports.iter()) {
                for namespace in [Namespace::Project, Namespace::Machine]
                    .into_iter()
                    .filter(|n| sandboxed || *n == Namespace::Project)
                {
                    out.push(Forward {
                        listen: Listen {
                            address: SocketAddr::new(listen, host),
                            protocol: publish.protocol,
                            namespace,
                        },
                        target: SocketAddr::new(*target, node),
                    });
                }
            }
        }
    }
    out.sort();
    out.dedup();
    out
}

/// Ports of the real host that this user may not listen on.
pub(crate) type Refused = BTreeSet<(u16, Protocol)>;

/// Binds what is not held yet, before anything is built, so that a port that is taken is known
/// while nothing has been touched. Also which ports of the real host this user may not have.
pub(crate) fn bind(
    scope: &Scope,
    settled: &Settled,
    wanted: &[Forward],
    held: &[Forward],
) -> Result<(Vec<Listener>, Refused), Failure> {
    let held: BTreeSet<Listen> = held.iter().map(|h| h.listen).collect();
    let (mut out, mut refused) = (Vec::new(), Refused::new());
    let mut taken = Vec::new();
    for listen in wanted.iter().map(|w| w.listen) {
        if held.contains(&listen) {
            continue;
        }
        let on_machine = listen.namespace == Namespace::Machine;
        let bound = match (on_machine, &scope.porter) {
            (true, Some(porter)) => porter.bind(listen),
            (true, None) => continue,
            (false, _) => bind_here(listen),
        };
        match bound {
            Ok(listener) => out.push(listener),
            Err(error) => match error.cause {
                BindCause::InUse => taken.push(in_use(&scope.engine, settled, listen)),
                BindCause::NotPermitted if on_machine => {
                    refused.insert((listen.address.port(), listen.protocol));
                }
                // No IPv6 on this machine: IPv4 serves alone.
                BindCause::NoSuchAddress if listen.address.is_ipv6() => {}
                _ => return Err(error.into()),
            },
        }
    }
    taken.dedup_by(|a, b| a.place == b.place);
    let mut taken = taken.into_iter();
    match taken.next() {
        None => Ok((out, refused)),
        Some(first) => Err(Failure {
            also: taken.collect(),
            ..first
        }),
    }
}

fn in_use(engine: &Engine, settled: &Settled, spec: Listen) -> Failure {
    let port = spec.address.port();
    let publishes = |of: &Settled| {
        let mut all = of.publishes.iter();
        all.find(|p| p.protocol == spec.protocol && p.host_ports.contains(port))
            .cloned()
    };
    let other = engine.projects().into_iter().find(|name| {
        let applied = engine.record(name).and_then(|r| r.applied);
        *name != settled.project && applied.is_some_and(|a| publishes(&a).is_some())
    });
    let (message, help) = match other {
        Some(other) => (
            format!(
                "port {port}/{} is published by project {other} already",
                spec.protocol
            ),
            format!(
                "publish another port, or take the other project down: hallway down -p {other}"
            ),
        ),
        None => (
            format!(
                "port {port}/{}{} is in use by another program",
                spec.protocol,
                if spec.namespace == Namespace::Machine {
                    " of this machine"
                } else {
                    ""
                }
            ),
            format!("find it with: ss -lnp 'sport = :{port}'; end it, or publish another port"),
        ),
    };
    Failure {
        place: publishes(settled).map(|p| p.place),
        ..Failure::new("port-in-use", message).help(help)
    }
}
