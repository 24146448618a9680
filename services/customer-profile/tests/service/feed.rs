//! What this service tells others.

use tandem_proto::customer::v1::Customer;
use tandem_proto::feed::v1::change::Body;
use tandem_proto::feed::v1::{Change, ChangeKind, Cursor, SnapshotRequest, SubscribeRequest};
use tonic::Code;

use crate::support::{Harness, Person, conversation, external, guarded, message, refused};

/// Reads the feed after a place until a customer was told of that fits.
async fn until(harness: &Harness, after: Cursor, fits: impl Fn(&Customer) -> bool) -> (Vec<Change>, Cursor) {
    let request = SubscribeRequest { after: Some(after), kinds: vec![ChangeKind::Customer.into()] };
    let mut stream = guarded(harness.feed().subscribe(request)).await.unwrap().into_inner();
    let mut seen = Vec::new();
    loop {
        let batch = guarded(stream.message()).await.unwrap().unwrap();
        seen.extend(batch.changes);
        if seen.iter().any(|change| matches!(&change.body, Some(Body::Customer(customer)) if fits(customer)))
        {
            return (seen, batch.cursor.unwrap());
        }
    }
}

fn last<'a>(changes: &'a [Change], id: &str) -> &'a Customer {
    let of_id = |change: &&Change| change.entity_id == id;
    match &changes.iter().rfind(of_id).unwrap().body {
        Some(Body::Customer(customer)) => customer,
        other => panic!("no customer: {other:?}"),
    }
}

#[tokio::test]
async fn a_merge_is_told_as_a_union_and_a_pointer() {
    let harness = Harness::start("union").await;
    let older = Person::new(&harness, "Ann", 100).with(external("u"));
    let younger = Person::new(&harness, "Anne", 200).with(external("u"));
    harness.told([younger.change()]).await;
    harness.add_tags(younger.customer, &["vip"]).await;
    let (_, place) = until(&harness, Cursor::default(), |customer| !customer.tag_ids.is_empty()).await;
    harness.told([older.change()]).await;
    let (told, _) = until(&harness, place, |customer| customer.contacts.len() == 2).await;
    let root = last(&told, &older.customer.to_string());
    assert_eq!((root.display_name.as_str(), root.tag_ids.len()), ("Ann", 1));
    let merged = last(&told, &younger.customer.to_string());
    assert_eq!(merged.merged_into_id, root.id);
    assert!(merged.contacts.is_empty() && merged.tag_ids.is_empty() && merged.display_name.is_empty());
}

#[tokio::test]
async fn counts_alone_are_told_to_nobody_but_take_a_version() {
    let harness = Harness::start("counts").await;
    let (tenant, talk) = (harness.tenant, harness.ambient.id());
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    let before = harness.get(ann.customer).await.unwrap();
    let (_, place) = until(&harness, Cursor::default(), |customer| customer.version == before.version).await;
    harness.told([conversation(tenant, talk, ann.contact, 3, 500), message(tenant, talk, 2, true)]).await;
    // The same state again, and a new version that says the same.
    harness.told([ann.change(), ann.then(|_| {}).change()]).await;
    let counted = harness.get(ann.customer).await.unwrap();
    assert_eq!(counted.message_count, 2);
    assert!(counted.version > before.version && counted.etag == before.etag);
    let renamed = ann.then(|_| {}).then(|state| state.display_name = "Anna".to_owned());
    harness.told([renamed.change()]).await;
    let (told, _) = until(&harness, place, |customer| customer.display_name == "Anna").await;
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn a_snapshot_holds_every_customer_page_by_page() {
    let harness = Harness::start("snapshot").await;
    let people: Vec<Person> = (0..5)
        .map(|n| Person::new(&harness, &format!("P{n}"), 100).with(external(&format!("{}", n / 2))))
        .collect();
    harness.told(people.iter().map(Person::change)).await;
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = SnapshotRequest { kinds: vec![ChangeKind::Customer.into()], page_token, page_size: 2 };
        let page = guarded(harness.feed().snapshot(request)).await.unwrap().into_inner();
        seen.extend(page.changes);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut told: Vec<String> = seen.iter().map(|change| change.entity_id.clone()).collect();
    let mut expected: Vec<String> = people.iter().map(|person| person.customer.to_string()).collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
    let merged = seen.iter().filter(|change| {
        matches!(&change.body, Some(Body::Customer(customer)) if !customer.merged_into_id.is_empty())
    });
    assert_eq!(merged.count(), 2);
}

#[tokio::test]
async fn the_feed_is_for_services_alone() {
    let harness = Harness::start("services_alone").await;
    let mut admin =
        tandem_proto::feed::v1::change_feed_service_client::ChangeFeedServiceClient::with_interceptor(
            harness.channel(),
            harness.as_admin(),
        );
    let outcome = guarded(admin.subscribe(SubscribeRequest::default())).await.map(|_| ());
    refused(outcome, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
}
