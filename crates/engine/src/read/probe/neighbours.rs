//! Neighbours that did not answer ARP or neighbour solicitation.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_kernel::route::RouteQuestion;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::reach::Location;
use hallway_plan::settled::Settled;

use super::aim::Aim;
use super::place::inside;

/// What has been looked up, place by place.
#[derive(Default)]
pub(super) struct Neighbours {
    unanswered: BTreeMap<Location, Vec<IpAddr>>,
}

impl Neighbours {
    /// The place that could not deliver the packets of an attempt, and the neighbour that did not
    /// answer there: the client's, or the host's. `None` if that cannot be looked up.
    pub(super) fn silent(&mut self, settled: &Settled, aim: &Aim) -> Option<(Location, IpAddr)> {
        let next = inside(settled, &aim.from, || next_hop(aim.to))
            .ok()
            .flatten();
        if let Some(next) = next.filter(|next| self.at(settled, &aim.from).contains(next)) {
            return Some((aim.from.clone(), next));
        }
        let target = aim.target.as_ref().map_or(aim.to, |(_, to)| to.ip());
        let host = self.at(settled, &Location::Host);
        host.contains(&target).then_some((Location::Host, target))
    }

    fn at(&mut self, settled: &Settled, at: &Location) -> &[IpAddr] {
        self.unanswered
            .entry(at.clone())
            .or_insert_with(|| inside(settled, at, unanswered).unwrap_or_default())
    }
}

fn next_hop(to: IpAddr) -> Result<Option<IpAddr>, KernelError> {
    let question = RouteQuestion {
        to,
        from: None,
        iif: None,
    };
    let answer = Kernel::new().route_for(&question)?;
    Ok((!answer.refused && !answer.local).then_some(answer.via.unwrap_or(to)))
}

fn unanswered() -> Result<Vec<IpAddr>, KernelError> {
    let all = Kernel::new().neighbours()?;
    let silent = all.into_iter().filter(|n| n.state.is_unanswered());
    Ok(silent.map(|n| n.address).collect())
}
