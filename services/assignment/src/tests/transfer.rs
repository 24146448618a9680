use tandem_fault::{Fault, Reason};
use tandem_proto::assignment::v1 as proto;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::assignment_service_server::AssignmentService;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tonic_types::StatusExt;
use uuid::Uuid;

use super::fake::Mishap;
use super::sandbox::{
    CHANNEL, OTHER_CHANNEL, OTHER_TENANT, Sandbox, TENANT, admin, agent, ai, call, supervisor,
};
use super::{fields, guarded, reason};
use tandem_access::Role;

fn take(sandbox: &Sandbox, conversation: Uuid) -> proto::TakeOverRequest {
    proto::TakeOverRequest {
        request_id: sandbox.id(),
        conversation_id: conversation.to_string(),
        ..proto::TakeOverRequest::default()
    }
}

pub fn give(sandbox: &Sandbox, conversation: Uuid, to: Uuid) -> proto::AssignRequest {
    proto::AssignRequest {
        request_id: sandbox.id(),
        conversation_id: conversation.to_string(),
        assignee: Some(Assignee::AgentId(to.to_string())),
        ..proto::AssignRequest::default()
    }
}

pub async fn ada_of_a_team(sandbox: &Sandbox) -> Uuid {
    let ada = sandbox.agent("ada", 0).await;
    sandbox.team("Team", &[ada]).await;
    ada
}

#[tokio::test]
async fn a_take_over_is_carried_out_once_and_answered_alike() {
    let sandbox = Sandbox::start().await;
    let ada = ada_of_a_team(&sandbox).await;
    let conversation = sandbox.conversation().await;
    let message = proto::TakeOverRequest { note: "mine".to_owned(), ..take(&sandbox, conversation) };
    let first = sandbox.assignment.take_over(agent("ada", message.clone())).await.unwrap().into_inner();
    let taken = first.conversation.clone().unwrap();
    assert_eq!((taken.epoch, taken.holder.unwrap().id), (2, ada.to_string()));
    assert!(!first.change_token.is_empty());
    // Another fence is not another body.
    let fenced = proto::TakeOverRequest { expected_epoch: 1, ..message.clone() };
    assert_eq!(sandbox.assignment.take_over(agent("ada", fenced)).await.unwrap().into_inner(), first);
    assert_eq!(sandbox.fake.state().asked.len(), 1, "the first answer is stored here");
    let other_body = proto::TakeOverRequest { note: "yours".to_owned(), ..message.clone() };
    assert_eq!(reason(sandbox.assignment.take_over(agent("ada", other_body)).await), "REQUEST_ID_REUSED");
    let other_caller = sandbox.assignment.take_over(supervisor("eve", message.clone())).await;
    assert_eq!(reason(other_caller), "REQUEST_ID_REUSED");
    let other_method = proto::ReleaseRequest {
        request_id: message.request_id,
        conversation_id: conversation.to_string(),
        ..proto::ReleaseRequest::default()
    };
    assert_eq!(reason(sandbox.assignment.release(agent("ada", other_method)).await), "REQUEST_ID_REUSED");
    sandbox.catch_up().await;
    assert_eq!(sandbox.held(ada).await, 1);
}

#[tokio::test]
async fn who_may_take_over() {
    let sandbox = Sandbox::start().await;
    let ada = ada_of_a_team(&sandbox).await;
    let bob = sandbox.agent("bob", 0).await;
    let conversation = sandbox.conversation().await;
    let assignment = &sandbox.assignment;
    let nobody = assignment.take_over(agent("nobody", take(&sandbox, conversation))).await;
    assert_eq!(reason(nobody), "AGENT_INACTIVE");
    // Outside the access scope it does not exist; a supervisor sees everything. Also where the feed lags.
    let elsewhere = sandbox.fake.conversation(TENANT, OTHER_CHANNEL, false);
    assert_eq!(reason(assignment.take_over(agent("ada", take(&sandbox, elsewhere))).await), "NOT_FOUND");
    assert_eq!(reason(assignment.take_over(agent("bob", take(&sandbox, conversation))).await), "NOT_FOUND");
    let untold = sandbox.fake.conversation(TENANT, CHANNEL, false);
    assignment.take_over(agent("ada", take(&sandbox, untold))).await.unwrap();
    assignment.take_over(supervisor("bob", take(&sandbox, elsewhere))).await.unwrap();
    let foreign = sandbox.fake.conversation(OTHER_TENANT, CHANNEL, false);
    assert_eq!(reason(assignment.take_over(agent("ada", take(&sandbox, foreign))).await), "NOT_FOUND");
    // Force is for those who lead.
    let forced = proto::TakeOverRequest { force: true, ..take(&sandbox, untold) };
    assert_eq!(fields(assignment.take_over(agent("ada", forced.clone())).await), ["force"]);
    let forced = assignment.take_over(supervisor("bob", forced)).await.unwrap().into_inner();
    assert_eq!(forced.conversation.unwrap().holder.unwrap().id, bob.to_string());
    let fenced = proto::TakeOverRequest { expected_epoch: 3, ..take(&sandbox, untold) };
    assert_eq!(reason(assignment.take_over(agent("ada", fenced)).await), "HELD_BY_OTHER");
    assert_ne!(ada, bob);
}

#[tokio::test]
async fn a_refusal_is_forwarded_as_it_is_and_gives_the_capacity_back() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 1).await;
    let (one, two) = (sandbox.conversation().await, sandbox.conversation().await);
    let refusal =
        Fault::new(Reason::HeldByOther, "somebody was faster").with("holder_id", "x").with("epoch", 9);
    sandbox.fake.mishap(Mishap::Refuse(refusal));
    let message = give(&sandbox, one, ada);
    let refused = sandbox.assignment.assign(admin(message.clone())).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (tonic::Code::Aborted, "somebody was faster"));
    let details = refused.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.metadata["holder_id"].as_str()), ("HELD_BY_OTHER", "x"));
    assert_eq!(info.metadata["epoch"], "9");
    // The capacity is free again, and the same id may try again once it is.
    sandbox.assignment.assign(admin(give(&sandbox, two, ada))).await.unwrap();
    assert_eq!(reason(sandbox.assignment.assign(admin(message.clone())).await), "CAPACITY_FULL");
    let forced = proto::AssignRequest { force: true, ..give(&sandbox, one, ada) };
    sandbox.assignment.assign(admin(forced)).await.unwrap();
}

/// Twenty at once for five places, ten times over: the first round finds the pool's connections not yet made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capacity_is_never_overrun() {
    let sandbox = Sandbox::start().await;
    for round in 0..10 {
        let agent = sandbox.agent(&format!("agent-{round}"), 5).await;
        let conversations: Vec<Uuid> =
            (0..20).map(|_| sandbox.fake.conversation(TENANT, CHANNEL, true)).collect();
        sandbox.catch_up().await;
        let race = |conversations: &[Uuid]| {
            let messages: Vec<_> =
                conversations.iter().map(|conversation| give(&sandbox, *conversation, agent)).collect();
            let messages = messages.into_iter();
            futures::future::join_all(messages.map(|message| sandbox.assignment.assign(admin(message))))
        };
        let answers = guarded(race(&conversations)).await;
        let lost: Vec<Uuid> = conversations
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| answer.is_err())
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5);
        for refused in answers.into_iter().filter(Result::is_err) {
            assert_eq!(reason(refused), "CAPACITY_FULL");
        }
        // Neither before nor after the feed tells is a place free that was taken.
        for _ in 0..2 {
            assert!(guarded(race(&lost[..5])).await.iter().all(Result::is_err));
            sandbox.catch_up().await;
        }
        let of_agent = |one: &&tandem_proto::conversation::v1::Conversation| {
            one.holder.as_ref().is_some_and(|holder| holder.id == agent.to_string())
        };
        let held = sandbox.fake.state().conversations.values().filter(of_agent).count();
        assert_eq!((held, sandbox.held(agent).await), (5, 5));
    }
}

#[tokio::test]
async fn concurrent_retries_of_one_request_are_one_transfer() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    // Several times: two that come at the very same moment are rare.
    for _ in 0..25 {
        let conversation = sandbox.conversation().await;
        let message = give(&sandbox, conversation, ada);
        let calls = (0..8).map(|_| sandbox.assignment.assign(admin(message.clone())));
        let answers = guarded(futures::future::join_all(calls)).await;
        let mut answers = answers.into_iter().map(|answer| answer.unwrap().into_inner());
        let first = answers.next().unwrap();
        assert!(answers.all(|answer| answer == first));
        assert_eq!(first.conversation.unwrap().epoch, 2);
    }
}

#[tokio::test]
async fn whom_a_conversation_can_be_given_to() {
    let sandbox = Sandbox::start().await;
    let ada = ada_of_a_team(&sandbox).await;
    let (bob, conversation) = (sandbox.agent("bob", 0).await, sandbox.conversation().await);
    let assignment = &sandbox.assignment;
    let unknown: Uuid = sandbox.id().parse().unwrap();
    assert_eq!(
        reason(assignment.assign(agent("ada", give(&sandbox, conversation, unknown))).await),
        "NOT_FOUND"
    );
    let to_team = |id: Uuid| Some(Assignee::TeamId(id.to_string()));
    let lost = proto::AssignRequest { assignee: to_team(unknown), ..give(&sandbox, conversation, ada) };
    assert_eq!(reason(assignment.assign(agent("ada", lost)).await), "NOT_FOUND");
    // What nobody holds, and what the caller holds, can be given on; what another holds cannot.
    assignment.assign(agent("ada", give(&sandbox, conversation, ada))).await.unwrap();
    assignment.assign(agent("ada", give(&sandbox, conversation, bob))).await.unwrap();
    assert_eq!(
        reason(assignment.assign(agent("ada", give(&sandbox, conversation, ada))).await),
        "HELD_BY_OTHER"
    );
    let forced = proto::AssignRequest { force: true, ..give(&sandbox, conversation, ada) };
    assert_eq!(fields(assignment.assign(agent("ada", forced.clone())).await), ["force"]);
    let labels = vec![sandbox.id()];
    let urgent = proto::AssignRequest {
        priority: 4,
        note: "please".to_owned(),
        add_label_ids: labels.clone(),
        ..forced
    };
    assignment.assign(admin(urgent)).await.unwrap();
    let asked = sandbox.fake.state().asked.last().cloned().unwrap();
    assert_eq!(asked.add_label_ids, labels);
    assert_eq!((asked.priority, asked.note.as_str(), asked.force), (4, "please", true));
    // An admin who is no agent is a person of whom no agent is known.
    assert_eq!(asked.actor.unwrap().kind, i32::from(crate::domain::kinds::ActorKind::Business.number()));
    let wrong = proto::AssignRequest {
        request_id: String::new(),
        conversation_id: "x".to_owned(),
        expected_epoch: -1,
        assignee: None,
        note: "x".repeat(2_001),
        priority: 9,
        force: false,
        add_label_ids: vec!["x".to_owned()],
    };
    assert_eq!(
        fields(assignment.assign(admin(wrong)).await),
        [
            "request_id",
            "conversation_id",
            "expected_epoch",
            "note",
            "assignee",
            "priority",
            "add_label_ids[0]"
        ]
    );
    let release = proto::ReleaseRequest {
        request_id: sandbox.id(),
        conversation_id: conversation.to_string(),
        ..proto::ReleaseRequest::default()
    };
    let bobs = call(TENANT, "bob", [Role::Agent, Role::Supervisor], release.clone());
    assert_eq!(reason(assignment.release(bobs).await), "HELD_BY_OTHER");
    let released = assignment.release(agent("ada", release)).await;
    assert_eq!(reason(released), "REQUEST_ID_REUSED", "a refused id is the refused caller's");
    let release = proto::ReleaseRequest {
        request_id: sandbox.id(),
        conversation_id: conversation.to_string(),
        ..proto::ReleaseRequest::default()
    };
    assignment.release(agent("ada", release)).await.unwrap();
}

#[tokio::test]
async fn the_ai_hands_off_to_the_channels_team() {
    let sandbox = Sandbox::start().await;
    let ada = sandbox.agent("ada", 0).await;
    let team = sandbox.team("Team", &[ada]).await;
    let hand_off = |conversation: Uuid| proto::HandOffRequest {
        request_id: sandbox.id(),
        conversation_id: conversation.to_string(),
        expected_epoch: 1,
        reason: 2,
        summary: "wants their money back".to_owned(),
        ..proto::HandOffRequest::default()
    };
    let holder = |answer: proto::HandOffResponse| {
        let holder = answer.conversation.unwrap().holder.unwrap();
        (holder.kind, holder.id)
    };
    // No default team: nobody's hands.
    let conversation = sandbox.conversation().await;
    let answer = sandbox.assignment.hand_off(ai(hand_off(conversation))).await.unwrap().into_inner();
    assert_eq!(holder(answer), (4, String::new()));
    // The channel's, also when neither feed has told of it yet.
    sandbox.fake.state().default_teams.insert(CHANNEL, team);
    let untold = sandbox.fake.conversation(TENANT, CHANNEL, false);
    let answer = sandbox.assignment.hand_off(ai(hand_off(untold))).await.unwrap().into_inner();
    assert_eq!(holder(answer), (3, team.to_string()));
    let asked = sandbox.fake.state().asked.last().cloned().unwrap();
    assert_eq!((asked.hand_off_reason, asked.hand_off_summary.as_str()), (2, "wants their money back"));
    let named = proto::HandOffRequest { team_id: sandbox.id(), ..hand_off(conversation) };
    assert_eq!(reason(sandbox.assignment.hand_off(ai(named)).await), "NOT_FOUND");
    let wrong = proto::HandOffRequest {
        expected_epoch: 0,
        reason: 6,
        summary: "x".repeat(4_001),
        team_id: "x".to_owned(),
        last_contents: vec![Default::default(); 11],
        answers_position: -1,
        skill: "x".repeat(65),
        language: "?".to_owned(),
        ..hand_off(conversation)
    };
    assert_eq!(
        fields(sandbox.assignment.hand_off(ai(wrong)).await),
        [
            "expected_epoch",
            "reason",
            "summary",
            "team_id",
            "last_contents",
            "answers_position",
            "skill",
            "language"
        ]
    );
    // What the AI suggests stays in the history.
    let suggests = proto::HandOffRequest {
        skill: "billing".to_owned(),
        language: "pt-BR".to_owned(),
        ..hand_off(sandbox.conversation().await)
    };
    sandbox.assignment.hand_off(ai(suggests.clone())).await.unwrap();
    sandbox.catch_up().await;
    let message = proto::ListHolderHistoryRequest {
        conversation_id: suggests.conversation_id,
        ..proto::ListHolderHistoryRequest::default()
    };
    let history = sandbox.assignment.list_holder_history(admin(message)).await.unwrap().into_inner();
    let Some(Event::HolderChanged(changed)) = &history.entries[0].event else { panic!("a change of holder") };
    assert_eq!((changed.hand_off_skill.as_str(), changed.hand_off_language.as_str()), ("billing", "pt-BR"));
}

#[tokio::test]
async fn history_is_the_timelines() {
    let sandbox = Sandbox::start().await;
    let ada = ada_of_a_team(&sandbox).await;
    let conversation = sandbox.conversation().await;
    sandbox.assignment.take_over(agent("ada", take(&sandbox, conversation))).await.unwrap();
    let release = proto::ReleaseRequest {
        request_id: sandbox.id(),
        conversation_id: conversation.to_string(),
        ..proto::ReleaseRequest::default()
    };
    sandbox.assignment.release(agent("ada", release)).await.unwrap();
    sandbox.catch_up().await;
    let message = proto::ListHolderHistoryRequest {
        conversation_id: conversation.to_string(),
        ..proto::ListHolderHistoryRequest::default()
    };
    let history =
        sandbox.assignment.list_holder_history(agent("ada", message.clone())).await.unwrap().into_inner();
    let mut told: Vec<_> = sandbox
        .fake
        .state()
        .changes
        .iter()
        .filter_map(|change| match change.body.clone().unwrap() {
            tandem_change_feed::Body::TimelineEntry(entry) => Some(entry),
            _ => None,
        })
        .collect();
    // The names are this service's own.
    let named = |entry: &tandem_proto::conversation::v1::TimelineEntry| {
        entry.actor.as_ref().map(|actor| (actor.id.clone(), actor.name.clone()))
    };
    assert_eq!(named(&history.entries[0]), Some((ada.to_string(), "ada".to_owned())));
    let ids = |entries: &mut Vec<tandem_proto::conversation::v1::TimelineEntry>| -> Vec<String> {
        entries.drain(..).map(|entry| entry.id).collect()
    };
    assert_eq!(ids(&mut history.entries.clone()), ids(&mut told));
    let stranger = sandbox.assignment.list_holder_history(agent("stranger", message.clone())).await;
    assert_eq!(reason(stranger), "NOT_FOUND");
    let foreign = call(OTHER_TENANT, "admin", Role::Admin, message);
    assert_eq!(reason(sandbox.assignment.list_holder_history(foreign).await), "NOT_FOUND");
}
