//! Where a command works: the host, or a sandbox; and the project it is about.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::Path;

use hallway_engine::keeper::{Porter, raise_open_files};
use hallway_engine::place;
use hallway_engine::sandbox::{self, Making, Sandbox};
use hallway_engine::{Cancel, Engine, Failure, Lock, Reason, Record, Workplace, state};
use hallway_plan::Settled;
use hallway_spec::Name;
use rustix::fs::{Mode, OFlags};

use crate::args::{Common, FileArg};
use crate::diagnose::VerbError;
use crate::environment::{calling_user, of_caller, passed_on};
use crate::failure::CommandCode;
use crate::other_scopes::{Here, up_elsewhere};
use crate::places;
use crate::unusable::{self, Unusable};

pub(crate) use crate::chosen::{
    ToRemove, not_up, project, project_or_stray, running, same_file, to_remove,
};
pub(crate) use crate::state_dir::state_dir;

/// This program, for separate processes that are started from it.
const PROGRAM: &str = "/proc/self/exe";

/// Of a sandbox that runs without its record.
pub(crate) const LOST: &str = "its state directory was removed: there is no record of its projects";
/// What to do about that, with the commands.
pub(crate) fn lost_help(up: &str, down: &str) -> String {
    format!("{up} ends the sandbox and builds the project again; {down} ends it")
}

/// How sandboxes are made by this program.
fn making(common: &Common, implicit: bool) -> Result<Making<'static>, Failure> {
    Ok(Making {
        program: Path::new(PROGRAM),
        implicit,
        map_root: common.map_root,
        caller: calling_user()?,
        internet: std::env::var_os("HALLWAY_PASTA").is_none_or(|value| value != "0"),
    })
}

/// What the engine needs of this process.
pub(crate) fn workplace() -> Result<Workplace, Failure> {
    Ok(Workplace {
        program: PROGRAM.into(),
        open_files: Some(raise_open_files()),
        environment: passed_on(),
        caller: calling_user()?,
        ..Workplace::default()
    })
}

/// The command line's sandbox, if it runs and its state directory was removed.
pub(crate) fn lost_sandbox(common: &Common) -> Result<Option<Sandbox>, Failure> {
    match common.host {
        true => Ok(None),
        false => Ok(sandbox::lost(&state_dir(common)?, common.sandbox.as_ref())),
    }
}

/// The command line's sandbox, started if it does not run.
pub(crate) fn sandbox(common: &Common, cancel: &Cancel) -> Result<Sandbox, Failure> {
    place::check()?;
    let name = common.sandbox.as_ref();
    sandbox::ensure(&state_dir(common)?, name, &making(common, false)?, cancel)
}

/// Whether the command line's place exists: a sandbox runs, and the host always is there.
pub(crate) fn exists(common: &Common) -> Result<bool, Failure> {
    let name = common.sandbox.as_ref();
    Ok(common.host || sandbox::find(&state_dir(common)?, name).is_some())
}

/// Where a command works.
pub(crate) struct Scope {
    pub(crate) engine: Engine,
    pub(crate) sandbox: Option<Sandbox>,
    /// Keeps the sandbox from being ended by other processes.
    hold: Option<Lock>,
    /// The state directory, from before the sandbox was entered: inside, it may be a mount point,
    /// which cannot be removed.
    outside: Option<(OwnedFd, OsString)>,
    /// The host's state directory cannot be used: nothing of it is read or changed.
    unusable: Option<Unusable>,
}

impl Scope {
    /// The place as text.
    pub(crate) fn words(&self) -> String {
        self.sandbox.as_ref().map_or_else(
            || "on this host".to_owned(),
            |s| format!("in sandbox {}", s.name),
        )
    }

    /// The place, for a search in others.
    pub(crate) fn here(&self) -> Here<'_> {
        Here {
            engine: &self.engine,
            sandbox: self.sandbox.as_ref(),
        }
    }

    /// Whether the sandbox's state directory was removed.
    pub(crate) fn is_lost(&self) -> bool {
        self.sandbox.as_ref().is_some_and(|s| s.lost)
    }

    /// The scope, made if it does not exist; from now on this process is in it.
    pub(crate) fn enter(common: &Common, implicit: bool, cancel: &Cancel) -> Result<Self, Failure> {
        place::check()?;
        let state = state_dir(common)?;
        let mut workplace = workplace()?;
        if common.host {
            return Ok(Self::host(&state, workplace));
        }
        let name = common.sandbox.as_ref();
        let hold = sandbox::join(&state, name, cancel)?;
        let sandbox = sandbox::ensure(&state, name, &making(common, implicit)?, cancel)?;
        let porter = Porter::start(PROGRAM.as_ref()).map_err(|e| Reason::Porter {
            error: e.to_string(),
        })?;
        workplace.porter = Some(porter);
        Self::made(sandbox, workplace, hold)
    }

    /// As [`Self::existing`]; also a sandbox whose state directory was removed, of which only the marks
    /// are known.
    pub(crate) fn examined(common: &Common) -> Result<Option<Self>, Failure> {
        match Self::existing(common)? {
            Some(scope) => Ok(Some(scope)),
            None => lost_sandbox(common)?
                .map(|s| Self::inside(s, Workplace::default(), None))
                .transpose(),
        }
    }

    /// The scope if it exists, for reading: no port is bound through it.
    pub(crate) fn existing(common: &Common) -> Result<Option<Self>, Failure> {
        place::check_proc()?;
        let state = state_dir(common)?;
        if common.host {
            return Ok(Some(Self::host(&state, Workplace::default())));
        }
        sandbox::find(&state, common.sandbox.as_ref())
            .map(|s| Self::inside(s, Workplace::default(), None))
            .transpose()
    }

    /// A separate sandbox, for one command; no port is bound on the machine.
    pub(crate) fn temporary(common: &Common, cancel: &Cancel) -> Result<Self, Failure> {
        place::check()?;
        let state = state_dir(common)?;
        let name = format!("test-{}", std::process::id());
        let hold = sandbox::join(&state, &name, cancel)?;
        let sandbox = sandbox::ensure(&state, &name, &making(common, true)?, cancel)?;
        let workplace = Workplace {
            program: PROGRAM.into(),
            ..Workplace::default()
        };
        Self::made(sandbox, workplace, hold)
    }

    /// A sandbox that may have been made for this command: if it cannot be entered, it does not stay.
    fn made(sandbox: Sandbox, workplace: Workplace, hold: Lock) -> Result<Self, Failure> {
        let unused = sandbox.clone();
        Self::inside(sandbox, workplace, Some(hold)).map_err(|mut failure| {
            let removed = match unused.implicit {
                true => unused.remove_if_unused(),
                false => Ok(()),
            };
            failure.also.extend(removed.err());
            failure
        })
    }

    /// Ends a temporary sandbox with everything in it.
    pub(crate) fn end(self) -> Result<(), Failure> {
        drop(self.hold);
        if let Some(sandbox) = &self.sandbox {
            sandbox.remove()?;
        }
        remove_if_empty(self.outside.as_ref());
        Ok(())
    }

    fn host(state: &Path, workplace: Workplace) -> Self {
        Self {
            engine: Engine::new(&state.join("host"), workplace),
            sandbox: None,
            hold: None,
            outside: None,
            unusable: None,
        }
    }

    fn of_unusable(unusable: Unusable) -> Self {
        Self {
            engine: unusable.engine(),
            sandbox: None,
            hold: None,
            outside: None,
            unusable: Some(unusable),
        }
    }

    fn inside(sandbox: Sandbox, workplace: Workplace, hold: Option<Lock>) -> Result<Self, Failure> {
        let outside = sandbox.scope().ancestors().nth(2).and_then(opened_above);
        crate::above::above();
        sandbox.enter()?;
        let workplace = Workplace {
            holder: Some(sandbox.pid),
            ..workplace
        };
        Ok(Self {
            engine: Engine::new(sandbox.scope(), workplace),
            outside,
            hold,
            unusable: None,
            sandbox: Some(sandbox),
        })
    }

    /// As [`Self::existing`], for a command that removes something: while it works, no other
    /// process ends the sandbox.
    pub(crate) fn existing_to_change(
        common: &Common,
        cancel: &Cancel,
    ) -> Result<Option<Self>, Failure> {
        place::check_proc()?;
        let name = common.sandbox.as_ref();
        if common.host {
            return match unusable::host(common)? {
                Some(unusable) => Ok(Some(Self::of_unusable(unusable))),
                None => Self::existing(common),
            };
        }
        if let Some((sandbox, why)) = unusable::sandbox(common, name) {
            unusable::end(common, &sandbox, &why)?;
            return Ok(None);
        }
        let state = state_dir(common)?;
        if let Some(lost) = sandbox::lost(&state, name) {
            lost.end()?;
            let text = format!("sandbox {name} had lost its state directory; it has been ended");
            crate::ui::note(common, text);
        }
        if sandbox::find(&state, name).is_none() {
            sandbox::end_orphans();
            return Self::existing(common);
        }
        let hold = sandbox::join(&state, name, cancel)?;
        let Some(sandbox) = sandbox::find(&state, name) else {
            drop(hold);
            sandbox::clear(&state, name);
            return Ok(None);
        };
        Self::inside(sandbox, Workplace::default(), Some(hold)).map(Some)
    }

    /// Removes the host's state directory if it is empty, and a sandbox that `up` made if its last
    /// project was removed.
    pub(crate) fn leave(self, common: &Common) -> Result<(), Failure> {
        if let Some(unusable) = &self.unusable {
            unusable.say(common);
            return Ok(());
        }
        if !self.engine.projects().is_empty() {
            return Ok(());
        }
        let Some(sandbox) = &self.sandbox else {
            let host = state_dir(common)?.join("host");
            self.engine.tidy();
            // Only if it is empty.
            state::remove_if_empty(host.parent().unwrap_or(&host));
            return Ok(());
        };
        if sandbox.implicit {
            drop((self.engine, self.hold));
            // From inside: this process, which is in the sandbox, may end the sandbox's processes.
            sandbox.remove_if_unused()?;
            remove_if_empty(self.outside.as_ref());
        }
        Ok(())
    }
}

/// The name of a directory, and the one above it, open.
fn opened_above(directory: &Path) -> Option<(OwnedFd, OsString)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let above = rustix::fs::open(directory.parent()?, flags, Mode::empty()).ok()?;
    Some((above, directory.file_name()?.to_owned()))
}

/// Removes the state directory if it is empty.
fn remove_if_empty(outside: Option<&(OwnedFd, OsString)>) {
    if let Some((parent, name)) = outside {
        state::remove_if_empty_in(parent, name);
    }
}

/// The scope of a command that only reads.
pub(crate) fn here(common: &Common) -> Result<Scope, VerbError> {
    Scope::existing(common)?.map_or_else(|| Err(not_here(common)), Ok)
}

/// Where something is up, if nothing is here: in other places of this user, or of the one who called with sudo.
pub(crate) fn elsewhere(common: &Common, scope: Option<&Scope>) -> Option<String> {
    of_caller().or_else(|| up_elsewhere(common, scope.map(Scope::here)))
}

/// The sandbox does not run, or nothing is known of what it contains.
pub(crate) fn not_here(common: &Common) -> VerbError {
    let name = &common.sandbox;
    if let Ok(Some(_)) = lost_sandbox(common) {
        let help = format!(
            "hallway status shows what is in it; {}",
            lost_help("hallway up FILE", "hallway down")
        );
        return VerbError::usage(
            CommandCode::NotUp,
            format!("sandbox {name} runs, but {LOST}"),
            help,
        );
    }
    let help = || {
        "hallway up FILE builds a project; with --host, commands use this machine itself".to_owned()
    };
    VerbError::usage(
        CommandCode::NotUp,
        format!("nothing is up: sandbox {name} does not run"),
        elsewhere(common, None).unwrap_or_else(help),
    )
}

/// The project of a command that only reads, with its content.
pub(crate) fn present(common: &Common, engine: &Engine) -> Result<(Name, Settled), VerbError> {
    let name = project(common, &FileArg::default(), Some(engine))?;
    match engine.record(&name)?.and_then(|r| built(&r)) {
        Some(settled) => Ok((name, settled)),
        None => Err(not_up(engine, &name)),
    }
}

/// The content of a project, or what an unfinished run was building, with places in its file.
pub(crate) fn built(record: &Record) -> Option<Settled> {
    let mut settled = record.applied.clone().or_else(|| record.pending.clone())?;
    places::of_file(&mut settled, record);
    Some(settled)
}
