//! Both plans find the same, page by page, and what a plain look at the texts finds.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use tandem_proto::search::v1::*;
use tandem_proto::r#type::v1::{ActorKind, ConversationFilter, TimeRange};
use uuid::Uuid;

use crate::harness::data::{id, message, message_change};
use crate::harness::engine::TestEngine;
use crate::harness::fake_conversation::FakeThread;
use crate::harness::{Service, World, available, conversations};

const TENANT: Uuid = Uuid::from_u128(1);
/// No two within two typos, none the beginning of another.
const WORDS: [&str; 8] =
    ["delivery", "broken", "headphones", "invoice", "退款", "отменить", "kitchen", "umbrella"];

/// Numbers that repeat from run to run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Every page of a search, with the plan of each.
async fn walk(
    world: &World,
    service: &mut Service,
    asked: &SearchMessagesRequest,
) -> (Vec<Uuid>, BTreeSet<SearchPlan>) {
    let (mut found, mut plans) = (Vec::new(), BTreeSet::new());
    let mut request = SearchMessagesRequest { at_least_as_fresh: world.fresh(), ..asked.clone() };
    for _ in 0..200 {
        let page = service
            .client
            .search_messages(world.supervisor(TENANT, request.clone()))
            .await
            .unwrap()
            .into_inner();
        assert!(!page.partial && page.conversations.len() <= 7, "{page:?}");
        assert!(page.conversations.iter().all(|group| (1..=5).contains(&group.hits.len())));
        plans.insert(page.plan());
        found.extend(conversations(&page));
        if page.next_page_token.is_empty() {
            return (found, plans);
        }
        request.page_token = page.next_page_token;
    }
    panic!("the pages do not end");
}

#[tokio::test]
async fn both_plans_agree_on_random_data() {
    if !available("both_plans_agree_on_random_data") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    let mut dice = Dice(42);
    let mut texts: Vec<(Uuid, String)> = Vec::new();
    for number in 0..120u128 {
        let (conversation, channel) = (id(1000 + number), id(7 + number % 2));
        let status = i32::try_from(dice.roll(4)).unwrap() + 1;
        world.conversation.threads.lock().unwrap().push(FakeThread {
            tenant: TENANT,
            id: conversation,
            channel,
            status,
        });
        for _ in 0..1 + dice.roll(8) {
            let text = format!("{} and {}", WORDS[dice.roll(8)], WORDS[dice.roll(8)]);
            let message = message(texts.len() as u128 + 1, conversation, channel, &text);
            texts.push((conversation, text));
            world.messages.push([message_change(TENANT, message)]);
        }
    }
    let mut service = world.start(&engine.url, &engine.key).await;
    for query in WORDS.into_iter().chain(["broken invoice", "delivery 退款", "umbrella nowhere"]) {
        for statuses in [vec![1], vec![2, 4]] {
            let filter =
                Some(ConversationFilter { statuses: statuses.clone(), ..ConversationFilter::default() });
            let request =
                SearchMessagesRequest { query: query.to_owned(), filter, page_size: 7, ..Default::default() };
            world.conversation.list_is_endless.store(false, Ordering::SeqCst);
            let (narrow, plans) = walk(&world, &mut service, &request).await;
            assert_eq!(plans, BTreeSet::from([SearchPlan::NarrowFirst]));
            world.conversation.list_is_endless.store(true, Ordering::SeqCst);
            let (text, plans) = walk(&world, &mut service, &request).await;
            assert_eq!(plans, BTreeSet::from([SearchPlan::TextFirst]));
            assert_eq!(narrow, text, "{query} {statuses:?}");
            assert_eq!(narrow.len(), BTreeSet::from_iter(&narrow).len(), "a conversation came twice");
            if !query.contains(' ') {
                let threads = world.conversation.threads.lock().unwrap();
                let matching =
                    threads.iter().filter(|thread| statuses.contains(&thread.status)).map(|thread| thread.id);
                let matching: BTreeSet<Uuid> = matching.collect();
                let holding = texts
                    .iter()
                    .filter(|(_, text)| text.contains(query))
                    .map(|(conversation, _)| *conversation);
                let expected: BTreeSet<Uuid> = holding.filter(|id| matching.contains(id)).collect();
                assert_eq!(BTreeSet::from_iter(narrow), expected, "{query} {statuses:?}");
            }
        }
    }
    // Channel alone is in the documents: conversation is not asked.
    let asked =
        world.conversation.calls("MatchConversations") + world.conversation.calls("ListConversations");
    let filter =
        Some(ConversationFilter { channel_ids: vec![id(7).to_string()], ..ConversationFilter::default() });
    let request =
        SearchMessagesRequest { query: "broken".to_owned(), filter, page_size: 7, ..Default::default() };
    let (found, _) = walk(&world, &mut service, &request).await;
    assert!(!found.is_empty() && found.iter().all(|id| id.as_u128() % 2 == 0));
    assert_eq!(
        world.conversation.calls("MatchConversations") + world.conversation.calls("ListConversations"),
        asked
    );
    service.stop().await;
}

#[tokio::test]
async fn authors_and_times_are_filtered_in_the_index() {
    if !available("authors_and_times_are_filtered_in_the_index") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    for number in 1..=6u128 {
        let mut message = message(number, id(100 + number), id(7), "the umbrella");
        let author = message.author.as_mut().unwrap();
        match number {
            1 | 2 => {}
            3 => (author.kind, author.id) = (ActorKind::Ai.into(), String::new()),
            _ => (author.kind, author.id) = (ActorKind::Agent.into(), id(number % 2).to_string()),
        }
        world.messages.push([message_change(TENANT, message)]);
    }
    let mut service = world.start(&engine.url, &engine.key).await;
    let second = |seconds: i64| Some(prost_types::Timestamp { seconds: 1_700_000_000 + seconds, nanos: 0 });
    let base = SearchMessagesRequest {
        query: "umbrella".to_owned(),
        at_least_as_fresh: world.fresh(),
        ..Default::default()
    };
    let author = |kind: ActorKind| vec![i32::from(kind)];
    let between =
        |from, until| Some(TimeRange { from: second(from), until: second(until), ..TimeRange::default() });
    for (request, expected) in [
        (base.clone(), vec![6, 5, 4, 3, 2, 1]),
        (SearchMessagesRequest { authors: author(ActorKind::Customer), ..base.clone() }, vec![2, 1]),
        (SearchMessagesRequest { authors: author(ActorKind::Ai), ..base.clone() }, vec![3]),
        (SearchMessagesRequest { author_agent_ids: vec![id(1).to_string()], ..base.clone() }, vec![5]),
        (SearchMessagesRequest { time: between(2, 5), ..base.clone() }, vec![4, 3, 2]),
    ] {
        let found =
            service.client.search_messages(world.supervisor(TENANT, request)).await.unwrap().into_inner();
        let expected: Vec<Uuid> = expected.into_iter().map(|number| id(100 + number)).collect();
        assert_eq!(conversations(&found), expected);
    }
    // A token belongs to its question.
    let first = SearchMessagesRequest { page_size: 2, ..base.clone() };
    let page = service.client.search_messages(world.supervisor(TENANT, first)).await.unwrap().into_inner();
    let other = SearchMessagesRequest { query: "the".to_owned(), page_token: page.next_page_token, ..base };
    let refused = service.client.search_messages(world.supervisor(TENANT, other)).await.unwrap_err();
    assert_eq!(tandem_fault::reason_of(&refused).as_deref(), Some("PAGE_TOKEN_INVALID"));
    service.stop().await;
}
