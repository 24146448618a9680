//! Customer-profile.

use tandem_access::Role;

use super::Row;

pub const WRONG: &[Row] = &[
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
