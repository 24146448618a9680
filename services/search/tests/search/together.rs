//! Conversations are found by words that stand in several of their messages, by parts of numbers, and by letters that people use
//! for one another.

use tandem_proto::search::v1::{
    HitGrouping, SearchMessagesRequest, SearchMessagesResponse, SearchOrder, SearchPlan, WordMatching,
};
use tandem_proto::r#type::v1::ConversationFilter;
use uuid::Uuid;

use crate::harness::data::{id, message, message_change};
use crate::harness::engine::TestEngine;
use crate::harness::fake_conversation::FakeThread;
use crate::harness::{Service, World, available, conversations};

const TENANT: Uuid = Uuid::from_u128(1);

async fn search(
    world: &World,
    service: &mut Service,
    asked: SearchMessagesRequest,
) -> SearchMessagesResponse {
    let request = SearchMessagesRequest { at_least_as_fresh: world.fresh(), ..asked };
    service.client.search_messages(world.supervisor(TENANT, request)).await.unwrap().into_inner()
}

fn asks(query: &str) -> SearchMessagesRequest {
    SearchMessagesRequest { query: query.to_owned(), ..SearchMessagesRequest::default() }
}

/// Conversations 1 to 40 by what is said in them, a message a text.
async fn start(world: &World, engine: &TestEngine) -> Service {
    let mut said: Vec<(u128, &str)> = vec![
        (1, "hello, my name is Katarina"),
        (1, "somebody withdrew money"),
        (1, "it was in Ljubljana"),
        (2, "Katarina speaking"),
        (2, "the withdrawal was fine"),
        (3, "greetings from Ljubljana"),
        (4, "Katarina withdrew in Ljubljana"),
    ];
    said.extend((5..=40).flat_map(|number| [(number, "somebody else"), (number, "talks about money")]));
    world.messages.push(said.iter().enumerate().map(|(at, (conversation, text))| {
        message_change(TENANT, message(at as u128 + 1, id(100 + conversation), id(7), text))
    }));
    let threads = (1..=40).map(|number| {
        let status = if number == 4 { 2 } else { 1 };
        FakeThread { tenant: TENANT, id: id(100 + number), channel: id(7), status }
    });
    world.conversation.threads.lock().unwrap().extend(threads);
    world.start(&engine.url, &engine.key).await
}

#[tokio::test]
async fn words_of_several_messages_find_their_conversation() {
    if !available("words_of_several_messages_find_their_conversation") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let mut service = start(&world, &engine).await;
    let all = "katarina withdrew ljubljana";
    let found = search(&world, &mut service, asks(all)).await;
    // The message that has all of them, the conversation that has them together, and who has fewer.
    assert_eq!(conversations(&found)[..2], [id(104), id(101)]);
    assert_eq!(conversations(&found).len(), 4);
    assert_eq!(found.conversations[1].hits.len(), 3, "each message that has a word");
    assert!(found.conversations[1].hits.iter().all(|hit| hit.matches.len() == 1));
    assert!(!found.partial && found.next_page_token.is_empty());

    // What is asked for is what is found.
    let strict = SearchMessagesRequest { matching: WordMatching::All.into(), ..asks(all) };
    assert_eq!(conversations(&search(&world, &mut service, strict).await), [id(104)]);
    assert_eq!(
        conversations(&search(&world, &mut service, asks("katarina -withdrew")).await),
        [id(102), id(101)]
    );
    let flat = SearchMessagesRequest { grouping: HitGrouping::None.into(), ..asks(all) };
    assert_eq!(search(&world, &mut service, flat).await.hits.len(), 1);
    let newest = SearchMessagesRequest { order: SearchOrder::Newest.into(), ..asks(all) };
    assert_eq!(conversations(&search(&world, &mut service, newest).await), [id(104)]);

    // Pages go on from the one kind to the other, and show each conversation once, by either plan.
    for (filter, plan) in [
        (None, SearchPlan::TextFirst),
        (Some(ConversationFilter { statuses: vec![1], ..Default::default() }), SearchPlan::NarrowFirst),
    ] {
        for page_size in [1, 3, 7, 50] {
            let mut asked = SearchMessagesRequest {
                page_size,
                filter: filter.clone(),
                ..asks("katarina somebody money")
            };
            let mut ids = Vec::new();
            loop {
                let page = search(&world, &mut service, asked.clone()).await;
                assert_eq!(page.plan(), plan);
                assert!(page.conversations.len() <= usize::try_from(page_size).unwrap());
                ids.extend(conversations(&page));
                asked.page_token = page.next_page_token;
                if asked.page_token.is_empty() {
                    break;
                }
            }
            assert_eq!(ids[0], id(101), "it alone has all three");
            let expected = if filter.is_some() { 38 } else { 39 };
            let mut unique = ids.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!((ids.len(), unique.len()), (expected, expected), "pages of {page_size}");
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn numbers_and_letters_are_found_as_people_type_them() {
    if !available("numbers_and_letters_are_found_as_people_type_them") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let texts = [
        "电话是01062991888。",
        "please call +49 171 234-5678 after six",
        "order #A-1042 of ana.maria@example.org is late",
        "کامپیوتر چطور کار میکنه؟",
        "أريد إلغاء البطاقة",
        "that is \u{1f355} for 3 people",
    ];
    world.messages.push(texts.iter().enumerate().map(|(at, text)| {
        message_change(TENANT, message(at as u128 + 1, id(101 + at as u128), id(7), text))
    }));
    let mut service = world.start(&engine.url, &engine.key).await;
    for (query, expected, marked) in [
        ("62991888", 0, None),
        ("010-6299 1888", 0, None),
        ("6299", 0, None),
        ("0171 2345678", 1, None),
        ("171 234", 1, None),
        ("2345678", 1, None),
        ("A-1042", 2, Some((9, 4))),
        ("a1042", 2, None),
        ("#1042", 2, None),
        ("ana.maria", 2, None),
        ("example.org", 2, None),
        ("كامپيوتر", 3, Some((0, 8))),
        ("ميكنه", 3, None),
        ("الغاء البطاقه", 4, None),
        ("people \u{1f355}", 5, None),
    ] {
        let found = search(&world, &mut service, asks(query)).await;
        assert_eq!(conversations(&found).first(), Some(&id(101 + expected)), "{query}");
        if let Some(marked) = marked {
            let marks = &found.conversations[0].hits[0].matches;
            assert!(marks.iter().any(|mark| (mark.start, mark.length) == marked), "{query}: {marks:?}");
        }
    }
    service.stop().await;
}
