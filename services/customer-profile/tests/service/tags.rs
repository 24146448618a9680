//! Tags: created on use, compared without case, carried over merges.

use tandem_access::Role;
use tandem_proto::customer::v1::{ListTagsRequest, UpdateTagsRequest, UpdateTagsResponse};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::support::{Client, Harness, Person, external, guarded, refused};

fn request(harness: &Harness, customer: Uuid, add: &[&str], remove: &[&str]) -> UpdateTagsRequest {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    UpdateTagsRequest {
        request_id: harness.id(),
        customer_id: customer.to_string(),
        add: owned(add),
        remove: owned(remove),
    }
}

async fn send(client: &mut Client, request: UpdateTagsRequest) -> Result<UpdateTagsResponse, Status> {
    guarded(client.update_tags(request)).await.map(tonic::Response::into_inner)
}

fn names(answer: &UpdateTagsResponse) -> Vec<&str> {
    answer.tags.iter().map(|tag| tag.name.as_str()).collect()
}

async fn list(harness: &Harness, prefix: &str) -> Vec<String> {
    harness.tags(prefix).await.into_iter().map(|tag| tag.name).collect()
}

#[tokio::test]
async fn tags_are_created_once_keep_their_case_and_are_found_by_prefix() {
    let harness = Harness::start("tag_create").await;
    let (ann, ben) = (Person::new(&harness, "Ann", 100), Person::new(&harness, "Ben", 100));
    harness.told([ann.change(), ben.change()]).await;
    let mut admin = harness.admin();
    let first =
        send(&mut admin, request(&harness, ann.customer, &["VIP", "Большой", "éclair"], &[])).await.unwrap();
    assert_eq!(names(&first), ["éclair", "VIP", "Большой"]);
    let second =
        send(&mut admin, request(&harness, ben.customer, &["vip", "БОЛЬШОЙ", "E\u{301}CLAIR", "VIP"], &[]))
            .await
            .unwrap();
    let ids = |answer: &UpdateTagsResponse| answer.tags.iter().map(|tag| tag.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&second), ids(&first), "the same tags by the same ids");
    assert!(second.tags.iter().all(|tag| (tag.customer_count, tag.count_exact) == (2, true)));
    assert_eq!(list(&harness, "").await, ["éclair", "VIP", "Большой"]);
    assert_eq!(list(&harness, "бОл").await, ["Большой"]);
    assert_eq!(list(&harness, "v_").await, Vec::<String>::new());
    let mut other = harness.client(harness.ambient.id(), "admin-1", Role::Admin);
    let mut words = harness.words_as(harness.ambient.id(), Role::Admin);
    assert_eq!(guarded(words.list_tags(ListTagsRequest::default())).await.unwrap().into_inner().tags, []);
    refused(
        send(&mut other, request(&harness, ann.customer, &["x"], &[])).await,
        Code::NotFound,
        "NOT_FOUND",
    );
}

#[tokio::test]
async fn what_is_so_already_changes_nothing() {
    let harness = Harness::start("tag_same").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    let mut admin = harness.admin();
    let wish = request(&harness, ann.customer, &["a"], &[]);
    let first = send(&mut admin, wish.clone()).await.unwrap();
    let same = send(&mut admin, request(&harness, ann.customer, &["A"], &["unknown"])).await.unwrap();
    assert_eq!((same.customer, same.change_token.as_str()), (first.customer.clone(), ""));
    let off = send(&mut admin, request(&harness, ann.customer, &["b"], &["A"])).await.unwrap();
    assert_eq!(names(&off), ["b"]);
    assert_ne!(off.customer.as_ref().unwrap().etag, first.customer.as_ref().unwrap().etag);
    assert_eq!(send(&mut admin, wish.clone()).await.unwrap(), first, "the first answer again");
    let other = UpdateTagsRequest { add: vec!["c".to_owned()], ..wish };
    refused(send(&mut admin, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_merged_set_carries_the_union_and_a_tag_taken_off_is_a_mark_that_undoes() {
    let harness = Harness::start("tag_union").await;
    let ann = Person::new(&harness, "Ann", 100).with(external("u"));
    let ben = Person::new(&harness, "Ben", 200);
    harness.told([ann.change(), ben.change()]).await;
    let mut admin = harness.admin();
    send(&mut admin, request(&harness, ann.customer, &["a", "both"], &[])).await.unwrap();
    send(&mut admin, request(&harness, ben.customer, &["b", "both"], &[])).await.unwrap();
    let linked = ben.then(|state| state.identities.push(external("u")));
    harness.told([linked.change()]).await;
    let union = send(&mut admin, request(&harness, ben.customer, &["c"], &[])).await.unwrap();
    assert_eq!(names(&union), ["a", "b", "both", "c"]);
    let less = send(&mut admin, request(&harness, ben.customer, &[], &["b", "both", "a"])).await.unwrap();
    assert_eq!(names(&less), ["c"]);
    let again = send(&mut admin, request(&harness, ben.customer, &["both"], &[])).await.unwrap();
    assert_eq!(names(&again), ["both", "c"]);
    harness.told([linked.then(|state| state.identities.clear()).change()]).await;
    let ben = send(&mut admin, request(&harness, ben.customer, &["d"], &[])).await.unwrap();
    assert_eq!(names(&ben), ["b", "both", "d"], "what was its own is there again");
}

#[tokio::test]
async fn limits_and_wrong_names_are_refused() {
    let harness = Harness::start("tag_limits").await;
    let (ann, ben) = (Person::new(&harness, "Ann", 100), Person::new(&harness, "Ben", 100));
    harness.told([ann.change(), ben.change()]).await;
    let mut admin = harness.admin();
    let many: Vec<String> = (0..51).map(|n| format!("tag {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    send(&mut admin, request(&harness, ann.customer, &many[..50], &[])).await.unwrap();
    let outcome = send(&mut admin, request(&harness, ann.customer, &many[50..], &[])).await;
    refused(outcome, Code::ResourceExhausted, "LIMIT_REACHED");
    assert_eq!(list(&harness, "tag 50").await, Vec::<String>::new(), "nothing is half-written");
    send(&mut admin, request(&harness, ann.customer, &many[50..], &many[..1])).await.unwrap();

    sqlx::query("UPDATE tenant_totals SET tags = 2000").execute(&mut harness.connect().await).await.unwrap();
    send(&mut admin, request(&harness, ben.customer, &["tag 1"], &[])).await.unwrap();
    let outcome = send(&mut admin, request(&harness, ben.customer, &["one more"], &[])).await;
    refused(outcome, Code::ResourceExhausted, "LIMIT_REACHED");

    let wrong = UpdateTagsRequest {
        request_id: String::new(),
        customer_id: String::new(),
        add: vec!["ok".to_owned(), " ".to_owned(), "x".repeat(65)],
        remove: vec!["OK".to_owned(), "a\0".to_owned()],
    };
    let status = refused(send(&mut admin, wrong).await, Code::InvalidArgument, "INVALID_FIELDS");
    let details = status.get_error_details();
    let fields: Vec<&str> =
        details.bad_request().unwrap().field_violations.iter().map(|wrong| wrong.field.as_str()).collect();
    assert_eq!(fields, ["customer_id", "add[1]", "add[2]", "remove[1]", "remove", "request_id"]);
    let nothing = send(&mut admin, request(&harness, ann.customer, &[], &[])).await;
    refused(nothing, Code::InvalidArgument, "INVALID_FIELDS");
}
