//! The file form of programs that share the namespace of a node.

use std::collections::BTreeMap;

use hallway_plan::settled::Sidecar;
use hallway_spec::{Name, Place};
use serde::{Deserialize, Serialize};

use super::workload::WorkloadFile;

#[derive(Serialize, Deserialize)]
pub(super) struct SidecarFile {
    name: Name,
    environment: BTreeMap<String, String>,
    service: WorkloadFile,
    place: Place,
}

impl From<&Sidecar> for SidecarFile {
    fn from(from: &Sidecar) -> Self {
        let Sidecar {
            name,
            environment,
            service,
            place,
        } = from.clone();
        Self {
            name,
            environment,
            service: (&service).into(),
            place,
        }
    }
}

impl From<SidecarFile> for Sidecar {
    fn from(file: SidecarFile) -> Self {
        Self {
            name: file.name,
            environment: file.environment,
            service: file.service.into(),
            place: file.place,
        }
    }
}
