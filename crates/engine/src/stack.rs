//! The stack of the process's first thread. The kernel lets it grow up to a limit (RLIMIT_STACK), and
//! ends the process beyond it. Another thread, with a stack of its own size, cannot do the work: a
//! process with several threads may not enter a user namespace (setns(2)).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What hallway needs at most, in bytes, with a reserve.
const NEEDED: u64 = 1024 * 1024;
/// With less than this, the command line cannot be read.
const LEAST: u64 = 256 * 1024;

/// A limit on the stack that is too low, and that this user may not raise, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackLimit {
    /// The limit.
    pub limit: u64,
    /// What is needed.
    pub needed: u64,
}

/// Makes the stack large enough. The limit is the same afterwards, since programs that are started get
/// it, but what the stack has grown to stays.
///
/// # Errors
/// When the limit is too low, and this user may not raise it.
pub fn grow() -> Result<(), StackLimit> {
    let before = getrlimit(Resource::Stack);
    let Some(limit) = before.current.filter(|limit| *limit < NEEDED) else {
        return Ok(());
    };
    let raised = Rlimit {
        current: Some(2 * NEEDED),
        maximum: before.maximum.map(|most| most.max(2 * NEEDED)),
    };
    if setrlimit(Resource::Stack, raised).is_err() {
        return match limit < LEAST {
            true => Err(StackLimit {
                limit,
                needed: NEEDED,
            }),
            false => Ok(()),
        };
    }
    use_it();
    // What was allowed before is allowed now.
    setrlimit(Resource::Stack, before).ok();
    Ok(())
}

/// Writes to that much of the stack.
#[inline(never)]
fn use_it() {
    let mut room = [1_u8; NEEDED as usize];
    std::hint::black_box(&mut room);
}
