//! Who may call what: method × role × relation. What is not here is denied.

use tandem_access::Relation::{Any, HoldsIt, NoTenant, Own, OwnChannel, TeamsChannel};
use tandem_access::Role::{Admin, Agent, Ai, Channel, Service, Supervisor};
use tandem_access::{Relation, Role, Rule};

const fn rule(method: &'static str, roles: &'static [Role], relation: Relation) -> Rule {
    Rule { method, roles, relation }
}

const READERS: &[Role] = &[Agent, Supervisor, Admin, Ai, Service];
const PEOPLE: &[Role] = &[Agent, Supervisor, Admin];
const WRITERS: &[Role] = &[Agent, Supervisor, Ai];
const KEEPERS: &[Role] = &[Agent, Supervisor, Admin];

/// The policy table of the conversation service.
pub const RULES: &[Rule] = &[
    rule("/tandem.conversation.v1.TenantService/CreateTenant", &[Service], NoTenant),
    rule("/tandem.conversation.v1.TenantService/SuspendTenant", &[Service], NoTenant),
    rule("/tandem.conversation.v1.TenantService/ResumeTenant", &[Service], NoTenant),
    rule("/tandem.conversation.v1.TenantService/ListTenants", &[Service], NoTenant),
    rule("/tandem.conversation.v1.ChannelService/CreateChannel", &[Admin], Any),
    rule("/tandem.conversation.v1.ChannelService/UpdateChannel", &[Admin], Any),
    rule(
        "/tandem.conversation.v1.ChannelService/GetChannel",
        &[Agent, Supervisor, Admin, Ai, Service, Channel],
        TeamsChannel,
    ),
    rule(
        "/tandem.conversation.v1.ChannelService/ListChannels",
        &[Agent, Supervisor, Admin, Ai, Service, Channel],
        TeamsChannel,
    ),
    rule("/tandem.conversation.v1.ChannelService/DeleteChannel", &[Admin], Any),
    rule(
        "/tandem.conversation.v1.ChannelService/GetChannelHealth",
        &[Agent, Supervisor, Admin, Ai, Service, Channel],
        TeamsChannel,
    ),
    rule("/tandem.conversation.v1.IngestService/IngestMessages", &[Channel], OwnChannel),
    rule("/tandem.conversation.v1.IngestService/IngestTyping", &[Channel], OwnChannel),
    rule("/tandem.conversation.v1.OutboundService/PullOutbound", &[Channel], OwnChannel),
    rule("/tandem.conversation.v1.OutboundService/BeginSend", &[Channel], OwnChannel),
    rule("/tandem.conversation.v1.OutboundService/AcknowledgeOutbound", &[Channel], OwnChannel),
    rule("/tandem.conversation.v1.OutboundService/WatchTyping", &[Channel], OwnChannel),
    rule("/tandem.conversation.v1.AiService/WatchAiWork", &[Ai], Any),
    rule("/tandem.conversation.v1.WatchService/WatchConversations", READERS, TeamsChannel),
    rule("/tandem.conversation.v1.TransferService/TransferHolder", &[Service], Any),
    rule("/tandem.conversation.v1.TransferService/ResolveTransfer", &[Service], Any),
    rule("/tandem.conversation.v1.ConversationService/ListConversations", READERS, TeamsChannel),
    rule("/tandem.conversation.v1.ConversationService/CountConversations", READERS, TeamsChannel),
    rule("/tandem.conversation.v1.ConversationService/MatchConversations", READERS, TeamsChannel),
    rule("/tandem.conversation.v1.ConversationService/GetConversation", READERS, TeamsChannel),
    rule("/tandem.conversation.v1.ConversationService/ListMessages", READERS, TeamsChannel),
    rule("/tandem.conversation.v1.ConversationService/ListTimeline", READERS, TeamsChannel),
    rule("/tandem.conversation.v1.ConversationService/SendMessage", WRITERS, HoldsIt),
    rule("/tandem.conversation.v1.ConversationService/StartConversation", &[Agent, Supervisor], TeamsChannel),
    rule(
        "/tandem.conversation.v1.ConversationService/CloseConversation",
        &[Agent, Supervisor, Admin, Ai],
        HoldsIt,
    ),
    rule(
        "/tandem.conversation.v1.ConversationService/ReopenConversation",
        &[Agent, Supervisor],
        TeamsChannel,
    ),
    rule("/tandem.conversation.v1.ConversationService/MarkRead", &[Agent, Supervisor], TeamsChannel),
    rule(
        "/tandem.conversation.v1.ConversationService/UpdateLabels",
        &[Agent, Supervisor, Admin, Ai],
        TeamsChannel,
    ),
    rule("/tandem.conversation.v1.ConversationService/ListLabels", READERS, Any),
    rule("/tandem.conversation.v1.ConversationService/ListLabelFigures", READERS, TeamsChannel),
    rule("/tandem.conversation.v1.ConversationService/RaiseAttention", &[Ai], Any),
    rule("/tandem.conversation.v1.ConversationService/GetAccessScope", READERS, Any),
    rule("/tandem.conversation.v1.ConversationService/SnoozeConversation", PEOPLE, TeamsChannel),
    rule("/tandem.conversation.v1.ConversationService/WakeConversation", PEOPLE, TeamsChannel),
    rule(
        "/tandem.conversation.v1.ConversationService/SetPriority",
        &[Agent, Supervisor, Admin, Ai],
        TeamsChannel,
    ),
    rule("/tandem.conversation.v1.ConversationService/MarkUnread", &[Agent, Supervisor], TeamsChannel),
    rule("/tandem.conversation.v1.ConversationService/RenameLabel", &[Supervisor, Admin], Any),
    rule("/tandem.conversation.v1.ConversationService/MergeLabels", &[Supervisor, Admin], Any),
    rule("/tandem.conversation.v1.ConversationService/BulkUpdateConversations", PEOPLE, TeamsChannel),
    rule("/tandem.conversation.v1.ConversationService/UpdateAttentionPhrases", &[Admin], Any),
    rule("/tandem.conversation.v1.ConversationService/ListAttentionPhrases", READERS, Any),
    rule("/tandem.conversation.v1.ConversationService/UpdateResponseGoals", &[Admin], Any),
    rule("/tandem.conversation.v1.ConversationService/GetResponseGoals", READERS, Any),
    rule("/tandem.conversation.v1.ConversationService/SignalTyping", WRITERS, TeamsChannel),
    // Supervisors and admins keep the views of teams and of the tenant, agents their own.
    rule("/tandem.conversation.v1.ViewService/CreateView", KEEPERS, Own),
    rule("/tandem.conversation.v1.ViewService/UpdateView", KEEPERS, Own),
    rule("/tandem.conversation.v1.ViewService/CopyView", KEEPERS, Own),
    rule("/tandem.conversation.v1.ViewService/DeleteView", KEEPERS, Own),
    rule("/tandem.conversation.v1.ViewService/GetView", READERS, Own),
    rule("/tandem.conversation.v1.ViewService/ListViews", READERS, Own),
    rule("/tandem.conversation.v1.ViewService/ArrangeViews", &[Agent, Supervisor], Own),
    rule("/tandem.conversation.v1.ViewService/SetDefaultView", KEEPERS, Own),
    rule("/tandem.conversation.v1.PrivacyService/EraseContacts", &[Service], Any),
    rule("/tandem.conversation.v1.PrivacyService/GetRetention", &[Supervisor, Admin], Any),
    rule("/tandem.conversation.v1.PrivacyService/UpdateRetention", &[Admin], Any),
    rule("/tandem.feed.v1.FreshnessService/AwaitChanges", &[Service], Any),
    rule("/tandem.feed.v1.ChangeFeedService/Subscribe", &[Service], NoTenant),
    rule("/tandem.feed.v1.ChangeFeedService/Snapshot", &[Service], NoTenant),
    rule("/tandem.feed.v1.ChangeFeedService/Locate", &[Service], NoTenant),
];

/// The gRPC services that this service serves.
pub const SERVICES: &[&str] = &[
    "tandem.conversation.v1.TenantService",
    "tandem.conversation.v1.ChannelService",
    "tandem.conversation.v1.IngestService",
    "tandem.conversation.v1.OutboundService",
    "tandem.conversation.v1.AiService",
    "tandem.conversation.v1.TransferService",
    "tandem.conversation.v1.ConversationService",
    "tandem.conversation.v1.WatchService",
    "tandem.conversation.v1.ViewService",
    "tandem.conversation.v1.PrivacyService",
    "tandem.feed.v1.FreshnessService",
    "tandem.feed.v1.ChangeFeedService",
];

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;
    use tandem_access::Policy;

    use super::*;

    #[test]
    fn every_method_has_a_rule_and_every_rule_a_method() {
        let pool = DescriptorPool::decode(tandem_proto::DESCRIPTOR_SET).unwrap();
        let methods = SERVICES.iter().flat_map(|name| {
            let service = pool.get_service_by_name(name).unwrap();
            service.methods().map(|m| format!("/{name}/{}", m.name())).collect::<Vec<_>>()
        });
        Policy::new(RULES).covers(methods).unwrap();
    }
}
