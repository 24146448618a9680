//! Views as their owners keep them, and an inbox to look at.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use prost_types::FieldMask;
use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::assignment::v1::AssignRequest;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::view_service_client::ViewServiceClient;
use tandem_proto::conversation::v1::{
    CloseConversationRequest, CreateViewRequest, GetViewRequest, ListConversationsRequest, ListViewsRequest,
    ListViewsResponse, RaiseAttentionRequest, StandardView, UpdateViewRequest, View,
};
use tandem_proto::r#type::v1::{ConversationFilter, ConversationStatus};
use tandem_tests::{Databases, Suite, whatsapp};
use tonic::Status;

pub type Views = ViewServiceClient<InternalChannel>;
pub type Conversations = ConversationServiceClient<InternalChannel>;

pub fn views(suite: &Suite, replica: usize, subject: &str, role: Role) -> Views {
    ViewServiceClient::new(suite.as_role(replica, subject, role))
}

pub fn agents_views(suite: &Suite, number: usize) -> Views {
    views(suite, number, &format!("agent-{number}"), Role::Agent)
}

pub fn admins_views(suite: &Suite) -> Views {
    views(suite, 0, "admin", Role::Admin)
}

pub async fn create(suite: &Suite, client: &mut Views, view: View) -> Result<View, Status> {
    let request = CreateViewRequest { request_id: suite.request_id(), view: Some(view) };
    Ok(client.create_view(request).await?.into_inner().view.unwrap())
}

pub async fn update(suite: &Suite, client: &mut Views, view: View, paths: &[&str]) -> Result<View, Status> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateViewRequest {
        request_id: suite.request_id(),
        view: Some(view),
        update_mask: Some(FieldMask { paths }),
    };
    Ok(client.update_view(request).await?.into_inner().view.unwrap())
}

pub async fn get(client: &mut Views, view_id: &str) -> Result<View, Status> {
    let request = GetViewRequest { view_id: view_id.to_owned(), at_least_as_fresh: Vec::new() };
    Ok(client.get_view(request).await?.into_inner().view.unwrap())
}

pub async fn list(client: &mut Views, counts: bool) -> ListViewsResponse {
    let request = ListViewsRequest { counts, ..ListViewsRequest::default() };
    client.list_views(request).await.unwrap().into_inner()
}

pub fn names(listed: &ListViewsResponse) -> Vec<&str> {
    listed.views.iter().map(|listed| listed.view.as_ref().unwrap().name.as_str()).collect()
}

pub async fn standard(client: &mut Views, wanted: StandardView) -> View {
    let listed = list(client, false).await.views.into_iter().filter_map(|listed| listed.view);
    listed.into_iter().find(|view| view.standard() == wanted).unwrap()
}

/// What a view shows.
pub async fn shown(client: &mut Conversations, view_id: &str) -> BTreeSet<String> {
    let (mut ids, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let view_id = view_id.to_owned();
        let request = ListConversationsRequest { view_id, page_size: 3, page_token, ..Default::default() };
        let page = client.list_conversations(request).await.unwrap().into_inner();
        ids.extend(page.rows.into_iter().map(|row| row.conversation.unwrap().id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}

pub fn personal(name: &str) -> View {
    View { name: name.to_owned(), ..View::default() }
}

pub fn statuses(statuses: &[ConversationStatus]) -> ConversationFilter {
    let statuses = statuses.iter().map(|status| (*status).into()).collect();
    ConversationFilter { statuses, ..ConversationFilter::default() }
}

/// Conversations of every sort; answers their ids. 0: new; 1: the AI answered; 2: agent 0's; 3: the team's; 4: snoozed
/// until today; 5: snoozed until next week; 6: closed; 7: the AI's, wants attention; 8: overdue.
pub async fn furnish(suite: &Suite) -> Vec<String> {
    let (agents, team) = suite.agents(2).await;
    let channel = suite.create_channel().await;
    let mut ids = Vec::new();
    for number in 0..9 {
        suite.ambient.clock().advance(TimeDelta::milliseconds(10));
        let who = [whatsapp(&format!("US.{number}"))];
        ids.push(suite.write(channel, &format!("m{number}"), &who, "hello").await.conversation_id);
    }
    suite.as_ai(0).send_message(suite.answer(&ids[1], 1, 1, &["hi"])).await.unwrap();
    let mut lead = suite.assignments("lead", Role::Supervisor);
    for (number, assignee) in
        [(2, Assignee::AgentId(agents[0].to_string())), (3, Assignee::TeamId(team.to_string()))]
    {
        let assign = AssignRequest {
            request_id: suite.request_id(),
            conversation_id: ids[number].clone(),
            assignee: Some(assignee),
            ..AssignRequest::default()
        };
        lead.assign(assign).await.unwrap();
    }
    let close = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: ids[6].clone(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(close).await.unwrap();
    let attention =
        RaiseAttentionRequest { request_id: suite.request_id(), conversation_id: ids[7].clone(), reason: 1 };
    suite.as_ai(0).raise_attention(attention).await.unwrap();
    // What timers and goals make of them.
    let now = suite.ambient.now();
    let end_of_day = (now.date_naive() + TimeDelta::days(1)).and_hms_opt(0, 0, 0).unwrap().and_utc();
    let next_week = now + TimeDelta::days(7);
    let snooze = |id: &String, until: chrono::DateTime<chrono::Utc>| {
        format!(
            "UPDATE conversation SET status = 3, snoozed_until = '{}' WHERE id = '{id}';",
            until.to_rfc3339()
        )
    };
    let due = (now - TimeDelta::minutes(1)).to_rfc3339();
    let statement = [
        snooze(&ids[4], end_of_day - TimeDelta::milliseconds(1)),
        snooze(&ids[5], next_week),
        format!("UPDATE conversation SET due_at = '{due}' WHERE id = '{}';", ids[8]),
    ];
    Databases::execute_on(&suite.conversation_url, &statement.concat()).await;
    ids
}
