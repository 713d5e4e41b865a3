//! The file form of namespaces of other programs that nodes join.

use std::collections::BTreeMap;

use hallway_plan::settled::{JoinedNamespace, SettingsBefore};
use hallway_spec::{IpVersion, Joined, SysctlKey};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(super) struct JoinedFile {
    reference: Joined,
    inode: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    forwarding_before: Vec<(IpVersion, u32)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sysctls_before: BTreeMap<SysctlKey, String>,
}

impl From<&JoinedNamespace> for JoinedFile {
    fn from(joined: &JoinedNamespace) -> Self {
        let JoinedNamespace {
            reference,
            inode,
            before:
                SettingsBefore {
                    forwarding,
                    sysctls,
                },
        } = joined.clone();
        Self {
            reference,
            inode,
            forwarding_before: forwarding,
            sysctls_before: sysctls,
        }
    }
}

impl From<JoinedFile> for JoinedNamespace {
    fn from(file: JoinedFile) -> Self {
        Self {
            reference: file.reference,
            inode: file.inode,
            before: SettingsBefore {
                forwarding: file.forwarding_before,
                sysctls: file.sysctls_before,
            },
        }
    }
}
