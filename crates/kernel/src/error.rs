//! Errors of operations that the kernel refused.

use hallway_nftables::wire::AttributeTooLong;
use rustix::io::Errno;

/// An operation the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelError {
    /// The operation, like `create the bridge`.
    pub operation: &'static str,
    /// Its object, like the name of a link; empty when there is none.
    pub object: String,
    /// The errno.
    pub errno: i32,
    /// The kernel's explanation (NLMSGERR_ATTR_MSG), when it gave one.
    pub detail: Option<String>,
}

impl KernelError {
    /// An error from a system call.
    #[must_use]
    pub fn new(operation: &'static str, object: impl Into<String>, errno: Errno) -> Self {
        Self {
            operation,
            object: object.into(),
            errno: errno.raw_os_error(),
            detail: None,
        }
    }

    /// An error from the standard library.
    #[must_use]
    pub fn io(operation: &'static str, object: impl Into<String>, error: &std::io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(5);
        Self {
            operation,
            object: object.into(),
            errno,
            detail: None,
        }
    }

    /// A request that does not fit into a netlink message.
    #[must_use]
    pub fn too_long(
        operation: &'static str,
        object: impl Into<String>,
        error: AttributeTooLong,
    ) -> Self {
        Self {
            operation,
            object: object.into(),
            errno: Errno::MSGSIZE.raw_os_error(),
            detail: Some(error.to_string()),
        }
    }

    /// The object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        [
            Errno::NOENT,
            Errno::NODEV,
            Errno::SRCH,
            Errno::ADDRNOTAVAIL,
            Errno::NXIO,
        ]
        .iter()
        .any(|e| e.raw_os_error() == self.errno)
    }

    /// A link is missing or down, or lacks an address: other links are not concerned.
    #[must_use]
    pub fn lacks_link(&self) -> bool {
        [
            Errno::NODEV,
            Errno::NXIO,
            Errno::NETDOWN,
            Errno::NETUNREACH,
            Errno::HOSTUNREACH,
            Errno::ADDRNOTAVAIL,
        ]
        .iter()
        .any(|e| e.raw_os_error() == self.errno)
    }

    /// There is no route.
    #[must_use]
    pub fn is_without_route(&self) -> bool {
        let all = [
            Errno::NETUNREACH,
            Errno::HOSTUNREACH,
            Errno::ACCESS,
            Errno::INVAL,
        ];
        all.iter().any(|e| e.raw_os_error() == self.errno)
    }

    /// The kernel does not support the kind of object.
    pub(crate) fn is_unknown_kind(&self) -> bool {
        self.errno == Errno::OPNOTSUPP.raw_os_error()
    }

    /// The kernel does not support the request.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        let unknown = [
            Errno::INVAL,
            Errno::OPNOTSUPP,
            Errno::PROTONOSUPPORT,
            Errno::AFNOSUPPORT,
        ];
        unknown.iter().any(|e| e.raw_os_error() == self.errno)
    }

    /// The object exists already.
    #[must_use]
    pub fn is_exists(&self) -> bool {
        self.errno == Errno::EXIST.raw_os_error()
    }

    /// The caller may not do this.
    #[must_use]
    pub fn is_not_permitted(&self) -> bool {
        [Errno::PERM, Errno::ACCESS]
            .iter()
            .any(|e| e.raw_os_error() == self.errno)
    }
}

impl std::fmt::Display for KernelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.operation)?;
        if !self.object.is_empty() {
            write!(f, " {}", self.object)?;
        }
        write!(f, ": {}", std::io::Error::from_raw_os_error(self.errno))?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl std::error::Error for KernelError {}
