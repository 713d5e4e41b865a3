//! `install`: files of this machine that other programs read. hallway writes them and does not run
//! any of these programs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::args::InstallVerb;
use crate::diagnose::VerbError;
use crate::failure::{CommandCode, CommandError};
use crate::ui;

/// The first line of a profile that this command wrote.
const HEADER: &str = "# Written by `hallway install apparmor`.";

pub(crate) fn run(verb: InstallVerb) -> Result<ExitCode, VerbError> {
    let InstallVerb::Apparmor {
        print,
        program,
        directory,
    } = verb;
    let program = absolute(program)?;
    let profile = profile(&program)?;
    if print {
        ui::out(&profile);
        return Ok(ExitCode::SUCCESS);
    }
    let path = directory.join("hallway");
    let load = format!("apparmor_parser -r {}", path.display());
    match read(&path)? {
        Some(there) if there == profile => {
            ui::line(format!("{} is there already", path.display()));
        }
        Some(there) if !there.starts_with(HEADER) => {
            return Err(VerbError::usage(
                CommandCode::ForeignFile,
                format!("{} was not written by this command", path.display()),
                "rename it, or add what `hallway install apparmor --print` prints",
            ));
        }
        _ => {
            std::fs::write(&path, &profile).map_err(|e| not_written(&path, &e))?;
            ui::line(format!("{} is written", path.display()));
        }
    }
    ui::line(format!("as root, load it now: {load}"));
    Ok(ExitCode::SUCCESS)
}

/// The directory of profiles is root's.
fn not_written(path: &Path, error: &std::io::Error) -> VerbError {
    match error.kind() {
        ErrorKind::PermissionDenied => VerbError::usage(CommandCode::Write,
            format!("cannot write {}: {error}", path.display()),
            "run it as root: sudo hallway install apparmor; or see what it writes: hallway install apparmor --print",
        )
        .with_code(1),
        _ => CommandError::write(path, error).into(),
    }
}

/// The program's path without symbolic links, which the kernel compares.
fn absolute(program: Option<PathBuf>) -> Result<PathBuf, VerbError> {
    let found = match &program {
        Some(path) => std::fs::canonicalize(path),
        None => std::env::current_exe(),
    };
    found.map_err(|error| {
        let path = program.unwrap_or_else(|| "/proc/self/exe".into());
        VerbError::usage(
            CommandCode::Read,
            format!("cannot find {}: {error}", path.display()),
            "name the program with --program PATH",
        )
    })
}

/// The content of the file, if it exists.
fn read(path: &Path) -> Result<Option<String>, VerbError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(VerbError::usage(
            CommandCode::Read,
            format!("cannot read {}: {error}", path.display()),
            "rename it",
        )),
    }
}

/// A profile that restricts nothing, and allows user namespaces.
fn profile(program: &Path) -> Result<String, VerbError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+ ".contains(c);
    let path = program.to_str().filter(|path| path.chars().all(plain));
    let Some(path) = path else {
        return Err(VerbError::usage(
            CommandCode::BadArgument,
            format!(
                "a profile cannot name {}: its path has special characters",
                program.display()
            ),
            "install the program as /usr/local/bin/hallway",
        ));
    };
    Ok(format!(
        "{HEADER}
# It restricts nothing. It allows the program to make user namespaces, which a sandbox needs,
# where kernel.apparmor_restrict_unprivileged_userns is 1.
abi <abi/4.0>,
include <tunables/global>

profile hallway \"{path}\" flags=(unconfined) {{
  userns,

  include if exists <local/hallway>
}}
"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_add_rules() {
        assert!(profile(Path::new("/usr/bin/hallway")).is_ok());
        for path in ["/a\" { }", "/a*", "/{a,b}", "/a\nb", "/@{HOME}", "/a\\b"] {
            assert!(profile(Path::new(path)).is_err(), "{path}");
        }
    }
}
