//! Customer-profile.

use tandem_access::Role;

use super::Row;

pub const METHODS: &[Row] = &[
    ("customer.CustomerService/GetCustomer", Role::Agent, r#"{"customerId":"$customer"}"#),
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
        "customer.CustomerService/AddNote",
        Role::Agent,
        r#"{"requestId":"$new","customerId":"$customer","text":"x"}"#,
    ),
    ("customer.CustomerService/ListNotes", Role::Agent, r#"{"customerId":"$customer"}"#),
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
