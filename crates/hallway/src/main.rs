//! `hallway`: container networks for Linux, from one file.

mod args;
mod cmd;
mod diagnose;
mod environment;
mod keeper;
mod scope;
mod subject;
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Parts of ourselves that run as processes of their own; not for people.
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("__hold") => {
            return internal(hallway_engine::sandbox::hold().map_err(|f| f.to_string()));
        }
        Some("__porter") => return internal(keeper::porter::run().map_err(|e| e.to_string())),
        Some("__keeper") => {
            let project = words.next().unwrap_or_default();
            let holder = words.next().and_then(|w| w.parse().ok());
            let starter = words.next().and_then(|w| w.parse().ok());
            return internal(keeper::serve(&project, holder, starter).map_err(|e| e.to_string()));
        }
        Some("__bare") => {
            let nodes = words.next().unwrap_or_default();
            return internal(cmd::bench::bare(&nodes).map_err(|f| f.to_string()));
        }
        Some("__enter") => return cmd::exec::enter(&words.next().unwrap_or_default()),
        _ => {}
    }
    let args = match environment::arguments() {
        Ok(args) => args,
        Err(error) => {
            error.print().ok();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let common = args.common.clone();
    match cmd::run(args) {
        Ok(code) => code,
        Err(trouble) => {
            diagnose::print(&trouble, &common);
            ExitCode::from(trouble.exit_code())
        }
    }
}

fn internal(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            anstream::eprintln!("hallway: {message}");
            ExitCode::FAILURE
        }
    }
}
