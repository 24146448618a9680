//! Customers by words with the filter of their list, everything at once, and completions.

use std::collections::{BTreeMap, BTreeSet};

use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::customer::v1::attribute_service_client::AttributeServiceClient;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::{
    AttributeDefinition, AttributeType, AttributeValue, BulkUpdateTagsRequest,
    CreateAttributeDefinitionRequest, Customer, CustomerFilter, ListCustomersRequest, UpdateCustomerRequest,
    bulk_tags_result::Outcome,
};
use tandem_proto::search::v1::{
    SearchCustomersRequest, SearchPlan, SearchRequest, SuggestTermsRequest, TermKind,
};
use tandem_tests::{Kind, Parts, Suite, item_at, whatsapp};
use uuid::Uuid;

use crate::{searchable, searcher};

/// Of those on the first channel; more than a search looks among at once.
const MANY: usize = 320;
const LEAD: (&str, Role) = ("lead", Role::Supervisor);

struct World {
    suite: Suite,
    customers: CustomerServiceClient<InternalChannel>,
    /// Ids by name.
    ids: BTreeMap<String, String>,
    fresh: Vec<String>,
}

impl World {
    async fn start() -> Self {
        let suite = Suite::start(Parts::ALL).await;
        suite.agents(1).await;
        let channels: [Uuid; 2] = [suite.create_channel().await, suite.create_channel().await];
        suite.narrow_agent(channels[1]).await;
        let admin = suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin));
        let now = suite.ambient.now();
        let item = |number: usize, name: String| {
            let who = vec![whatsapp(&format!("US.{number}"))];
            let mut item = item_at(format!("m{number}"), who, format!("about parcel {number}"), now);
            item.display_name = name;
            item
        };
        let first = (0..MANY).map(|number| item(number, format!("Person Number{number}"))).collect();
        let second = ["Maria Gonzalez", "Mario Gómez", "Person Elsewhere"];
        let second =
            second.iter().enumerate().map(|(at, name)| item(MANY + at, (*name).to_owned())).collect();
        let mut fresh = Vec::new();
        for (channel, items) in channels.into_iter().zip([first, second]) {
            fresh.push(suite.ingest(0, channel, items).await.change_token);
        }
        let customers = CustomerServiceClient::new(admin);
        let mut world = Self { suite, customers, ids: BTreeMap::new(), fresh };
        let mut request = ListCustomersRequest {
            page_size: 200,
            at_least_as_fresh: world.fresh.clone(),
            ..ListCustomersRequest::default()
        };
        loop {
            let page = world.customers.list_customers(request.clone()).await.unwrap().into_inner();
            let found = page.customers.into_iter().map(|customer| (customer.display_name, customer.id));
            world.ids.extend(found);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return world;
            }
        }
    }

    /// Puts a tag on customers by name. Its id.
    async fn tag(&mut self, names: &[String], tag: &str) -> String {
        let request = BulkUpdateTagsRequest {
            request_id: self.suite.request_id(),
            customer_ids: names.iter().map(|name| self.ids[name].clone()).collect(),
            add: vec![tag.to_owned()],
            remove: Vec::new(),
        };
        let answer = self.customers.bulk_update_tags(request).await.unwrap().into_inner();
        self.fresh.push(answer.change_token);
        let Some(Outcome::Tagged(tagged)) = answer.results.into_iter().next().unwrap().outcome else {
            panic!("not tagged");
        };
        // Nobody here has another one.
        tagged.tag_ids[0].clone()
    }

    /// All pages, in order, and the plan.
    async fn names(
        &self,
        who: (&str, Role),
        query: &str,
        filter: CustomerFilter,
        page_size: i32,
    ) -> (Vec<String>, SearchPlan) {
        let mut client = searcher(&self.suite, 0, who);
        let mut request = SearchCustomersRequest {
            query: query.to_owned(),
            filter: Some(filter),
            page_size,
            at_least_as_fresh: self.fresh.clone(),
            ..SearchCustomersRequest::default()
        };
        let mut all = Vec::new();
        loop {
            let page = client.search_customers(request.clone()).await.unwrap().into_inner();
            let plan = page.plan();
            assert!(!page.partial);
            let full = page.customers.len() == usize::try_from(page_size).unwrap();
            all.extend(page.customers.into_iter().map(|customer| customer.display_name));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return (all, plan);
            }
            assert!(full, "a page before the last is full");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_found_by_words_tags_and_attributes() {
    if !searchable("customers_are_found_by_words_tags_and_attributes") {
        return;
    }
    let mut world = World::start().await;
    let numbered = |range: std::ops::Range<usize>| -> Vec<String> {
        range.map(|number| format!("Person Number{number}")).collect()
    };
    let many = world.tag(&numbered(5..MANY), "many").await;
    let mut few = numbered(0..2);
    few.push("Person Elsewhere".to_owned());
    let few_tag = world.tag(&few, "few").await;
    let admin = world.suite.channel(Kind::CustomerProfile, 0, &world.suite.spec("admin", Role::Admin));
    let definition = AttributeDefinition {
        key: "plan".to_owned(),
        title: "Plan".to_owned(),
        r#type: AttributeType::Text.into(),
        ..AttributeDefinition::default()
    };
    let request = CreateAttributeDefinitionRequest {
        request_id: world.suite.request_id(),
        definition: Some(definition),
    };
    AttributeServiceClient::new(admin).create_attribute_definition(request).await.unwrap();
    let customer = Customer {
        id: world.ids["Person Number7"].clone(),
        attributes: [("plan".to_owned(), "gold".to_owned())].into(),
        company: "Zephyr Logistics".to_owned(),
        ..Customer::default()
    };
    let request = UpdateCustomerRequest {
        request_id: world.suite.request_id(),
        customer: Some(customer),
        update_mask: Some(prost_types::FieldMask { paths: vec!["attributes".into(), "company".into()] }),
    };
    let token = world.customers.update_customer(request).await.unwrap().into_inner().change_token;
    world.fresh.push(token);

    let tagged = |tag: &String| CustomerFilter { tag_id: tag.clone(), ..CustomerFilter::default() };
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
    // Few are looked among, many are sorted out: the same names come, each once, on full pages.
    for (filter, expected, plan) in [
        (tagged(&few_tag), few.clone(), SearchPlan::NarrowFirst),
        (tagged(&many), numbered(5..MANY), SearchPlan::TextFirst),
        (CustomerFilter::default(), [numbered(0..MANY), few[2..].to_vec()].concat(), SearchPlan::TextFirst),
    ] {
        for page_size in [7, 50] {
            let (found, ran) = world.names(LEAD, "person", filter.clone(), page_size).await;
            assert_eq!((found.len(), set(&found)), (expected.len(), set(&expected)), "{filter:?}");
            assert_eq!(ran, plan);
        }
    }
    let gold = AttributeValue { key: "plan".to_owned(), value: "gold".to_owned() };
    let gold = CustomerFilter { attribute: Some(gold), ..CustomerFilter::default() };
    assert_eq!(world.names(LEAD, "person", gold.clone(), 5).await.0, ["Person Number7"]);
    assert!(world.names(LEAD, "gonzalez", gold, 5).await.0.is_empty());
    assert_eq!(world.names(LEAD, "zephyr", CustomerFilter::default(), 5).await.0, ["Person Number7"]);
    // An agent finds those on the own channel alone, whatever the plan.
    let narrow = ("narrow", Role::Agent);
    for filter in [tagged(&few_tag), CustomerFilter::default()] {
        assert_eq!(world.names(narrow, "person", filter, 5).await.0, ["Person Elsewhere"]);
    }
    assert!(world.names(narrow, "person", tagged(&many), 5).await.0.is_empty());
    // What customer-profile finds wrong is the caller's mistake.
    let unknown = AttributeValue { key: "nope".to_owned(), value: "x".to_owned() };
    let wrong = SearchCustomersRequest {
        query: "x".to_owned(),
        filter: Some(CustomerFilter { attribute: Some(unknown), ..CustomerFilter::default() }),
        ..SearchCustomersRequest::default()
    };
    let answer = searcher(&world.suite, 0, LEAD).search_customers(wrong).await;
    tandem_tests::wrong(answer, &["filter.attribute.key"]);
    let wrong = SearchCustomersRequest {
        page_size: 51,
        filter: Some(CustomerFilter { tag_id: "x".to_owned(), ..CustomerFilter::default() }),
        ..SearchCustomersRequest::default()
    };
    let answer = searcher(&world.suite, 0, LEAD).search_customers(wrong).await;
    tandem_tests::wrong(answer, &["query", "page_size", "filter.tag_id"]);
    world.suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_box_finds_everything_and_completes_what_is_typed() {
    if !searchable("one_box_finds_everything_and_completes_what_is_typed") {
        return;
    }
    let mut world = World::start().await;
    let tag = world.tag(&["Maria Gonzalez".to_owned()], "Marine").await;
    let channel = world.suite.create_channel().await;
    let said = [("maria wants a refund", "US.900"), ("a parcel for maria", "US.901")];
    let items = said.iter().enumerate().map(|(at, (words, who))| {
        item_at(format!("more{at}"), vec![whatsapp(who)], *words, world.suite.ambient.now())
    });
    let token = world.suite.ingest(0, channel, items.collect()).await.change_token;
    world.fresh.push(token);
    let ask = |who, query: &str| {
        let mut client = searcher(&world.suite, 0, who);
        let request = SearchRequest {
            query: query.to_owned(),
            budget_ms: 5_000,
            at_least_as_fresh: world.fresh.clone(),
            ..SearchRequest::default()
        };
        async move { client.search(request).await.unwrap().into_inner() }
    };
    let found = ask(LEAD, "maria").await;
    assert!(found.missing.is_empty() && found.partial.is_empty());
    assert_eq!(found.customers[0].display_name, "Maria Gonzalez");
    let rows: Vec<&str> = found.conversations.iter().map(|row| row.customer_name.as_str()).collect();
    assert!(rows.contains(&"Maria Gonzalez"), "{rows:?}");
    assert_eq!(found.messages.len(), 2);
    assert!(found.message_lag.is_some() && found.customer_lag.is_some());
    // What the caller may not see is in no part.
    let found = ask(("narrow", Role::Agent), "maria").await;
    assert_eq!(found.customers[0].display_name, "Maria Gonzalez");
    assert!(found.messages.is_empty());
    let found = ask(("narrow", Role::Agent), "number12").await;
    assert!(found.customers.is_empty() && found.conversations.is_empty() && found.missing.is_empty());
    let wrong = SearchRequest { budget_ms: 49, section_size: 21, ..SearchRequest::default() };
    let answer = searcher(&world.suite, 0, LEAD).search(wrong).await;
    tandem_tests::wrong(answer, &["query", "budget_ms", "section_size"]);

    let suggest = |who, prefix: &str, kinds: Vec<i32>| {
        let mut client = searcher(&world.suite, 0, who);
        let request = SuggestTermsRequest {
            prefix: prefix.to_owned(),
            kinds,
            page_size: 3,
            at_least_as_fresh: world.fresh.clone(),
        };
        async move { client.suggest_terms(request).await.unwrap().into_inner().terms }
    };
    let texts = |terms: &[tandem_proto::search::v1::Term]| {
        terms.iter().map(|term| (term.kind(), term.text.clone())).collect::<BTreeSet<_>>()
    };
    let name = |text: &str| (TermKind::CustomerName, text.to_owned());
    let marine = (TermKind::CustomerTag, "Marine".to_owned());
    let terms = suggest(LEAD, "mari", vec![]).await;
    let expected = [name("Maria Gonzalez"), name("Mario Gómez"), marine.clone()];
    assert_eq!(texts(&terms), expected.into_iter().collect());
    assert_eq!(terms.iter().find(|term| term.kind() == TermKind::CustomerTag).unwrap().id, tag);
    assert_eq!(terms[0].id, world.ids[&terms[0].text]);
    for (typed, expected) in
        [("gomez ma", vec!["Mario Gómez"]), ("gonz", vec!["Maria Gonzalez"]), ("qqq", vec![])]
    {
        let terms = suggest(LEAD, typed, vec![TermKind::CustomerName.into()]).await;
        assert_eq!(terms.iter().map(|term| term.text.as_str()).collect::<Vec<_>>(), expected, "{typed}");
    }
    assert_eq!(suggest(LEAD, "person", vec![]).await.len(), 3, "as many as asked for");
    assert!(suggest(("narrow", Role::Agent), "number", vec![]).await.is_empty());
    let only = suggest(LEAD, "MARI", vec![TermKind::CustomerTag.into()]).await;
    assert_eq!(texts(&only), [marine].into());
    let wrong = SuggestTermsRequest { kinds: vec![9], page_size: 21, ..SuggestTermsRequest::default() };
    let answer = searcher(&world.suite, 0, LEAD).suggest_terms(wrong).await;
    tandem_tests::wrong(answer, &["prefix", "page_size", "kinds[0]"]);
    world.suite.stop().await;
}
