//! The handle through which everything is read and changed.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};

use crate::KernelError;
use crate::gate::{self, Gate, Operation, OperationKind};
use crate::netns::{Ahead, Netns};
use crate::request::{Batch, Request};
use crate::socket::Channel;

/// Requests sent with one system call. Answers are small, but the socket's receive buffer must hold
/// all of them before the first is read.
const CHUNK: usize = 64;

/// The procfs of a handle and its siblings, with how many readers it had.
type SharedProcfs = Mutex<Option<(Arc<OwnedFd>, u32)>>;

/// A handle on the kernel, in one network namespace.
///
/// Every change passes the handle's [`Gate`]. Netlink sockets are opened when they are first
/// needed, in the network namespace of the calling thread at that time, and stay there: one for
/// rtnetlink, one for nf_tables and conntrack together. Settings, mounts and files have no socket;
/// they are those of the calling thread's namespaces. So a handle must be used by a thread that
/// stays in one namespace; [`Kernel::inside`] and [`Kernel::sibling`] give handles for others.
///
/// ```no_run
/// use hallway_kernel::{Kernel, KernelError, link};
///
/// fn bring_loopback_up() -> Result<(), KernelError> {
///     let mut kernel = Kernel::new();
///     let up = link::LinkChange { up: Some(true), ..Default::default() };
///     kernel.run(link::change_link("lo", &up))?;
///     assert!(kernel.links()?.iter().any(|l| l.name == "lo" && l.up));
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Kernel {
    gate: Arc<dyn Gate>,
    route: Option<Channel>,
    netfilter: Option<Channel>,
    directory: Mutex<Option<(PathBuf, Arc<OwnedFd>)>>,
    pub(crate) procfs: Arc<SharedProcfs>,
    pub(crate) ahead: Arc<Ahead>,
}

impl Default for Kernel {
    fn default() -> Self {
        Self::new()
    }
}

impl Kernel {
    /// A handle whose gate allows everything. No socket is opened yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_gate(Arc::new(gate::Open))
    }

    /// A handle with a gate. No socket is opened yet.
    #[must_use]
    pub fn with_gate(gate: Arc<dyn Gate>) -> Self {
        Self {
            gate,
            route: None,
            netfilter: None,
            directory: Mutex::default(),
            procfs: Arc::default(),
            ahead: Arc::default(),
        }
    }

    /// A handle with the same gate and no sockets: for another thread or another namespace.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self {
            procfs: Arc::clone(&self.procfs),
            ahead: Arc::clone(&self.ahead),
            ..Self::with_gate(Arc::clone(&self.gate))
        }
    }

    /// Opens both sockets now, so that they belong to the present namespace of the calling thread,
    /// and its lists can be read later from elsewhere.
    ///
    /// # Errors
    /// EMFILE; EPROTONOSUPPORT on a kernel without netfilter.
    pub fn open_sockets(&mut self) -> Result<(), KernelError> {
        self.route()?;
        self.netfilter()?;
        Ok(())
    }

    /// Runs `work` in another network namespace, with a handle of that namespace and of the same
    /// gate. The thread is back when this returns, also after a panic; if it cannot return the
    /// process is aborted, because its next operation would be done in the wrong namespace.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN over the namespace; what `work` returns.
    pub fn inside<T, E: From<KernelError>>(
        &mut self,
        namespace: &Netns,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let _inside = crate::netns::enter(namespace)?;
        work(&mut self.sibling())
    }

    /// Does one operation through the gate. For operations without a method in this crate: starting
    /// a process, binding a listener. `act` must not itself use the handle to change something.
    ///
    /// # Errors
    /// The gate's, or what `act` returns.
    pub fn perform<T>(
        &self,
        operation: &Operation<'_>,
        act: impl FnOnce() -> Result<T, KernelError>,
    ) -> Result<T, KernelError> {
        self.gate.before(operation)?;
        let result = act();
        self.gate.after(operation, result.as_ref().map(|_| ()))?;
        result
    }

    /// The directory of the last written file, if it is that one and still exists.
    pub(crate) fn last_directory(&self, path: &Path) -> Option<Arc<OwnedFd>> {
        let last = self.directory.lock().ok()?;
        let (_, directory) = last.as_ref().filter(|(known, _)| known == path)?;
        let exists = rustix::fs::fstat(directory).is_ok_and(|stat| stat.st_nlink > 0);
        exists.then(|| Arc::clone(directory))
    }

    pub(crate) fn keep_directory(&self, path: &Path, directory: &Arc<OwnedFd>) {
        if let Ok(mut last) = self.directory.lock() {
            *last = Some((path.to_owned(), Arc::clone(directory)));
        }
    }

    /// Whether the gate requires one operation after the other; then nothing is done in other threads.
    #[must_use]
    pub fn one_by_one(&self) -> bool {
        self.gate.one_by_one()
    }

    /// Reports a read to the gate.
    pub(crate) fn note_read(&self, operation: &Operation<'_>) {
        self.gate.read(operation);
    }

    /// Every object of one type, read by rtnetlink. `get` is the number of the request (like
    /// RTM_GETLINK); that of the answers is lower by two, for all types (linux/rtnetlink.h).
    pub(crate) fn list_objects<T>(
        &mut self,
        acts_on: OperationKind,
        operation: &'static str,
        get: u16,
        header: &[u8],
        parse: fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, KernelError> {
        self.note_read(&Operation::new(acts_on, operation, ""));
        let messages = self.route()?.dump(get, header, operation)?;
        let objects = messages.iter().filter(|(kind, _)| kind + 2 == get);
        Ok(objects.filter_map(|(_, body)| parse(body)).collect())
    }

    pub(crate) fn route(&mut self) -> Result<&mut Channel, KernelError> {
        open(&mut self.route, NETLINK_ROUTE)
    }

    pub(crate) fn netfilter(&mut self) -> Result<&mut Channel, KernelError> {
        open(&mut self.netfilter, NETLINK_NETFILTER)
    }

    /// The netfilter socket, taken out so that the gate can be used too, and put back later.
    pub(crate) fn take_netfilter(&mut self) -> Result<Channel, KernelError> {
        match self.netfilter.take() {
            Some(channel) => Ok(channel),
            None => Channel::open(NETLINK_NETFILTER),
        }
    }

    pub(crate) fn put_netfilter(&mut self, channel: Channel) {
        self.netfilter = Some(channel);
    }

    /// Gives away the nf_tables socket, if it was used; the handle opens another when it needs one. The
    /// kernel closes the last descriptor of such a socket only when all that was removed from tables
    /// before is no longer in use, which takes 5 to 20 ms.
    ///
    /// # Errors
    /// EMFILE.
    pub fn give_away_netfilter(&mut self) -> Result<Option<OwnedFd>, KernelError> {
        let taken = self.netfilter.take();
        taken.map(Channel::into_descriptor).transpose()
    }

    /// The sockets belong to a namespace that the thread has left and does not return to.
    pub(crate) fn close_sockets(&mut self) {
        self.route = None;
        self.netfilter = None;
    }

    /// Sends a batch; one answer per request, in order. Requests that the gate refused, and
    /// those with a value too long for netlink (EMSGSIZE), are not sent; the others are.
    ///
    /// # Errors
    /// When the socket itself fails; what happened to the requests is then unknown.
    pub fn submit(&mut self, batch: &Batch) -> Result<Vec<Result<(), KernelError>>, KernelError> {
        let size = if self.one_by_one() { 1 } else { CHUNK };
        let mut out = Vec::with_capacity(batch.0.len());
        for chunk in batch.0.chunks(size) {
            self.submit_chunk(chunk, &mut out)?;
        }
        Ok(out)
    }

    fn submit_chunk(
        &mut self,
        chunk: &[Request],
        out: &mut Vec<Result<(), KernelError>>,
    ) -> Result<(), KernelError> {
        let admitted: Vec<Result<(), KernelError>> = chunk
            .iter()
            .map(|request| {
                request.bytes()?;
                self.gate.before(&request.operation())
            })
            .collect();
        let sent: Vec<&Request> = chunk
            .iter()
            .zip(&admitted)
            .filter_map(|(request, admitted)| admitted.is_ok().then_some(request))
            .collect();
        let mut answers = self.route()?.submit(&sent)?.into_iter();
        for (request, admitted) in chunk.iter().zip(admitted) {
            let result = match admitted {
                Err(refused) => Err(refused),
                Ok(()) => match answers.next() {
                    Some(answer) => {
                        let seen = answer.as_ref().copied();
                        self.gate.after(&request.operation(), seen).and(answer)
                    }
                    None => Err(request.error(rustix::io::Errno::IO.raw_os_error(), None)),
                },
            };
            out.push(result);
        }
        Ok(())
    }

    /// Sends a batch of which every request must succeed.
    ///
    /// # Errors
    /// The first that failed; those after it were done in any case.
    pub fn submit_all(&mut self, batch: &Batch) -> Result<(), KernelError> {
        self.submit(batch)?.into_iter().collect()
    }

    /// Sends one request.
    ///
    /// # Errors
    /// The kernel's.
    pub fn run(&mut self, request: Request) -> Result<(), KernelError> {
        self.submit_all(&Batch(vec![request]))
    }
}

fn open(channel: &mut Option<Channel>, protocol: isize) -> Result<&mut Channel, KernelError> {
    match channel {
        Some(open) => Ok(open),
        none => Ok(none.insert(Channel::open(protocol)?)),
    }
}
