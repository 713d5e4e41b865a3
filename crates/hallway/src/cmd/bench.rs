//! `bench`.
use std::process::ExitCode;

use crate::args::{BenchVerb, Common};
use crate::diagnose::Trouble;

pub(crate) fn run(_common: &Common, _verb: BenchVerb) -> Result<ExitCode, Trouble> {
    for n in [100, 1000, 100, 1000] {
        let t = std::time::Instant::now();
        hallway_engine::bench::attach(n).map_err(hallway_engine::Failure::from)?;
        crate::ui::line(format!("{n} {:?} each", t.elapsed() / n as u32));
        let t = std::time::Instant::now();
        hallway_engine::bench::detach(n).map_err(hallway_engine::Failure::from)?;
        crate::ui::line(format!("{n} down {:?} each", t.elapsed() / n as u32));
        std::thread::sleep(std::time::Duration::from_secs(2));
    }
    Ok(ExitCode::SUCCESS)
}
