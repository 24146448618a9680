//! Views.

use tandem_access::Role;

use super::Row;

pub const WRONG: &[Row] = &[
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
];
