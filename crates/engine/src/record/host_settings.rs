//! Settings of the host that projects of a scope changed, kept in a file of the scope: the notes in
//! the projects' tables are lost after a `nft flush ruleset` of another program.
//!
//! A note is written before the setting is changed. The file is valid for one boot: after the next
//! one the settings are the machine's own again. If it is damaged or of another version, only the notes of the tables
//! and records are used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hallway_plan::Plan;
use hallway_plan::observed::{Noted, Observed, SeenSpace};
use hallway_plan::step::{Op, Uplink};
use hallway_plan::target::Setting;
use hallway_spec::{IpVersion, Name};
use serde::{Deserialize, Serialize};

use super::{Store, store};
use crate::{Failure, Reason};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct SettingsFile {
    version: u32,
    /// /proc/sys/kernel/random/boot_id.
    boot: String,
    uplinks: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    link: String,
    version: IpVersion,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    projects: BTreeSet<Name>,
    /// Before it was changed: whether all links forwarded, and whether new links did.
    all: Option<u32>,
    new: Option<u32>,
    /// The same of `force_forwarding` of all links (IPv6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forced: Option<u32>,
}

impl Entry {
    fn of(note: &Noted) -> Self {
        let version = note.uplink.version;
        let before = |setting| note.before.get(&setting).copied();
        Self {
            link: note.uplink.link.clone(),
            version,
            index: note.index,
            projects: note.projects.clone(),
            all: before(Setting::Forwarding(version)),
            new: before(Setting::NewForwarding(version)),
            forced: before(Setting::ForcedForwarding),
        }
    }
}

impl From<Entry> for Noted {
    fn from(entry: Entry) -> Self {
        let version = entry.version;
        let all = [
            (Setting::Forwarding(version), entry.all),
            (Setting::NewForwarding(version), entry.new),
            (Setting::ForcedForwarding, entry.forced),
        ];
        let before = all.into_iter().filter_map(|(s, value)| Some((s, value?)));
        Self {
            uplink: Uplink {
                link: entry.link,
                version,
            },
            index: entry.index,
            projects: entry.projects,
            before: before.collect(),
        }
    }
}

fn path(scope: &Path) -> PathBuf {
    scope.join("host-settings.json")
}

fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim_end().to_owned())
        .unwrap_or_default()
}

impl Store {
    /// What is noted, with the names that links have now.
    ///
    /// # Errors
    /// When the file exists and cannot be read.
    pub(crate) fn host_settings_of(&self, host: &SeenSpace) -> Result<Vec<Noted>, Failure> {
        let mut notes = self.host_settings()?;
        for note in &mut notes {
            let same = host.links.iter().find(|l| Some(l.index) == note.index);
            if let Some(link) = same {
                note.uplink.link.clone_from(&link.name);
            }
        }
        Ok(notes)
    }

    fn host_settings(&self) -> Result<Vec<Noted>, Failure> {
        let text = store::read(&path(self.scope()))?;
        let file = text.and_then(|text| serde_json::from_slice::<SettingsFile>(&text).ok());
        let file = file.filter(|f| f.version == VERSION && f.boot == boot());
        let entries = file.into_iter().flat_map(|f| f.uplinks);
        Ok(entries.map(Noted::from).collect())
    }

    /// Notes the changes of the host in a plan, before it is carried out.
    pub(crate) fn note_host_settings(
        &self,
        project: &Name,
        plan: &Plan,
        seen: &Observed,
    ) -> Result<(), Failure> {
        let mut turned_on = plan.steps.iter().flat_map(|step| match &step.op {
            Op::ForwardUplinks { uplinks, .. } => uplinks.as_slice(),
            _ => &[],
        });
        let forgotten: Vec<&Uplink> = plan
            .steps
            .iter()
            .flat_map(|step| match &step.op {
                Op::RemoveUplinks { uplinks, .. } => uplinks.as_slice(),
                _ => &[],
            })
            .collect();
        let first = turned_on.next();
        if first.is_none() && forgotten.is_empty() {
            return Ok(());
        }
        let mut notes = self.host_settings_of(&seen.host)?;
        for note in notes.iter_mut().filter(|n| forgotten.contains(&&n.uplink)) {
            note.projects.remove(project);
        }
        notes.retain(|note| !note.projects.is_empty());
        for uplink in first.into_iter().chain(turned_on) {
            if let Some(note) = notes.iter_mut().find(|n| n.uplink == *uplink) {
                note.projects.insert(project.clone());
                continue;
            }
            notes.push(Noted {
                uplink: uplink.clone(),
                index: seen.host.link(&uplink.link).map(|l| l.index),
                projects: [project.clone()].into(),
                before: before(uplink.version, seen),
            });
        }
        self.write_host_settings(&notes)
    }

    /// The project needs none any more; the file is removed with the last one.
    pub(crate) fn remove_host_settings(&self, project: &Name) -> Result<(), Failure> {
        let mut notes = self.host_settings()?;
        for note in &mut notes {
            note.projects.remove(project);
        }
        notes.retain(|note| !note.projects.is_empty());
        match notes.is_empty() {
            true => self.remove_file(&path(self.scope())),
            false => self.write_host_settings(&notes),
        }
    }

    fn write_host_settings(&self, notes: &[Noted]) -> Result<(), Failure> {
        let file = SettingsFile {
            version: VERSION,
            boot: boot(),
            uplinks: notes.iter().map(Entry::of).collect(),
        };
        let text = serde_json::to_vec(&file)
            .map_err(|_not_json| Reason::Bug("notes of settings are not JSON"))?;
        self.replace(&path(self.scope()), &text)
    }
}

fn before(version: IpVersion, seen: &Observed) -> BTreeMap<Setting, u32> {
    let all = [
        Setting::Forwarding(version),
        Setting::NewForwarding(version),
        Setting::ForcedForwarding,
    ];
    let of_version = all
        .into_iter()
        .filter(|s| version.is_v6() || *s != Setting::ForcedForwarding);
    let value = |setting| Some((setting, *seen.host.settings.get(&setting)?));
    of_version.filter_map(value).collect()
}
