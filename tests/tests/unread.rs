//! Unread: each agent's own, whatever is folded into the watermark meanwhile.

use std::collections::BTreeSet;

use sqlx::{ConnectOptions, Row};
use tandem_proto::conversation::v1::{ListConversationsRequest, MarkReadRequest};
use tandem_proto::r#type::v1::ConversationFilter;
use tandem_tests::{Databases, Parts, Suite, eventually, item_at, stored, whatsapp};
use tokio::task::JoinSet;

async fn unread(suite: &Suite) -> BTreeSet<String> {
    let filter = Some(ConversationFilter { unread: Some(true), ..ConversationFilter::default() });
    let mut request =
        ListConversationsRequest { filter, page_size: 200, ..ListConversationsRequest::default() };
    let mut ids = BTreeSet::new();
    loop {
        let page = suite.as_agent(0, 0).list_conversations(request.clone()).await.unwrap().into_inner();
        ids.extend(page.rows.into_iter().map(|row| row.conversation.unwrap().id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return ids;
        }
    }
}

async fn number(suite: &Suite, statement: &str) -> i64 {
    Databases::rows_of(&suite.conversation_url, statement).await[0].get(0)
}

/// Reads conversations, from both processes: as many at once as wait nowhere near a connection's patience,
/// since all of them lock the one watermark.
async fn read(suite: &Suite, ids: &[String]) {
    for some in ids.chunks(20) {
        let mut calls = JoinSet::new();
        for (n, id) in some.iter().enumerate() {
            let mut client = suite.as_agent(n % 2, 0);
            let request = MarkReadRequest { conversation_id: id.clone(), up_to_position: 0 };
            calls.spawn(async move { client.mark_read(request).await.unwrap() });
        }
        calls.join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_reads_fold_into_a_watermark_that_waits_for_open_transactions() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    let mut ids = Vec::new();
    for batch in 0..6 {
        let items = (0..500)
            .map(|n| {
                let n = batch * 500 + n;
                item_at(format!("m{n}"), vec![whatsapp(&format!("US.{n}"))], "hello", suite.ambient.now())
            })
            .collect();
        let results = suite.ingest(0, channel, items).await.results;
        ids.extend(results.into_iter().map(|result| stored(result).conversation_id));
    }
    // A transaction that has taken a number, and goes on: nothing may be folded over it.
    let options: sqlx::postgres::PgConnectOptions = suite.conversation_url.parse().unwrap();
    let mut open = options.connect().await.unwrap();
    let taken = "BEGIN; UPDATE label SET name = name; CREATE TEMP TABLE held (n int);
                 SELECT setval('customer_activity', nextval('customer_activity') + 10)";
    sqlx::raw_sql(taken).execute(&mut open).await.unwrap();
    let held = number(&suite, "SELECT last_value FROM customer_activity").await;

    // Every fiftieth stays unread.
    let (left, seen): (Vec<_>, Vec<_>) = ids.into_iter().enumerate().partition(|(n, _)| n % 50 == 7);
    let left: BTreeSet<String> = left.into_iter().map(|(_, id)| id).collect();
    let seen: Vec<String> = seen.into_iter().map(|(_, id)| id).collect();
    read(&suite, &seen).await;
    assert_eq!(unread(&suite).await, left);
    let floor = number(&suite, "SELECT number FROM activity_floor").await;
    assert!(floor < held, "{floor} is not above what the open transaction took before {held}");
    let mark = "SELECT coalesce(max(number), 0) FROM read_watermark";
    assert!(number(&suite, mark).await <= floor);

    sqlx::raw_sql("ROLLBACK").execute(&mut open).await.unwrap();
    eventually("the floor rises", async || {
        (number(&suite, "SELECT number FROM activity_floor").await >= held).then_some(())
    })
    .await;
    // As long as it reads on, what was read folds.
    read(&suite, &seen[..1_500]).await;
    assert_eq!(unread(&suite).await, left);
    let above =
        "SELECT count(*) FROM read_exception s, read_watermark w WHERE NOT s.unread AND s.number > w.number";
    let (above, below) =
        (number(&suite, above).await, number(&suite, "SELECT count(*) FROM read_exception").await);
    assert!(number(&suite, mark).await > 0, "the watermark moved");
    assert!(above <= 1_600 && below <= 1_700, "{above} reads above the watermark, {below} exceptions");
    // A customer who writes again is unread, and one below the watermark that is read is not.
    suite.write(channel, "again", &[whatsapp("US.0")], "again").await;
    assert_eq!(unread(&suite).await.len(), left.len() + 1);
    let one: Vec<String> = left.iter().take(1).cloned().collect();
    read(&suite, &one).await;
    let mut expected: BTreeSet<String> = left.iter().skip(1).cloned().collect();
    expected.insert(seen[0].clone());
    assert_eq!(unread(&suite).await, expected);
}
