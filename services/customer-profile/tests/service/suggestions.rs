//! Who may be the same person.

use std::collections::BTreeSet;

use prost_types::FieldMask;
use tandem_access::Role;
use tandem_proto::customer::v1::{
    Customer, DismissSuggestionRequest, ListMergeSuggestionsRequest, MergeSuggestion, SuggestionEvidence,
    SuggestionReason, UpdateCustomerRequest,
};
use tonic::Code;
use uuid::Uuid;

use crate::support::{Harness, Merger, Person, email, guarded, phone, refused};

/// The pairs that are suggested, each with the reasons.
async fn suggested(
    client: &mut Merger,
    customer: Option<Uuid>,
    size: i32,
) -> Vec<(String, String, Vec<SuggestionReason>)> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListMergeSuggestionsRequest {
            customer_id: customer.map(|id| id.to_string()).unwrap_or_default(),
            page_size: size,
            page_token,
            at_least_as_fresh: Vec::new(),
        };
        let page = guarded(client.list_merge_suggestions(request)).await.unwrap().into_inner();
        all.extend(page.suggestions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let pair = |found: MergeSuggestion| {
        let reasons = found.evidence.iter().map(SuggestionEvidence::reason).collect();
        (found.customer.unwrap().id, found.other.unwrap().id, reasons)
    };
    all.into_iter().map(pair).collect()
}

async fn works_at(harness: &Harness, customer: Uuid, name: &str, company: &str) {
    let request = UpdateCustomerRequest {
        request_id: harness.id(),
        customer: Some(Customer {
            id: customer.to_string(),
            display_name: name.to_owned(),
            company: company.to_owned(),
            ..Customer::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["display_name".to_owned(), "company".to_owned()] }),
    };
    guarded(harness.admin().update_customer(request)).await.unwrap();
}

#[tokio::test]
async fn addresses_and_names_suggest_and_people_decide() {
    let harness = Harness::start("suggestions").await;
    let tenant = harness.tenant;
    let [mine, other]: [Uuid; 2] = [harness.ambient.id(), harness.ambient.id()];
    let person = |channel, name: &str| Person::of(&harness, tenant, channel, name, 100);
    let ann = person(mine, "Ann").with(phone("5511987654321")).with(email("Ann@Example.com"));
    let old_number = person(other, "A").with(phone("+551187654321")).with(email("ann@example.com"));
    let claims = person(mine, "B").with(email("ANN@example.com"));
    let colleague = person(mine, "C");
    let stranger = person(mine, "D").with(phone("+5511912345678"));
    harness.told([&ann, &old_number, &claims, &colleague, &stranger].map(Person::change)).await;
    works_at(&harness, ann.customer, "Ann Müller", "Ácme").await;
    works_at(&harness, colleague.customer, "ANN MÜLLER", "ÁCME").await;
    works_at(&harness, stranger.customer, "Ann Müller", "Other").await;

    let id = |person: &Person| person.customer.to_string();
    let (same_phone, same_email, same_name) =
        (SuggestionReason::SamePhone, SuggestionReason::SameEmail, SuggestionReason::SameNameAndCompany);
    let mut admin = harness.merger();
    let about = suggested(&mut admin, Some(ann.customer), 50).await;
    assert_eq!(about[0], (id(&ann), id(&old_number), vec![same_phone, same_email]));
    let rest: BTreeSet<_> = about[1..].iter().cloned().map(|(_, other, why)| (other, why)).collect();
    assert_eq!(rest, [(id(&claims), vec![same_email]), (id(&colleague), vec![same_name])].into());
    assert_eq!(suggested(&mut admin, Some(ann.customer), 1).await.len(), 1);
    assert!(suggested(&mut admin, Some(stranger.customer), 50).await.is_empty());
    // All of the tenant, each pair once, however long the pages are.
    let all = suggested(&mut admin, None, 200).await;
    assert_eq!(all.len(), 4, "three of Ann's, and the two others with her address");
    for size in [1, 2, 3] {
        assert_eq!(suggested(&mut admin, None, size).await, all);
    }

    // Only what the caller may see, and of another tenant nothing.
    harness.conversation.let_see(&harness.token(Some(tenant), "agent-1", Role::Agent), &[mine]);
    let mut agent = harness.merger_as(tenant, "agent-1", Role::Agent);
    let seen: BTreeSet<_> =
        suggested(&mut agent, Some(ann.customer), 50).await.into_iter().map(|s| s.1).collect();
    assert_eq!(seen, [id(&claims), id(&colleague)].into());
    assert_eq!(suggested(&mut agent, None, 50).await.len(), 2);
    let mut elsewhere = harness.merger_as(harness.ambient.id(), "admin-1", Role::Admin);
    assert!(suggested(&mut elsewhere, None, 50).await.is_empty());

    // Said to be two people, also after one of them was merged.
    let dismiss = |one: &Person, other: &Person| DismissSuggestionRequest {
        request_id: harness.id(),
        customer_id: id(one),
        other_id: id(other),
    };
    let request = dismiss(&claims, &ann);
    guarded(admin.dismiss_suggestion(request.clone())).await.unwrap();
    guarded(admin.dismiss_suggestion(request)).await.unwrap();
    let left: BTreeSet<_> =
        suggested(&mut admin, Some(ann.customer), 50).await.into_iter().map(|s| s.1).collect();
    assert_eq!(left, [id(&old_number), id(&colleague)].into());
    let merge = harness.merge(old_number.customer, ann.customer).await.unwrap().merge.unwrap();
    let left: BTreeSet<_> =
        suggested(&mut admin, Some(ann.customer), 50).await.into_iter().map(|s| s.1).collect();
    assert!(!left.contains(&id(&claims)) && !left.contains(&id(&ann)), "{left:?}");
    refused(
        guarded(admin.dismiss_suggestion(dismiss(&ann, &old_number))).await,
        Code::FailedPrecondition,
        "ALREADY_MERGED",
    );
    harness.undo(&merge.id).await.unwrap();
    // A number that was given away suggests nobody any more.
    let moved = old_number.then(|state| state.identities.clear());
    harness.told([moved.change()]).await;
    assert!(suggested(&mut admin, Some(old_number.customer), 50).await.is_empty());
}

#[tokio::test]
async fn addresses_of_contacts_that_the_release_before_wrote_are_taken_too() {
    let harness = Harness::start_after(
        "addresses_taken",
        "INSERT INTO customer (tenant_id, id, version)
         SELECT uuid_in('00000000-0000-0000-0000-000000000001'), md5(n::text)::uuid, n FROM generate_series(1, 2) AS n;
         INSERT INTO contact (tenant_id, id, customer_id, channel_id, display_name, created_at, identities, generation,
                              version)
         SELECT tenant_id, id, id, id, '', timestamp '2026-01-01',
                '[{\"kind\": 5, \"value\": \"A@x.com\", \"verified\": false}]', 1, 1 FROM customer",
    )
    .await;
    let tenant = Uuid::from_u128(1);
    let mut database = harness.connect().await;
    let left = "SELECT count(*) FROM contact WHERE addressed_version IS DISTINCT FROM version";
    let taken =
        async { while sqlx::query_scalar::<_, i64>(left).fetch_one(&mut database).await.unwrap() > 0 {} };
    guarded(taken).await;
    assert_eq!(suggested(&mut harness.merger_as(tenant, "admin-1", Role::Admin), None, 50).await.len(), 1);
}
