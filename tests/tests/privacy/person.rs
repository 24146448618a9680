//! Somebody of whom much is known.

use std::collections::BTreeSet;

use tandem_access::Role;
use tandem_proto::assignment::v1::AssignRequest;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::conversation::v1::{IngestItem, SendMessageRequest};
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::import_service_client::ImportServiceClient;
use tandem_proto::customer::v1::merge_service_client::MergeServiceClient;
use tandem_proto::customer::v1::note_service_client::NoteServiceClient;
use tandem_proto::customer::v1::{
    AddNoteRequest, Customer, GetCustomerRequest, ImportCustomersRequest, ImportRecord,
    MergeCustomersRequest, UpdateCustomerRequest, UpdateNoteRequest, UpdateTagsRequest, import_result,
};
use tandem_proto::r#type::v1::{Identity, IdentityKind};
use tandem_tests::{Kind, Suite, dump, eventually, item_at, stored, whatsapp};
use uuid::Uuid;

/// Above one page of an export, of messages.
const MANY: usize = 450;

/// What is said in the person's two conversations.
pub const MESSAGES: usize = MANY + 3;

/// What every personal text of the person begins with, and of nobody else.
pub const MARK: &str = "zeugma";

/// The words of a text that begin with the mark.
pub fn marked(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let words = text.match_indices(MARK).map(|(at, _)| &text[at..]);
    words.map(|word| word[..word.find(|c| !is_part(c)).unwrap_or(word.len())].to_owned()).collect()
}

/// Every word of the person that any database of the suite holds.
pub async fn held(suite: &Suite) -> BTreeSet<String> {
    let file = suite.folder().join("dump.sql");
    let mut held = BTreeSet::new();
    for url in suite.databases.urls() {
        dump(&url, &file).await;
        held.extend(marked(&std::fs::read_to_string(&file).unwrap()));
    }
    held
}

/// What the person writes: known on every channel by the business's own id.
pub fn message(suite: &Suite, number: usize, words: &str) -> IngestItem {
    let known =
        Identity { kind: IdentityKind::ExternalId.into(), value: format!("{MARK}-id"), verified: true };
    let address = whatsapp(&format!("US.{MARK}-{number}"));
    let mut item = item_at(words.to_owned(), vec![address, known], words, suite.ambient.now());
    item.display_name = format!("{MARK}-name");
    item
}

/// The person, as far as everybody knows.
pub struct Known {
    /// On the first channel, held by the first agent.
    pub first: String,
    /// On the second channel.
    pub second: String,
    pub customer: Customer,
    /// Of the last change of the profile.
    pub token: String,
    /// A change that was made under a request id.
    pub update: UpdateCustomerRequest,
}

impl Known {
    pub async fn fill(suite: &Suite, (one, two): (Uuid, Uuid), agents: &[Uuid], tag: &str) -> Self {
        let words = |number: usize| format!("{MARK}-message-{number}");
        let write = async |channel, number, text: String| {
            let results = suite.ingest(0, channel, vec![message(suite, number, &text)]).await.results;
            stored(results.into_iter().next().unwrap()).conversation_id
        };
        let first = write(one, 1, words(0)).await;
        suite.ingest(0, one, (1..MANY).map(|number| message(suite, 1, &words(number))).collect()).await;
        let second = write(two, 2, words(MANY)).await;
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
        let customer = together(suite, &first, &said.change_token).await;
        let (token, update) = profile(suite, &customer, agents[1], tag).await;
        suite.conversation_knows(&token).await;
        Self { first, second, customer, token, update }
    }
}

/// The customer, once both contacts are one.
async fn together(suite: &Suite, conversation: &str, token: &str) -> Customer {
    let lead = suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor));
    let customer_id = suite.get(conversation).await.customer_id;
    eventually("both contacts are one customer", async || {
        let request = GetCustomerRequest {
            customer_id: customer_id.clone(),
            at_least_as_fresh: vec![token.to_owned()],
        };
        let mut customers = CustomerServiceClient::new(lead.clone());
        let shown = customers.get_customer(request).await.ok()?.into_inner().customer?;
        (shown.contacts.len() == 2).then_some(shown)
    })
    .await
}

/// What another system says of the person.
pub async fn import(suite: &Suite) -> import_result::Outcome {
    let record = ImportRecord {
        external_id: format!("{MARK}-import-id"),
        emails: vec![format!("{MARK}-import-mail@example.com")],
        category: format!("{MARK}-import-category"),
        ..ImportRecord::default()
    };
    let request = ImportCustomersRequest {
        request_id: suite.request_id(),
        records: vec![record],
        ..ImportCustomersRequest::default()
    };
    let admin = suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin));
    let answer = ImportServiceClient::new(admin).import_customers(request).await.unwrap().into_inner();
    answer.results.into_iter().next().unwrap().outcome.unwrap()
}

/// Takes a record of the person in, and makes its customer the person's.
async fn imported(suite: &Suite, customer: &Customer) {
    let import_result::Outcome::Imported(record) = import(suite).await else { panic!("refused") };
    let merge = MergeCustomersRequest {
        request_id: suite.request_id(),
        survivor_id: customer.id.clone(),
        merged_id: record.customer_id,
    };
    let lead = suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor));
    MergeServiceClient::new(lead).merge_customers(merge).await.unwrap();
}

/// What the team says of the person. Answers the last change token, and a change that was made.
async fn profile(
    suite: &Suite,
    customer: &Customer,
    called: Uuid,
    tag: &str,
) -> (String, UpdateCustomerRequest) {
    let lead = suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor));
    let mut customers = CustomerServiceClient::new(lead.clone());
    let update = UpdateCustomerRequest {
        request_id: suite.request_id(),
        customer: Some(Customer { company: format!("{MARK}-company"), ..customer.clone() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["company".to_owned()] }),
    };
    customers.update_customer(update.clone()).await.unwrap();
    let tags = UpdateTagsRequest {
        request_id: suite.request_id(),
        customer_id: customer.id.clone(),
        add: vec![tag.to_owned()],
        remove: Vec::new(),
    };
    customers.update_tags(tags).await.unwrap();
    imported(suite, customer).await;
    let note = AddNoteRequest {
        request_id: suite.request_id(),
        customer_id: customer.id.clone(),
        text: format!("{MARK}-note-before"),
        mention_agent_ids: vec![called.to_string()],
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
    (noted.change_token, update)
}
