use std::collections::{BTreeMap, BTreeSet};

use tandem_access::Role;
use tandem_proto::customer::v1::privacy_service_client::PrivacyServiceClient;
use tandem_proto::customer::v1::{ExportCustomerRequest, ExportedRecord};
use tandem_tests::{Kind, Parts, Suite, whatsapp};

use crate::person::{Known, MARK, MESSAGES, held, marked};

/// Everything that an admin is given.
async fn export(suite: &Suite, customer_id: &str, token: &str) -> Vec<ExportedRecord> {
    let admin = suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin));
    let request = ExportCustomerRequest {
        customer_id: customer_id.to_owned(),
        at_least_as_fresh: vec![token.to_owned()],
    };
    let mut stream = PrivacyServiceClient::new(admin).export_customer(request).await.unwrap().into_inner();
    let (mut records, mut complete) = (Vec::new(), false);
    while let Some(some) = stream.message().await.unwrap() {
        assert!(!complete && some.records.len() <= 500);
        complete = some.complete;
        records.extend(some.records);
    }
    assert!(complete, "it says when nothing is missing");
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_all_that_any_database_holds_of_a_person_and_of_nobody_else() {
    let parts = Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT };
    let suite = Suite::start(parts).await;
    let (agents, _) = suite.agents(2).await;
    let (one, two) = (suite.create_channel().await, suite.create_channel().await);
    suite.write(one, "other", &[whatsapp("US.other")], "somebody else's words").await;
    let known = Known::fill(&suite, (one, two), &agents, &format!("{MARK}-tag")).await;

    let records = export(&suite, &known.customer.id, &known.token).await;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut exported = BTreeSet::new();
    for record in &records {
        *kinds.entry(&record.kind).or_default() += 1;
        serde_json::from_str::<serde_json::Value>(&record.json).expect("JSON");
        exported.extend(marked(&record.json));
        assert!(!record.json.contains("somebody else"), "{}", record.json);
    }
    // The second channel's customer was merged into the first one's, and an imported one.
    let counted = |kind: &str| kinds.get(kind).copied().unwrap_or_default();
    assert_eq!((counted("Customer"), counted("Contact"), counted("Tag"), counted("Note")), (3, 2, 1, 1));
    assert_eq!((counted("Conversation"), counted("Message")), (2, MESSAGES));
    assert!(counted("TimelineEntry") >= 4, "{kinds:?}");
    // No database holds a word of the person that the export has not.
    let held = held(&suite).await;
    let missing: Vec<_> = held.difference(&exported).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // By the id of the customer that was merged away, the same.
    let merged = records.iter().filter(|record| record.kind == "Customer");
    let ids: BTreeSet<String> = merged
        .map(|record| {
            let json: serde_json::Value = serde_json::from_str(&record.json).unwrap();
            json["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let other = ids.iter().find(|id| **id != known.customer.id).unwrap();
    assert_eq!(export(&suite, other, "").await.len(), records.len());
}
