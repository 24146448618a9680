//! Records of another system become customers.

use std::collections::BTreeSet;

use futures::future::join_all;
use tandem_access::Role;
use tandem_proto::customer::v1::import_result::Outcome;
use tandem_proto::customer::v1::privacy_service_client::PrivacyServiceClient;
use tandem_proto::customer::v1::{
    AttributeType, Customer, CustomerFilter, EraseCustomerRequest, ImportCustomersRequest, ImportEffect,
    ImportRecord, ImportResult, ListCustomersRequest, ListMergeSuggestionsRequest, SuggestionEvidence,
    SuggestionReason, UpdateTagsRequest,
};
use tandem_proto::r#type::v1::ErrorReason;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::support::{Harness, Person, email, external, guarded, phone, refused};

use ImportEffect::{Created, Unchanged, Updated};

fn request(harness: &Harness, records: Vec<ImportRecord>) -> ImportCustomersRequest {
    ImportCustomersRequest { request_id: harness.id(), records, ..ImportCustomersRequest::default() }
}

async fn send(harness: &Harness, request: ImportCustomersRequest) -> Result<Vec<ImportResult>, Status> {
    guarded(harness.imports(Role::Admin).import_customers(request))
        .await
        .map(|answer| answer.into_inner().results)
}

async fn import(harness: &Harness, records: Vec<ImportRecord>) -> Vec<ImportResult> {
    send(harness, request(harness, records)).await.unwrap()
}

/// What became of one record: its customer, the effect, the fields kept.
fn imported(result: &ImportResult) -> (Uuid, ImportEffect, Vec<String>) {
    match result.outcome.clone().unwrap() {
        Outcome::Imported(done) => (done.customer_id.parse().unwrap(), done.effect(), done.kept_fields),
        Outcome::Refused(refused) => panic!("{refused:?}"),
    }
}

async fn one(harness: &Harness, record: ImportRecord) -> (Uuid, ImportEffect, Vec<String>) {
    imported(&import(harness, vec![record]).await[0])
}

fn why(result: &ImportResult) -> (ErrorReason, Vec<String>) {
    match result.outcome.clone().unwrap() {
        Outcome::Refused(refused) => {
            let fields = refused.violations.iter().map(|wrong| wrong.field.clone()).collect();
            (refused.reason(), fields)
        }
        Outcome::Imported(done) => panic!("{done:?}"),
    }
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn ann() -> ImportRecord {
    ImportRecord {
        external_id: "crm-1".into(),
        display_name: "Ann Müller".into(),
        phones: texts(&["+55 11 8765-4321", "+55 (11) 98765-4321"]),
        emails: texts(&["Ann@Example.com"]),
        language: "pt-BR".into(),
        time_zone: "America/Sao_Paulo".into(),
        company: "Acme".into(),
        category: "Wholesale".into(),
        tags: texts(&["VIP", "vip", "New"]),
        attributes: [("plan".to_owned(), " gold ".to_owned())].into(),
    }
}

async fn with_phone(harness: &Harness) -> BTreeSet<String> {
    let filter = CustomerFilter { has_phone: Some(true), ..CustomerFilter::default() };
    let list = ListCustomersRequest { filter: Some(filter), ..ListCustomersRequest::default() };
    let page = guarded(harness.admin().list_customers(list)).await.unwrap().into_inner();
    page.customers.into_iter().map(|customer| customer.id).collect()
}

#[tokio::test]
async fn a_record_becomes_a_customer_and_the_same_record_changes_nothing() {
    let harness = Harness::start("import_once").await;
    harness.define("plan", AttributeType::Text, &[]).await;
    let (id, effect, kept) = one(&harness, ann()).await;
    assert_eq!((effect, kept.len()), (Created, 0));
    let shown = harness.get(id).await.unwrap();
    assert_eq!((shown.display_name.as_str(), shown.name_corrected), ("Ann Müller", true));
    assert_eq!((shown.language.as_str(), shown.time_zone.as_str()), ("pt-BR", "America/Sao_Paulo"));
    assert_eq!((shown.company.as_str(), shown.category.as_str()), ("Acme", "Wholesale"));
    assert_eq!((shown.attributes["plan"].as_str(), shown.tag_ids.len()), ("gold", 2));
    let phones: Vec<_> = shown.phones.iter().map(|phone| (phone.e164.as_str(), phone.verified)).collect();
    assert_eq!(phones, [("+5511987654321", false)], "one number, however often it is written");
    let emails: Vec<_> = shown.emails.iter().map(|email| (email.sent.as_str(), email.verified)).collect();
    assert_eq!(emails, [("Ann@Example.com", false)]);
    assert!(shown.phones[0].contact_id.is_empty() && shown.emails[0].contact_id.is_empty());
    assert_eq!((shown.import_ids.clone(), shown.contacts.len()), (texts(&["crm-1"]), 0));
    assert_eq!(with_phone(&harness).await, [id.to_string()].into());

    assert_eq!(one(&harness, ann()).await, (id, Unchanged, vec![]));
    assert_eq!(harness.get(id).await.unwrap(), shown, "not even a version");

    // What is new in the file is new; what it does not say stays.
    let newer = ImportRecord {
        external_id: "crm-1".into(),
        company: "Acme Ltd".into(),
        phones: texts(&["+972 50-123-4567"]),
        ..ImportRecord::default()
    };
    assert_eq!(one(&harness, newer).await, (id, Updated, vec![]));
    let changed = harness.get(id).await.unwrap();
    assert_eq!((changed.company.as_str(), changed.category.as_str()), ("Acme Ltd", "Wholesale"));
    assert_eq!((changed.phones[0].e164.as_str(), changed.phones.len()), ("+972501234567", 1));
    assert_eq!((changed.emails.len(), changed.tag_ids.len()), (1, 2));
    assert!(changed.version > shown.version && changed.etag != shown.etag);
}

#[tokio::test]
async fn what_people_said_since_stands() {
    let harness = Harness::start("import_kept").await;
    harness.define("plan", AttributeType::Text, &[]).await;
    let (id, ..) = one(&harness, ann()).await;
    let corrected = Customer {
        id: id.to_string(),
        display_name: "Anne".into(),
        company: String::new(),
        attributes: [("plan".to_owned(), "silver".to_owned())].into(),
        ..Customer::default()
    };
    harness.update(corrected, &["display_name", "company", "attributes"]).await.unwrap();
    let off = UpdateTagsRequest {
        request_id: harness.id(),
        customer_id: id.to_string(),
        remove: texts(&["VIP"]),
        ..UpdateTagsRequest::default()
    };
    guarded(harness.admin().update_tags(off)).await.unwrap();
    let before = harness.get(id).await.unwrap();
    assert_eq!(one(&harness, ann()).await, (id, Unchanged, vec![]));
    assert_eq!(harness.get(id).await.unwrap(), before);

    let newer = ImportRecord {
        display_name: "Ann Muller".into(),
        company: "Acme Ltd".into(),
        category: "Retail".into(),
        attributes: [("plan".to_owned(), "platinum".to_owned())].into(),
        ..ann()
    };
    let (_, effect, mut kept) = one(&harness, newer.clone()).await;
    kept.sort();
    assert_eq!((effect, kept), (Updated, texts(&["attributes.plan", "company", "display_name"])));
    let after = harness.get(id).await.unwrap();
    assert_eq!((after.display_name.as_str(), after.company.as_str()), ("Anne", ""));
    assert_eq!((after.category.as_str(), after.attributes["plan"].as_str()), ("Retail", "silver"));
    assert_eq!(after.tag_ids, before.tag_ids, "a tag that was taken off is not put on again");
    assert_eq!(one(&harness, newer).await, (id, Unchanged, vec![]), "told once");
}

#[tokio::test]
async fn each_record_is_refused_alone_and_a_dry_run_writes_nothing() {
    let harness = Harness::start("import_alone").await;
    let named = |id: &str| ImportRecord { external_id: id.into(), ..ImportRecord::default() };
    let many: Vec<String> = (0..50).map(|number| format!("tag {number}")).collect();
    import(&harness, vec![ImportRecord { tags: many, ..named("full") }]).await;
    let records = vec![
        ImportRecord {
            phones: texts(&["050-123-4567"]),
            attributes: [("no".into(), "1".into())].into(),
            ..named("a")
        },
        ImportRecord { display_name: "Ben".into(), tags: texts(&["fresh"]), ..named("b") },
        named("b"),
        ImportRecord { display_name: "Full".into(), tags: texts(&["one more"]), ..named("full") },
        named(" "),
    ];
    let rows = "SELECT (SELECT count(*) FROM customer), (SELECT count(*) FROM tag), (SELECT count(*) FROM request_log),
                       (SELECT count(*) FROM import_record), (SELECT count(*) FROM customer_tag)";
    let count = || async {
        let row: (i64, i64, i64, i64, i64) =
            sqlx::query_as(rows).fetch_one(&mut harness.connect().await).await.unwrap();
        row
    };
    let before = count().await;
    let dry = ImportCustomersRequest { validate_only: true, ..request(&harness, records.clone()) };
    let foretold = send(&harness, dry).await.unwrap();
    assert_eq!(count().await, before);
    let results = import(&harness, records.clone()).await;
    for results in [&foretold, &results] {
        assert_eq!(why(&results[0]), (ErrorReason::InvalidFields, texts(&["phones[0]", "attributes.no"])));
        assert_eq!(imported(&results[1]).1, Created);
        assert_eq!(why(&results[2]), (ErrorReason::InvalidFields, texts(&["external_id"])));
        assert_eq!(why(&results[3]), (ErrorReason::LimitReached, vec![]));
        assert_eq!(why(&results[4]), (ErrorReason::InvalidFields, texts(&["external_id"])));
    }
    let full = imported(&import(&harness, vec![named("full")]).await[0]).0;
    assert_eq!(harness.get(full).await.unwrap().display_name, "", "nothing of a refused record");
    assert!(harness.tags("one more").await.is_empty() && harness.tags("fresh").await.len() == 1);
    // The region says whose national numbers these are.
    let local = ImportCustomersRequest {
        phone_region: "IL".into(),
        ..request(&harness, vec![ImportRecord { phones: texts(&["050-123-4567"]), ..named("a") }])
    };
    let id = imported(&send(&harness, local).await.unwrap()[0]).0;
    assert_eq!(harness.get(id).await.unwrap().phones[0].e164, "+972501234567");

    let none = send(&harness, request(&harness, vec![])).await;
    refused(none, Code::InvalidArgument, "INVALID_FIELDS");
    let region = ImportCustomersRequest { phone_region: "xx".into(), ..request(&harness, records) };
    refused(send(&harness, region).await, Code::InvalidArgument, "INVALID_FIELDS");
    let mut agent = harness.imports(Role::Agent);
    let by_agent = guarded(agent.import_customers(request(&harness, vec![named("c")]))).await;
    refused(by_agent, Code::PermissionDenied, "ROLE_NOT_ALLOWED");
}

#[tokio::test]
async fn what_imports_and_channels_know_is_suggested_merged_and_parted_again() {
    let harness = Harness::start("import_merge").await;
    let (id, ..) = one(&harness, ImportRecord { attributes: [].into(), ..ann() }).await;
    let web = Person::new(&harness, "ann", 100).with(external("crm-1"));
    let mobile = Person::new(&harness, "A.", 200).with(phone("5511987654321")).with(email("ann@example.com"));
    harness.told([web.change(), mobile.change()]).await;
    let list = ListMergeSuggestionsRequest {
        customer_id: id.to_string(),
        page_size: 10,
        ..ListMergeSuggestionsRequest::default()
    };
    let found =
        guarded(harness.merger().list_merge_suggestions(list)).await.unwrap().into_inner().suggestions;
    let found: Vec<_> = found
        .iter()
        .map(|found| {
            let reasons: Vec<_> = found.evidence.iter().map(SuggestionEvidence::reason).collect();
            (found.other.clone().unwrap().id, reasons)
        })
        .collect();
    assert_eq!(
        found,
        [
            (mobile.customer.to_string(), vec![SuggestionReason::SamePhone, SuggestionReason::SameEmail]),
            (web.customer.to_string(), vec![SuggestionReason::SameExternalId]),
        ]
    );

    let alone = harness.get(id).await.unwrap();
    let merge = harness.merge(web.customer, id).await.unwrap().merge.unwrap();
    let merged = harness.get(id).await.unwrap();
    assert_eq!((merged.id, merged.display_name), (web.customer.to_string(), "Ann Müller".to_owned()));
    assert_eq!((merged.phones.len(), merged.import_ids.len(), merged.contacts.len()), (1, 1, 1));
    assert_eq!(with_phone(&harness).await, [web.customer, mobile.customer].map(|id| id.to_string()).into());
    // What is new goes to who stands for it; addresses stay with the record.
    let newer = ImportRecord {
        company: "Acme Ltd".into(),
        tags: texts(&["VIP", "New", "third"]),
        emails: texts(&["new@example.com"]),
        attributes: [].into(),
        ..ann()
    };
    assert_eq!(one(&harness, newer).await, (web.customer, Updated, vec![]));
    assert_eq!(harness.get(id).await.unwrap().company, "Acme Ltd");
    harness.undo(&merge.id).await.unwrap();
    let (back, other) = (harness.get(id).await.unwrap(), harness.get(web.customer).await.unwrap());
    assert_eq!((back.company.as_str(), back.tag_ids.clone()), ("Acme", alone.tag_ids));
    assert_eq!((back.emails[0].sent.as_str(), back.phones.len()), ("new@example.com", 1));
    assert_eq!((other.company.as_str(), other.tag_ids.len(), other.emails.len()), ("Acme Ltd", 1, 0));
    assert_eq!((other.import_ids.len(), other.display_name.as_str()), (0, "ann"));
}

#[tokio::test]
async fn an_erased_person_comes_back_by_no_import() {
    let harness = Harness::start("import_erased").await;
    let marker = "Zq7marker";
    let record = || ImportRecord {
        external_id: format!("{marker}-1"),
        display_name: marker.into(),
        emails: texts(&["Zq7marker@example.com"]),
        phones: texts(&["+55 11 98765-4321"]),
        company: marker.into(),
        ..ImportRecord::default()
    };
    let (id, ..) = one(&harness, record()).await;
    let mut privacy = PrivacyServiceClient::with_interceptor(harness.channel(), harness.as_admin());
    let erase = EraseCustomerRequest {
        request_id: harness.id(),
        customer_id: id.to_string(),
        ..EraseCustomerRequest::default()
    };
    guarded(privacy.erase_customer(erase)).await.unwrap();
    let shown = harness.get(id).await.unwrap();
    assert!(shown.erase_time.is_some() && shown.phones.is_empty() && shown.import_ids.is_empty());
    let results =
        import(&harness, vec![record(), ImportRecord { external_id: "new".into(), ..record() }]).await;
    assert_eq!(why(&results[0]).0, ErrorReason::Erased);
    assert_eq!(imported(&results[1]).1, Created, "who is imported under another id is somebody new");
    let kept: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM import_record WHERE external_id ~ 'marker') + (SELECT count(*) FROM customer_address
                 WHERE customer_id = $1) + (SELECT count(*) FROM import_tombstone t WHERE t::text ~ 'marker')",
    )
    .bind(id)
    .fetch_one(&mut harness.connect().await)
    .await
    .unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn importers_beside_each_other_make_each_customer_once() {
    let harness = Harness::start("import_beside").await;
    let record = |number: usize| ImportRecord {
        external_id: format!("c-{number}"),
        display_name: format!("Customer {number}"),
        tags: vec![format!("tag {}", number % 3)],
        ..ImportRecord::default()
    };
    let files = [0..60, 20..80, 0..80, 40..80];
    let runs = files.map(|file| import(&harness, file.map(record).collect()));
    let created: usize =
        join_all(runs).await.iter().flatten().filter(|result| imported(result).1 == Created).count();
    assert_eq!(created, 80);
    let counted: i64 = harness.tags("").await.iter().map(|tag| tag.customer_count).sum();
    assert_eq!(counted, 80);
    // The same request answers the same again.
    let asked = request(&harness, (80..90).map(record).collect());
    let (first, again) =
        (send(&harness, asked.clone()).await.unwrap(), send(&harness, asked.clone()).await.unwrap());
    assert_eq!(first, again);
    let other = ImportCustomersRequest { records: vec![record(1)], ..asked };
    refused(send(&harness, other).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn many_records_take_as_many_statements_as_two() {
    let harness = Harness::start("import_statements").await;
    sqlx::query("CREATE EXTENSION pg_stat_statements").execute(&mut harness.connect().await).await.unwrap();
    let record = |number: usize, company: &str| ImportRecord {
        external_id: format!("c-{number}"),
        company: company.into(),
        phones: vec![format!("+5511987{number:06}")],
        tags: vec![format!("tag {}", number % 5)],
        ..ImportRecord::default()
    };
    import(&harness, (0..2).map(|number| record(number, "a")).collect()).await;
    let few = statements(&harness, (2..4).map(|number| record(number, "a")).collect()).await;
    let many = statements(&harness, (4..504).map(|number| record(number, "a")).collect()).await;
    assert!(few > 15, "{few} statements");
    assert_eq!(few, many);
    let few = statements(&harness, (0..2).map(|number| record(number, "b")).collect()).await;
    let many = statements(&harness, (2..502).map(|number| record(number, "b")).collect()).await;
    assert_eq!(few, many);
    let none = statements(&harness, (2..502).map(|number| record(number, "b")).collect()).await;
    assert!(none < few, "{none} statements for what is so already");
}

/// Statements of an import, without what the feed and what is carried on read meanwhile.
async fn statements(harness: &Harness, records: Vec<ImportRecord>) -> i64 {
    let sql = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
               JOIN pg_database d ON d.oid = dbid AND d.datname = current_database()
               WHERE query ~ 'import_|customer_address|INSERT INTO customer|UPDATE customer|customer_tag|tag_count|merging'
                 AND query !~ 'feed|outbox|pg_stat|erasure|AS \"import_ids|attribute_definition d|carried ORDER'";
    let mut database = harness.connect().await;
    let before: i64 = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
    import(harness, records).await;
    let after: i64 = sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap();
    after - before
}
