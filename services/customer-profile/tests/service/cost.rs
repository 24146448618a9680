//! Promise 9 for customers: a page costs the same wherever it is, in every order and by every filter. What is counted are
//! the buffers that PostgreSQL touched to find a page.

use sqlx::Row;
use tandem_access::Role;
use tandem_proto::customer::v1::{
    AttributeType, AttributeValue, CustomerFilter, CustomerOrder, ListCustomersRequest,
};
use uuid::Uuid;

use crate::support::{Client, Harness, Person, guarded};

/// Customers. `make test-million` asks for a million.
fn many() -> i64 {
    std::env::var("TANDEM_TEST_CUSTOMERS").map_or(20_000, |number| number.parse().unwrap())
}

/// Rows of a page.
const PAGE: i32 = 20;
/// Buffers that a page may touch when each row that is looked at is one of the page: an index entry and a heap page each,
/// and the descents.
const DENSE: i64 = 150;
/// The same where the thousand that match are looked up and sorted.
const FEW: i64 = 1_000 * 6;
/// The same where the budget of 2,000 rows is spent, and stepped over once more.
const SPENT: i64 = 2 * 2_000 * 2;
/// What finding the newest row of a tag costs for each row that is looked at.
const TAG: i64 = 2_000 * 8;

/// Half of the customers have a phone, one in twenty is in the category `some`, every other one in `half`; one in a hundred
/// has the attribute, one in five the tag; one in a hundred has its contact on the narrow channel, the others on another.
async fn fill(harness: &Harness, definition: &str, tag: &str, narrow: Uuid) {
    let (tenant, wide, many) = (harness.tenant, harness.ambient.id(), many());
    let sql = format!(
        "INSERT INTO customer (tenant_id, id, name, sort_name, first_contact_at, last_contact_at, has_phone, category,
                               attributes, said_attributes, channel_ids, version)
         SELECT '{tenant}', md5('customer' || n)::uuid, 'name ' || md5(n::text), 'name ' || md5(n::text),
                '2026-01-01'::timestamptz + n * interval '1 second',
                '2026-02-01'::timestamptz + n::bigint * 7919 % {many} * interval '1 second',
                n % 2 = 0, CASE WHEN n % 20 = 1 THEN 'some' WHEN n % 2 = 1 THEN 'half' END,
                a.said, a.said,
                CASE WHEN n % 100 = 7 THEN ARRAY ['{narrow}'::uuid] ELSE ARRAY ['{wide}'::uuid] END,
                nextval('customer_version')
         FROM generate_series(1, {many}) AS n,
              LATERAL (SELECT CASE WHEN n % 100 = 0 THEN '{{\"{definition}\": \"7\"}}'::jsonb ELSE '{{}}' END AS said) AS a;
         INSERT INTO customer_attribute
         SELECT tenant_id, '{definition}', md5('7')::uuid, id FROM customer WHERE attributes <> '{{}}';
         INSERT INTO customer_tag (tenant_id, customer_id, tag_id, carried, changed_at)
         SELECT '{tenant}', md5('customer' || n)::uuid, '{tag}', true, '2026-01-01'
         FROM generate_series(1, {many}, 5) AS n;
         INSERT INTO contact (tenant_id, id, customer_id, channel_id, display_name, created_at, identities, generation,
                              version)
         SELECT tenant_id, id, id, channel_ids[1], name, first_contact_at, '[]', 1, 1
         FROM customer WHERE channel_ids <> '{{}}' AND name <> 'Aaron';
         CREATE EXTENSION pg_stat_statements"
    );
    let mut connection = harness.connect().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await.unwrap();
}

/// Calls and buffers of the statements that find customers.
async fn cost(harness: &Harness) -> (i64, i64) {
    let sql = "SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint
               FROM pg_stat_statements JOIN pg_database d ON d.oid = dbid AND d.datname = current_database()
               WHERE query LIKE 'SELECT * FROM (SELECT c.*%' OR query LIKE 'SELECT customer_id FROM customer_attribute%'
                  OR query LIKE 'SELECT coalesce(c.merged_into, c.id)%' OR query LIKE 'SELECT id FROM customer%'";
    let row = sqlx::query(sql).fetch_one(&mut harness.connect().await).await.unwrap();
    (row.get(0), row.get(1))
}

async fn page(client: &mut Client, request: &mut ListCustomersRequest) -> usize {
    let page = guarded(client.list_customers(request.clone())).await.unwrap().into_inner();
    request.page_token = page.next_page_token;
    page.customers.len()
}

#[tokio::test]
async fn a_page_costs_the_same_wherever_it_is() {
    let harness = Harness::start("cost").await;
    let known = Person::new(&harness, "Aaron", 100);
    harness.told([known.change()]).await;
    let tag_id = harness.add_tags(known.customer, &["tag"]).await.tag_ids[0].clone();
    let definition = harness.define("seats", AttributeType::Number, &[]).await;
    let narrow = harness.ambient.id();
    fill(&harness, &definition.id, &tag_id, narrow).await;

    let any = CustomerFilter::default;
    let seats = AttributeValue { key: "seats".to_owned(), value: "7".to_owned() };
    let category = |name: &str| CustomerFilter { category: name.to_owned(), ..any() };
    let all = usize::try_from(PAGE).unwrap();
    // Too many to be looked up and sorted are walked to, as far as the budget goes: a page may be short.
    let rare = if many() > 100_000 { 1 } else { all };
    // Filter, the least that a page has, buffers.
    let filters = [
        ("all", any(), all, DENSE),
        ("half have a phone", CustomerFilter { has_phone: Some(true), ..any() }, all, DENSE),
        ("one in twenty", category("some"), all, FEW),
        ("nearly half", category("half"), all, DENSE),
        ("one in a hundred", CustomerFilter { attribute: Some(seats), ..any() }, rare, FEW),
        ("one in five", CustomerFilter { tag_id, ..any() }, all, TAG),
        ("none", CustomerFilter { has_phone: Some(true), ..category("half") }, 0, SPENT),
    ];
    let mut admin = harness.admin();
    let mut failures = Vec::new();
    for (name, filter, least, most) in filters {
        for (order, reverse) in [
            (CustomerOrder::Name, false),
            (CustomerOrder::Name, true),
            (CustomerOrder::LastContact, false),
            (CustomerOrder::FirstContact, true),
        ] {
            let first = ListCustomersRequest {
                page_size: PAGE,
                order: order.into(),
                reverse,
                filter: Some(filter.clone()),
                ..ListCustomersRequest::default()
            };
            // A token goes on with pages of any size.
            let mut deep = ListCustomersRequest { page_size: 100, ..first.clone() };
            // As deep as the smallest list reaches; where all match, to the two hundredth page.
            for _ in 0..if name == "all" { 40 } else { 1 } {
                page(&mut admin, &mut deep).await;
                assert!(!deep.page_token.is_empty(), "{name}, {order:?}");
            }
            deep.page_size = PAGE;
            for (place, mut request) in [("first", first), ("deep", deep)] {
                let before = cost(&harness).await;
                let found = page(&mut admin, &mut request).await;
                let after = cost(&harness).await;
                let (calls, buffers) = (after.0 - before.0, after.1 - before.1);
                println!(
                    "{name}, {order:?}, reverse {reverse}, {place}: {calls} statements, {buffers} buffers"
                );
                let as_expected = found >= least && (least > 0) == (found > 0);
                if !as_expected || request.page_token.is_empty() || calls > 4 || buffers > most {
                    failures.push(format!(
                        "{name}, {order:?}, reverse {reverse}, {place}: {found} rows, {calls} statements, {buffers} buffers"
                    ));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // An agent who sees few customers finds them; one who sees too many to look up spends a budget after that.
    let mut agent = harness.client(harness.tenant, "agent-1", Role::Agent);
    harness.conversation.let_see(&harness.token(Some(harness.tenant), "agent-1", Role::Agent), &[narrow]);
    let mut request = ListCustomersRequest { page_size: PAGE, ..ListCustomersRequest::default() };
    let most = if rare < all { FEW + SPENT } else { FEW };
    for _ in 0..2 {
        let before = cost(&harness).await;
        assert!(page(&mut agent, &mut request).await >= rare);
        let after = cost(&harness).await;
        assert!(after.0 - before.0 <= 3 && after.1 - before.1 < most, "{} buffers", after.1 - before.1);
    }
    // Spent budgets come to the end at last, with nothing on the way.
    let filter = Some(CustomerFilter { has_phone: Some(true), ..category("half") });
    let mut request = ListCustomersRequest { filter, ..ListCustomersRequest::default() };
    for number in 1.. {
        assert_eq!(page(&mut admin, &mut request).await, 0);
        if request.page_token.is_empty() {
            assert_eq!(number, 1 + many() / 2_000);
            break;
        }
    }
}
