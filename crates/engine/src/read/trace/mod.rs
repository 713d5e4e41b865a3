//! A real exchange, followed from hop to hop: frames where they pass, the packet filter's own
//! reports, routes, connection tracking and translations. The watched objects are not changed: the
//! tables that mark packets belong to sockets and are removed with them, however the trace ends.

mod evidence;
mod exchange;
mod hops;
mod passes;
mod path;
mod places;
mod tracer;
mod verdict;
mod watch;

pub use tracer::{Traced, Tracer};
