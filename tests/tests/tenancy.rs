//! Promise 7: no tenant sees another; within a tenant nobody sees beyond their channels.

#![expect(clippy::cloned_ref_to_slice_refs, reason = "an array reads better in an assertion")]

use std::collections::BTreeSet;

use tandem_access::{Role, TokenSpec};
use tandem_proto::assignment::v1::directory_service_client::DirectoryServiceClient;
use tandem_proto::assignment::v1::{CreateTeamRequest, GetAgentRequest, ListAgentsRequest, Team};
use tandem_proto::conversation::v1::channel_service_client::ChannelServiceClient;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::ingest_service_client::IngestServiceClient;
use tandem_proto::conversation::v1::tenant_service_client::TenantServiceClient;
use tandem_proto::conversation::v1::{
    GetChannelRequest, GetConversationRequest, IngestMessagesRequest, ListChannelsRequest,
    ListConversationsRequest, ListMessagesRequest, MatchConversationsRequest, ResumeTenantRequest,
    SendMessageRequest, SuspendTenantRequest,
};
use tandem_tests::{
    Kind, Parts, Suite, agent_text, eventually, item_at, phone, reason, refused, stored, whatsapp,
};
use tonic::{Code, Status};
use uuid::Uuid;

fn of(suite: &Suite, tenant: Uuid, subject: &str, role: Role) -> TokenSpec {
    TokenSpec { tenant: Some(tenant), ..suite.spec(subject, role) }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_with_the_same_ids_see_nothing_of_each_other() {
    let mut suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let mut seen = Vec::new();
    let (first, request_id) = (suite.tenant, suite.request_id());
    for tenant in [first, suite.ambient.id()] {
        if tenant != first {
            suite.create_tenant(tenant).await;
        }
        suite.tenant = tenant;
        // The same subjects, names, external ids, addresses, words and request ids.
        let (agents, team) = suite.agents(2).await;
        let channel = suite.create_channel().await;
        let who = [phone("+15550144"), whatsapp("US.1")];
        let one = suite.write(channel, "m1", &who, "hello").await;
        let two = suite.write(channel, "m2", &who, "hello").await;
        assert_eq!((one.replayed, two.position, &two.conversation_id), (false, 2, &one.conversation_id));
        let answer = SendMessageRequest {
            request_id: request_id.clone(),
            ..suite.answer(&one.conversation_id, 1, 2, &["hi"])
        };
        let sent = suite.as_ai(0).send_message(answer).await.unwrap().into_inner();
        let item = suite.adapter(0, channel).one().await;
        let ids: BTreeSet<String> = [
            agents[0].to_string(),
            team.to_string(),
            channel.to_string(),
            one.message_id,
            one.conversation_id.clone(),
            sent.messages[0].id.clone(),
            item.lease_id,
            suite.get(&one.conversation_id).await.contact_id,
            suite.get(&one.conversation_id).await.customer_id,
        ]
        .into();
        seen.push((tenant, one.conversation_id, ids));
    }
    assert!(seen[0].2.is_disjoint(&seen[1].2));
    for (tenant, own, _) in &seen {
        suite.tenant = *tenant;
        let rows = suite.as_admin().list_conversations(ListConversationsRequest::default()).await.unwrap();
        let rows: Vec<String> =
            rows.into_inner().rows.into_iter().map(|row| row.conversation.unwrap().id).collect();
        assert_eq!(rows, [own.clone()]);
        let request = MatchConversationsRequest {
            conversation_ids: seen.iter().map(|(_, id, _)| id.clone()).collect(),
            ..MatchConversationsRequest::default()
        };
        let matching = suite.as_admin().match_conversations(request).await.unwrap().into_inner();
        assert_eq!(matching.conversation_ids, [own.clone()]);
        let admin = suite.channel(Kind::Assignment, 0, &suite.spec("admin", Role::Admin));
        let agents =
            DirectoryServiceClient::new(admin).list_agents(ListAgentsRequest::default()).await.unwrap();
        assert_eq!(agents.into_inner().agents.len(), 2);
        // A message of one tenant came in once, whatever the other has.
        assert_eq!(suite.messages(own).await.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_see_their_teams_channels_alone() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    let (agents, _) = suite.agents(1).await;
    let (inside, outside) = (suite.create_channel().await, suite.create_channel().await);
    // A second agent, who is in a team with one channel.
    let admin = suite.channel(Kind::Assignment, 0, &suite.spec("admin", Role::Admin));
    let mut directory = DirectoryServiceClient::new(admin);
    let agent = tandem_proto::assignment::v1::Agent {
        subject: "narrow".to_owned(),
        display_name: "Narrow".to_owned(),
        ..Default::default()
    };
    let request = tandem_proto::assignment::v1::CreateAgentRequest {
        request_id: suite.request_id(),
        agent: Some(agent),
    };
    let narrow = directory.create_agent(request).await.unwrap().into_inner().agent.unwrap();
    let team = Team {
        display_name: "narrow".to_owned(),
        agent_ids: vec![narrow.id.clone(), agents[0].to_string()],
        channel_ids: vec![inside.to_string()],
        ..Team::default()
    };
    let request = CreateTeamRequest { request_id: suite.request_id(), team: Some(team) };
    let made = directory.create_team(request).await.unwrap().into_inner();
    suite.conversation_knows(&made.change_token).await;
    let (who, other) = ([whatsapp("US.1")], [whatsapp("US.2")]);
    let seen = suite.write(inside, "m1", &who, "hello").await.conversation_id;
    let hidden = suite.write(outside, "m1", &other, "hello").await.conversation_id;
    let missing = suite.request_id();

    let mut narrow = suite.conversations(1, "narrow", Role::Agent);
    let rows =
        narrow.list_conversations(ListConversationsRequest::default()).await.unwrap().into_inner().rows;
    assert_eq!(rows.into_iter().map(|row| row.conversation.unwrap().id).collect::<Vec<_>>(), [seen.clone()]);
    let request = MatchConversationsRequest {
        conversation_ids: vec![hidden.clone(), seen.clone(), missing.clone()],
        ..MatchConversationsRequest::default()
    };
    assert_eq!(
        narrow.match_conversations(request).await.unwrap().into_inner().conversation_ids,
        [seen.clone()]
    );
    let mut channels = ChannelServiceClient::new(suite.as_role(0, "narrow", Role::Agent));
    let listed = channels.list_channels(ListChannelsRequest {}).await.unwrap().into_inner().channels;
    assert_eq!(listed.into_iter().map(|channel| channel.id).collect::<Vec<_>>(), [inside.to_string()]);

    // What is outside answers as what does not exist.
    let mut same = Vec::new();
    for id in [hidden.clone(), missing] {
        let get = GetConversationRequest { conversation_id: id.clone(), at_least_as_fresh: Vec::new() };
        let messages = ListMessagesRequest { conversation_id: id.clone(), ..ListMessagesRequest::default() };
        let say = SendMessageRequest {
            take_over: true,
            contents: agent_text("hello"),
            ..suite.answer(&id, 0, 0, &[])
        };
        let take = tandem_proto::assignment::v1::TakeOverRequest {
            request_id: suite.request_id(),
            conversation_id: id,
            ..Default::default()
        };
        let mut assignments = suite.assignments("narrow", Role::Agent);
        same.push([
            wire(narrow.get_conversation(get).await),
            wire(narrow.list_messages(messages).await),
            wire(narrow.send_message(say).await),
            wire(assignments.take_over(take).await),
        ]);
    }
    assert_eq!(same[0], same[1]);
    assert!(same[0].iter().all(|answer| answer.0 == Code::NotFound), "{same:?}");
    let get = GetChannelRequest { channel_id: outside.to_string() };
    refused(channels.get_channel(get).await, Code::NotFound, "NOT_FOUND");
    // A colleague in two teams sees both.
    let rows = suite.as_agent(0, 0).list_conversations(ListConversationsRequest::default()).await.unwrap();
    assert_eq!(rows.into_inner().rows.len(), 2);
    // Somebody who is no agent of the tenant sees nothing.
    let mut nobody = suite.conversations(0, "stranger", Role::Agent);
    let rows =
        nobody.list_conversations(ListConversationsRequest::default()).await.unwrap().into_inner().rows;
    assert!(rows.is_empty());
    // An adapter sees what its token names.
    let request = IngestMessagesRequest {
        channel_id: outside.to_string(),
        items: vec![item_at("m9", who.to_vec(), "hello", suite.ambient.now())],
    };
    let mut adapter = IngestServiceClient::new(suite.as_adapter(0, inside));
    refused(adapter.ingest_messages(request).await, Code::PermissionDenied, "CHANNEL_NOT_ALLOWED");
}

/// An error as it came, in every part.
fn wire<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String, Vec<u8>) {
    let status = answer.expect_err("an error");
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_is_refused_and_may_come_back() {
    let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
    suite.agents(1).await;
    let channel = suite.create_channel().await;
    suite.write(channel, "m1", &[whatsapp("US.1")], "hello").await;
    let other = suite.ambient.id();
    suite.create_tenant(other).await;
    let service = TokenSpec { tenant: None, ..suite.spec("service", Role::Service) };
    let mut tenants = TenantServiceClient::new(suite.channel(Kind::Conversation, 0, &service));
    tenants.suspend_tenant(SuspendTenantRequest { tenant_id: suite.tenant.to_string() }).await.unwrap();

    for replica in 0..2 {
        let ask = || async {
            let request = ListConversationsRequest::default();
            suite.conversations(replica, "admin", Role::Admin).list_conversations(request).await.err()
        };
        let status = eventually("the suspension", ask).await;
        assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, "TENANT_SUSPENDED".to_owned()));
        let item = item_at("m2", vec![whatsapp("US.1")], "hello", suite.ambient.now());
        let request = IngestMessagesRequest { channel_id: channel.to_string(), items: vec![item] };
        let mut adapter = IngestServiceClient::new(suite.as_adapter(replica, channel));
        refused(adapter.ingest_messages(request).await, Code::PermissionDenied, "TENANT_SUSPENDED");
    }
    let ask = || async {
        let agent = suite.channel(Kind::Assignment, 0, &suite.spec("agent-0", Role::Agent));
        DirectoryServiceClient::new(agent).get_agent(GetAgentRequest::default()).await.err()
    };
    let status = eventually("the suspension, through the feed", ask).await;
    assert_eq!((status.code(), reason(&status)), (Code::PermissionDenied, "TENANT_SUSPENDED".to_owned()));
    // The others work on.
    let channel_of = suite.channel(Kind::Conversation, 0, &of(&suite, other, "admin", Role::Admin));
    let request = ListConversationsRequest::default();
    ConversationServiceClient::new(channel_of).list_conversations(request).await.unwrap();

    tenants.resume_tenant(ResumeTenantRequest { tenant_id: suite.tenant.to_string() }).await.unwrap();
    let write = || async {
        let item = item_at("m2", vec![whatsapp("US.1")], "hello", suite.ambient.now());
        let request = IngestMessagesRequest { channel_id: channel.to_string(), items: vec![item] };
        IngestServiceClient::new(suite.as_adapter(1, channel)).ingest_messages(request).await.ok()
    };
    let response = eventually("the resumption", write).await.into_inner();
    assert_eq!(response.results.into_iter().map(stored).next().unwrap().position, 2);
    let request = SuspendTenantRequest { tenant_id: suite.request_id() };
    refused(tenants.suspend_tenant(request).await, Code::NotFound, "NOT_FOUND");
}
