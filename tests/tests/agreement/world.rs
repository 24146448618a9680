//! Conversations that things happen to.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use futures::future::join_all;
use tandem_access::Role;
use tandem_proto::assignment::v1::{AssignRequest, HandOffRequest, ReleaseRequest, assign_request::Assignee};
use tandem_proto::conversation::v1::{
    Channel, ChannelPolicy, CloseConversationRequest, ListLabelsRequest, MarkReadRequest, MarkUnreadRequest,
    RaiseAttentionRequest, SendMessageRequest, SetPriorityRequest, SnoozeConversationRequest,
    UpdateLabelsRequest, WakeConversationRequest,
};
use tandem_proto::r#type::v1::ChannelKind;
use tandem_tests::{RandomFilters, Suite, item_at, stored, time, whatsapp};
use tonic::{Code, Status};
use uuid::Uuid;

const LABELS: [&str; 3] = ["refund", "delivery", "vip"];
/// What they write, a word a message.
pub const WORDS: [&str; 7] = ["hello", "umbrella", "parcel", "kitchen", "bicycle", "mountain", "garden"];
/// How many customers write on one channel.
const CUSTOMERS: usize = 40;

pub struct World<'a> {
    suite: &'a Suite,
    pub channels: [Uuid; 2],
    pub agents: Vec<String>,
    pub team: String,
    written: usize,
    resting: bool,
    /// Conversations and whose they are.
    ids: BTreeMap<String, usize>,
}

impl<'a> World<'a> {
    /// Two agents in a team, two channels of different kinds, and customers who wrote on both.
    pub async fn found(suite: &'a Suite) -> Self {
        let (agents, team) = suite.agents(2).await;
        let mut channels = [Uuid::nil(); 2];
        for (channel, kind) in channels.iter_mut().zip([ChannelKind::Whatsapp, ChannelKind::WebChat]) {
            let policy = ChannelPolicy { ai_enabled: true, ..ChannelPolicy::default() };
            let line = Channel {
                kind: kind.into(),
                display_name: format!("{kind:?}"),
                policy: Some(policy),
                ..Channel::default()
            };
            *channel = suite.create_line(line).await;
        }
        let agents = agents.iter().map(Uuid::to_string).collect();
        let mut world = Self {
            suite,
            channels,
            agents,
            team: team.to_string(),
            written: 0,
            resting: false,
            ids: BTreeMap::new(),
        };
        for customer in 0..CUSTOMERS {
            for channel in channels {
                world.customer_writes(channel, customer).await;
            }
        }
        for (id, label) in world.ids.keys().zip(LABELS) {
            let request = UpdateLabelsRequest {
                request_id: suite.request_id(),
                conversation_id: id.clone(),
                add: vec![label.to_owned()],
                ..UpdateLabelsRequest::default()
            };
            suite.as_admin().update_labels(request).await.unwrap();
        }
        world
    }

    /// What filters are made of here.
    pub async fn filters(&self) -> RandomFilters<'a> {
        let labels =
            self.suite.as_admin().list_labels(ListLabelsRequest {}).await.unwrap().into_inner().labels;
        let (mut contacts, mut customers) = (Vec::new(), Vec::new());
        for id in self.ids.keys().step_by(5) {
            let conversation = self.suite.get(id).await;
            contacts.push(conversation.contact_id);
            customers.push(conversation.customer_id);
        }
        RandomFilters {
            suite: self.suite,
            channels: self.channels.iter().map(Uuid::to_string).collect(),
            agents: self.agents.clone(),
            teams: vec![self.team.clone()],
            labels: labels.into_iter().map(|label| label.id).collect(),
            contacts,
            customers,
        }
    }

    async fn customer_writes(&mut self, channel: Uuid, customer: usize) {
        self.written += 1;
        let who = vec![whatsapp(&format!("US.{customer}"))];
        let words = WORDS[self.written % WORDS.len()];
        let item = item_at(format!("m{}", self.written), who, words, self.suite.ambient.now());
        let answer = self.suite.ingest(self.written % 2, channel, vec![item]).await;
        self.ids.extend(answer.results.into_iter().map(|result| (stored(result).conversation_id, customer)));
    }

    fn below(&self, most: usize) -> usize {
        usize::try_from(u64::from_le_bytes(self.suite.ambient.bytes())).unwrap() % most
    }

    /// Leaves every third customer alone from now on, and names their conversations.
    pub fn rest(&mut self) -> Vec<String> {
        self.resting = true;
        self.ids.iter().filter(|(_, customer)| self.rests(**customer)).map(|(id, _)| id.clone()).collect()
    }

    fn rests(&self, customer: usize) -> bool {
        self.resting && customer.is_multiple_of(3)
    }

    /// Some time passes, and things happen at once, through both processes. What no longer fits is refused, and nothing else.
    pub async fn goes_on(&mut self) {
        let hours = if self.below(4) == 0 { 20 } else { 1 };
        self.suite
            .ambient
            .clock()
            .advance(TimeDelta::minutes(i64::try_from(self.below(60 * hours)).unwrap()));
        self.things_happen().await;
    }

    /// Things happen, and no time passes.
    pub async fn things_happen(&mut self) {
        for _ in 0..8 {
            let (channel, customer) = (self.channels[self.below(2)], self.below(CUSTOMERS));
            if !self.rests(customer) {
                self.customer_writes(channel, customer).await;
            }
        }
        let moving = self.ids.iter().filter(|(_, customer)| !self.rests(**customer));
        let ids: Vec<&String> = moving.map(|(id, _)| id).collect();
        let happenings = (0..40).map(|_| {
            let id = ids[self.below(ids.len())];
            self.happens(id, self.below(13))
        });
        for refused in join_all(happenings).await.into_iter().filter_map(Result::err) {
            assert!(matches!(refused.code(), Code::FailedPrecondition | Code::Aborted), "{refused:?}");
        }
    }

    async fn happens(&self, id: &str, what: usize) -> Result<(), Status> {
        let (suite, replica, number) = (self.suite, self.below(2), self.below(2));
        let (request_id, conversation_id) = (suite.request_id(), id.to_owned());
        let mut agent = suite.as_agent(replica, number);
        let mut admin = suite.conversations(replica, "admin", Role::Admin);
        let label = vec![LABELS[self.below(3)].to_owned()];
        match what {
            0 | 1 => {
                let now = suite.get(id).await;
                let answer = suite.answer(id, now.epoch, now.last_customer_position, &["hi"]);
                suite.as_ai(replica).send_message(answer).await.map(drop)
            }
            2 | 3 => {
                let reply = SendMessageRequest { take_over: true, ..suite.answer(id, 0, 0, &["hello"]) };
                agent.send_message(reply).await.map(drop)
            }
            4 => agent.mark_read(MarkReadRequest { conversation_id, up_to_position: 0 }).await.map(drop),
            5 => agent.mark_unread(MarkUnreadRequest { conversation_id }).await.map(drop),
            6 => {
                let (mut add, mut remove) = (label, Vec::new());
                if number == 0 {
                    std::mem::swap(&mut add, &mut remove);
                }
                let request = UpdateLabelsRequest { request_id, conversation_id, add, remove };
                admin.update_labels(request).await.map(drop)
            }
            7 => {
                let priority = i32::try_from(1 + self.below(4)).unwrap();
                admin
                    .set_priority(SetPriorityRequest { request_id, conversation_id, priority })
                    .await
                    .map(drop)
            }
            8 => {
                let hours = i64::try_from(1 + self.below(50)).unwrap();
                let until = Some(time(suite.ambient.now() + TimeDelta::hours(hours)));
                let request =
                    SnoozeConversationRequest { request_id, conversation_id, until, note: String::new() };
                agent.snooze_conversation(request).await.map(drop)
            }
            9 => agent
                .wake_conversation(WakeConversationRequest { request_id, conversation_id })
                .await
                .map(drop),
            10 => {
                let request = CloseConversationRequest {
                    request_id,
                    conversation_id,
                    ..CloseConversationRequest::default()
                };
                admin.close_conversation(request).await.map(drop)
            }
            11 => {
                let reason = i32::try_from(1 + self.below(4)).unwrap();
                let request = RaiseAttentionRequest { request_id, conversation_id, reason };
                suite.as_ai(replica).raise_attention(request).await.map(drop)
            }
            _ => self.changes_hands(request_id, conversation_id).await,
        }
    }

    async fn changes_hands(&self, request_id: String, conversation_id: String) -> Result<(), Status> {
        let expected_epoch = self.suite.get(&conversation_id).await.epoch;
        let mut supervisor = self.suite.assignments("lead", Role::Supervisor);
        match self.below(4) {
            0 => {
                let request = ReleaseRequest { request_id, conversation_id, ..ReleaseRequest::default() };
                supervisor.release(request).await.map(drop)
            }
            1 => {
                let request = HandOffRequest {
                    request_id,
                    conversation_id,
                    expected_epoch,
                    reason: i32::try_from(1 + self.below(3)).unwrap(),
                    ..HandOffRequest::default()
                };
                self.suite.assignments("ai", Role::Ai).hand_off(request).await.map(drop)
            }
            to => {
                let assignee = match to {
                    2 => Assignee::TeamId(self.team.clone()),
                    _ => Assignee::AgentId(self.agents[self.below(2)].clone()),
                };
                let assignee = Some(assignee);
                let request = AssignRequest {
                    request_id,
                    conversation_id,
                    assignee,
                    force: true,
                    ..AssignRequest::default()
                };
                supervisor.assign(request).await.map(drop)
            }
        }
    }
}
