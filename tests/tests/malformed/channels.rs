//! Channels, tenants, and what adapters, the AI and services call.

use tandem_access::Role;

use super::Row;

pub const WRONG: &[Row] = &[
    (
        "conversation.ChannelService/CreateChannel",
        Role::Admin,
        r#"{"requestId":"x","channel":{"kind":9,"state":9,"capabilities":{"maxTextLength":-1,
           "replyWindow":"0.5s"},"policy":{"aiAnswerTime":"-1s","reopen":9,"reopenWindow":"0s",
           "closeAfterSilence":"315360001s","closeMessage":"\u0000","defaultTeamId":"x"}}}"#,
        "request_id channel.display_name channel.kind channel.state \
         channel.capabilities.max_text_length channel.capabilities.reply_window \
         channel.policy.ai_answer_time channel.policy.reopen channel.policy.reopen_window \
         channel.policy.close_after_silence channel.policy.close_message channel.policy.default_team_id",
    ),
    (
        "conversation.ChannelService/CreateChannel",
        Role::Admin,
        r#"{"channel":{"kind":1,"displayName":"x","policy":{"reopen":2}}}"#,
        "request_id channel.policy.reopen_window",
    ),
    (
        "conversation.ChannelService/UpdateChannel",
        Role::Admin,
        r#"{"requestId":"x","channel":{"id":"x","etag":"x","state":9},"updateMask":"bogus"}"#,
        "request_id update_mask channel.id channel.etag channel.state",
    ),
    (
        "conversation.ChannelService/UpdateChannel",
        Role::Admin,
        r#"{}"#,
        "request_id update_mask channel.id channel.etag",
    ),
    ("conversation.ChannelService/GetChannel", Role::Admin, r#"{"channelId":"x"}"#, "channel_id"),
    (
        "conversation.ChannelService/UpdateChannel",
        Role::Admin,
        r#"{"channel":{"state":3},"updateMask":"state"}"#,
        "request_id channel.id channel.etag channel.state",
    ),
    (
        "conversation.ChannelService/DeleteChannel",
        Role::Admin,
        r#"{"requestId":"x","channelId":"x","etag":"x"}"#,
        "request_id channel_id etag",
    ),
    ("conversation.ChannelService/GetChannelHealth", Role::Admin, r#"{"channelId":"x"}"#, "channel_id"),
    ("conversation.IngestService/IngestMessages", Role::Channel, r#"{"channelId":"x"}"#, "channel_id items"),
    (
        "conversation.IngestService/IngestTyping",
        Role::Channel,
        r#"{"channelId":"x","identities":[{"kind":99,"value":"\u0000"}]}"#,
        "channel_id identities identities[0].kind identities[0].value",
    ),
    ("conversation.OutboundService/WatchTyping", Role::Channel, r#"{"channelId":"x"}"#, "channel_id"),
    (
        "conversation.ConversationService/SignalTyping",
        Role::Agent,
        r#"{"conversationId":"x"}"#,
        "conversation_id",
    ),
    (
        "conversation.OutboundService/PullOutbound",
        Role::Channel,
        r#"{"channelId":"x","maxItems":101,"leaseSeconds":4,"wait":"31s"}"#,
        "channel_id max_items lease_seconds wait",
    ),
    (
        "conversation.OutboundService/PullOutbound",
        Role::Channel,
        r#"{"channelId":"x","maxItems":-1,"leaseSeconds":-1,"wait":"-1s"}"#,
        "channel_id max_items lease_seconds wait",
    ),
    (
        "conversation.OutboundService/BeginSend",
        Role::Channel,
        r#"{"messageId":"x","leaseId":"x"}"#,
        "message_id lease_id",
    ),
    (
        "conversation.OutboundService/AcknowledgeOutbound",
        Role::Channel,
        r#"{}"#,
        "message_id lease_id outcome",
    ),
    (
        "conversation.OutboundService/AcknowledgeOutbound",
        Role::Channel,
        r#"{"messageId":"x","leaseId":"x","sent":{"providerId":"\u0000"}}"#,
        "message_id lease_id sent.provider_id",
    ),
    (
        "conversation.OutboundService/AcknowledgeOutbound",
        Role::Channel,
        r#"{"messageId":"x","leaseId":"x","retry":{"after":"86401s","reason":"\u0000"}}"#,
        "message_id lease_id retry.after retry.reason",
    ),
    (
        "conversation.OutboundService/AcknowledgeOutbound",
        Role::Channel,
        r#"{"messageId":"x","leaseId":"x","failed":{"reason":"\u0000"}}"#,
        "message_id lease_id failed.reason",
    ),
    (
        "conversation.AiService/WatchAiWork",
        Role::Ai,
        r#"{"maxLeases":101,"leaseSeconds":4,"channelIds":["x"]}"#,
        "max_leases lease_seconds channel_ids[0]",
    ),
    (
        "conversation.AiService/WatchAiWork",
        Role::Ai,
        r#"{"maxLeases":-1,"leaseSeconds":601}"#,
        "max_leases lease_seconds",
    ),
    (
        "conversation.TransferService/TransferHolder",
        Role::Service,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1,"to":{"kind":9},"cause":99,"actor":{
           "kind":9},"note":"\u0000","priority":9,"handOffReason":99,"handOffSummary":"\u0000",
           "lastContents":[{}],"answersPosition":-1}"#,
        "request_id conversation_id expected_epoch to.kind cause actor.kind note priority \
         hand_off_reason hand_off_summary last_contents[0].kind answers_position",
    ),
    (
        "conversation.TransferService/TransferHolder",
        Role::Service,
        r#"{"to":{"kind":2},"cause":4,"actor":{"kind":3,"id":"x"}}"#,
        "request_id conversation_id to.id actor.id hand_off_reason",
    ),
    ("conversation.TransferService/ResolveTransfer", Role::Service, r#"{"requestId":"x"}"#, "request_id"),
    ("conversation.PrivacyService/EraseContacts", Role::Service, r#"{"contactIds":["x"]}"#, "contact_ids[0]"),
    (
        "conversation.PrivacyService/UpdateRetention",
        Role::Admin,
        r#"{"requestId":"x","retention":{"closedDays":-1}}"#,
        "request_id retention.closed_days",
    ),
    ("conversation.TenantService/CreateTenant", Role::Service, r#"{"tenantId":"x"}"#, "tenant_id name"),
    ("conversation.TenantService/SuspendTenant", Role::Service, r#"{"tenantId":"x"}"#, "tenant_id"),
    ("conversation.TenantService/ResumeTenant", Role::Service, r#"{"tenantId":"x"}"#, "tenant_id"),
    ("conversation.TenantService/ListTenants", Role::Service, r#"{"pageSize":201}"#, "page_size"),
];
