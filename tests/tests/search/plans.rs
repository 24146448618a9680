//! Filters: by either plan, search finds what the list with that filter holds and a plain match of the text.

use std::collections::{BTreeMap, BTreeSet};

use tandem_access::Role;
use tandem_proto::conversation::v1::ListConversationsRequest;
use tandem_proto::search::v1::{SearchMessagesRequest, SearchOrder, SearchPlan};
use tandem_proto::r#type::v1::ConversationFilter;
use tandem_tests::{Parts, Suite, eventually, item_at, visitor};

use crate::world::{WORDS, World};
use crate::{searchable, searcher};

const ROUNDS: usize = 4;
/// Of each caller in each round.
const FILTERS: usize = 10;

type Who = (&'static str, Role);

async fn listed(suite: &Suite, (subject, role): Who, filter: &ConversationFilter) -> BTreeSet<String> {
    let mut client = suite.conversations(0, subject, role);
    let mut request = ListConversationsRequest {
        filter: Some(filter.clone()),
        page_size: 200,
        ..ListConversationsRequest::default()
    };
    let mut all = BTreeSet::new();
    loop {
        let page = client.list_conversations(request.clone()).await.unwrap().into_inner();
        all.extend(page.rows.into_iter().map(|row| row.conversation.unwrap().id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

/// What one search service finds, page by page, and by which plan.
async fn found(
    suite: &Suite,
    service: usize,
    who: Who,
    asked: &SearchMessagesRequest,
) -> (BTreeSet<String>, SearchPlan) {
    let mut client = searcher(suite, service, who);
    let mut request = asked.clone();
    let mut all = BTreeSet::new();
    loop {
        let page = client.search_messages(request.clone()).await.unwrap().into_inner();
        let plan = page.plan();
        assert!(!page.partial, "{request:?}");
        for group in page.conversations {
            assert!(all.insert(group.conversation_id), "a conversation came twice: {request:?}");
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return (all, plan);
        }
    }
}

/// What is said in each conversation.
async fn said(suite: &Suite) -> BTreeMap<String, Vec<String>> {
    let mut said = BTreeMap::new();
    for id in listed(suite, ("admin", Role::Admin), &ConversationFilter::default()).await {
        let messages = suite.messages(&id).await;
        let texts = messages.into_iter().filter_map(|message| message.content?.kind);
        let texts = texts.filter_map(|kind| match kind {
            tandem_proto::conversation::v1::message_content::Kind::Text(text) => Some(text.text),
            _ => None,
        });
        said.insert(id, texts.collect());
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn by_either_plan_a_search_is_the_list_with_the_words() {
    if !searchable("by_either_plan_a_search_is_the_list_with_the_words") {
        return;
    }
    let mut suite = Suite::start(Parts { search: false, customer_profile: false, ..Parts::ALL }).await;
    for most_inside in [300, 0] {
        suite
            .serve_another_search(|config| {
                config.search.most_inside = most_inside;
                config.search.budget_ms = 60_000;
            })
            .await;
    }
    let mut world = World::found(&suite).await;
    suite.narrow_agent(world.channels[1]).await;
    let random = world.filters().await;
    let callers = [("agent-0", Role::Agent), ("narrow", Role::Agent), ("admin", Role::Admin)];
    let orders = [SearchOrder::Relevance, SearchOrder::Newest, SearchOrder::Oldest];
    let mut plans = BTreeMap::new();
    let mut met = 0;
    for round in 0..ROUNDS {
        world.goes_on().await;
        // Everything before it is in the index once this is.
        let last = item_at(format!("last {round}"), vec![visitor("last")], "last", suite.ambient.now());
        let token = suite.ingest(0, world.channels[1], vec![last]).await.change_token;
        let said = said(&suite).await;
        for who in callers {
            for number in 0..FILTERS {
                let word = WORDS[(round + number) % WORDS.len()];
                let asked = SearchMessagesRequest {
                    query: word.to_owned(),
                    filter: Some(random.next()),
                    page_size: i32::try_from(3 + number).unwrap(),
                    order: orders[(round + number) % orders.len()].into(),
                    at_least_as_fresh: vec![token.clone()],
                    ..SearchMessagesRequest::default()
                };
                let filter = asked.filter.clone().unwrap();
                // Timers may act meanwhile.
                let (list, narrow, text) = eventually("nothing changes while it is asked", async || {
                    let before = listed(&suite, who, &filter).await;
                    let narrow = found(&suite, 1, who, &asked).await;
                    let text = found(&suite, 2, who, &asked).await;
                    (before == listed(&suite, who, &filter).await).then_some((before, narrow, text))
                })
                .await;
                let has = |id: &String| said[id].iter().any(|text| text.contains(word));
                let expected: BTreeSet<String> = list.into_iter().filter(has).collect();
                assert_eq!(narrow.0, expected, "narrow first: {who:?} {asked:?}");
                assert_eq!(text.0, expected, "text first: {who:?} {asked:?}");
                met += expected.len();
                *plans.entry((narrow.1 as i32, text.1 as i32)).or_insert(0) += 1;
            }
        }
    }
    // Both plans ran, and something was found.
    let both = (SearchPlan::NarrowFirst as i32, SearchPlan::TextFirst as i32);
    assert!(plans.get(&both).is_some_and(|times| *times > 20), "{plans:?}");
    assert!(met > 20, "{met} conversations matched");
    suite.stop().await;
}
