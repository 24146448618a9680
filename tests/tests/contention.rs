//! Promise 4 under every kind of pull at once: supervisors, agents, routing and the AI, through two processes of each service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tandem_access::Role;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::assignment_service_client::AssignmentServiceClient;
use tandem_proto::assignment::v1::notification_service_client::NotificationServiceClient;
use tandem_proto::assignment::v1::{
    Agent, AssignRequest, HandOffRequest, ListNotificationsRequest, Presence, ReleaseRequest, RoutingRule,
    RoutingStrategy, TakeOverRequest,
};
use tandem_proto::conversation::v1::ChannelPolicy;
use tandem_proto::r#type::v1::{ActorKind, HandOffReason, HolderChangeCause, HolderKind};
use tandem_tests::{Kind, Parts, Suite, eventually, reason};
use tonic::Status;
use uuid::Uuid;

const AGENTS: usize = 6;
const CONVERSATIONS: usize = 100;
/// What each of the pullers tries, in turn over all conversations.
const PULLS: usize = 150;

async fn suite_of(capacity: i32) -> (Arc<Suite>, Vec<Uuid>, Uuid, Uuid) {
    let suite = Arc::new(Suite::start(Parts::TWO_ASSIGNMENTS).await);
    let crew = vec![Agent { capacity, ..Agent::default() }; AGENTS];
    let (agents, team, token) = suite.create_crew(crew).await;
    suite.conversation_knows(&token).await;
    let default_team_id = team.to_string();
    let policy = ChannelPolicy { ai_enabled: true, default_team_id, ..ChannelPolicy::default() };
    let channel = suite.create_channel_with(policy).await;
    let strategy = RoutingStrategy::LeastLoaded.into();
    suite.rule(RoutingRule { display_name: "all".to_owned(), strategy, ..RoutingRule::default() }).await;
    (suite, agents, team, channel)
}

fn assignments(
    suite: &Suite,
    replica: usize,
    subject: &str,
    role: Role,
) -> AssignmentServiceClient<tandem_bootstrap::InternalChannel> {
    AssignmentServiceClient::new(suite.channel(Kind::Assignment, replica, &suite.spec(subject, role)))
}

async fn hand_off(suite: &Suite, replica: usize, id: &str) -> Result<(), Status> {
    let now = suite.get(id).await;
    let request = HandOffRequest {
        request_id: suite.request_id(),
        conversation_id: id.to_owned(),
        expected_epoch: now.epoch,
        reason: HandOffReason::Complex.into(),
        answers_position: now.last_customer_position,
        ..HandOffRequest::default()
    };
    assignments(suite, replica, "ai", Role::Ai).hand_off(request).await.map(drop)
}

/// One pull of a kind at one conversation.
async fn pull(suite: &Suite, kind: usize, round: usize, id: &str, agents: &[Uuid]) -> Result<(), Status> {
    let (request_id, conversation_id) = (suite.request_id(), id.to_owned());
    let number = round % AGENTS;
    let subject = format!("agent-{number}");
    match kind {
        0 => hand_off(suite, round, id).await,
        1 => {
            let request = TakeOverRequest { request_id, conversation_id, ..TakeOverRequest::default() };
            assignments(suite, round, &subject, Role::Agent).take_over(request).await.map(drop)
        }
        2 => {
            let request = ReleaseRequest { request_id, conversation_id, ..ReleaseRequest::default() };
            assignments(suite, round, &subject, Role::Agent).release(request).await.map(drop)
        }
        _ => {
            let assignee = Some(Assignee::AgentId(agents[(round / 2) % AGENTS].to_string()));
            let note = format!("round {round}");
            let request = AssignRequest {
                request_id,
                conversation_id,
                assignee,
                note,
                force: true,
                ..Default::default()
            };
            assignments(suite, round, "lead", Role::Supervisor).assign(request).await.map(drop)
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_pulls_one_holder_at_every_epoch_and_all_records_agree() {
    let (suite, agents, _, channel) = suite_of(30).await;
    let ids = Arc::new(suite.begin(channel, "a", CONVERSATIONS).await);
    for number in 0..AGENTS {
        suite.presence(number, Presence::Online).await;
    }
    let pullers = (0..8).map(|puller| {
        let (suite, ids, agents) = (suite.clone(), ids.clone(), agents.clone());
        tokio::spawn(async move {
            let mut landed = 0;
            for round in 0..PULLS {
                // Each at a pace of its own, so that they meet at ever other conversations.
                let id = &ids[(round * (puller + 1) * 7) % CONVERSATIONS];
                match pull(&suite, puller % 4, round + puller, id, &agents).await {
                    Ok(()) => landed += 1,
                    Err(status) => {
                        let known = [
                            "HELD_BY_OTHER",
                            "HOLDER_CHANGED",
                            "CAPACITY_FULL",
                            "ALREADY_ANSWERED",
                            "NOT_HOLDER",
                        ];
                        assert!(known.contains(&reason(&status).as_str()), "{status:?}");
                    }
                }
            }
            landed
        })
    });
    let pullers: Vec<_> = pullers.collect();
    let mut landed = 0;
    for puller in pullers {
        landed += puller.await.unwrap();
    }
    assert!(landed > 100, "of all these pulls hardly one landed: {landed}");
    // What is still queued routing may take a while to give, or nobody has room: then it is quiet.
    let quiet = || async {
        let mut epochs = Vec::new();
        for id in ids.iter() {
            let conversation = suite.get(id).await;
            let queued = conversation.holder.as_ref().unwrap().kind() == HolderKind::Team;
            if queued && somebody_has_room(&suite, &agents).await {
                return None;
            }
            epochs.push(conversation.epoch);
        }
        Some(epochs)
    };
    let epochs = eventually("routing has given what it can", quiet).await;
    // Epoch n + 1 follows n (asserted by `holder_changes`), each from the holder that the one before set.
    let mut told: BTreeMap<String, BTreeSet<(String, i64)>> = BTreeMap::new();
    let mut routed = 0;
    for (id, epoch) in ids.iter().zip(epochs) {
        let changes = suite.holder_changes(id).await;
        assert!(changes.len() >= usize::try_from(epoch).unwrap());
        for pair in changes.windows(2) {
            let (from, to) = (pair[1].1.from.as_ref().unwrap(), pair[0].1.to.as_ref().unwrap());
            assert_eq!((from.kind, &from.id), (to.kind, &to.id), "two holders at one epoch");
        }
        let last = changes.last().unwrap().1.to.as_ref().unwrap().clone();
        let holder = suite.get(id).await.holder.unwrap();
        assert_eq!((last.kind, last.id), (holder.kind, holder.id));
        for (entry, change) in &changes {
            routed += usize::from(change.cause() == HolderChangeCause::Route);
            let (to, actor) = (change.to.as_ref().unwrap(), entry.actor.as_ref().unwrap());
            let own = actor.kind() == ActorKind::Agent && actor.id == to.id;
            // Who is given what they hold already learns nothing new.
            let again = change.from.as_ref().is_some_and(|from| from.id == to.id);
            if to.kind() == HolderKind::Agent && !own && !again {
                told.entry(to.id.clone()).or_default().insert((id.clone(), change.epoch));
            }
        }
    }
    assert!(routed > 0, "routing was in it");
    // Who was given something was told of exactly that, once.
    for (number, agent) in agents.iter().enumerate() {
        let expected = told.remove(&agent.to_string()).unwrap_or_default();
        let same = || async { (given(&suite, number).await == expected).then_some(()) };
        eventually("notifications equal the timeline", same).await;
    }
}

/// The (conversation, epoch) of everything that an agent was told of having been given; each once.
async fn given(suite: &Suite, number: usize) -> BTreeSet<(String, i64)> {
    let spec = suite.spec(&format!("agent-{number}"), Role::Agent);
    let mut client = NotificationServiceClient::new(suite.channel(Kind::Assignment, number, &spec));
    let (mut seen, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let request =
            ListNotificationsRequest { page_size: 200, page_token, ..ListNotificationsRequest::default() };
        let page = client.list_notifications(request).await.unwrap().into_inner();
        for notification in page.notifications {
            // 1 assigned, 2 transferred; queues and takings away are told besides.
            if [1, 2].contains(&notification.kind) {
                let new = seen.insert((notification.conversation_id, notification.epoch));
                assert!(new, "told twice");
            }
        }
        if page.next_page_token.is_empty() {
            return seen;
        }
        page_token = page.next_page_token;
    }
}

async fn somebody_has_room(suite: &Suite, agents: &[Uuid]) -> bool {
    for agent in agents {
        let agent = suite.agent(*agent).await;
        if agent.held < agent.capacity {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_away_is_given_nothing_however_presence_flaps() {
    let (suite, agents, _, channel) = suite_of(0).await;
    let ids = suite.begin(channel, "a", 60).await;
    // Who flaps notes from when to when they were certainly away.
    let flapping = (0..AGENTS).map(|number| {
        let suite = suite.clone();
        tokio::spawn(async move {
            let mut away = Vec::new();
            for round in 0..25 {
                suite.presence(number, Presence::Online).await;
                let status = [Presence::Away, Presence::Busy, Presence::Offline][round % 3];
                suite.presence(number, status).await;
                let from = suite.ambient.now();
                for _ in 0..number {
                    tokio::task::yield_now().await;
                }
                away.push((from, suite.ambient.now()));
            }
            suite.presence(number, Presence::Online).await;
            away
        })
    });
    let flapping: Vec<_> = flapping.collect();
    for id in &ids {
        let refused = hand_off(&suite, 0, id).await.err();
        assert!(refused.is_none(), "{refused:?}");
    }
    let mut away = Vec::new();
    for agent in flapping {
        away.push(agent.await.unwrap());
    }
    for id in &ids {
        let given =
            || async { (suite.get(id).await.holder.unwrap().kind() == HolderKind::Agent).then_some(()) };
        eventually("all are given in the end", given).await;
    }
    // Reservations say when routing decided: never while the agent was certainly not online.
    let pool = tandem_database::connect(&suite.assignment_url, &Default::default(), "test").unwrap();
    let decided: Vec<(Uuid, chrono::DateTime<chrono::Utc>)> = sqlx::query_as(
        "SELECT agent_id, created_at FROM reservation WHERE scope = 'Route' AND state <> 4 AND agent_id IS NOT NULL",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(decided.len(), ids.len());
    for (agent_id, at) in decided {
        let number = agents.iter().position(|agent| *agent == agent_id).unwrap();
        let certain = away[number].iter().any(|(from, until)| *from < at && at < *until);
        assert!(!certain, "agent {number} was given something at {at} while away");
    }
    let code = suite.claim(0, 0).await;
    assert!(code.is_ok_and(|next| next.is_none()), "the queue is empty");
}
