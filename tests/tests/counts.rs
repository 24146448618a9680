//! Counts: what a badge says is what its list shows, or says that it does not know.

use chrono::TimeDelta;
use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::{
    ConversationCount, CountConversationsRequest, CountConversationsResponse, CountPrecision,
    ListConversationsRequest, MarkReadRequest, UpdateLabelsRequest,
};
use tandem_proto::r#type::v1::ConversationFilter;
use tandem_tests::{Databases, Parts, RandomFilters, Suite, item_at, stored, whatsapp, wrong};
use uuid::Uuid;

type Client = ConversationServiceClient<InternalChannel>;

/// How many conversations a list shows in all.
async fn listed(client: &mut Client, filter: &ConversationFilter) -> i64 {
    let (mut rows, mut page_token) = (0, String::new());
    loop {
        let filter = Some(filter.clone());
        let request = ListConversationsRequest { filter, page_size: 200, page_token, ..Default::default() };
        let page = client.list_conversations(request).await.unwrap().into_inner();
        rows += i64::try_from(page.rows.len()).unwrap();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return rows;
        }
    }
}

async fn count(client: &mut Client, filters: Vec<ConversationFilter>) -> CountConversationsResponse {
    let request = CountConversationsRequest { filters, ..CountConversationsRequest::default() };
    client.count_conversations(request).await.unwrap().into_inner()
}

fn exact(count: i64) -> ConversationCount {
    ConversationCount { precision: CountPrecision::Exact.into(), count }
}

fn at_least(count: i64) -> ConversationCount {
    ConversationCount { precision: CountPrecision::AtLeast.into(), count }
}

/// Conversations of a line, one a customer.
async fn customers(suite: &Suite, channel: Uuid, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let all: Vec<_> = (0..count)
        .map(|n| item_at(format!("m{n}"), vec![whatsapp(&format!("US.{n}"))], "hello", suite.ambient.now()))
        .collect();
    for items in all.chunks(500) {
        let answer = suite.ingest(0, channel, items.to_vec()).await;
        ids.extend(answer.results.into_iter().map(|result| stored(result).conversation_id));
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_what_the_list_shows() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(2).await;
    let channels = [suite.create_channel().await, suite.create_channel().await];
    let mut ids = customers(&suite, channels[0], 80).await;
    ids.extend(customers(&suite, channels[1], 60).await);
    for id in ids.iter().step_by(7) {
        suite.say(0, id, &["hi"]).await;
    }
    for id in ids.iter().step_by(5) {
        let read = MarkReadRequest { conversation_id: id.clone(), up_to_position: 0 };
        suite.as_agent(0, 0).mark_read(read).await.unwrap();
    }
    let label = UpdateLabelsRequest {
        request_id: suite.request_id(),
        conversation_id: ids[3].clone(),
        add: vec!["refund".to_owned()],
        remove: Vec::new(),
    };
    let label = suite.as_admin().update_labels(label).await.unwrap().into_inner().labels.remove(0).id;
    // What timers, goals and the AI would have made of them, days apart.
    let now = suite.ambient.now().format("'%F %T+00'::timestamptz").to_string();
    let parts = format!(
        "UPDATE conversation SET priority = 1 + abs(hashtext(id::text || 'p')) % 4,
             label_ids = CASE WHEN abs(hashtext(id::text || 'l')) % 5 = 0 THEN ARRAY['{label}'::uuid] ELSE '{{}}' END,
             needs_attention = CASE WHEN abs(hashtext(id::text || 'a')) % 6 = 0 THEN 1 ELSE 0 END,
             due_at = CASE WHEN abs(hashtext(id::text || 'd')) % 3 = 0
                 THEN {now} + interval '1 hour' * (abs(hashtext(id::text || 'e')) % 10 - 5) END,
             last_activity_at = {now} - interval '1 hour' * (abs(hashtext(id::text || 't')) % 300);
         UPDATE conversation SET status = 3, snoozed_until = {now} + interval '1 hour' * (abs(hashtext(id::text)) % 50)
             WHERE abs(hashtext(id::text || 's')) % 6 = 0;
         UPDATE conversation SET status = 4, closed_at = {now} - interval '1 hour' * (abs(hashtext(id::text)) % 300)
             WHERE abs(hashtext(id::text || 's')) % 6 = 1;"
    );
    Databases::execute_on(&suite.conversation_url, &parts).await;
    let (mut contacts, mut customers) = (Vec::new(), Vec::new());
    for id in &ids[..5] {
        let found = suite.get(id).await;
        contacts.push(found.contact_id);
        customers.push(found.customer_id);
    }
    let random = RandomFilters {
        suite: &suite,
        channels: channels.iter().map(Uuid::to_string).collect(),
        agents: agents.iter().map(Uuid::to_string).collect(),
        teams: vec![team.to_string()],
        labels: vec![label],
        contacts,
        customers,
    };
    suite.narrow_agent(channels[1]).await;
    let callers = [
        suite.as_agent(0, 0),
        suite.as_agent(1, 1),
        suite.as_admin(),
        suite.conversations(1, "narrow", Role::Agent),
    ];
    for (number, mut caller) in callers.into_iter().enumerate() {
        let filters: Vec<ConversationFilter> = (0..50).map(|_| random.next()).collect();
        let answer = count(&mut caller, filters.clone()).await;
        let mut met = 0;
        for (filter, counted) in filters.iter().zip(&answer.counts) {
            let shown = listed(&mut caller, filter).await;
            assert_eq!(*counted, exact(shown), "caller {number}: {filter:?}");
            met += i64::from(shown > 0);
        }
        println!("caller {number}: {met} of 50 filters match something");
        let unread = ConversationFilter { unread: Some(true), ..ConversationFilter::default() };
        match number {
            2 => assert_eq!(answer.total_unread, None, "an admin is no agent"),
            _ => assert_eq!(answer.total_unread, Some(exact(listed(&mut caller, &unread).await))),
        }
    }
    let everything = count(&mut suite.as_admin(), vec![ConversationFilter::default()]).await;
    assert_eq!(everything.counts, [exact(140)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_says_how_far_it_saw() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let small = suite.create_channel().await;
    let large = suite.create_channel().await;
    let first = customers(&suite, small, 1_000).await;
    suite.ambient.clock().advance(TimeDelta::seconds(1));
    customers(&suite, large, 1_500).await;
    let any = ConversationFilter::default;
    let on = |channel: Uuid| ConversationFilter { channel_ids: vec![channel.to_string()], ..any() };
    let contact = suite.get(&first[0]).await.contact_id;
    // The oldest of all, which no scan from the newest on reaches; and the newest.
    let oldest = "UPDATE conversation SET answered_by = 2, hand_off_reason = 1 WHERE id =
        (SELECT id FROM conversation ORDER BY last_activity_at, id LIMIT 1)";
    Databases::execute_on(&suite.conversation_url, oldest).await;
    let newest = "UPDATE conversation SET hand_off_reason = 2 WHERE id IN
        (SELECT id FROM conversation ORDER BY last_activity_at DESC, id DESC LIMIT 3)";
    Databases::execute_on(&suite.conversation_url, newest).await;
    let cases = [
        (on(small), exact(1_000)),
        (on(large), at_least(1_000)),
        (any(), at_least(1_000)),
        (ConversationFilter { contact_ids: vec![contact], ..any() }, exact(1)),
        (ConversationFilter { statuses: vec![4], ..any() }, exact(0)),
        // Its index begins with the channel, and a thousand are looked at to find one.
        (ConversationFilter { answered_by: vec![2], ..on(small) }, exact(1)),
        // Two and a half thousand would have to be looked at.
        (
            ConversationFilter { answered_by: vec![2], ..any() },
            ConversationCount { precision: CountPrecision::Unknown.into(), count: 0 },
        ),
        (ConversationFilter { hand_off_reasons: vec![2], ..any() }, at_least(3)),
    ];
    let (filters, expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let answer = count(&mut suite.as_agent(0, 0), filters).await;
    assert_eq!(answer.counts, expected);
    assert_eq!(answer.total_unread, Some(at_least(1_000)));
    // None at all asks for the unread ones alone.
    let answer = count(&mut suite.as_agent(0, 0), Vec::new()).await;
    assert_eq!((answer.counts.len(), answer.total_unread), (0, Some(at_least(1_000))));
    let text = ConversationFilter { text: "parcel".to_owned(), ..any() };
    let request = |filters| CountConversationsRequest { filters, ..Default::default() };
    let mut admin = suite.as_admin();
    let refused = admin.count_conversations(request(vec![any(), text.clone(), text])).await;
    wrong(refused, &["filters[1].text", "filters[2].text"]);
    wrong(admin.count_conversations(request(vec![any(); 51])).await, &["filters"]);
}
