use std::time::Duration;

/// The canonical codes that Tandem uses, named as gRPC names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    InvalidArgument,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    AlreadyExists,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    ResourceExhausted,
    DeadlineExceeded,
    Unavailable,
    Internal,
}

macro_rules! reasons {
    ($($variant:ident $name:literal $code:ident,)*) => {
        /// Stable reasons that callers branch on: `tandem.type.v1.ErrorReason` without its prefix,
        /// where each is explained with an example.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($variant,)* }

        impl Reason {
            /// Every reason, for tests that compare with the proto enum.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The text of `ErrorInfo.reason`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Each reason has one canonical code.
            pub const fn code(self) -> Code {
                match self { $(Self::$variant => Code::$code,)* }
            }
        }
    };
}

// One line a reason keeps name and code together; three matches over thirty variants would drift.
reasons! {
    InvalidFields "INVALID_FIELDS" InvalidArgument,
    RequestIdReused "REQUEST_ID_REUSED" InvalidArgument,
    PageTokenInvalid "PAGE_TOKEN_INVALID" InvalidArgument,
    ChangeTokenInvalid "CHANGE_TOKEN_INVALID" InvalidArgument,
    TokenMissing "TOKEN_MISSING" Unauthenticated,
    TokenInvalid "TOKEN_INVALID" Unauthenticated,
    TokenExpired "TOKEN_EXPIRED" Unauthenticated,
    RoleNotAllowed "ROLE_NOT_ALLOWED" PermissionDenied,
    TenantSuspended "TENANT_SUSPENDED" PermissionDenied,
    ChannelNotAllowed "CHANNEL_NOT_ALLOWED" PermissionDenied,
    NotFound "NOT_FOUND" NotFound,
    AlreadyExists "ALREADY_EXISTS" AlreadyExists,
    HolderChanged "HOLDER_CHANGED" FailedPrecondition,
    AlreadyAnswered "ALREADY_ANSWERED" FailedPrecondition,
    NotHolder "NOT_HOLDER" FailedPrecondition,
    ConversationClosed "CONVERSATION_CLOSED" FailedPrecondition,
    ConversationLive "CONVERSATION_LIVE" FailedPrecondition,
    ReplyWindowClosed "REPLY_WINDOW_CLOSED" FailedPrecondition,
    ChannelDisabled "CHANNEL_DISABLED" FailedPrecondition,
    CapabilityMissing "CAPABILITY_MISSING" FailedPrecondition,
    AiDisabled "AI_DISABLED" FailedPrecondition,
    AgentInactive "AGENT_INACTIVE" FailedPrecondition,
    CapacityFull "CAPACITY_FULL" FailedPrecondition,
    LeaseLost "LEASE_LOST" FailedPrecondition,
    OutboundState "OUTBOUND_STATE" FailedPrecondition,
    TransferRefused "TRANSFER_REFUSED" FailedPrecondition,
    HeldByOther "HELD_BY_OTHER" Aborted,
    EtagMismatch "ETAG_MISMATCH" Aborted,
    RequestInProgress "REQUEST_IN_PROGRESS" Aborted,
    CursorGone "CURSOR_GONE" OutOfRange,
    LimitReached "LIMIT_REACHED" ResourceExhausted,
    DeadlineExceeded "DEADLINE_EXCEEDED" DeadlineExceeded,
    Overloaded "OVERLOADED" Unavailable,
    ShuttingDown "SHUTTING_DOWN" Unavailable,
    DependencyUnavailable "DEPENDENCY_UNAVAILABLE" Unavailable,
    Internal "INTERNAL" Internal,
    AlreadyMerged "ALREADY_MERGED" FailedPrecondition,
    AlreadyUndone "ALREADY_UNDONE" FailedPrecondition,
    Erased "ERASED" FailedPrecondition,
}

impl Reason {
    /// Where retrying the same call helps by itself, after how long.
    pub(crate) const fn default_retry(self) -> Option<Duration> {
        match self {
            Self::Overloaded | Self::RequestInProgress => Some(Duration::from_millis(200)),
            Self::ShuttingDown | Self::DependencyUnavailable => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}
