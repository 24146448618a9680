//! What a person has a right to: everything that is held of them.

use std::collections::{BTreeMap, BTreeSet};

use tandem_access::Role;
use tandem_proto::assignment::v1::AssignRequest;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::conversation::v1::SendMessageRequest;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::note_service_client::NoteServiceClient;
use tandem_proto::customer::v1::privacy_service_client::PrivacyServiceClient;
use tandem_proto::customer::v1::{
    AddNoteRequest, Customer, ExportCustomerRequest, ExportedRecord, GetCustomerRequest,
    UpdateCustomerRequest, UpdateNoteRequest, UpdateTagsRequest,
};
use tandem_proto::r#type::v1::{Identity, IdentityKind};
use tandem_tests::{Kind, Parts, Suite, dump, eventually, item_at, stored, whatsapp};
use uuid::Uuid;

/// Above one page of an export, of messages.
const MANY: usize = 450;

/// What every personal text of the person begins with, and of nobody else.
const MARK: &str = "zeugma";

/// The person writes on a channel, known by the business's own id.
async fn write(suite: &Suite, channel: Uuid, address: Identity, number: usize) -> String {
    let known =
        Identity { kind: IdentityKind::ExternalId.into(), value: format!("{MARK}-id"), verified: true };
    let words = format!("{MARK}-message-{number}");
    let mut item = item_at(words.clone(), vec![address, known], words, suite.ambient.now());
    item.display_name = format!("{MARK}-name");
    let results = suite.ingest(0, channel, vec![item]).await.results;
    stored(results.into_iter().next().unwrap()).conversation_id
}

/// Everything that an admin is given.
async fn export(suite: &Suite, customer_id: &str, token: &str) -> Vec<ExportedRecord> {
    let admin = suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin));
    let request = ExportCustomerRequest {
        customer_id: customer_id.to_owned(),
        at_least_as_fresh: vec![token.to_owned()],
    };
    let mut stream = PrivacyServiceClient::new(admin).export_customer(request).await.unwrap().into_inner();
    let (mut records, mut complete) = (Vec::new(), false);
    while let Some(some) = stream.message().await.unwrap() {
        assert!(!complete && some.records.len() <= 500);
        complete = some.complete;
        records.extend(some.records);
    }
    assert!(complete, "it says when nothing is missing");
    records
}

/// The words of a text that begin with the mark.
fn marked(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words = text.match_indices(MARK).map(|(at, _)| &text[at..]);
    words.map(|word| word[..word.find(|c| !is_part(c)).unwrap_or(word.len())].to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_all_that_any_database_holds_of_a_person_and_of_nobody_else() {
    let parts = Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT };
    let suite = Suite::start(parts).await;
    let (agents, _) = suite.agents(2).await;
    let (one, two) = (suite.create_channel().await, suite.create_channel().await);
    suite.write(one, "other", &[whatsapp("US.other")], "somebody else's words").await;
    let first = write(&suite, one, whatsapp(&format!("US.{MARK}-1")), 0).await;
    let now = suite.ambient.now();
    let more = |number: usize| {
        let words = format!("{MARK}-message-{number}");
        item_at(words.clone(), vec![whatsapp(&format!("US.{MARK}-1"))], words, now)
    };
    suite.ingest(0, one, (1..MANY).map(more).collect()).await;
    let second = write(&suite, two, whatsapp(&format!("US.{MARK}-2")), MANY).await;
    // People say more: a note to a colleague, a private note, a reply.
    let assign = AssignRequest {
        request_id: suite.request_id(),
        conversation_id: first.clone(),
        assignee: Some(Assignee::AgentId(agents[0].to_string())),
        note: format!("{MARK}-assignment"),
        ..AssignRequest::default()
    };
    suite.assignments("lead", Role::Supervisor).assign(assign).await.unwrap();
    let said = suite.say(0, &first, &[&format!("{MARK}-reply")]).await;
    let private = SendMessageRequest {
        private: true,
        mention_agent_ids: vec![agents[1].to_string()],
        ..suite.answer(&second, 0, 0, &[&format!("{MARK}-private")])
    };
    suite.as_agent(0, 0).send_message(private).await.unwrap();
    let lead = suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor));
    let mut customers = CustomerServiceClient::new(lead.clone());
    let customer_id = suite.get(&first).await.customer_id;
    let linked = async || {
        let request = GetCustomerRequest {
            customer_id: customer_id.clone(),
            at_least_as_fresh: vec![said.change_token.clone()],
        };
        let shown = customers.clone().get_customer(request).await.ok()?.into_inner().customer?;
        (shown.contacts.len() == 2).then_some(shown)
    };
    let customer = eventually("both contacts are one customer", linked).await;
    let update = UpdateCustomerRequest {
        request_id: suite.request_id(),
        customer: Some(Customer { company: format!("{MARK}-company"), ..customer.clone() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["company".to_owned()] }),
    };
    customers.update_customer(update).await.unwrap();
    let tags = UpdateTagsRequest {
        request_id: suite.request_id(),
        customer_id: customer.id.clone(),
        add: vec![format!("{MARK}-tag")],
        remove: Vec::new(),
    };
    customers.update_tags(tags).await.unwrap();
    let note = AddNoteRequest {
        request_id: suite.request_id(),
        customer_id: customer.id.clone(),
        text: format!("{MARK}-note-before"),
        mention_agent_ids: vec![agents[1].to_string()],
    };
    let mut notes = NoteServiceClient::new(lead);
    let noted = notes.add_note(note).await.unwrap().into_inner();
    // What notes said before is held too.
    let edit = UpdateNoteRequest {
        request_id: suite.request_id(),
        note_id: noted.note.unwrap().id,
        text: format!("{MARK}-note"),
        ..UpdateNoteRequest::default()
    };
    let noted = notes.update_note(edit).await.unwrap().into_inner();
    suite.conversation_knows(&noted.change_token).await;

    let records = export(&suite, &customer.id, &noted.change_token).await;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut exported = BTreeSet::new();
    for record in &records {
        *kinds.entry(&record.kind).or_default() += 1;
        serde_json::from_str::<serde_json::Value>(&record.json).expect("JSON");
        exported.extend(marked(&record.json));
        assert!(!record.json.contains("somebody else"), "{}", record.json);
    }
    // The second channel's customer was merged into the first one's.
    let counted = |kind: &str| kinds.get(kind).copied().unwrap_or_default();
    assert_eq!((counted("Customer"), counted("Contact"), counted("Tag"), counted("Note")), (2, 2, 1, 1));
    assert_eq!((counted("Conversation"), counted("Message")), (2, MANY + 3));
    assert!(counted("TimelineEntry") >= 4, "{kinds:?}");
    // No database holds a word of the person that the export has not.
    let file = suite.folder().join("dump.sql");
    for url in suite.databases.urls() {
        dump(&url, &file).await;
        let held = marked(&std::fs::read_to_string(&file).unwrap());
        let missing: Vec<_> = held.difference(&exported).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
    // By the id of the customer that was merged away, the same.
    let merged = records.iter().filter(|record| record.kind == "Customer");
    let ids: BTreeSet<String> = merged
        .map(|record| {
            let json: serde_json::Value = serde_json::from_str(&record.json).unwrap();
            json["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let other = ids.iter().find(|id| **id != customer.id).unwrap();
    assert_eq!(export(&suite, other, "").await.len(), records.len());
}
