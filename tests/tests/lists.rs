//! Lists: filters by status, holder and assignment, pages, unread, labels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::assignment::v1::AssignRequest;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::{
    CloseConversationRequest, ConversationRow, ListConversationsRequest, ListLabelsRequest, MarkReadRequest,
    MatchConversationsRequest,
};
use tandem_proto::r#type::v1::{
    AssignmentFilter, ConversationFilter, ConversationStatus, HolderKind, TagFilter,
};
use tandem_tests::{Parts, Suite, fact, item_at, refused, stored, whatsapp, wrong};
use tonic::Code;

type Client = ConversationServiceClient<InternalChannel>;

/// Every page of a list.
async fn pages(client: &mut Client, filter: ConversationFilter, page_size: i32) -> Vec<ConversationRow> {
    let (mut rows, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListConversationsRequest {
            filter: Some(filter.clone()),
            page_size,
            page_token,
            ..ListConversationsRequest::default()
        };
        let page = client.list_conversations(request).await.unwrap().into_inner();
        rows.extend(page.rows);
        if page.next_page_token.is_empty() {
            return rows;
        }
        page_token = page.next_page_token;
    }
}

fn id(row: &ConversationRow) -> String {
    row.conversation.as_ref().unwrap().id.clone()
}

async fn found(client: &mut Client, filter: ConversationFilter) -> BTreeSet<String> {
    pages(client, filter, 2).await.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_by_status_holder_and_assignment() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(2).await;
    let channel = suite.create_channel().await;
    let mut ids = Vec::new();
    for number in 0..8 {
        suite.ambient.clock().advance(TimeDelta::seconds(1));
        let who = [whatsapp(&format!("US.{number}"))];
        ids.push(suite.write(channel, &format!("m{number}"), &who, "hello").await.conversation_id);
    }
    let assign = |id: &String, assignee| AssignRequest {
        request_id: suite.request_id(),
        conversation_id: id.clone(),
        assignee: Some(assignee),
        ..AssignRequest::default()
    };
    let mut lead = suite.assignments("lead", Role::Supervisor);
    // 0, 1: the AI's, new; 2: the AI's, answered; 3, 4: agent 0's; 5: agent 1's; 6: the team's; 7: closed.
    suite.as_ai(0).send_message(suite.answer(&ids[2], 1, 1, &["hi"])).await.unwrap();
    for (number, agent) in [(3, 0), (4, 0), (5, 1)] {
        let assignee = Assignee::AgentId(agents[agent].to_string());
        lead.assign(assign(&ids[number], assignee)).await.unwrap();
    }
    lead.assign(assign(&ids[6], Assignee::TeamId(team.to_string()))).await.unwrap();
    let close = CloseConversationRequest {
        request_id: suite.request_id(),
        conversation_id: ids[7].clone(),
        ..CloseConversationRequest::default()
    };
    suite.as_admin().close_conversation(close).await.unwrap();

    let any = ConversationFilter::default;
    let status = |status: ConversationStatus| ConversationFilter { statuses: vec![status.into()], ..any() };
    let held = |kind: HolderKind| ConversationFilter { holder_kinds: vec![kind.into()], ..any() };
    let to = |assignment| ConversationFilter { assignment: Some(assignment), ..any() };
    let nothing = AssignmentFilter::default;
    let agent_ids = vec![agents[1].to_string()];
    let team_ids = vec![team.to_string()];
    let cases = [
        (any(), vec![0, 1, 2, 3, 4, 5, 6, 7]),
        (status(ConversationStatus::New), vec![0, 1, 3, 4, 5, 6]),
        (status(ConversationStatus::Open), vec![2]),
        (status(ConversationStatus::Closed), vec![7]),
        (held(HolderKind::Ai), vec![0, 1, 2]),
        (held(HolderKind::Agent), vec![3, 4, 5]),
        (held(HolderKind::Team), vec![6]),
        (held(HolderKind::Nobody), vec![7]),
        (to(AssignmentFilter { mine: true, ..nothing() }), vec![3, 4]),
        (to(AssignmentFilter { my_teams: true, ..nothing() }), vec![6]),
        (to(AssignmentFilter { unassigned: true, ..nothing() }), vec![0, 1, 2, 6, 7]),
        (to(AssignmentFilter { agent_ids: agent_ids.clone(), ..nothing() }), vec![5]),
        (to(AssignmentFilter { team_ids, ..nothing() }), vec![6]),
        (to(AssignmentFilter { mine: true, my_teams: true, ..nothing() }), vec![3, 4, 6]),
        (to(AssignmentFilter { mine: true, agent_ids, ..nothing() }), vec![3, 4, 5]),
        (ConversationFilter { waiting: Some(true), ..any() }, vec![0, 1, 3, 4, 5, 6]),
        (ConversationFilter { holder_kinds: vec![1], ..status(ConversationStatus::Open) }, vec![2]),
    ];
    let mut agent = suite.as_agent(1, 0);
    for (filter, expected) in cases {
        let expected: BTreeSet<String> =
            expected.into_iter().map(|number: usize| ids[number].clone()).collect();
        assert_eq!(found(&mut agent, filter.clone()).await, expected, "{filter:?}");
        let request = MatchConversationsRequest {
            filter: Some(filter.clone()),
            conversation_ids: ids.clone(),
            ..MatchConversationsRequest::default()
        };
        let matching = agent.match_conversations(request).await.unwrap().into_inner().conversation_ids;
        assert_eq!(matching, expected.iter().cloned().collect::<Vec<_>>().in_order_of(&ids), "{filter:?}");
    }
    let rows = pages(&mut agent, any(), 3).await;
    let times: Vec<_> = rows
        .iter()
        .map(|row| row.conversation.as_ref().unwrap().last_activity_time.unwrap())
        .map(|time| (time.seconds, time.nanos))
        .collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "newest activity first");
    assert_eq!(rows[0].channel_name, "line");
    // A token is bound to its caller and filter.
    let request = ListConversationsRequest { page_size: 2, ..ListConversationsRequest::default() };
    let token = agent.list_conversations(request.clone()).await.unwrap().into_inner().next_page_token;
    let foreign = ListConversationsRequest { page_token: token.clone(), ..request.clone() };
    let answer = suite.as_agent(0, 1).list_conversations(foreign.clone()).await;
    refused(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    let other = ListConversationsRequest { filter: Some(held(HolderKind::Ai)), ..foreign };
    refused(agent.list_conversations(other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

/// Ids in the order of a request.
trait InOrder {
    fn in_order_of(self, order: &[String]) -> Self;
}

impl InOrder for Vec<String> {
    fn in_order_of(mut self, order: &[String]) -> Self {
        self.sort_by_key(|id| order.iter().position(|other| other == id));
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_make_the_whole_while_rows_change() {
    let suite = Arc::new(Suite::start(Parts::TWO_CONVERSATIONS).await);
    let channel = suite.create_channel().await;
    let items = (0..300)
        .map(|n| item_at(format!("m{n}"), vec![whatsapp(&format!("US.{n}"))], "hello", suite.ambient.now()))
        .collect();
    let stored: Vec<_> = suite.ingest(0, channel, items).await.results.into_iter().map(stored).collect();
    suite.ambient.clock().advance(TimeDelta::seconds(1));
    // Every third customer writes again while the list is read, page by page: those rows move to the front.
    let (moving, still): (Vec<usize>, Vec<usize>) = (0..300).partition(|number| number % 3 == 0);
    let (mut rows, mut page_token, mut moves) = (Vec::new(), String::new(), moving.chunks(5));
    loop {
        if let Some(moves) = moves.next() {
            let item = |n: &usize| {
                item_at(format!("again{n}"), vec![whatsapp(&format!("US.{n}"))], "again", suite.ambient.now())
            };
            suite.ingest(1, channel, moves.iter().map(item).collect()).await;
        }
        let request =
            ListConversationsRequest { page_size: 17, page_token, ..ListConversationsRequest::default() };
        let page = suite.as_admin().list_conversations(request).await.unwrap().into_inner();
        rows.extend(page.rows.iter().map(id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut seen: BTreeMap<&String, usize> = BTreeMap::new();
    for row in &rows {
        *seen.entry(row).or_default() += 1;
    }
    for number in still {
        assert_eq!(seen.get(&stored[number].conversation_id), Some(&1), "what did not move is seen once");
    }
    // What moved to the front is on the first pages of a list that begins now: together they are the whole.
    let filter = ConversationFilter::default();
    rows.extend(pages(&mut suite.as_admin(), filter, 200).await.iter().take(100).map(id));
    assert_eq!(rows.into_iter().collect::<BTreeSet<_>>().len(), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_is_each_agents_own() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(2).await;
    let channel = suite.create_channel().await;
    let one = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let two = suite.write(channel, "m2", &[whatsapp("US.2")], "hello").await.conversation_id;
    suite.write(channel, "m3", &[whatsapp("US.1")], "there?").await;
    let mut agents = [suite.as_agent(0, 0), suite.as_agent(1, 1)];
    let unread = ConversationFilter { unread: Some(true), ..ConversationFilter::default() };
    let both = BTreeSet::from([one.clone(), two.clone()]);
    let read = |up_to_position| MarkReadRequest { conversation_id: one.clone(), up_to_position };
    for agent in &mut agents {
        assert_eq!(found(agent, unread.clone()).await, both);
    }
    let [first, second] = &mut agents;
    let counts = async |agent: &mut Client| {
        let rows = pages(agent, ConversationFilter::default(), 10).await;
        let of = |wanted: &String| rows.iter().find(|row| id(row) == *wanted).unwrap().unread_count;
        (of(&one), of(&two))
    };
    assert_eq!(counts(first).await, (2, 1), "two messages, and one");
    assert!(first.mark_read(read(1)).await.unwrap().into_inner().unread, "the second message is not seen");
    assert_eq!(found(first, unread.clone()).await, both);
    assert_eq!(counts(first).await, (1, 1), "one of the two is seen");
    assert!(!first.mark_read(read(0)).await.unwrap().into_inner().unread);
    assert_eq!(counts(first).await, (0, 1));
    assert_eq!(counts(second).await, (2, 1));
    assert_eq!(found(first, unread.clone()).await, BTreeSet::from([two.clone()]));
    let seen = ConversationFilter { unread: Some(false), ..ConversationFilter::default() };
    assert_eq!(found(first, seen).await, BTreeSet::from([one.clone()]));
    assert_eq!(found(second, unread.clone()).await, both, "nobody reads for another");
    // Only the customer makes it unread again.
    suite.say(1, &one, &["I am here"]).await;
    assert_eq!(found(first, unread.clone()).await, BTreeSet::from([two]));
    suite.write(channel, "m4", &[whatsapp("US.1")], "good").await;
    assert_eq!(found(first, unread).await, both);
    wrong(first.mark_read(read(99)).await, &["up_to_position"]);
    let nobody = suite.conversations(0, "stranger", Role::Supervisor).mark_read(read(0)).await;
    refused(nobody, Code::FailedPrecondition, "AGENT_INACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_created_on_use() {
    let suite = Suite::start(Parts::TWO_CONVERSATIONS).await;
    let channel = suite.create_channel().await;
    let one = suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await.conversation_id;
    let two = suite.write(channel, "m2", &[whatsapp("US.2")], "hello").await.conversation_id;
    let labelled = suite.label(0, &one, &["Refund", "Straße", "refund "], &["unheard of"]).await.unwrap();
    assert_eq!((labelled.labels.len(), labelled.conversation.unwrap().label_ids.len()), (2, 2));
    let again = suite.label(0, &two, &["REFUND"], &[]).await.unwrap();
    assert_eq!((again.labels.len(), again.labels[0].name.as_str()), (1, "Refund"), "one label, in any case");
    let all = suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels;
    let names: Vec<&str> = all.iter().map(|label| label.name.as_str()).collect();
    assert_eq!(names, ["Refund", "Straße"]);
    let by = |labels| ConversationFilter { labels: Some(labels), ..ConversationFilter::default() };
    let (refund, street) = (all[0].id.clone(), all[1].id.clone());
    let mut admin = suite.as_admin();
    let any = by(TagFilter { any: vec![street.clone(), refund.clone()], ..TagFilter::default() });
    assert_eq!(found(&mut admin, any).await.len(), 2);
    let every = by(TagFilter { all: vec![street.clone(), refund.clone()], ..TagFilter::default() });
    assert_eq!(found(&mut admin, every).await, BTreeSet::from([one.clone()]));
    let none = by(TagFilter { none: vec![street], ..TagFilter::default() });
    assert_eq!(found(&mut admin, none).await, BTreeSet::from([two]));
    let taken = suite.label(0, &one, &[], &["reFUND"]).await.unwrap();
    assert_eq!(taken.labels[0].name, "Straße");
    // Twenty on one conversation, and nothing half-done above it.
    let many: Vec<String> = (0..20).map(|number| format!("label {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let status = refused(suite.label(0, &one, &many, &[]).await, Code::ResourceExhausted, "LIMIT_REACHED");
    assert_eq!(fact(&status, "limit"), "20");
    let all = suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels;
    assert_eq!(all.len(), 2);
}
