//! Customer-profile.

use tandem_access::Role;

use super::Row;

pub const WRONG: &[Row] = &[
    ("customer.CustomerService/GetCustomer", Role::Agent, r#"{"customerId":"x"}"#, "customer_id"),
    (
        "customer.CustomerService/ListCustomers",
        Role::Agent,
        r#"{"pageSize":-1,"fromName":"a\u0000b","order":9,
           "filter":{"tagId":"x","category":"a\u0000b","channelId":"x","attribute":{"key":"x"}}}"#,
        "page_size from_name order filter.tag_id filter.category filter.channel_id filter.attribute.key",
    ),
    (
        "customer.CustomerService/MatchCustomers",
        Role::Agent,
        r#"{"customerIds":["x"],"filter":{"tagId":"x","attribute":{"key":"x"}}}"#,
        "customer_ids[0] filter.tag_id filter.attribute.key",
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
           "company":"a\u0000b","category":"a\u0000b","attributes":{"no":"1"}},
           "updateMask":"displayName,language,timeZone,company,category,attributes,attributes.none,bogus"}"#,
        "request_id customer.id customer.display_name customer.language customer.time_zone \
         customer.company customer.category customer.attributes.no customer.attributes.none update_mask",
    ),
    (
        "customer.CustomerService/UpdateTags",
        Role::Agent,
        r#"{"requestId":"x","customerId":"x","add":[" "],"remove":["a\u0000b"]}"#,
        "request_id customer_id add[0] remove[0]",
    ),
    (
        "customer.NoteService/AddNote",
        Role::Agent,
        r#"{"requestId":"x","customerId":"x","text":" "}"#,
        "request_id customer_id text",
    ),
    (
        "customer.NoteService/ListNotes",
        Role::Agent,
        r#"{"customerId":"x","pageSize":-1}"#,
        "customer_id page_size",
    ),
    (
        "customer.ImportService/ImportCustomers",
        Role::Admin,
        r#"{"requestId":"x","phoneRegion":"xx"}"#,
        "request_id records phone_region",
    ),
    ("customer.PrivacyService/ExportCustomer", Role::Admin, r#"{"customerId":"x"}"#, "customer_id"),
    (
        "customer.PrivacyService/EraseCustomer",
        Role::Admin,
        r#"{"requestId":"x","customerId":"x"}"#,
        "request_id customer_id",
    ),
    ("customer.PrivacyService/GetErasure", Role::Admin, r#"{"erasureId":"x"}"#, "erasure_id"),
    ("customer.PrivacyService/ListErasures", Role::Admin, r#"{"pageSize":201}"#, "page_size"),
    (
        "customer.AttributeService/CreateAttributeDefinition",
        Role::Admin,
        r#"{"requestId":"x","definition":{"key":"Plan","title":" ","type":9,"options":["a","a",""]}}"#,
        "request_id definition.key definition.title definition.type definition.options[1] definition.options[2]",
    ),
    (
        "customer.AttributeService/UpdateAttributeDefinition",
        Role::Admin,
        r#"{"requestId":"x","definition":{"id":"x","key":"a__b","title":"a\u0000b","options":[" "]},
           "updateMask":"key,title,options,type"}"#,
        "request_id definition.id definition.key definition.title definition.options[0] update_mask",
    ),
    (
        "customer.AttributeService/DeleteAttributeDefinition",
        Role::Admin,
        r#"{"definitionId":"x"}"#,
        "definition_id",
    ),
    (
        "customer.CustomerService/BulkUpdateTags",
        Role::Agent,
        r#"{"requestId":"x","customerIds":["x"],"add":[""],"remove":["a\u0000b"]}"#,
        "request_id customer_ids[0] add[0] remove[0]",
    ),
    ("customer.CustomerService/BulkUpdateTags", Role::Agent, r#"{}"#, "request_id customer_ids add"),
    ("customer.TagService/ListTags", Role::Agent, r#"{"prefix":"a\u0000b"}"#, "prefix"),
    (
        "customer.NoteService/UpdateNote",
        Role::Agent,
        r#"{"requestId":"x","noteId":"x","text":" ","mentionAgentIds":["x"]}"#,
        "request_id note_id text mention_agent_ids[0]",
    ),
    (
        "customer.NoteService/DeleteNote",
        Role::Agent,
        r#"{"requestId":"x","noteId":"x"}"#,
        "request_id note_id",
    ),
    (
        "customer.NoteService/PinNote",
        Role::Agent,
        r#"{"requestId":"x","noteId":"x","pinned":true}"#,
        "request_id note_id",
    ),
    (
        "customer.NoteService/ListNoteHistory",
        Role::Agent,
        r#"{"customerId":"x","noteId":"x","pageSize":201}"#,
        "customer_id note_id page_size",
    ),
    (
        "customer.TagService/UpdateTag",
        Role::Supervisor,
        r##"{"requestId":"x","tag":{"id":"x","name":" ","description":"a\u0000b","colour":"#12"},
           "updateMask":"name,description,colour,customerCount"}"##,
        "request_id tag.id tag.name tag.description tag.colour update_mask.paths[3]",
    ),
    (
        "customer.TagService/MergeTags",
        Role::Supervisor,
        r#"{"requestId":"x","tagId":"x","intoTagId":"x"}"#,
        "request_id tag_id into_tag_id",
    ),
    (
        "customer.TagService/DeleteTag",
        Role::Supervisor,
        r#"{"requestId":"x","tagId":"x"}"#,
        "request_id tag_id",
    ),
    (
        "customer.MergeService/MergeCustomers",
        Role::Agent,
        r#"{"requestId":"x","survivorId":"x","mergedId":"x"}"#,
        "request_id survivor_id merged_id",
    ),
    (
        "customer.MergeService/UndoMerge",
        Role::Agent,
        r#"{"requestId":"x","mergeId":"x"}"#,
        "request_id merge_id",
    ),
    (
        "customer.MergeService/ListMerges",
        Role::Agent,
        r#"{"customerId":"x","pageSize":201}"#,
        "customer_id page_size",
    ),
    (
        "customer.MergeService/ListMergeSuggestions",
        Role::Agent,
        r#"{"customerId":"x","pageSize":-1}"#,
        "customer_id page_size",
    ),
    (
        "customer.MergeService/DismissSuggestion",
        Role::Agent,
        r#"{"requestId":"x","customerId":"x","otherId":"x"}"#,
        "request_id customer_id other_id",
    ),
];
