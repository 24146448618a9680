//! Promise 4, one holder, and what the changes of holder leave behind: timeline, history, notifications.

use std::collections::BTreeSet;
use std::sync::Arc;

use tandem_access::Role;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::{
    AssignRequest, HandOffRequest, ListHolderHistoryRequest, ListNotificationsRequest,
    MarkNotificationsReadRequest, Notification, NotificationKind, TakeOverRequest, WatchNotificationsRequest,
};
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::conversation::v1::{
    DeliveryState, ResolveTransferRequest, SendMessageRequest, TransferHolderRequest,
};
use tandem_proto::r#type::v1::{
    Actor, ActorKind, HandOffReason, Holder, HolderChangeCause, HolderKind, Priority,
};
use tandem_tests::{Parts, Suite, agent_text, fact, reason, refused, whatsapp};
use tonic::{Code, Status};

/// The next notification of a stream; heartbeats are passed over.
async fn told(
    stream: &mut tonic::Streaming<tandem_proto::assignment::v1::WatchNotificationsResponse>,
) -> Notification {
    loop {
        let response = stream.message().await.unwrap().expect("the stream goes on");
        if let Some(notification) = response.notification {
            return notification;
        }
    }
}

async fn listed(suite: &Suite, number: usize, change_token: &str) -> (Vec<Notification>, i32) {
    let at_least_as_fresh = vec![change_token.to_owned()];
    let request = ListNotificationsRequest { at_least_as_fresh, ..ListNotificationsRequest::default() };
    let answer = suite.notifications(number).list_notifications(request).await.unwrap().into_inner();
    (answer.notifications, answer.unread)
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_agents_take_over_one_conversation_at_once() {
    let suite = Arc::new(Suite::start(Parts::WITH_ASSIGNMENT).await);
    let (agents, _) = suite.agents(50).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let (suite, id) = (suite.clone(), id.clone());
            tokio::spawn(async move { suite.take_over(number, &id).await })
        })
        .collect();
    let (mut winners, mut losers) = (Vec::new(), Vec::new());
    for (number, task) in tasks.into_iter().enumerate() {
        match task.await.unwrap() {
            Ok(answer) => winners.push((number, answer.conversation.unwrap())),
            Err(status) => losers.push(status),
        }
    }
    assert_eq!((winners.len(), losers.len()), (1, 49));
    let (number, conversation) = &winners[0];
    assert_eq!(conversation.holder.as_ref().unwrap().id, agents[*number].to_string());
    for loser in losers {
        assert_eq!((loser.code(), reason(&loser).as_str()), (Code::Aborted, "HELD_BY_OTHER"));
        assert_eq!(fact(&loser, "holder_kind"), "AGENT");
        assert_eq!(fact(&loser, "holder_id"), agents[*number].to_string());
        assert_eq!(fact(&loser, "holder_name"), format!("Agent {number}"));
        assert_eq!(fact(&loser, "epoch"), "2");
        assert!(!fact(&loser, "since").is_empty());
    }
    assert_eq!(suite.holder_changes(&id).await.len(), 2, "started, taken over once");
}

fn transfer(suite: &Suite, conversation_id: &str, agent: &str) -> TransferHolderRequest {
    TransferHolderRequest {
        request_id: suite.request_id(),
        conversation_id: conversation_id.to_owned(),
        to: Some(Holder { kind: HolderKind::Agent.into(), id: agent.to_owned(), name: String::new() }),
        cause: HolderChangeCause::TakeOver.into(),
        actor: Some(Actor { kind: ActorKind::Agent.into(), id: agent.to_owned(), name: String::new() }),
        ..TransferHolderRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_agree_on_every_change_of_holder() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    // Eight supervisors take it from each other, through both processes.
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let (suite, id) = (suite.clone(), id.clone());
            tokio::spawn(async move {
                let agent = suite.ambient.id().to_string();
                let mut epochs = Vec::new();
                for round in 0..20 {
                    let request = TransferHolderRequest { force: true, ..transfer(&suite, &id, &agent) };
                    let mut transfers = suite.transfers(number + round);
                    let answer =
                        transfers.transfer_holder(suite.on_behalf(request)).await.unwrap().into_inner();
                    let Some(Event::HolderChanged(change)) = answer.entry.unwrap().event else {
                        panic!("no change")
                    };
                    epochs.push(change.epoch);
                }
                epochs
            })
        })
        .collect();
    let mut epochs = BTreeSet::new();
    for task in tasks {
        epochs.extend(task.await.unwrap());
    }
    assert_eq!(epochs, (2..=161).collect(), "each change has an epoch of its own");
    let changes = suite.holder_changes(&id).await;
    for pair in changes.windows(2) {
        assert_eq!(pair[1].1.from, pair[0].1.to, "each holder follows the one before");
    }
    assert_eq!(suite.get(&id).await.epoch, 161);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_reaches_the_assignee() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, _) = suite.agents(2).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    let watch = suite.notifications(1).watch_notifications(WatchNotificationsRequest::default()).await;
    let mut stream = watch.unwrap().into_inner();
    let request = AssignRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        assignee: Some(Assignee::AgentId(agents[1].to_string())),
        note: "she asks for you".to_owned(),
        priority: Priority::Urgent.into(),
        ..AssignRequest::default()
    };
    let mut assignments = suite.assignments("agent-0", Role::Agent);
    let answer = assignments.assign(request.clone()).await.unwrap().into_inner();
    let conversation = answer.conversation.unwrap();
    assert_eq!(conversation.holder.as_ref().unwrap().id, agents[1].to_string());
    assert_eq!((conversation.epoch, conversation.priority()), (2, Priority::Urgent));

    let streamed = told(&mut stream).await;
    let (notifications, unread) = listed(&suite, 1, &answer.change_token).await;
    assert_eq!((notifications.len(), unread), (1, 1));
    assert_eq!(notifications[0].id, streamed.id);
    assert_eq!(streamed.kind(), NotificationKind::Assigned);
    assert_eq!((streamed.note.as_str(), streamed.epoch), ("she asks for you", 2));
    assert_eq!(
        (streamed.conversation_id.as_str(), &streamed.agent_id),
        (id.as_str(), &agents[1].to_string())
    );
    assert!(listed(&suite, 0, &answer.change_token).await.0.is_empty(), "nobody is told of what they did");
    let read = MarkNotificationsReadRequest { notification_ids: vec![streamed.id] };
    assert_eq!(suite.notifications(1).mark_notifications_read(read).await.unwrap().into_inner().unread, 0);

    let entries = suite.timeline(&id).await;
    assert!(entries.iter().any(|entry| {
        matches!(&entry.event, Some(Event::PriorityChanged(change)) if change.to() == Priority::Urgent)
    }));
    let (_, change) = suite.holder_changes(&id).await.pop().unwrap();
    assert_eq!((change.cause(), change.note.as_str()), (HolderChangeCause::Assign, "she asks for you"));
    assert_eq!(change.request_id, request.request_id);
    // The history is made from the timeline, in assignment's own database.
    let history =
        ListHolderHistoryRequest { conversation_id: id, at_least_as_fresh: vec![answer.change_token] };
    let history = assignments.list_holder_history(history).await.unwrap().into_inner().entries;
    let held: Vec<_> = history
        .into_iter()
        .map(|entry| match entry.event {
            Some(Event::HolderChanged(change)) => (change.epoch, change.cause(), change.to.unwrap().name),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        (1, HolderChangeCause::Started, String::new()),
        (2, HolderChangeCause::Assign, "Agent 1".to_owned()),
    ];
    assert_eq!(held, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_off_carries_last_words_that_no_take_over_withdraws() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (_, team) = suite.agents(2).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    suite.as_ai(0).send_message(suite.answer(&id, 1, 1, &["hello", "how are you"])).await.unwrap();
    suite.write(channel, "two", &[whatsapp("US.1")], "a person please").await;
    let watch = suite.notifications(0).watch_notifications(WatchNotificationsRequest::default()).await;
    let mut stream = watch.unwrap().into_inner();
    let hand_off = HandOffRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        expected_epoch: 1,
        reason: HandOffReason::CustomerAsked.into(),
        summary: "wants a person".to_owned(),
        team_id: team.to_string(),
        last_contents: agent_text("somebody will be with you"),
        answers_position: 4,
        skill: "billing".to_owned(),
        language: "pt-BR".to_owned(),
    };
    let mut ai = suite.assignments("ai", Role::Ai);
    let answer = ai.hand_off(hand_off.clone()).await.unwrap().into_inner();
    let conversation = answer.conversation.unwrap();
    assert_eq!(conversation.holder.unwrap().id, team.to_string());
    assert_eq!((conversation.epoch, conversation.answered_position), (2, 4));
    assert_eq!(conversation.hand_off_summary, "wants a person");
    assert_eq!((answer.messages.len(), answer.messages[0].position), (1, 5));
    let notification = told(&mut stream).await;
    assert_eq!(notification.kind(), NotificationKind::TeamQueue);
    assert_eq!(notification.note, "wants a person");

    // The AI made the change: what it had queued stays, until a person comes in.
    let delivery = |messages: Vec<tandem_proto::conversation::v1::Message>| -> Vec<DeliveryState> {
        messages.iter().map(tandem_proto::conversation::v1::Message::delivery).collect()
    };
    use DeliveryState::{Queued, Unspecified, Withdrawn};
    assert_eq!(delivery(suite.messages(&id).await), [Unspecified, Queued, Queued, Unspecified, Queued]);
    suite.take_over(1, &id).await.unwrap();
    assert_eq!(delivery(suite.messages(&id).await), [Unspecified, Withdrawn, Withdrawn, Unspecified, Queued]);

    // The AI's old epochs are over, for messages and for hand-offs, also once it holds it again.
    assert_eq!(suite.release(1, &id).await.epoch, 4);
    let stale = suite.as_ai(1).send_message(suite.answer(&id, 1, 0, &["me again"])).await;
    assert_eq!(fact(&refused(stale, Code::FailedPrecondition, "HOLDER_CHANGED"), "epoch"), "4");
    let again = HandOffRequest { request_id: suite.request_id(), ..hand_off.clone() };
    refused(ai.hand_off(again).await, Code::FailedPrecondition, "HOLDER_CHANGED");
    let answered = HandOffRequest { request_id: suite.request_id(), expected_epoch: 4, ..hand_off };
    refused(ai.hand_off(answered).await, Code::FailedPrecondition, "ALREADY_ANSWERED");
    let causes: Vec<_> = suite.holder_changes(&id).await.iter().map(|(_, change)| change.cause()).collect();
    use HolderChangeCause::{HandOff, Release, Started, TakeOver};
    assert_eq!(causes, [Started, HandOff, TakeOver, Release]);
    let (_, change) = suite.holder_changes(&id).await.swap_remove(1);
    assert_eq!((change.hand_off_skill.as_str(), change.hand_off_language.as_str()), ("billing", "pt-BR"));
    // Who does not hold it does not speak, unless the call takes it over.
    let request = SendMessageRequest { contents: agent_text("hi"), ..suite.answer(&id, 0, 0, &[]) };
    refused(suite.as_agent(0, 0).send_message(request).await, Code::FailedPrecondition, "NOT_HOLDER");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_gets_its_first_answer_again() {
    let suite = Arc::new(Suite::start(Parts::WITH_ASSIGNMENT).await);
    suite.agents(2).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    let request = TakeOverRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        ..TakeOverRequest::default()
    };
    let mut agent = suite.assignments("agent-0", Role::Agent);
    let first = agent.take_over(request.clone()).await.unwrap().into_inner();
    suite.release(0, &id).await;
    suite.take_over(1, &id).await.unwrap();
    // Looked up before any precondition; the fence is no part of the body.
    let fenced = TakeOverRequest { expected_epoch: 77, ..request.clone() };
    for repeated in [request.clone(), fenced] {
        assert_eq!(agent.take_over(repeated).await.unwrap().into_inner(), first);
    }
    let other = TakeOverRequest { note: "another body".to_owned(), ..request };
    refused(agent.take_over(other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(suite.holder_changes(&id).await.len(), 4);

    // Twenty at once under one id, through both processes: one message.
    let send = suite.answer(&id, 0, 0, &["only once"]);
    let tasks: Vec<_> = (0..20)
        .map(|task| {
            let (mut agent, send) = (suite.as_agent(task, 1), send.clone());
            tokio::spawn(
                async move { agent.send_message(send).await.unwrap().into_inner().messages.remove(0).id },
            )
        })
        .collect();
    let mut ids = BTreeSet::new();
    for task in tasks {
        ids.insert(task.await.unwrap());
    }
    assert_eq!((ids.len(), suite.messages(&id).await.len()), (1, 2));
    let other = SendMessageRequest { contents: agent_text("other words"), ..send };
    refused(suite.as_agent(0, 1).send_message(other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolved_transfer_lands_never_or_has_landed() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    let agent = suite.ambient.id().to_string();
    let resolve =
        |request_id: &str| suite.on_behalf(ResolveTransferRequest { request_id: request_id.to_owned() });
    let mut transfers = suite.transfers(0);
    let delayed = transfer(&suite, &id, &agent);
    let refusal = transfers.resolve_transfer(resolve(&delayed.request_id)).await.unwrap().into_inner();
    assert_eq!(refusal.answer, None);
    for _ in 0..2 {
        let late: Result<_, Status> =
            suite.transfers(1).transfer_holder(suite.on_behalf(delayed.clone())).await;
        refused(late, Code::FailedPrecondition, "TRANSFER_REFUSED");
    }
    assert_eq!(suite.get(&id).await.epoch, 1);
    let landed = transfer(&suite, &id, &agent);
    let answer = transfers.transfer_holder(suite.on_behalf(landed.clone())).await.unwrap().into_inner();
    let resolved = transfers.resolve_transfer(resolve(&landed.request_id)).await.unwrap().into_inner();
    assert_eq!(resolved.answer, Some(answer));

    // Both at once: whoever is first decides, and the other says the same.
    let mut landed = 0;
    for round in 0..50 {
        let request = transfer(&suite, &id, &agent);
        let (mut one, mut two) = (suite.transfers(round), suite.transfers(round + 1));
        let (transferred, resolved) = tokio::join!(
            one.transfer_holder(suite.on_behalf(request.clone())),
            two.resolve_transfer(resolve(&request.request_id)),
        );
        let resolved = resolved.unwrap().into_inner().answer;
        match transferred {
            Ok(answer) => {
                landed += 1;
                assert_eq!(resolved.unwrap().entry, answer.into_inner().entry);
            }
            Err(status) => {
                assert_eq!((reason(&status).as_str(), resolved), ("TRANSFER_REFUSED", None));
            }
        }
    }
    assert_eq!(suite.holder_changes(&id).await.len(), 2 + landed);
}
