//! Reading, listing and correcting profiles.

use prost_types::FieldMask;
use tandem_access::Role;
use tandem_proto::customer::v1::{
    Customer, ListCustomersRequest, ListCustomersResponse, UpdateCustomerRequest, UpdateCustomerResponse,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{Client, Harness, Person, external, get, guarded, refused};

fn update(harness: &Harness, customer: &Customer, paths: &[&str]) -> UpdateCustomerRequest {
    UpdateCustomerRequest {
        request_id: harness.id(),
        customer: Some(customer.clone()),
        update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
    }
}

async fn send(client: &mut Client, request: UpdateCustomerRequest) -> Result<UpdateCustomerResponse, Status> {
    guarded(client.update_customer(request)).await.map(tonic::Response::into_inner)
}

async fn page(
    client: &mut Client,
    size: i32,
    token: &str,
    from: &str,
) -> Result<ListCustomersResponse, Status> {
    let request = ListCustomersRequest {
        page_size: size,
        page_token: token.to_owned(),
        from_name: from.to_owned(),
        ..ListCustomersRequest::default()
    };
    guarded(client.list_customers(request)).await.map(tonic::Response::into_inner)
}

fn names(page: &ListCustomersResponse) -> Vec<&str> {
    page.customers.iter().map(|customer| customer.display_name.as_str()).collect()
}

#[tokio::test]
async fn customers_are_listed_a_to_z_and_pages_make_the_whole() {
    let harness = Harness::start("a_to_z").await;
    let sorted = ["Ann", "Ärzte", "bea", "Ben", "Øystein", "Zoë", "Σωκράτης", "Борис", "דנה", "ليلى", "王芳"];
    let mut people: Vec<Person> = sorted.iter().rev().map(|name| Person::new(&harness, name, 100)).collect();
    people.push(Person::new(&harness, "", 100));
    people.push(Person::new(&harness, "merged away", 200).with(external("u")));
    people.push(Person::new(&harness, "Ben", 100).with(external("u")));
    harness.told(people.iter().map(Person::change)).await;
    let mut admin = harness.admin();
    let whole = page(&mut admin, 0, "", "").await.unwrap();
    let mut expected = sorted.to_vec();
    expected.insert(3, "Ben");
    expected.push("");
    assert_eq!(names(&whole), expected);
    assert_eq!(whole.next_page_token, "");

    for size in [1, 2, 3, 13, 14] {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let part = page(&mut admin, size, &token, "").await.unwrap();
            all.extend(part.customers);
            token = part.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(all, whole.customers, "pages of {size}");
    }
    let from_b = page(&mut admin, 2, "", "B").await.unwrap();
    assert_eq!(names(&from_b), ["bea", "Ben"]);
    let other_filter = page(&mut admin, 2, &from_b.next_page_token, "").await;
    refused(other_filter, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let mut other_caller = harness.client(harness.tenant, "admin-2", Role::Admin);
    let other_caller = page(&mut other_caller, 2, &from_b.next_page_token, "B").await;
    refused(other_caller, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let next = page(&mut admin, 2, &from_b.next_page_token, "B").await.unwrap();
    assert_eq!(names(&next), ["Ben", "Øystein"]);
}

#[tokio::test]
async fn a_correction_wins_over_the_channel_stays_and_can_be_taken_back() {
    let harness = Harness::start("correction").await;
    let ann = Person::new(&harness, "~ann~", 100);
    harness.told([ann.change()]).await;
    let mut admin = harness.admin();
    let read = harness.get(ann.customer).await.unwrap();
    let wish = Customer {
        display_name: " Ann Lee ".to_owned(),
        language: "pt-BR".to_owned(),
        time_zone: "Asia/Jerusalem".to_owned(),
        company: "Lee & Co".to_owned(),
        ..read.clone()
    };
    let all = ["display_name", "language", "time_zone", "company"];
    let answer = send(&mut admin, update(&harness, &wish, &all)).await.unwrap();
    let corrected = answer.customer.unwrap();
    assert_eq!((corrected.display_name.as_str(), corrected.name_corrected), ("Ann Lee", true));
    assert_eq!((corrected.language.as_str(), corrected.time_zone.as_str()), ("pt-BR", "Asia/Jerusalem"));
    assert!(
        corrected.version > read.version && corrected.etag != read.etag && !answer.change_token.is_empty()
    );

    let renamed = ann.then(|state| state.display_name = "annie".to_owned());
    harness.told([renamed.change()]).await;
    let stays = harness.get(ann.customer).await.unwrap();
    assert_eq!((stays.display_name.as_str(), &stays.etag), ("Ann Lee", &corrected.etag));
    assert_eq!(names(&page(&mut admin, 0, "", "").await.unwrap()), ["Ann Lee"]);

    let empty = Customer { display_name: String::new(), company: "not in the mask".to_owned(), ..stays };
    let back = send(&mut admin, update(&harness, &empty, &["display_name"])).await.unwrap().customer.unwrap();
    assert_eq!(
        (back.display_name.as_str(), back.name_corrected, back.company.as_str()),
        ("annie", false, "Lee & Co")
    );
}

#[tokio::test]
async fn an_etag_that_has_passed_is_refused_and_feed_traffic_passes_none() {
    let harness = Harness::start("etag").await;
    let ann = Person::new(&harness, "Ann", 100).with(external("u"));
    harness.told([ann.change()]).await;
    let mut admin = harness.admin();
    let read = harness.get(ann.customer).await.unwrap();
    harness.told([ann.then(|state| state.display_name = "Anne".to_owned()).change()]).await;
    let wish = Customer { company: "one".to_owned(), ..read.clone() };
    send(&mut admin, update(&harness, &wish, &["company"])).await.unwrap();
    let late = Customer { company: "two".to_owned(), ..read.clone() };
    let outcome = send(&mut admin, update(&harness, &late, &["company"])).await;
    refused(outcome, Code::Aborted, "ETAG_MISMATCH");
    // The survivor of a merge is another profile than the one that was read.
    let now = harness.get(ann.customer).await.unwrap();
    harness.told([Person::new(&harness, "Older", 50).with(external("u")).change()]).await;
    let outcome = send(&mut admin, update(&harness, &now, &["company"])).await;
    refused(outcome, Code::Aborted, "ETAG_MISMATCH");
    let unasked = Customer { etag: String::new(), ..late };
    let updated = send(&mut admin, update(&harness, &unasked, &["company"])).await.unwrap().customer.unwrap();
    assert_eq!((updated.company.as_str(), updated.display_name.as_str()), ("two", "Older"));
    assert_ne!(updated.id, read.id, "the update went to the survivor");
}

#[tokio::test]
async fn the_same_request_answers_the_same_and_another_body_is_refused() {
    let harness = Harness::start("request_id").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    let mut admin = harness.admin();
    let read = harness.get(ann.customer).await.unwrap();
    let wish = Customer { company: "one".to_owned(), ..read.clone() };
    let request = update(&harness, &wish, &["company"]);
    let first = send(&mut admin, request.clone()).await.unwrap();
    send(
        &mut admin,
        update(
            &harness,
            &Customer { company: "two".to_owned(), ..first.customer.clone().unwrap() },
            &["company"],
        ),
    )
    .await
    .unwrap();
    // The etag has passed and is no part of the body, nor is what the mask leaves out.
    let mut again = request.clone();
    again.customer.as_mut().unwrap().etag = "long gone".to_owned();
    again.customer.as_mut().unwrap().language = "not in the mask".to_owned();
    assert_eq!(send(&mut admin, again).await.unwrap(), first);
    let mut other = request;
    other.customer.as_mut().unwrap().company = "three".to_owned();
    refused(send(&mut admin, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(harness.get(ann.customer).await.unwrap().company, "two");
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once_and_nothing_is_written() {
    let harness = Harness::start("wrong_fields").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    let wrong = Customer {
        id: "no id".to_owned(),
        display_name: "x".repeat(201),
        language: "english language".to_owned(),
        time_zone: "+03:00".to_owned(),
        company: "a\0b".to_owned(),
        category: "x".repeat(65),
        attributes: [("unknown".to_owned(), "1".to_owned())].into(),
        ..Customer::default()
    };
    let paths = [
        "display_name",
        "language",
        "time_zone",
        "company",
        "category",
        "attributes",
        "attributes.no",
        "tag_ids",
    ];
    let request = UpdateCustomerRequest { request_id: "1".to_owned(), ..update(&harness, &wrong, &paths) };
    let status = refused(send(&mut harness.admin(), request).await, Code::InvalidArgument, "INVALID_FIELDS");
    let details = status.get_error_details();
    let mut fields: Vec<&str> =
        details.bad_request().unwrap().field_violations.iter().map(|wrong| wrong.field.as_str()).collect();
    fields.sort_unstable();
    let expected = [
        "customer.attributes.no",
        "customer.attributes.unknown",
        "customer.category",
        "customer.company",
        "customer.display_name",
        "customer.id",
        "customer.language",
        "customer.time_zone",
        "request_id",
        "update_mask",
    ];
    assert_eq!(fields, expected);
    let nothing = UpdateCustomerRequest { request_id: harness.id(), ..UpdateCustomerRequest::default() };
    let status = refused(send(&mut harness.admin(), nothing).await, Code::InvalidArgument, "INVALID_FIELDS");
    assert_eq!(status.get_error_details().bad_request().unwrap().field_violations.len(), 2);
    for (size, from) in [(-1, ""), (201, ""), (0, "a\0")] {
        refused(page(&mut harness.admin(), size, "", from).await, Code::InvalidArgument, "INVALID_FIELDS");
    }
}

#[tokio::test]
async fn another_tenant_finds_nothing_and_without_a_role_nobody_asks() {
    let harness = Harness::start("isolation").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    let read = harness.get(ann.customer).await.unwrap();
    let mut other = harness.client(harness.ambient.id(), "admin-1", Role::Admin);
    refused(get(&mut other, ann.customer).await, Code::NotFound, "NOT_FOUND");
    refused(send(&mut other, update(&harness, &read, &["company"])).await, Code::NotFound, "NOT_FOUND");
    assert_eq!(page(&mut other, 0, "", "").await.unwrap().customers, []);
    let mut adapter = harness.client(harness.tenant, "adapter", Role::Channel);
    refused(get(&mut adapter, ann.customer).await, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    let nobody = guarded(harness.anonymous().list_customers(ListCustomersRequest::default())).await;
    refused(nobody, Code::Unauthenticated, "TOKEN_MISSING");
}
