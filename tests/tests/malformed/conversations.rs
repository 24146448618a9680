//! Conversations, lists and streams.

use tandem_access::Role;

use super::Row;

pub const WRONG: &[Row] = &[
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
        "conversation.ConversationService/MatchConversations",
        Role::Admin,
        r#"{"conversationIds":["x","y"],"filter":{"text":"words"}}"#,
        "conversation_ids[0] conversation_ids[1] filter.text",
    ),
    (
        "conversation.ConversationService/MatchConversations",
        Role::Admin,
        r#"{"conversationIds":["x"],"viewId":"x","timeZone":"Nowhere","filter":{}}"#,
        "conversation_ids[0] filter view_id view_id time_zone",
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
        "conversation.WatchService/WatchConversations",
        Role::Agent,
        r#"{"lists":[{"order":9,"snapshotSize":201,"filter":{"text":"x"}},{"key":"k"}],"threads":[{"key":"k",
           "conversationId":"x","afterPosition":-1}]}"#,
        "lists[0].key lists[0].order lists[0].snapshot_size lists[0].filter.text threads[0].key \
         threads[0].conversation_id threads[0].after_position",
    ),
    ("conversation.WatchService/WatchConversations", Role::Agent, r#"{}"#, "lists"),
];
