//! What is wrong with a file: every problem with its place, the other place it conflicts
//! with, and what to do.

use std::fmt;

use crate::Place;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        /// Stable codes of problems.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }
        impl Code {
            /// Every code.
            #[must_use]
            pub fn all() -> &'static [Self] {
                &[$(Self::$variant,)+]
            }
            /// Its text, like `subnet-overlap`.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii_start(),)+ }
            }
        }
    };
}

codes! {
    /// The file is not UTF-8, is empty, is too large or has more than one document.
    BadText = "bad-text",
    /// The file is no YAML.
    BadYaml = "bad-yaml",
    /// A key is not known.
    UnknownKey = "unknown-key",
    /// A key is there twice.
    DuplicateKey = "duplicate-key",
    /// A value is of the wrong kind or cannot be read.
    BadValue = "bad-value",
    /// Something needed is missing.
    Missing = "missing",
    /// A name is not allowed.
    BadName = "bad-name",
    /// A name is used for two things.
    NameInUse = "name-in-use",
    /// A name is not defined.
    UnknownName = "unknown-name",
    /// A subnet is unusable.
    BadSubnet = "bad-subnet",
    /// Two subnets overlap.
    SubnetOverlap = "subnet-overlap",
    /// An address lies outside its network's subnets.
    AddressOutsideSubnet = "address-outside-subnet",
    /// An address is used twice.
    AddressInUse = "address-in-use",
    /// An address is the gateway's, the network's or the broadcast address.
    AddressReserved = "address-reserved",
    /// A network has too few addresses, or too many members.
    NetworkFull = "network-full",
    /// A MAC address is used twice on a network.
    MacInUse = "mac-in-use",
    /// An interface name is used twice in a node.
    InterfaceInUse = "interface-in-use",
    /// A host port is published twice.
    PortPublishedTwice = "port-published-twice",
    /// A published port could never be reached.
    PublishNoEffect = "publish-no-effect",
    /// A policy could never have an effect.
    PolicyNoEffect = "policy-no-effect",
    /// Dependencies form a circle, or name a node without a command.
    BadDependency = "bad-dependency",
    /// A route's next hop is not on any of the node's prefixes.
    RouteUnreachable = "route-unreachable",
    /// The file has more of something than hallway builds.
    TooMany = "too-many",
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// In one sentence.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// What to write under the place.
    pub label: String,
    /// Other places that have to do with it.
    pub others: Vec<(Place, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: Code, place: &Place, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            place: Some(place.clone()),
            label: "here".into(),
            others: Vec::new(),
            help: None,
        }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn other(mut self, place: &Place, label: impl Into<String>) -> Self {
        self.others.push((place.clone(), label.into()));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Everything that is wrong with a file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file, as named by whoever asked.
    pub path: String,
    /// Its text.
    pub text: String,
    /// In the order of their places.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            match &problem.place {
                Some(place) => write!(f, "{}:{}:{}: ", self.path, place.line, place.column)?,
                None => write!(f, "{}: ", self.path)?,
            }
            write!(f, "{}", problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
