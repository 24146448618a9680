//! Attributes of the tenant's own: their definitions, and what customers have of them.

use std::collections::HashMap;

use prost_types::FieldMask;
use tandem_access::Role;
use tandem_proto::customer::v1::{
    AttributeDefinition, AttributeType, CreateAttributeDefinitionRequest, Customer,
    DeleteAttributeDefinitionRequest, ListAttributeDefinitionsRequest, UpdateAttributeDefinitionRequest,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{Harness, Person, external, guarded, refused};

fn map(values: &[(&str, &str)]) -> HashMap<String, String> {
    values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn having(person: &Person, values: &[(&str, &str)]) -> Customer {
    Customer { id: person.customer.to_string(), attributes: map(values), ..Customer::default() }
}

fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    let mut fields: Vec<String> = violations.iter().map(|wrong| wrong.field.clone()).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test]
async fn values_are_typed_masked_and_guarded_by_the_etag() {
    let harness = Harness::start("attribute_values").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    let types = [
        ("text", AttributeType::Text),
        ("number", AttributeType::Number),
        ("boolean", AttributeType::Boolean),
        ("date", AttributeType::Date),
        ("link", AttributeType::Link),
    ];
    for (key, kind) in types {
        harness.define(key, kind, &[]).await;
    }
    harness.define("plan_type", AttributeType::OneOf, &["Gold", "Tin"]).await;
    let good = [
        ("text", " words "),
        ("number", "-01.50"),
        ("boolean", "true"),
        ("date", "2026-11-23"),
        ("link", "https://example.com"),
        ("plan_type", "Gold"),
    ];
    let set = harness.update(having(&ann, &good), &["attributes"]).await.unwrap();
    let expected = map(&[
        ("text", "words"),
        ("number", "-1.5"),
        ("boolean", "true"),
        ("date", "2026-11-23"),
        ("link", "https://example.com"),
        ("plan_type", "Gold"),
    ]);
    assert_eq!(set.attributes, expected);
    assert_eq!(harness.get(ann.customer).await.unwrap(), set);

    // One alone, one taken off, and nothing that the mask does not name.
    let some = having(&ann, &[("number", "7"), ("text", "not named")]);
    let etag = set.etag.clone();
    let changed = harness
        .update(Customer { etag, ..some.clone() }, &["attributes.number", "attributes.link"])
        .await
        .unwrap();
    let mut expected = expected;
    expected.insert("number".to_owned(), "7".to_owned());
    expected.remove("link");
    assert_eq!(changed.attributes, expected);
    let late = harness.update(Customer { etag: set.etag, ..some }, &["attributes.number"]).await;
    refused(late, Code::Aborted, "ETAG_MISMATCH");

    // Every wrong one is named at once, with what else is wrong, and nothing is written.
    let wrong = [
        ("text", "a\0b"),
        ("number", "1e3"),
        ("boolean", "yes"),
        ("date", "23.11."),
        ("link", "javascript:1"),
        ("plan_type", "gold"),
        ("unknown", "1"),
    ];
    let every = [
        "customer.attributes.boolean",
        "customer.attributes.date",
        "customer.attributes.link",
        "customer.attributes.number",
        "customer.attributes.plan_type",
        "customer.attributes.text",
        "customer.attributes.unknown",
    ];
    let outcome = harness.update(having(&ann, &wrong), &["attributes"]).await;
    assert_eq!(fields(&refused(outcome, Code::InvalidArgument, "INVALID_FIELDS")), every);
    let also = Customer { language: "!".to_owned(), ..having(&ann, &wrong) };
    let outcome = harness.update(also, &["attributes", "language"]).await;
    let with_language = [&every[..], &["customer.language"]].concat();
    assert_eq!(fields(&refused(outcome, Code::InvalidArgument, "INVALID_FIELDS")), with_language);
    assert_eq!(harness.get(ann.customer).await.unwrap(), changed);
    // The longest that may be is kept.
    let long = "é".repeat(1_000);
    let kept = harness.update(having(&ann, &[("text", &long)]), &["attributes"]).await.unwrap();
    assert_eq!(kept.attributes, map(&[("text", &long)]));
}

#[tokio::test]
async fn a_merged_set_says_what_its_survivor_says_first() {
    let harness = Harness::start("attribute_merge").await;
    let older = Person::new(&harness, "older", 100);
    let younger = Person::new(&harness, "younger", 200);
    harness.told([older.change(), younger.change()]).await;
    for key in ["one", "two", "three"] {
        harness.define(key, AttributeType::Text, &[]).await;
    }
    let said = |person: &Person, category: &str, values: &[(&str, &str)]| Customer {
        category: category.to_owned(),
        ..having(person, values)
    };
    let both = ["category", "attributes"];
    harness.update(said(&older, "", &[("one", "o1"), ("two", "o2")]), &["attributes"]).await.unwrap();
    harness.update(said(&younger, "shop", &[("two", "y2"), ("three", "y3")]), &both).await.unwrap();
    let linked = [&older, &younger].map(|person| person.then(|state| state.identities.push(external("u"))));
    harness.told(linked.iter().map(Person::change)).await;
    // All of `older` was said, `three` taken off among it.
    let merged = harness.get(younger.customer).await.unwrap();
    assert_eq!(merged.id, older.customer.to_string());
    assert_eq!((merged.attributes, merged.category.as_str()), (map(&[("one", "o1"), ("two", "o2")]), "shop"));
    let set = harness
        .update(said(&younger, "", &[("three", "o3")]), &["attributes.three", "category"])
        .await
        .unwrap();
    assert_eq!(set.attributes["three"], "o3");
    assert_eq!(set.category, "", "taken back for the whole");
    // Apart again each has what was said of it.
    let apart = linked[1].then(|state| state.identities.clear());
    harness.told([apart.change()]).await;
    let alone = harness.get(younger.customer).await.unwrap();
    assert_eq!((alone.attributes, alone.category.as_str()), (map(&[("two", "y2"), ("three", "y3")]), "shop"));
    let survivor = harness.get(older.customer).await.unwrap();
    assert_eq!(survivor.attributes, map(&[("one", "o1"), ("two", "o2"), ("three", "o3")]));
}

#[tokio::test]
async fn a_definition_is_one_row() {
    let harness = Harness::start("attribute_definitions").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    let plan = harness.define("plan", AttributeType::OneOf, &["Gold", "Tin"]).await;
    let seats = harness.define("seats", AttributeType::Number, &[]).await;
    harness.update(having(&ann, &[("plan", "Tin"), ("seats", "3")]), &["attributes"]).await.unwrap();
    let mut admin = harness.attributes(harness.tenant, Role::Admin);
    let mut agent = harness.attributes(harness.tenant, Role::Agent);
    let change = |definition: AttributeDefinition, paths: &[&str]| UpdateAttributeDefinitionRequest {
        request_id: harness.id(),
        definition: Some(definition),
        update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
    };

    // A new key and other options: values stay.
    let wish =
        AttributeDefinition { key: "tariff".to_owned(), options: vec!["Gold".to_owned()], ..plan.clone() };
    let request = change(wish.clone(), &["key", "options"]);
    let renamed = guarded(admin.update_attribute_definition(request.clone())).await.unwrap().into_inner();
    let again = guarded(admin.update_attribute_definition(request)).await.unwrap().into_inner();
    assert_eq!(again, renamed, "the same request answers the same");
    let shown = harness.get(ann.customer).await.unwrap();
    assert_eq!(shown.attributes, map(&[("tariff", "Tin"), ("seats", "3")]));
    let no_more = harness.update(having(&ann, &[("tariff", "Tin")]), &["attributes.tariff"]).await;
    refused(no_more, Code::InvalidArgument, "INVALID_FIELDS");
    let late = guarded(admin.update_attribute_definition(change(wish, &["title"]))).await;
    refused(late, Code::Aborted, "ETAG_MISMATCH");
    let taken = AttributeDefinition { key: "seats".to_owned(), etag: String::new(), ..plan.clone() };
    refused(
        guarded(admin.update_attribute_definition(change(taken, &["key"]))).await,
        Code::AlreadyExists,
        "ALREADY_EXISTS",
    );
    let no_list = AttributeDefinition { options: vec!["x".to_owned()], ..seats.clone() };
    refused(
        guarded(admin.update_attribute_definition(change(no_list, &["options"]))).await,
        Code::InvalidArgument,
        "INVALID_FIELDS",
    );

    // Gone for good: the key may be taken anew, and brings nothing back.
    let delete = DeleteAttributeDefinitionRequest { definition_id: seats.id.clone() };
    for _ in 0..2 {
        guarded(admin.delete_attribute_definition(delete.clone())).await.unwrap();
    }
    harness.define("seats", AttributeType::Text, &[]).await;
    assert_eq!(harness.get(ann.customer).await.unwrap().attributes, map(&[("tariff", "Tin")]));
    let set = harness.update(having(&ann, &[("seats", "many")]), &["attributes.seats"]).await.unwrap();
    assert_eq!(set.attributes, map(&[("tariff", "Tin"), ("seats", "many")]));

    // Admins write, everybody reads, another tenant sees nothing.
    refused(
        guarded(agent.delete_attribute_definition(delete)).await,
        Code::PermissionDenied,
        "ROLE_NOT_ALLOWED",
    );
    let list = ListAttributeDefinitionsRequest {};
    let known = guarded(agent.list_attribute_definitions(list)).await.unwrap().into_inner().definitions;
    assert_eq!(known.iter().map(|known| known.key.as_str()).collect::<Vec<_>>(), ["seats", "tariff"]);
    let mut other = harness.attributes(harness.ambient.id(), Role::Admin);
    let none = guarded(other.list_attribute_definitions(list)).await.unwrap().into_inner().definitions;
    assert_eq!(none, []);
    let foreign = change(AttributeDefinition { etag: String::new(), ..plan }, &["title"]);
    refused(guarded(other.update_attribute_definition(foreign)).await, Code::NotFound, "NOT_FOUND");

    // A hundred and no more, and whoever goes makes room.
    for number in 2..100 {
        harness.define(&format!("a{number}"), AttributeType::Text, &[]).await;
    }
    let one_more = || CreateAttributeDefinitionRequest {
        request_id: harness.id(),
        definition: Some(AttributeDefinition {
            key: "more".to_owned(),
            title: "More".to_owned(),
            r#type: 1,
            ..AttributeDefinition::default()
        }),
    };
    refused(
        guarded(admin.create_attribute_definition(one_more())).await,
        Code::ResourceExhausted,
        "LIMIT_REACHED",
    );
    let last = DeleteAttributeDefinitionRequest { definition_id: known[0].id.clone() };
    guarded(admin.delete_attribute_definition(last)).await.unwrap();
    guarded(admin.create_attribute_definition(one_more())).await.unwrap();

    let wrong = CreateAttributeDefinitionRequest {
        request_id: "x".to_owned(),
        definition: Some(AttributeDefinition {
            key: "Plan".to_owned(),
            r#type: 5,
            options: vec!["a".to_owned(), " a".to_owned(), String::new()],
            ..AttributeDefinition::default()
        }),
    };
    let status = refused(
        guarded(admin.create_attribute_definition(wrong)).await,
        Code::InvalidArgument,
        "INVALID_FIELDS",
    );
    assert_eq!(
        fields(&status),
        [
            "definition.key",
            "definition.options[1]",
            "definition.options[2]",
            "definition.title",
            "request_id"
        ]
    );
}
