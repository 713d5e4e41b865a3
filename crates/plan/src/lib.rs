//! The planner: it compares what is wanted with what exists, and makes the steps between them.
//! Nothing here uses a kernel, a file or a clock; the same input gives the same plan, so every
//! decision can be tested, shown and explained before it is carried out.
//!
//! The flow is [`settle()`] (every address, name and MAC decided) → [`diff()`] (the steps) with
//! [`rules`] for the packet filter and [`reach`] for what packets will do.
//!
//! ```
//! use hallway_plan::diff::Recorded;
//! use hallway_plan::{Observed, Surroundings, diff, settle};
//!
//! let text = "networks: { apps: { subnet: 10.0.0.0/24 } }\nnodes: { web: { networks: [apps] } }";
//! let topology = hallway_spec::parse("shop.yaml", text)?.topology;
//! let nothing = Observed::default();
//! let around = Surroundings::new(&topology.name, &nothing, &[]);
//! let settled = settle(&topology, None, &around).unwrap();
//! let plan = diff(&settled.project, Recorded::default(), Some(&settled), &nothing);
//! let bridge = plan.steps.iter().map(|s| s.describe()).find(|d| d.kind == "bridge").unwrap();
//! assert_eq!(format!("{} {}", bridge.action, bridge.name), "create br-apps");
//! # Ok::<(), hallway_spec::Problems>(())
//! ```

pub mod built;
pub mod compare;
pub mod diff;
pub mod exit;
mod firewall;
pub mod firewall_accepts;
pub mod hosts;
mod insides;
pub mod mark;
mod named;
pub mod observed;
pub mod program;
pub mod reach;
pub mod resolv;
pub mod rules;
pub mod settle;
pub mod settled;
pub mod shaping;
pub mod step;
pub mod target;

pub use diff::{Plan, diff};
pub use exit::Exit;
pub use observed::Observed;
pub use settle::{Conflict, ConflictCode, Surroundings, settle};
pub use settled::Settled;
pub use step::{Op, Step};
