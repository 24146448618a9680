//! Promise 9: the standard lists cost the same on page 1 and page 1,000, in every order, in an inbox of a million
//! conversations (200,000 unless asked). What is counted is PostgreSQL's own account of the statements that the service ran: calls, and buffers
//! touched.

use futures::{StreamExt, stream};
use sqlx::Row;
use tandem_bootstrap::InternalChannel;
use tandem_proto::conversation::v1::ListConversationsRequest;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::r#type::v1::{
    AssignmentFilter, ConversationFilter, ConversationStatus, HolderKind, Priority, TagFilter,
};
use tandem_tests::{Databases, Parts, Suite};

/// Conversations; half of them are live. `make test-million` asks for a million.
fn many() -> i64 {
    std::env::var("TANDEM_TEST_CONVERSATIONS").map_or(200_000, |number| number.parse().unwrap())
}

/// Rows of a page.
const PAGE: i32 = 20;
/// Buffers that finding a page may touch for each of its rows: an index entry, a heap page and what the filter looks up.
const FIND: i64 = 12;
/// The same A–Z, which looks at customers until enough of their conversations match: here one in six.
const FIND_NAMES: i64 = 60;
/// Buffers that a page may touch whatever its size: the descents of the branches' indexes.
const DESCENTS: i64 = 200;
/// Buffers that showing a row may touch: eight lookups of a few pages each.
const SHOW: i64 = 60;

type Client = ConversationServiceClient<InternalChannel>;

/// Fills the database beneath the service, with indexes built afterwards: a million calls would say nothing more.
async fn fill(suite: &Suite, agent: &str, team: &str) {
    let many = many();
    let statement = format!(
        "SET session_replication_role = replica;
         CREATE TABLE kept AS SELECT indexname, indexdef FROM pg_indexes
             WHERE tablename IN ('conversation', 'contact', 'customer') AND indexname NOT IN
                 (SELECT conname FROM pg_constraint);
         DO $$ DECLARE name text; BEGIN FOR name IN SELECT indexname FROM kept LOOP
             EXECUTE format('DROP INDEX %I', name); END LOOP; END $$;
         INSERT INTO contact (tenant_id, id, channel_id, customer_id, display_name, created_at)
             SELECT t.id, md5('contact' || n)::uuid, ch.id, md5('customer' || n)::uuid, 'name ' || n,
                    '2026-01-01'::timestamptz + n * interval '1 second'
             FROM generate_series(1, {many} / 2) AS n, tenant t, channel ch;
         INSERT INTO customer (tenant_id, id, name, tag_ids, generation, version)
             SELECT tenant_id, customer_id, display_name, '{{}}', 1, 1 FROM contact;
         INSERT INTO conversation (tenant_id, id, channel_id, contact_id, status, holder_kind, holder_id, epoch, holder_since,
                 last_position, last_customer_position, activity_number, priority, waiting_since, last_activity_at,
                 created_at, closed_at, contact_since, snoozed_until)
             SELECT t.id, md5('conversation' || n)::uuid, ch.id, md5('contact' || (1 + n % ({many} / 2)))::uuid,
                    CASE WHEN n <= {many} / 2 THEN 4 ELSE 1 + n % 3 END,
                    1 + n % 4, CASE n % 4 WHEN 1 THEN '{agent}'::uuid WHEN 2 THEN '{team}'::uuid END,
                    1, at, 1, 1, n, 1 + (n / 7) % 4, CASE WHEN n > {many} / 2 AND n % 5 > 0 THEN at END, at, at,
                    CASE WHEN n <= {many} / 2 THEN at END, '2026-01-01'::timestamptz + (1 + n % ({many} / 2)) * interval '1 second',
                    CASE WHEN n > {many} / 2 AND n % 3 = 2 THEN at + interval '10 years' END
             FROM generate_series(1, {many}) AS n, tenant t, channel ch,
                  LATERAL (SELECT '2026-02-01'::timestamptz + n * interval '1 second' AS at) AS times;
         SELECT setval('customer_activity', {many});
         DO $$ DECLARE def text; BEGIN FOR def IN SELECT indexdef FROM kept LOOP EXECUTE def; END LOOP; END $$;
         -- The agent has read everything but one: the state that a compaction leaves.
         INSERT INTO read_watermark (tenant_id, agent_id, number) SELECT id, '{agent}', {many} FROM tenant;
         INSERT INTO read_exception (tenant_id, agent_id, conversation_id, number, unread)
             SELECT id, '{agent}', md5('conversation' || {many} / 3)::uuid, {many}, true FROM tenant;
         CREATE EXTENSION pg_stat_statements;
         ANALYZE"
    );
    Databases::execute_on(&suite.conversation_url, &statement).await;
    // What autovacuum does to every table that is not as young as this one.
    Databases::execute_on(&suite.conversation_url, "VACUUM").await;
}

/// What a call cost: (statements that found the page, their buffers, statements that showed it, their buffers).
async fn cost(suite: &Suite) -> [i64; 4] {
    let of = "coalesce(sum(calls), 0)::bigint, coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint
              FROM pg_stat_statements JOIN pg_database d ON d.oid = dbid AND d.datname = current_database()";
    let statement = format!(
        "SELECT f.*, s.* FROM (SELECT {of} WHERE query LIKE 'SELECT * FROM (SELECT c.*%' OR query LIKE 'SELECT id FROM (%'
                OR query LIKE 'WITH above AS%')
             AS f (a, b), (SELECT {of} WHERE query LIKE '%AS \"holder_name!\"%') AS s (a, b)"
    );
    let rows = Databases::rows_of(&suite.conversation_url, &statement).await;
    std::array::from_fn(|column| rows[0].get(column))
}

async fn page(client: &mut Client, request: &mut ListConversationsRequest) -> usize {
    let page = client.list_conversations(request.clone()).await.unwrap().into_inner();
    request.page_token = page.next_page_token;
    page.rows.len()
}

fn standard() -> Vec<(&'static str, ConversationFilter)> {
    let any = ConversationFilter::default;
    let status = |status: ConversationStatus| ConversationFilter { statuses: vec![status.into()], ..any() };
    let held = |kind: HolderKind| ConversationFilter { holder_kinds: vec![kind.into()], ..any() };
    let to = |assignment| ConversationFilter { assignment: Some(assignment), ..any() };
    vec![
        ("all", any()),
        ("new", status(ConversationStatus::New)),
        ("closed", status(ConversationStatus::Closed)),
        ("live", ConversationFilter { statuses: vec![1, 2, 3], ..any() }),
        ("the AI's", held(HolderKind::Ai)),
        ("nobody's", held(HolderKind::Nobody)),
        ("mine", to(AssignmentFilter { mine: true, ..AssignmentFilter::default() })),
        ("my teams'", to(AssignmentFilter { my_teams: true, ..AssignmentFilter::default() })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_the_same_wherever_it_is() {
    let suite = Suite::start(Parts { conversations: 1, ..Parts::WITH_ASSIGNMENT }).await;
    let (agents, team) = suite.agents(1).await;
    suite.create_channel().await;
    fill(&suite, &agents[0].to_string(), &team.to_string()).await;

    // To page 1,000 of every list in every order, a few at once.
    let mut walks = Vec::new();
    for (name, filter) in standard() {
        for order in 1..=5 {
            let mut client = suite.as_agent(0, 0);
            let mut request = ListConversationsRequest {
                filter: Some(filter.clone()),
                order,
                page_size: PAGE,
                ..ListConversationsRequest::default()
            };
            walks.push(async move {
                let first = request.clone();
                // A token goes on with pages of any size. Where the equality matters less than the order, some lists do.
                request.page_size = 200;
                let far = order == 1 || ["all", "new", "mine"].contains(&name);
                for _ in 0..if far { PAGE * 1_000 / 200 } else { 1 } {
                    assert_eq!(page(&mut client, &mut request).await, 200, "{name}, order {order}");
                }
                request.page_size = PAGE;
                (name, order, [first, request])
            });
        }
    }
    let mut agent = suite.as_agent(0, 0);
    let mut failures = Vec::new();
    let walked: Vec<_> = stream::iter(walks).buffer_unordered(4).collect().await;
    for (name, order, requests) in walked {
        let finding = if order == 5 { FIND_NAMES } else { FIND };
        for (mut request, number) in requests.into_iter().zip(["first", "far"]) {
            let before = cost(&suite).await;
            page(&mut agent, &mut request).await;
            let after = cost(&suite).await;
            let [found, find, shown, show] = std::array::from_fn(|at| after[at] - before[at]);
            println!("{name}, order {order}, {number} page: {find} buffers to find, {show} to show");
            let page = i64::from(PAGE);
            if found > 1 + i64::from(order == 5)
                || shown != 1
                || find > page * finding + DESCENTS
                || show > page * SHOW
            {
                failures.push(format!(
                    "{name}, order {order}, {number} page: {found} statements with {find} buffers to find, {shown} with \
                     {show} to show"
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));

    // One unread among all those read.
    let any = ConversationFilter::default;
    for order in 1..=5 {
        let filter = Some(ConversationFilter { unread: Some(true), ..any() });
        let mut request = ListConversationsRequest {
            filter,
            order,
            page_size: PAGE,
            ..ListConversationsRequest::default()
        };
        let before = cost(&suite).await;
        assert_eq!(page(&mut agent, &mut request).await, 1);
        let after = cost(&suite).await;
        println!("unread, order {order}: {} buffers to find", after[1] - before[1]);
        assert!(after[1] - before[1] < DESCENTS, "order {order}: {} buffers", after[1] - before[1]);
    }

    // The worst combination: nothing matches, and no index helps. The budget ends it, and the token goes on.
    let worst = ConversationFilter {
        priorities: vec![Priority::Low.into()],
        customer_tags: Some(TagFilter { any: vec![suite.request_id()], ..TagFilter::default() }),
        labels: Some(TagFilter { all: vec![suite.request_id()], ..TagFilter::default() }),
        ..any()
    };
    for order in 1..=5 {
        let filter = Some(worst.clone());
        let mut request = ListConversationsRequest {
            filter,
            order,
            page_size: PAGE,
            ..ListConversationsRequest::default()
        };
        let before = cost(&suite).await;
        assert_eq!(page(&mut agent, &mut request).await, 0);
        let after = cost(&suite).await;
        assert!(!request.page_token.is_empty(), "a short page says where to go on");
        println!("worst, order {order}: {} buffers to find", after[1] - before[1]);
        // 2,000 rows, looked at and then stepped over once to find where the budget ended.
        assert!(after[1] - before[1] < 2_000 * 2 * FIND, "order {order}: {} buffers", after[1] - before[1]);
    }
}
