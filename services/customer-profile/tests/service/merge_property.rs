//! Any sequence of contacts' states, merges, undos and tags ends with the profiles, counts and histories that the
//! remaining links imply.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tandem_access::Role;
use tandem_proto::customer::v1::{
    ListCustomerConversationsRequest, MergeCustomersRequest, UndoMergeRequest, UpdateTagsRequest,
};
use tandem_proto::feed::v1::change::Body;
use tandem_proto::feed::v1::{Change, ChangeKind, SnapshotRequest};
use tonic::Code;
use uuid::Uuid;

use crate::support::{Client, Harness, Merger, Person, Plain, conversation, external, get, guarded, refused};

#[derive(Debug, Clone)]
enum Step {
    /// A contact looks so now: its verified id, if any, and the contact that it aliases, if any.
    Looks(usize, Option<u8>, Option<usize>),
    /// One of them survives.
    Merge(usize, usize),
    /// The merge made so many-th, also one that was undone before.
    Undo(usize),
    Tag(usize, u8),
    Writes(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0_usize..5;
    let step = prop_oneof![
        2 => (who.clone(), weighted(0.6, 0_u8..3), weighted(0.2, 0_usize..5))
            .prop_map(|(who, id, alias)| Step::Looks(who, id, alias)),
        4 => (who.clone(), who.clone()).prop_map(|(one, other)| Step::Merge(one, other)),
        2 => (0_usize..6).prop_map(Step::Undo),
        1 => (who.clone(), 0_u8..3).prop_map(|(who, tag)| Step::Tag(who, tag)),
        1 => who.prop_map(Step::Writes),
    ];
    vec(step, 1..14)
}

/// The service and its plain likeness.
struct World<'a> {
    harness: &'a Harness,
    tenant: Uuid,
    client: Client,
    merger: Merger,
    plain: Plain,
    /// Every merge that was made, and its ends.
    made: Vec<(String, (Uuid, Uuid))>,
    tags: BTreeMap<Uuid, BTreeSet<String>>,
    /// By contact: the conversation and its messages.
    talks: BTreeMap<Uuid, (Uuid, i64)>,
}

impl<'a> World<'a> {
    async fn new(harness: &'a Harness) -> Self {
        let (tenant, channel) = (harness.ambient.id(), harness.ambient.id());
        let person = |n: i64| Person::of(harness, tenant, channel, &format!("name {n}"), 100 + n % 3);
        let people: Vec<Person> = (0..5).map(person).collect();
        harness.told(people.iter().map(Person::change)).await;
        Self {
            harness,
            tenant,
            client: harness.client(tenant, "admin-1", Role::Admin),
            merger: harness.merger_as(tenant, "admin-1", Role::Admin),
            plain: Plain { people, merges: Vec::new() },
            made: Vec::new(),
            tags: BTreeMap::new(),
            talks: BTreeMap::new(),
        }
    }

    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Looks(who, id, alias) => {
                let canonical =
                    alias.filter(|alias| *alias != who).map(|alias| self.plain.people[alias].contact);
                let person = self.plain.people[who].then(|state| {
                    state.identities = id.iter().map(|id| external(&format!("id {id}"))).collect();
                    state.canonical_id = canonical.map(|id| id.to_string()).unwrap_or_default();
                });
                self.harness.told([person.change()]).await;
                self.plain.people[who] = person;
            }
            Step::Merge(one, other) => self.merge(one, other).await,
            Step::Undo(number) if !self.made.is_empty() => self.undo(number % self.made.len()).await,
            Step::Undo(_) => {}
            Step::Tag(who, tag) => self.tag(who, tag).await,
            Step::Writes(who) => {
                let contact = self.plain.people[who].contact;
                let talk = self.talks.entry(contact).or_insert_with(|| (self.harness.ambient.id(), 0));
                talk.1 += 1;
                let state = conversation(self.tenant, talk.0, contact, talk.1, 1_000 + talk.1);
                self.harness.told([state]).await;
            }
        }
    }

    async fn merge(&mut self, one: usize, other: usize) {
        let [one, other] = [one, other].map(|who| self.plain.people[who].customer);
        if one == other {
            return;
        }
        let request = MergeCustomersRequest {
            request_id: self.harness.id(),
            survivor_id: one.to_string(),
            merged_id: other.to_string(),
        };
        let answer = guarded(self.merger.merge_customers(request)).await;
        let ends = (self.plain.root(one), self.plain.root(other));
        if ends.0 == ends.1 {
            refused(answer, Code::FailedPrecondition, "ALREADY_MERGED");
            return;
        }
        let answer = answer.unwrap().into_inner();
        assert_eq!(answer.customer.unwrap().id, ends.0.to_string());
        self.plain.merges.push(ends);
        // The test's clock stands still: of merges at one instant among people who have nothing to do with one another yet, ids
        // would say which is the newest.
        self.harness.ambient.clock().advance(TimeDelta::milliseconds(1));
        self.made.push((answer.merge.unwrap().id, ends));
    }

    async fn undo(&mut self, number: usize) {
        let (merge_id, ends) = self.made[number].clone();
        let request = UndoMergeRequest { request_id: self.harness.id(), merge_id };
        let answer = guarded(self.merger.undo_merge(request)).await;
        let Some(place) = self.plain.merges.iter().position(|merge| *merge == ends) else {
            refused(answer, Code::FailedPrecondition, "ALREADY_UNDONE");
            return;
        };
        // The same two may have been merged again since: then an earlier merge of them is undone already.
        let newest = self.made.iter().rposition(|(_, other)| *other == ends).unwrap();
        if newest != number {
            refused(answer, Code::FailedPrecondition, "ALREADY_UNDONE");
            return;
        }
        self.plain.merges.remove(place);
        let answer = answer.unwrap().into_inner();
        assert_eq!(answer.survivor.unwrap().id, self.plain.root(ends.0).to_string());
        assert_eq!(answer.merged.unwrap().id, self.plain.root(ends.1).to_string());
    }

    async fn tag(&mut self, who: usize, tag: u8) {
        let (customer, name) = (self.plain.people[who].customer, format!("tag {tag}"));
        let request = UpdateTagsRequest {
            request_id: self.harness.id(),
            customer_id: customer.to_string(),
            add: vec![name.clone()],
            remove: Vec::new(),
        };
        guarded(self.client.update_tags(request)).await.unwrap();
        let root = self.plain.root(customer);
        if !self.carried(root).contains(&name) {
            self.tags.entry(root).or_default().insert(name);
        }
    }

    /// The union over those that one stands for.
    fn carried(&self, root: Uuid) -> BTreeSet<String> {
        let sets = self.plain.sets();
        sets[&root].iter().filter_map(|person| self.tags.get(&person.customer)).flatten().cloned().collect()
    }

    async fn check(&mut self) {
        let tags = self.harness.tags_of(self.tenant, "").await;
        let counted: BTreeMap<String, i64> =
            tags.iter().map(|tag| (tag.name.clone(), tag.customer_count)).collect();
        let names: BTreeMap<String, String> = tags.into_iter().map(|tag| (tag.id, tag.name)).collect();
        let plain = self.plain.clone();
        let mut told = BTreeSet::new();
        for (root, set) in plain.sets() {
            let contacts: BTreeSet<String> = set.iter().map(|person| person.contact.to_string()).collect();
            let talks: Vec<(Uuid, i64)> =
                set.iter().filter_map(|person| self.talks.get(&person.contact).copied()).collect();
            for person in &set {
                let customer = get(&mut self.client, person.customer).await.unwrap();
                assert_eq!(customer.id, root.to_string());
                assert_eq!(
                    customer.contacts.iter().map(|it| it.id.clone()).collect::<BTreeSet<_>>(),
                    contacts
                );
                assert_eq!(customer.conversation_count, talks.len() as i64);
                assert_eq!(customer.message_count, talks.iter().map(|talk| talk.1).sum::<i64>());
                let tags: BTreeSet<String> = customer.tag_ids.iter().map(|id| names[id].clone()).collect();
                assert_eq!(tags, self.carried(root));
                let first = set.iter().map(|person| person.state.create_time.unwrap().seconds).min();
                assert_eq!(customer.first_contact_time.map(|time| time.seconds), first);
                let request = ListCustomerConversationsRequest {
                    customer_id: person.customer.to_string(),
                    ..ListCustomerConversationsRequest::default()
                };
                let history = guarded(self.client.list_customer_conversations(request)).await.unwrap();
                let history = history.into_inner().conversations;
                let ids: BTreeSet<String> = history.iter().map(|talk| talk.id.clone()).collect();
                assert_eq!(ids, talks.iter().map(|talk| talk.0.to_string()).collect());
                assert!(history.iter().all(|talk| talk.customer_id == root.to_string()));
            }
            told.insert((root.to_string(), contacts));
        }
        let mut carried: BTreeMap<String, i64> = counted.keys().map(|name| (name.clone(), 0)).collect();
        for root in plain.sets().into_keys() {
            self.carried(root).into_iter().for_each(|name| *carried.entry(name).or_default() += 1);
        }
        assert_eq!(counted, carried, "a tag counts those who stand for themselves and carry it");
        assert_eq!(self.feed().await, told, "what others are told");
    }

    /// Customers that stand for themselves with their contacts, as the service's own feed has them.
    async fn feed(&self) -> BTreeSet<(String, BTreeSet<String>)> {
        let (mut found, mut page_token) = (BTreeSet::new(), String::new());
        loop {
            let request =
                SnapshotRequest { kinds: vec![ChangeKind::Customer.into()], page_token, page_size: 1_000 };
            let page = guarded(self.harness.feed().snapshot(request)).await.unwrap().into_inner();
            let own = page.changes.into_iter().filter(|change| change.tenant_id == self.tenant.to_string());
            for Change { body, .. } in own {
                let Some(Body::Customer(customer)) = body else { panic!("no customer") };
                if customer.merged_into_id.is_empty() {
                    found.insert((customer.id, customer.contacts.into_iter().map(|it| it.id).collect()));
                } else {
                    assert!(customer.contacts.is_empty());
                }
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    }
}

#[test]
fn any_sequence_ends_with_what_the_remaining_links_imply() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let harness = runtime.block_on(Harness::start("any_sequence"));
    let mut runner = TestRunner::new(Config {
        cases: 30,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let mut world = World::new(&harness).await;
            for step in &steps {
                world.take(step).await;
            }
            world.check().await;
            // Without any merge of people the contacts alone decide again.
            for number in 0..world.made.len() {
                world.undo(number).await;
            }
            world.check().await;
        });
        Ok(())
    });
    outcome.unwrap();
}
