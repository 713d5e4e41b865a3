//! The keys of Compose files with the kinds of their values, as the Compose specification has them.

mod build;
mod check;
pub(crate) mod common;
mod deploy;
mod file;
mod service;
pub(crate) mod shape;
mod volumes;

pub(crate) use check::check;
pub(crate) use file::{EXTENDS, FILE, INCLUDES};
