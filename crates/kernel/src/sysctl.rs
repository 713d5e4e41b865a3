//! Settings below /proc/sys; those below `net` are of the calling thread's network namespace.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::gate::{Operation, OperationKind};
use crate::{Kernel, KernelError};

const DIRECTORY: &str = "/proc/sys";
const READ: &str = "read the setting";
const WRITE: &str = "write the setting";

/// `net/ipv6` and what is below it.
fn split(key: &str) -> (&str, &str) {
    let second = key.match_indices('/').nth(1);
    let (part, rest) = second.map_or((".", key), |(at, _)| key.split_at(at));
    (part, rest.trim_start_matches('/'))
}

/// `None` for what does not exist.
fn found(opened: Result<OwnedFd, Errno>, key: &str) -> Result<Option<OwnedFd>, KernelError> {
    match opened {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(KernelError::new(READ, key, e)),
    }
}

impl Kernel {
    /// Reads a setting, like `net/ipv4/conf/eth0/forwarding`, without the newline at its end.
    ///
    /// # Errors
    /// ENOENT where the kernel has no such setting.
    pub fn read_sysctl(&self, key: &str) -> Result<String, KernelError> {
        self.note_read(&Operation::new(OperationKind::Sysctl, READ, key));
        std::fs::read_to_string(format!("{DIRECTORY}/{key}"))
            .map(|text| text.trim_end().to_owned())
            .map_err(|e| KernelError::io(READ, key, &e))
    }

    /// Reads many settings; `None` for those that the kernel does not have. The answers are in the
    /// order of the keys.
    ///
    /// # Errors
    /// The first setting that is there and cannot be read.
    pub fn read_sysctls<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<String>>, KernelError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(CWD, DIRECTORY, flags, Mode::empty())
            .map_err(|e| KernelError::new("open", DIRECTORY, e))?;
        let mut out = Vec::new();
        let mut text = String::new();
        // The kernel looks through an entry for each network namespace to find `net/ipv6`, and
        // through few below it.
        let mut parts: BTreeMap<String, Option<OwnedFd>> = BTreeMap::new();
        for key in keys {
            let key = key.as_ref();
            self.note_read(&Operation::new(OperationKind::Sysctl, READ, key));
            let (part, rest) = split(key);
            let part = match parts.entry(part.to_owned()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let opened = rustix::fs::openat(&directory, part, flags, Mode::empty());
                    new.insert(found(opened, key)?)
                }
            };
            let file = match part {
                None => None,
                Some(part) => {
                    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                    found(rustix::fs::openat(part, rest, flags, Mode::empty()), key)?
                }
            };
            let Some(file) = file else {
                out.push(None);
                continue;
            };
            text.clear();
            std::fs::File::from(file)
                .read_to_string(&mut text)
                .map_err(|e| KernelError::io(READ, key, &e))?;
            out.push(Some(text.trim_end().to_owned()));
        }
        Ok(out)
    }

    /// Writes a setting.
    ///
    /// # Errors
    /// ENOENT where the kernel has no such setting; EACCES or EROFS where /proc/sys may not be
    /// written; EINVAL for a value the kernel refuses.
    pub fn write_sysctl(&self, key: &str, value: &str) -> Result<(), KernelError> {
        self.perform(&Operation::new(OperationKind::Sysctl, WRITE, key), || {
            std::fs::OpenOptions::new()
                .write(true)
                .open(format!("{DIRECTORY}/{key}"))
                .and_then(|mut file| file.write_all(value.as_bytes()))
                .map_err(|e| KernelError::io(WRITE, key, &e))
        })
    }
}
