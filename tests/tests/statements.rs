//! What a call asks of the database does not grow with what it answers: statements are counted where the driver reports
//! them.

use std::sync::{Arc, Mutex};

use tandem_access::Role;
use tandem_proto::conversation::v1::view_service_client::ViewServiceClient;
use tandem_proto::conversation::v1::{
    CountConversationsRequest, CreateViewRequest, ListViewsRequest, View, ViewScope,
};
use tandem_proto::r#type::v1::{AssignmentFilter, ConversationFilter, TagFilter};
use tandem_tests::{Parts, Suite, whatsapp};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps the text of every statement that the driver reports.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{value:?} "));
    }

    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.push_str(value);
        self.0.push(' ');
    }
}

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query" && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Statements {
    /// Those of a call since the last look. Timers and feeds read none of these.
    fn take(&self) -> Vec<String> {
        let of_a_call = [
            "FROM view",
            "agent_views",
            "team_views",
            "AS matches FROM (SELECT * FROM (",
            "UNION ALL SELECT 4, id, true FROM label",
            "FROM agent a LEFT JOIN team t",
        ];
        let mut all = std::mem::take(&mut *self.0.lock().unwrap());
        all.retain(|text| of_a_call.iter().any(|part| text.contains(part)));
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_and_views_take_as_many_statements_for_one_as_for_many() {
    let statements = Statements::default();
    tracing::subscriber::set_global_default(statements.clone()).unwrap();
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, team) = suite.agents(1).await;
    let channel = suite.create_channel().await;
    suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await;
    let filter = ConversationFilter {
        assignment: Some(AssignmentFilter {
            agent_ids: vec![agents[0].to_string()],
            team_ids: vec![team.to_string()],
            ..AssignmentFilter::default()
        }),
        labels: Some(TagFilter { none: vec![suite.request_id()], ..TagFilter::default() }),
        ..ConversationFilter::default()
    };
    let mut client = suite.as_agent(0, 0);
    let mut count = async |filters: usize| {
        statements.take();
        let filters = vec![filter.clone(); filters];
        let request = CountConversationsRequest { filters, ..CountConversationsRequest::default() };
        client.count_conversations(request).await.unwrap();
        statements.take()
    };
    let one = count(1).await;
    assert_eq!(one.len(), 2, "who calls, and the counts: {one:#?}");
    assert_eq!(count(50).await.len(), 2);

    let mut views = ViewServiceClient::new(suite.as_role(0, "agent-0", Role::Agent));
    let mut took = Vec::new();
    for more in [1, 60] {
        for number in 0..more {
            let view = View {
                name: format!("view {number} of {more}"),
                filter: Some(filter.clone()),
                scope: ViewScope::Personal.into(),
                ..View::default()
            };
            let request = CreateViewRequest { request_id: suite.request_id(), view: Some(view) };
            views.create_view(request).await.unwrap();
        }
        statements.take();
        let request = ListViewsRequest { counts: true, ..ListViewsRequest::default() };
        let listed = views.list_views(request).await.unwrap().into_inner().views;
        assert!(listed.iter().all(|listed| listed.count.is_some()));
        let asked = statements.take();
        took.push((listed.len(), asked.len()));
        assert_eq!(asked.len(), 6, "caller, views, arrangement, what is named, defaults, counts: {asked:#?}");
    }
    assert_eq!(took, [(12, 6), (72, 6)]);
}
