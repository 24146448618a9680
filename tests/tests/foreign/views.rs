//! Views.

use tandem_access::Role;

use super::Row;

pub const METHODS: &[Row] = &[
    (
        "conversation.ViewService/CreateView",
        Role::Supervisor,
        r#"{"requestId":"$new","view":{"name":"x","scope":2,"teamId":"$team"}}"#,
    ),
    (
        "conversation.ViewService/UpdateView",
        Role::Agent,
        r#"{"requestId":"$new","view":{"id":"$view","etag":"1","name":"x"},"updateMask":"name"}"#,
    ),
    ("conversation.ViewService/CopyView", Role::Agent, r#"{"requestId":"$new","viewId":"$view"}"#),
    (
        "conversation.ViewService/CopyView",
        Role::Supervisor,
        r#"{"requestId":"$new","viewId":"$view","scope":2,"teamId":"$team"}"#,
    ),
    ("conversation.ViewService/DeleteView", Role::Agent, r#"{"requestId":"$new","viewId":"$view"}"#),
    ("conversation.ViewService/GetView", Role::Agent, r#"{"viewId":"$view"}"#),
    (
        "conversation.ViewService/ArrangeViews",
        Role::Agent,
        r#"{"requestId":"$new","views":[{"viewId":"$view"}]}"#,
    ),
    (
        "conversation.ViewService/SetDefaultView",
        Role::Supervisor,
        r#"{"requestId":"$new","viewId":"$view","teamId":"$team"}"#,
    ),
];
