//! People say who is one person, and take it back.

use tandem_access::Role;
use tandem_proto::customer::v1::{
    CustomerFilter, ListCustomersRequest, ListMergesRequest, MergeCustomersRequest, UndoMergeRequest,
};
use tonic::Code;
use uuid::Uuid;

use crate::support::{Harness, Person, conversation, external, get, gone, guarded, phone, refused};

#[tokio::test]
async fn a_merge_shows_both_as_one_and_an_undo_parts_them_exactly() {
    let harness = Harness::start("people_merge").await;
    let tenant = harness.tenant;
    // The younger is to survive.
    let ann = Person::new(&harness, "Ann", 200).with(phone("+5215512345678"));
    let old = Person::new(&harness, "A. Old", 100);
    let [one, two] = [harness.ambient.id(), harness.ambient.id()];
    harness
        .told([
            ann.change(),
            old.change(),
            conversation(tenant, one, ann.contact, 3, 700),
            conversation(tenant, two, old.contact, 4, 900),
        ])
        .await;
    harness.add_tags(old.customer, &["of the other"]).await;
    let before = (harness.get(ann.customer).await.unwrap(), harness.get(old.customer).await.unwrap());
    assert_eq!(before.0.phones.len(), 1);
    assert_eq!(
        (before.0.phones[0].sent.as_str(), before.0.phones[0].e164.as_str(), before.0.phones[0].verified),
        ("+5215512345678", "+525512345678", true)
    );

    let request = MergeCustomersRequest {
        request_id: harness.id(),
        survivor_id: ann.customer.to_string(),
        merged_id: old.customer.to_string(),
    };
    let first = guarded(harness.merger().merge_customers(request.clone())).await.unwrap().into_inner();
    let again = guarded(harness.merger().merge_customers(request.clone())).await.unwrap().into_inner();
    assert_eq!(again, first, "the same request answers the same");
    let other = MergeCustomersRequest {
        survivor_id: request.merged_id.clone(),
        merged_id: request.survivor_id.clone(),
        ..request
    };
    refused(
        guarded(harness.merger().merge_customers(other)).await,
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
    let (customer, merge) = (first.customer.unwrap(), first.merge.unwrap());
    assert_eq!(
        (customer.id.as_str(), customer.display_name.as_str()),
        (merge.survivor_id.as_str(), "A. Old")
    );
    assert_eq!((customer.conversation_count, customer.message_count, customer.tag_ids.len()), (2, 7, 1));
    assert_ne!(customer.etag, before.0.etag);
    assert_eq!(harness.get(old.customer).await.unwrap(), customer, "the merged id keeps resolving");
    assert_eq!((merge.by_subject.as_str(), merge.undo_time), ("admin-1", None));
    for (one, other) in [(ann.customer, old.customer), (old.customer, ann.customer)] {
        let status = refused(harness.merge(one, other).await, Code::FailedPrecondition, "ALREADY_MERGED");
        assert!(format!("{status:?}").contains(&ann.customer.to_string()));
    }
    // What comes now goes to the survivor, by either id.
    harness.add_tags(old.customer, &["new"]).await;

    let undone = harness.undo(&merge.id).await.unwrap();
    let (ann_now, old_now) = (undone.survivor.unwrap(), undone.merged.unwrap());
    assert_eq!((ann_now.id.as_str(), old_now.id.as_str()), (before.0.id.as_str(), before.1.id.as_str()));
    for (now, before) in [(&ann_now, &before.0), (&old_now, &before.1)] {
        assert_eq!((&now.display_name, &now.contacts), (&before.display_name, &before.contacts));
        assert_eq!(now.message_count, before.message_count);
        assert!(now.version > customer.version);
    }
    assert_eq!((ann_now.tag_ids.len(), &old_now.tag_ids), (1, &before.1.tag_ids));
    refused(harness.undo(&merge.id).await, Code::FailedPrecondition, "ALREADY_UNDONE");
    refused(harness.undo(&harness.id()).await, Code::NotFound, "NOT_FOUND");
    for who in [ann.customer, old.customer] {
        let [listed] = &harness.merges(who).await[..] else { panic!("one merge") };
        assert_eq!((listed.id.as_str(), listed.undone_by_subject.as_str()), (merge.id.as_str(), "admin-1"));
        assert!(listed.undo_time.is_some());
    }
}

#[tokio::test]
async fn merges_and_links_by_themselves_go_together() {
    let harness = Harness::start("merges_and_links").await;
    let people: Vec<Person> = (0..4).map(|n| Person::new(&harness, &format!("P{n}"), 100 + n)).collect();
    harness.told(people.iter().map(Person::change)).await;
    let id = |n: usize| people[n].customer;
    let first = harness.merge(id(3), id(2)).await.unwrap().merge.unwrap();
    // A link by itself with the oldest: who people chose stands for all.
    let linked = people[0].then(|state| state.identities.push(external("u")));
    let other = people[2].then(|state| state.identities.push(external("u")));
    harness.told([linked.change(), other.change()]).await;
    assert_eq!(harness.get(id(0)).await.unwrap().id, id(3).to_string());
    let second = harness.merge(id(1), id(0)).await.unwrap().merge.unwrap();
    assert_eq!(second.merged_id, id(3).to_string(), "ids stand for who they resolve to");
    assert_eq!(harness.get(id(2)).await.unwrap().id, id(1).to_string());
    let listed: Vec<String> = harness.merges(id(0)).await.into_iter().map(|merge| merge.id).collect();
    assert_eq!(listed, [second.id.clone(), first.id.clone()]);
    // Undone out of order: 3 stays with 1, and 2 with 0, by its own link.
    let before = harness.get(id(1)).await.unwrap();
    harness.undo(&first.id).await.unwrap();
    let now = harness.get(id(3)).await.unwrap();
    assert_eq!(now.id, id(1).to_string());
    assert_ne!(now.etag, before.etag, "who read it before must look again");
    assert_eq!(harness.get(id(2)).await.unwrap().id, id(0).to_string());
    // One without a contact stays as long as a merge names it.
    harness.told([gone(&people[3].change())]).await;
    assert_eq!(harness.get(id(3)).await.unwrap().id, id(1).to_string());
    harness.undo(&second.id).await.unwrap();
    assert_eq!(harness.get(id(3)).await.unwrap().contacts.len(), 0);
}

#[tokio::test]
async fn who_may_not_see_both_merges_and_undoes_nothing() {
    let harness = Harness::start("merge_scope").await;
    let tenant = harness.tenant;
    let [mine, other]: [Uuid; 2] = [harness.ambient.id(), harness.ambient.id()];
    let near = Person::of(&harness, tenant, mine, "near", 100);
    let far = Person::of(&harness, tenant, other, "far", 100);
    let also = Person::of(&harness, tenant, other, "also far", 100);
    harness.told([&near, &far, &also].map(Person::change)).await;
    let merge = harness.merge(far.customer, also.customer).await.unwrap().merge.unwrap();
    harness.conversation.let_see(&harness.token(Some(tenant), "agent-1", Role::Agent), &[mine]);
    let mut agent = harness.merger_as(tenant, "agent-1", Role::Agent);
    let request = MergeCustomersRequest {
        request_id: harness.id(),
        survivor_id: near.customer.to_string(),
        merged_id: far.customer.to_string(),
    };
    refused(guarded(agent.merge_customers(request)).await, Code::NotFound, "NOT_FOUND");
    let request = UndoMergeRequest { request_id: harness.id(), merge_id: merge.id };
    refused(guarded(agent.undo_merge(request)).await, Code::NotFound, "NOT_FOUND");
    let request = ListMergesRequest { customer_id: far.customer.to_string(), ..ListMergesRequest::default() };
    refused(guarded(agent.list_merges(request)).await, Code::NotFound, "NOT_FOUND");
    // Nor does it learn whom a customer that it sees was merged with.
    let with_near = harness.merge(near.customer, far.customer).await.unwrap().merge.unwrap();
    harness.undo(&with_near.id).await.unwrap();
    assert_eq!(harness.merges(near.customer).await.len(), 1);
    let request =
        ListMergesRequest { customer_id: near.customer.to_string(), ..ListMergesRequest::default() };
    assert!(guarded(agent.list_merges(request)).await.unwrap().into_inner().merges.is_empty());
    let mut ai = harness.merger_as(tenant, "ai", Role::Ai);
    let request = ListMergesRequest { customer_id: far.customer.to_string(), ..ListMergesRequest::default() };
    refused(guarded(ai.list_merges(request)).await, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
}

#[tokio::test]
async fn what_the_release_before_parts_is_made_one_again() {
    // As it leaves a merge that it knows nothing of, and a phone: the merge is older than any upgrade takes.
    let harness = Harness::start_after(
        "merges_restored",
        "INSERT INTO customer (tenant_id, id, version, edit_version)
         SELECT '00000000-0000-0000-0000-000000000001', lpad(n::text, 32, '0')::uuid, n, 2 FROM generate_series(2, 3) AS n;
         INSERT INTO customer_merge (tenant_id, id, survivor_id, merged_id, by_subject, merged_at)
         VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000009',
                 '00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000002', 'lead',
                 to_timestamp(1700000000));
         INSERT INTO contact (tenant_id, id, customer_id, channel_id, display_name, created_at, identities, generation,
                              version)
         SELECT tenant_id, id, id, id, '', timestamp '2026-01-01',
                CASE version WHEN 2 THEN '[{\"kind\": 3, \"value\": \"+4915112345678\", \"verified\": true}]'
                             ELSE '[]' END::jsonb, 1, 1
         FROM customer",
    )
    .await;
    let mut admin = harness.client(Uuid::from_u128(1), "admin-1", Role::Admin);
    let restored = async {
        while get(&mut admin, Uuid::from_u128(2)).await.unwrap().id != Uuid::from_u128(3).to_string() {}
    };
    guarded(restored).await;
    let filter = Some(CustomerFilter { has_phone: Some(true), ..CustomerFilter::default() });
    let request = ListCustomersRequest { filter, ..ListCustomersRequest::default() };
    let with_phone = guarded(admin.list_customers(request)).await.unwrap().into_inner().customers;
    assert_eq!(
        with_phone.iter().map(|it| it.id.clone()).collect::<Vec<_>>(),
        [Uuid::from_u128(3).to_string()]
    );
}
