//! The form of cables in the record.

use hallway_plan::settled::{Cable, InterfaceRef};
use hallway_spec::Name;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct CableFile {
    a: (Name, String),
    b: (Name, String),
}

impl From<&Cable> for CableFile {
    fn from(cable: &Cable) -> Self {
        let pair = |end: &InterfaceRef| (end.node.clone(), end.interface.clone());
        Self {
            a: pair(&cable.a),
            b: pair(&cable.b),
        }
    }
}

impl From<CableFile> for Cable {
    fn from(cable: CableFile) -> Self {
        let end = |(node, interface)| InterfaceRef { node, interface };
        Self {
            a: end(cable.a),
            b: end(cable.b),
        }
    }
}
