//! What anybody may do with a few conversations, the same each time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use tandem_access::Role;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::{AssignRequest, HandOffRequest, ReleaseRequest};
use tandem_proto::conversation::v1::ingest_item::Event as Ingested;
use tandem_proto::conversation::v1::{
    ChannelPolicy, CloseConversationRequest, IngestMessage, ReopenConversationRequest, ReopenPolicy,
    SendMessageRequest,
};
use tandem_proto::r#type::v1::HandOffReason;
use tandem_tests::{Parts, Suite, agent_text, item_at, stored, text, whatsapp};
use uuid::Uuid;

const CUSTOMERS: usize = 4;

/// A small generator: the same play each time.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % below
    }
}

pub struct Play {
    pub suite: Suite,
    /// The second one begins a new conversation whenever a closed one goes on.
    pub channels: [Uuid; 2],
    pub agents: Vec<Uuid>,
    pub team: Uuid,
    random: Random,
    /// The newest conversation of each customer on each channel.
    current: BTreeMap<(usize, usize), String>,
    pub all: BTreeSet<String>,
    written: usize,
}

impl Play {
    pub async fn start() -> Self {
        let suite = Suite::start(Parts::WITH_ASSIGNMENT).await;
        let (agents, team) = suite.agents(3).await;
        let policy = |reopen: ReopenPolicy| ChannelPolicy {
            ai_enabled: true,
            reopen: reopen.into(),
            default_team_id: team.to_string(),
            ..ChannelPolicy::default()
        };
        let channels = [
            suite.create_channel_with(policy(ReopenPolicy::Always)).await,
            suite.create_channel_with(policy(ReopenPolicy::Never)).await,
        ];
        let (current, all) = (BTreeMap::new(), BTreeSet::new());
        Self { suite, channels, agents, team, random: Random(7), current, all, written: 0 }
    }

    /// Something that anybody may do next. What is refused is refused.
    pub async fn step(&mut self) {
        let most = [5, 60, 600, 1_800][self.random.below(4)];
        let seconds = i64::try_from(self.random.below(most) + 1).unwrap();
        self.suite.ambient.clock().advance(TimeDelta::milliseconds(seconds * 1_000 + 7));
        let (customer, channel) = (self.random.below(CUSTOMERS), self.random.below(2));
        let what = self.random.below(16);
        let Some(id) = self.current.get(&(customer, channel)).cloned().filter(|_| what > 3) else {
            return self.ingest(customer, channel, false).await;
        };
        if what == 4 {
            return self.ingest(customer, channel, true).await;
        }
        self.act(what, id).await;
    }

    /// The customer writes, or the business from its own phone.
    async fn ingest(&mut self, customer: usize, channel: usize, echo: bool) {
        self.written += 1;
        let name = format!("m{}", self.written);
        let who = vec![whatsapp(&format!("US.{customer}"))];
        let mut item = item_at(&name, who, &name, self.suite.ambient.now());
        if echo {
            let content = Some(text(&name));
            item.event = Some(Ingested::Echo(IngestMessage { content, ..IngestMessage::default() }));
        }
        let results = self.suite.ingest(self.written, self.channels[channel], vec![item]).await.results;
        let id = stored(results.into_iter().next().unwrap()).conversation_id;
        self.all.insert(id.clone());
        self.current.insert((customer, channel), id);
    }

    async fn act(&mut self, what: usize, id: String) {
        let suite = &self.suite;
        let (number, now) = (self.random.below(3), suite.get(&id).await);
        let request_id = suite.request_id();
        let done = match what {
            5..=7 => {
                let request = suite.answer(&id, now.epoch, now.last_customer_position, &["well", "yes"]);
                suite.as_ai(0).send_message(request).await.map(drop)
            }
            8 => suite.as_ai(1).send_message(suite.answer(&id, now.epoch, 0, &["a moment"])).await.map(drop),
            9 | 10 => {
                let answer = suite.answer(&id, 0, 0, &["I am here"]);
                let request = SendMessageRequest { take_over: true, ..answer };
                suite.as_agent(1, number).send_message(request).await.map(drop)
            }
            11 => {
                use HandOffReason::{Complex, CustomerAsked, Sensitive};
                let request = HandOffRequest {
                    request_id,
                    conversation_id: id,
                    expected_epoch: now.epoch,
                    reason: [Complex, CustomerAsked, Sensitive][number].into(),
                    ..HandOffRequest::default()
                };
                suite.assignments("ai", Role::Ai).hand_off(request).await.map(drop)
            }
            12 => {
                let words = if number == 0 { agent_text("bye") } else { Vec::new() };
                let request = CloseConversationRequest {
                    request_id,
                    conversation_id: id,
                    last_contents: words,
                    expected_epoch: now.epoch,
                    ..CloseConversationRequest::default()
                };
                match number {
                    0 => suite.as_agent(0, 0).close_conversation(request).await.map(drop),
                    1 => suite.as_admin().close_conversation(request).await.map(drop),
                    _ => suite.as_ai(0).close_conversation(request).await.map(drop),
                }
            }
            13 => {
                let request = ReopenConversationRequest { request_id, conversation_id: id };
                suite.as_agent(0, number).reopen_conversation(request).await.map(drop)
            }
            14 => {
                let request =
                    ReleaseRequest { request_id, conversation_id: id, force: true, ..Default::default() };
                suite.assignments("lead", Role::Supervisor).release(request).await.map(drop)
            }
            _ => {
                let assignee = match number {
                    0 => Assignee::TeamId(self.team.to_string()),
                    number => Assignee::AgentId(self.agents[number].to_string()),
                };
                let request = AssignRequest {
                    request_id,
                    conversation_id: id,
                    assignee: Some(assignee),
                    force: true,
                    ..AssignRequest::default()
                };
                suite.assignments("lead", Role::Supervisor).assign(request).await.map(drop)
            }
        };
        drop(done);
    }

    /// A change token after everything that was done.
    pub async fn token(&mut self) -> String {
        let id = self.all.first().unwrap().clone();
        self.suite.label(0, &id, &[&format!("label {}", self.written)], &[]).await.unwrap().change_token
    }
}
