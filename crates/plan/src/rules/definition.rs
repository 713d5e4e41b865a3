//! What the definition of a set consists of.

use hallway_nftables::{DataType, Family, Field, IpVersion, Layout, Set, SetRef};

/// The definition of a set or map.
#[derive(Debug, PartialEq, Eq)]
pub struct Definition {
    /// Which of the project's tables it is in.
    pub family: Family,
    /// Its name there.
    pub name: &'static str,
    key: &'static [DataType],
    value: Option<&'static [DataType]>,
    interval: bool,
    made_of: &'static [Field],
    dynamic: bool,
    expiring: bool,
}

impl Definition {
    pub(super) const fn set(family: Family, name: &'static str, key: &'static [DataType]) -> Self {
        Self {
            family,
            name,
            key,
            value: None,
            interval: false,
            made_of: &[],
            dynamic: false,
            expiring: false,
        }
    }

    pub(super) const fn inet(name: &'static str, key: &'static [DataType]) -> Self {
        Self::set(Family::Inet, name, key)
    }

    pub(super) const fn bridge(name: &'static str, key: &'static [DataType]) -> Self {
        Self::set(Family::Bridge, name, key)
    }

    pub(super) const fn to(mut self, value: &'static [DataType]) -> Self {
        self.value = Some(value);
        self
    }

    pub(super) const fn of_intervals(mut self) -> Self {
        self.interval = true;
        self
    }

    /// Keys with a field that nft has no type for.
    pub(super) const fn made_of(mut self, fields: &'static [Field]) -> Self {
        self.made_of = fields;
        self
    }

    /// With elements that rules add.
    pub(super) const fn dynamic(mut self) -> Self {
        self.dynamic = true;
        self
    }

    pub(super) const fn expiring(mut self) -> Self {
        self.expiring = true;
        self
    }

    /// The set without elements.
    #[must_use]
    pub fn empty(&self) -> Set {
        Set {
            value: self.value.map(<[DataType]>::to_vec),
            interval: self.interval,
            dynamic: self.dynamic,
            expiring: self.expiring,
            made_of: self.made_of.to_vec(),
            ..Set::new(self.name, self.key)
        }
    }

    /// The set in the table of a project.
    #[must_use]
    pub const fn in_table<'a>(&self, table: &'a str) -> SetRef<'a> {
        SetRef {
            family: self.family,
            table,
            name: self.name,
            layout: Layout {
                fields: self.key.len(),
                interval: self.interval,
            },
        }
    }
}

/// One definition for IPv4 and one for IPv6.
#[derive(Debug)]
pub struct ByVersion {
    v4: &'static Definition,
    v6: &'static Definition,
}

impl ByVersion {
    /// That of a version.
    #[must_use]
    pub fn of(&self, version: IpVersion) -> &'static Definition {
        match version {
            IpVersion::V4 => self.v4,
            IpVersion::V6 => self.v6,
        }
    }
}

pub(super) const fn both(v4: &'static Definition, v6: &'static Definition) -> ByVersion {
    ByVersion { v4, v6 }
}
