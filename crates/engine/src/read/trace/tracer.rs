//! The data of a trace.

use std::time::Instant;

use hallway_kernel::KernelError;
use hallway_plan::reach::{Environment, Location, Measured, Path, World};

use super::places::{places, watched};
use super::watch::WatchedPlace;

/// A traced exchange.
#[derive(Debug)]
pub struct Traced {
    /// The observed path.
    pub path: Path,
    /// The result of the probe; `None` if real traffic was watched.
    pub measured: Option<Measured>,
}

/// Watches every place an exchange may pass.
pub struct Tracer<'w> {
    pub(super) world: &'w World<'w>,
    pub(super) environment: Environment,
    pub(super) predicted: Path,
    pub(super) from: Location,
    pub(super) begun: Instant,
    pub(super) watches: Vec<WatchedPlace>,
}

impl<'w> Tracer<'w> {
    /// Begins to watch.
    ///
    /// # Errors
    /// When a place cannot be entered or watched.
    pub fn begin(
        world: &'w World<'w>,
        environment: Environment,
        predicted: Path,
        from: Location,
    ) -> Result<Self, KernelError> {
        let begun = Instant::now();
        let watched = watched(&predicted);
        let mut watches = Vec::new();
        for at in places(world, &predicted, &from) {
            watches.push(WatchedPlace::begin(world.settled(), &at, &watched)?);
        }
        Ok(Self {
            world,
            environment,
            predicted,
            from,
            begun,
            watches,
        })
    }
}
