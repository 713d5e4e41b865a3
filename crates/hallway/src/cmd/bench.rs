//! `bench`.
use std::process::ExitCode;

use crate::args::{BenchVerb, Common};
use crate::diagnose::Trouble;

pub(crate) fn run(_common: &Common, _verb: BenchVerb) -> Result<ExitCode, Trouble> {
    Err(Trouble::usage("not yet", ""))
}
