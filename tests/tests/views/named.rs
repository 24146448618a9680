//! Lists of a view, and what a view names that is gone.

use std::collections::BTreeSet;

use tandem_access::Role;
use tandem_proto::conversation::v1::{
    ListConversationsRequest, StandardView, UpdateLabelsRequest, View, ViewProblemKind, ViewScope,
};
use tandem_proto::r#type::v1::{AssignmentFilter, ConversationFilter, ConversationStatus, TagFilter};
use tandem_tests::{Databases, Parts, Suite, refused, wrong};
use tonic::Code;

use crate::support::{
    agents_views, create, furnish, get, list, personal, shown, standard, statuses, update, views,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_view_names_and_is_gone_is_said_and_widens_nothing() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let ids = furnish(&suite).await;
    let channel = suite.create_channel().await;
    let label = UpdateLabelsRequest {
        request_id: suite.request_id(),
        conversation_id: ids[0].clone(),
        add: vec!["refund".to_owned()],
        remove: Vec::new(),
    };
    let label = suite.as_admin().update_labels(label).await.unwrap().into_inner().labels.remove(0).id;
    let teams = suite.get(&ids[3]).await.holder.unwrap().id;
    let agents = suite.get(&ids[2]).await.holder.unwrap().id;
    let mut client = views(&suite, 0, "lead", Role::Supervisor);
    let filters = [
        ConversationFilter {
            assignment: Some(AssignmentFilter { team_ids: vec![teams.clone()], ..Default::default() }),
            ..ConversationFilter::default()
        },
        ConversationFilter {
            assignment: Some(AssignmentFilter { agent_ids: vec![agents.clone()], ..Default::default() }),
            ..ConversationFilter::default()
        },
        ConversationFilter {
            labels: Some(TagFilter { any: vec![label.clone()], ..TagFilter::default() }),
            ..ConversationFilter::default()
        },
        ConversationFilter { channel_ids: vec![channel.to_string()], ..ConversationFilter::default() },
    ];
    let mut saved = Vec::new();
    for filter in filters {
        let view = View {
            scope: ViewScope::Team.into(),
            team_id: teams.clone(),
            filter: Some(filter),
            ..personal("x")
        };
        let view = create(&suite, &mut client, view).await.unwrap();
        assert_eq!(view.problems, []);
        saved.push(view);
    }
    let mut caller = suite.conversations(0, "lead", Role::Supervisor);
    for (view, expected) in saved.iter().zip([1, 1, 1, 0]) {
        assert_eq!(shown(&mut caller, &view.id).await.len(), expected);
    }
    // Gone, as the feeds and a later release tell of it.
    let gone = format!(
        "DELETE FROM team; DELETE FROM label_count; DELETE FROM label; DELETE FROM channel WHERE id = '{channel}';
         UPDATE agent SET active = false WHERE id = '{agents}';
         UPDATE conversation SET label_ids = '{{}}'; UPDATE conversation SET holder_kind = 4, holder_id = NULL WHERE holder_kind = 3"
    );
    Databases::execute_on(&suite.conversation_url, &gone).await;
    let expected = [
        ("filter.assignment.team_ids[0]", &teams, ViewProblemKind::Unknown, 0),
        ("filter.assignment.agent_ids[0]", &agents, ViewProblemKind::Inactive, 1),
        ("filter.labels.any[0]", &label, ViewProblemKind::Unknown, 0),
        ("filter.channel_ids[0]", &channel.to_string(), ViewProblemKind::Unknown, 0),
    ];
    for (view, (field, id, kind, rows)) in saved.iter().zip(expected) {
        let view = get(&mut client, &view.id).await.unwrap();
        let named: Vec<_> = view.problems.iter().map(|it| (it.field.as_str(), &it.id, it.kind())).collect();
        assert_eq!(named, [(field, id, kind), ("team_id", &teams, ViewProblemKind::Unknown)]);
        assert_eq!(shown(&mut caller, &view.id).await.len(), rows, "{field} widens nothing");
    }
    let listed = list(&mut client, true).await;
    for listed in &listed.views[11..] {
        assert!(!listed.view.as_ref().unwrap().problems.is_empty());
        assert!(listed.count.as_ref().unwrap().count <= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_takes_a_filter_or_a_view() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let ids = furnish(&suite).await;
    let mut own = agents_views(&suite, 0);
    let filter = Some(statuses(&[ConversationStatus::New]));
    let view = create(&suite, &mut own, View { filter, ..personal("new") }).await.unwrap();
    let mut agent = suite.as_agent(0, 0);
    let by_view = ListConversationsRequest { view_id: view.id.clone(), page_size: 2, ..Default::default() };
    let both = ListConversationsRequest { filter: Some(ConversationFilter::default()), ..by_view.clone() };
    wrong(agent.list_conversations(both).await, &["filter", "view_id"]);
    let first = agent.list_conversations(by_view.clone()).await.unwrap().into_inner();
    assert_eq!(first.rows.len(), 2);
    let next = ListConversationsRequest { page_token: first.next_page_token, ..by_view };
    assert_eq!(agent.list_conversations(next.clone()).await.unwrap().into_inner().rows.len(), 2);
    // A page goes on in the question that it began with.
    let filter = Some(statuses(&[ConversationStatus::Closed]));
    update(&suite, &mut own, View { filter, ..view.clone() }, &["filter"]).await.unwrap();
    refused(agent.list_conversations(next).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    assert_eq!(shown(&mut agent, &view.id).await, BTreeSet::from([ids[6].clone()]));
    // The view's order, unless the list asks for another; a page goes on in the order that it began with too.
    let waiting = standard(&mut own, StandardView::WaitingLongest).await;
    let by_view = ListConversationsRequest { view_id: waiting.id, ..Default::default() };
    let newest = ListConversationsRequest { order: 1, ..by_view.clone() };
    let mut orders = Vec::new();
    for request in [&by_view, &newest] {
        let rows = agent.list_conversations(request.clone()).await.unwrap().into_inner().rows;
        orders.push(rows.into_iter().map(|row| row.conversation.unwrap().id).collect::<Vec<_>>());
    }
    let waits = [0, 2, 3, 7, 8].map(|number: usize| ids[number].clone());
    assert_eq!(orders[0], waits, "who waits longest first");
    assert_eq!(orders[1], waits.iter().rev().cloned().collect::<Vec<_>>());
    let page = ListConversationsRequest { page_size: 2, ..by_view };
    let token = agent.list_conversations(page.clone()).await.unwrap().into_inner().next_page_token;
    let other = ListConversationsRequest { order: 1, page_token: token, ..page };
    refused(agent.list_conversations(other).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_says_which_contacts_and_customers_are_gone() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let ids = furnish(&suite).await;
    let (one, two) = (suite.get(&ids[0]).await, suite.get(&ids[1]).await);
    let nobody = suite.request_id();
    let mut own = agents_views(&suite, 0);
    let filter = ConversationFilter {
        contact_ids: vec![one.contact_id.clone(), nobody.clone()],
        customer_ids: vec![one.customer_id.clone(), two.customer_id.clone(), nobody.clone()],
        ..ConversationFilter::default()
    };
    let view = create(&suite, &mut own, View { filter: Some(filter), ..personal("whose") }).await.unwrap();
    let named = |view: &View| -> Vec<(String, String, ViewProblemKind)> {
        view.problems.iter().map(|it| (it.field.clone(), it.id.clone(), it.kind())).collect()
    };
    let unknown = |field: &str| (field.to_owned(), nobody.clone(), ViewProblemKind::Unknown);
    let missing = [unknown("filter.contact_ids[1]"), unknown("filter.customer_ids[2]")];
    assert_eq!(named(&view), missing);
    let mut agent = suite.as_agent(0, 0);
    assert_eq!(shown(&mut agent, &view.id).await, BTreeSet::from([ids[0].clone()]));
    // One customer becomes the other, as the feed tells of it; then goes.
    let merged =
        format!("UPDATE customer SET merged_into = '{}' WHERE id = '{}'", two.customer_id, one.customer_id);
    Databases::execute_on(&suite.conversation_url, &merged).await;
    let was_merged = ("filter.customer_ids[0]".to_owned(), one.customer_id.clone(), ViewProblemKind::Merged);
    let [no_contact, no_customer] = missing;
    let problems = named(&get(&mut own, &view.id).await.unwrap());
    assert_eq!(problems, [no_contact.clone(), was_merged, no_customer.clone()]);
    let gone = format!("DELETE FROM customer WHERE id = '{}'", one.customer_id);
    Databases::execute_on(&suite.conversation_url, &gone).await;
    let problems = named(&get(&mut own, &view.id).await.unwrap());
    let is_gone = ("filter.customer_ids[0]".to_owned(), one.customer_id, ViewProblemKind::Unknown);
    assert_eq!(problems, [no_contact, is_gone, no_customer]);
}
