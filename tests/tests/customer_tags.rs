//! A tag of customers filters conversations at once, in lists, counts, live lists, views and search, and so do a rename, a merge
//! and the end of tags, although no conversation and no customer is touched by them.

use std::collections::BTreeSet;

use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::assignment::v1::{
    CreateRoutingRuleRequest, ListRoutingRulesRequest, RoutingRule, RoutingStrategy,
};
use tandem_proto::conversation::v1::view_service_client::ViewServiceClient;
use tandem_proto::conversation::v1::{
    CountConversationsRequest, CreateViewRequest, ListConversationsRequest, View, ViewScope,
};
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::tag_service_client::TagServiceClient;
use tandem_proto::customer::v1::{
    BulkUpdateTagsRequest, DeleteTagRequest, GetCustomerRequest, MergeTagsRequest, Tag, UpdateTagsRequest,
};
use tandem_proto::search::v1::SearchMessagesRequest;
use tandem_proto::search::v1::search_service_client::SearchServiceClient;
use tandem_proto::r#type::v1::{ConversationFilter, TagFilter};
use tandem_tests::{Kind, Parts, Screen, Suite, eventually, item_at, stored, watched_list, whatsapp};

struct World {
    suite: Suite,
    customers: CustomerServiceClient<InternalChannel>,
    tags: TagServiceClient<InternalChannel>,
    searches: bool,
    /// Conversations and their customers, each with one of its own.
    conversations: Vec<String>,
    of: Vec<String>,
}

impl World {
    async fn start(count: usize) -> Self {
        let search = std::env::var_os("MEILISEARCH_URL").is_some();
        let suite = Suite::start(Parts { search, ..Parts::ALL }).await;
        let lead = suite.channel(Kind::CustomerProfile, 0, &suite.spec("lead", Role::Supervisor));
        let channel = suite.create_channel().await;
        let who = |n: usize| vec![whatsapp(&format!("US.{n}"))];
        let now = suite.ambient.now();
        let items =
            (0..count).map(|n| item_at(format!("m{n}"), who(n), "a word of everybody", now)).collect();
        let answer = suite.ingest(0, channel, items).await;
        let conversations: Vec<String> =
            answer.results.into_iter().map(|result| stored(result).conversation_id).collect();
        let mut of = Vec::new();
        for conversation in &conversations {
            of.push(suite.get(conversation).await.customer_id);
        }
        let customers = CustomerServiceClient::new(lead.clone());
        for customer_id in &of {
            let request = GetCustomerRequest {
                customer_id: customer_id.clone(),
                at_least_as_fresh: vec![answer.change_token.clone()],
            };
            customers.clone().get_customer(request).await.unwrap();
        }
        Self { suite, customers, tags: TagServiceClient::new(lead), searches: search, conversations, of }
    }

    /// Puts a tag on one customer. Answers it and the change's token.
    async fn tag(&mut self, customer: usize, name: &str) -> (Tag, String) {
        let request = UpdateTagsRequest {
            request_id: self.suite.request_id(),
            customer_id: self.of[customer].clone(),
            add: vec![name.to_owned()],
            remove: Vec::new(),
        };
        let answer = self.customers.update_tags(request).await.unwrap().into_inner();
        (answer.tags.into_iter().find(|tag| tag.name == name).unwrap(), answer.change_token)
    }

    async fn merge(&mut self, going: &Tag, staying: &Tag) -> String {
        let request = MergeTagsRequest {
            request_id: self.suite.request_id(),
            tag_id: going.id.clone(),
            into_tag_id: staying.id.clone(),
        };
        self.tags.merge_tags(request).await.unwrap().into_inner().change_token
    }

    fn set(&self, numbers: &[usize]) -> BTreeSet<String> {
        numbers.iter().map(|number| self.conversations[*number].clone()).collect()
    }

    /// Lists, counts and search answer the same once they show a change.
    async fn found(&self, filter: ConversationFilter, token: &str) -> BTreeSet<String> {
        let fresh: Vec<String> = [token.to_owned()].into_iter().filter(|token| !token.is_empty()).collect();
        let mut lead = self.suite.conversations(1, "lead", Role::Supervisor);
        let request = ListConversationsRequest {
            filter: Some(filter.clone()),
            at_least_as_fresh: fresh.clone(),
            ..ListConversationsRequest::default()
        };
        let rows = lead.list_conversations(request).await.unwrap().into_inner().rows;
        let found: BTreeSet<String> = rows.into_iter().map(|row| row.conversation.unwrap().id).collect();
        let request = CountConversationsRequest {
            filters: vec![filter.clone()],
            at_least_as_fresh: fresh.clone(),
            ..CountConversationsRequest::default()
        };
        let counts = lead.count_conversations(request).await.unwrap().into_inner().counts;
        assert_eq!(counts[0].count, found.len() as i64);
        if self.searches {
            let channel = self.suite.channel(Kind::Search, 0, &self.suite.spec("lead", Role::Supervisor));
            let request = SearchMessagesRequest {
                query: "everybody".to_owned(),
                filter: Some(filter),
                at_least_as_fresh: fresh,
                ..SearchMessagesRequest::default()
            };
            let hits = SearchServiceClient::new(channel).search_messages(request).await.unwrap().into_inner();
            let hits: BTreeSet<String> =
                hits.conversations.into_iter().map(|hits| hits.conversation_id).collect();
            assert_eq!(hits, found, "search finds what lists show");
        }
        found
    }

    /// The tags that a row shows.
    async fn shown(&self, number: usize, token: &str) -> Vec<String> {
        let request = tandem_proto::conversation::v1::GetConversationRequest {
            conversation_id: self.conversations[number].clone(),
            at_least_as_fresh: vec![token.to_owned()],
        };
        let row = self.suite.as_admin().get_conversation(request).await.unwrap().into_inner().row.unwrap();
        row.customer_tag_ids
    }

    async fn watch(&self, replica: usize, filter: ConversationFilter) -> Screen {
        let channel = self.suite.as_role(replica, "lead", Role::Supervisor);
        let mut live = Screen::open(channel, watched_list(filter)).await;
        live.until("the snapshot", |live| live.snapshots == 1).await;
        live
    }
}

fn any(tag: &Tag) -> ConversationFilter {
    let any = vec![tag.id.clone()];
    ConversationFilter { customer_tags: Some(TagFilter { any, ..Default::default() }), ..Default::default() }
}

fn all(tags: &[&Tag]) -> ConversationFilter {
    let all = tags.iter().map(|tag| tag.id.clone()).collect();
    ConversationFilter { customer_tags: Some(TagFilter { all, ..Default::default() }), ..Default::default() }
}

fn none(tag: &Tag) -> ConversationFilter {
    let none = vec![tag.id.clone()];
    ConversationFilter { customer_tags: Some(TagFilter { none, ..Default::default() }), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_filters_conversations_at_once_and_so_does_what_becomes_of_it() {
    let mut world = World::start(4).await;
    let everything = world.set(&[0, 1, 2, 3]);
    // The index has heard of everybody.
    if world.searches {
        eventually("the messages are indexed", async || {
            let channel = world.suite.channel(Kind::Search, 0, &world.suite.spec("lead", Role::Supervisor));
            let request =
                SearchMessagesRequest { query: "everybody".to_owned(), ..SearchMessagesRequest::default() };
            let hits = SearchServiceClient::new(channel).search_messages(request).await.ok()?.into_inner();
            (hits.conversations.len() == 4).then_some(())
        })
        .await;
    }
    let (one, token) = world.tag(0, "one").await;
    assert_eq!(world.found(any(&one), &token).await, world.set(&[0]));
    assert_eq!(world.shown(0, &token).await, vec![one.id.clone()]);
    let (two, _) = world.tag(1, "two").await;
    let (_, token) = world.tag(0, "two").await;
    assert_eq!(world.found(all(&[&one, &two]), &token).await, world.set(&[0]));

    // A view and a rule that name the one that will go, and live lists on both replicas.
    let view = View {
        name: "by a tag".to_owned(),
        scope: ViewScope::Tenant.into(),
        filter: Some(any(&one)),
        ..View::default()
    };
    let mut views = ViewServiceClient::new(world.suite.as_role(0, "lead", Role::Supervisor));
    let request = CreateViewRequest { request_id: world.suite.request_id(), view: Some(view) };
    let view = views.create_view(request).await.unwrap().into_inner().view.unwrap();
    let mut rules = world.suite.routing("admin", Role::Admin);
    let rule = RoutingRule {
        display_name: "by a tag".to_owned(),
        customer_tag_ids: vec![one.id.clone(), two.id.clone()],
        strategy: RoutingStrategy::RoundRobin.into(),
        ..RoutingRule::default()
    };
    let create = CreateRoutingRuleRequest { request_id: world.suite.request_id(), rule: Some(rule) };
    rules.create_routing_rule(create).await.unwrap();
    let (third, token) = world.tag(2, "three").await;
    assert_eq!(world.found(any(&third), &token).await, world.set(&[2]));
    let mut lives = Vec::new();
    for replica in 0..2 {
        let cases = [
            (any(&one), &[0, 1][..]),
            (any(&two), &[0, 1]),
            (none(&one), &[2, 3]),
            (all(&[&one, &two]), &[0, 1]),
        ];
        for (filter, after) in cases {
            lives.push((world.watch(replica, filter).await, after));
        }
    }

    let token = world.merge(&one, &two).await;
    for tag in [&one, &two] {
        assert_eq!(world.found(any(tag), &token).await, world.set(&[0, 1]));
        assert_eq!(world.found(none(tag), &token).await, world.set(&[2, 3]));
    }
    assert_eq!(world.found(all(&[&one, &two]), &token).await, world.set(&[0, 1]));
    assert_eq!(world.shown(0, &token).await, vec![two.id.clone()], "one tag, once");
    for (live, after) in &mut lives {
        let after = world.set(after);
        live.until("the merge is told", |live| live.ids() == after).await;
    }
    let by_view = ListConversationsRequest { view_id: view.id.clone(), ..Default::default() };
    let rows = world.suite.as_admin().list_conversations(by_view.clone()).await.unwrap().into_inner().rows;
    assert_eq!(rows.len(), 2, "a view by the tag that went finds what it became");
    eventually("the rule names the one that stayed, once", async || {
        let listed = rules.clone().list_routing_rules(ListRoutingRulesRequest {}).await.ok()?;
        (listed.into_inner().rules[0].customer_tag_ids == [two.id.clone()]).then_some(())
    })
    .await;

    // Many at once.
    let request = BulkUpdateTagsRequest {
        request_id: world.suite.request_id(),
        customer_ids: world.of.clone(),
        add: vec!["TWO".to_owned()],
        remove: vec!["three".to_owned()],
    };
    let token = world.customers.bulk_update_tags(request).await.unwrap().into_inner().change_token;
    assert_eq!(world.found(any(&one), &token).await, everything);
    assert_eq!(world.found(any(&third), &token).await, BTreeSet::new());

    let mut live = world.watch(1, any(&two)).await;
    assert_eq!(live.ids(), everything);
    let request = DeleteTagRequest {
        request_id: world.suite.request_id(),
        tag_id: two.id.clone(),
        ..DeleteTagRequest::default()
    };
    let token = world.tags.delete_tag(request).await.unwrap().into_inner().change_token;
    for tag in [&one, &two] {
        assert_eq!(world.found(any(tag), &token).await, BTreeSet::new());
        assert_eq!(world.found(all(&[tag]), &token).await, BTreeSet::new());
        assert_eq!(world.found(none(tag), &token).await, everything);
    }
    assert_eq!(world.shown(0, &token).await, Vec::<String>::new());
    live.until("its end is told", |live| live.ids().is_empty()).await;
    let rows = world.suite.as_admin().list_conversations(by_view).await.unwrap().into_inner().rows;
    assert_eq!(rows, [], "a view by a tag that is no more finds nobody, not everybody");
}
