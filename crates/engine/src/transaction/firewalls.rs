//! Warnings when a project is built: what rules of other programs drop.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_plan::reach::{Party, Path, Question, ReasonCode, Service, World};
use hallway_plan::rules;
use hallway_plan::{Settled, mark};
use hallway_spec::{PortProto, Protocol};

use super::Caller;
use crate::event::Warning;
use crate::read::environment::environment;
use crate::{Engine, Failure, Planned, Reason};

/// A service that many nodes use: a firewall usually treats other services in the same way.
const HTTPS: PortProto = PortProto {
    port: 443,
    protocol: Protocol::Tcp,
};

impl Engine {
    /// Warns of what rules of other programs drop, one warning for each chain.
    pub(super) fn warn_of_firewalls(
        &self,
        planned: &Planned,
        caller: &mut Caller<'_>,
    ) -> Result<(), Failure> {
        let settled = &planned.settled;
        let tables = self.kernel().tables();
        let tables = tables.map_err(|e| Failure::caused(Reason::Kernel, e))?;
        if tables.iter().all(|t| mark::is_ours(&t.name)) {
            return Ok(());
        }
        let around = environment(settled).map_err(|e| Failure::caused(Reason::Kernel, e))?;
        if around.foreign.is_empty() {
            return Ok(());
        }
        let addresses = addresses(&around.host_addresses);
        let rules = rules::ruleset(settled);
        let Some(world) = World::new(settled, &rules, around) else {
            return Ok(());
        };
        let mut blocked: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        let mut add = |what: String, paths: Vec<Path>| {
            for reason in paths.into_iter().map(|p| p.reason) {
                if reason.code == ReasonCode::ForeignRule {
                    let by = blocked.entry((reason.text, reason.help)).or_default();
                    if !by.contains(&what) {
                        by.push(what.clone());
                    }
                }
            }
        };
        for (what, question) in questions(settled, &addresses) {
            add(what, question.predict(&world));
        }
        for ((by, help), what) in blocked {
            caller.warn(Warning::Blocked { what, by, help });
        }
        Ok(())
    }
}

/// One address of each IP version at which the host is reached from outside.
fn addresses(all: &[IpAddr]) -> Vec<IpAddr> {
    let usable = |a: &&IpAddr| match a {
        IpAddr::V4(a) => !a.is_loopback() && !a.is_link_local(),
        IpAddr::V6(a) => !a.is_loopback() && !a.is_unicast_link_local(),
    };
    let first = |v4: bool| all.iter().filter(usable).find(|a| a.is_ipv4() == v4);
    [first(true), first(false)]
        .into_iter()
        .flatten()
        .copied()
        .collect()
}

fn questions(settled: &Settled, addresses: &[IpAddr]) -> Vec<(String, Question)> {
    let mut out = Vec::new();
    for network in settled.inner_networks().filter(|n| !n.internal) {
        let on = |n: &&hallway_plan::settled::Node| n.ports().any(|(_, on, _)| *on == network.name);
        if let Some(node) = settled.nodes.iter().find(on) {
            let question = Question {
                from: Party::Node(node.name.clone()),
                to: Party::Outside,
                service: Service::Port(HTTPS),
            };
            out.push((
                format!("nodes of network {} to outside", network.name),
                question,
            ));
        }
    }
    for publish in &settled.publishes {
        let port = PortProto {
            port: publish.host_ports.first(),
            protocol: publish.protocol,
        };
        let named = publish.host_address.filter(|a| !a.is_loopback());
        let at: Vec<IpAddr> = match publish.host_address {
            Some(_) => named.into_iter().collect(),
            None => addresses.to_vec(),
        };
        out.extend(at.into_iter().map(|address| {
            let question = Question {
                from: Party::Outside,
                to: Party::Address(address),
                service: Service::Port(port),
            };
            (format!("published port {port} from outside"), question)
        }));
    }
    out
}
