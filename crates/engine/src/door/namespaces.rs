//! Namespaces are made ahead by a thread of their own: making one and making links take about as
//! long, and do not wait for the same kernel lock.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use hallway_kernel::link::{self, LinkChange};
use hallway_kernel::netns::Netns;
use hallway_kernel::sys::Kind;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::mark::{self, Role};
use hallway_plan::step::{Op, Step};
use hallway_spec::Name;

use super::inside;
use crate::observe::netns_path;

/// How many namespaces the thread may be ahead of the links.
const AHEAD: usize = 64;

struct Order {
    netns: String,
    alias: String,
    ipv6: bool,
    forwarding: bool,
}

type Made = (String, Result<u64, KernelError>);

/// Makes namespaces in the background.
pub(super) struct Maker {
    orders: Vec<Order>,
    /// Of the thread that creates them.
    kernel: Option<Kernel>,
    running: Option<(Receiver<Made>, JoinHandle<()>)>,
    pending: std::collections::BTreeSet<String>,
    made: Vec<(String, u64)>,
    failed: Option<KernelError>,
}

impl Maker {
    pub(super) fn new(project: &Name, steps: &[Step], kernel: Kernel) -> Self {
        let mut orders = Vec::new();
        for step in steps {
            if let Op::CreateNamespace {
                node,
                netns,
                ipv6,
                forwarding,
            } = &step.op
            {
                orders.push(Order {
                    netns: netns.clone(),
                    alias: mark::alias(project, &Role::Node(node.clone())),
                    ipv6: *ipv6,
                    forwarding: *forwarding,
                });
            }
        }
        Self {
            orders,
            kernel: Some(kernel),
            running: None,
            pending: Default::default(),
            made: Vec::new(),
            failed: None,
        }
    }

    /// Starts the thread; what stood before in the plan has been done by now.
    pub(super) fn begin(&mut self) {
        if self.running.is_some() || self.orders.is_empty() {
            return;
        }
        let mut kernel = self.kernel.take().unwrap_or_default();
        let orders = std::mem::take(&mut self.orders);
        self.pending = orders.iter().map(|o| o.netns.clone()).collect();
        let (sender, receiver) = sync_channel(AHEAD);
        let thread = std::thread::spawn(move || {
            let mut inherited = None;
            for order in orders {
                let made = make(&mut kernel, &order, &mut inherited);
                let stop = made.is_err();
                if sender.send((order.netns, made)).is_err() || stop {
                    return;
                }
            }
        });
        self.running = Some((receiver, thread));
    }

    /// Waits until a namespace is there; one that nobody is making is.
    pub(super) fn wait_for(&mut self, netns: &str) -> Result<(), KernelError> {
        while self.pending.contains(netns) {
            self.next()?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<(), KernelError> {
        let received = self
            .running
            .as_ref()
            .and_then(|(receiver, _)| receiver.recv().ok());
        match received {
            Some((name, Ok(inode))) => {
                self.pending.remove(&name);
                self.made.push((name, inode));
                Ok(())
            }
            Some((_, Err(error))) => {
                self.failed = Some(error.clone());
                Err(error)
            }
            None => Err(self.failed.clone().unwrap_or_else(|| {
                KernelError::new("create the namespace", "", rustix::io::Errno::CANCELED)
            })),
        }
    }

    /// Waits for all of them.
    pub(super) fn finish(&mut self) -> Result<Vec<(String, u64)>, KernelError> {
        self.begin();
        while !self.pending.is_empty() {
            self.next()?;
        }
        self.join();
        Ok(std::mem::take(&mut self.made))
    }

    fn join(&mut self) {
        if let Some((receiver, thread)) = self.running.take() {
            drop(receiver); // a thread that is ahead stops at its next send
            thread.join().ok();
        }
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        self.join();
    }
}

/// The thread belongs to the maker alone, so it goes from one new namespace to the next and need
/// not return. The loopback is marked before the namespace can be seen by others.
///
/// `inherited` is whether new namespaces forward from the start, once that is known: the more
/// namespaces there are, the longer the kernel takes to find a setting.
fn make(
    kernel: &mut Kernel,
    order: &Order,
    inherited: &mut Option<bool>,
) -> Result<u64, KernelError> {
    kernel.unshare(&[Kind::Net])?;
    let namespace = Netns::current()?;
    if order.ipv6 {
        inside::refuse_advertisements(kernel)?;
    } else {
        inside::disable_ipv6(kernel)?;
    }
    let forwards = match *inherited {
        Some(known) => known,
        None => *inherited.insert(inside::forwards(kernel)?),
    };
    if order.forwarding || forwards {
        inside::set_forwarding(kernel, order.forwarding, order.ipv6)?;
    }
    kernel.run(link::change_link(
        "lo",
        &LinkChange {
            alias: Some(&order.alias),
            up: Some(true),
            ..LinkChange::default()
        },
    ))?;
    kernel.mount_netns(&namespace, &netns_path(&order.netns))?;
    namespace.inode()
}
