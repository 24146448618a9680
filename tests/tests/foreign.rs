//! Promise 7, method by method: another tenant's id answers exactly as one that does not exist.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, Kind as FieldKind, MessageDescriptor, ReflectMessage, Value};
use tandem_access::{Role, TokenSpec};
use tandem_bootstrap::{InternalChannel, OnBehalfOf};
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::directory_service_client::DirectoryServiceClient;
use tandem_proto::assignment::v1::{
    Agent, CreateAgentRequest, CreateRoutingRuleRequest, DeactivateAgentRequest, ListNotificationsRequest,
    Operation, RoutingRule, RoutingStrategy,
};
use tandem_proto::conversation::v1::view_service_client::ViewServiceClient;
use tandem_proto::conversation::v1::{CreateViewRequest, View};
use tandem_proto::customer::v1::attribute_service_client::AttributeServiceClient;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_proto::customer::v1::merge_service_client::MergeServiceClient;
use tandem_proto::customer::v1::note_service_client::NoteServiceClient;
use tandem_proto::customer::v1::privacy_service_client::PrivacyServiceClient;
use tandem_proto::customer::v1::{
    AddNoteRequest, AttributeDefinition, AttributeType, CreateAttributeDefinitionRequest,
    EraseCustomerRequest, GetCustomerRequest, MergeCustomersRequest, UpdateTagsRequest,
};
use tandem_tests::raw::{call, descriptors, method, request};
use tandem_tests::{Kind, Parts, Suite, eventually, stored, whatsapp};
use tonic::Request;
use uuid::Uuid;

#[path = "foreign/table.rs"]
mod table;

const TEXT: &str = r#"[{"text":{"text":"hello"}}]"#;

/// Streams, and methods that take no tenant's id but a tenant.
const APART: &[&str] =
    &["WatchAiWork", "CreateTenant", "SuspendTenant", "ResumeTenant", "CreateChannel", "CreateAgent"];

type Ids = BTreeMap<&'static str, String>;

/// A tenant with one of everything; answers the ids.
async fn furnish(suite: &Suite) -> Ids {
    let (agents, team) = suite.agents(1).await;
    let channel = suite.create_channel().await;
    let who = vec![whatsapp("US.1")];
    let item = tandem_tests::item_at("m1", who.clone(), "hello", suite.ambient.now());
    let answer = suite.ingest(0, channel, vec![item]).await;
    let fresh = answer.change_token;
    let conversation = stored(answer.results.into_iter().next().unwrap()).conversation_id;
    let found = suite.get(&conversation).await;
    suite.as_ai(0).send_message(suite.answer(&conversation, 1, 1, &["hi"])).await.unwrap();
    let item = suite.adapter(0, channel).one().await;
    let transfer = suite.request_id();
    let assign = tandem_proto::assignment::v1::AssignRequest {
        request_id: transfer.clone(),
        conversation_id: stored_second(suite, channel).await,
        assignee: Some(Assignee::TeamId(team.to_string())),
        ..Default::default()
    };
    let assigned = suite.assignments("lead", Role::Supervisor).assign(assign).await.unwrap().into_inner();
    let request =
        ListNotificationsRequest { at_least_as_fresh: vec![assigned.change_token], ..Default::default() };
    let told = suite.notifications(0).list_notifications(request).await.unwrap().into_inner().notifications;
    let admin = suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin));
    let request =
        GetCustomerRequest { customer_id: found.customer_id.clone(), at_least_as_fresh: vec![fresh] };
    CustomerServiceClient::new(admin).get_customer(request).await.unwrap();
    let labels = tandem_proto::conversation::v1::UpdateLabelsRequest {
        request_id: suite.request_id(),
        conversation_id: conversation.clone(),
        add: vec!["one".to_owned(), "other".to_owned()],
        remove: Vec::new(),
    };
    let labels = suite.as_admin().update_labels(labels).await.unwrap().into_inner().labels;
    let (absent, operation) = deactivated(suite).await;
    let customer_id = found.customer_id.clone();
    BTreeMap::from([
        ("$label", labels[0].id.clone()),
        ("$other", labels[1].id.clone()),
        ("$agent", agents[0].to_string()),
        ("$team", team.to_string()),
        ("$channel", channel.to_string()),
        ("$contact", found.contact_id),
        ("$merge", merge(suite, &found.customer_id).await),
        ("$customer", customer_id.clone()),
        ("$conversation", conversation),
        ("$message", item.message.unwrap().id),
        ("$lease", item.lease_id),
        ("$transfer", transfer),
        ("$notification", told[0].id.clone()),
        ("$view", personal_view(suite).await),
        ("$absent", absent.id),
        ("$operation", operation.id),
        ("$rule", disabled_rule(suite).await),
        ("$attribute", attribute(suite).await),
        ("$tag", tag(suite, &customer_id).await),
        ("$note", note(suite, &customer_id).await),
        ("$erasure", erasure(suite).await),
    ])
}

/// A merge of somebody into a customer.
async fn merge(suite: &Suite, survivor_id: &str) -> String {
    let channel = suite.create_channel().await;
    let other = suite.write(channel, "m3", &[whatsapp("US.3")], "hello").await.conversation_id;
    let request = MergeCustomersRequest {
        request_id: suite.request_id(),
        survivor_id: survivor_id.to_owned(),
        merged_id: suite.get(&other).await.customer_id,
    };
    let admin = suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin));
    // The profile is made from the feed.
    let merged = eventually("the profile is there", async || {
        MergeServiceClient::new(admin.clone()).merge_customers(request.clone()).await.ok()
    });
    merged.await.into_inner().merge.unwrap().id
}

/// An agent who works no more, and what returned what they held.
async fn deactivated(suite: &Suite) -> (Agent, Operation) {
    let admin = suite.channel(Kind::Assignment, 0, &suite.spec("admin", Role::Admin));
    let mut directory = DirectoryServiceClient::new(admin);
    let agent = Agent { subject: "absent".to_owned(), display_name: "Absent".to_owned(), ..Agent::default() };
    let request = CreateAgentRequest { request_id: suite.request_id(), agent: Some(agent) };
    let agent = directory.create_agent(request).await.unwrap().into_inner().agent.unwrap();
    let request = DeactivateAgentRequest { request_id: suite.request_id(), agent_id: agent.id.clone() };
    let operation = directory.deactivate_agent(request).await.unwrap().into_inner().operation.unwrap();
    (agent, operation)
}

/// A routing rule that does not count: nothing is routed while the table is walked.
async fn disabled_rule(suite: &Suite) -> String {
    let rule = RoutingRule {
        display_name: "none".to_owned(),
        strategy: RoutingStrategy::RoundRobin.into(),
        ..RoutingRule::default()
    };
    let request = CreateRoutingRuleRequest { request_id: suite.request_id(), rule: Some(rule) };
    let mut admin = suite.routing("admin", Role::Admin);
    admin.create_routing_rule(request).await.unwrap().into_inner().rule.unwrap().id
}

async fn attribute(suite: &Suite) -> String {
    let mut admin = AttributeServiceClient::new(suite.channel(
        Kind::CustomerProfile,
        0,
        &suite.spec("admin", Role::Admin),
    ));
    let definition = AttributeDefinition {
        key: "plan".to_owned(),
        title: "Plan".to_owned(),
        r#type: AttributeType::Text.into(),
        ..AttributeDefinition::default()
    };
    let request =
        CreateAttributeDefinitionRequest { request_id: suite.request_id(), definition: Some(definition) };
    admin.create_attribute_definition(request).await.unwrap().into_inner().definition.unwrap().id
}

async fn tag(suite: &Suite, customer_id: &str) -> String {
    let admin = suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin));
    let request = UpdateTagsRequest {
        request_id: suite.request_id(),
        customer_id: customer_id.to_owned(),
        add: vec!["theirs".to_owned()],
        remove: Vec::new(),
    };
    let tags = CustomerServiceClient::new(admin).update_tags(request).await.unwrap().into_inner().tags;
    tags[0].id.clone()
}

async fn note(suite: &Suite, customer_id: &str) -> String {
    let admin = suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin));
    let request = AddNoteRequest {
        request_id: suite.request_id(),
        customer_id: customer_id.to_owned(),
        text: "theirs".to_owned(),
        ..AddNoteRequest::default()
    };
    let added = NoteServiceClient::new(admin).add_note(request).await.unwrap().into_inner();
    added.note.unwrap().id
}

/// The erasure of somebody.
async fn erasure(suite: &Suite) -> String {
    let channel = suite.create_channel().await;
    let item = tandem_tests::item_at("m4", vec![whatsapp("US.4")], "hello", suite.ambient.now());
    let mut written = suite.ingest(0, channel, vec![item]).await;
    let thread = stored(written.results.remove(0)).conversation_id;
    let request = EraseCustomerRequest {
        request_id: suite.request_id(),
        customer_id: suite.get(&thread).await.customer_id,
        at_least_as_fresh: vec![written.change_token],
    };
    let admin = suite.channel(Kind::CustomerProfile, 0, &suite.spec("admin", Role::Admin));
    let begun = PrivacyServiceClient::new(admin).erase_customer(request).await.unwrap().into_inner();
    begun.erasure.unwrap().id
}

async fn personal_view(suite: &Suite) -> String {
    let mut views = ViewServiceClient::new(suite.as_role(0, "agent-0", Role::Agent));
    let view = View { name: "mine".to_owned(), ..View::default() };
    let request = CreateViewRequest { request_id: suite.request_id(), view: Some(view) };
    views.create_view(request).await.unwrap().into_inner().view.unwrap().id
}

async fn stored_second(suite: &Suite, channel: Uuid) -> String {
    suite.write(channel, "m2", &[whatsapp("US.2")], "hello").await.conversation_id
}

fn channel(suite: &Suite, short: &str, role: Role, channels: &[Uuid]) -> InternalChannel {
    let kind = match short.split_once('.').unwrap().0 {
        "assignment" => Kind::Assignment,
        "customer" => Kind::CustomerProfile,
        _ => Kind::Conversation,
    };
    let spec = suite.spec("agent-0", role);
    let spec = match role {
        Role::Service => TokenSpec { tenant: None, ..spec },
        Role::Channel => TokenSpec { channels: channels.to_vec(), ..spec },
        _ => spec,
    };
    suite.channel(kind, 1, &spec)
}

/// What came back, in every part but the change token, which names a write, and the id that was asked for, where a result
/// repeats it.
fn wire(answer: Result<DynamicMessage, tonic::Status>, asked: &str) -> (tonic::Code, String, Vec<u8>) {
    match answer {
        Ok(mut message) => {
            if message.descriptor().get_field_by_name("change_token").is_some() {
                message.set_field_by_name("change_token", Value::String(String::new()));
            }
            let mut bytes = message.encode_to_vec();
            while let Some(at) = bytes.windows(asked.len()).position(|part| part == asked.as_bytes()) {
                bytes[at..at + asked.len()].fill(b'-');
            }
            (tonic::Code::Ok, String::new(), bytes)
        }
        Err(status) => (status.code(), status.message().to_owned(), status.details().to_vec()),
    }
}

/// Whether a message names an entity by its id, at any depth.
fn takes_ids(message: &MessageDescriptor, depth: usize) -> bool {
    message.fields().any(|field| {
        let named =
            field.name() != "request_id" && (field.name().ends_with("_id") || field.name().ends_with("_ids"));
        let external = field.name().contains("external") || field.name() == "provider_id";
        let below =
            matches!(field.kind(), FieldKind::Message(inner) if depth < 4 && takes_ids(&inner, depth + 1));
        (named && !external) || below
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_id_answers_as_one_that_does_not_exist() {
    let mut suite = Suite::start(Parts { customer_profile: true, ..Parts::WITH_ASSIGNMENT }).await;
    let foreign = furnish(&suite).await;
    suite.tenant = suite.ambient.id();
    suite.create_tenant(suite.tenant).await;
    let own = furnish(&suite).await;
    let pool = descriptors();
    for (short, role, template) in table::METHODS.iter().copied().flatten() {
        let method = method(&pool, short);
        for name in own.keys().filter(|name| template.contains(**name)) {
            let missing = suite.request_id();
            let mut answers = Vec::new();
            for other in [&foreign[name], &missing] {
                let later = (suite.ambient.now() + chrono::TimeDelta::hours(1)).to_rfc3339();
                let mut json = template.replace("$text", TEXT).replace("$later", &later).replace(name, other);
                for (name, id) in &own {
                    json = json.replace(name, id);
                }
                while json.contains("$new") {
                    json = json.replacen("$new", &suite.request_id(), 1);
                }
                let channels: Vec<Uuid> = [&own["$channel"], &foreign["$channel"], &missing]
                    .iter()
                    .filter_map(|id| id.parse().ok())
                    .collect();
                let mut request = Request::new(request(&method, &json).encode_to_vec());
                if *role == Role::Service {
                    request.extensions_mut().insert(OnBehalfOf(suite.tenant));
                }
                let answer = call(&channel(&suite, short, *role, &channels), &method, request).await;
                answers.push(wire(answer, other));
            }
            assert_eq!(answers[0], answers[1], "{short} tells {name} of another tenant");
            println!("{short} {name}: {:?} {}", answers[0].0, answers[0].1);
        }
    }
    // No method that takes an id is forgotten.
    let walked: BTreeSet<String> = table::METHODS
        .iter()
        .copied()
        .flatten()
        .map(|(short, ..)| method(&pool, short).full_name().to_owned())
        .collect();
    for service in pool
        .services()
        .filter(|service| !["tandem.feed.v1", "tandem.search.v1"].contains(&service.package_name()))
    {
        for method in service.methods().filter(|method| takes_ids(&method.input(), 0)) {
            let known = walked.contains(method.full_name()) || APART.contains(&method.name());
            assert!(known, "{} is not asked", method.full_name());
        }
    }
}
