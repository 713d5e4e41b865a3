//! Single changes: each edits the text on record and applies the result, so that the file and the
//! network never differ.

use std::net::IpAddr;

use hallway_spec::problem::WarningKind;
use hallway_spec::{
    Document, Edit, Name, NewNode, Problems, Warning, edit_of_file, empty, free_subnet, parse_bytes,
};

use super::ready::READY_LIMIT;
use super::{Applied, Caller, Origin, RequestedState};
use crate::{Engine, Failure, Lock, Reason};

/// An edit that has been applied. The scope stays locked until this value is dropped, so that the
/// caller can examine what was built.
#[derive(Debug)]
pub struct Edited {
    /// Whether anything had to be changed.
    pub changed: bool,
    /// Warnings about the edited text that there were not before.
    pub warnings: Vec<Warning>,
    _lock: Lock,
}

/// Why an edit was not applied.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The edit is not possible in the project, like a node that exists already.
    #[error(transparent)]
    Refused(hallway_spec::EditError),
    /// The edited text is not valid.
    #[error("the edited file is not valid")]
    Invalid(Problems),
    /// The edited text conflicts with what is on the host.
    #[error("{0}")]
    Conflict(Failure),
    /// It could not be done.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A node to attach to networks of a project, for a caller that has no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    /// The node's name.
    pub node: Name,
    /// Its networks, each with its addresses; from the pool if there are none.
    pub networks: Vec<(Name, Vec<IpAddr>)>,
    /// Published ports, in the syntax of the file.
    pub ports: Vec<String>,
}

/// The warnings that are not about the text before the edit. A new policy is the first one, and what
/// others then decide no more is as intended.
fn new_warnings(now: Vec<Warning>, before: Option<&str>) -> Vec<Warning> {
    let known = before.and_then(|text| parse_bytes("", text.as_bytes()).ok());
    let mut known: Vec<String> = (known.iter().flat_map(|p| &p.warnings))
        .map(|w| w.kind.to_string())
        .collect();
    let is_new = |warning: &Warning| {
        let words = warning.kind.to_string();
        let found = known.iter().position(|k| *k == words);
        found.map(|at| known.swap_remove(at)).is_none()
            && !matches!(warning.kind, WarningKind::PolicyShadowed { .. })
    };
    let mut now = now;
    now.retain(is_new);
    now
}

impl Engine {
    /// Applies one edit to a project, which is made if it does not exist.
    ///
    /// # Errors
    /// See [`EditError`]; the former state has been restored.
    pub fn edit(
        &self,
        project: &Name,
        change: &Edit,
        caller: &mut Caller<'_>,
    ) -> Result<Edited, EditError> {
        let lock = self.lock(Some(project), caller)?;
        if self.edit_alone(project, change, caller)? {
            return Ok(Edited {
                changed: true,
                warnings: Vec::new(),
                _lock: lock,
            });
        }
        let record = self.record(project)?;
        let read = |text: &str| {
            Document::read(text).ok_or_else(|| {
                Failure::from(Reason::SourceUnreadable {
                    project: project.clone(),
                })
            })
        };
        let document = match &record {
            None => empty(project),
            Some(record) => read(&record.source)?,
        };
        let file = match record.as_ref().map(|r| r.edited_from.as_deref()) {
            None | Some(Some("")) => empty(project),
            Some(None) => document.clone(),
            Some(Some(text)) => read(text)?,
        };
        let chosen = self.with_subnet(&document, change)?;
        let edit = chosen.as_ref().unwrap_or(change);
        let mut changed = edit_of_file(&document, &file, edit).map_err(EditError::Refused)?;
        changed.name = Some(project.to_string());
        let text = changed.to_yaml();
        let repair = record.as_ref().is_none_or(|r| r.repair);
        let (path, before) = record.map_or((None, None), |r| (r.path, Some(r.source)));
        let parsed =
            parse_bytes(&format!("{project}.yaml"), text.as_bytes()).map_err(EditError::Invalid)?;
        let warnings = new_warnings(parsed.warnings, before.as_deref());
        let mut topology = parsed.topology;
        topology.name = project.clone();
        let request = RequestedState {
            topology: &topology,
            source: &text,
            path: path.as_deref(),
            ready_limit: READY_LIMIT,
            all_ready: false,
            repair,
            allow_through: &[],
            replace: false,
        };
        match self.up_locked(&request, Origin::Edit, lock, caller) {
            Ok(Applied { changed, _lock, .. }) => Ok(Edited {
                changed,
                warnings,
                _lock,
            }),
            Err(failure) if failure.place.is_some() => Err(EditError::Conflict(failure)),
            Err(failure) => Err(EditError::Failed(failure)),
        }
    }

    /// A new network without a subnet gets one that no route of the host leads to.
    fn with_subnet(&self, document: &Document, change: &Edit) -> Result<Option<Edit>, EditError> {
        let mut chosen = change.clone();
        let Edit::NetworkAdd(network) = &mut chosen else {
            return Ok(None);
        };
        if !network.subnets.is_empty() || network.parent.is_some() {
            return Ok(None);
        }
        let seen = self.prefixes_in_use()?;
        let subnets = &mut network.subnets;
        subnets.push(free_subnet(document, &seen).map_err(EditError::Refused)?);
        Ok(Some(chosen))
    }

    /// Attaches a node: namespace, interfaces, addresses and published ports.
    ///
    /// # Errors
    /// As [`Engine::edit`]; a failed attach leaves nothing.
    pub fn attach(
        &self,
        project: &Name,
        endpoint: &NewEndpoint,
        caller: &mut Caller<'_>,
    ) -> Result<Edited, EditError> {
        let change = Edit::NodeAdd(NewNode {
            name: endpoint.node.clone(),
            networks: endpoint.networks.clone(),
            ports: endpoint.ports.clone(),
            command: Vec::new(),
            ready: Vec::new(),
        });
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
    ) -> Result<Edited, EditError> {
        self.edit(project, &Edit::NodeRemove(node.clone()), caller)
    }
}
