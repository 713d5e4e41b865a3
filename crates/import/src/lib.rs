//! Files of other programs as hallway files: Compose files, containerlab topologies and Kathara labs.
//!
//! Pure: files, variables and programs of the machine are read through [`Surroundings`]. Places of
//! the project and of problems are those of the given file, so that errors, `explain` and `trace`
//! refer to it. The text of the translation is kept on record while a project is up.
//!
//! ```
//! use hallway_import::{File, Options, Surroundings, import};
//!
//! let file = File {
//!     path: "shop/compose.yaml".into(),
//!     text: "services: { web: { image: nginx, ports: [\"8080:80\"] } }".into(),
//! };
//! let options = Options { stub: true, ..Options::default() };
//! let imported = import(&[file], &options, Surroundings::bare())?;
//! assert_eq!(imported.project.topology.name.as_ref(), "shop");
//! assert!(imported.text.contains("command: [hallway, serve, \"80/tcp\"]"), "{}", imported.text);
//! # Ok::<(), hallway_spec::Problems>(())
//! ```

mod built_with;
mod compose;
mod containerlab;
mod entries;
mod export;
mod findings;
mod format;
mod hash;
mod kathara;
mod load;
mod merge;
mod named_files;
mod places;
mod render;
mod script;
mod sources;
mod subnets;
mod surroundings;
mod tags;
mod translate;
mod variable_file;
mod variables;

pub use built_with::BuiltWith;
pub use export::export;
pub use format::FileFormat;
pub use named_files::named_files;
pub use places::{restore_places, without_places};
pub use surroundings::{File, NodePort, Options, Surroundings};
pub use translate::{Imported, import};
