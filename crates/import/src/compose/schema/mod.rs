//! The keys of Compose files with the kinds of their values, as the Compose specification has them.

mod build;
mod check;
mod common;
mod deploy;
mod file;
mod service;
mod shape;
mod volumes;

pub(crate) use check::check;
pub(crate) use file::{EXTENDS, FILE, INCLUDES};
