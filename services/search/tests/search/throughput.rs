//! How fast an index fills, and that results end honestly where the engine's do.

use std::collections::BTreeSet;

use tandem_proto::search::v1::{HitGrouping, SearchMessagesRequest, SearchOrder};
use uuid::Uuid;

use crate::harness::data::{id, message, message_change};
use crate::harness::engine::TestEngine;
use crate::harness::{World, available, conversations};

const TENANT: Uuid = Uuid::from_u128(1);

#[tokio::test]
#[ignore = "a measurement: run it by name"]
async fn fifty_thousand_messages() {
    if !available("fifty_thousand_messages") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    const WORDS: [&str; 10] =
        ["order", "late", "refund", "parcel", "please", "broken", "where", "help", "card", "東京の寿司"];
    let count: u32 = std::env::var("TANDEM_TEST_MESSAGES").map_or(50_000, |count| count.parse().unwrap());
    world.messages.push((1..=u128::from(count)).map(|number| {
        let word = |shift: u32| WORDS[usize::try_from(number.rotate_right(shift) % 10).unwrap()];
        let text = format!("{} {} my {} number {number} is {}", word(1), word(3), word(5), word(7));
        message_change(TENANT, message(number, id(1_000_000 + number / 12), id(7), &text))
    }));
    let mut service = world
        .start_with(&engine.url, &engine.key, |config| {
            config.search.lease_s = 60;
            config.common.server.default_deadline_ms = 600_000;
        })
        .await;
    let started = std::time::Instant::now();
    let mut request = world.supervisor(
        TENANT,
        SearchMessagesRequest {
            query: "refund".to_owned(),
            at_least_as_fresh: world.fresh(),
            ..SearchMessagesRequest::default()
        },
    );
    request.set_timeout(std::time::Duration::from_secs(600));
    service.client.search_messages(request).await.unwrap();
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{count} messages in {seconds:.1} s: {:.0} a second", f64::from(count) / seconds);
    let started = std::time::Instant::now();
    for _ in 0..50 {
        service.messages(&world, TENANT, "refund parcel").await.unwrap();
    }
    eprintln!("a search takes {:.1} ms", started.elapsed().as_secs_f64() * 20.0);
    service.stop().await;
}

#[tokio::test]
async fn pages_end_and_say_so_where_the_engine_ends() {
    if !available("pages_end_and_say_so_where_the_engine_ends") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    // Two conversations take all that the engine shows; the third is beyond.
    world.messages.push((1..=10_050u128).map(|number| {
        let conversation = if number < 40 { 3 } else { 1 + number % 2 };
        message_change(TENANT, message(number, id(conversation), id(7), "spam"))
    }));
    let mut service = world
        .start_with(&engine.url, &engine.key, |config| {
            config.search.lease_s = 60;
            // A cut-off would leave the order to chance.
            (config.search.request_timeout_ms, config.search.cutoff_ms) = (30_000, 29_000);
            config.search.budget_ms = 60_000;
            config.common.server.default_deadline_ms = 60_000;
        })
        .await;
    let mut request = SearchMessagesRequest {
        query: "spam".to_owned(),
        at_least_as_fresh: world.fresh(),
        ..Default::default()
    };
    let mut found = Vec::new();
    for page in 1.. {
        let answer = service
            .client
            .search_messages(world.supervisor(TENANT, request.clone()))
            .await
            .unwrap()
            .into_inner();
        found.extend(conversations(&answer));
        assert!(answer.partial, "page {page}: there is more than was looked at");
        if answer.next_page_token.is_empty() {
            break;
        }
        assert!(page < 20, "the pages do not end");
        request.page_token = answer.next_page_token;
    }
    assert_eq!(found, [id(1), id(2)]);
    // By time the pages go on to the end of all, each message alone or by conversation.
    for (order, page_size, expected) in
        [(SearchOrder::Newest, 50, 10_050), (SearchOrder::Oldest, 50, 10_050), (SearchOrder::Newest, 2, 3)]
    {
        let grouping = if expected > 3 { HitGrouping::None } else { HitGrouping::Conversation };
        let mut request = SearchMessagesRequest {
            query: "spam".to_owned(),
            order: order.into(),
            grouping: grouping.into(),
            page_size,
            ..Default::default()
        };
        let (mut all, mut count) = (BTreeSet::new(), 0);
        for page in 0.. {
            let asked = world.supervisor(TENANT, request.clone());
            let answer = service.client.search_messages(asked).await.unwrap().into_inner();
            count += answer.hits.len() + answer.conversations.len();
            all.extend(answer.hits.into_iter().map(|hit| hit.message_id));
            all.extend(answer.conversations.into_iter().map(|group| group.conversation_id));
            if let Some(total) = answer.total {
                // Engines end their count at the cap, or a little beyond it.
                assert!(total.at_least && (10_000..=10_050).contains(&total.messages), "{total:?}");
            }
            if answer.next_page_token.is_empty() {
                break;
            }
            assert!(page < 300, "the pages do not end");
            request.page_token = answer.next_page_token;
        }
        assert_eq!((all.len(), count), (expected, expected), "{order:?}");
    }
    service.stop().await;
}
