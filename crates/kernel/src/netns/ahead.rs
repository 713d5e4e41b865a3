//! A namespace that is created before it is known what it is for: the kernel takes 0.3 ms for one,
//! in which another processor can prepare the rest.

use std::os::fd::AsFd as _;

use std::sync::mpsc::sync_channel;

use super::Netns;
use crate::sys::{self, NamespaceKind};
use crate::{Kernel, KernelError};

impl Kernel {
    /// Starts to create a namespace in a separate thread, for the next
    /// [`Kernel::enter_new_netns`] of this handle or of a sibling. If nothing asks for it, it ends
    /// with the process. A gate that works step by step gets no thread.
    pub fn create_netns_ahead(&self) {
        if self.one_by_one() {
            return;
        }
        let mut kernel = self.sibling();
        let (sender, receiver) = sync_channel(1);
        let thread = std::thread::Builder::new().spawn(move || {
            let made = kernel.unshare(&[NamespaceKind::Net]);
            sender.send(made.and_then(|()| Netns::current())).ok(); // the handle may be closed by then
            kernel.open_procfs();
        });
        // Without the thread it is created when it is needed, and an error is reported then.
        if let (Ok(_running), Ok(mut ahead)) = (thread, self.ahead.lock()) {
            *ahead = Some(receiver);
        }
    }

    /// Moves the calling thread into a new namespace, without a way to return; the handle's sockets
    /// are closed. Takes the namespace that was created ahead, if there is one.
    ///
    /// # Errors
    /// As [`Kernel::unshare`].
    pub fn enter_new_netns(&mut self) -> Result<Netns, KernelError> {
        let ahead = self.ahead.lock().ok().and_then(|mut ahead| ahead.take());
        match ahead.and_then(|receiver| receiver.recv().ok()?.ok()) {
            Some(made) => {
                sys::setns(made.as_fd(), NamespaceKind::Net)?;
                self.close_sockets();
                Ok(made)
            }
            None => {
                self.unshare(&[NamespaceKind::Net])?;
                Netns::current()
            }
        }
    }
}
