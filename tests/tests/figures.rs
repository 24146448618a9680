//! How the work goes: figures by day, channel, team and agent equal a recount of messages and timelines, also after the feed was
//! replayed and what assignment knows was rebuilt.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::Row;
use tandem_access::Role;
use tandem_bootstrap::InternalChannel;
use tandem_proto::assignment::v1::assign_request::Assignee;
use tandem_proto::assignment::v1::overview_service_client::OverviewServiceClient;
use tandem_proto::assignment::v1::{
    AssignRequest, FigureGroup, Figures, GetFiguresRequest, HandOffRequest, HandOffs, ReleaseRequest,
    ResponseTimes,
};
use tandem_proto::conversation::v1::ingest_item::Event as Ingested;
use tandem_proto::conversation::v1::timeline_entry::Event;
use tandem_proto::conversation::v1::{
    ChannelPolicy, CloseConversationRequest, HolderChanged, IngestMessage, ReopenConversationRequest,
    ReopenPolicy, SendMessageRequest,
};
use tandem_proto::r#type::v1::{
    Actor, ActorKind, ConversationStatus, HandOffReason, HolderChangeCause, HolderKind,
};
use tandem_tests::{Databases, Kind, Parts, Suite, agent_text, eventually, item_at, stored, text, whatsapp};
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

struct Play {
    suite: Suite,
    /// The second one begins a new conversation whenever a closed one goes on.
    channels: [Uuid; 2],
    agents: Vec<Uuid>,
    team: Uuid,
    random: Random,
    /// The newest conversation of each customer on each channel.
    current: BTreeMap<(usize, usize), String>,
    all: BTreeSet<String>,
    written: usize,
}

impl Play {
    async fn start() -> Self {
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
    async fn step(&mut self) {
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
    async fn token(&mut self) -> String {
        let id = self.all.first().unwrap().clone();
        self.suite.label(0, &id, &[&format!("label {}", self.written)], &[]).await.unwrap().change_token
    }
}

/// Something to count.
#[derive(Debug, Clone)]
struct Fact {
    day: NaiveDate,
    channel: String,
    team: String,
    agent: String,
    ai: bool,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Started,
    Response { millis: i64, first: bool },
    Closed { ai_alone: bool },
    Reopened,
    HandedOff(HandOffReason),
}

fn at(time: Option<prost_types::Timestamp>) -> DateTime<Utc> {
    let time = time.unwrap();
    DateTime::from_timestamp(time.seconds, time.nanos.cast_unsigned()).unwrap()
}

/// The changes of holder since a conversation started or was last reopened, up to an epoch.
fn span(changes: &[HolderChanged], epoch: i64) -> Vec<&HolderChanged> {
    let mut span = Vec::new();
    for change in changes.iter().filter(|change| change.epoch <= epoch) {
        if matches!(change.cause(), HolderChangeCause::Started | HolderChangeCause::Reopen) {
            span.clear();
        }
        span.push(change);
    }
    span
}

fn team_of(span: &[&HolderChanged]) -> String {
    let holders = span.iter().filter_map(|change| change.to.as_ref());
    holders.rev().find(|to| to.kind() == HolderKind::Team).map(|to| to.id.clone()).unwrap_or_default()
}

fn by_ai_alone(span: &[&HolderChanged]) -> bool {
    let kinds: BTreeSet<HolderKind> = span.iter().map(|change| change.to.as_ref().unwrap().kind()).collect();
    kinds.contains(&HolderKind::Ai)
        && kinds.is_disjoint(&BTreeSet::from([HolderKind::Agent, HolderKind::Team]))
}

/// The agent who did something, and whether the AI did.
fn doer(actor: Option<&Actor>) -> (String, bool) {
    let actor = actor.unwrap();
    let agent = if actor.kind() == ActorKind::Agent { actor.id.clone() } else { String::new() };
    (agent, actor.kind() == ActorKind::Ai)
}

/// What messages and timelines say.
async fn recount(suite: &Suite, ids: &BTreeSet<String>) -> Vec<Fact> {
    let mut facts = Vec::new();
    for id in ids {
        let timeline = suite.timeline(id).await;
        let changes = timeline.iter().filter_map(|entry| match &entry.event {
            Some(Event::HolderChanged(change)) => Some(change.clone()),
            _ => None,
        });
        let changes: Vec<HolderChanged> = changes.collect();
        for entry in timeline {
            let (agent, ai) = doer(entry.actor.as_ref());
            let fact = |what, team: String| Fact {
                day: at(entry.time).date_naive(),
                channel: entry.channel_id.clone(),
                team,
                agent: agent.clone(),
                ai,
                what,
            };
            match entry.event.as_ref().unwrap() {
                Event::HolderChanged(change) => {
                    let to = change.to.as_ref().unwrap();
                    let of = |kind| if to.kind() == kind { to.id.clone() } else { String::new() };
                    let what = match change.cause() {
                        HolderChangeCause::Started => What::Started,
                        HolderChangeCause::HandOff => What::HandedOff(change.hand_off_reason()),
                        _ => continue,
                    };
                    let (agent, ai) = (of(HolderKind::Agent), false);
                    facts.push(Fact { agent, ai, ..fact(what, of(HolderKind::Team)) });
                }
                Event::StatusChanged(change) => {
                    let span = span(&changes, change.epoch);
                    if change.to() == ConversationStatus::Closed {
                        facts.push(fact(What::Closed { ai_alone: by_ai_alone(&span) }, team_of(&span)));
                    } else if change.from() == ConversationStatus::Closed {
                        facts.push(fact(What::Reopened, String::new()));
                    }
                }
                _ => {}
            }
        }
        for message in suite.messages(id).await {
            let Some(since) = message.waited_since else { continue };
            let stored = at(message.store_time);
            let (agent, ai) = doer(message.author.as_ref());
            let millis = (stored - at(Some(since))).num_milliseconds();
            facts.push(Fact {
                day: stored.date_naive(),
                channel: message.channel_id.clone(),
                team: team_of(&span(&changes, message.epoch)),
                agent,
                ai,
                what: What::Response { millis, first: message.first_response },
            });
        }
    }
    facts
}

/// The end of the class of a time: the first ends at a second, each 5 % later than the one before.
fn class_end(millis: i64) -> prost_types::Duration {
    let mut end = 1_000;
    while end < millis {
        end += end / 20;
    }
    prost_types::Duration { seconds: end / 1_000, nanos: i32::try_from(end % 1_000 * 1_000_000).unwrap() }
}

fn times(mut millis: Vec<i64>) -> ResponseTimes {
    millis.sort_unstable();
    let quantile = |hundredths: usize| {
        let rank = (millis.len() * hundredths).div_ceil(100);
        rank.checked_sub(1).map(|at| class_end(millis[at]))
    };
    let count = i64::try_from(millis.len()).unwrap();
    ResponseTimes { count, median: quantile(50), ninetieth: quantile(90) }
}

fn count(facts: &[Fact], is: impl Fn(What) -> bool) -> i64 {
    i64::try_from(facts.iter().filter(|fact| is(fact.what)).count()).unwrap()
}

/// What an answer's row must be.
fn row((key, ai): (String, bool), facts: &[Fact]) -> Figures {
    let responses = |firsts: bool| {
        let millis = facts.iter().filter_map(move |fact| match fact.what {
            What::Response { millis, first } if first || !firsts => Some(millis),
            _ => None,
        });
        Some(times(millis.collect()))
    };
    let (closed, alone) = (
        count(facts, |what| matches!(what, What::Closed { .. })),
        count(facts, |what| what == What::Closed { ai_alone: true }),
    );
    let mut reasons: BTreeMap<i32, i64> = BTreeMap::new();
    for fact in facts {
        if let What::HandedOff(reason) = fact.what {
            *reasons.entry(reason.into()).or_default() += 1;
        }
    }
    Figures {
        key,
        ai,
        started: count(facts, |what| what == What::Started),
        first_responses: responses(true),
        responses: responses(false),
        closed,
        closed_by_ai_alone: alone,
        ai_alone_share: if closed == 0 { 0.0 } else { alone as f64 / closed as f64 },
        reopened: count(facts, |what| what == What::Reopened),
        handed_off: reasons.into_iter().map(|(reason, count)| HandOffs { reason, count }).collect(),
    }
}

/// What an answer must be; groups without a name come first, the AI's last.
fn expected<'a>(facts: impl Iterator<Item = &'a Fact>, group: FigureGroup) -> Vec<Figures> {
    let mut groups: BTreeMap<(bool, String), Vec<Fact>> = BTreeMap::new();
    for fact in facts {
        let key = match group {
            FigureGroup::Unspecified => (false, String::new()),
            FigureGroup::Day => (false, fact.day.to_string()),
            FigureGroup::Channel => (false, fact.channel.clone()),
            FigureGroup::Team => (false, fact.team.clone()),
            FigureGroup::Agent => (fact.ai, if fact.ai { String::new() } else { fact.agent.clone() }),
        };
        groups.entry(key).or_default().push(fact.clone());
    }
    groups.into_iter().map(|((ai, key), facts)| row((key, ai), &facts)).collect()
}

/// All pages of figures.
async fn figures(
    overview: &mut OverviewServiceClient<InternalChannel>,
    mut request: GetFiguresRequest,
) -> Vec<Figures> {
    let mut all = Vec::new();
    loop {
        let page = overview.get_figures(request.clone()).await.unwrap().into_inner();
        all.extend(page.rows);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

/// Every answer equals what messages and timelines say.
async fn compare(play: &mut Play, facts: &[Fact], days: &[NaiveDate]) {
    let token = play.token().await;
    let lead = play.suite.spec("lead", Role::Supervisor);
    let mut overview = OverviewServiceClient::new(play.suite.channel(Kind::Assignment, 0, &lead));
    use FigureGroup::{Agent, Channel, Day, Team, Unspecified};
    for (from, until) in [(days[0], days[days.len() - 1]), (days[0], days[0])] {
        let within: Vec<&Fact> = facts.iter().filter(|fact| (from..=until).contains(&fact.day)).collect();
        for group in [Unspecified, Day, Channel, Team, Agent] {
            let request = GetFiguresRequest {
                from_date: from.to_string(),
                until_date: until.to_string(),
                group_by: group.into(),
                at_least_as_fresh: vec![token.clone()],
                page_size: 2,
                ..GetFiguresRequest::default()
            };
            let all = expected(within.iter().copied(), group);
            assert_eq!(figures(&mut overview, request.clone()).await, all, "{from} to {until} {group:?}");
            let (channel, team) = (play.channels[0].to_string(), play.team.to_string());
            let agent = play.agents[0].to_string();
            let of_channel = GetFiguresRequest { channel_ids: vec![channel.clone()], ..request.clone() };
            let in_channel = within.iter().copied().filter(|fact| fact.channel == channel);
            assert_eq!(figures(&mut overview, of_channel).await, expected(in_channel, group));
            let of_team = GetFiguresRequest { team_ids: vec![team.clone()], ..request.clone() };
            let in_team = within.iter().copied().filter(|fact| fact.team == team);
            assert_eq!(figures(&mut overview, of_team).await, expected(in_team, group));
            let of_agent = GetFiguresRequest { agent_ids: vec![agent.clone()], ..request };
            let by_agent = within.iter().copied().filter(|fact| fact.agent == agent);
            assert_eq!(figures(&mut overview, of_agent).await, expected(by_agent, group));
        }
    }
    // The play had something of everything.
    for what in [
        |what: What| what == What::Started,
        |what: What| matches!(what, What::Response { first: true, .. }),
        |what: What| matches!(what, What::Response { first: false, .. }),
        |what: What| what == What::Closed { ai_alone: true },
        |what: What| what == What::Closed { ai_alone: false },
        |what: What| what == What::Reopened,
        |what: What| matches!(what, What::HandedOff(_)),
    ] {
        assert!(count(facts, what) > 0, "{facts:?}");
    }
}

/// Moves assignment's place on conversation's feed, and waits until it has come to the end again.
async fn move_place(suite: &Suite, set: &str) {
    let url = suite.databases.urls()[1].clone();
    let place = async || {
        let select = "SELECT seq, generation, rebuild_page IS NULL AS done FROM feed_cursor WHERE feed = 'conversation'";
        let row = Databases::rows_of(&url, select).await.remove(0);
        (row.get::<i64, _>("seq"), row.get::<i64, _>("generation"), row.get::<bool, _>("done"))
    };
    let (seq, generation, _) = place().await;
    let rebuilt = i64::from(set.contains("mark = mark"));
    Databases::execute_on(&url, &format!("UPDATE feed_cursor SET {set} WHERE feed = 'conversation'")).await;
    eventually("assignment goes on from there", async || {
        let (now, of, done) = place().await;
        (now >= seq && of == generation + rebuilt && done).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_equal_a_recount() {
    let mut play = Play::start().await;
    let mut days = vec![play.suite.ambient.now().date_naive()];
    for _ in 0..400 {
        play.step().await;
        let today = play.suite.ambient.now().date_naive();
        if days.last() != Some(&today) {
            days.push(today);
        }
    }
    let facts = recount(&play.suite, &play.all).await;
    compare(&mut play, &facts, &days).await;
    // The feed from its beginning: nothing counts twice.
    move_place(&play.suite, "seq = 0, mark = 0").await;
    compare(&mut play, &facts, &days).await;
    // A place that the feed does not know: everything is rebuilt, and counted anew.
    move_place(&play.suite, "mark = mark # 1").await;
    compare(&mut play, &facts, &days).await;
    for _ in 0..40 {
        play.step().await;
    }
    days.push(play.suite.ambient.now().date_naive());
    let facts = recount(&play.suite, &play.all).await;
    compare(&mut play, &facts, &days).await;
}
