//! The gRPC API of Tandem: generated messages, clients and servers, and the descriptor set.
//!
//! `src/gen` is committed, so an ordinary build needs no protobuf compiler. After a change of a
//! `.proto` file run `make proto`; a test fails while the two differ.

#![expect(clippy::all, reason = "generated code is not ours to style")]

mod generated {
    include!("gen/mod.rs");
}

pub use generated::tandem::*;

impl r#type::v1::ErrorReason {
    /// By the name in `google.rpc.ErrorInfo.reason`; unspecified for one that this version does not know.
    pub fn named(reason: &str) -> Self {
        Self::from_str_name(&format!("ERROR_REASON_{reason}")).unwrap_or_default()
    }
}

/// Every file of the API with its comments' owners and options, for reflection and `tandem call`.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!("gen/descriptor_set.bin");
