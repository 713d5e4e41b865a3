//! Events of the keeper itself, which are recorded like repairs.

use std::sync::Arc;

use hallway_engine::{Engine, Workplace};
use hallway_spec::Name;

use crate::forward::EventSink;
use crate::options::{Options, eprint};

/// Adds events to the project's file.
pub(crate) fn recorder(options: &Options, project: Name) -> EventSink {
    let engine = Engine::new(&options.scope, Workplace::default());
    Arc::new(move |event| {
        if let Err(error) = engine.record_events(&project, std::slice::from_ref(&event)) {
            eprint(&format!("{}; {error}", event.message));
        }
    })
}
