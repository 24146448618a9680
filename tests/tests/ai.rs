//! Promise 5: no word from the AI after a take-over, and no position answered twice; work, leases and silence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use futures::StreamExt;
use tandem_access::Role;
use tandem_proto::assignment::v1::{ReleaseRequest, WatchNotificationsRequest};
use tandem_proto::conversation::v1::ai_service_client::AiServiceClient;
use tandem_proto::conversation::v1::channel_service_client::ChannelServiceClient;
use tandem_proto::conversation::v1::{
    ChannelPolicy, DeliveryState, GetChannelRequest, RaiseAttentionRequest, SendMessageRequest,
    UpdateChannelRequest, WatchAiWorkRequest, WatchAiWorkResponse,
};
use tandem_proto::r#type::v1::{ActorKind, AttentionReason, HandOffReason, HolderChangeCause, HolderKind};
use tandem_tests::{Parts, Suite, eventually, item_at, reason, refused, stored, whatsapp};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};

const ROUNDS: usize = 1_000;

async fn work(suite: &Suite, replica: usize, max_leases: i32) -> Streaming<WatchAiWorkResponse> {
    let mut ai = AiServiceClient::new(suite.as_role(replica, "ai", Role::Ai));
    let request = WatchAiWorkRequest { max_leases, ..WatchAiWorkRequest::default() };
    ai.watch_ai_work(request).await.unwrap().into_inner()
}

async fn next(stream: &mut Streaming<WatchAiWorkResponse>) -> WatchAiWorkResponse {
    stream.message().await.unwrap().expect("the stream goes on")
}

/// What the refusals of the AI's words were.
type Refusals = Arc<Mutex<BTreeMap<String, usize>>>;

fn note(refusals: &Refusals, status: &Status) {
    *refusals.lock().unwrap().entry(reason(status)).or_default() += 1;
}

/// Answers work until `done`: each piece by both replicas at once, as when a lease was lost, and then goes on talking under
/// the same epoch until it is refused.
async fn answer_all(
    suite: Arc<Suite>,
    replica: usize,
    refusals: Refusals,
    done: CancellationToken,
) -> Vec<(String, i64)> {
    let stream = work(&suite, replica, 100).await;
    let clients = [suite.as_ai(0), suite.as_ai(1)];
    let offered = Mutex::new(Vec::new());
    let each = stream.take_until(done.cancelled()).for_each_concurrent(8, |work| {
        let (suite, refusals, offered) = (&suite, &refusals, &offered);
        let [mut one, mut two] = clients.clone();
        async move {
            let work = work.unwrap();
            let id = work.conversation.unwrap().id;
            offered.lock().unwrap().push((id.clone(), work.answers_position));
            let words =
                || suite.answer(&id, work.epoch, work.answers_position, &["an answer", "in two messages"]);
            let (first, second) = tokio::join!(one.send_message(words()), two.send_message(words()));
            for answer in [&first, &second] {
                if let Err(status) = answer {
                    note(refusals, status);
                }
            }
            assert!(first.is_err() || second.is_err(), "a position was answered twice");
            for _ in 0..3 {
                let follow_up = suite.answer(&id, work.epoch, 0, &["and another thing"]);
                if let Err(status) = one.send_message(follow_up).await {
                    return note(refusals, &status);
                }
            }
        }
    });
    each.await;
    offered.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_of_the_ai_fall_silent_at_a_take_over_a_thousand_times() {
    let suite = Arc::new(Suite::start(Parts::WITH_ASSIGNMENT).await);
    suite.agents(4).await;
    let channel = suite.create_channel().await;
    let mut ids = Vec::new();
    for batch in 0..2 {
        let item = |n| {
            let number = batch * ROUNDS / 2 + n;
            item_at(
                format!("m{number}"),
                vec![whatsapp(&format!("US.{number}"))],
                "hello",
                suite.ambient.now(),
            )
        };
        let response = suite.ingest(batch, channel, (0..ROUNDS / 2).map(item).collect()).await;
        ids.extend(response.results.into_iter().map(|result| stored(result).conversation_id));
    }
    // Work is offered in this order, and people come in the same.
    ids.sort();
    let (done, refusals) = (CancellationToken::new(), Refusals::default());
    let workers: Vec<_> = (0..2)
        .map(|replica| tokio::spawn(answer_all(suite.clone(), replica, refusals.clone(), done.clone())))
        .collect();
    let ids = Arc::new(ids);
    let people: Vec<_> = (0..4)
        .map(|person| {
            let (suite, ids) = (suite.clone(), ids.clone());
            let mut agent = suite.as_agent(person, person);
            tokio::spawn(async move {
                for (number, id) in ids.iter().enumerate().filter(|(number, _)| number % 4 == person) {
                    if number % 8 < 4 {
                        let words = suite.answer(id, 0, 0, &["I will look into it"]);
                        agent.send_message(SendMessageRequest { take_over: true, ..words }).await.unwrap();
                    } else {
                        suite.take_over(person, id).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for person in people {
        person.await.unwrap();
    }
    done.cancel();
    let mut offered = Vec::new();
    for worker in workers {
        offered.extend(worker.await.unwrap());
    }
    let distinct: BTreeSet<_> = offered.iter().collect();
    assert_eq!(distinct.len(), offered.len(), "leased to one worker at a time");
    let (mut answered, mut between) = (0, 0);
    for id in ids.iter() {
        let changes = suite.holder_changes(id).await;
        let (entry, _) = changes.last().unwrap();
        assert_eq!((changes.len(), entry.actor.as_ref().unwrap().kind()), (2, ActorKind::Agent));
        let messages = suite.messages(id).await;
        let of_ai: Vec<_> = messages
            .iter()
            .filter(|message| message.author.as_ref().unwrap().kind() == ActorKind::Ai)
            .collect();
        for message in &of_ai {
            assert!(message.position <= entry.at_position, "a word after the take-over");
            assert_eq!((message.epoch, message.delivery()), (1, DeliveryState::Withdrawn));
        }
        let answers = of_ai.iter().filter(|message| message.answers_position == 1).count();
        assert!(answers == 0 || answers == 2, "one answer of two messages, or none");
        answered += usize::from(answers == 2);
        between += usize::from(answers == 0 || of_ai.len() < 5);
    }
    let refusals = refusals.lock().unwrap().clone();
    println!("{answered} answered, {between} cut off, refused {refusals:?}");
    let known = |reason: &String| ["ALREADY_ANSWERED", "HOLDER_CHANGED"].contains(&reason.as_str());
    assert!(refusals.keys().all(known), "{refusals:?}");
    assert!(!offered.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_leased_to_one_worker_and_offered_again_when_the_lease_ends() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let one = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    let mut first = work(&suite, 0, 1).await;
    let leased = next(&mut first).await;
    assert_eq!(leased.conversation.unwrap().id, one);
    assert_eq!((leased.epoch, leased.answers_position), (1, 1));
    let until = leased.lease_until.unwrap();
    assert_eq!(until.seconds, suite.ambient.now().timestamp() + 60);
    // The first worker is full; the second gets what comes next, and not what the first has.
    let mut second = work(&suite, 1, 10).await;
    let two = suite.write(channel, "two", &[whatsapp("US.2")], "hello").await.conversation_id;
    assert_eq!(next(&mut second).await.conversation.unwrap().id, two);
    // Both leases end unanswered: both are offered again, each once.
    suite.ambient.clock().advance(TimeDelta::seconds(61));
    let mut both = futures::stream::select(&mut first, &mut second);
    let mut again = BTreeSet::new();
    for _ in 0..2 {
        again.insert(both.next().await.unwrap().unwrap().conversation.unwrap().id);
    }
    assert_eq!(again, BTreeSet::from([one.clone(), two.clone()]));
    // The streams close: a third worker goes on at once, without the leases' end.
    let mut third = work(&suite, 0, 10).await;
    drop((first, second));
    let mut again = BTreeSet::new();
    for _ in 0..2 {
        again.insert(next(&mut third).await.conversation.unwrap().id);
    }
    assert_eq!(again, BTreeSet::from([one.clone(), two]));
    // An answer ends the lease; what the customer writes then is new work.
    suite.as_ai(0).send_message(suite.answer(&one, 1, 1, &["hi"])).await.unwrap();
    suite.write(channel, "three", &[whatsapp("US.1")], "and this?").await;
    let offered = next(&mut third).await;
    assert_eq!((offered.conversation.unwrap().id, offered.answers_position), (one, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ai_that_does_not_answer_in_time_is_handed_off() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (_, team) = suite.agents(1).await;
    let policy = ChannelPolicy {
        ai_enabled: true,
        ai_answer_time: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        default_team_id: team.to_string(),
        ..ChannelPolicy::default()
    };
    let channel = suite.create_channel_with(policy).await;
    let late = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    let answered = suite.write(channel, "two", &[whatsapp("US.2")], "hello").await.conversation_id;
    suite.as_ai(0).send_message(suite.answer(&answered, 1, 1, &["hi"])).await.unwrap();
    suite.ambient.clock().advance(TimeDelta::seconds(30));
    let in_time = suite.write(channel, "three", &[whatsapp("US.3")], "hello").await.conversation_id;
    let watch = suite.notifications(0).watch_notifications(WatchNotificationsRequest::default()).await;
    let mut told = watch.unwrap().into_inner();
    suite.ambient.clock().advance(TimeDelta::seconds(31));
    let told = loop {
        if let Some(notification) = told.message().await.unwrap().unwrap().notification {
            break notification;
        }
    };
    assert_eq!(told.conversation_id, late);
    let conversation = suite.get(&late).await;
    assert_eq!(conversation.hand_off_reason(), HandOffReason::AiSilent);
    assert_eq!(conversation.holder.unwrap().id, team.to_string());
    let (entry, change) = suite.holder_changes(&late).await.pop().unwrap();
    assert_eq!(entry.actor.unwrap().kind(), ActorKind::System);
    assert_eq!((change.cause(), change.epoch), (HolderChangeCause::HandOff, 2));
    for id in [answered, in_time] {
        assert_eq!(suite.get(&id).await.holder.unwrap().kind(), HolderKind::Ai);
    }
    let late = suite.as_ai(1).send_message(suite.answer(&late, 1, 1, &["here I am"])).await;
    refused(late, Code::FailedPrecondition, "HOLDER_CHANGED");
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_the_ai_off_moves_what_it_holds() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(2).await;
    let policy =
        ChannelPolicy { ai_enabled: true, default_team_id: team.to_string(), ..ChannelPolicy::default() };
    let channel = suite.create_channel_with(policy.clone()).await;
    let held = suite.write(channel, "one", &[whatsapp("US.1")], "hello").await.conversation_id;
    let of_agent = suite.write(channel, "two", &[whatsapp("US.2")], "hello").await.conversation_id;
    suite.take_over(1, &of_agent).await.unwrap();
    let mut channels = ChannelServiceClient::new(suite.as_role(1, "admin", Role::Admin));
    let get = GetChannelRequest { channel_id: channel.to_string() };
    let mut line = channels.get_channel(get).await.unwrap().into_inner().channel.unwrap();
    line.policy = Some(ChannelPolicy { ai_enabled: false, ..policy });
    let request = UpdateChannelRequest {
        request_id: suite.request_id(),
        channel: Some(line),
        update_mask: Some(prost_types::FieldMask { paths: vec!["policy".to_owned()] }),
    };
    let updated = channels.update_channel(request).await.unwrap().into_inner().channel.unwrap();
    assert!(!updated.policy.unwrap().ai_enabled);
    let moved = eventually("the AI's conversations move", || async {
        let conversation = suite.get(&held).await;
        (conversation.epoch == 2).then_some(conversation)
    });
    let moved = moved.await;
    assert_eq!(moved.holder.unwrap().id, team.to_string());
    assert_eq!(moved.hand_off_reason, i32::from(HandOffReason::AiDisabled));
    assert_eq!(suite.get(&of_agent).await.holder.unwrap().id, agents[1].to_string());
    let release =
        ReleaseRequest { request_id: suite.request_id(), conversation_id: of_agent, ..Default::default() };
    let released = suite.assignments("agent-1", Role::Agent).release(release).await;
    refused(released, Code::FailedPrecondition, "AI_DISABLED");
    let new = suite.write(channel, "three", &[whatsapp("US.3")], "hello").await.conversation_id;
    assert_eq!(
        suite.get(&new).await.holder.unwrap().id,
        team.to_string(),
        "people have it from the beginning"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ai_asks_for_a_persons_eye_and_goes_on() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let id = suite.write(channel, "one", &[whatsapp("US.1")], "again!").await.conversation_id;
    let request = RaiseAttentionRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        reason: AttentionReason::Repeated.into(),
    };
    let raised = suite.as_ai(0).raise_attention(request).await.unwrap().into_inner().conversation.unwrap();
    assert_eq!((raised.needs_attention(), raised.epoch), (AttentionReason::Repeated, 1));
    suite.as_ai(1).send_message(suite.answer(&id, 1, 1, &["sorry"])).await.unwrap();
    assert_eq!(suite.get(&id).await.needs_attention(), AttentionReason::Repeated);
    suite.say(0, &id, &["let me see"]).await;
    assert_eq!(suite.get(&id).await.needs_attention(), AttentionReason::Unspecified);
}
