//! Where a command works: the host, or a sandbox; and which project it is about.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use hallway_engine::keeper::{Porter, raise_open_files};
use hallway_engine::sandbox::{self, Sandbox};
use hallway_engine::{Engine, Failure, Lock, Settled};
use hallway_spec::{Name, Project, TEXT_MAX, parse_bytes};
use rustix::fs::{AtFlags, Mode, OFlags};

use crate::args::{Common, FileArg};
use crate::diagnose::{Trouble, warn};

/// Where state is kept: --state-dir; for root /run/hallway; else the user's runtime directory.
pub(crate) fn state_dir(common: &Common) -> Result<PathBuf, Failure> {
    let chosen = common.state_dir.clone().unwrap_or_else(|| {
        if rustix::process::geteuid().is_root() {
            return PathBuf::from("/run/hallway");
        }
        std::env::var_os("XDG_RUNTIME_DIR").map_or_else(
            || {
                PathBuf::from(format!(
                    "/tmp/hallway-{}",
                    rustix::process::geteuid().as_raw()
                ))
            },
            |dir| PathBuf::from(dir).join("hallway"),
        )
    });
    std::path::absolute(&chosen).map_err(|e| Failure::file("use", &chosen, &e))
}

/// Where a command works.
pub(crate) struct Scope {
    pub(crate) engine: Engine,
    pub(crate) sandbox: Option<Sandbox>,
    /// Binds ports on the real host for a sandbox.
    pub(crate) porter: Option<Porter>,
    /// The soft limit on open files as it was before ports are bound: that of programs.
    pub(crate) open_files: Option<u64>,
    /// Keeps the sandbox from being ended by others.
    hold: Option<Lock>,
    /// Where the state directory is, seen from before the sandbox was entered: inside, it may be a
    /// mount point, which cannot be removed.
    outside: Option<(OwnedFd, OsString)>,
}

impl Scope {
    /// In words, for people.
    pub(crate) fn words(&self) -> String {
        self.sandbox.as_ref().map_or_else(
            || "on this host".to_owned(),
            |s| format!("in sandbox {}", s.name),
        )
    }

    /// The scope, made if need be; this process is in it from here on.
    pub(crate) fn enter(common: &Common, implicit: bool) -> Result<Self, Failure> {
        let state = state_dir(common)?;
        let open_files = Some(raise_open_files());
        if common.host {
            return Ok(Self {
                open_files,
                ..Self::host(&state)
            });
        }
        let hold = sandbox::join(&state, common.sandbox.as_ref())?;
        let sandbox = sandbox::ensure(&state, common.sandbox.as_ref(), implicit)?;
        let porter = Porter::start("/proc/self/exe".as_ref())
            .map_err(|e| Failure::new("porter", format!("ports cannot be served: {e}")))?;
        Ok(Self {
            open_files,
            ..Self::inside(sandbox, Some(porter), Some(hold))?
        })
    }

    /// The scope if it is there, to look at it or take from it: no port is bound through it.
    pub(crate) fn existing(common: &Common) -> Result<Option<Self>, Failure> {
        let state = state_dir(common)?;
        if common.host {
            return Ok(Some(Self::host(&state)));
        }
        sandbox::find(&state, common.sandbox.as_ref())
            .map(|s| Self::inside(s, None, None))
            .transpose()
    }

    /// A sandbox of its own, for one command; no port is bound on the machine.
    pub(crate) fn throw_away(common: &Common) -> Result<Self, Failure> {
        let state = state_dir(common)?;
        let name = format!("test-{}", std::process::id());
        let hold = sandbox::join(&state, &name)?;
        let sandbox = sandbox::ensure(&state, &name, true)?;
        Self::inside(sandbox, None, Some(hold))
    }

    /// Ends it with everything in it.
    pub(crate) fn throw(self) -> Result<(), Failure> {
        drop(self.hold);
        if let Some(sandbox) = &self.sandbox {
            sandbox.remove()?;
        }
        if let Some((parent, name)) = &self.outside {
            rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).ok();
        }
        Ok(())
    }

    fn host(state: &Path) -> Self {
        Self {
            engine: Engine::new(&state.join("host")),
            sandbox: None,
            porter: None,
            open_files: None,
            hold: None,
            outside: None,
        }
    }

    fn inside(
        sandbox: Sandbox,
        porter: Option<Porter>,
        hold: Option<Lock>,
    ) -> Result<Self, Failure> {
        let state = sandbox.scope().ancestors().nth(2);
        let outside = state.and_then(|s| Some((s.parent()?, s.file_name()?.to_owned())));
        let outside = outside.and_then(|(parent, name)| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Some((rustix::fs::open(parent, flags, Mode::empty()).ok()?, name))
        });
        sandbox.enter()?;
        Ok(Self {
            engine: Engine::new(sandbox.scope()),
            outside,
            porter,
            open_files: None,
            hold,
            sandbox: Some(sandbox),
        })
    }

    /// As [`Self::existing`], for a command that takes something away: while it works nobody else
    /// ends the sandbox, and it with it.
    pub(crate) fn existing_to_change(common: &Common) -> Result<Option<Self>, Failure> {
        let state = state_dir(common)?;
        let name = common.sandbox.as_ref();
        if common.host || sandbox::find(&state, name).is_none() {
            return Self::existing(common);
        }
        let hold = sandbox::join(&state, name)?;
        let Some(sandbox) = sandbox::find(&state, name) else {
            drop(hold);
            sandbox::clear(&state, name);
            return Ok(None);
        };
        Self::inside(sandbox, None, Some(hold)).map(Some)
    }

    /// Removes the host's state directory when nothing is in it, and a sandbox nobody asked for
    /// when its last project is gone.
    pub(crate) fn leave(self, common: &Common) -> Result<(), Failure> {
        if !self.engine.projects().is_empty() {
            return Ok(());
        }
        match &self.sandbox {
            Some(sandbox) if sandbox.implicit => {
                drop((self.porter, self.hold));
                // From within: the sandbox's processes are ours to end; we are one of them ourselves.
                sandbox.remove_if_unused()?;
                if let Some((parent, name)) = &self.outside {
                    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).ok();
                }
                Ok(())
            }
            Some(_) => Ok(()),
            None => {
                let host = state_dir(common)?.join("host");
                self.engine.tidy();
                std::fs::remove_dir(host.parent().unwrap_or(&host)).ok();
                Ok(())
            }
        }
    }
}

/// A file that has been read and understood.
pub(crate) struct Input {
    pub(crate) project: Project,
    pub(crate) text: String,
    pub(crate) path: String,
}

/// Reads a text as a project; -p gives it another name.
pub(crate) fn understand(common: &Common, path: &str, bytes: &[u8]) -> Result<Input, Trouble> {
    let mut project = parse_bytes(path, bytes)?;
    if let Some(name) = &common.project {
        project.topology.name = name.clone();
    }
    let text = String::from_utf8_lossy(bytes)
        .trim_start_matches('\u{feff}')
        .to_owned();
    warn(path, &text, &project.warnings, common);
    Ok(Input {
        project,
        text,
        path: path.to_owned(),
    })
}

/// Reads the project's file.
pub(crate) fn read(common: &Common, file: &FileArg) -> Result<Input, Trouble> {
    let path = match file.path() {
        Some(path) => path.clone(),
        None => discover()?.ok_or_else(|| {
            Trouble::usage(
                "there is no hallway.yaml or *.hallway.yaml in this directory",
                "name a file: hallway up examples/three-tier.yaml",
            )
        })?,
    };
    let bytes = if path.as_os_str() == "-" {
        limited(std::io::stdin().lock())
    } else {
        std::fs::File::open(&path).and_then(limited)
    };
    let bytes = bytes.map_err(|e| {
        Trouble::usage(
            format!("cannot read {}: {e}", path.display()),
            "name a file that is there and may be read",
        )
    })?;
    understand(common, &path.display().to_string(), &bytes)
}

/// Everything there is to read, but no more than what shows that it is too much.
fn limited(from: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::Read::take(from, TEXT_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The one file of this directory.
fn discover() -> Result<Option<PathBuf>, Trouble> {
    let mut found: Vec<String> = std::fs::read_dir(".")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        // `hallway export > shop.hallway.yaml`: the shell has made it, we are about to fill it.
        .filter(|e| e.metadata().is_ok_and(|m| m.len() > 0))
        .filter_map(|e| e.file_name().into_string().ok())
        .filter(|n| {
            ["hallway.yaml", "hallway.yml"].contains(&n.as_str())
                || n.ends_with(".hallway.yaml")
                || n.ends_with(".hallway.yml")
        })
        .collect();
    found.sort();
    if found.len() > 1 {
        return Err(Trouble::usage(
            format!("there are several files here: {}", found.join(", ")),
            "say which: name a file, or a project with -p",
        ));
    }
    Ok(found.pop().map(PathBuf::from))
}

/// The project a command is about: -p, else the file's, else the only one there is, else `default`.
pub(crate) fn project(
    common: &Common,
    file: &FileArg,
    engine: Option<&Engine>,
) -> Result<Name, Trouble> {
    if let Some(name) = &common.project {
        return Ok(name.clone());
    }
    let up = engine.map(Engine::projects).unwrap_or_default();
    let given = file.path().is_some()
        || match discover() {
            // Several files, but one project: no need to say which.
            Err(_) if up.len() == 1 => false,
            found => found?.is_some(),
        };
    if given {
        return Ok(read(common, file)?.project.topology.name);
    }
    match up.as_slice() {
        [only] => Ok(only.clone()),
        several if several.len() > 1 && several.iter().all(|n| n.as_ref() != "default") => {
            let names: Vec<&str> = several.iter().map(AsRef::as_ref).collect();
            Err(Trouble::usage(
                "several projects are up",
                format!("say which with -p: {}", names.join(", ")),
            ))
        }
        _ => "default"
            .parse()
            .map_err(|e: hallway_spec::InvalidName| Trouble::usage(e.to_string(), "")),
    }
}

/// The scope of a command that only looks.
pub(crate) fn here(common: &Common) -> Result<Scope, Trouble> {
    Scope::existing(common)?.ok_or_else(|| {
        Trouble::usage(
            format!("nothing is up: sandbox {} does not run", common.sandbox),
            "hallway up FILE builds something; with --host commands look at this machine itself",
        )
    })
}

/// The project of a command that only looks, with what it consists of.
pub(crate) fn present(common: &Common, engine: &Engine) -> Result<(Name, Settled), Trouble> {
    let name = project(common, &FileArg::default(), Some(engine))?;
    let record = engine.record(&name);
    if let Some(settled) = record.and_then(|r| r.applied.or(r.pending)) {
        return Ok((name, settled));
    }
    let known: Vec<String> = engine.projects().iter().map(ToString::to_string).collect();
    let help = if known.is_empty() {
        "nothing is up here; hallway up FILE builds something".to_owned()
    } else {
        format!("say which with -p: {}", known.join(", "))
    };
    Err(Trouble::usage(format!("project {name} is not up"), help))
}
