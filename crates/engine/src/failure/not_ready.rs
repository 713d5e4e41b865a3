//! Why a run waited in vain for a program.

use hallway_spec::listed;

use crate::keeper::{Awaited, ProgramEnd};

/// Why a node's program is not ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It ended.
    #[error("{0}")]
    Ended(ProgramEnd),
    /// It took longer than this many seconds.
    #[error("{}", late(*seconds, awaited, others))]
    Late {
        /// The limit.
        seconds: u64,
        /// What is awaited.
        awaited: Awaited,
        /// The other nodes that are not ready either.
        others: Vec<String>,
    },
}

fn late(seconds: u64, awaited: &Awaited, others: &[String]) -> String {
    let late = match awaited {
        Awaited::Runs => format!("not ready after {seconds} s"),
        Awaited::Listens(ports) => {
            let ports = ports.join(", ");
            format!("not ready after {seconds} s: it must listen on {ports}")
        }
        Awaited::Healthy => format!("not healthy after {seconds} s"),
        Awaited::Ends { before } => {
            format!("not ended after {seconds} s: node {before} is started only after that")
        }
    };
    match others {
        [] => late,
        others => format!("{late}; also not ready: {}", listed(others)),
    }
}
