//! Who was asked for by its address on a link, and did not answer.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_kernel::route::RouteQuestion;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::reach::At;
use hallway_plan::settled::Settled;

use super::{Aim, inside};

/// What has been looked up, place by place.
#[derive(Default)]
pub(super) struct Neighbours {
    unanswered: BTreeMap<At, Vec<IpAddr>>,
}

impl Neighbours {
    /// The place that could not hand on what an attempt sent, and whom it asked for in vain: the
    /// one that asks, or the host on behalf of it. What cannot be looked up is nobody.
    pub(super) fn silent(&mut self, settled: &Settled, aim: &Aim) -> Option<(At, IpAddr)> {
        let next = inside(settled, &aim.from, || next_hop(aim.to))
            .ok()
            .flatten();
        if let Some(next) = next.filter(|next| self.at(settled, &aim.from).contains(next)) {
            return Some((aim.from.clone(), next));
        }
        let target = aim.target.as_ref().map_or(aim.to, |(_, to)| to.ip());
        let host = self.at(settled, &At::Host);
        host.contains(&target).then_some((At::Host, target))
    }

    fn at(&mut self, settled: &Settled, at: &At) -> &[IpAddr] {
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
