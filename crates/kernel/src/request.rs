//! Requests to rtnetlink, as values.

use crate::KernelError;
use crate::gate::{Operation, OperationKind};
use crate::wire::AttributeTooLong;

pub(crate) const NLM_F_REQUEST: u16 = 1;
pub(crate) const NLM_F_ACK: u16 = 4;
pub(crate) const NLM_F_DUMP: u16 = 0x300;
pub(crate) const NLM_F_REPLACE: u16 = 0x100;
pub(crate) const NLM_F_EXCL: u16 = 0x200;
pub(crate) const NLM_F_CREATE: u16 = 0x400;

/// One request, made by functions like [`create_bridge`](crate::link::create_bridge) and sent by
/// [`Kernel::run`](crate::Kernel::run) or in a [`Batch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub(crate) acts_on: OperationKind,
    /// The message type (RTM_*).
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    /// Not sent when an attribute is too long.
    pub(crate) body: Result<Vec<u8>, AttributeTooLong>,
    pub(crate) operation: &'static str,
    pub(crate) object: String,
}

impl Request {
    /// The operation, as in gates and errors.
    #[must_use]
    pub fn operation(&self) -> Operation<'_> {
        Operation::new(self.acts_on, self.operation, &self.object)
    }

    /// The message's body.
    pub(crate) fn bytes(&self) -> Result<&[u8], KernelError> {
        match &self.body {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(KernelError::too_long(self.operation, &self.object, *error)),
        }
    }

    /// The kernel's refusal of this request.
    pub(crate) fn error(&self, errno: i32, detail: Option<String>) -> KernelError {
        KernelError {
            operation: self.operation,
            object: self.object.clone(),
            errno,
            detail,
        }
    }
}

/// Requests that are sent together. They are carried out in order, each separately: one that fails
/// neither stops those after it nor undoes those before it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch(pub(crate) Vec<Request>);

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a request.
    pub fn push(&mut self, request: Request) {
        self.0.push(request);
    }

    /// Whether it has no requests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of requests.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<Request> for Batch {
    fn from_iter<I: IntoIterator<Item = Request>>(requests: I) -> Self {
        Self(requests.into_iter().collect())
    }
}
