//! The file form of a program.

use hallway_plan::settled::Workload;
use hallway_spec::{Condition, Dependency, Healthcheck, Name, PortProto, Restart, User};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct WorkloadFile {
    command: Vec<String>,
    ready: Vec<PortProto>,
    restart: Restart,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    may_fail: bool,
    working_dir: Option<String>,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    healthcheck: Option<Healthcheck>,
    depends_on: Vec<DependencyFile>,
}

/// Only a name if its program only has to run, as in files without conditions.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum DependencyFile {
    Started(Name),
    Other(Dependency),
}

impl From<&Workload> for WorkloadFile {
    fn from(from: &Workload) -> Self {
        let Workload {
            command,
            ready,
            restart,
            may_fail,
            working_dir,
            user,
            healthcheck,
            depends_on,
        } = from.clone();
        Self {
            command,
            ready,
            restart,
            may_fail,
            working_dir,
            user,
            healthcheck,
            depends_on: depends_on.iter().map(Into::into).collect(),
        }
    }
}

impl From<WorkloadFile> for Workload {
    fn from(file: WorkloadFile) -> Self {
        Self {
            command: file.command,
            ready: file.ready,
            restart: file.restart,
            may_fail: file.may_fail,
            working_dir: file.working_dir,
            user: file.user,
            healthcheck: file.healthcheck,
            depends_on: file.depends_on.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<&Dependency> for DependencyFile {
    fn from(dependency: &Dependency) -> Self {
        match dependency.condition {
            Condition::ServiceStarted if dependency.required => {
                Self::Started(dependency.node.clone())
            }
            _ => Self::Other(dependency.clone()),
        }
    }
}

impl From<DependencyFile> for Dependency {
    fn from(file: DependencyFile) -> Self {
        match file {
            DependencyFile::Started(node) => Self {
                node,
                condition: Condition::ServiceStarted,
                required: true,
            },
            DependencyFile::Other(dependency) => dependency,
        }
    }
}
