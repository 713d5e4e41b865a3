//! Ports that other projects of this scope publish already.

use hallway_plan::mark;
use hallway_plan::settled::Publish;
use hallway_spec::Name;

use crate::{Engine, Failure, Reason};

impl Engine {
    /// Which of these published ports other projects that are up have. Their rules are found even where
    /// no listener shows them: on an address of the host, of SCTP, in a long range.
    pub(super) fn published_by_others(
        &self,
        project: &Name,
        publishes: &[&Publish],
    ) -> Result<Vec<Failure>, Failure> {
        let others = self.publishes_of_others(project);
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let tables = self.kernel().tables();
        let tables = tables.map_err(|e| Failure::caused(Reason::Kernel, e))?;
        let is_up = |name: &Name| tables.iter().any(|t| t.name == mark::table(name));
        let mut out: Vec<Failure> = Vec::new();
        for (other, theirs) in others.iter().filter(|(name, _)| is_up(name)) {
            let taken = publishes.iter().filter_map(|publish| {
                let same = theirs.iter().find(|t| overlaps(publish, t))?;
                Some(failure(publish, same, other))
            });
            out.extend(taken);
        }
        Ok(out)
    }

    /// The other projects of this scope with what their records say that they publish. A record that cannot be
    /// read is reported by the next command for that project.
    pub(super) fn publishes_of_others(&self, project: &Name) -> Vec<(Name, Vec<Publish>)> {
        let mut others = self.projects();
        others.retain(|name| name != project);
        let published = |name: Name| {
            let applied = self.record(&name).ok().flatten()?.applied?;
            Some((name, applied.publishes))
        };
        others.into_iter().filter_map(published).collect()
    }
}

/// Whether packets for one of two published ports are for the other as well. Those on localhost are
/// left out: there the listeners show it.
fn overlaps(a: &Publish, b: &Publish) -> bool {
    let is_loopback = |p: &Publish| p.host_address.is_some_and(|a| a.is_loopback());
    let serves_version = |p: &Publish, v4: bool| {
        p.targets.iter().any(|t| t.is_ipv4() == v4)
            && p.host_address.is_none_or(|a| a.is_ipv4() == v4)
    };
    let same_address = match (a.host_address, b.host_address) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    a.protocol == b.protocol
        && a.host_ports.overlaps(b.host_ports)
        && !is_loopback(a)
        && !is_loopback(b)
        && same_address
        && [true, false]
            .into_iter()
            .any(|v4| serves_version(a, v4) && serves_version(b, v4))
}

/// The failure that names the first port that both have.
fn failure(publish: &Publish, theirs: &Publish, other: &Name) -> Failure {
    let reason = Reason::PortPublished {
        port: publish.host_ports.first().max(theirs.host_ports.first()),
        protocol: publish.protocol,
        project: other.clone(),
    };
    Failure {
        place: Some(publish.place.clone()),
        ..Failure::from(reason)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hallway_plan::settled::Publish;
    use hallway_spec::{Place, PortRange, Protocol};

    use super::overlaps;

    fn publish(address: &str, ports: &str, protocol: Protocol) -> Publish {
        let ports: PortRange = ports.parse().unwrap();
        let named: Option<IpAddr> = address.parse().ok();
        let targets = ["10.0.0.2", "fd00::2"].map(|t| t.parse::<IpAddr>().unwrap());
        let all = named.filter(|n| n.is_unspecified());
        let wanted = |t: &IpAddr| all.is_none_or(|a| a.is_ipv4() == t.is_ipv4());
        Publish {
            node: "a".parse().unwrap(),
            name: None,
            host_address: named.filter(|n| !n.is_unspecified()),
            named_address: named,
            host_ports: ports,
            node_ports: ports,
            protocol,
            targets: targets.into_iter().filter(wanted).collect(),
            place: Place::default(),
        }
    }

    #[test]
    fn addresses_ports_and_protocols_overlap() {
        let tcp = Protocol::Tcp;
        for (one, other, expected) in [
            (("192.0.2.1", "443"), ("192.0.2.1", "443"), true),
            (("192.0.2.1", "443"), ("", "443"), true),
            (("192.0.2.1", "443"), ("0.0.0.0", "443"), true),
            (("2001:db8::1", "443"), ("", "443"), true),
            (("", "30000-36000"), ("", "30001"), true),
            (("", "30000-36000"), ("", "36000-36010"), true),
            (("", "30000-36000"), ("", "36001"), false),
            (("192.0.2.1", "443"), ("192.0.2.2", "443"), false),
            (("192.0.2.1", "443"), ("2001:db8::1", "443"), false),
            (("192.0.2.1", "443"), ("::", "443"), false),
            (("0.0.0.0", "443"), ("::", "443"), false),
            (("127.0.0.1", "30001"), ("", "30000-36000"), false),
        ] {
            let a = publish(one.0, one.1, tcp);
            let b = publish(other.0, other.1, tcp);
            assert_eq!(overlaps(&a, &b), expected, "{one:?} {other:?}");
            assert_eq!(overlaps(&b, &a), expected, "{other:?} {one:?}");
            let b = publish(other.0, other.1, Protocol::Sctp);
            assert!(!overlaps(&a, &b), "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_port_that_no_node_answers_takes_nothing() {
        let mut a = publish("", "443", Protocol::Tcp);
        let b = a.clone();
        a.targets.retain(IpAddr::is_ipv4);
        assert!(overlaps(&a, &b));
        a.targets.clear();
        assert!(!overlaps(&a, &b));
    }
}
