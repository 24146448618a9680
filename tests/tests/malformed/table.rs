//! Requests with every field wrong, and the fields that must be named.

use tandem_access::Role;

/// Method, role, body, wrong fields in any order.
pub const WRONG: &[(&str, Role, &str, &str)] = &[
    (
        "conversation.ConversationService/ListLabelFigures",
        Role::Admin,
        r#"{"kind":99,"fromDate":"x","untilDate":"1999-12-31","channelIds":["x"],"pageSize":-1}"#,
        "kind from_date until_date channel_ids[0] page_size",
    ),
    (
        "conversation.ConversationService/ListConversations",
        Role::Admin,
        r#"{"pageSize":-1,"filter":{"statuses":[99],"holderKinds":[99],"assignment":{"agentIds":["x"],
           "teamIds":["x"]},"answeredBy":[99],"handOffReasons":[99],"channelIds":["x"],"channelKinds":[99],
           "contactIds":["x"],"customerIds":["x"],"customerTags":{"any":["x"],"all":["x"],"none":["x"]},
           "labels":{"any":["x"],"all":["x"],"none":["x"]},"priorities":[99],"snoozedUntil":{
           "relative":99},"lastActivity":{"relative":1,"timeZone":"Nowhere"},"created":{"relative":1,
           "from":"2026-01-01T00:00:00Z"},"closed":{"from":"0001-01-01T00:00:00Z",
           "until":"1969-12-31T23:59:59Z"},"text":"words"}}"#,
        "page_size filter.text filter.statuses[0] filter.holder_kinds[0] \
         filter.assignment.agent_ids[0] filter.assignment.team_ids[0] filter.answered_by[0] \
         filter.hand_off_reasons[0] filter.channel_ids[0] filter.channel_kinds[0] \
         filter.contact_ids[0] filter.customer_ids[0] filter.customer_tags.any[0] \
         filter.customer_tags.all[0] filter.customer_tags.none[0] filter.labels.any[0] \
         filter.labels.all[0] filter.labels.none[0] filter.priorities[0] \
         filter.snoozed_until.relative filter.last_activity.time_zone filter.created \
         filter.closed.from filter.closed.until",
    ),
    (
        "conversation.ConversationService/ListConversations",
        Role::Admin,
        r#"{"viewId":"x","filter":{},"order":99,"timeZone":"Nowhere"}"#,
        "view_id view_id filter order time_zone",
    ),
    (
        "conversation.ConversationService/CountConversations",
        Role::Admin,
        r#"{"timeZone":"Nowhere","filters":[{"statuses":[99]},{"text":"words","contactIds":["x"],
           "closed":{"relative":1,"timeZone":"Nowhere"}}]}"#,
        "time_zone filters[0].statuses[0] filters[1].text filters[1].contact_ids[0] filters[1].closed.time_zone",
    ),
    (
        "conversation.ViewService/CreateView",
        Role::Agent,
        r##"{"requestId":"x","view":{"name":"\u0000","icon":"\u0000","colour":"#12345","scope":99,"teamId":"x",
           "order":99,"columns":[99,1,1],"filter":{"statuses":[99],"text":"words"}}}"##,
        "request_id view.name view.icon view.colour view.scope view.team_id view.order view.columns[0] \
         view.columns[2] view.filter.statuses[0] view.filter.text",
    ),
    (
        "conversation.ViewService/UpdateView",
        Role::Agent,
        r#"{"requestId":"x","view":{"id":"x","etag":"x","colour":"red"},"updateMask":"scope"}"#,
        "request_id view.id view.etag view.colour update_mask",
    ),
    (
        "conversation.ViewService/CopyView",
        Role::Agent,
        r#"{"requestId":"x","viewId":"x","name":"\u0000","scope":2,"teamId":"x"}"#,
        "request_id view_id name team_id",
    ),
    (
        "conversation.ViewService/DeleteView",
        Role::Agent,
        r#"{"requestId":"x","viewId":"x","etag":"x"}"#,
        "request_id view_id etag",
    ),
    ("conversation.ViewService/GetView", Role::Agent, r#"{"viewId":"x"}"#, "view_id"),
    ("conversation.ViewService/ListViews", Role::Agent, r#"{"timeZone":"Nowhere"}"#, "time_zone"),
    (
        "conversation.ViewService/ArrangeViews",
        Role::Agent,
        r#"{"requestId":"x","views":[{"viewId":"x"},{}]}"#,
        "request_id views[0].view_id views[1].view_id",
    ),
    (
        "conversation.ViewService/SetDefaultView",
        Role::Agent,
        r#"{"requestId":"x","viewId":"x","teamId":"x"}"#,
        "request_id view_id team_id",
    ),
    (
        "conversation.ConversationService/MatchConversations",
        Role::Admin,
        r#"{"conversationIds":["x","y"],"filter":{"text":"words"}}"#,
        "conversation_ids[0] conversation_ids[1] filter.text",
    ),
    (
        "conversation.ConversationService/GetConversation",
        Role::Admin,
        r#"{"conversationId":"x"}"#,
        "conversation_id",
    ),
    (
        "conversation.ConversationService/ListMessages",
        Role::Admin,
        r#"{"conversationId":"x","pageSize":501,"afterPosition":-1,"beforePosition":-1,"aroundPosition":-1}"#,
        "conversation_id page_size after_position before_position around_position",
    ),
    (
        "conversation.ConversationService/ListMessages",
        Role::Admin,
        r#"{"afterPosition":1,"beforePosition":1,"aroundPosition":1}"#,
        "conversation_id before_position around_position",
    ),
    (
        "conversation.ConversationService/ListTimeline",
        Role::Admin,
        r#"{"conversationId":"x","pageSize":501}"#,
        "conversation_id page_size",
    ),
    (
        "conversation.ConversationService/SendMessage",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1,"answersPosition":-1,
           "replyToPosition":-1,"private":true,"takeOver":true,"contents":[{"text":{}},{"media":{
           "mediaKind":9,"state":9,"sizeBytes":-1,"mimeType":"\u0000","sha256":"\u0000","caption":"\u0000",
           "fileName":"\u0000","expireTime":"0001-01-01T00:00:00Z"}},{"location":{"latitude":91,
           "longitude":"NaN","name":"\u0000","address":"\u0000","url":"\u0000"}},{"contactCards":{"cards":[
           {"name":"\u0000","phones":["\u0000"],"emails":["\u0000"],"organization":"\u0000",
           "extraJson":"\u0000"}]}},{"choice":{"choiceKind":9,"payload":"\u0000","title":"\u0000",
           "description":"\u0000"}},{"template":{"language":"\u0000","parameters":["\u0000"],
           "text":"\u0000"}},{"order":{"catalogId":"\u0000","items":[{"productId":"\u0000","quantity":-1,
           "currency":"\u0000"}],"text":"\u0000"}},{"system":{"text":"\u0000"}},{"unsupported":{
           "type":"\u0000","rawJson":"\u0000"}},{}]}"#,
        "request_id conversation_id expected_epoch answers_position reply_to_position take_over \
         contents[0].text.text contents[1].media.media_kind contents[1].media.state \
         contents[1].media.size_bytes contents[1].media.media_id contents[1].media.mime_type \
         contents[1].media.sha256 contents[1].media.caption contents[1].media.file_name \
         contents[1].media.expire_time contents[2].location.latitude contents[2].location.longitude \
         contents[2].location.name contents[2].location.address contents[2].location.url \
         contents[3].contact_cards.cards[0].name contents[3].contact_cards.cards[0].phones[0] \
         contents[3].contact_cards.cards[0].emails[0] \
         contents[3].contact_cards.cards[0].organization \
         contents[3].contact_cards.cards[0].extra_json contents[4].choice.choice_kind \
         contents[4].choice.payload contents[4].choice.title contents[4].choice.description \
         contents[5].template.name contents[5].template.language contents[5].template.parameters[0] \
         contents[5].template.text contents[6].order.catalog_id \
         contents[6].order.items[0].product_id contents[6].order.items[0].quantity \
         contents[6].order.items[0].currency contents[6].order.text contents[7].system.code \
         contents[7].system.text contents[8].unsupported.type contents[8].unsupported.raw_json \
         contents[9].kind",
    ),
    (
        "conversation.ConversationService/SendMessage",
        Role::Ai,
        r#"{}"#,
        "request_id conversation_id contents expected_epoch",
    ),
    (
        "conversation.ConversationService/SendMessage",
        Role::Agent,
        r#"{"mentionAgentIds":["x"]}"#,
        "request_id conversation_id contents mention_agent_ids mention_agent_ids[0]",
    ),
    (
        "conversation.ConversationService/StartConversation",
        Role::Agent,
        r#"{"requestId":"x","channelId":"x","displayName":"\u0000","identities":[{"kind":9,
           "verified":true}]}"#,
        "request_id channel_id display_name contents identities identities[0].kind \
         identities[0].value",
    ),
    (
        "conversation.ConversationService/StartConversation",
        Role::Agent,
        r#"{"requestId":"x","channelId":"x","contactId":"x","contents":[{}],"identities":[{"kind":3,
           "value":"+15550100","verified":true}]}"#,
        "request_id channel_id contact_id identities contents[0].kind",
    ),
    (
        "conversation.ConversationService/CloseConversation",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1,"lastContents":[{}],"reason":"\u0000",
           "answersPosition":-1}"#,
        "request_id conversation_id expected_epoch last_contents[0].kind reason answers_position",
    ),
    (
        "conversation.ConversationService/ReopenConversation",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x"}"#,
        "request_id conversation_id",
    ),
    (
        "conversation.ConversationService/MarkRead",
        Role::Agent,
        r#"{"conversationId":"x","upToPosition":-1}"#,
        "conversation_id up_to_position",
    ),
    (
        "conversation.ConversationService/UpdateLabels",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","add":[" "],"remove":["\u0000"]}"#,
        "request_id conversation_id add[0] remove[0]",
    ),
    ("conversation.ConversationService/UpdateLabels", Role::Agent, r#"{}"#, "request_id conversation_id add"),
    (
        "conversation.ConversationService/RaiseAttention",
        Role::Ai,
        r#"{"requestId":"x","conversationId":"x","reason":99}"#,
        "request_id conversation_id reason",
    ),
    (
        "conversation.ConversationService/SnoozeConversation",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","note":"\u0000"}"#,
        "request_id conversation_id until note",
    ),
    (
        "conversation.ConversationService/SnoozeConversation",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","until":"0001-01-01T00:00:00Z"}"#,
        "request_id conversation_id until",
    ),
    (
        "conversation.ConversationService/WakeConversation",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x"}"#,
        "request_id conversation_id",
    ),
    (
        "conversation.ConversationService/SetPriority",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","priority":9}"#,
        "request_id conversation_id priority",
    ),
    (
        "conversation.ConversationService/MarkUnread",
        Role::Agent,
        r#"{"conversationId":"x"}"#,
        "conversation_id",
    ),
    (
        "conversation.ConversationService/RenameLabel",
        Role::Admin,
        r#"{"requestId":"x","labelId":"x","name":" ","etag":"x"}"#,
        "request_id label_id name etag",
    ),
    (
        "conversation.ConversationService/MergeLabels",
        Role::Admin,
        r#"{"requestId":"x","labelId":"x","intoLabelId":"x"}"#,
        "request_id label_id into_label_id",
    ),
    (
        "conversation.ConversationService/MergeLabels",
        Role::Admin,
        r#"{"requestId":"x","labelId":"01890a5d-ac96-774b-bcce-b302099a8057",
           "intoLabelId":"01890A5D-AC96-774B-BCCE-B302099A8057"}"#,
        "request_id into_label_id",
    ),
    (
        "conversation.ConversationService/BulkUpdateConversations",
        Role::Agent,
        r#"{}"#,
        "request_id conversation_ids change",
    ),
    (
        "conversation.ConversationService/BulkUpdateConversations",
        Role::Agent,
        r#"{"requestId":"x","conversationIds":["x","y"],"close":{"reason":"\u0000"}}"#,
        "request_id conversation_ids[0] conversation_ids[1] close.reason",
    ),
    (
        "conversation.ConversationService/BulkUpdateConversations",
        Role::Agent,
        r#"{"requestId":"x","conversationIds":["x"],"labels":{"add":[" "],"remove":["\u0000"]}}"#,
        "request_id conversation_ids[0] labels.add[0] labels.remove[0]",
    ),
    (
        "conversation.ConversationService/BulkUpdateConversations",
        Role::Agent,
        r#"{"requestId":"x","conversationIds":["x"],"labels":{}}"#,
        "request_id conversation_ids[0] labels.add",
    ),
    (
        "conversation.ConversationService/BulkUpdateConversations",
        Role::Agent,
        r#"{"requestId":"x","conversationIds":["x"],"priority":9}"#,
        "request_id conversation_ids[0] priority",
    ),
    (
        "conversation.ConversationService/BulkUpdateConversations",
        Role::Agent,
        r#"{"requestId":"x","conversationIds":["x"],"snooze":{"note":"\u0000"}}"#,
        "request_id conversation_ids[0] snooze.until snooze.note",
    ),
    (
        "conversation.ConversationService/UpdateAttentionPhrases",
        Role::Admin,
        r#"{"requestId":"x","phrases":["x","\u0000\u0000","Person","PERSON"],"etag":"x"}"#,
        "request_id phrases[0] phrases[1] phrases[1] phrases[3] etag",
    ),
    (
        "conversation.ConversationService/UpdateResponseGoals",
        Role::Admin,
        r#"{"requestId":"x"}"#,
        "request_id goals",
    ),
    (
        "conversation.ConversationService/UpdateResponseGoals",
        Role::Admin,
        r#"{"requestId":"x","goals":{"targets":[{"priority":9,"first":"0s","within":"0.5s"},{"priority":1,
           "sameBusinessDay":false}],"timeZone":"Nowhere","openingHours":[{"weekday":8,"opensMinute":-1,
           "closesMinute":1441}]}}"#,
        "request_id goals.etag goals.targets[0].priority goals.targets[0].first goals.targets[0].within \
         goals.targets[1].same_business_day goals.time_zone goals.opening_hours[0].weekday \
         goals.opening_hours[0].opens_minute goals.opening_hours[0].closes_minute",
    ),
    (
        "conversation.ChannelService/CreateChannel",
        Role::Admin,
        r#"{"requestId":"x","channel":{"kind":9,"state":9,"capabilities":{"maxTextLength":-1,
           "replyWindow":"0.5s"},"policy":{"aiAnswerTime":"-1s","reopen":9,"reopenWindow":"0s",
           "closeAfterSilence":"315360001s","defaultTeamId":"x"}}}"#,
        "request_id channel.display_name channel.kind channel.state \
         channel.capabilities.max_text_length channel.capabilities.reply_window \
         channel.policy.ai_answer_time channel.policy.reopen channel.policy.reopen_window \
         channel.policy.close_after_silence channel.policy.default_team_id",
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
    (
        "conversation.WatchService/WatchConversations",
        Role::Agent,
        r#"{"lists":[{"order":9,"snapshotSize":201,"filter":{"text":"x"}},{"key":"k"}],"threads":[{"key":"k",
           "conversationId":"x","afterPosition":-1}]}"#,
        "lists[0].key lists[0].order lists[0].snapshot_size lists[0].filter.text threads[0].key \
         threads[0].conversation_id threads[0].after_position",
    ),
    ("conversation.WatchService/WatchConversations", Role::Agent, r#"{}"#, "lists"),
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
    ("conversation.TenantService/CreateTenant", Role::Service, r#"{"tenantId":"x"}"#, "tenant_id name"),
    ("conversation.TenantService/SuspendTenant", Role::Service, r#"{"tenantId":"x"}"#, "tenant_id"),
    ("conversation.TenantService/ResumeTenant", Role::Service, r#"{"tenantId":"x"}"#, "tenant_id"),
    ("conversation.TenantService/ListTenants", Role::Service, r#"{"pageSize":201}"#, "page_size"),
    (
        "assignment.AssignmentService/TakeOver",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1,"note":"\u0000"}"#,
        "request_id conversation_id expected_epoch note",
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1,"note":"\u0000","priority":9}"#,
        "request_id conversation_id expected_epoch note priority assignee",
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"agentId":"x"}"#,
        "request_id conversation_id agent_id",
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"teamId":"x"}"#,
        "request_id conversation_id team_id",
    ),
    (
        "assignment.AssignmentService/HandOff",
        Role::Ai,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1,"reason":6,"summary":"\u0000",
           "teamId":"x","lastContents":[{},{},{},{},{},{},{},{},{},{},{}],"answersPosition":-1}"#,
        "request_id conversation_id expected_epoch reason summary team_id last_contents \
         answers_position",
    ),
    (
        "assignment.AssignmentService/HandOff",
        Role::Ai,
        r#"{}"#,
        "request_id conversation_id expected_epoch reason",
    ),
    (
        "assignment.AssignmentService/Release",
        Role::Agent,
        r#"{"requestId":"x","conversationId":"x","expectedEpoch":-1}"#,
        "request_id conversation_id expected_epoch",
    ),
    (
        "assignment.AssignmentService/ListHolderHistory",
        Role::Admin,
        r#"{"conversationId":"x"}"#,
        "conversation_id",
    ),
    (
        "assignment.DirectoryService/CreateAgent",
        Role::Admin,
        r#"{"requestId":"x","agent":{"email":"x","capacity":-1,"languages":["!"],"skills":[{"level":9}],
           "timeZone":"no where"}}"#,
        "request_id agent.subject agent.display_name agent.email agent.capacity agent.languages[0] \
         agent.skills[0].name agent.skills[0].level agent.time_zone",
    ),
    (
        "assignment.DirectoryService/UpdateAgent",
        Role::Admin,
        r#"{"requestId":"x","agent":{"id":"x","etag":"x"},"updateMask":"displayName,bogus"}"#,
        "request_id agent.id agent.etag agent.display_name update_mask.paths[1]",
    ),
    ("assignment.DirectoryService/GetAgent", Role::Admin, r#"{"agentId":"x"}"#, "agent_id"),
    ("assignment.DirectoryService/ListAgents", Role::Admin, r#"{"pageSize":-1}"#, "page_size"),
    (
        "assignment.DirectoryService/CreateTeam",
        Role::Admin,
        r#"{"requestId":"x","team":{"agentIds":["x"],"leadAgentId":"x","channelIds":["x"],
           "fallbackTeamId":"x"}}"#,
        "request_id team.display_name team.agent_ids[0] team.lead_agent_id team.channel_ids[0] \
         team.fallback_team_id",
    ),
    (
        "assignment.DirectoryService/UpdateTeam",
        Role::Admin,
        r#"{"requestId":"x","team":{"id":"x","etag":"x"},"updateMask":"displayName,bogus"}"#,
        "request_id team.id team.etag team.display_name update_mask.paths[1]",
    ),
    ("assignment.DirectoryService/ListTeams", Role::Admin, r#"{"pageSize":201}"#, "page_size"),
    ("assignment.NotificationService/ListNotifications", Role::Agent, r#"{"pageSize":201}"#, "page_size"),
    ("assignment.NotificationService/MarkNotificationsRead", Role::Agent, r#"{}"#, "notification_ids"),
    (
        "assignment.NotificationService/MarkNotificationsRead",
        Role::Agent,
        r#"{"notificationIds":["x"]}"#,
        "notification_ids[0]",
    ),
    ("customer.CustomerService/GetCustomer", Role::Agent, r#"{"customerId":"x"}"#, "customer_id"),
    (
        "customer.CustomerService/ListCustomers",
        Role::Agent,
        r#"{"pageSize":-1,"fromName":"a\u0000b"}"#,
        "page_size from_name",
    ),
    (
        "customer.CustomerService/ListCustomerConversations",
        Role::Agent,
        r#"{"customerId":"x","pageSize":201}"#,
        "customer_id page_size",
    ),
    (
        "customer.CustomerService/UpdateCustomer",
        Role::Agent,
        r#"{"requestId":"x","customer":{"id":"x","displayName":"a\u0000b","language":"!","timeZone":"!",
           "company":"a\u0000b"},"updateMask":"displayName,language,timeZone,company,bogus"}"#,
        "request_id customer.id customer.display_name customer.language customer.time_zone \
         customer.company update_mask",
    ),
    (
        "customer.CustomerService/UpdateTags",
        Role::Agent,
        r#"{"requestId":"x","customerId":"x","add":[" "],"remove":["a\u0000b"]}"#,
        "request_id customer_id add[0] remove[0]",
    ),
    (
        "customer.CustomerService/AddNote",
        Role::Agent,
        r#"{"requestId":"x","customerId":"x","text":" "}"#,
        "request_id customer_id text",
    ),
    (
        "customer.CustomerService/ListNotes",
        Role::Agent,
        r#"{"customerId":"x","pageSize":-1}"#,
        "customer_id page_size",
    ),
    ("customer.CustomerService/ListTags", Role::Agent, r#"{"prefix":"a\u0000b"}"#, "prefix"),
];
