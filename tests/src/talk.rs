//! The suite's parts as a test talks to them.

use tandem_access::{Role, TokenSpec};
use tandem_bootstrap::InternalChannel;
use tandem_proto::assignment::v1::assignment_service_client::AssignmentServiceClient;
use tandem_proto::assignment::v1::directory_service_client::DirectoryServiceClient;
use tandem_proto::assignment::v1::notification_service_client::NotificationServiceClient;
use tandem_proto::assignment::v1::presence_service_client::PresenceServiceClient;
use tandem_proto::assignment::v1::routing_service_client::RoutingServiceClient;
use tandem_proto::assignment::v1::{
    Agent, ClaimNextRequest, CreateAgentRequest, CreateRoutingRuleRequest, CreateTeamRequest,
    GetAgentRequest, ListTeamsRequest, Presence, ReleaseRequest, RoutingRule, SetPresenceRequest,
    TakeOverRequest, TakeOverResponse, Team, UpdateTeamRequest,
};
use tandem_proto::conversation::v1::channel_service_client::ChannelServiceClient;
use tandem_proto::conversation::v1::conversation_service_client::ConversationServiceClient;
use tandem_proto::conversation::v1::ingest_result::Outcome;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::conversation::v1::transfer_service_client::TransferServiceClient;
use tandem_proto::conversation::v1::{
    Channel, ChannelPolicy, Conversation, CreateChannelRequest, GetConversationRequest, HolderChanged,
    IngestResult, IngestStored, ListConversationsRequest, ListMessagesRequest, ListTimelineRequest, Message,
    SendMessageRequest, SendMessageResponse, TimelineEntry, UpdateLabelsRequest, UpdateLabelsResponse,
};
use tandem_proto::r#type::v1::Identity;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::{Kind, Suite, agent_text, item_at, whatsapp};

/// A result that must be stored.
///
/// # Panics
/// When it was refused.
pub fn stored(result: IngestResult) -> IngestStored {
    match result.outcome {
        Some(Outcome::Stored(stored)) => stored,
        other => panic!("not stored: {other:?}"),
    }
}

impl Suite {
    pub fn request_id(&self) -> String {
        self.ambient.id().to_string()
    }

    /// `ConversationService` of a replica as one subject and role.
    pub fn conversations(
        &self,
        replica: usize,
        subject: &str,
        role: Role,
    ) -> ConversationServiceClient<InternalChannel> {
        ConversationServiceClient::new(self.as_role(replica, subject, role))
    }

    /// As an agent of [`Suite::create_agents`].
    pub fn as_agent(&self, replica: usize, number: usize) -> ConversationServiceClient<InternalChannel> {
        self.conversations(replica, &format!("agent-{number}"), Role::Agent)
    }

    pub fn as_ai(&self, replica: usize) -> ConversationServiceClient<InternalChannel> {
        self.conversations(replica, "ai", Role::Ai)
    }

    pub fn as_admin(&self) -> ConversationServiceClient<InternalChannel> {
        self.conversations(0, "admin", Role::Admin)
    }

    pub fn assignments(&self, subject: &str, role: Role) -> AssignmentServiceClient<InternalChannel> {
        AssignmentServiceClient::new(self.channel(Kind::Assignment, 0, &self.spec(subject, role)))
    }

    /// Agents and teams, as an admin.
    pub fn directory(&self) -> DirectoryServiceClient<InternalChannel> {
        DirectoryServiceClient::new(self.channel(Kind::Assignment, 0, &self.spec("admin", Role::Admin)))
    }

    pub fn notifications(&self, number: usize) -> NotificationServiceClient<InternalChannel> {
        let spec = self.spec(&format!("agent-{number}"), Role::Agent);
        NotificationServiceClient::new(self.channel(Kind::Assignment, 0, &spec))
    }

    pub fn routing(&self, subject: &str, role: Role) -> RoutingServiceClient<InternalChannel> {
        RoutingServiceClient::new(self.channel(Kind::Assignment, 0, &self.spec(subject, role)))
    }

    /// The heartbeat of an agent of [`Suite::create_agents`], for five minutes.
    pub async fn presence(&self, number: usize, status: Presence) {
        let spec = self.spec(&format!("agent-{number}"), Role::Agent);
        let mut client = PresenceServiceClient::new(self.channel(Kind::Assignment, number, &spec));
        let request = SetPresenceRequest { status: status.into(), ttl_s: Some(300) };
        client.set_presence(request).await.unwrap();
    }

    /// A new routing rule.
    pub async fn rule(&self, rule: RoutingRule) -> RoutingRule {
        let rule = RoutingRule { enabled: true, ..rule };
        let request = CreateRoutingRuleRequest { request_id: self.request_id(), rule: Some(rule) };
        let mut admin = self.routing("admin", Role::Admin);
        admin.create_routing_rule(request).await.unwrap().into_inner().rule.unwrap()
    }

    /// What is next, as an agent of [`Suite::create_agents`] through an assignment process.
    pub async fn claim(&self, replica: usize, number: usize) -> Result<Option<Conversation>, Status> {
        let spec = self.spec(&format!("agent-{number}"), Role::Agent);
        let mut client = AssignmentServiceClient::new(self.channel(Kind::Assignment, replica, &spec));
        let request = ClaimNextRequest { request_id: self.request_id(), team_id: String::new() };
        Ok(client.claim_next(request).await?.into_inner().conversation)
    }

    /// `TransferService` as another service calls it.
    pub fn transfers(&self, replica: usize) -> TransferServiceClient<InternalChannel> {
        let spec = TokenSpec { tenant: None, ..self.spec("service", Role::Service) };
        TransferServiceClient::new(self.channel(Kind::Conversation, replica, &spec))
    }

    /// A request of a service on behalf of the suite's tenant.
    pub fn on_behalf<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(tandem_bootstrap::OnBehalfOf(self.tenant));
        request
    }

    /// As `create_agents`, and waits until conversation knows them.
    pub async fn agents(&self, count: usize) -> (Vec<Uuid>, Uuid) {
        let (agents, team, token) = self.create_agents(count).await;
        self.conversation_knows(&token).await;
        (agents, team)
    }

    /// The agent `narrow`, whose team sees one channel; the agent's and the team's id, which conversation knows.
    pub async fn narrow_agent(&self, channel: Uuid) -> (String, String) {
        let admin = self.channel(Kind::Assignment, 0, &self.spec("admin", Role::Admin));
        let mut directory = DirectoryServiceClient::new(admin);
        let agent =
            Agent { subject: "narrow".to_owned(), display_name: "Narrow".to_owned(), ..Agent::default() };
        let request = CreateAgentRequest { request_id: self.request_id(), agent: Some(agent) };
        let agent = directory.create_agent(request).await.unwrap().into_inner().agent.unwrap();
        let team = Team {
            display_name: "narrow".to_owned(),
            agent_ids: vec![agent.id.clone()],
            channel_ids: vec![channel.to_string()],
            ..Team::default()
        };
        let request = CreateTeamRequest { request_id: self.request_id(), team: Some(team) };
        let created = directory.create_team(request).await.unwrap().into_inner();
        self.conversation_knows(&created.change_token).await;
        (agent.id, created.team.unwrap().id)
    }

    /// Waits until conversation has applied a change of another service.
    pub async fn conversation_knows(&self, change_token: &str) {
        let fresh = vec![change_token.to_owned()];
        let request =
            ListConversationsRequest { at_least_as_fresh: fresh, ..ListConversationsRequest::default() };
        self.as_admin().list_conversations(request).await.unwrap();
    }

    /// A line in all its detail.
    pub async fn create_line(&self, channel: Channel) -> Uuid {
        let mut channels = ChannelServiceClient::new(self.as_role(0, "admin", Role::Admin));
        let request = CreateChannelRequest { request_id: self.request_id(), channel: Some(channel) };
        channels.create_channel(request).await.unwrap().into_inner().channel.unwrap().id.parse().unwrap()
    }

    /// Puts labels on a conversation and takes them off, by name.
    pub async fn label(
        &self,
        replica: usize,
        conversation_id: &str,
        add: &[&str],
        remove: &[&str],
    ) -> Result<UpdateLabelsResponse, Status> {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let request = UpdateLabelsRequest {
            request_id: self.request_id(),
            conversation_id: conversation_id.to_owned(),
            add: names(add),
            remove: names(remove),
        };
        let mut admin = self.conversations(replica, "admin", Role::Admin);
        admin.update_labels(request).await.map(tonic::Response::into_inner)
    }

    /// The suite's first team sees one channel alone from now on. The change's token.
    pub async fn narrow_team(&self, channel: Uuid) -> String {
        let admin = self.channel(Kind::Assignment, 0, &self.spec("admin", Role::Admin));
        let mut directory = DirectoryServiceClient::new(admin);
        let teams = directory.list_teams(ListTeamsRequest::default()).await.unwrap().into_inner().teams;
        let mut team = teams.into_iter().next().unwrap();
        team.all_channels = false;
        team.channel_ids = vec![channel.to_string()];
        let paths = vec!["all_channels".to_owned(), "channel_ids".to_owned()];
        let request = UpdateTeamRequest {
            request_id: self.request_id(),
            team: Some(team),
            update_mask: Some(prost_types::FieldMask { paths }),
        };
        directory.update_team(request).await.unwrap().into_inner().change_token
    }

    /// A customer's message at the suite's time.
    pub async fn write(
        &self,
        channel: Uuid,
        external_id: &str,
        who: &[Identity],
        words: &str,
    ) -> IngestStored {
        let item = item_at(external_id, who.to_vec(), words, self.ambient.now());
        stored(self.ingest(0, channel, vec![item]).await.results.remove(0))
    }

    pub async fn get(&self, conversation_id: &str) -> Conversation {
        let request = GetConversationRequest {
            conversation_id: conversation_id.to_owned(),
            at_least_as_fresh: Vec::new(),
        };
        self.as_admin()
            .get_conversation(request)
            .await
            .unwrap()
            .into_inner()
            .row
            .unwrap()
            .conversation
            .unwrap()
    }

    /// All messages of a conversation.
    pub async fn messages(&self, conversation_id: &str) -> Vec<Message> {
        let mut client = self.as_admin();
        let (mut all, mut after_position) = (Vec::new(), 0);
        loop {
            let conversation_id = conversation_id.to_owned();
            let request = ListMessagesRequest {
                conversation_id,
                after_position,
                page_size: 500,
                ..ListMessagesRequest::default()
            };
            let page = client.list_messages(request).await.unwrap().into_inner();
            all.extend(page.messages);
            if !page.more {
                return all;
            }
            after_position = all.last().unwrap().position;
        }
    }

    /// The whole timeline of a conversation.
    pub async fn timeline(&self, conversation_id: &str) -> Vec<TimelineEntry> {
        let mut client = self.as_admin();
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request =
                ListTimelineRequest { conversation_id: conversation_id.to_owned(), page_size: 7, page_token };
            let page = client.list_timeline(request).await.unwrap().into_inner();
            all.extend(page.entries);
            if page.next_page_token.is_empty() {
                return all;
            }
            page_token = page.next_page_token;
        }
    }

    /// The changes of holder in a timeline.
    ///
    /// # Panics
    /// Unless epoch n + 1 follows n.
    pub async fn holder_changes(&self, conversation_id: &str) -> Vec<(TimelineEntry, HolderChanged)> {
        let entries = self.timeline(conversation_id).await.into_iter();
        let changes: Vec<_> = entries
            .filter_map(|entry| match entry.event.clone() {
                Some(Event::HolderChanged(change)) => Some((entry, change)),
                _ => None,
            })
            .collect();
        for ((_, change), expected) in changes.iter().zip(1..) {
            assert_eq!(change.epoch, expected, "an epoch is missing or out of order");
        }
        changes
    }

    /// What the AI says under an epoch.
    pub fn answer(
        &self,
        conversation_id: &str,
        epoch: i64,
        position: i64,
        words: &[&str],
    ) -> SendMessageRequest {
        SendMessageRequest {
            request_id: self.request_id(),
            conversation_id: conversation_id.to_owned(),
            contents: words.iter().flat_map(|words| agent_text(*words)).collect(),
            expected_epoch: epoch,
            answers_position: position,
            ..SendMessageRequest::default()
        }
    }

    /// What an agent says, who takes over with it where needed.
    pub async fn say(&self, number: usize, conversation_id: &str, words: &[&str]) -> SendMessageResponse {
        let request = SendMessageRequest { take_over: true, ..self.answer(conversation_id, 0, 0, words) };
        self.as_agent(1, number).send_message(request).await.unwrap().into_inner()
    }

    pub async fn take_over(&self, number: usize, conversation_id: &str) -> Result<TakeOverResponse, Status> {
        let request = TakeOverRequest {
            request_id: self.request_id(),
            conversation_id: conversation_id.to_owned(),
            ..TakeOverRequest::default()
        };
        let mut client = self.assignments(&format!("agent-{number}"), Role::Agent);
        client.take_over(request).await.map(tonic::Response::into_inner)
    }

    pub async fn release(&self, number: usize, conversation_id: &str) -> Conversation {
        let request = ReleaseRequest {
            request_id: self.request_id(),
            conversation_id: conversation_id.to_owned(),
            ..ReleaseRequest::default()
        };
        let mut client = self.assignments(&format!("agent-{number}"), Role::Agent);
        client.release(request).await.unwrap().into_inner().conversation.unwrap()
    }

    /// A line without an AI whose conversations begin in the team's queue.
    pub async fn queued_line(&self, team: Uuid) -> Uuid {
        let policy = ChannelPolicy { default_team_id: team.to_string(), ..ChannelPolicy::default() };
        self.create_channel_with(policy).await
    }

    /// Conversations of as many new customers, whose names begin so.
    ///
    /// # Panics
    /// When one is refused.
    pub async fn begin(&self, channel: Uuid, names: &str, count: usize) -> Vec<String> {
        let now = self.ambient.now();
        let who = |number| vec![whatsapp(&format!("US.{names}.{number}"))];
        let items = (0..count).map(|number| item_at(format!("{names} {number}"), who(number), "hello", now));
        let results = self.ingest(0, channel, items.collect()).await.results;
        results.into_iter().map(|result| stored(result).conversation_id).collect()
    }

    /// An agent as an admin sees it.
    ///
    /// # Panics
    /// When there is none.
    pub async fn agent(&self, id: Uuid) -> Agent {
        let request = GetAgentRequest { agent_id: id.to_string() };
        self.directory().get_agent(request).await.unwrap().into_inner().agent.unwrap()
    }
}
