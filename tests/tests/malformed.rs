//! Promise 10: bad input is the caller's error, with every wrong field named at once.

use std::collections::BTreeSet;

use prost_reflect::prost::Message;
use tandem_access::{Role, TokenSpec};
use tandem_bootstrap::OnBehalfOf;
use tandem_proto::conversation::v1::ingest_item::Event;
use tandem_proto::conversation::v1::ingest_result::Outcome;
use tandem_proto::conversation::v1::message_content::Kind as Content;
use tandem_proto::conversation::v1::{
    DeliveryState, IngestEdit, IngestIdentityChange, IngestItem, IngestMessage, IngestReceipt, IngestRefused,
    LocationContent, MessageContent, Referral,
};
use tandem_proto::r#type::v1::{ErrorReason, Identity};
use tandem_tests::raw::{call, descriptors, method, request};
use tandem_tests::{Databases, Kind, Parts, Suite, item_at, phone, stored, text, whatsapp, wrong};
use tonic::Request;

#[path = "malformed/table.rs"]
mod table;

fn spec(suite: &Suite, role: Role) -> TokenSpec {
    match role {
        Role::Service => TokenSpec { tenant: None, ..suite.spec("service", role) },
        Role::Channel => TokenSpec { channels: vec![suite.ambient.id()], ..suite.spec("adapter", role) },
        _ => suite.spec("agent-0", role),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_of_every_request_is_named_at_once() {
    let suite = Suite::start(Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT }).await;
    suite.agents(1).await;
    let pool = descriptors();
    let mut asked = BTreeSet::new();
    for (short, role, json, expected) in table::WRONG.iter().copied().flatten() {
        let method = method(&pool, short);
        let kind = match short.split_once('.').unwrap().0 {
            "assignment" => Kind::Assignment,
            "customer" => Kind::CustomerProfile,
            _ => Kind::Conversation,
        };
        let mut request = Request::new(request(&method, json).encode_to_vec());
        if *role == Role::Service && !short.contains("TenantService") {
            request.extensions_mut().insert(OnBehalfOf(suite.tenant));
        }
        println!("{short}");
        wrong(
            call(&suite.channel(kind, 0, &spec(&suite, *role)), &method, request).await,
            &expected.split(' ').collect::<Vec<_>>(),
        );
        asked.insert(method.full_name().to_owned());
    }
    for service in pool.services() {
        let apart = ["tandem.feed.v1", "tandem.search.v1"].contains(&service.package_name());
        for method in service.methods().filter(|_| !apart) {
            let nothing = method.input().fields().len() == 0 || method.name() == "WatchNotifications";
            assert!(nothing || asked.contains(method.full_name()), "{} is not asked", method.full_name());
        }
    }
}

fn refused(outcome: Option<Outcome>) -> IngestRefused {
    match outcome {
        Some(Outcome::Refused(refused)) => refused,
        other => panic!("not refused: {other:?}"),
    }
}

fn fields(refused: &IngestRefused) -> Vec<&str> {
    let mut fields: Vec<&str> = refused.violations.iter().map(|violation| violation.field.as_str()).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_item_names_its_fields_and_keeps_its_place() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let good = |n: usize| {
        item_at(format!("m{n}"), vec![whatsapp("US.1")], format!("words {n}"), suite.ambient.now())
    };
    let identity = |kind, value: &str, verified| Identity { kind, value: value.to_owned(), verified };
    let never = prost_types::Timestamp { seconds: -62_135_596_800, nanos: 0 };
    let everything = IngestItem {
        external_id: String::new(),
        identities: vec![identity(99, "", false), identity(3, "\0", false)],
        display_name: "x".repeat(201),
        source_time: Some(never),
        receive_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        event: Some(Event::Message(IngestMessage {
            content: Some(MessageContent {
                kind: Some(Content::Location(LocationContent {
                    latitude: f64::NAN,
                    longitude: 181.0,
                    ..Default::default()
                })),
            }),
            reply_to_external_id: "x".repeat(513),
            referral: Some(Referral { source_type: "x".repeat(65), ..Referral::default() }),
            ..IngestMessage::default()
        })),
    };
    let receipt = IngestItem {
        external_id: "r1".to_owned(),
        event: Some(Event::Receipt(IngestReceipt {
            state: 1,
            failure: "\0".to_owned(),
            ..IngestReceipt::default()
        })),
        ..IngestItem::default()
    };
    let twice = vec![phone("+15550100"), phone("+15550101")];
    let edit = IngestItem { identities: twice, event: Some(Event::Edit(IngestEdit::default())), ..good(0) };
    let mut items: Vec<IngestItem> = (0..20).map(good).collect();
    let reaching = IngestItem {
        external_id: "r2".to_owned(),
        event: Some(Event::Receipt(IngestReceipt {
            provider_id: "p1".to_owned(),
            state: DeliveryState::Sent.into(),
            up_to: true,
            up_to_time: Some(never),
            ..IngestReceipt::default()
        })),
        ..IngestItem::default()
    };
    let change = |new_identity| IngestIdentityChange { new_identity, text: "\0".to_owned() };
    let change = |new_identity| Some(Event::IdentityChange(change(new_identity)));
    let nobody = IngestItem { event: change(None), ..good(0) };
    let wrong = IngestItem { event: change(Some(identity(99, "", false))), ..good(0) };
    for (at, item) in [(3, everything), (7, receipt), (9, reaching), (11, nobody), (13, wrong), (19, edit)] {
        items[at] = item;
    }
    let mut results = suite.ingest(0, channel, items).await.results;
    assert_eq!(results.len(), 20);
    let everything = refused(results[3].outcome.take());
    assert_eq!(everything.reason(), ErrorReason::InvalidFields);
    assert_eq!(
        fields(&everything),
        [
            "display_name",
            "external_id",
            "identities",
            "identities[0].kind",
            "identities[0].value",
            "identities[1].value",
            "message.content.location.latitude",
            "message.content.location.longitude",
            "message.referral.source_type",
            "message.reply_to_external_id",
            "receive_time",
            "source_time",
        ]
    );
    assert_eq!(fields(&refused(results[7].outcome.take())), ["receipt", "receipt.failure", "receipt.state"]);
    assert_eq!(
        fields(&refused(results[9].outcome.take())),
        ["identities", "receipt.up_to", "receipt.up_to_time", "receipt.up_to_time"]
    );
    let new = "identity_change.new_identity";
    assert_eq!(fields(&refused(results[11].outcome.take())), [new, "identity_change.text"]);
    let parts = [format!("{new}.kind"), format!("{new}.value"), format!("{new}.verified")];
    assert_eq!(
        fields(&refused(results[13].outcome.take())),
        [&parts[0], &parts[1], &parts[2], "identity_change.text"]
    );
    let edit = refused(results[19].outcome.take());
    assert_eq!(fields(&edit), ["edit.content", "edit.target_external_id", "identities[1]"]);
    let stored: Vec<i64> = results
        .into_iter()
        .filter(|result| result.outcome.is_some())
        .map(|result| stored(result).position)
        .collect();
    assert_eq!(stored, (1..=14).collect::<Vec<i64>>(), "the others are stored, in their order");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_item_of_five_hundred_that_only_the_database_refuses_fails_alone() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    // A check of its own stands in for whatever the edge does not know of.
    let poison =
        "ALTER TABLE message ADD CONSTRAINT poison CHECK (content ->> 'text' IS DISTINCT FROM 'poison')";
    Databases::execute_on(&suite.conversation_url, poison).await;
    let words = |n: usize| if n == 321 { "poison".to_owned() } else { format!("words {n}") };
    let items = (0..500)
        .map(|n| {
            item_at(format!("m{n}"), vec![whatsapp(&format!("US.{}", n % 7))], words(n), suite.ambient.now())
        })
        .collect::<Vec<_>>();
    let mut results = suite.ingest(0, channel, items.clone()).await.results;
    let refusal = refused(results.remove(321).outcome);
    assert_eq!(refusal.reason(), ErrorReason::InvalidFields);
    assert!(!format!("{refusal:?}").contains("poison"), "no driver text: {refusal:?}");
    let first: Vec<_> = results.into_iter().map(stored).collect();
    assert!(first.iter().all(|stored| !stored.replayed));
    let mut positions = std::collections::BTreeMap::<_, BTreeSet<i64>>::new();
    for stored in &first {
        positions.entry(&stored.conversation_id).or_default().insert(stored.position);
    }
    assert_eq!(positions.len(), 7);
    for of_one in positions.values() {
        assert_eq!(*of_one, (1..=i64::try_from(of_one.len()).unwrap()).collect(), "gap-free");
    }
    // A replay answers the same; the poisoned one may be mended and sent again.
    let mut again = items;
    again[321].event =
        Some(Event::Message(IngestMessage { content: Some(text("harmless")), ..IngestMessage::default() }));
    let mut results: Vec<_> = suite.ingest(1, channel, again).await.results.into_iter().map(stored).collect();
    assert!(!results.remove(321).replayed);
    for (before, after) in first.iter().zip(&results) {
        assert_eq!(
            (&before.message_id, before.position, true),
            (&after.message_id, after.position, after.replayed)
        );
    }
}
