//! Channels, tenants, and what adapters, the AI and services call.

use tandem_access::Role;

use super::Row;

pub const METHODS: &[Row] = &[
    ("conversation.ChannelService/GetChannel", Role::Admin, r#"{"channelId":"$channel"}"#),
    (
        "conversation.ChannelService/DeleteChannel",
        Role::Admin,
        r#"{"requestId":"$new","channelId":"$channel"}"#,
    ),
    ("conversation.ChannelService/GetChannelHealth", Role::Admin, r#"{"channelId":"$channel"}"#),
    (
        "conversation.ChannelService/UpdateChannel",
        Role::Admin,
        r#"{"requestId":"$new","channel":{"id":"$channel","etag":"1","displayName":"x"},"updateMask":"displayName"}"#,
    ),
    (
        "conversation.IngestService/IngestMessages",
        Role::Channel,
        r#"{"channelId":"$channel","items":[{"externalId":"$new","receipt":{"messageId":"$message","state":6}}]}"#,
    ),
    (
        "conversation.IngestService/IngestTyping",
        Role::Channel,
        r#"{"channelId":"$channel","identities":[{"kind":3,"value":"1","verified":true}],"typing":true}"#,
    ),
    ("conversation.OutboundService/WatchTyping", Role::Channel, r#"{"channelId":"$channel"}"#),
    (
        "conversation.ConversationService/SignalTyping",
        Role::Agent,
        r#"{"conversationId":"$conversation","typing":true}"#,
    ),
    ("conversation.OutboundService/PullOutbound", Role::Channel, r#"{"channelId":"$channel"}"#),
    (
        "conversation.OutboundService/BeginSend",
        Role::Channel,
        r#"{"messageId":"$message","leaseId":"$lease"}"#,
    ),
    (
        "conversation.OutboundService/AcknowledgeOutbound",
        Role::Channel,
        r#"{"messageId":"$message","leaseId":"$lease","failed":{}}"#,
    ),
    (
        "conversation.TransferService/TransferHolder",
        Role::Service,
        r#"{"requestId":"$new","conversationId":"$conversation","to":{"kind":4},"cause":6,"actor":{"kind":4}}"#,
    ),
    ("conversation.TransferService/ResolveTransfer", Role::Service, r#"{"requestId":"$transfer"}"#),
    ("conversation.PrivacyService/EraseContacts", Role::Service, r#"{"contactIds":["$contact"]}"#),
];
