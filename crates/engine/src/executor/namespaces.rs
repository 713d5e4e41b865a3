//! Namespaces are made ahead by a separate thread: making one and making links take about as long,
//! and do not wait for the same kernel lock.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use hallway_kernel::link::{self, LinkChange};
use hallway_kernel::netns::{self, Netns};
use hallway_kernel::sysctl::SysctlReader;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::step::{NewNamespace, Op, Step};
use hallway_plan::target::Setting;
use hallway_spec::{NetnsName, NetnsRef};

use super::adjust::load_tables;
use super::outcome::{StepFailed, absent_is_done};

/// How many namespaces the thread may be ahead of the links.
const AHEAD: usize = 64;

/// A namespace to create, and the step it belongs to.
struct Order {
    position: usize,
    new: NewNamespace,
}

struct Made {
    netns: NetnsName,
    position: usize,
    result: Result<u64, KernelError>,
}

/// Creates namespaces in the background.
pub(super) struct Maker {
    orders: Vec<Order>,
    /// Of the thread that creates them.
    kernel: Option<Kernel>,
    /// The results, and the thread; a single namespace needs none.
    running: Option<(Receiver<Made>, Option<JoinHandle<()>>)>,
    /// Namespaces that do not exist yet, with the position of their step.
    pending: BTreeMap<NetnsName, usize>,
    made: Vec<(NetnsName, u64)>,
}

impl Maker {
    pub(super) fn new(steps: &[Step], kernel: Kernel) -> Self {
        let orders = steps
            .iter()
            .enumerate()
            .filter_map(|(position, step)| match &step.op {
                Op::CreateNamespace(new) => Some(Order {
                    position,
                    new: (**new).clone(),
                }),
                _ => None,
            });
        Self {
            orders: orders.collect(),
            kernel: Some(kernel),
            running: None,
            pending: BTreeMap::new(),
            made: Vec::new(),
        }
    }

    /// Starts the thread. The steps before the first namespace have been carried out already.
    pub(super) fn begin(&mut self) {
        if self.running.is_some() || self.orders.is_empty() {
            return;
        }
        let mut kernel = self.kernel.take().unwrap_or_default();
        let orders = std::mem::take(&mut self.orders);
        self.pending = orders
            .iter()
            .map(|o| (o.new.netns.clone(), o.position))
            .collect();
        let (sender, receiver) = sync_channel(AHEAD);
        if let [only] = orders.as_slice() {
            let made = Made {
                netns: only.new.netns.clone(),
                position: only.position,
                result: make_one(&mut kernel, &only.new),
            };
            sender.send(made).ok(); // the receiver is here
            self.running = Some((receiver, None));
            return;
        }
        let thread = std::thread::spawn(move || {
            let (mut sysctls, mut inherited) = (SysctlReader::for_many(), BTreeMap::new());
            for Order { position, new } in orders {
                let result = make(&mut kernel, &new, &mut sysctls, &mut inherited);
                let stop = result.is_err();
                let made = Made {
                    netns: new.netns,
                    position,
                    result,
                };
                if sender.send(made).is_err() || stop {
                    return;
                }
            }
        });
        self.running = Some((receiver, Some(thread)));
    }

    /// Waits until a namespace exists; one that is not being created exists already.
    pub(super) fn wait_for(&mut self, netns: &NetnsRef) -> Result<(), StepFailed> {
        let name = netns.name();
        while let Some(position) = name.and_then(|n| self.pending.get(n)).copied() {
            self.next(position)?;
        }
        Ok(())
    }

    /// Receives the next result; `waiting` is the step that is waited for.
    fn next(&mut self, waiting: usize) -> Result<(), StepFailed> {
        let received = self
            .running
            .as_ref()
            .and_then(|(receiver, _)| receiver.recv().ok());
        match received {
            Some(Made {
                netns,
                result: Ok(inode),
                ..
            }) => {
                self.pending.remove(&netns);
                self.made.push((netns, inode));
                Ok(())
            }
            Some(Made {
                position,
                result: Err(error),
                ..
            }) => Err(StepFailed { position, error }),
            None => Err(StepFailed {
                position: waiting,
                error: KernelError::new("create the namespace", "", rustix::io::Errno::CANCELED),
            }),
        }
    }

    /// Waits for all of them.
    pub(super) fn finish(&mut self) -> Result<Vec<(NetnsName, u64)>, StepFailed> {
        self.begin();
        while let Some(position) = self.pending.values().next().copied() {
            self.next(position)?;
        }
        self.join();
        Ok(std::mem::take(&mut self.made))
    }

    fn join(&mut self) {
        if let Some((receiver, thread)) = self.running.take() {
            drop(receiver); // a thread that is ahead stops at its next send
            thread.map(JoinHandle::join);
        }
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        self.join();
    }
}

/// A separate thread takes longer than it saves if there is nothing to make ahead.
fn make_one(kernel: &mut Kernel, new: &NewNamespace) -> Result<u64, KernelError> {
    let _back_at_the_end = netns::enter(&Netns::current()?)?;
    let mut sysctls = SysctlReader::for_one(kernel);
    make(kernel, new, &mut sysctls, &mut BTreeMap::new())
}

/// The thread belongs to the maker alone, so it moves from one new namespace to the next and need
/// not return. The loopback is marked before others can see the namespace.
///
/// `inherited` holds the initial settings of new namespaces, once they are known: the more
/// namespaces exist, the longer the kernel takes to find a setting.
fn make(
    kernel: &mut Kernel,
    new: &NewNamespace,
    sysctls: &mut SysctlReader,
    inherited: &mut BTreeMap<Setting, Option<u32>>,
) -> Result<u64, KernelError> {
    let namespace = kernel.enter_new_netns()?;
    for (setting, wanted) in &new.settings {
        let key = setting.key(None);
        let first = match inherited.get(setting) {
            Some(known) => *known,
            None => {
                let read = sysctls.read(kernel, [&key])?.pop().flatten();
                let value = read.and_then(|v| v.parse().ok());
                *inherited.entry(*setting).or_insert(value)
            }
        };
        if first != Some(*wanted) {
            absent_is_done(sysctls.write(kernel, &key, &wanted.to_string()))?;
        }
    }
    for (key, value) in &new.sysctls {
        sysctls.write(kernel, &key.path(), value)?;
    }
    let change = LinkChange {
        alias: Some(&new.alias),
        up: Some(true),
        ..LinkChange::default()
    };
    kernel.run(link::change_link("lo", &change))?;
    if let Some(rules) = &new.rules {
        load_tables(kernel, rules)?;
    }
    kernel.mount_netns(&namespace, &new.netns.path())?;
    namespace.inode()
}
