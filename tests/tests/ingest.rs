//! Promises 2, 3 and 6 under real concurrency: stored once, one live conversation, gap-free positions.

use std::collections::{BTreeMap, BTreeSet};

use tandem_access::Role;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::ingest_result::Outcome;
use tandem_proto::conversation::v1::{
    GetConversationRequest, IngestStored, ListConversationsRequest, ListMessagesRequest, Message,
};
use tandem_tests::{Parts, Suite, item, phone, whatsapp};
use uuid::Uuid;

fn stored(outcome: Option<Outcome>) -> IngestStored {
    match outcome {
        Some(Outcome::Stored(stored)) => stored,
        other => panic!("not stored: {other:?}"),
    }
}

/// All messages of a conversation, through the API.
async fn messages(suite: &Suite, conversation_id: &str) -> Vec<Message> {
    let mut client = ConversationServiceClient::new(suite.as_role(0, "admin", Role::Admin));
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let request = ListMessagesRequest {
            conversation_id: conversation_id.to_owned(),
            after_position: after,
            page_size: 500,
            ..ListMessagesRequest::default()
        };
        let page = client.list_messages(request).await.unwrap().into_inner();
        all.extend(page.messages);
        if !page.more {
            return all;
        }
        after = all.last().unwrap().position;
    }
}

async fn live_conversations(suite: &Suite) -> Vec<tandem_proto::conversation::v1::ConversationRow> {
    let mut client = ConversationServiceClient::new(suite.as_role(1, "admin", Role::Admin));
    let request = ListConversationsRequest { page_size: 200, ..ListConversationsRequest::default() };
    let rows = client.list_conversations(request).await.unwrap().into_inner().rows;
    rows.into_iter().filter(|row| row.conversation.as_ref().unwrap().close_time.is_none()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_tasks_ingest_the_same_thousand_messages() {
    let suite = std::sync::Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel().await;
    let contact = |number: usize| vec![whatsapp(&format!("user-{}", number % 10))];
    let tasks = (0..64).map(|task| {
        let suite = suite.clone();
        tokio::spawn(async move {
            let mut answers = BTreeMap::new();
            // Each task cuts and orders the messages in its own way.
            let size = 20 + task;
            let mut numbers: Vec<usize> = (0..1_000).collect();
            numbers.rotate_left(task * 15);
            for chunk in numbers.chunks(size) {
                let items =
                    chunk.iter().map(|n| item(format!("m{n}"), contact(*n), format!("words {n}"))).collect();
                let response = suite.ingest(task, channel, items).await;
                for (number, result) in chunk.iter().zip(response.results) {
                    let stored = stored(result.outcome);
                    answers.insert(*number, (stored.message_id, stored.conversation_id, stored.position));
                }
            }
            answers
        })
    });
    let mut first = None;
    for task in tasks.collect::<Vec<_>>() {
        let answers = task.await.unwrap();
        assert_eq!(answers.len(), 1_000);
        assert_eq!(
            first.get_or_insert_with(|| answers.clone()),
            &answers,
            "every replay gets the first answer"
        );
    }
    let rows = live_conversations(&suite).await;
    assert_eq!(rows.len(), 10, "one live conversation for each contact");
    let mut texts = BTreeSet::new();
    for row in rows {
        let messages = messages(&suite, &row.conversation.unwrap().id).await;
        let positions: Vec<i64> = messages.iter().map(|message| message.position).collect();
        assert_eq!(positions, (1..=100).collect::<Vec<i64>>(), "gap-free");
        texts.extend(messages.into_iter().map(|message| format!("{:?}", message.content)));
    }
    assert_eq!(texts.len(), 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_first_messages_of_a_new_contact_make_one_conversation() {
    let suite = std::sync::Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel().await;
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let suite = suite.clone();
            tokio::spawn(async move {
                let items =
                    vec![item(format!("first-{task}"), vec![phone("+15550100")], format!("hello {task}"))];
                stored(suite.ingest(task, channel, items).await.results.remove(0).outcome)
            })
        })
        .collect();
    let (mut conversations, mut positions) = (BTreeSet::new(), BTreeSet::new());
    for task in tasks {
        let stored = task.await.unwrap();
        conversations.insert(stored.conversation_id);
        positions.insert(stored.position);
    }
    assert_eq!(conversations.len(), 1);
    assert_eq!(positions, (1..=64).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_both_addresses_joins_two_contacts_while_others_write() {
    let suite = std::sync::Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel().await;
    let (by_phone, by_id) = (vec![phone("+15550111")], vec![whatsapp("US.111")]);
    let both = vec![phone("+15550111"), whatsapp("US.111")];
    suite.ingest(0, channel, vec![item("one", by_phone.clone(), "by phone")]).await;
    suite.ingest(1, channel, vec![item("two", by_id.clone(), "by id")]).await;
    assert_eq!(live_conversations(&suite).await.len(), 2);
    // Other writers on both contacts, in both processes, before, during and after the message that joins them.
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let suite = suite.clone();
            let identities = if writer % 2 == 0 { by_phone.clone() } else { by_id.clone() };
            tokio::spawn(async move {
                for round in 0..10 {
                    let id = format!("w{writer}-{round}");
                    let items = vec![item(id.clone(), identities.clone(), id)];
                    stored(suite.ingest(writer, channel, items).await.results.remove(0).outcome);
                }
            })
        })
        .collect();
    stored(suite.ingest(0, channel, vec![item("three", both, "both")]).await.results.remove(0).outcome);
    for writer in writers {
        writer.await.unwrap();
    }
    let live = live_conversations(&suite).await;
    assert_eq!(live.len(), 1, "one person, one live conversation");
    let live = live[0].conversation.clone().unwrap();
    // Nothing lost: the live conversation and the one that closed into it hold all 163 messages.
    let mut client = ConversationServiceClient::new(suite.as_role(0, "admin", Role::Admin));
    let all =
        client.list_conversations(ListConversationsRequest { page_size: 200, ..Default::default() }).await;
    let (mut count, mut contacts) = (0, BTreeSet::new());
    for row in all.unwrap().into_inner().rows {
        let conversation = row.conversation.unwrap();
        if conversation.id != live.id {
            assert_eq!(conversation.successor_id, live.id, "a link to its successor");
        }
        contacts.insert(conversation.contact_id.clone());
        let messages = messages(&suite, &conversation.id).await;
        let positions: Vec<i64> = messages.iter().map(|message| message.position).collect();
        assert_eq!(positions, (1..=conversation.last_position).collect::<Vec<i64>>());
        count += messages.len();
    }
    assert_eq!(count, 163);
    let get = GetConversationRequest { conversation_id: live.id, at_least_as_fresh: Vec::new() };
    let contact = client.get_conversation(get).await.unwrap().into_inner().contact.unwrap();
    assert_eq!(contact.canonical_id, "");
    assert_eq!(contact.identities.len(), 2, "the older contact has both addresses");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recycled_number_is_another_person() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let before = vec![phone("+15550122"), whatsapp("US.before")];
    let after = vec![phone("+15550122"), whatsapp("US.after")];
    let one = stored(
        suite.ingest(0, channel, vec![item("a", before.clone(), "mine")]).await.results.remove(0).outcome,
    );
    let two = stored(
        suite.ingest(1, channel, vec![item("b", after, "my new number")]).await.results.remove(0).outcome,
    );
    assert_ne!(one.conversation_id, two.conversation_id, "neither sees the other's thread");
    // The number alone is the new owner's now; the old owner is still known by the id.
    let by_phone = vec![phone("+15550122")];
    let three = stored(
        suite.ingest(0, channel, vec![item("c", by_phone, "me again")]).await.results.remove(0).outcome,
    );
    assert_eq!(three.conversation_id, two.conversation_id);
    let by_id = vec![whatsapp("US.before")];
    let four =
        stored(suite.ingest(1, channel, vec![item("d", by_id, "still me")]).await.results.remove(0).outcome);
    assert_eq!(four.conversation_id, one.conversation_id);
    let _: Uuid = four.message_id.parse().unwrap();
}
