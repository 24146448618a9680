//! Customer-profile.

use tandem_access::Role;

use super::Row;

pub const METHODS: &[Row] = &[
    ("customer.CustomerService/GetCustomer", Role::Agent, r#"{"customerId":"$customer"}"#),
    ("customer.CustomerService/ListCustomers", Role::Agent, r#"{"filter":{"channelId":"$channel"}}"#),
    ("customer.CustomerService/MatchCustomers", Role::Agent, r#"{"customerIds":["$customer"]}"#),
    (
        "customer.AttributeService/UpdateAttributeDefinition",
        Role::Admin,
        r#"{"requestId":"$new","definition":{"id":"$attribute","etag":"1","title":"x"},"updateMask":"title"}"#,
    ),
    ("customer.AttributeService/DeleteAttributeDefinition", Role::Admin, r#"{"definitionId":"$attribute"}"#),
    ("customer.CustomerService/ListCustomerConversations", Role::Agent, r#"{"customerId":"$customer"}"#),
    (
        "customer.CustomerService/UpdateCustomer",
        Role::Agent,
        r#"{"requestId":"$new","customer":{"id":"$customer","etag":"1","displayName":"x"},"updateMask":"displayName"}"#,
    ),
    (
        "customer.CustomerService/UpdateTags",
        Role::Agent,
        r#"{"requestId":"$new","customerId":"$customer","add":["x"]}"#,
    ),
    (
        "customer.CustomerService/BulkUpdateTags",
        Role::Agent,
        r#"{"requestId":"$new","customerIds":["$customer"],"add":["x"]}"#,
    ),
    (
        "customer.TagService/UpdateTag",
        Role::Supervisor,
        r#"{"requestId":"$new","tag":{"id":"$tag","name":"x"},"updateMask":"name"}"#,
    ),
    (
        "customer.TagService/MergeTags",
        Role::Supervisor,
        r#"{"requestId":"$new","tagId":"$tag","intoTagId":"$new"}"#,
    ),
    ("customer.TagService/DeleteTag", Role::Supervisor, r#"{"requestId":"$new","tagId":"$tag"}"#),
    (
        "customer.NoteService/AddNote",
        Role::Agent,
        r#"{"requestId":"$new","customerId":"$customer","text":"x"}"#,
    ),
    ("customer.PrivacyService/ExportCustomer", Role::Admin, r#"{"customerId":"$customer"}"#),
    (
        "customer.PrivacyService/EraseCustomer",
        Role::Admin,
        r#"{"requestId":"$new","customerId":"$customer"}"#,
    ),
    ("customer.PrivacyService/GetErasure", Role::Admin, r#"{"erasureId":"$erasure"}"#),
    ("customer.NoteService/UpdateNote", Role::Agent, r#"{"requestId":"$new","noteId":"$note","text":"x"}"#),
    ("customer.NoteService/PinNote", Role::Agent, r#"{"requestId":"$new","noteId":"$note","pinned":true}"#),
    ("customer.NoteService/DeleteNote", Role::Agent, r#"{"requestId":"$new","noteId":"$note"}"#),
    ("customer.NoteService/ListNoteHistory", Role::Agent, r#"{"customerId":"$customer","noteId":"$note"}"#),
    ("customer.NoteService/ListNotes", Role::Agent, r#"{"customerId":"$customer"}"#),
    (
        "customer.MergeService/MergeCustomers",
        Role::Agent,
        r#"{"requestId":"$new","survivorId":"$customer","mergedId":"$new"}"#,
    ),
    ("customer.MergeService/UndoMerge", Role::Agent, r#"{"requestId":"$new","mergeId":"$merge"}"#),
    ("customer.MergeService/ListMerges", Role::Agent, r#"{"customerId":"$customer"}"#),
    ("customer.MergeService/ListMergeSuggestions", Role::Agent, r#"{"customerId":"$customer"}"#),
    (
        "customer.MergeService/DismissSuggestion",
        Role::Agent,
        r#"{"requestId":"$new","customerId":"$customer","otherId":"$new"}"#,
    ),
];
