//! The side panel in one call.

use prost_types::Timestamp;
use sqlx::Row;
use tandem_access::Role;
use tandem_proto::customer::v1::{AddNoteRequest, AttributeType, GetCustomerRequest, GetCustomerResponse};
use tonic::Code;
use uuid::Uuid;

use crate::support::{Harness, Person, answer, conversation, external, guarded, refused};

async fn panel(harness: &Harness, customer: Uuid) -> GetCustomerResponse {
    let request = GetCustomerRequest { customer_id: customer.to_string(), ..GetCustomerRequest::default() };
    guarded(harness.admin().get_customer(request)).await.unwrap().into_inner()
}

/// Statements that the service ran since PostgreSQL began to count.
async fn statements(harness: &Harness) -> i64 {
    let sql = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
               JOIN pg_database d ON d.oid = dbid AND d.datname = current_database()
               WHERE query LIKE '%customer%' AND query NOT LIKE '%pg_stat%' OR query LIKE '%FROM tag%'
                  OR query LIKE '%note%' OR query LIKE '%attribute_definition%'";
    sqlx::query(sql).fetch_one(&mut harness.connect().await).await.unwrap().get(0)
}

#[tokio::test]
async fn a_panel_is_one_call_and_as_many_statements_for_much_as_for_little() {
    let harness = Harness::start("panel").await;
    sqlx::query("CREATE EXTENSION pg_stat_statements").execute(&mut harness.connect().await).await.unwrap();
    let tenant = harness.tenant;
    let (ann, ben) =
        (Person::new(&harness, "Ann", 100), Person::new(&harness, "Ben", 100).with(external("b")));
    let again = Person::new(&harness, "Ben again", 200).with(external("b"));
    let agents: Vec<Uuid> = (0..25).map(|_| harness.ambient.id()).collect();
    let mut changes = vec![ann.change(), ben.change(), again.change()];
    let mut threads = Vec::new();
    for (number, agent) in (0_i64..).zip(&agents) {
        let (thread, contact) =
            (harness.ambient.id(), if number % 2 == 0 { ben.contact } else { again.contact });
        changes.push(answer(tenant, thread, 1, contact, *agent, 5_000 + number));
        changes.push(conversation(tenant, thread, contact, 1, 5_000 + number));
        threads.push(thread.to_string());
    }
    // An old answer, told late, and a private note change nothing.
    changes.push(answer(tenant, harness.ambient.id(), 3, again.contact, agents[24], 10));
    let mut private = answer(tenant, harness.ambient.id(), 4, ann.contact, agents[0], 9_000);
    if let Some(tandem_proto::feed::v1::change::Body::Message(state)) = &mut private.body {
        state.private = true;
    }
    changes.push(private);
    harness.told(changes).await;
    for number in 0..25 {
        let request = AddNoteRequest {
            request_id: harness.id(),
            customer_id: [&ben, &again][number % 2].customer.to_string(),
            text: format!("note {number}"),
            ..AddNoteRequest::default()
        };
        harness.ambient.clock().advance(chrono::TimeDelta::seconds(1));
        guarded(harness.notes_as(harness.tenant, "admin-1", Role::Admin).add_note(request)).await.unwrap();
    }
    harness.define("plan", AttributeType::Text, &[]).await;
    harness.define("age", AttributeType::Number, &[]).await;
    harness.add_tags(ben.customer, &["vip", "new", "Berlin"]).await;

    // Once each, so that what is done at first use is done.
    panel(&harness, ann.customer).await;
    let before = statements(&harness).await;
    let little = panel(&harness, ann.customer).await;
    let between = statements(&harness).await;
    let much = panel(&harness, again.customer).await;
    let after = statements(&harness).await;
    assert_eq!(between - before, after - between);
    assert!(between - before <= 12, "{} statements", between - before);

    assert_eq!((little.tags.len(), little.notes.len(), little.conversations.len()), (0, 0, 0));
    assert_eq!(little.customer.unwrap().agent_ids, Vec::<String>::new());
    let customer = much.customer.unwrap();
    assert_eq!(customer.id, ben.customer.to_string());
    let newest: Vec<String> = agents.iter().rev().take(20).map(ToString::to_string).collect();
    assert_eq!(customer.agent_ids, newest, "who helped last first, at most twenty");
    assert_eq!(customer.last_contact_time, Some(Timestamp { seconds: 5_024, nanos: 0 }));
    assert_eq!(much.tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["Berlin", "new", "vip"]);
    let texts: Vec<&str> = much.notes.iter().map(|note| note.text.as_str()).collect();
    let expected: Vec<String> = (5..25).rev().map(|number| format!("note {number}")).collect();
    assert_eq!(texts, expected);
    let keys: Vec<&str> = much.attribute_definitions.iter().map(|known| known.key.as_str()).collect();
    assert_eq!(keys, ["age", "plan"]);
    let shown: Vec<&String> = much.conversations.iter().map(|thread| &thread.id).collect();
    assert_eq!(shown, threads.iter().rev().take(10).collect::<Vec<_>>());
    assert!(
        !much.conversations_missing
            && much.conversations.iter().all(|thread| thread.customer_id == customer.id)
    );

    // A rebuild tells again who helped; what it does not tell is forgotten.
    let thread = harness.ambient.id();
    harness.conversation.restore(vec![
        ann.change(),
        ben.change(),
        answer(tenant, thread, 1, ben.contact, agents[3], 6_000),
        conversation(tenant, thread, ben.contact, 1, 6_000),
    ]);
    harness.told([conversation(tenant, thread, ben.contact, 2, 6_001)]).await;
    assert_eq!(panel(&harness, ben.customer).await.customer.unwrap().agent_ids, [agents[3].to_string()]);

    let unknown = GetCustomerRequest { customer_id: harness.id(), ..GetCustomerRequest::default() };
    refused(guarded(harness.admin().get_customer(unknown)).await, Code::NotFound, "NOT_FOUND");
}

#[tokio::test]
async fn without_conversation_the_rest_of_the_panel_stands() {
    let harness = Harness::start("panel_alone").await;
    let ann = Person::new(&harness, "Ann", 100);
    harness.told([ann.change()]).await;
    harness.conversation.fail_lists();
    let panel = panel(&harness, ann.customer).await;
    assert!(panel.conversations_missing && panel.conversations.is_empty());
    assert_eq!(panel.customer.unwrap().display_name, "Ann");
}
