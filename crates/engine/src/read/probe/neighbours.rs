//! Neighbours that did not answer ARP or neighbour solicitation.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use hallway_kernel::route::RouteQuestion;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::reach::Location;
use hallway_plan::settled::Settled;

use super::aim::Aim;
use super::place::inside;

/// What has been looked up, place by place.
pub(super) struct Neighbours {
    /// When the attempts began: packets before that show nothing about them.
    begun: Instant,
    unanswered: BTreeMap<Location, Vec<IpAddr>>,
}

impl Neighbours {
    pub(super) fn since(begun: Instant) -> Self {
        Self {
            begun,
            unanswered: BTreeMap::new(),
        }
    }

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
        let begun = self.begun;
        self.unanswered
            .entry(at.clone())
            .or_insert_with(|| inside(settled, at, || unanswered(begun)).unwrap_or_default())
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

fn unanswered(begun: Instant) -> Result<Vec<IpAddr>, KernelError> {
    let all = Kernel::new().neighbours()?;
    let time = begun.elapsed();
    let silent = all.into_iter().filter(|n| n.is_unanswered_within(time));
    Ok(silent.map(|n| n.address).collect())
}
