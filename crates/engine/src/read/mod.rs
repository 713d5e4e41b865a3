//! What only looks, and never goes through the door.

pub mod capture;
pub mod live;
