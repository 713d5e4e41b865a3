//! `hallway man`: the manual pages, made from the definition of the command line.

use std::path::Path;
use std::process::ExitCode;

use crate::command_line::command;
use crate::diagnose::VerbError;
use crate::failure::CommandError;
use crate::ui;

/// Prints the page of the program, or writes a page for each command to a directory.
pub(crate) fn run(output: Option<&Path>) -> Result<ExitCode, VerbError> {
    match output {
        Some(directory) => {
            write(directory).map_err(|error| CommandError::write(directory, &error))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command())
                .render(&mut page)
                .map_err(|error| CommandError::write(Path::new("the page"), &error))?;
            ui::out(&String::from_utf8_lossy(&page));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn write(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(command(), directory)
}
