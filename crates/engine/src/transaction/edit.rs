//! Changes of one thing at a time: each edits the text on record and applies the result, so that
//! the file and the network never differ.

use std::net::IpAddr;
use std::time::Duration;

use hallway_spec::{Document, Edit, Name, Problems, edit, empty, parse_bytes};

use super::{Applied, Caller, Origin, Request};
use crate::{Engine, Failure, Reason};

/// How long a program that an edit starts may take to become ready.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// An edit that has been applied.
#[derive(Debug)]
#[must_use = "dropping it keeps the edit; call `roll_back` on `applied` to undo it"]
pub struct Edited<'e> {
    /// What was built.
    pub applied: Applied<'e>,
    /// The edited text.
    pub text: String,
    /// Warnings about it.
    pub warnings: Vec<hallway_spec::Warning>,
}

/// Why an edit was not applied.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The edit does not fit the project, like a node that exists already.
    #[error(transparent)]
    Refused(hallway_spec::EditError),
    /// The edited text is not valid.
    #[error("the edited file is not valid")]
    Invalid(Problems),
    /// The edited text conflicts with what is on the host; with the text for the places.
    #[error("{failure}")]
    Conflict {
        /// The conflict.
        failure: Failure,
        /// The edited text.
        text: String,
    },
    /// It could not be done.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A node to attach to networks of a project, for a caller that has no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The node's name.
    pub node: Name,
    /// The networks it joins, each with its addresses; from the pool where there are none.
    pub networks: Vec<(Name, Vec<IpAddr>)>,
    /// Published ports, in the syntax of the file.
    pub ports: Vec<String>,
}

impl Engine {
    /// Applies one edit to a project, which is made if it does not exist.
    ///
    /// # Errors
    /// See [`EditError`]; what was there before has been restored.
    pub fn edit(
        &self,
        project: &Name,
        change: &Edit,
        caller: &mut Caller<'_>,
    ) -> Result<Edited<'_>, EditError> {
        let lock = self.lock(caller)?;
        let record = self.record(project)?;
        let document = match &record {
            None => empty(project),
            Some(record) => Document::read(&record.source).ok_or_else(|| {
                Failure::from(Reason::SourceUnreadable {
                    project: project.clone(),
                })
            })?,
        };
        let mut changed = edit(&document, change).map_err(EditError::Refused)?;
        changed.name = Some(project.to_string());
        let text = changed.to_yaml();
        let repair = record.as_ref().is_none_or(|r| r.repair);
        let path = record.and_then(|r| r.path);
        let parsed =
            parse_bytes(&format!("{project}.yaml"), text.as_bytes()).map_err(EditError::Invalid)?;
        let mut topology = parsed.topology;
        topology.name = project.clone();
        let request = Request {
            topology: &topology,
            source: &text,
            path: path.as_deref(),
            ready_limit: READY_LIMIT,
            repair,
        };
        match self.up_locked(&request, Origin::Edit, lock, caller) {
            Ok(applied) => Ok(Edited {
                applied,
                text,
                warnings: parsed.warnings,
            }),
            Err(failure) if failure.place.is_some() => Err(EditError::Conflict { failure, text }),
            Err(failure) => Err(EditError::Failed(failure)),
        }
    }

    /// Attaches a node: namespace, interfaces, addresses and published ports.
    ///
    /// # Errors
    /// As [`Engine::edit`]; a failed attach leaves nothing.
    pub fn attach(
        &self,
        project: &Name,
        endpoint: &Endpoint,
        caller: &mut Caller<'_>,
    ) -> Result<Edited<'_>, EditError> {
        let change = Edit::NodeAdd {
            name: endpoint.node.clone(),
            networks: endpoint.networks.clone(),
            ports: endpoint.ports.clone(),
            command: Vec::new(),
            ready: Vec::new(),
        };
        self.edit(project, &change, caller)
    }

    /// Detaches a node and removes everything that belongs to it.
    ///
    /// # Errors
    /// As [`Engine::edit`].
    pub fn detach(
        &self,
        project: &Name,
        node: &Name,
        caller: &mut Caller<'_>,
    ) -> Result<Edited<'_>, EditError> {
        self.edit(project, &Edit::NodeRemove(node.clone()), caller)
    }
}
