//! Messages, merges, tags, notes and the erasure of one person at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use tandem_access::Role;
use tandem_proto::conversation::v1::SendMessageRequest;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::merge_service_client::MergeServiceClient;
use tandem_proto::customer::v1::note_service_client::NoteServiceClient;
use tandem_proto::customer::v1::{AddNoteRequest, MergeCustomersRequest, UpdateTagsRequest};
use tandem_tests::{Kind, Parts, Suite, eventually, reason, stored, whatsapp};
use tonic::Status;

use crate::erasure::{done, erase};
use crate::person::{MARK, held, marked, message};

/// Customers who are somebody else.
const STRANGERS: usize = 12;
/// Of each writer at most.
const ROUNDS: usize = 500;
/// What races may be refused with.
const LOST: [&str; 8] = [
    "ERASED",
    "NOT_FOUND",
    "ALREADY_MERGED",
    "OVERLOADED",
    "CONVERSATION_CLOSED",
    "HOLDER_CHANGED",
    "NOT_HOLDER",
    "REQUEST_IN_PROGRESS",
];

fn fair<T>(what: &str, answer: Result<T, Status>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(status) => {
            assert!(LOST.contains(&reason(&status).as_str()), "{what}: {status:?}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_while_a_person_is_erased_leaves_nothing_of_the_person() {
    let suite = Suite::start(Parts::ALL).await;
    let suite = &suite;
    let (_, _) = suite.agents(1).await;
    let (one, two) = (suite.create_channel().await, suite.create_channel().await);
    let others: Vec<_> = (0..STRANGERS).map(|number| format!("US.other-{number}")).collect();
    let mut strangers = Vec::new();
    for other in &others {
        let written = suite.write(two, other, &[whatsapp(other)], "somebody else's words").await;
        strangers.push(suite.get(&written.conversation_id).await.customer_id);
    }
    let first = suite.ingest(0, one, vec![message(suite, 1, &format!("{MARK}-first"))]).await;
    let thread = stored(first.results.into_iter().next().unwrap()).conversation_id;
    let linked = suite.ingest(1, two, vec![message(suite, 2, &format!("{MARK}-second"))]).await;
    let id = suite.get(&thread).await.customer_id;
    let lead = suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor));
    let tokens = [first.change_token.as_str(), linked.change_token.as_str()];

    // On both channels through both processes, each message its own call, until the erasure is through.
    let over = AtomicBool::new(false);
    let goes_on = |round: &usize| *round < ROUNDS && !over.load(Ordering::Relaxed);
    let messages = (0..4).map(async |writer| {
        let mut sent = 0;
        for round in (0..).take_while(goes_on) {
            let item = message(suite, 1 + writer % 2, &format!("{MARK}-{writer}-{round}"));
            let channel = if writer % 2 == 0 { one } else { two };
            suite.ingest(writer / 2, channel, vec![item]).await;
            sent += 1;
        }
        sent
    });
    let replies = (0..2).map(async |writer| {
        for round in (0..).take_while(goes_on) {
            let note = SendMessageRequest {
                private: true,
                ..suite.answer(&thread, 0, 0, &[&format!("{MARK}-private-{writer}-{round}")])
            };
            fair("a private note", suite.as_agent(writer, 0).send_message(note).await);
        }
    });
    let profile = (0..2).map(async |writer| {
        for round in (0..).take_while(goes_on) {
            let tags = UpdateTagsRequest {
                request_id: suite.request_id(),
                customer_id: id.clone(),
                add: vec![format!("tag-{writer}-{}", round % 10)],
                remove: Vec::new(),
            };
            fair("a tag", CustomerServiceClient::new(lead.clone()).update_tags(tags).await);
            let note = AddNoteRequest {
                request_id: suite.request_id(),
                customer_id: id.clone(),
                text: format!("{MARK}-note-{writer}-{round}"),
                ..AddNoteRequest::default()
            };
            fair("a note", NoteServiceClient::new(lead.clone()).add_note(note).await);
        }
    });
    // Some strangers turn out to be the person, or not.
    let merges = strangers.iter().take(4).map(async |stranger| {
        let merge = MergeCustomersRequest {
            request_id: suite.request_id(),
            survivor_id: id.clone(),
            merged_id: stranger.clone(),
        };
        let merged = MergeServiceClient::new(lead.clone()).merge_customers(merge).await;
        fair("a merge", merged).map(|_| stranger.clone())
    });
    let erasing = async {
        let begun = erase(suite, &id, &tokens).await;
        let ended = done(suite, &begun.id).await;
        over.store(true, Ordering::Relaxed);
        ended
    };
    let (sent, _, _, merged, ended) =
        tokio::join!(join_all(messages), join_all(replies), join_all(profile), join_all(merges), erasing);
    assert!(sent.iter().sum::<usize>() > 0);
    let merged: BTreeSet<String> = merged.into_iter().flatten().collect();

    let nothing = BTreeSet::new();
    // What was stored while it went on is told to the copies a moment later.
    eventually("no database and no index holds a word", async || {
        let held = held(suite).await;
        (held == nothing && marked(&suite.indexed().await) == nothing).then_some(())
    })
    .await;
    // Who was merged in time went with the person, and nobody else.
    for stranger in &strangers {
        assert_eq!(ended.customer_ids.contains(stranger), merged.contains(stranger), "{stranger}");
    }
    let threads = 2 + i64::try_from(merged.len()).unwrap();
    assert_eq!((ended.conversations_erased, ended.conversations_left), (threads, 0));
    // Late messages of the two addresses made nobody new: they were sent before.
    let kept: BTreeSet<_> = ended.customer_ids.iter().chain(&strangers).collect();
    let rows = tandem_tests::Databases::rows_of(&suite.conversation_url, "SELECT FROM contact").await;
    assert_eq!(rows.len(), kept.len());
}
