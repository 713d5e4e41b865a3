//! Counting operations.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Gate, Operation, OperationKind};
use crate::KernelError;

/// Counts changes and reads by kind.
///
/// ```
/// use std::sync::Arc;
/// use hallway_kernel::Kernel;
/// use hallway_kernel::gate::{Counter, OperationKind};
///
/// let counter = Arc::new(Counter::default());
/// let kernel = Kernel::with_gate(counter.clone());
/// kernel.read_sysctl("kernel/ostype").unwrap();
/// assert_eq!(counter.reads().get(&OperationKind::Sysctl), Some(&1));
/// assert_eq!(counter.changes_total(), 0);
/// ```
#[derive(Debug, Default)]
pub struct Counter {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    changes: BTreeMap<OperationKind, usize>,
    failed: usize,
    reads: BTreeMap<OperationKind, usize>,
}

impl Counter {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Numbers are complete after each addition, also in a thread that panicked later.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes by kind, with those that failed.
    #[must_use]
    pub fn changes(&self) -> BTreeMap<OperationKind, usize> {
        self.counts().changes.clone()
    }

    /// All changes, with those that failed.
    #[must_use]
    pub fn changes_total(&self) -> usize {
        self.counts().changes.values().sum()
    }

    /// Changes that failed.
    #[must_use]
    pub fn failed_total(&self) -> usize {
        self.counts().failed
    }

    /// Reads by kind.
    #[must_use]
    pub fn reads(&self) -> BTreeMap<OperationKind, usize> {
        self.counts().reads.clone()
    }
}

impl Gate for Counter {
    fn before(&self, operation: &Operation<'_>) -> Result<(), KernelError> {
        *self.counts().changes.entry(operation.kind).or_default() += 1;
        Ok(())
    }

    fn after(
        &self,
        _operation: &Operation<'_>,
        result: Result<(), &KernelError>,
    ) -> Result<(), KernelError> {
        self.counts().failed += usize::from(result.is_err());
        Ok(())
    }

    fn read(&self, operation: &Operation<'_>) {
        *self.counts().reads.entry(operation.kind).or_default() += 1;
    }
}
