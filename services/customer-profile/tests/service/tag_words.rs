//! The tags themselves: renamed, described, merged, deleted, counted, and put on many at once.

use std::collections::{BTreeMap, BTreeSet};

use prost_types::FieldMask;
use tandem_access::Role;
use tandem_proto::customer::v1::bulk_tags_result::Outcome;
use tandem_proto::customer::v1::{
    BulkTagsResult, BulkUpdateTagsRequest, CustomerFilter, DeleteTagRequest, ListCustomersRequest,
    MergeTagsRequest, Tag, UpdateTagRequest,
};
use tandem_proto::r#type::v1::ErrorReason;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::support::{Client, Harness, Person, external, gone, guarded, refused};

async fn edit(harness: &Harness, tag: Tag, paths: &[&str]) -> Result<Tag, Status> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request =
        UpdateTagRequest { request_id: harness.id(), tag: Some(tag), update_mask: Some(FieldMask { paths }) };
    let mut words = harness.words_as(harness.tenant, Role::Supervisor);
    guarded(words.update_tag(request)).await.map(|answer| answer.into_inner().tag.unwrap())
}

async fn merge(harness: &Harness, tag: &Tag, into: &Tag) -> Result<Tag, Status> {
    let request =
        MergeTagsRequest { request_id: harness.id(), tag_id: tag.id.clone(), into_tag_id: into.id.clone() };
    let mut words = harness.words_as(harness.tenant, Role::Supervisor);
    guarded(words.merge_tags(request)).await.map(|answer| answer.into_inner().tag.unwrap())
}

async fn delete(harness: &Harness, tag: &Tag) -> Result<(), Status> {
    let request =
        DeleteTagRequest { request_id: harness.id(), tag_id: tag.id.clone(), etag: tag.etag.clone() };
    let mut words = harness.words_as(harness.tenant, Role::Supervisor);
    guarded(words.delete_tag(request)).await.map(drop)
}

async fn bulk(
    client: &mut Client,
    harness: &Harness,
    customers: &[Uuid],
    add: &[&str],
    remove: &[&str],
) -> Result<Vec<BulkTagsResult>, Status> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let request = BulkUpdateTagsRequest {
        request_id: harness.id(),
        customer_ids: customers.iter().map(Uuid::to_string).collect(),
        add: owned(add),
        remove: owned(remove),
    };
    guarded(client.bulk_update_tags(request)).await.map(|answer| answer.into_inner().results)
}

/// The tags by name, with how many carry each.
async fn counted(harness: &Harness) -> BTreeMap<String, i64> {
    let tags = harness.tags("").await;
    assert!(tags.iter().all(|tag| tag.count_exact));
    tags.into_iter().map(|tag| (tag.name, tag.customer_count)).collect()
}

async fn tag(harness: &Harness, name: &str) -> Tag {
    harness.tags(name).await.into_iter().find(|tag| tag.name == name).unwrap()
}

/// Who is found by a tag.
async fn bearers(harness: &Harness, tag: &Tag) -> BTreeSet<String> {
    let filter = Some(CustomerFilter { tag_id: tag.id.clone(), ..CustomerFilter::default() });
    let request = ListCustomersRequest { filter, ..ListCustomersRequest::default() };
    let found = guarded(harness.admin().list_customers(request)).await.unwrap().into_inner().customers;
    found.into_iter().map(|customer| customer.id).collect()
}

fn counts(pairs: &[(&str, i64)]) -> BTreeMap<String, i64> {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn ids(people: &[&Person]) -> BTreeSet<String> {
    people.iter().map(|person| person.customer.to_string()).collect()
}

#[tokio::test]
async fn a_tag_is_renamed_described_and_coloured_once() {
    let harness = Harness::start("tag_edit").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    harness.add_tags(ann.customer, &["Streng", "other"]).await;
    let before = tag(&harness, "Streng").await;
    let wish = Tag {
        name: " STRENGE ".to_owned(),
        description: "who pays late".to_owned(),
        colour: "#FF00aa".to_owned(),
        ..before.clone()
    };
    let now = edit(&harness, wish.clone(), &["name", "description", "colour"]).await.unwrap();
    assert_eq!(
        (
            now.id.as_str(),
            now.name.as_str(),
            now.description.as_str(),
            now.colour.as_str(),
            now.customer_count
        ),
        (before.id.as_str(), "STRENGE", "who pays late", "#ff00aa", 1)
    );
    refused(edit(&harness, wish.clone(), &["name"]).await, Code::Aborted, "ETAG_MISMATCH");
    // Repeated with the tag as it was read meanwhile: the first answer.
    let repeated = UpdateTagRequest {
        request_id: harness.id(),
        tag: Some(Tag { description: String::new(), ..now.clone() }),
        update_mask: Some(FieldMask { paths: vec!["description".to_owned()] }),
    };
    let mut words = harness.words_as(harness.tenant, Role::Supervisor);
    let answer = guarded(words.update_tag(repeated.clone())).await.unwrap().into_inner();
    let read = Tag { customer_count: 9, version: 9, etag: String::new(), ..repeated.tag.clone().unwrap() };
    let again = UpdateTagRequest { tag: Some(read), ..repeated };
    assert_eq!(guarded(words.update_tag(again)).await.unwrap().into_inner(), answer);
    let now = answer.tag.unwrap();
    let taken = Tag { name: "OTHER".to_owned(), ..now.clone() };
    refused(edit(&harness, taken, &["name"]).await, Code::AlreadyExists, "ALREADY_EXISTS");
    let unknown = Tag { id: harness.id(), etag: String::new(), ..now.clone() };
    refused(edit(&harness, unknown, &["colour"]).await, Code::NotFound, "NOT_FOUND");
    // Of another tenant, and of a role that only uses tags.
    let request = UpdateTagRequest {
        request_id: harness.id(),
        tag: Some(Tag { etag: String::new(), ..now.clone() }),
        update_mask: Some(FieldMask { paths: vec!["name".to_owned()] }),
    };
    let mut others = harness.words_as(harness.ambient.id(), Role::Admin);
    refused(guarded(others.update_tag(request.clone())).await, Code::NotFound, "NOT_FOUND");
    let mut agent = harness.words_as(harness.tenant, Role::Agent);
    refused(guarded(agent.update_tag(request)).await, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
    // Its old name is free, the customer has it by its new one.
    assert_eq!(harness.tags("streng").await.len(), 1);
    harness.add_tags(ann.customer, &["streng"]).await;
    assert_eq!(counted(&harness).await, counts(&[("STRENGE", 1), ("other", 1), ("streng", 1)]));
}

#[tokio::test]
async fn merged_tags_are_one_to_everybody_and_count_each_customer_once() {
    let harness = Harness::start("tag_merge").await;
    let people: Vec<Person> = (0..4).map(|n| Person::new(&harness, &format!("P{n}"), 100 + n)).collect();
    let [one, two, both, none] = [0, 1, 2, 3].map(|n| &people[n]);
    harness.told(people.iter().map(Person::change)).await;
    harness.add_tags(one.customer, &["one"]).await;
    harness.add_tags(two.customer, &["two"]).await;
    harness.add_tags(both.customer, &["one", "two"]).await;
    harness.add_tags(none.customer, &["three"]).await;
    let (first, second, third) =
        (tag(&harness, "one").await, tag(&harness, "two").await, tag(&harness, "three").await);
    assert_eq!((first.customer_count, second.customer_count), (2, 2));
    let etag = harness.get(both.customer).await.unwrap().etag;
    let stayed = merge(&harness, &first, &second).await.unwrap();
    assert_eq!(
        (stayed.id.as_str(), stayed.customer_count, stayed.count_exact),
        (second.id.as_str(), 3, true)
    );
    assert_eq!(counted(&harness).await, counts(&[("two", 3), ("three", 1)]));
    for asked in [&first, &second] {
        assert_eq!(bearers(&harness, asked).await, ids(&[one, two, both]), "either id finds all");
    }
    let customer = harness.get(both.customer).await.unwrap();
    assert_eq!((customer.tag_ids, customer.etag), (vec![second.id.clone()], etag), "no customer is touched");
    // Again, and by the id that went: nothing changes. A chain ends at the one that stays.
    assert_eq!(merge(&harness, &first, &second).await.unwrap(), stayed);
    let last = merge(&harness, &second, &third).await.unwrap();
    assert_eq!((last.customer_count, bearers(&harness, &first).await.len()), (4, 4));
    refused(
        merge(&harness, &Tag { id: harness.id(), ..first.clone() }, &third).await,
        Code::NotFound,
        "NOT_FOUND",
    );
    // The name that went is a new tag's; the merged one is taken off under every id.
    harness.add_tags(none.customer, &["one"]).await;
    assert_ne!(tag(&harness, "one").await.id, first.id);
    bulk(&mut harness.admin(), &harness, &[both.customer, one.customer], &[], &["three"]).await.unwrap();
    assert_eq!(bearers(&harness, &first).await, ids(&[two, none]));
    assert_eq!(counted(&harness).await, counts(&[("one", 1), ("three", 2)]));
}

#[tokio::test]
async fn a_deleted_tag_is_carried_by_nobody_at_once() {
    let harness = Harness::start("tag_delete").await;
    let (ann, ben) = (Person::new(&harness, "Ann", 100), Person::new(&harness, "Ben", 100));
    harness.told([ann.change(), ben.change()]).await;
    harness.add_tags(ann.customer, &["was", "kept"]).await;
    harness.add_tags(ben.customer, &["gone"]).await;
    let (was, gone) = (tag(&harness, "was").await, tag(&harness, "gone").await);
    let gone = merge(&harness, &was, &gone).await.unwrap();
    refused(
        delete(&harness, &Tag { etag: "7".to_owned(), ..gone.clone() }).await,
        Code::Aborted,
        "ETAG_MISMATCH",
    );
    delete(&harness, &gone).await.unwrap();
    for asked in [&was, &gone] {
        assert_eq!(bearers(&harness, asked).await, BTreeSet::new());
    }
    assert_eq!(counted(&harness).await, counts(&[("kept", 1)]));
    assert_eq!(harness.get(ann.customer).await.unwrap().tag_ids.len(), 1);
    assert_eq!(harness.get(ben.customer).await.unwrap().tag_ids, Vec::<String>::new());
    refused(delete(&harness, &gone).await, Code::NotFound, "NOT_FOUND");
    // Its name makes another tag, which nobody carries from before.
    harness.add_tags(ann.customer, &["Gone"]).await;
    assert_eq!(counted(&harness).await, counts(&[("Gone", 1), ("kept", 1)]));
    // What named it is removed behind the call.
    let mut database = harness.connect().await;
    let left =
        "SELECT count(*) FROM customer_tag t JOIN tag g ON g.id = t.tag_id WHERE g.deleted_at IS NOT NULL";
    guarded(async {
        while sqlx::query_scalar::<_, i64>(left).fetch_one(&mut database).await.unwrap() > 0 {}
    })
    .await;
}

#[tokio::test]
async fn tags_that_the_release_before_created_are_found_in_every_script() {
    let harness = Harness::start_after(
        "tag_fold",
        "INSERT INTO tag (tenant_id, id, name, key, created_at)
         SELECT '00000000-0000-0000-0000-000000000001', lpad(n::text, 32, '0')::uuid, name, key, timestamp '2026-01-01'
         FROM (VALUES (1, 'Straße', 'straße'), (2, 'STRASSE', 'strasse'), (3, 'ＶＩＰ', 'ｖｉｐ')) AS t (n, name, key)",
    )
    .await;
    let folded = async { while harness.tags_of(Uuid::from_u128(1), "vip").await.len() != 1 {} };
    guarded(folded).await;
    // Two that are one by the new rule stay two until people merge them.
    assert_eq!(harness.tags_of(Uuid::from_u128(1), "").await.len(), 3);
}

#[tokio::test]
async fn counts_follow_merges_of_customers_and_their_undo() {
    let harness = Harness::start("tag_counts").await;
    let (ann, ben) = (Person::new(&harness, "Ann", 100), Person::new(&harness, "Ben", 200));
    harness.told([ann.change(), ben.change()]).await;
    harness.add_tags(ann.customer, &["both", "ann"]).await;
    harness.add_tags(ben.customer, &["both", "ben"]).await;
    let apart = counts(&[("ann", 1), ("ben", 1), ("both", 2)]);
    assert_eq!(counted(&harness).await, apart);
    let merged = harness.merge(ann.customer, ben.customer).await.unwrap().merge.unwrap();
    assert_eq!(counted(&harness).await, counts(&[("ann", 1), ("ben", 1), ("both", 1)]));
    harness.undo(&merged.id).await.unwrap();
    assert_eq!(counted(&harness).await, apart);
    let link = |person: &Person| person.then(|state| state.identities.push(external("u"))).change();
    harness.told([link(&ann), link(&ben)]).await;
    assert_eq!(counted(&harness).await, counts(&[("ann", 1), ("ben", 1), ("both", 1)]));
    // Who stood for one that carries a tag, and was never touched, goes with the last contact.
    let (old, young) = (Person::new(&harness, "Old", 50), Person::new(&harness, "Young", 300));
    harness.told([old.change(), young.change()]).await;
    harness.add_tags(young.customer, &["alone"]).await;
    let linked = |person: &Person| person.then(|state| state.identities.push(external("v"))).change();
    harness.told([linked(&old), linked(&young)]).await;
    assert_eq!(harness.get(young.customer).await.unwrap().id, old.customer.to_string());
    assert_eq!(tag(&harness, "alone").await.customer_count, 1);
    harness.told([gone(&old.change())]).await;
    assert_eq!(harness.get(young.customer).await.unwrap().id, young.customer.to_string());
    assert_eq!(tag(&harness, "alone").await.customer_count, 1);
}

#[tokio::test]
async fn many_customers_are_tagged_with_a_result_each_and_one_set_of_statements() {
    let harness = Harness::start("tag_bulk").await;
    sqlx::query("CREATE EXTENSION pg_stat_statements").execute(&mut harness.connect().await).await.unwrap();
    let channel = harness.ambient.id();
    let people: Vec<Person> =
        (0..500).map(|n| Person::of(&harness, harness.tenant, channel, &format!("P{n}"), 100 + n)).collect();
    harness.told(people.iter().map(Person::change)).await;
    let customers: Vec<Uuid> = people.iter().map(|person| person.customer).collect();
    let full: Vec<String> = (0..50).map(|n| format!("full {n}")).collect();
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    harness.add_tags(customers[0], &full).await;
    harness.merge(customers[1], customers[2]).await.unwrap();
    let mut admin = harness.admin();
    let unknown = harness.ambient.id();
    let asked = [customers[0], customers[1], customers[2], unknown];
    let results = bulk(&mut admin, &harness, &asked, &["VIP", "vip"], &["nothing"]).await.unwrap();
    let said: Vec<_> = results
        .iter()
        .map(|result| match result.outcome.as_ref().unwrap() {
            Outcome::Tagged(tagged) => Ok((tagged.customer_id.clone(), tagged.tag_ids.len())),
            Outcome::Refused(refused) => Err(refused.reason()),
        })
        .collect();
    let survivor = customers[1].to_string();
    assert_eq!(
        said,
        [
            Err(ErrorReason::LimitReached),
            Ok((survivor.clone(), 1)),
            Ok((survivor, 1)),
            Err(ErrorReason::NotFound),
        ]
    );
    assert_eq!(tag(&harness, "VIP").await.customer_count, 1);
    // All at once, with as many statements as for two.
    bulk(&mut admin, &harness, &customers[3..5], &["a"], &[]).await.unwrap();
    let few = statements(&harness, bulk(&mut admin, &harness, &customers[3..5], &[], &["a"])).await;
    let all = statements(&harness, bulk(&mut admin, &harness, &customers, &["a"], &["VIP"])).await;
    assert_eq!(few, all);
    assert!((8..=16).contains(&few), "{few} statements");
    assert_eq!(tag(&harness, "a").await.customer_count, 498);
    assert_eq!(tag(&harness, "VIP").await.customer_count, 0);
    let outcome = bulk(&mut admin, &harness, &[customers[0], customers[0]], &["a"], &[]).await;
    let status = refused(outcome, Code::InvalidArgument, "INVALID_FIELDS");
    assert!(format!("{status:?}").contains("customer_ids[1]"));
}

/// How many statements a call takes, without what the feed reads and numbers meanwhile.
async fn statements<T>(harness: &Harness, call: impl Future<Output = Result<T, Status>>) -> i64 {
    let sql = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
               JOIN pg_database d ON d.oid = dbid AND d.datname = current_database()
               WHERE (query ~ 'INSERT INTO|UPDATE |DELETE FROM' OR query ~ 'AS asked|meant_id|key = ANY|SELECT id, merged_into')
                 AND query !~ 'feed|outbox|pg_stat|UPDATE erasure'";
    let mut database = harness.connect().await;
    let before: i64 = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
    guarded(call).await.unwrap();
    let after: i64 = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
    after - before
}
