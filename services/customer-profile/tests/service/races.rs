//! People edit while merges go on.

use std::collections::BTreeSet;

use prost_types::FieldMask;
use sqlx::Connection;
use tandem_access::Role;
use tandem_proto::customer::v1::{Customer, UpdateCustomerRequest, UpdateTagsRequest};

use crate::support::{Harness, Person, external, guarded};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn edits_and_merges_of_the_same_people_lose_nothing() {
    let harness = Harness::start("edits_and_merges").await;
    // Ten people who turn out to be one, one after the other, the oldest last.
    let people: Vec<Person> = (0..10).map(|n| Person::new(&harness, &format!("P{n}"), 1_000 - n)).collect();
    harness.told(people.iter().map(Person::change)).await;
    let editors: Vec<_> = people
        .iter()
        .enumerate()
        .map(|(number, person)| {
            let mut client = harness.client(harness.tenant, &format!("editor-{number}"), Role::Supervisor);
            let (ambient, customer) = (harness.ambient.clone(), person.customer.to_string());
            tokio::spawn(async move {
                for round in 0..4 {
                    let request = UpdateTagsRequest {
                        request_id: ambient.id().to_string(),
                        customer_id: customer.clone(),
                        add: vec![format!("tag {number} {round}"), format!("Shared {round}")],
                        remove: Vec::new(),
                    };
                    guarded(client.update_tags(request)).await.unwrap();
                    let request = UpdateCustomerRequest {
                        request_id: ambient.id().to_string(),
                        customer: Some(Customer {
                            id: customer.clone(),
                            company: format!("company {number}"),
                            ..Customer::default()
                        }),
                        update_mask: Some(FieldMask { paths: vec!["company".to_owned()] }),
                    };
                    guarded(client.update_customer(request)).await.unwrap();
                }
            })
        })
        .collect();
    for person in &people {
        harness.told([person.then(|state| state.identities.push(external("one"))).change()]).await;
    }
    for editor in editors {
        editor.await.unwrap();
    }
    let oldest = people.last().unwrap().customer;
    let mut expected: BTreeSet<String> =
        (0..10).flat_map(|number| (0..4).map(move |round| format!("tag {number} {round}"))).collect();
    expected.extend((0..4).map(|round| format!("Shared {round}")));
    let tags = harness.tags("").await;
    let names: BTreeSet<String> = tags.iter().map(|tag| tag.name.clone()).collect();
    assert_eq!((names, tags.len()), (expected, 44));
    for person in &people {
        let customer = harness.get(person.customer).await.unwrap();
        assert_eq!((customer.id, customer.contacts.len()), (oldest.to_string(), 10));
        assert_eq!(customer.tag_ids.len(), 44);
        assert!(customer.company.starts_with("company "));
    }
}

#[tokio::test]
async fn an_edit_that_waits_while_its_customer_is_merged_goes_to_the_survivor() {
    let harness = Harness::start("edit_waits").await;
    let (ann, ben) = (Person::new(&harness, "Ann", 100), Person::new(&harness, "Ben", 200));
    harness.told([ann.change(), ben.change()]).await;
    let (mut merger, mut watcher) = (harness.connect().await, harness.connect().await);
    let mut merge = merger.begin().await.unwrap();
    sqlx::query("UPDATE customer SET merged_into = $1 WHERE id = $2")
        .bind(ann.customer)
        .bind(ben.customer)
        .execute(&mut *merge)
        .await
        .unwrap();
    let edit = harness.add_tags(ben.customer, &["vip"]);
    let merge = async {
        // Committed once the edit waits for the row.
        while !sqlx::query_scalar::<_, bool>(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
                            AND application_name = 'customer-profile' AND wait_event_type = 'Lock')",
        )
        .fetch_one(&mut watcher)
        .await
        .unwrap()
        {}
        merge.commit().await.unwrap();
    };
    let (tagged, ()) = guarded(async { tokio::join!(edit, merge) }).await;
    assert_eq!((tagged.id, tagged.tag_ids.len()), (ann.customer.to_string(), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_waited_for_the_wrong_row_keeps_no_lock_of_it() {
    let harness = Harness::start("edit_lets_go").await;
    let (was, stands) = (Person::new(&harness, "Was", 100), Person::new(&harness, "Stands", 200));
    harness.told([was.change(), stands.change()]).await;
    let (was, stands, tenant) = (was.customer, stands.customer, harness.tenant);
    // As a merge of which the edit knows nothing yet, and as somebody else who edits the one that stands.
    let (mut merger, mut other) = (harness.connect().await, harness.connect().await);
    let mut merging = merger.begin().await.unwrap();
    sqlx::query("UPDATE customer SET merged_into = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(was)
        .bind(stands)
        .execute(&mut *merging)
        .await
        .unwrap();
    let mut editing = other.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM customer WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE")
        .bind(tenant)
        .bind(stands)
        .execute(&mut *editing)
        .await
        .unwrap();
    let mut client = harness.admin();
    let request = UpdateTagsRequest {
        request_id: harness.id(),
        customer_id: was.to_string(),
        add: vec!["late".to_owned()],
        remove: Vec::new(),
    };
    let edit = tokio::spawn(async move { client.update_tags(request).await });
    let mut watcher = harness.connect().await;
    waits(&mut watcher, 1).await;
    merging.commit().await.unwrap();
    // It waits for the one that stands now, and a merge can lock the other.
    let free = async {
        while sqlx::query("SELECT 1 FROM customer WHERE tenant_id = $1 AND id = $2 FOR UPDATE NOWAIT")
            .bind(tenant)
            .bind(was)
            .execute(&mut watcher)
            .await
            .is_err()
        {}
    };
    guarded(free).await;
    waits(&mut watcher, 1).await;
    editing.commit().await.unwrap();
    let customer = guarded(edit).await.unwrap().unwrap().into_inner().customer.unwrap();
    assert_eq!((customer.id, customer.tag_ids.len()), (stands.to_string(), 1));
}

/// Until so many wait for locks in this database.
async fn waits(connection: &mut sqlx::PgConnection, many: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    guarded(async {
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *connection).await.unwrap() < many {}
    })
    .await;
}
