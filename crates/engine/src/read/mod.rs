//! The read side: reads the state and tests it with packets, and never changes it. Nothing here
//! uses the executor.

pub mod capture;
pub(crate) mod diverted;
pub mod environment;
pub mod filter;
pub mod inside;
pub mod live;
pub mod probe;
pub mod trace;
