//! To be filled.
#![allow(clippy::unwrap_used)] // a failing helper is a failing test

hallway_testkit::tests![];
