//! Every order of a list, under filters of every sort: the pages are the whole, in the order that PostgreSQL gives when it is
//! asked in one plain statement, and hold what the filter means.

use chrono::TimeDelta;
use sqlx::Row;
use tandem_proto::conversation::v1::{ListConversationsRequest, MatchConversationsRequest};
use tandem_proto::r#type::v1::{
    AssignmentFilter, ConversationFilter, ConversationOrder, ConversationStatus, HolderKind, Priority,
    RelativeRange, TimeRange,
};
use tandem_tests::{Databases, Parts, Suite, item_at, stored, whatsapp, wrong};

const NAMES: &[&str] = &[
    "Zoë",
    "anna",
    "Anna",
    "Émile",
    "Eva",
    "",
    "אבי",
    "de la Cruz",
    "Ärger",
    "Årsen",
    "李",
    "zebra",
    "",
    "Anna",
];

/// All ids in one order, by the shortest statement that says it.
async fn ranked(suite: &Suite, order: ConversationOrder) -> Vec<String> {
    let keys = match order {
        ConversationOrder::LongestWaiting => "c.waiting_since NULLS LAST, c.id",
        ConversationOrder::HighestPriority => "c.priority DESC, c.waiting_since NULLS LAST, c.id",
        ConversationOrder::NewestFirstContact => "k.created_at DESC, c.id DESC",
        ConversationOrder::CustomerName => r#"u.name = '', u.name COLLATE "und-x-icu", u.id, c.id"#,
        _ => "c.last_activity_at DESC, c.id DESC",
    };
    let statement = format!(
        "SELECT c.id::text FROM conversation c JOIN contact k ON k.id = c.contact_id
         JOIN customer u ON u.id = k.customer_id ORDER BY {keys}"
    );
    let rows = Databases::rows_of(&suite.conversation_url, &statement).await;
    rows.iter().map(|row| row.get(0)).collect()
}

/// A hundred conversations of every sort.
async fn furnish(suite: &Suite) -> Vec<String> {
    suite.agents(2).await;
    let channels = [suite.create_channel().await, suite.create_channel().await];
    let mut ids = Vec::new();
    for (n, channel) in channels.into_iter().cycle().take(100).enumerate() {
        // Several in one instant, so that ids decide.
        suite.ambient.clock().advance(TimeDelta::seconds(i64::from(n % 3 == 0)));
        let item = item_at(format!("m{n}"), vec![whatsapp(&format!("US.{n}"))], "hello", suite.ambient.now());
        ids.push(stored(suite.ingest(n % 2, channel, vec![item]).await.results.remove(0)).conversation_id);
    }
    // What would take a hundred calls of many kinds.
    let names = NAMES.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
    let statement = format!(
        "WITH n AS (SELECT id, contact_id, row_number() OVER (ORDER BY id) AS n FROM conversation),
              renamed AS (UPDATE customer u SET name = (ARRAY[{names}])[1 + n.n % {}] FROM n, contact k
                          WHERE k.id = n.contact_id AND u.id = k.customer_id)
         UPDATE conversation c SET priority = 1 + n.n % 4,
                waiting_since = CASE WHEN n.n % 3 = 0 THEN NULL ELSE c.created_at - (n.n % 7) * interval '1 minute' END,
                status = CASE WHEN n.n % 5 = 0 THEN 4 ELSE 1 + n.n % 3 END,
                closed_at = CASE WHEN n.n % 5 = 0 THEN c.created_at END,
                snoozed_until = CASE WHEN n.n % 5 > 0 AND n.n % 3 = 2 THEN c.created_at + interval '1 year' END,
                holder_kind = 1 + n.n % 4,
                holder_id = CASE n.n % 4 WHEN 1 THEN (SELECT id FROM agent WHERE subject = 'agent-0')
                                         WHEN 2 THEN (SELECT id FROM team LIMIT 1) END
         FROM n WHERE n.id = c.id",
        NAMES.len()
    );
    Databases::execute_on(&suite.conversation_url, &statement).await;
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_and_filter_pages_through_the_whole() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let ids = furnish(&suite).await;
    let any = ConversationFilter::default;
    let to = |assignment| ConversationFilter { assignment: Some(assignment), ..any() };
    let nothing = AssignmentFilter::default;
    let filters = [
        any(),
        ConversationFilter { statuses: vec![ConversationStatus::New.into()], ..any() },
        ConversationFilter { statuses: vec![1, 2, 3], ..any() },
        ConversationFilter { holder_kinds: vec![HolderKind::Ai.into()], ..any() },
        ConversationFilter { holder_kinds: vec![HolderKind::Nobody.into(), 2], waiting: Some(true), ..any() },
        to(AssignmentFilter { mine: true, ..nothing() }),
        to(AssignmentFilter { mine: true, my_teams: true, ..nothing() }),
        to(AssignmentFilter { unassigned: true, my_teams: true, ..nothing() }),
        ConversationFilter { unread: Some(true), ..any() },
        ConversationFilter { unread: Some(true), statuses: vec![4], ..any() },
        ConversationFilter { unread: Some(false), ..any() },
        ConversationFilter { priorities: vec![Priority::Urgent.into(), 1], ..any() },
        ConversationFilter {
            created: Some(TimeRange { relative: RelativeRange::Last7Days.into(), ..TimeRange::default() }),
            waiting: Some(false),
            ..any()
        },
    ];
    let mut agent = suite.as_agent(0, 0);
    for id in ids.iter().step_by(3) {
        let request = tandem_proto::conversation::v1::MarkReadRequest {
            conversation_id: id.clone(),
            up_to_position: 0,
        };
        agent.mark_read(request).await.unwrap();
    }
    for order in 1..=5 {
        let rank = ranked(&suite, ConversationOrder::try_from(order).unwrap()).await;
        assert_eq!(rank.len(), 100);
        for (number, filter) in filters.iter().enumerate() {
            let request = MatchConversationsRequest {
                filter: Some(filter.clone()),
                conversation_ids: rank.clone(),
                ..MatchConversationsRequest::default()
            };
            let expected = agent.match_conversations(request).await.unwrap().into_inner().conversation_ids;
            assert!(!expected.is_empty(), "{filter:?} means something");
            for page_size in [3, 200] {
                let mut listed = Vec::new();
                let mut request = ListConversationsRequest {
                    filter: Some(filter.clone()),
                    order,
                    page_size,
                    ..ListConversationsRequest::default()
                };
                loop {
                    let page = suite.as_agent(number % 2, 0).list_conversations(request.clone()).await;
                    let page = page.unwrap().into_inner();
                    listed.extend(page.rows.into_iter().map(|row| row.conversation.unwrap().id));
                    request.page_token = page.next_page_token;
                    if request.page_token.is_empty() {
                        break;
                    }
                }
                assert_eq!(listed, expected, "order {order}, pages of {page_size}, {filter:?}");
            }
        }
    }
    let request = ListConversationsRequest { order: 99, ..ListConversationsRequest::default() };
    wrong(agent.list_conversations(request).await, &["order"]);
}
