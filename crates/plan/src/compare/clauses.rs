//! Differences in words, for people.

use std::fmt;

use hallway_nftables::print;
use hallway_spec::NetnsRef;

use super::changes::beginning;
use super::words::{elements, few, instead, next_hop};
use super::{Difference, Fact, ObjectPlace};
use crate::shaping::Shaping;

/// A difference in words.
struct Words {
    wanted: String,
    found: String,
    clause: String,
}

impl Difference {
    /// The object that differs, with its place: the same text for all differences of one object.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("{} {}", self.place, self.object())
    }

    /// The difference in one clause, without its place, like `mtu of eth0 is 1400, not 1500`.
    #[must_use]
    pub fn clause(&self) -> String {
        self.words().clause
    }

    /// What must be there and what was found, as two short texts.
    #[must_use]
    pub fn wanted_and_found(&self) -> (String, String) {
        let words = self.words();
        (words.wanted, words.found)
    }

    /// What to do about it, if hallway does not change it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let (link, address) = match &self.fact {
            Fact::Attached { link, how } => {
                return Some(format!("{} link set dev {link} {how} off", self.ip()));
            }
            Fact::AddressElsewhere { link, address, .. } => (link, address),
            Fact::Diverted(diverted) => return Some(diverted.remedy()),
            Fact::Unmarked { help, .. } => return Some(help.clone()),
            Fact::PortTaken { .. } => {
                let remedy =
                    "configure that program to listen on another port, or publish another one";
                return Some(remedy.into());
            }
            _ => return None,
        };
        let command = self.ip();
        let remedy = format!("remove it: {command} addr del {address} dev {link}");
        Some(remedy).filter(|_| self.fact.is_left_to_others())
    }

    /// The program ip in the place.
    fn ip(&self) -> String {
        match &self.place {
            ObjectPlace::Host => "ip".to_owned(),
            ObjectPlace::Node { netns, .. } => match netns {
                NetnsRef::Path(path) => format!("nsenter --net={} ip", path.display()),
                NetnsRef::Named(_) | NetnsRef::Container(_) => format!("ip -n {netns}"),
            },
        }
    }

    fn words(&self) -> Words {
        let object = self.object();
        let missing = || words("present", "missing", format!("{object} is missing"));
        let left = |clause| words("absent", "present", format!("{object} {clause}"));
        let is = |wanted: String, found: String| {
            let clause = format!("{object} is {found}, not {wanted}");
            words(&wanted, &found, clause)
        };
        match &self.fact {
            Fact::NamespaceMissing
            | Fact::LinkMissing { .. }
            | Fact::AddressMissing { .. }
            | Fact::TableMissing { .. }
            | Fact::AcceptMissing { .. }
            | Fact::ListenerMissing { .. }
            | Fact::GuardMissing { .. }
            | Fact::UplinkNoteMissing { .. }
            | Fact::FileMissing { .. }
            | Fact::RoutingRuleMissing { .. }
            | Fact::RouteMissing { found: None, .. } => missing(),
            Fact::AddressLeft { .. }
            | Fact::RouteLeft { .. }
            | Fact::UplinkNoteLeft { .. }
            | Fact::NodeTable { wanted: None, .. } => left("is no longer wanted"),
            Fact::Diverted(_)
            | Fact::PortTaken { .. }
            | Fact::RouteBehind { .. }
            | Fact::Unmarked { .. } => self.diverted(object),
            Fact::Attached { .. } => left("is another program's, and may drop or redirect packets"),
            Fact::Neighbour { wanted, found, .. } => is(print::mac(wanted), mac(found.as_ref())),
            Fact::Forwarding { .. } => left("does not come from frames"),
            Fact::AddressElsewhere { of, .. } => left(&format!("is one of {of}")),
            Fact::NamespaceReplaced
            | Fact::NamespaceUnseen
            | Fact::JoinedMissing { .. }
            | Fact::JoinedReplaced { .. }
            | Fact::LinkDetached { .. } => self.unusable(),
            Fact::ProgramStopped { state, .. } => {
                words("running", state, format!("{object} {state}"))
            }
            Fact::ProgramUnhealthy => words("healthy", "unhealthy", unhealthy(&object)),
            Fact::NodeTable { changes, .. } if changes.is_empty() => missing(),
            Fact::TableChanged { changes, .. }
            | Fact::NodeTable { changes, .. }
            | Fact::GuardChanged { changes, .. } => {
                words("as written", &changes.join("; "), beginning(changes))
            }
            Fact::Elements { missing, extra, .. } | Fact::FileChanged { missing, extra, .. } => {
                let shown = elements(&few(missing), &few(extra));
                let found = elements(missing, extra);
                words("as written", &found, format!("{object}: {shown}"))
            }
            Fact::AddressFaulty { fault, .. } => {
                let (with, found) = (format!("with {fault}"), format!("without {fault}"));
                words(&with, &found, format!("{object} is {found}"))
            }
            Fact::Attribute { wanted, found, .. } => is(wanted.to_string(), found.to_string()),
            Fact::RouteMissing { route, found, .. } => is(next_hop(route), instead(found.as_ref())),
            Fact::Setting { wanted, found, .. } => is(wanted.to_string(), found.to_string()),
            Fact::Sysctl { wanted, found, .. } => is(
                wanted.clone(),
                found.clone().unwrap_or_else(|| "none".into()),
            ),
            Fact::Shaping { wanted, found, .. } => is(wanted.to_string(), shaping(*found)),
            Fact::UplinkForwarding { .. } => is("1".into(), "0".into()),
            Fact::FileAccess { wanted, found, .. } => is(wanted.to_string(), found.to_string()),
        }
    }

    /// The same of packets that do not go where others expect them.
    fn diverted(&self, object: String) -> Words {
        match &self.fact {
            Fact::PortTaken { by, published, .. } => {
                let by = by.as_deref().unwrap_or("a program of the host");
                let published: Vec<String> = published.iter().map(ToString::to_string).collect();
                let clause = match published.is_empty() {
                    true => {
                        "packets to addresses where it is published go to the node alone".into()
                    }
                    false => format!(
                        "it is published at {}: packets to {} go to the node alone, the program receives those to other addresses",
                        published.join(", "),
                        if published.len() == 1 {
                            "that address"
                        } else {
                            "these addresses"
                        }
                    ),
                };
                words(
                    "the node's alone",
                    by,
                    format!("{by} listens on {object}: {clause}"),
                )
            }
            Fact::Diverted(diverted) => words(
                "by the project's links",
                &diverted.to_string(),
                format!("{object} is another one: packets are sent elsewhere, {diverted}"),
            ),
            Fact::RouteBehind {
                first: Some(link), ..
            } => words(
                "first",
                &format!("behind that of {link}"),
                format!("{object} comes after another one by {link}, which takes its packets"),
            ),
            Fact::RouteBehind { first: None, .. } => words(
                "first",
                "behind one that drops packets",
                format!("{object} comes after another one, which drops its packets"),
            ),
            Fact::Unmarked { by, .. } => words("the bits of hallway's rules", "none", by.clone()),
            _ => words("as written", "other", object),
        }
    }

    /// The same of a namespace or link that is there, but cannot be used.
    fn unusable(&self) -> Words {
        let (wanted, found, clause) = match &self.fact {
            Fact::NamespaceReplaced => (
                "the namespace that was made",
                "another one",
                "is not the one that was made",
            ),
            Fact::JoinedReplaced { .. } => (
                "the namespace that was joined",
                "another one",
                "is another one than was joined",
            ),
            Fact::LinkDetached { .. } => (
                "connected",
                "its other end is elsewhere",
                "is not connected to its other end",
            ),
            Fact::JoinedMissing { why, .. } => {
                let clause = format!("{} cannot be entered: {why}", self.object());
                return words("present", why, clause);
            }
            _ => ("present", "not examined", "could not be examined"),
        };
        words(wanted, found, format!("{} {clause}", self.object()))
    }
}

fn unhealthy(object: &str) -> String {
    format!("{object} is unhealthy: its health check fails")
}

fn words(wanted: &str, found: &str, clause: String) -> Words {
    Words {
        wanted: wanted.to_owned(),
        found: found.to_owned(),
        clause,
    }
}

fn mac(found: Option<&[u8; 6]>) -> String {
    found.map_or_else(|| "none".to_owned(), |mac| print::mac(mac))
}

fn shaping(found: Option<Shaping>) -> String {
    let other = || "a queueing discipline with other settings".to_owned();
    found.map_or_else(other, |shaping| shaping.to_string())
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.clause())
    }
}
