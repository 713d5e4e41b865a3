//! The stable code of each failure.

use super::{FailureCode, Reason};

impl Reason {
    /// The stable code of this kind of failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        let code = match self {
            Self::Conflict(conflict) => return conflict.code.text(),
            Self::Interrupted { .. } => FailureCode::Interrupted,
            Self::StateFile { .. } | Self::StateLeft { .. } => FailureCode::StateDirectory,
            Self::StateUnsafe { .. } => FailureCode::StateUnsafe,
            Self::SetUserId => FailureCode::SetUserId,
            Self::CallingUser { .. } => FailureCode::CallingUser,
            Self::NoStateDirectory { .. } => FailureCode::NoStateDirectory,
            Self::RecordVersion { .. } => FailureCode::RecordVersion,
            Self::RecordDamaged { .. } => FailureCode::RecordDamaged,
            Self::Kernel => FailureCode::Kernel,
            Self::Step { .. } => FailureCode::StepFailed,
            Self::NotKept { .. } => FailureCode::NotKept,
            Self::NodeNotKept { .. } => FailureCode::NodeNotKept,
            Self::NetnsDirectory { .. } | Self::NetnsCovered { .. } => FailureCode::NetnsDirectory,
            Self::OtherFile { .. } => FailureCode::OtherFile,
            Self::NoBrNetfilter { .. } => FailureCode::NoBrNetfilter,
            Self::NoNetem { .. } => FailureCode::NoNetem,
            Self::NoLinkKind { .. } => FailureCode::NoLinkKind,
            Self::AddressLeased { .. } => FailureCode::AddressLeased,
            Self::PortPublished { .. } | Self::PortInUse { .. } | Self::PortTranslated { .. } => {
                FailureCode::PortInUse
            }
            Self::NotBound(detail) | Self::Setting(detail) | Self::Keeper(detail) => detail.code,
            Self::NotReady { .. } => FailureCode::NotReady,
            Self::ExpectationFailed => FailureCode::ExpectationFailed,
            Self::SourceUnreadable { .. } => FailureCode::SourceUnreadable,
            Self::UserUnknown { .. } | Self::UserNotMapped { .. } => FailureCode::User,
            Self::NoPrograms { .. } => FailureCode::NoProgram,
            Self::Porter { .. } => FailureCode::Porter,
            Self::NoProc => FailureCode::NoProc,
            Self::Chroot => FailureCode::Chroot,
            Self::CallRefused { .. } => FailureCode::CallRefused,
            Self::NoUserNamespaces(_) => FailureCode::NoUserNamespaces,
            Self::SandboxNotMade { .. }
            | Self::SandboxIds { .. }
            | Self::SandboxNotEntered { .. }
            | Self::SandboxNotReached { .. }
            | Self::SandboxNotEnded { .. } => FailureCode::Sandbox,
            Self::NoInterface => FailureCode::NoSuchInterface,
            Self::Capture | Self::CaptureEnded => FailureCode::Capture,
            Self::NodeMissing { .. } => FailureCode::NodeMissing,
            Self::Bug(_) => FailureCode::Bug,
        };
        code.text()
    }
}
