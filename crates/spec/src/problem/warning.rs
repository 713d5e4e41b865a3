//! Warnings: what is allowed, but probably not intended.

use ipnet::IpNet;

use super::WarningCode;
use crate::{Diagnostic, LOCALHOST_PORTS_MAX, Label, Place, PortRange, Protocol, Severity};

/// One warning about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: WarningKind,
}

/// The kinds of warnings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WarningKind {
    /// A policy without effect, because an earlier one decides.
    #[error("an earlier policy decides everything that this one applies to")]
    PolicyShadowed {
        /// The earlier policy.
        earlier: Place,
    },
    /// Ends of a link that cannot reach each other without routes.
    #[error("{a} and {b} are not in one subnet")]
    LinkSubnets {
        /// An address of one end.
        a: IpNet,
        /// The address of the other end, of the same IP version.
        b: IpNet,
    },
    /// A published range that is not served on localhost.
    #[error("{ports}/{protocol} is not served on localhost: {}", not_on_localhost(*.ports, *.protocol))]
    NotOnLocalhost {
        /// The host's ports.
        ports: PortRange,
        /// Their protocol.
        protocol: Protocol,
    },
}

impl Diagnostic for Warning {
    fn code(&self) -> &'static str {
        match self.kind {
            WarningKind::PolicyShadowed { .. } => WarningCode::PolicyShadowed.text(),
            WarningKind::LinkSubnets { .. } => WarningCode::LinkSubnets.text(),
            WarningKind::NotOnLocalhost { .. } => WarningCode::NotOnLocalhost.text(),
        }
    }

    fn message(&self) -> String {
        self.kind.to_string()
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn help(&self) -> Option<String> {
        match self.kind {
            WarningKind::PolicyShadowed { .. } => {
                Some("the first policy that matches decides: remove this one or move it up".into())
            }
            WarningKind::LinkSubnets { a, .. } => Some(format!(
                "the two ends reach each other with addresses of one subnet, like {}",
                a.trunc()
            )),
            WarningKind::NotOnLocalhost {
                protocol: Protocol::Sctp,
                ..
            } => Some("all other addresses of the host serve it".into()),
            WarningKind::NotOnLocalhost { .. } => Some(format!(
                "use another address of the host, or publish at most {LOCALHOST_PORTS_MAX} ports in one entry"
            )),
        }
    }

    fn labels(&self) -> Vec<Label> {
        match &self.kind {
            WarningKind::PolicyShadowed { earlier } => vec![
                Label::new(&self.place, "here"),
                Label::new(earlier, "this one decides first"),
            ],
            WarningKind::LinkSubnets { .. } | WarningKind::NotOnLocalhost { .. } => {
                vec![Label::new(&self.place, "here")]
            }
        }
    }
}

/// Why localhost does not serve it.
fn not_on_localhost(ports: PortRange, protocol: Protocol) -> String {
    match protocol {
        Protocol::Sctp => "the proxy there supports TCP and UDP only".into(),
        _ => format!(
            "there each port takes a listener, and this range has {} ports",
            ports.len()
        ),
    }
}
