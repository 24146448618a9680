//! Messages in the orders of time, grouped or alone, by views, kinds and counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering;

use tandem_proto::conversation::v1::message_content::Kind as Content;
use tandem_proto::conversation::v1::{LocationContent, MessageContent};
use tandem_proto::search::v1::*;
use tandem_proto::r#type::v1::{ActorKind, ConversationFilter};
use uuid::Uuid;

use crate::harness::data::{id, message, message_change};
use crate::harness::engine::TestEngine;
use crate::harness::fake_conversation::FakeThread;
use crate::harness::{Service, World, available};

const TENANT: Uuid = Uuid::from_u128(1);

/// Numbers of a page after the other: of messages, or of conversations with those of their messages.
type Pages = (Vec<u128>, Vec<(u128, Vec<u128>)>);

async fn walk(world: &World, service: &mut Service, asked: &SearchMessagesRequest) -> Pages {
    let number = |id: &str| id.parse::<Uuid>().unwrap().as_u128();
    let (mut alone, mut grouped) = (Vec::new(), Vec::new());
    let mut request = SearchMessagesRequest { at_least_as_fresh: world.fresh(), ..asked.clone() };
    for page in 0..2_000 {
        let answer = service.client.search_messages(world.supervisor(TENANT, request.clone())).await;
        let answer = answer.unwrap().into_inner();
        assert!(!answer.partial, "page {page}");
        assert_eq!(answer.total.is_some(), page == 0);
        assert!(
            answer.hits.len().max(answer.conversations.len()) <= usize::try_from(asked.page_size).unwrap()
        );
        alone.extend(answer.hits.iter().map(|hit| number(&hit.message_id)));
        grouped.extend(answer.conversations.iter().map(|group| {
            let hits = group.hits.iter().map(|hit| number(&hit.message_id)).collect();
            (number(&group.conversation_id), hits)
        }));
        if answer.next_page_token.is_empty() {
            return (alone, grouped);
        }
        request.page_token = answer.next_page_token;
    }
    panic!("the pages do not end");
}

fn in_order(order: SearchOrder, grouping: HitGrouping, query: &str, page_size: i32) -> SearchMessagesRequest {
    SearchMessagesRequest {
        query: query.to_owned(),
        page_size,
        order: order.into(),
        grouping: grouping.into(),
        ..SearchMessagesRequest::default()
    }
}

/// Several are written in the same millisecond; conversations come again and again.
#[tokio::test]
async fn orders_by_time_are_exact_grouped_or_not_by_both_plans() {
    if !available("orders_by_time_are_exact_grouped_or_not_by_both_plans") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    // Number, conversation, second.
    let mut said: Vec<(u128, u128, i64)> = Vec::new();
    for number in 1..=260u128 {
        let conversation = 1_000 + number * 7919 % 43;
        said.push((number, conversation, i64::try_from(number * 31 % 90).unwrap()));
    }
    for conversation in said.iter().map(|(_, conversation, _)| *conversation).collect::<BTreeSet<_>>() {
        let status = if conversation % 3 == 0 { 2 } else { 1 };
        let thread = FakeThread { tenant: TENANT, id: id(conversation), channel: id(7), status };
        world.conversation.threads.lock().unwrap().push(thread);
    }
    world.messages.push(said.iter().map(|(number, conversation, second)| {
        let text = if number % 5 == 0 { "a kitchen without it" } else { "the umbrella in the kitchen" };
        let mut message = message(*number, id(*conversation), id(7), text);
        message.source_time.as_mut().unwrap().seconds = 1_700_000_000 + second;
        message_change(TENANT, message)
    }));
    let mut service = world.start(&engine.url, &engine.key).await;
    let filter = ConversationFilter { statuses: vec![1], ..ConversationFilter::default() };
    for (endless, filter) in [(false, None), (false, Some(filter.clone())), (true, Some(filter))] {
        world.conversation.list_is_endless.store(endless, Ordering::SeqCst);
        let holds = |(number, conversation, _): &&(u128, u128, i64)| {
            number % 5 != 0 && (filter.is_none() || conversation % 3 != 0)
        };
        let expected: Vec<_> = said.iter().filter(holds).copied().collect();
        let second: HashMap<u128, i64> =
            expected.iter().map(|(number, _, second)| (*number, *second)).collect();
        for (order, sign) in [(SearchOrder::Newest, -1), (SearchOrder::Oldest, 1)] {
            for page_size in [3, 20] {
                let asked = |grouping| SearchMessagesRequest {
                    filter: filter.clone(),
                    ..in_order(order, grouping, "umbrella", page_size)
                };
                let (alone, _) = walk(&world, &mut service, &asked(HitGrouping::None)).await;
                let all: BTreeSet<u128> = alone.iter().copied().collect();
                assert_eq!((all.len(), alone.len()), (expected.len(), expected.len()), "each once");
                assert!(alone.iter().all(|number| second.contains_key(number)));
                assert!(alone.is_sorted_by_key(|number| second[number] * sign), "{order:?}");

                let (_, groups) = walk(&world, &mut service, &asked(HitGrouping::Conversation)).await;
                let mut first: BTreeMap<u128, i64> = BTreeMap::new();
                for (_, conversation, second) in &expected {
                    let best = first.entry(*conversation).or_insert(second * sign);
                    *best = (*best).min(second * sign);
                }
                let shown: BTreeSet<u128> = groups.iter().map(|(conversation, _)| *conversation).collect();
                assert_eq!((shown.len(), groups.len()), (first.len(), first.len()), "each conversation once");
                assert!(groups.is_sorted_by_key(|(conversation, _)| first[conversation]), "{order:?}");
                for (conversation, hits) in &groups {
                    assert_eq!(second[&hits[0]] * sign, first[conversation], "its first message");
                    assert!(hits.is_sorted_by_key(|number| second[number] * sign));
                }
            }
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn a_view_decides_as_its_filter_does() {
    if !available("a_view_decides_as_its_filter_does") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    for number in 1..=12u128 {
        let status = i32::try_from(1 + number % 3).unwrap();
        let thread = FakeThread { tenant: TENANT, id: id(100 + number), channel: id(7), status };
        world.conversation.threads.lock().unwrap().push(thread);
        world.messages.push([message_change(TENANT, message(number, id(100 + number), id(7), "umbrella"))]);
    }
    let view = id(55).to_string();
    let filter = ConversationFilter { statuses: vec![2], ..ConversationFilter::default() };
    world.conversation.views.lock().unwrap().insert(view.clone(), filter.clone());
    let mut service = world.start(&engine.url, &engine.key).await;
    for endless in [false, true] {
        world.conversation.list_is_endless.store(endless, Ordering::SeqCst);
        let base = in_order(SearchOrder::Newest, HitGrouping::None, "umbrella", 3);
        let by_view = SearchMessagesRequest { view_id: view.clone(), ..base.clone() };
        let by_filter = SearchMessagesRequest { filter: Some(filter.clone()), ..base };
        let found = walk(&world, &mut service, &by_view).await.0;
        assert_eq!(found, [10, 7, 4, 1]);
        assert_eq!(found, walk(&world, &mut service, &by_filter).await.0);
    }
    let both = SearchMessagesRequest {
        view_id: view,
        filter: Some(filter),
        time_zone: "Nowhere".to_owned(),
        order: 9,
        matching: 9,
        grouping: 9,
        kinds: vec![0],
        facets: vec![1, 1],
        ..in_order(SearchOrder::Newest, HitGrouping::None, "umbrella", 3)
    };
    let both = SearchMessagesRequest { order: 9, grouping: 9, ..both };
    let status = service.client.search_messages(world.supervisor(TENANT, both)).await.unwrap_err();
    let details = tonic_types::StatusExt::get_error_details(&status);
    let fields: BTreeSet<String> =
        details.bad_request().unwrap().field_violations.iter().map(|wrong| wrong.field.clone()).collect();
    let expected =
        ["facets[1]", "filter", "grouping", "kinds[0]", "matching", "order", "time_zone", "view_id"];
    assert_eq!(fields, expected.map(str::to_owned).into());
    service.stop().await;
}

#[tokio::test]
async fn kinds_notes_and_words_are_chosen_and_what_is_found_is_counted() {
    if !available("kinds_notes_and_words_are_chosen_and_what_is_found_is_counted") {
        return;
    }
    let (world, engine) = (World::new().await, TestEngine::start());
    for number in 1..=9u128 {
        let text = if number % 3 == 0 { "umbrella" } else { "umbrella kitchen" };
        let mut message = message(number, id(100 + number), id(7 + number % 2), text);
        // One in each of nine months.
        message.source_time.as_mut().unwrap().seconds =
            1_700_000_000 + i64::try_from(number).unwrap() * 2_678_400;
        if number == 4 {
            let place = LocationContent { name: "Umbrella kitchen".to_owned(), ..LocationContent::default() };
            message.content = Some(MessageContent { kind: Some(Content::Location(place)) });
        }
        if number == 5 {
            message.private = true;
            message.author.as_mut().unwrap().kind = ActorKind::Agent.into();
        }
        world.messages.push([message_change(TENANT, message)]);
    }
    for number in 1..=9u128 {
        let status = if number < 4 { 1 } else { 2 };
        let thread = FakeThread { tenant: TENANT, id: id(100 + number), channel: id(7 + number % 2), status };
        world.conversation.threads.lock().unwrap().push(thread);
    }
    let mut service = world.start(&engine.url, &engine.key).await;
    let base = in_order(SearchOrder::Oldest, HitGrouping::None, "umbrella", 20);
    let both = SearchMessagesRequest { query: "umbrella kitchen".to_owned(), ..base.clone() };
    let none = SearchMessagesRequest { query: "umbrella kitchen nowhere".to_owned(), ..base.clone() };
    let matching = |request: &SearchMessagesRequest, matching: WordMatching| SearchMessagesRequest {
        matching: matching.into(),
        ..request.clone()
    };
    for (request, expected) in [
        (base.clone(), vec![1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (SearchMessagesRequest { kinds: vec![MessageKind::Location.into()], ..base.clone() }, vec![4]),
        (SearchMessagesRequest { private: Some(true), ..base.clone() }, vec![5]),
        (SearchMessagesRequest { private: Some(false), ..base.clone() }, vec![1, 2, 3, 4, 6, 7, 8, 9]),
        (both.clone(), vec![1, 2, 4, 5, 7, 8]),
        (matching(&both, WordMatching::All), vec![1, 2, 4, 5, 7, 8]),
        (matching(&none, WordMatching::All), vec![]),
        (matching(&none, WordMatching::Most), vec![1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (none, vec![1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (SearchMessagesRequest { query: "umbrella -kitchen".to_owned(), ..base.clone() }, vec![3, 6, 9]),
    ] {
        assert_eq!(walk(&world, &mut service, &request).await.0, expected, "{request:?}");
    }
    let facets = [SearchFacet::Channel, SearchFacet::Author, SearchFacet::Kind, SearchFacet::Month];
    let counted = SearchMessagesRequest {
        facets: facets.map(Into::into).to_vec(),
        at_least_as_fresh: world.fresh(),
        page_size: 2,
        ..base.clone()
    };
    let answer = service.client.search_messages(world.supervisor(TENANT, counted.clone())).await;
    let answer = answer.unwrap().into_inner();
    assert_eq!(answer.total, Some(TotalEstimate { messages: 9, at_least: false }));
    let counts = |at: usize| -> Vec<(String, i64)> {
        let facet: &FacetCounts = &answer.facets[at];
        assert!(facet.facet() == facets[at] && !facet.before_filter);
        facet.counts.iter().map(|count| (count.value.clone(), count.messages)).collect()
    };
    assert_eq!(counts(0), [(id(8).to_string(), 5), (id(7).to_string(), 4)]);
    assert_eq!(counts(1), [("ACTOR_KIND_CUSTOMER".to_owned(), 8), ("ACTOR_KIND_AGENT".to_owned(), 1)]);
    assert_eq!(counts(2), [("MESSAGE_KIND_TEXT".to_owned(), 8), ("MESSAGE_KIND_LOCATION".to_owned(), 1)]);
    assert_eq!((counts(3).len(), counts(3)[0].clone()), (9, ("2023-12".to_owned(), 1)));
    let hit = &answer.hits[0];
    assert_eq!(
        (hit.kind(), hit.private, hit.conversation_id.as_str()),
        (MessageKind::Text, false, &*id(101).to_string())
    );
    assert_eq!(hit.source_time.unwrap().seconds, 1_700_000_000 + 2_678_400);

    // Inside the conversations that the filter names counts are exact; sought first, they are told as what they are.
    let filter = ConversationFilter { statuses: vec![1], ..ConversationFilter::default() };
    let filtered = SearchMessagesRequest { filter: Some(filter), ..counted };
    for (endless, months) in [(false, 3), (true, 9)] {
        world.conversation.list_is_endless.store(endless, Ordering::SeqCst);
        let answer = service.client.search_messages(world.supervisor(TENANT, filtered.clone())).await;
        let answer = answer.unwrap().into_inner();
        assert_eq!(answer.total, Some(TotalEstimate { messages: 3, at_least: false }), "endless: {endless}");
        assert_eq!((answer.facets[3].counts.len(), answer.facets[3].before_filter), (months, endless));
    }
    service.stop().await;
}
