//! Notes of the team.

use chrono::TimeDelta;
use tandem_access::Role;
use tandem_proto::customer::v1::{AddNoteRequest, AddNoteResponse, ListNotesRequest, ListNotesResponse};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::support::{Client, Harness, Person, external, guarded, refused};

fn request(harness: &Harness, customer: Uuid, text: &str) -> AddNoteRequest {
    AddNoteRequest { request_id: harness.id(), customer_id: customer.to_string(), text: text.to_owned() }
}

async fn add(client: &mut Client, request: AddNoteRequest) -> Result<AddNoteResponse, Status> {
    guarded(client.add_note(request)).await.map(tonic::Response::into_inner)
}

async fn list(
    client: &mut Client,
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
    let mut admin = harness.admin();
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
    let mut admin = harness.admin();
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
    let mut admin = harness.admin();
    for text in ["", "  \n", &"x".repeat(4_001), "a\0b"] {
        let wrong =
            AddNoteRequest { request_id: "x".to_owned(), customer_id: "y".to_owned(), text: text.to_owned() };
        let status = refused(add(&mut admin, wrong).await, Code::InvalidArgument, "INVALID_FIELDS");
        assert_eq!(status.get_error_details().bad_request().unwrap().field_violations.len(), 3, "{text:?}");
    }
    add(&mut admin, request(&harness, ann.customer, &"é".repeat(4_000))).await.unwrap();
    let mut other = harness.client(harness.ambient.id(), "admin-1", Role::Admin);
    refused(add(&mut other, request(&harness, ann.customer, "x")).await, Code::NotFound, "NOT_FOUND");
    refused(list(&mut other, ann.customer, 0, "").await, Code::NotFound, "NOT_FOUND");
    refused(list(&mut admin, ann.customer, 0, "made up").await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    refused(list(&mut admin, Uuid::nil(), 0, "").await, Code::InvalidArgument, "INVALID_FIELDS");
}
