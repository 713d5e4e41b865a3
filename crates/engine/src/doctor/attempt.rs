//! What `up` needs, tried in the place where it works: a sandbox that is removed afterwards, or namespaces of a
//! process that are removed with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use hallway_kernel::link::{self, BridgeSpec, LinkChange};
use hallway_kernel::mount::Propagation;
use hallway_kernel::sys::NamespaceKind;
use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::Transaction;
use hallway_plan::rules::ruleset;
use hallway_plan::{Surroundings, settle};

use super::check::{Check, CheckOutcome, check};
use super::place::TrialPlace;
use super::words::{self, CALLS, LINKS, MACVLAN, NET, NETEM, RULES, SETTINGS, USER, VLAN, WHOLE};
use crate::event::Silent;
use crate::failure::UserNamespaceRefusal;
use crate::sandbox::{self, Making};
use crate::transaction::{Caller, RequestedState};
use crate::{Cancel, Engine, Failure, Reason, Workplace, place, state};

/// The state directory of a trial on the host, in a /run of its own.
const HOST_STATE: &str = "/run/hallway/host";
/// How long the program of the project may take.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// A project with rules of every kind.
const PROJECT: &str = "
networks: { a: { subnet: 10.0.0.0/24 }, b: { subnet: 10.0.1.0/24, internal: true } }
nodes: { x: { networks: [a], ports: [\"8080:80\"] }, y: { networks: [b] } }
policies: [{ from: x, to: y, ports: [80/tcp] }]
";

/// A project with a program, which is built.
const BUILT: &str = "
name: try
networks: { a: { subnet: 10.0.0.0/24 }, b: { subnet: 10.0.1.0/24, internal: true } }
nodes: { x: { networks: [a], command: hallway serve 80, ready: 80/tcp }, y: { networks: [b] } }
policies: [{ from: x, to: y, ports: [80/tcp] }]
";

/// Lines for the process that started this one: what was tried, the error, and what to do if that is known
/// here, with tabs between.
struct Notes {
    lines: Vec<String>,
    in_sandbox: bool,
}

impl Notes {
    /// Whether it failed.
    fn add(&mut self, what: &str, error: Option<(String, String)>) -> bool {
        let failed = error.is_some();
        let (error, help) = error.unwrap_or_default();
        let text = |text: String| text.replace(['\n', '\t'], " ");
        let line = format!("{what}\t{}\t{}", text(error), text(help));
        self.lines.push(line);
        failed
    }

    fn failure(&mut self, what: &str, result: Result<(), Failure>) -> bool {
        self.add(what, result.err().map(|f| words::of(&f)))
    }

    /// If this process is not allowed it, that is the reason, whatever is missing.
    fn kernel(&mut self, what: &str, result: Result<(), KernelError>) -> bool {
        let in_sandbox = self.in_sandbox;
        let help = |e: &KernelError| match (e.is_not_permitted(), in_sandbox) {
            (true, true) => UserNamespaceRefusal::Step(String::new()).help().to_owned(),
            (true, false) => {
                let failure = Failure::caused(Reason::Kernel, e.clone());
                failure.help().unwrap_or_default()
            }
            (false, _) => String::new(),
        };
        self.add(what, result.err().map(|e| (e.to_string(), help(&e))))
    }

    fn there(&mut self, what: &str, result: Result<bool, KernelError>) {
        match result {
            Ok(false) => self.add(what, Some(("not in this kernel".into(), String::new()))),
            other => self.kernel(what, other.map(drop)),
        };
    }
}

/// Tries everything in this process, which has one thread and ends afterwards; `name` is that of the sandbox
/// which the process that started this one removes.
#[must_use]
pub fn attempt(place: &TrialPlace, name: &str, mut workplace: Workplace) -> Vec<String> {
    let mut notes = Notes {
        lines: Vec::new(),
        in_sandbox: *place != TrialPlace::Host,
    };
    let mut kernel = Kernel::new();
    if notes.failure(CALLS, place::check_calls()) {
        return notes.lines;
    }
    let scope = match place {
        TrialPlace::Host => {
            if notes.kernel(NET, private(&mut kernel)) {
                return notes.lines;
            }
            PathBuf::from(HOST_STATE)
        }
        TrialPlace::Sandbox { state, map_root } => {
            let making = Making {
                program: &workplace.program,
                implicit: true,
                internet: false,
                map_root: *map_root,
                caller: workplace.caller,
            };
            let made = sandbox::ensure(state, name, &making, &Cancel::default());
            let entered = made.and_then(|sandbox| {
                workplace.holder = Some(sandbox.pid);
                sandbox.enter()
            });
            if notes.failure(USER, entered) || notes.kernel(NET, kernel.create_netns().map(drop)) {
                return notes.lines;
            }
            sandbox::directory(state, name)
        }
    };
    let parts = parts(&mut kernel, &mut notes);
    if parts {
        let built = build(&Engine::new(&scope, workplace));
        notes.failure(WHOLE, built);
    }
    notes.lines
}

/// Namespaces in which this process may change everything: nothing of the machine is changed.
fn private(kernel: &mut Kernel) -> Result<(), KernelError> {
    kernel.unshare(&[NamespaceKind::Mount, NamespaceKind::Net])?;
    kernel.make_private(Path::new("/"), Propagation::Private)?;
    kernel.mount_tmpfs(Path::new("/run"))
}

/// Tries what a project consists of; whether a project can be built.
fn parts(kernel: &mut Kernel, notes: &mut Notes) -> bool {
    let up = LinkChange {
        up: Some(true),
        ..LinkChange::default()
    };
    let bridge = link::create_bridge(&BridgeSpec {
        name: "br-try",
        group: 0,
        mac: [2, 0, 0, 0, 0, 1],
        mtu: None,
        nf_call: false,
    });
    let made = kernel.run(link::change_link("lo", &up));
    let made = made.and_then(|()| kernel.run(bridge));
    let mut failed = notes.kernel(LINKS, made);
    if !failed {
        let setting = kernel.write_sysctl("net/ipv4/conf/br-try/forwarding", "1");
        failed |= notes.kernel(SETTINGS, setting);
    }
    failed |= match load(kernel) {
        Ok(()) => notes.add(RULES, None),
        Err(Some(error)) => notes.kernel(RULES, Err(error)),
        Err(None) => notes.add(RULES, Some(("a defect of hallway".into(), String::new()))),
    };
    notes.there(NETEM, kernel.has_netem());
    for (what, kind) in [(MACVLAN, "macvlan"), (VLAN, "vlan")] {
        notes.there(what, kernel.has_link_kind(kind));
    }
    !failed
}

/// Builds a project as `up` does, and removes it.
fn build(engine: &Engine) -> Result<(), Failure> {
    let defect = || Failure::from(Reason::Bug("a file of its own was refused"));
    let project = hallway_spec::parse("try.yaml", BUILT).map_err(|_problems| defect())?;
    let request = RequestedState {
        topology: &project.topology,
        source: BUILT,
        path: None,
        ready_limit: READY_LIMIT,
        all_ready: false,
        repair: false,
        allow_through: &[],
        replace: false,
    };
    let cancel = Cancel::default();
    let mut reporter = Silent;
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel: &cancel,
    };
    let built = engine.up(&request, &mut caller).map(drop);
    let removed = engine.down(&project.topology.name, &mut caller).map(drop);
    built.and(removed)
}

/// No error: the project was refused.
fn load(kernel: &mut Kernel) -> Result<(), Option<KernelError>> {
    let project = hallway_spec::parse("try.yaml", PROJECT).map_err(|_problems| None)?;
    let settled = settle(&project.topology, None, &Surroundings::default());
    let settled = settled.map_err(|_conflicts| None)?;
    let mut transaction = Transaction::new();
    for table in &ruleset(&settled).tables {
        transaction.replace(table);
    }
    kernel.commit(&transaction).map_err(Some)
}

/// Runs this program in a separate process that tries it, and reads the results.
pub(super) fn checks(place: &TrialPlace) -> Vec<Check> {
    let name = format!("doctor-{}", std::process::id());
    let mut command = Command::new("/proc/self/exe");
    command.args(["__try", &name]);
    match place {
        TrialPlace::Host => {}
        TrialPlace::Sandbox { state, map_root } => {
            command.arg(state).args(map_root.then_some("map-root"));
        }
    }
    let ran = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let removed = match place {
        TrialPlace::Host => Ok(()),
        TrialPlace::Sandbox { state, .. } => remove(state, &name),
    };
    let text = match ran {
        Ok(ran) => String::from_utf8_lossy(&ran.stdout).into_owned(),
        Err(error) => {
            return vec![check(
                "processes",
                false,
                CheckOutcome::Missing,
                format!("/proc/self/exe: {error}"),
                "hallway starts itself by /proc: mount it (mount -t proc proc /proc)",
            )];
        }
    };
    let parts = |line: &str| {
        let mut parts = line.splitn(3, '\t').map(str::to_owned);
        Some((parts.next()?, parts.next()?, parts.next()?))
    };
    let lines = text.lines().filter_map(parts);
    let mut out: Vec<Check> = lines
        .map(|(what, error, help)| words::of_line(&what, &error, &help, place))
        .collect();
    out.extend(removed.err().map(|failure| {
        let (error, help) = words::of(&failure);
        check(WHOLE, false, CheckOutcome::Missing, error, &help)
    }));
    out
}

/// Removes the sandbox, and the directories that it was the first in.
fn remove(state: &Path, name: &str) -> Result<(), Failure> {
    let removed = sandbox::find(state, name).map_or(Ok(()), |s| s.remove());
    sandbox::clear(state, name);
    state::remove_if_empty(state);
    removed
}
