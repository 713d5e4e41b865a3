//! What the translation of each service of a Compose file reads.

use std::collections::BTreeMap;

use hallway_spec::Value;

use super::networks::Networks;
use super::service::Service;
use crate::sources::Sources;
use crate::surroundings::{Options, Surroundings};
use crate::variables::Variables;

/// The data for the translation of a service.
pub(super) struct Context<'a> {
    pub(super) file: &'a Value,
    pub(super) services: &'a BTreeMap<&'a str, &'a Service>,
    pub(super) networks: &'a Networks,
    pub(super) options: &'a Options,
    pub(super) surroundings: &'a Surroundings<'a>,
    pub(super) variables: &'a Variables<'a>,
    pub(super) sources: &'a Sources,
}
