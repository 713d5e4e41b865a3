//! Checks across a whole topology: what a single value cannot show.

mod addresses;
mod dependencies;
mod expectations;
mod interfaces;
mod limits;
mod names;
mod outside;
mod policies;
mod published;
mod routes;
mod subnets;

use crate::{Problem, Topology, Warning};

/// Runs every check.
pub(crate) fn all(topology: &Topology, problems: &mut Vec<Problem>, warnings: &mut Vec<Warning>) {
    let excess = limits::exceeded(topology);
    if !excess.is_empty() {
        problems.extend(excess);
        return; // the other checks would take long
    }
    names::without_case(topology, problems);
    subnets::networks(topology, problems);
    addresses::attachments(topology, problems);
    addresses::parents(topology, problems);
    addresses::links(topology, problems);
    subnets::links(topology, problems);
    limits::members(topology, problems);
    interfaces::check(topology, problems);
    published::check(topology, problems);
    dependencies::check(topology, problems);
    routes::check(topology, problems);
    routes::masquerade(topology, problems);
    policies::check(topology, problems);
    expectations::contradictions(topology, problems);
    warnings.extend(policies::shadowed(topology));
    warnings.extend(subnets::of_link_ends(topology));
    warnings.extend(published::not_on_localhost(topology));
}
