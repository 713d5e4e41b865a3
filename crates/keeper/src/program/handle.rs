//! The keeper's side of a run.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hallway_engine::enter::{Enter, keep_capabilities};
use hallway_engine::etc::EtcFiles;
use hallway_engine::keeper::{NODE_MARK, PROJECT_MARK, Program, frame};
use rustix::net::Shutdown;
use tokio::net::UnixStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Order, RunChange, RunReport};
use crate::frames::{read_frame, write_all};
use crate::supervisor::{RunEvent, RunId};

/// An event of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    pub(crate) run: RunId,
    pub(crate) event: RunEvent,
}

/// The properties that all runs of a keeper share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Common<'a> {
    pub(crate) executable: &'a Path,
    pub(crate) project: &'a str,
    pub(crate) grace: Duration,
    pub(crate) open_files: Option<u64>,
}

/// A run in progress.
#[derive(Debug)]
pub(crate) struct Handle {
    /// The runner's process id.
    pub(crate) pid: i32,
    socket: Arc<UnixStream>,
    changes: UnboundedSender<Vec<u8>>,
}

impl Handle {
    /// Starts a runner; events of the run are sent to `reports`, last [`RunEvent::Finished`].
    pub(crate) fn start(
        common: Common<'_>,
        run: RunId,
        program: &Program,
        reports: UnboundedSender<Report>,
    ) -> std::io::Result<Self> {
        let order = frame::encode(&order(common, program))?;
        let (ours, theirs) = StdStream::pair()?;
        ours.set_nonblocking(true)?;
        let socket = Arc::new(UnixStream::from_std(ours)?);
        let executable = common.executable;
        let pid = runner(executable, common.project, &program.node, theirs.into())?;
        let (changes, waiting) = unbounded_channel();
        let (ordered, followed) = (Arc::clone(&socket), Arc::clone(&socket));
        tokio::spawn(async move { send_orders(&ordered, order, waiting).await });
        tokio::spawn(async move {
            let report = |event| {
                // The receiver is closed when the keeper ends; then the event is not needed.
                reports.send(Report { run, event }).ok();
            };
            follow(&followed, report).await;
            report(RunEvent::Finished);
        });
        Ok(Self {
            pid,
            socket,
            changes,
        })
    }

    /// Makes the runner mount other files for /etc.
    pub(crate) fn change_etc(&self, files: EtcFiles) -> std::io::Result<()> {
        self.change(&RunChange::Etc(files))
    }

    /// Makes the runner mount the files for /etc again that are lost.
    pub(crate) fn etc_replaced(&self) -> std::io::Result<()> {
        self.change(&RunChange::EtcReplaced)
    }

    fn change(&self, change: &RunChange) -> std::io::Result<()> {
        let change = frame::encode(change)?;
        // The receiver is closed when the runner has ended; then nothing uses the files.
        self.changes.send(change).ok();
        Ok(())
    }

    /// Orders the runner to end the run.
    pub(crate) fn stop(&self) {
        // ENOTCONN: it has ended already.
        rustix::net::shutdown(&*self.socket, Shutdown::Write).ok();
    }
}

fn order(common: Common<'_>, program: &Program) -> Order {
    let mut environment = program.environment.clone();
    environment.insert(PROJECT_MARK.into(), common.project.to_owned());
    environment.insert(NODE_MARK.into(), program.node.clone());
    Order {
        enter: Enter {
            netns: program.netns.clone(),
            hostname: program.hostname.clone(),
            hosts: program.hosts.clone(),
            resolv_conf: program.resolv_conf.clone(),
            environment,
            rights: program.rights.clone(),
            settings: Vec::new(), // the node has them
            working_dir: program.working_dir.clone(),
            command: program.command.clone(),
        },
        log: program.log.clone(),
        ready: program.ready.iter().map(|p| (*p).into()).collect(),
        healthcheck: program.healthcheck.clone(),
        grace_ms: u64::try_from(common.grace.as_millis()).unwrap_or(u64::MAX),
        open_files: common.open_files,
    }
}

/// Starts the process. The keeper waits for it together with its other children.
fn runner(program: &Path, project: &str, node: &str, socket: OwnedFd) -> std::io::Result<i32> {
    let mut command = Command::new(program);
    keep_capabilities(&mut command);
    let child = command
        .args(["__program", project, node])
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(child.id().cast_signed())
}

/// Sends a runner its order and the changes after it, until it has ended or must stop.
async fn send_orders(socket: &UnixStream, order: Vec<u8>, mut changes: UnboundedReceiver<Vec<u8>>) {
    let mut next = Some(order);
    while let Some(frame) = next {
        if write_all(socket, &frame).await.is_err() {
            return;
        }
        next = changes.recv().await;
    }
}

/// Reports the events of a runner, until it has ended.
async fn follow(socket: &UnixStream, report: impl Fn(RunEvent)) {
    while let Ok(message) = read_frame::<RunReport>(socket, frame::HELLO_MAX).await {
        report(match message {
            RunReport::Started { pid } => RunEvent::Started { pid },
            RunReport::Listening => RunEvent::Listening,
            RunReport::Health { health } => RunEvent::Health(health),
            RunReport::Exited { exit } => RunEvent::Exited { exit },
        });
    }
}
