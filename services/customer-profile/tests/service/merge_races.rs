//! Messages, merges, undos, links and tags of the same people at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tandem_access::Role;
use tandem_fault::reason_of;
use tandem_proto::customer::v1::{MergeCustomersRequest, UndoMergeRequest, UpdateTagsRequest};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::convergence::totals_are_counts;
use crate::support::{Harness, Person, Plain, conversation, external, guarded};

const PEOPLE: usize = 6;
const ROUNDS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn totals_are_right_whatever_raced() {
    let harness = Arc::new(Harness::start("merge_races").await);
    let tenant = harness.tenant;
    let mut people: Vec<Person> =
        (0..PEOPLE as i64).map(|n| Person::new(&harness, &format!("P{n}"), 100 + n)).collect();
    harness.told(people.iter().map(Person::change)).await;
    let customers: Vec<Uuid> = people.iter().map(|person| person.customer).collect();
    let made: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut racing = Vec::new();
    for racer in 0..3_usize {
        let (harness, customers, made) = (Arc::clone(&harness), customers.clone(), Arc::clone(&made));
        racing.push(tokio::spawn(async move {
            let merger = harness.merger_as(tenant, &format!("merger-{racer}"), Role::Supervisor);
            for round in 0..ROUNDS {
                let (one, other) = ((racer + round) % PEOPLE, (racer * 2 + round * 3 + 1) % PEOPLE);
                if one != other {
                    let request = MergeCustomersRequest {
                        request_id: harness.id(),
                        survivor_id: customers[one].to_string(),
                        merged_id: customers[other].to_string(),
                    };
                    let call = || {
                        let (mut merger, request) = (merger.clone(), request.clone());
                        async move { merger.merge_customers(request).await }
                    };
                    match repeated(call).await {
                        Ok(answer) => made.lock().unwrap().push(answer.into_inner().merge.unwrap().id),
                        Err(status) => {
                            assert_eq!(reason_of(&status).as_deref(), Some("ALREADY_MERGED"), "{status:?}");
                        }
                    }
                }
                let merge = made.lock().unwrap().get(round * 2 % (round + 2)).cloned();
                if let Some(merge_id) = merge {
                    let request = UndoMergeRequest { request_id: harness.id(), merge_id };
                    let call = || {
                        let (mut merger, request) = (merger.clone(), request.clone());
                        async move { merger.undo_merge(request).await }
                    };
                    let undone = repeated(call).await;
                    if let Err(status) = undone {
                        assert_eq!(reason_of(&status).as_deref(), Some("ALREADY_UNDONE"), "{status:?}");
                    }
                }
            }
        }));
    }
    for (number, customer) in customers.clone().into_iter().enumerate() {
        let harness = Arc::clone(&harness);
        racing.push(tokio::spawn(async move {
            let client = harness.client(tenant, &format!("tagger-{number}"), Role::Supervisor);
            for round in 0..6 {
                let request = UpdateTagsRequest {
                    request_id: harness.id(),
                    customer_id: customer.to_string(),
                    add: vec![format!("tag {number} {round}")],
                    remove: Vec::new(),
                };
                let call = || {
                    let (mut client, request) = (client.clone(), request.clone());
                    async move { client.update_tags(request).await }
                };
                repeated(call).await.unwrap();
            }
        }));
    }
    // Links that come and go by themselves, and messages of everybody.
    let talks: Vec<Uuid> = people.iter().map(|_| harness.ambient.id()).collect();
    let mut token = String::new();
    for (number, round) in (1..=ROUNDS).zip(1_i64..) {
        let linked = number % PEOPLE;
        people[linked] = people[linked].then(|state| {
            state.identities =
                if round % 3 == 0 { Vec::new() } else { vec![external(&format!("u{}", round % 2))] };
        });
        let states = people
            .iter()
            .zip(&talks)
            .map(|(person, talk)| conversation(tenant, *talk, person.contact, round, 1_000 + round));
        harness.tell(states);
        token = harness.tell([people[linked].change()]);
        // As fast as they are taken in, so that they meet the others.
        harness.applied(token.clone()).await;
    }
    for racer in racing {
        racer.await.unwrap();
    }
    harness.applied(token).await;

    totals_are_counts(&harness).await;
    let merges = live(&harness).await;
    let plain = Plain { people: people.clone(), merges };
    check(&harness, &plain).await;
    let tags = harness.tags("").await;
    assert_eq!(tags.len(), PEOPLE * 6);
    let made = made.lock().unwrap().clone();
    assert!(!made.is_empty());
    for merge in made {
        if let Err(status) = harness.undo(&merge).await {
            assert_eq!(reason_of(&status).as_deref(), Some("ALREADY_UNDONE"), "{status:?}");
        }
    }
    check(&harness, &Plain { people, merges: Vec::new() }).await;
    totals_are_counts(&harness).await;
}

/// As callers do: under the same request id until the answer is another than that the service is busy.
async fn repeated<T, F: Future<Output = Result<T, Status>>>(call: impl Fn() -> F) -> Result<T, Status> {
    loop {
        match guarded(call()).await {
            Err(status) if status.code() == Code::Unavailable => {}
            answer => return answer,
        }
    }
}

/// The merges that hold, oldest first.
async fn live(harness: &Harness) -> Vec<(Uuid, Uuid)> {
    sqlx::query_as(
        "SELECT survivor_id, merged_id FROM customer_merge WHERE undone_at IS NULL ORDER BY merged_at, id",
    )
    .fetch_all(&mut harness.connect().await)
    .await
    .unwrap()
}

async fn check(harness: &Harness, plain: &Plain) {
    let mut tags: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (root, set) in plain.sets() {
        let contacts: BTreeSet<String> = set.iter().map(|person| person.contact.to_string()).collect();
        for person in &set {
            let customer = harness.get(person.customer).await.unwrap();
            assert_eq!(customer.id, root.to_string());
            assert_eq!(customer.contacts.iter().map(|it| it.id.clone()).collect::<BTreeSet<_>>(), contacts);
            let (conversations, messages) = (set.len() as i64, (set.len() * ROUNDS) as i64);
            assert_eq!((customer.conversation_count, customer.message_count), (conversations, messages));
            tags.insert(customer.id, customer.tag_ids.into_iter().collect());
        }
    }
    let carried: BTreeSet<&String> = tags.values().flatten().collect();
    assert_eq!(carried.len(), PEOPLE * 6, "no tag is lost");
    assert_eq!(tags.values().map(BTreeSet::len).sum::<usize>(), PEOPLE * 6, "and none is twice");
}
