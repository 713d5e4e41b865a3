//! Predictions and expectations tested with real packets, and reports about them.

mod classes;
mod grid;
mod measure;
mod proof;
mod report;
mod words;

pub(crate) use measure::{Asked, expectations, measure, without_hops};
pub(crate) use proof::{Proof, Row};
pub(crate) use report::{print, report_failures};
