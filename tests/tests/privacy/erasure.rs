use std::collections::BTreeSet;

use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::{
    DeliveryState, IngestDeletion, IngestEdit, IngestItem, IngestReaction, SendMessageRequest,
    StartConversationRequest,
};
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::merge_service_client::MergeServiceClient;
use tandem_proto::customer::v1::note_service_client::NoteServiceClient;
use tandem_proto::customer::v1::privacy_service_client::PrivacyServiceClient;
use tandem_proto::customer::v1::tag_service_client::TagServiceClient;
use tandem_proto::customer::v1::{
    AddNoteRequest, Customer, EraseCustomerRequest, Erasure, ErasureState, GetCustomerRequest,
    GetErasureRequest, ListCustomersRequest, ListErasuresRequest, ListTagsRequest, MergeCustomersRequest,
    UpdateTagsRequest, import_result,
};
use tandem_proto::r#type::v1::{ConversationStatus, ErrorReason};
use tandem_tests::{Databases, Kind, Parts, Suite, agent_text, eventually, refused, stored, text, whatsapp};
use tonic::Code;

use crate::person::{Known, MARK, MESSAGES, held, import, marked, message};

pub fn privacy(suite: &Suite) -> PrivacyServiceClient<InternalChannel> {
    PrivacyServiceClient::new(suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin)))
}

fn lead(suite: &Suite) -> InternalChannel {
    suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor))
}

pub async fn erase(suite: &Suite, customer_id: &str, fresh: &[&str]) -> Erasure {
    let request = EraseCustomerRequest {
        request_id: suite.request_id(),
        customer_id: customer_id.to_owned(),
        at_least_as_fresh: fresh.iter().map(|token| (*token).to_owned()).collect(),
    };
    privacy(suite).erase_customer(request).await.unwrap().into_inner().erasure.unwrap()
}

pub async fn erasure(suite: &Suite, id: &str) -> Erasure {
    let request = GetErasureRequest { erasure_id: id.to_owned() };
    privacy(suite).get_erasure(request).await.unwrap().into_inner().erasure.unwrap()
}

pub async fn done(suite: &Suite, id: &str) -> Erasure {
    eventually("the erasure is through", async || {
        let erasure = erasure(suite, id).await;
        (erasure.state() == ErasureState::Done).then_some(erasure)
    })
    .await
}

async fn customer(suite: &Suite, id: &str) -> Customer {
    let request = GetCustomerRequest { customer_id: id.to_owned(), ..GetCustomerRequest::default() };
    let answer = CustomerServiceClient::new(lead(suite)).get_customer(request).await;
    answer.unwrap().into_inner().customer.unwrap()
}

/// An event of the person about a message that never came: it waits for it.
fn waiting(suite: &Suite, number: usize, event: Event) -> IngestItem {
    IngestItem { external_id: format!("{MARK}-event-{number}"), event: Some(event), ..message(suite, 1, "x") }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_erased_person_is_left_and_nothing_comes_back() {
    let suite = Suite::start(Parts::ALL).await;
    let (agents, _) = suite.agents(2).await;
    let (one, two) = (suite.create_channel().await, suite.create_channel().await);
    let other = suite.write(one, "other", &[whatsapp("US.other")], "somebody else's words").await;
    let known = Known::fill(&suite, (one, two), &agents, "vip").await;
    // One reply is on its way under a telling id, the next one waits, and an edit waits for what it edits.
    let adapter = suite.adapter(0, one);
    let going = adapter.one().await;
    adapter.begin(&going).await.unwrap();
    adapter.sent(&going, &format!("{MARK}-provider")).await.unwrap();
    suite.say(0, &known.first, &[&format!("{MARK}-unsent")]).await;
    let edit = IngestEdit {
        target_external_id: format!("{MARK}-never"),
        content: Some(text(format!("{MARK}-edited"))),
    };
    let edit = waiting(&suite, 1, Event::Edit(edit));
    suite.ingest(1, one, vec![edit.clone()]).await;
    eventually("the index has it", async || {
        suite.indexed().await.contains(&format!("{MARK}-unsent")).then_some(())
    })
    .await;
    let before = held(&suite).await;
    for word in [
        "provider",
        "unsent",
        "never",
        "edited",
        "id",
        "name",
        "note",
        "note-before",
        "assignment",
        "import-id",
        "import-mail",
    ] {
        assert!(before.contains(&format!("{MARK}-{word}")), "{word} is in a database before");
    }
    let shown = customer(&suite, &known.customer.id).await;

    let begun = erase(&suite, &known.customer.id, &[&known.token]).await;
    assert_eq!((begun.customer_ids.len(), begun.contacts, begun.by_subject.as_str()), (3, 2, "admin"));
    let ended = done(&suite, &begun.id).await;
    assert_eq!((ended.conversations_erased, ended.conversations_left), (2, 0));
    assert_eq!(usize::try_from(ended.messages_erased).unwrap(), MESSAGES + 1);
    assert!(ended.end_time.is_some() && ended.waits_for() == ErrorReason::Unspecified);

    let nothing = BTreeSet::new();
    assert_eq!(held(&suite).await, nothing, "no database holds a word");
    assert_eq!(marked(&suite.indexed().await), nothing, "no index holds a word");
    assert!(suite.indexed().await.contains("somebody else"), "of nobody else");
    assert_eq!(suite.messages(&other.conversation_id).await.len(), 1);

    // The shell: ids and counts.
    let shell = customer(&suite, &known.customer.id).await;
    assert!(shell.erase_time.is_some() && shell.display_name.is_empty() && shell.tag_ids.is_empty());
    assert_eq!(shell.conversation_count, shown.conversation_count);
    assert_eq!(shell.message_count, shown.message_count);
    let list = ListCustomersRequest::default();
    let listed = CustomerServiceClient::new(lead(&suite)).list_customers(list).await.unwrap().into_inner();
    assert_eq!(listed.customers.len(), 1, "who was erased is on no list");
    let tags = ListTagsRequest { prefix: "vip".to_owned() };
    let tags = TagServiceClient::new(lead(&suite)).list_tags(tags).await.unwrap().into_inner().tags;
    assert_eq!(tags.iter().map(|tag| tag.customer_count).collect::<Vec<_>>(), [0], "nor carries a tag");
    for id in [&known.first, &known.second] {
        let conversation = suite.get(id).await;
        assert_eq!(conversation.status(), ConversationStatus::Closed);
        assert!(conversation.erase_time.is_some() && conversation.preview.is_empty());
        let messages = suite.messages(id).await;
        assert!(messages.iter().all(|message| message.content.is_none() && message.delete_time.is_some()));
    }
    assert_eq!(adapter.pull(10, false).await, Vec::new(), "what waited does not go out");

    // The same webhooks again, and some that never came: answered, not stored.
    let again = message(&suite, 1, &format!("{MARK}-message-0"));
    let late = message(&suite, 1, &format!("{MARK}-late"));
    let reaction =
        IngestReaction { target_external_id: format!("{MARK}-message-0"), emoji: format!("{MARK}-emoji") };
    let items = vec![again, late, edit, waiting(&suite, 2, Event::Reaction(reaction))];
    let results = suite.ingest(1, one, items).await.results.into_iter().map(stored).collect::<Vec<_>>();
    assert_eq!((results[0].replayed, results[0].conversation_id.as_str()), (true, known.first.as_str()));
    assert_eq!((results[1].replayed, results[1].message_id.as_str()), (false, ""));
    let import_result::Outcome::Refused(record) = import(&suite).await else { panic!("imported") };
    assert_eq!(record.reason(), ErrorReason::Erased);
    let deletion = IngestDeletion { target_external_id: format!("{MARK}-message-1") };
    suite.ingest(0, one, vec![waiting(&suite, 3, Event::Deletion(deletion))]).await;
    let receipt = suite.receipt("r", &going.message.clone().unwrap().id, DeliveryState::Read);
    suite.ingest(0, one, vec![receipt]).await;
    assert_eq!(held(&suite).await, nothing);

    // Feeds that are read from the beginning bring nothing back either.
    for url in suite.databases.urls() {
        Databases::execute_on(&url, "UPDATE feed_cursor SET mark = ~mark, lease = NULL").await;
    }
    let third = suite.write(two, "third", &[whatsapp("US.third")], "a third one's words").await;
    eventually("everybody has read the feeds anew", async || {
        let mut anew = true;
        for url in suite.databases.urls() {
            let behind = "SELECT FROM feed_cursor WHERE generation = 0 OR rebuild_page IS NOT NULL";
            anew &= Databases::rows_of(&url, behind).await.is_empty();
        }
        (anew && suite.indexed().await.contains("a third one")).then_some(())
    })
    .await;
    assert_eq!((held(&suite).await, marked(&suite.indexed().await)), (nothing.clone(), nothing));
    assert!(!suite.get(&third.conversation_id).await.customer_id.is_empty());

    refuses(&suite, &known).await;

    // Who writes again is somebody new.
    suite.ambient.clock().advance(chrono::TimeDelta::seconds(5));
    let next = suite.ingest(0, one, vec![message(&suite, 1, "hello again")]).await.results.remove(0);
    let next = suite.get(&stored(next).conversation_id).await;
    assert!(next.id != known.first && next.predecessor_id.is_empty());
    assert!(!begun.customer_ids.contains(&next.customer_id));
    // And asking twice erases once.
    assert_eq!(erase(&suite, &begun.customer_ids[1], &[]).await.id, begun.id);
    let listed = privacy(&suite).list_erasures(ListErasuresRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.erasures.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [begun.id.as_str()]);
}

/// Whatever is written to who was erased.
async fn refuses(suite: &Suite, known: &Known) {
    let send = SendMessageRequest {
        private: true,
        ..suite.answer(&known.first, 0, 0, &["a note that comes too late"])
    };
    refused(suite.as_agent(0, 0).send_message(send).await, Code::FailedPrecondition, "ERASED");
    let contact = suite.get(&known.first).await;
    let start = StartConversationRequest {
        request_id: suite.request_id(),
        channel_id: contact.channel_id,
        contact_id: contact.contact_id,
        contents: agent_text("hello"),
        ..StartConversationRequest::default()
    };
    refused(suite.as_agent(0, 0).start_conversation(start).await, Code::FailedPrecondition, "ERASED");
    let mut customers = CustomerServiceClient::new(lead(suite));
    // Also the first answer to a request that was made before.
    let repeated = customers.update_customer(known.update.clone()).await;
    refused(repeated, Code::FailedPrecondition, "ERASED");
    let tags = UpdateTagsRequest {
        request_id: suite.request_id(),
        customer_id: known.customer.id.clone(),
        add: vec!["x".to_owned()],
        remove: Vec::new(),
    };
    refused(customers.update_tags(tags).await, Code::FailedPrecondition, "ERASED");
    let note = AddNoteRequest {
        request_id: suite.request_id(),
        customer_id: known.customer.id.clone(),
        text: "x".to_owned(),
        ..AddNoteRequest::default()
    };
    let noted = NoteServiceClient::new(lead(suite)).add_note(note).await;
    refused(noted, Code::FailedPrecondition, "ERASED");
    let living = customers.list_customers(ListCustomersRequest::default()).await.unwrap().into_inner();
    let merge = MergeCustomersRequest {
        request_id: suite.request_id(),
        survivor_id: living.customers[0].id.clone(),
        merged_id: known.customer.id.clone(),
    };
    let merged = MergeServiceClient::new(lead(suite)).merge_customers(merge).await;
    refused(merged, Code::FailedPrecondition, "ERASED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_waits_for_whoever_is_away_and_says_for_whom() {
    let mut suite = Suite::start(Parts { search: false, ..Parts::ALL }).await;
    let line = suite.create_channel().await;
    let written = suite.ingest(0, line, vec![message(&suite, 1, &format!("{MARK}-words"))]).await;
    let thread = stored(written.results.into_iter().next().unwrap()).conversation_id;
    let id = suite.get(&thread).await.customer_id;
    let begun = erase(&suite, &id, &[&written.change_token]).await;
    let waits = eventually("search is waited for", async || {
        let erasure = erasure(&suite, &begun.id).await;
        let waits = erasure.waits_for() == ErrorReason::DependencyUnavailable;
        (erasure.state() == ErasureState::Copies && waits).then_some(erasure)
    })
    .await;
    assert!(waits.end_time.is_none() && waits.messages_erased == 1);
    assert_eq!(held(&suite).await, BTreeSet::new(), "what can be erased is");
    suite.serve_search().await;
    done(&suite, &begun.id).await;
    assert_eq!(marked(&suite.indexed().await), BTreeSet::new());
}
