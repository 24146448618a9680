//! Which customers are one person.

use tandem_proto::customer::v1::Customer;
use uuid::Uuid;

use crate::support::{Harness, Person, claimed, conversation, external, gone, message, phone};

fn contacts(customer: &Customer) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = customer.contacts.iter().map(|contact| contact.id.parse().unwrap()).collect();
    ids.sort();
    ids
}

fn both(one: &Person, other: &Person) -> Vec<Uuid> {
    let mut ids = vec![one.contact, other.contact];
    ids.sort();
    ids
}

#[tokio::test]
async fn a_contact_becomes_a_customer_with_everything_that_is_known() {
    let harness = Harness::start("becomes").await;
    let ann = Person::new(&harness, " Ann ", 100).with(phone("+972501234567"));
    let (one, two) = (harness.ambient.id(), harness.ambient.id());
    let tenant = harness.tenant;
    harness
        .told([
            message(tenant, one, 1, false),
            message(tenant, one, 2, true),
            conversation(tenant, one, ann.contact, 3, 900),
            ann.change(),
            conversation(tenant, two, ann.contact, 2, 500),
        ])
        .await;
    let customer = harness.get(ann.customer).await.unwrap();
    assert_eq!((customer.display_name.as_str(), customer.name_corrected), ("Ann", false));
    assert_eq!(customer.contacts[0].identities, ann.state.identities);
    assert_eq!(customer.contacts[0].customer_id, ann.customer.to_string());
    assert_eq!((customer.conversation_count, customer.message_count), (2, 4));
    assert_eq!(customer.first_contact_time.unwrap().seconds, 100);
    assert_eq!(customer.last_contact_time.unwrap().seconds, 900);
    assert_eq!(customer.merged_into_id, "");
}

#[tokio::test]
async fn a_verified_id_of_the_business_links_channels_and_the_older_stands_for_both() {
    let harness = Harness::start("links").await;
    let older = Person::new(&harness, "", 100).with(external("u-1"));
    let younger = Person::new(&harness, "Ann", 200).with(external("u-1"));
    let (one, two) = (harness.ambient.id(), harness.ambient.id());
    let tenant = harness.tenant;
    harness.told([younger.change(), conversation(tenant, one, younger.contact, 5, 700)]).await;
    let alone = harness.get(younger.customer).await.unwrap();
    harness.add_tags(younger.customer, &["vip"]).await;
    harness.told([older.change(), conversation(tenant, two, older.contact, 2, 800)]).await;

    let root = harness.get(older.customer).await.unwrap();
    assert_eq!(harness.get(younger.customer).await.unwrap(), root, "ids of merged customers keep resolving");
    assert_eq!(root.id, older.customer.to_string());
    assert_eq!(contacts(&root), both(&older, &younger));
    assert_eq!((root.conversation_count, root.message_count), (2, 7));
    assert_eq!(
        (root.first_contact_time.unwrap().seconds, root.last_contact_time.unwrap().seconds),
        (100, 800)
    );
    assert_eq!((root.display_name.as_str(), root.tag_ids.len()), ("Ann", 1));
    assert!(root.version > alone.version, "versions order states over customers too");
}

#[tokio::test]
async fn claimed_ids_other_kinds_and_other_tenants_link_nobody() {
    let harness = Harness::start("links_nobody").await;
    let ann = Person::new(&harness, "Ann", 100).with(external("u-1")).with(phone("+1"));
    let ben = Person::new(&harness, "Ben", 200).with(claimed("u-1")).with(phone("+1"));
    let far =
        Person::of(&harness, harness.ambient.id(), harness.ambient.id(), "Far", 50).with(external("u-1"));
    harness.told([ann.change(), ben.change(), far.change()]).await;
    for person in [&ann, &ben] {
        let customer = harness.get(person.customer).await.unwrap();
        assert_eq!((customer.id, customer.contacts.len()), (person.customer.to_string(), 1));
    }
    assert!(harness.get(far.customer).await.is_err());
}

#[tokio::test]
async fn chains_are_compressed_and_an_older_link_takes_over_later() {
    let harness = Harness::start("chains").await;
    let third = Person::new(&harness, "C", 300).with(external("x"));
    let second = Person::new(&harness, "B", 200).with(external("x"));
    let first = Person::new(&harness, "A", 100);
    harness.told([third.change()]).await;
    harness.told([second.change()]).await;
    assert_eq!(harness.get(third.customer).await.unwrap().id, second.customer.to_string());
    harness.told([first.change()]).await;
    // An alias of a contact that already stands for another.
    let alias = second.then(|state| state.canonical_id = first.contact.to_string());
    harness.told([alias.change()]).await;
    for person in [&first, &second, &third] {
        let customer = harness.get(person.customer).await.unwrap();
        assert_eq!((customer.id, customer.contacts.len()), (first.customer.to_string(), 3));
    }
    let mut database = harness.connect().await;
    let chains: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM customer c JOIN customer m ON m.tenant_id = c.tenant_id AND m.id = c.merged_into
         WHERE m.merged_into IS NOT NULL",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    assert_eq!(chains, 0);
}

#[tokio::test]
async fn a_link_that_is_gone_parts_customers_and_each_has_its_own_again() {
    let harness = Harness::start("parts").await;
    let ann = Person::new(&harness, "Ann", 100).with(external("u"));
    let ben = Person::new(&harness, "Ben", 200).with(external("u"));
    harness.told([ann.change(), ben.change()]).await;
    harness.add_tags(ben.customer, &["of both"]).await;
    let unlinked = ben.then(|state| state.identities.clear());
    harness.told([unlinked.change(), ann.change()]).await;
    let (ann_now, ben_now) =
        (harness.get(ann.customer).await.unwrap(), harness.get(ben.customer).await.unwrap());
    assert_eq!((contacts(&ann_now), contacts(&ben_now)), (vec![ann.contact], vec![ben.contact]));
    assert_eq!((ann_now.tag_ids.len(), ben_now.tag_ids.len()), (1, 0), "new facts went to the survivor");
    assert_eq!(ben_now.display_name, "Ben");
}

#[tokio::test]
async fn what_is_gone_is_gone_and_what_people_touched_stays() {
    let harness = Harness::start("gone").await;
    let (ann, ben) = (Person::new(&harness, "Ann", 100), Person::new(&harness, "Ben", 200));
    let (tenant, thread) = (harness.tenant, harness.ambient.id());
    let talk = conversation(tenant, thread, ann.contact, 4, 500);
    harness.told([ann.change(), ben.change(), talk.clone(), message(tenant, thread, 2, true)]).await;
    harness.add_tags(ben.customer, &["kept"]).await;
    assert_eq!(harness.get(ann.customer).await.unwrap().message_count, 3);
    harness.told([gone(&talk)]).await;
    let quiet = harness.get(ann.customer).await.unwrap();
    assert_eq!((quiet.conversation_count, quiet.message_count, quiet.last_contact_time), (0, 0, None));
    harness.told([gone(&ann.change()), gone(&ben.change())]).await;
    assert!(harness.get(ann.customer).await.is_err());
    let ben = harness.get(ben.customer).await.unwrap();
    assert_eq!((ben.contacts.len(), ben.tag_ids.len(), ben.display_name.as_str()), (0, 1, ""));
}
