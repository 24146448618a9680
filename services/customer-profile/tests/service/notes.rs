//! Notes of the team.

use chrono::TimeDelta;
use tandem_access::Role;
use tandem_proto::customer::v1::{
    AddNoteRequest, AddNoteResponse, DeleteNoteRequest, GetCustomerRequest, ListNoteHistoryRequest,
    ListNotesRequest, ListNotesResponse, Note, NoteRevision, PinNoteRequest, UpdateNoteRequest,
};
use tandem_proto::r#type::v1::ActorKind;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::support::{Harness, Notes, Person, external, guarded, refused};

fn request(harness: &Harness, customer: Uuid, text: &str) -> AddNoteRequest {
    AddNoteRequest {
        request_id: harness.id(),
        customer_id: customer.to_string(),
        text: text.to_owned(),
        mention_agent_ids: Vec::new(),
    }
}

async fn add(client: &mut Notes, request: AddNoteRequest) -> Result<AddNoteResponse, Status> {
    guarded(client.add_note(request)).await.map(tonic::Response::into_inner)
}

async fn list(
    client: &mut Notes,
    customer: Uuid,
    page_size: i32,
    token: &str,
) -> Result<ListNotesResponse, Status> {
    let customer_id = customer.to_string();
    let request = ListNotesRequest { customer_id, page_size, page_token: token.to_owned() };
    guarded(client.list_notes(request)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn notes_of_a_merged_set_are_paged_newest_first() {
    let harness = Harness::start("notes_paged").await;
    let (ann, ben) =
        (Person::new(&harness, "Ann", 100).with(external("u")), Person::new(&harness, "Ben", 200));
    harness.told([ann.change(), ben.change()]).await;
    let mut admin = harness.notes_as(harness.tenant, "admin-1", Role::Admin);
    let mut expected = Vec::new();
    for n in 0..7 {
        let owner = if n % 2 == 0 { ann.customer } else { ben.customer };
        let noted = add(&mut admin, request(&harness, owner, &format!(" note {n} "))).await.unwrap();
        assert!(!noted.change_token.is_empty());
        let note = noted.note.unwrap();
        assert_eq!((note.text.as_str(), note.author_subject.as_str()), (&format!("note {n}")[..], "admin-1"));
        expected.insert(0, note);
        if n % 3 == 0 {
            harness.ambient.clock().advance(TimeDelta::seconds(1));
        }
    }
    assert_eq!(list(&mut admin, ben.customer, 0, "").await.unwrap().notes.len(), 3);
    harness.told([ben.then(|state| state.identities.push(external("u"))).change()]).await;
    expected.sort_by(|one, other| {
        let key =
            |note: &tandem_proto::customer::v1::Note| (note.create_time.unwrap().seconds, note.id.clone());
        key(other).cmp(&key(one))
    });
    for size in [1, 2, 7, 8] {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let page = list(&mut admin, ben.customer, size, &token).await.unwrap();
            all.extend(page.notes);
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(all, expected, "pages of {size}");
    }
}

#[tokio::test]
async fn a_note_is_written_once_and_leaves_the_etag() {
    let harness = Harness::start("notes_once").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    let before = harness.get(ann.customer).await.unwrap();
    let mut admin = harness.notes_as(harness.tenant, "admin-1", Role::Admin);
    let wish = request(&harness, ann.customer, "once");
    let first = add(&mut admin, wish.clone()).await.unwrap();
    assert_eq!(add(&mut admin, wish.clone()).await.unwrap(), first);
    let other = AddNoteRequest { text: "twice".to_owned(), ..wish };
    refused(add(&mut admin, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(list(&mut admin, ann.customer, 0, "").await.unwrap().notes.len(), 1);
    let after = harness.get(ann.customer).await.unwrap();
    assert!(after.etag == before.etag && after.version > before.version);
}

#[tokio::test]
async fn wrong_notes_and_other_tenants_are_refused() {
    let harness = Harness::start("notes_wrong").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    let mut admin = harness.notes_as(harness.tenant, "admin-1", Role::Admin);
    for text in ["", "  \n", &"x".repeat(4_001), "a\0b"] {
        let wrong = AddNoteRequest {
            request_id: "x".to_owned(),
            customer_id: "y".to_owned(),
            text: text.to_owned(),
            ..AddNoteRequest::default()
        };
        let status = refused(add(&mut admin, wrong).await, Code::InvalidArgument, "INVALID_FIELDS");
        assert_eq!(status.get_error_details().bad_request().unwrap().field_violations.len(), 3, "{text:?}");
    }
    add(&mut admin, request(&harness, ann.customer, &"é".repeat(4_000))).await.unwrap();
    let mut other = harness.notes_as(harness.ambient.id(), "admin-1", Role::Admin);
    refused(add(&mut other, request(&harness, ann.customer, "x")).await, Code::NotFound, "NOT_FOUND");
    refused(list(&mut other, ann.customer, 0, "").await, Code::NotFound, "NOT_FOUND");
    refused(list(&mut admin, ann.customer, 0, "made up").await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    refused(list(&mut admin, Uuid::nil(), 0, "").await, Code::InvalidArgument, "INVALID_FIELDS");
}

async fn edit(client: &mut Notes, harness: &Harness, note: &Note, text: &str) -> Result<Note, Status> {
    let request = UpdateNoteRequest {
        request_id: harness.id(),
        note_id: note.id.clone(),
        text: text.to_owned(),
        mention_agent_ids: Vec::new(),
        etag: note.etag.clone(),
    };
    guarded(client.update_note(request)).await.map(|answer| answer.into_inner().note.unwrap())
}

async fn pin(client: &mut Notes, harness: &Harness, note: &Note, pinned: bool) -> Result<Note, Status> {
    let request = PinNoteRequest { request_id: harness.id(), note_id: note.id.clone(), pinned };
    guarded(client.pin_note(request)).await.map(|answer| answer.into_inner().note.unwrap())
}

async fn delete(client: &mut Notes, harness: &Harness, note: &Note) -> Result<(), Status> {
    let request =
        DeleteNoteRequest { request_id: harness.id(), note_id: note.id.clone(), etag: note.etag.clone() };
    guarded(client.delete_note(request)).await.map(drop)
}

/// What the notes about a customer said before, page by page.
async fn history(client: &mut Notes, customer: Uuid, note: Option<&Note>) -> Vec<NoteRevision> {
    let mut request = ListNoteHistoryRequest {
        customer_id: customer.to_string(),
        note_id: note.map(|note| note.id.clone()).unwrap_or_default(),
        page_size: 1,
        page_token: String::new(),
    };
    let mut all = Vec::new();
    loop {
        let page = guarded(client.list_note_history(request.clone())).await.unwrap().into_inner();
        all.extend(page.revisions);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

fn texts(revisions: &[NoteRevision]) -> Vec<(&str, &str, &str, bool)> {
    revisions
        .iter()
        .map(|it| (it.text.as_str(), it.author_subject.as_str(), it.end_subject.as_str(), it.deleted))
        .collect()
}

#[tokio::test]
async fn what_a_note_said_is_kept_and_who_may_change_it_is_told_apart() {
    let harness = Harness::start("notes_edit").await;
    let (ann, ben) = (Person::new(&harness, "Ann", 100), Person::new(&harness, "Ben", 100));
    harness.told([ann.change(), ben.change()]).await;
    let tenant = harness.tenant;
    harness.conversation.let_see(
        &harness.token(Some(tenant), "agent-1", Role::Agent),
        &[ann.state.channel_id.parse().unwrap(), ben.state.channel_id.parse().unwrap()],
    );
    harness.conversation.let_see(
        &harness.token(Some(tenant), "agent-2", Role::Agent),
        &[ann.state.channel_id.parse().unwrap(), ben.state.channel_id.parse().unwrap()],
    );
    harness
        .conversation
        .let_see(&harness.token(Some(tenant), "agent-3", Role::Agent), &[harness.ambient.id()]);
    let [mut author, mut other, mut outside] =
        ["agent-1", "agent-2", "agent-3"].map(|subject| harness.notes_as(tenant, subject, Role::Agent));
    let mut lead = harness.notes_as(tenant, "lead-1", Role::Supervisor);
    let written = add(&mut author, request(&harness, ann.customer, "first")).await.unwrap().note.unwrap();
    assert_eq!((written.author_kind(), written.edit_time), (ActorKind::Agent, None));
    refused(edit(&mut other, &harness, &written, "x").await, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    refused(edit(&mut outside, &harness, &written, "x").await, Code::NotFound, "NOT_FOUND");
    let same = edit(&mut author, &harness, &written, " first ").await.unwrap();
    assert_eq!(same, written, "what is so already changes nothing");
    let second = edit(&mut author, &harness, &written, "second").await.unwrap();
    refused(edit(&mut author, &harness, &written, "late").await, Code::Aborted, "ETAG_MISMATCH");
    let third = edit(&mut lead, &harness, &second, "third").await.unwrap();
    assert_eq!(
        (third.text.as_str(), third.author_subject.as_str(), third.editor_subject.as_str()),
        ("third", "agent-1", "lead-1")
    );
    let said = [("second", "agent-1", "lead-1", false), ("first", "agent-1", "agent-1", false)];
    assert_eq!(
        texts(&history(&mut other, ann.customer, None).await),
        said,
        "the whole team reads what was said"
    );
    assert_eq!(texts(&history(&mut other, ann.customer, Some(&third)).await), said);
    assert_eq!(history(&mut other, ben.customer, None).await, []);
    refused(delete(&mut other, &harness, &third).await, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    refused(delete(&mut author, &harness, &second).await, Code::Aborted, "ETAG_MISMATCH");
    delete(&mut author, &harness, &third).await.unwrap();
    refused(delete(&mut author, &harness, &third).await, Code::NotFound, "NOT_FOUND");
    assert_eq!(list(&mut author, ann.customer, 0, "").await.unwrap().notes, []);
    // Who deleted it does not read it again; who leads reads all of it.
    assert_eq!(history(&mut author, ann.customer, None).await, []);
    let mut all = vec![("third", "lead-1", "agent-1", true)];
    all.extend(said);
    assert_eq!(texts(&history(&mut lead, ann.customer, None).await), all);
    // The AI writes notes too, and it shows.
    let mut ai = harness.notes_as(tenant, "ai", Role::Ai);
    let noted = add(&mut ai, request(&harness, ben.customer, "by the AI")).await.unwrap().note.unwrap();
    assert_eq!(noted.author_kind(), ActorKind::Ai);
}

#[tokio::test]
async fn pinned_notes_come_first_on_every_page_and_are_few() {
    let harness = Harness::start("notes_pinned").await;
    let (ann, ben) = (Person::new(&harness, "Ann", 100), Person::new(&harness, "Ben", 200));
    harness.told([ann.change(), ben.change()]).await;
    let mut admin = harness.notes_as(harness.tenant, "admin-1", Role::Admin);
    let mut notes = Vec::new();
    for n in 0..13 {
        let owner = if n % 2 == 0 { ann.customer } else { ben.customer };
        notes.push(add(&mut admin, request(&harness, owner, &n.to_string())).await.unwrap().note.unwrap());
        harness.ambient.clock().advance(TimeDelta::seconds(1));
    }
    harness.merge(ann.customer, ben.customer).await.unwrap();
    for n in [3, 8] {
        let pinned = pin(&mut admin, &harness, &notes[n], true).await.unwrap();
        assert!(pinned.pin_time.is_some() && pinned.etag == notes[n].etag);
        assert_eq!(pin(&mut admin, &harness, &notes[n], true).await.unwrap(), pinned);
    }
    let expected = ["8", "3", "12", "11", "10", "9", "7", "6", "5", "4", "2", "1", "0"];
    for size in [1, 2, 3, 5, 13] {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let page = list(&mut admin, ben.customer, size, &token).await.unwrap();
            all.extend(page.notes.into_iter().map(|note| note.text));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(all, expected, "pages of {size}");
    }
    let asked = GetCustomerRequest { customer_id: ann.customer.to_string(), ..Default::default() };
    let panel = guarded(harness.admin().get_customer(asked)).await.unwrap().into_inner();
    assert_eq!(panel.notes[0].text, "8");
    pin(&mut admin, &harness, &notes[8], false).await.unwrap();
    assert_eq!(list(&mut admin, ann.customer, 2, "").await.unwrap().notes[0].text, "3");
    // Ten on one customer, also when all come at once.
    let cat = Person::new(&harness, "Cat", 300);
    harness.told([cat.change()]).await;
    let mut made = Vec::new();
    for n in 0..12 {
        made.push(
            add(&mut admin, request(&harness, cat.customer, &n.to_string())).await.unwrap().note.unwrap(),
        );
    }
    let pinning = made.iter().map(|note| {
        let (mut admin, harness) = (admin.clone(), &harness);
        async move { pin(&mut admin, harness, note, true).await }
    });
    let outcomes = futures::future::join_all(pinning).await;
    let (pinned, over): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((pinned.len(), over.len()), (10, 2));
    for outcome in over {
        refused(outcome, Code::ResourceExhausted, "LIMIT_REACHED");
    }
}

#[tokio::test]
async fn notes_stay_with_whom_they_were_written_on_and_many_cost_what_few_do() {
    let harness = Harness::start("notes_undo").await;
    sqlx::query("CREATE EXTENSION pg_stat_statements").execute(&mut harness.connect().await).await.unwrap();
    let (ann, ben) = (Person::new(&harness, "Ann", 100), Person::new(&harness, "Ben", 200));
    harness.told([ann.change(), ben.change()]).await;
    let mut admin = harness.notes_as(harness.tenant, "admin-1", Role::Admin);
    let before = add(&mut admin, request(&harness, ben.customer, "before")).await.unwrap().note.unwrap();
    let merge = harness.merge(ann.customer, ben.customer).await.unwrap().merge.unwrap();
    // What is new goes to who stands for both, whichever id is asked; an edit stays where the note is.
    let while_one =
        add(&mut admin, request(&harness, ben.customer, "while one")).await.unwrap().note.unwrap();
    assert_eq!(while_one.customer_id, ann.customer.to_string());
    let edited = edit(&mut admin, &harness, &before, "edited").await.unwrap();
    assert_eq!(edited.customer_id, ben.customer.to_string());
    pin(&mut admin, &harness, &before, true).await.unwrap();
    let few = statements(&harness, &mut admin, ann.customer).await;
    harness.undo(&merge.id).await.unwrap();
    let texts = async |customer| {
        let notes = list(&mut admin.clone(), customer, 50, "").await.unwrap().notes;
        notes.into_iter().map(|note| (note.text, note.pin_time.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(texts(ann.customer).await, [("while one".to_owned(), false)]);
    assert_eq!(texts(ben.customer).await, [("edited".to_owned(), true)]);
    assert_eq!(history(&mut admin, ben.customer, None).await.len(), 1);
    assert_eq!(history(&mut admin, ann.customer, None).await.len(), 0);

    harness.merge(ann.customer, ben.customer).await.unwrap();
    for n in 0..30 {
        let noted = add(&mut admin, request(&harness, ben.customer, &n.to_string())).await.unwrap();
        edit(&mut admin, &harness, &noted.note.unwrap(), "edited").await.unwrap();
    }
    assert_eq!(statements(&harness, &mut admin, ann.customer).await, few);
    assert!((1..=8).contains(&few), "{few} statements");
}

/// Statements that a list of notes and one of their history take.
async fn statements(harness: &Harness, client: &mut Notes, customer: Uuid) -> i64 {
    let sql = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
               JOIN pg_database d ON d.oid = dbid AND d.datname = current_database()
               WHERE query ~ 'note' AND query ~ '^SELECT' AND query !~ 'pg_stat|FOR UPDATE'";
    let mut database = harness.connect().await;
    let before: i64 = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
    list(client, customer, 50, "").await.unwrap();
    let customer_id = customer.to_string();
    let asked = ListNoteHistoryRequest { customer_id, page_size: 50, ..ListNoteHistoryRequest::default() };
    guarded(client.list_note_history(asked)).await.unwrap();
    let after: i64 = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
    after - before
}
