//! Promise 7, method by method: another tenant's id answers exactly as one that does not exist.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, Kind as FieldKind, MessageDescriptor, ReflectMessage, Value};
use tandem_access::{Role, TokenSpec};
use tandem_bootstrap::{InternalChannel, OnBehalfOf};
use tandem_proto::assignment::v1::ListNotificationsRequest;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::conversation::v1::view_service_client::ViewServiceClient;
use tandem_proto::conversation::v1::{CreateViewRequest, View};
use tandem_proto::customer::v1::GetCustomerRequest;
use tandem_proto::customer::v1::customer_service_client::CustomerServiceClient;
use tandem_tests::raw::{call, descriptors, method, request};
use tandem_tests::{Kind, Parts, Suite, stored, whatsapp};
use tonic::Request;
use uuid::Uuid;

const TEXT: &str = r#"[{"text":{"text":"hello"}}]"#;

/// Every method that takes an id, with the role that calls it. `$name` is an id of that kind, `$new` a fresh one.
const METHODS: &[(&str, Role, &str)] = &[
    (
        "conversation.ConversationService/ListLabelFigures",
        Role::Admin,
        r#"{"kind":1,"fromDate":"2026-11-01","untilDate":"2026-11-30","channelIds":["$channel"]}"#,
    ),
    (
        "conversation.ConversationService/ListConversations",
        Role::Admin,
        r#"{"filter":{"channelIds":["$channel"]}}"#,
    ),
    (
        "conversation.ConversationService/ListConversations",
        Role::Admin,
        r#"{"filter":{"contactIds":["$contact"]}}"#,
    ),
    (
        "conversation.ConversationService/ListConversations",
        Role::Admin,
        r#"{"filter":{"customerIds":["$customer"]}}"#,
    ),
    (
        "conversation.ConversationService/ListConversations",
        Role::Admin,
        r#"{"filter":{"assignment":{"agentIds":["$agent"]}}}"#,
    ),
    (
        "conversation.ConversationService/ListConversations",
        Role::Admin,
        r#"{"filter":{"assignment":{"teamIds":["$team"]}}}"#,
    ),
    ("conversation.ConversationService/ListConversations", Role::Agent, r#"{"viewId":"$view"}"#),
    (
        "conversation.ConversationService/CountConversations",
        Role::Admin,
        r#"{"filters":[{"channelIds":["$channel"]},{"contactIds":["$contact"]},{"customerIds":["$customer"]},
           {"assignment":{"agentIds":["$agent"]}},{"assignment":{"teamIds":["$team"]}}]}"#,
    ),
    (
        "conversation.ViewService/CreateView",
        Role::Supervisor,
        r#"{"requestId":"$new","view":{"name":"x","scope":2,"teamId":"$team"}}"#,
    ),
    (
        "conversation.ViewService/UpdateView",
        Role::Agent,
        r#"{"requestId":"$new","view":{"id":"$view","etag":"1","name":"x"},"updateMask":"name"}"#,
    ),
    ("conversation.ViewService/CopyView", Role::Agent, r#"{"requestId":"$new","viewId":"$view"}"#),
    (
        "conversation.ViewService/CopyView",
        Role::Supervisor,
        r#"{"requestId":"$new","viewId":"$view","scope":2,"teamId":"$team"}"#,
    ),
    ("conversation.ViewService/DeleteView", Role::Agent, r#"{"requestId":"$new","viewId":"$view"}"#),
    ("conversation.ViewService/GetView", Role::Agent, r#"{"viewId":"$view"}"#),
    (
        "conversation.ViewService/ArrangeViews",
        Role::Agent,
        r#"{"requestId":"$new","views":[{"viewId":"$view"}]}"#,
    ),
    (
        "conversation.ViewService/SetDefaultView",
        Role::Supervisor,
        r#"{"requestId":"$new","viewId":"$view","teamId":"$team"}"#,
    ),
    (
        "conversation.ConversationService/MatchConversations",
        Role::Admin,
        r#"{"conversationIds":["$conversation"]}"#,
    ),
    (
        "conversation.ConversationService/GetConversation",
        Role::Admin,
        r#"{"conversationId":"$conversation"}"#,
    ),
    ("conversation.ConversationService/ListMessages", Role::Admin, r#"{"conversationId":"$conversation"}"#),
    ("conversation.ConversationService/ListTimeline", Role::Admin, r#"{"conversationId":"$conversation"}"#),
    (
        "conversation.ConversationService/SendMessage",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation","contents":$text,"takeOver":true}"#,
    ),
    (
        "conversation.ConversationService/StartConversation",
        Role::Agent,
        r#"{"requestId":"$new","channelId":"$channel","contactId":"$contact","contents":$text}"#,
    ),
    (
        "conversation.ConversationService/CloseConversation",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation"}"#,
    ),
    (
        "conversation.ConversationService/ReopenConversation",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation"}"#,
    ),
    ("conversation.ConversationService/MarkRead", Role::Agent, r#"{"conversationId":"$conversation"}"#),
    (
        "conversation.ConversationService/UpdateLabels",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation","add":["x"]}"#,
    ),
    (
        "conversation.ConversationService/RaiseAttention",
        Role::Ai,
        r#"{"requestId":"$new","conversationId":"$conversation","reason":1}"#,
    ),
    (
        "conversation.ConversationService/SnoozeConversation",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation","until":"$later"}"#,
    ),
    (
        "conversation.ConversationService/WakeConversation",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation"}"#,
    ),
    (
        "conversation.ConversationService/SetPriority",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation","priority":4}"#,
    ),
    ("conversation.ConversationService/MarkUnread", Role::Agent, r#"{"conversationId":"$conversation"}"#),
    (
        "conversation.ConversationService/RenameLabel",
        Role::Admin,
        r#"{"requestId":"$new","labelId":"$label","name":"renamed","etag":"1"}"#,
    ),
    (
        "conversation.ConversationService/MergeLabels",
        Role::Admin,
        r#"{"requestId":"$new","labelId":"$label","intoLabelId":"$other"}"#,
    ),
    (
        "conversation.ConversationService/BulkUpdateConversations",
        Role::Agent,
        r#"{"requestId":"$new","conversationIds":["$conversation"],"priority":4}"#,
    ),
    (
        "conversation.ConversationService/ListConversations",
        Role::Admin,
        r#"{"filter":{"labels":{"any":["$label"]}}}"#,
    ),
    (
        "conversation.WatchService/WatchConversations",
        Role::Agent,
        r#"{"threads":[{"key":"t","conversationId":"$conversation"}]}"#,
    ),
    ("conversation.ChannelService/GetChannel", Role::Admin, r#"{"channelId":"$channel"}"#),
    (
        "conversation.ChannelService/DeleteChannel",
        Role::Admin,
        r#"{"requestId":"$new","channelId":"$channel"}"#,
    ),
    ("conversation.ChannelService/GetChannelHealth", Role::Admin, r#"{"channelId":"$channel"}"#),
    (
        "conversation.ConversationService/SendMessage",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation","contents":$text,"private":true,"mentionAgentIds":["$agent"]}"#,
    ),
    (
        "conversation.ChannelService/UpdateChannel",
        Role::Admin,
        r#"{"requestId":"$new","channel":{"id":"$channel","etag":"1","displayName":"x"},"updateMask":"displayName"}"#,
    ),
    (
        "conversation.IngestService/IngestMessages",
        Role::Channel,
        r#"{"channelId":"$channel","items":[{"externalId":"$new","receipt":{"messageId":"$message","state":6}}]}"#,
    ),
    ("conversation.OutboundService/PullOutbound", Role::Channel, r#"{"channelId":"$channel"}"#),
    (
        "conversation.OutboundService/BeginSend",
        Role::Channel,
        r#"{"messageId":"$message","leaseId":"$lease"}"#,
    ),
    (
        "conversation.OutboundService/AcknowledgeOutbound",
        Role::Channel,
        r#"{"messageId":"$message","leaseId":"$lease","failed":{}}"#,
    ),
    (
        "conversation.TransferService/TransferHolder",
        Role::Service,
        r#"{"requestId":"$new","conversationId":"$conversation","to":{"kind":4},"cause":6,"actor":{"kind":4}}"#,
    ),
    ("conversation.TransferService/ResolveTransfer", Role::Service, r#"{"requestId":"$transfer"}"#),
    (
        "assignment.AssignmentService/TakeOver",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation"}"#,
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"requestId":"$new","conversationId":"$conversation","agentId":"$agent","force":true}"#,
    ),
    (
        "assignment.AssignmentService/Assign",
        Role::Supervisor,
        r#"{"requestId":"$new","conversationId":"$conversation","teamId":"$team","force":true}"#,
    ),
    (
        "assignment.AssignmentService/HandOff",
        Role::Ai,
        r#"{"requestId":"$new","conversationId":"$conversation","expectedEpoch":1,"reason":1,"teamId":"$team"}"#,
    ),
    (
        "assignment.AssignmentService/Release",
        Role::Agent,
        r#"{"requestId":"$new","conversationId":"$conversation"}"#,
    ),
    ("assignment.AssignmentService/ListHolderHistory", Role::Admin, r#"{"conversationId":"$conversation"}"#),
    ("assignment.DirectoryService/GetAgent", Role::Admin, r#"{"agentId":"$agent"}"#),
    (
        "assignment.DirectoryService/UpdateAgent",
        Role::Admin,
        r#"{"requestId":"$new","agent":{"id":"$agent","etag":"1","displayName":"x"},"updateMask":"displayName"}"#,
    ),
    (
        "assignment.DirectoryService/CreateTeam",
        Role::Admin,
        r#"{"requestId":"$new","team":{"displayName":"$new","agentIds":["$agent"],"leadAgentId":"$agent","fallbackTeamId":"$team"}}"#,
    ),
    (
        "assignment.DirectoryService/UpdateTeam",
        Role::Admin,
        r#"{"requestId":"$new","team":{"id":"$team","etag":"1","agentIds":["$agent"]},"updateMask":"agentIds"}"#,
    ),
    (
        "assignment.NotificationService/MarkNotificationsRead",
        Role::Agent,
        r#"{"notificationIds":["$notification"]}"#,
    ),
    ("customer.CustomerService/GetCustomer", Role::Agent, r#"{"customerId":"$customer"}"#),
    ("customer.CustomerService/ListCustomerConversations", Role::Agent, r#"{"customerId":"$customer"}"#),
    (
        "customer.CustomerService/UpdateCustomer",
        Role::Agent,
        r#"{"requestId":"$new","customer":{"id":"$customer","etag":"1","displayName":"x"},"updateMask":"displayName"}"#,
    ),
    (
        "customer.CustomerService/UpdateTags",
        Role::Agent,
        r#"{"requestId":"$new","customerId":"$customer","add":["x"]}"#,
    ),
    (
        "customer.CustomerService/AddNote",
        Role::Agent,
        r#"{"requestId":"$new","customerId":"$customer","text":"x"}"#,
    ),
    ("customer.CustomerService/ListNotes", Role::Agent, r#"{"customerId":"$customer"}"#),
];

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
    BTreeMap::from([
        ("$label", labels[0].id.clone()),
        ("$other", labels[1].id.clone()),
        ("$agent", agents[0].to_string()),
        ("$team", team.to_string()),
        ("$channel", channel.to_string()),
        ("$contact", found.contact_id),
        ("$customer", found.customer_id),
        ("$conversation", conversation),
        ("$message", item.message.unwrap().id),
        ("$lease", item.lease_id),
        ("$transfer", transfer),
        ("$notification", told[0].id.clone()),
        ("$view", personal_view(suite).await),
    ])
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
    for (short, role, template) in METHODS {
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
    let walked: BTreeSet<String> =
        METHODS.iter().map(|(short, ..)| method(&pool, short).full_name().to_owned()).collect();
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
