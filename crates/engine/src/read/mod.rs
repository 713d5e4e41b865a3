//! The read side: looks at what is there and tries it out, and never changes it. Nothing here
//! knows the door.

pub mod capture;
pub mod environment;
pub mod filter;
pub mod live;
pub mod probe;
pub mod trace;
