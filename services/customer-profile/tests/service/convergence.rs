//! Any order and repetition of the same states gives the same customers and counts, and so does a rebuild.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tandem_proto::customer::v1::Customer;
use tandem_proto::feed::v1::Change;
use tandem_proto::feed::v1::change::Body;
use tandem_proto::r#type::v1::{Identity, IdentityKind};
use uuid::Uuid;

use crate::support::{Harness, Person, conversation, external, get, message, phone};

/// One contact at one time: its verified id, if any, and the contact that it aliases, if any.
type Look = (Option<u8>, Option<usize>);

#[derive(Debug, Clone)]
struct World {
    /// The second of the first contact, and how it looks, version by version.
    contacts: Vec<(i64, Vec<Look>)>,
    /// Whose, and for each position whether it is a private note.
    conversations: Vec<(usize, Vec<bool>)>,
    /// Sorts the states for delivery; those that stand past the end are repeats.
    order: Vec<u32>,
    batch: usize,
}

fn worlds() -> impl Strategy<Value = World> {
    let look = (weighted(0.5, 0_u8..3), weighted(0.2, 0_usize..5));
    let contacts = vec((100_i64..103, vec(look, 1..3)), 1..6);
    let conversations = vec((0_usize..5, vec(any::<bool>(), 0..4)), 0..5);
    (contacts, conversations, vec(any::<u32>(), 80), 1_usize..9)
        .prop_map(|(contacts, conversations, order, batch)| World { contacts, conversations, order, batch })
}

/// Every state that ever was, newest last for each entity.
fn states(harness: &Harness, tenant: Uuid, world: &World) -> (Vec<Change>, Vec<Person>) {
    let channel = harness.ambient.id();
    let people: Vec<Person> = world
        .contacts
        .iter()
        .enumerate()
        .map(|(index, (at, _))| Person::of(harness, tenant, channel, &format!("name {index}"), *at))
        .collect();
    let (mut states, mut newest) = (Vec::new(), Vec::new());
    for (person, (_, looks)) in people.iter().zip(&world.contacts) {
        let mut now = person.clone();
        for (number, (id, alias)) in looks.iter().enumerate() {
            now = now.then(|state| {
                state.identities = id.iter().map(|id| external(&format!("id {id}"))).collect();
                if number == 1 {
                    state.identities.push(phone("+15550100"));
                }
                let canonical =
                    alias.and_then(|alias| people.get(alias)).filter(|other| other.contact != person.contact);
                state.canonical_id = canonical.map(|other| other.contact.to_string()).unwrap_or_default();
                state.version = 1 + number as i64;
            });
            states.push(now.change());
        }
        newest.push(now);
    }
    for (owner, notes) in &world.conversations {
        let (id, owner) = (harness.ambient.id(), &people[owner % people.len()]);
        for position in 0..=notes.len() {
            let at = 1_000 + position as i64;
            states.push(conversation(tenant, id, owner.contact, position as i64, at));
        }
        let positions = notes.iter().zip(1..);
        states.extend(positions.map(|(private, position)| message(tenant, id, position, *private)));
    }
    (states, newest)
}

/// What the newest states imply, by another algorithm than the service's: contact ids, conversations and messages of
/// each set by its oldest customer.
fn truth(people: &[Person], states: &[Change]) -> BTreeMap<Uuid, (BTreeSet<String>, i64, i64)> {
    let mut label: Vec<usize> = (0..people.len()).collect();
    loop {
        let before = label.clone();
        for (one, a) in people.iter().enumerate() {
            for (other, b) in people.iter().enumerate() {
                let linking = |id: &&Identity| id.kind() == IdentityKind::ExternalId;
                let ids =
                    |person: &Person| person.state.identities.iter().find(linking).map(|id| id.value.clone());
                let same = ids(a).is_some() && ids(a) == ids(b);
                if same || a.state.canonical_id == b.state.id || b.state.canonical_id == a.state.id {
                    let smaller = label[one].min(label[other]);
                    (label[one], label[other]) = (smaller, smaller);
                }
            }
        }
        if before == label {
            break;
        }
    }
    let mut newest: BTreeMap<&str, (String, i64)> = BTreeMap::new();
    let mut notes: BTreeSet<(String, i64)> = BTreeSet::new();
    for change in states {
        match &change.body {
            Some(Body::Conversation(state)) => {
                let known = newest.entry(&change.entity_id).or_default();
                *known = (state.contact_id.clone(), known.1.max(state.last_position));
            }
            Some(Body::Message(state)) if state.private => {
                notes.insert((state.conversation_id.clone(), state.position));
            }
            _ => {}
        }
    }
    let mut sets: BTreeMap<usize, Vec<&Person>> = BTreeMap::new();
    for (person, label) in people.iter().zip(&label) {
        sets.entry(*label).or_default().push(person);
    }
    let sum = |set: Vec<&Person>| {
        let age = |person: &&&Person| (person.state.create_time.unwrap().seconds, person.customer);
        let oldest = set.iter().min_by_key(age).unwrap().customer;
        let contacts: BTreeSet<String> = set.iter().map(|person| person.contact.to_string()).collect();
        let own = newest.iter().filter(|(_, (contact, _))| contacts.contains(contact));
        let own: Vec<(&&str, &(String, i64))> = own.collect();
        let private = notes.iter().filter(|(id, _)| own.iter().any(|(own, _)| *own == id)).count() as i64;
        let messages = own.iter().map(|(_, (_, position))| position).sum::<i64>() - private;
        (oldest, (contacts, own.len() as i64, messages))
    };
    sets.into_values().map(sum).collect()
}

async fn check(harness: &Harness, tenant: Uuid, people: &[Person], states: &[Change]) {
    let mut admin = harness.client(tenant, "admin-1", tandem_access::Role::Admin);
    let truth = truth(people, states);
    for person in people {
        let customer: Customer = get(&mut admin, person.customer).await.unwrap();
        let (contacts, conversations, messages) = &truth[&customer.id.parse::<Uuid>().unwrap()];
        let shown: BTreeSet<String> = customer.contacts.iter().map(|contact| contact.id.clone()).collect();
        assert_eq!(&shown, contacts);
        assert!(contacts.contains(&person.contact.to_string()));
        assert_eq!((customer.conversation_count, customer.message_count), (*conversations, *messages));
        let first = people.iter().filter(|other| contacts.contains(&other.contact.to_string()));
        let first = first.map(|other| other.state.create_time.unwrap().seconds).min();
        assert_eq!(customer.first_contact_time.map(|time| time.seconds), first);
    }
}

#[test]
fn any_order_and_repetition_gives_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let harness = runtime.block_on(Harness::start("any_order"));
    let mut runner = TestRunner::new(Config {
        cases: 40,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&worlds(), |world| {
        runtime.block_on(async {
            let tenant = harness.ambient.id();
            let (states, people) = states(&harness, tenant, &world);
            let mut delivered: Vec<(u32, Change)> =
                world.order.iter().copied().zip(states.iter().cycle().cloned()).collect();
            assert!(delivered.len() >= states.len());
            delivered.sort_by_key(|(place, _)| *place);
            let delivered: Vec<Change> = delivered.into_iter().map(|(_, change)| change).collect();
            let mut token = String::new();
            for batch in delivered.chunks(world.batch) {
                token = harness.tell(batch.to_vec());
            }
            harness.applied(token).await;
            check(&harness, tenant, &people, &states).await;
        });
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(totals_are_counts(&harness));
}

/// The counters equal counts over the rows, over all tenants.
pub async fn totals_are_counts(harness: &Harness) {
    let wrong: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM contact_totals t LEFT JOIN (
             SELECT tenant_id, contact_id, count(*) AS conversations, sum(last_position - note_count) AS messages,
                    max(last_activity_at) AS newest
             FROM conversation WHERE contact_id IS NOT NULL GROUP BY tenant_id, contact_id) c USING (tenant_id, contact_id)
         WHERE t.conversation_count <> coalesce(c.conversations, 0) OR t.message_count <> coalesce(c.messages, 0)
            OR t.last_activity_at IS DISTINCT FROM c.newest",
    )
    .fetch_one(&mut harness.connect().await)
    .await
    .unwrap();
    assert_eq!(wrong, 0);
    // So is what lists go by, of those who stand for themselves and of the others.
    let wrong: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM customer c LEFT JOIN (
             SELECT m.tenant_id, coalesce(m.merged_into, m.id) AS id, max(t.last_activity_at) AS newest,
                    bool_or(k.identities::text LIKE '%\"kind\": 3%') AS has_phone
             FROM customer m JOIN contact k ON k.tenant_id = m.tenant_id AND k.customer_id = m.id
             LEFT JOIN contact_totals t ON t.tenant_id = k.tenant_id AND t.contact_id = k.id
             GROUP BY 1, 2) AS s USING (tenant_id, id)
         WHERE c.last_contact_at IS DISTINCT FROM s.newest OR c.has_phone <> coalesce(s.has_phone, false)",
    )
    .fetch_one(&mut harness.connect().await)
    .await
    .unwrap();
    assert_eq!(wrong, 0);
}

#[tokio::test]
async fn a_rebuild_from_a_restored_database_ends_with_what_that_holds() {
    let harness = Harness::start("rebuild").await;
    let tenant = harness.tenant;
    let ann = Person::new(&harness, "Ann", 100).with(external("u"));
    let ben = Person::new(&harness, "Ben", 200);
    let cat = Person::new(&harness, "Cat", 300);
    let [talk, later, lost] = [harness.ambient.id(), harness.ambient.id(), harness.ambient.id()];
    let linked = ben.then(|state| state.identities.push(external("u")));
    harness
        .told([
            ann.change(),
            linked.change(),
            cat.change(),
            conversation(tenant, talk, ann.contact, 9, 900),
            message(tenant, talk, 2, true),
            message(tenant, talk, 7, true),
            conversation(tenant, lost, ben.contact, 4, 950),
            message(tenant, lost, 1, true),
        ])
        .await;
    assert_eq!(harness.get(ben.customer).await.unwrap().message_count, 10);
    assert_eq!(harness.get(cat.customer).await.unwrap().display_name, "Cat");
    // The dump is older: Ben is not linked yet, Cat never wrote, one thread is shorter and one is not there.
    let kept = [
        ann.change(),
        ben.change(),
        conversation(tenant, talk, ann.contact, 5, 800),
        message(tenant, talk, 1, false),
        message(tenant, talk, 2, true),
    ];
    harness.conversation.restore(kept.to_vec());
    harness.told([conversation(tenant, later, ben.contact, 1, 1_000)]).await;
    let ann_now = harness.get(ann.customer).await.unwrap();
    assert_eq!((ann_now.conversation_count, ann_now.message_count), (1, 4));
    assert_eq!((ann_now.contacts.len(), ann_now.last_contact_time.unwrap().seconds), (1, 800));
    let ben_now = harness.get(ben.customer).await.unwrap();
    assert_eq!((ben_now.id, ben_now.conversation_count), (ben.customer.to_string(), 1));
    assert!(harness.get(cat.customer).await.is_err(), "nothing is left of what the dump does not hold");
    totals_are_counts(&harness).await;
}
