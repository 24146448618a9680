//! What everybody has in hand.

use chrono::TimeDelta;
use tandem_access::Role;
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::overview_service_server::OverviewService;
use tandem_proto::conversation::v1 as conversation;
use tandem_proto::feed::v1::ChangeKind;
use tandem_proto::feed::v1::change::Body;
use tandem_proto::r#type::v1 as types;
use tandem_proto::r#type::v1::{ConversationStatus as Status, HolderKind, Priority};
use uuid::Uuid;

use super::reason;
use super::sandbox::{CHANNEL, OTHER_TENANT, Sandbox, TENANT, admin, call, time};

/// A conversation that somebody has held for some minutes, and what else is known of it.
async fn held(sandbox: &Sandbox, holder: (HolderKind, Uuid), minutes: i64, more: conversation::Conversation) {
    {
        let mut state = sandbox.fake.state();
        let (id, contact) = (state.id().to_string(), state.id().to_string());
        let known = conversation::Conversation {
            id: id.clone(),
            channel_id: CHANNEL.to_string(),
            contact_id: contact,
            holder: Some(types::Holder {
                kind: holder.0.into(),
                id: holder.1.to_string(),
                ..types::Holder::default()
            }),
            holder_since: Some(ago(minutes)),
            epoch: 2,
            version: 2,
            ..more
        };
        state.push(TENANT, &id, ChangeKind::Conversation, Body::Conversation(known));
    }
    sandbox.catch_up().await;
}

fn ago(minutes: i64) -> prost_types::Timestamp {
    let at = time() - TimeDelta::minutes(minutes);
    prost_types::Timestamp { seconds: at.timestamp(), nanos: 0 }
}

fn of(status: Status, priority: Priority) -> conversation::Conversation {
    conversation::Conversation {
        status: status.into(),
        priority: priority.into(),
        ..conversation::Conversation::default()
    }
}

#[tokio::test]
async fn everybody_has_in_hand_what_they_hold() {
    let sandbox = Sandbox::start().await;
    let (ada, bob) = (sandbox.agent("ada", 5).await, sandbox.agent("bob", 0).await);
    let (busy, idle) = (sandbox.team("Busy", &[ada]).await, sandbox.team("Idle", &[]).await);
    let (normal, urgent) = (Priority::Normal, Priority::Urgent);
    let to_ada = (HolderKind::Agent, ada);
    held(&sandbox, to_ada, 1, of(Status::Open, normal)).await;
    let waits = conversation::Conversation {
        waiting_since: Some(ago(5)),
        due_time: Some(ago(-5)),
        ..of(Status::New, normal)
    };
    held(&sandbox, to_ada, 1, waits.clone()).await;
    let late = conversation::Conversation { due_time: Some(ago(1)), ..waits };
    held(&sandbox, to_ada, 1, late).await;
    held(&sandbox, to_ada, 1, of(Status::Snoozed, normal)).await;
    held(&sandbox, to_ada, 1, of(Status::Closed, normal)).await;
    let to_team = (HolderKind::Team, busy);
    held(&sandbox, to_team, 30, of(Status::Open, normal)).await;
    held(&sandbox, to_team, 90, of(Status::New, normal)).await;
    held(&sandbox, to_team, 10, of(Status::Open, urgent)).await;
    held(&sandbox, to_team, 999, of(Status::Snoozed, normal)).await;

    let mut request = proto::GetLoadRequest { page_size: 1, ..proto::GetLoadRequest::default() };
    let (mut agents, mut teams, mut pages) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = sandbox.overview.get_load(admin(request.clone())).await.unwrap().into_inner();
        assert!(page.agents.len() + page.teams.len() <= 1);
        agents.extend(page.agents);
        teams.extend(page.teams);
        pages += 1;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, 4);
    let mut expected = [(ada, "ada", (4, 2, 1), 5), (bob, "bob", (0, 0, 0), 0)];
    expected.sort();
    let told: Vec<_> = agents
        .iter()
        .map(|one| {
            let load = (one.held, one.waiting, one.overdue);
            (one.agent_id.parse().unwrap(), one.display_name.as_str(), load, one.capacity)
        })
        .collect();
    assert_eq!(told, expected);
    let mut expected = [(busy, "Busy", 3, Some(ago(90).seconds)), (idle, "Idle", 0, None)];
    expected.sort();
    let told: Vec<_> = teams
        .iter()
        .map(|one| {
            let since = one.oldest_queued_since.map(|since| since.seconds);
            (one.team_id.parse().unwrap(), one.display_name.as_str(), one.queued, since)
        })
        .collect();
    assert_eq!(told, expected);
    let whole =
        sandbox.overview.get_load(admin(proto::GetLoadRequest::default())).await.unwrap().into_inner();
    assert_eq!((whole.agents, whole.teams, whole.next_page_token.as_str()), (agents, teams, ""));
    // Another tenant has nobody, and its tokens are its own.
    let foreign = call(OTHER_TENANT, "admin", Role::Admin, proto::GetLoadRequest::default());
    let foreign = sandbox.overview.get_load(foreign).await.unwrap().into_inner();
    assert_eq!((foreign.agents.len(), foreign.teams.len()), (0, 0));
    let forged = proto::GetLoadRequest { page_token: "x".to_owned(), ..proto::GetLoadRequest::default() };
    assert_eq!(reason(sandbox.overview.get_load(admin(forged)).await), "PAGE_TOKEN_INVALID");
}
